/* Frames of a series stream. */
#include "series/wire_series.h"

#include "base/assert.h"
#include "base/short.h"

#include <assert.h>
#include <stdlib.h>

/* Field numbers. */
enum {
	RESP_SERIES = 1,
	RESP_WARNING = 2,
	RESP_HINTS = 3,
	RESP_BATCH = 4,
	BATCH_SERIES = 1,
	SERIES_LABELS = 1,
	SERIES_CHUNKS = 2,
	AGGR_MINT = 1,
	AGGR_MAXT = 2,
	AGGR_RAW = 3, /* the others follow, in the order of enum series_aggr */
	CHUNK_TYPE = 1,
	CHUNK_DATA = 2,
	CHUNK_HASH = 3,
};

/* --- reading ------------------------------------------------------------------------- */

struct frame_reader frame_reader_begin(struct str frame)
{
	return (struct frame_reader){ .top = wire_begin(frame) };
}

static void any_read(struct wire *w, struct str msg, struct wire_any *ret)
{
	struct wire in = wire_begin(msg);
	struct wire_field f;
	*ret = (struct wire_any){ .present = true };
	while (wire_next(&in, &f)) {
		if (f.num <= 2 && wire_is(&in, &f, WIRE_LEN))
			*(f.num == 1 ? &ret->type_url : &ret->value) = f.s;
	}
	if (in.fault)
		wire_fail(w, in.fault);
}

/* One field of the frame; true when it is an item. */
static bool frame_field(struct frame_reader *r, const struct wire_field *f, struct frame_item *ret)
{
	if (f->num > RESP_BATCH || !wire_is(&r->top, f, WIRE_LEN))
		return false;
	ret->body = f->s;
	switch (f->num) {
	case RESP_SERIES:
		ret->kind = FRAME_SERIES;
		return true;
	case RESP_WARNING:
		ret->kind = FRAME_WARNING;
		return true;
	case RESP_HINTS:
		ret->kind = FRAME_HINTS;
		any_read(&r->top, f->s, &ret->hints);
		return !r->top.fault;
	default:
		r->batch = wire_begin(f->s);
		r->in_batch = true;
		return false;
	}
}

/* The next series of a batch. */
static bool batch_next(struct frame_reader *r, struct frame_item *ret)
{
	struct wire_field f;
	while (wire_next(&r->batch, &f)) {
		if (f.num != BATCH_SERIES || !wire_is(&r->batch, &f, WIRE_LEN))
			continue;
		ret->kind = FRAME_SERIES;
		ret->body = f.s;
		return true;
	}
	r->in_batch = false;
	if (r->batch.fault)
		wire_fail(&r->top, r->batch.fault);
	return false;
}

int frame_next(struct frame_reader *r, struct frame_item *ret, struct err *err)
{
	struct wire_field f;
	*ret = (struct frame_item){ 0 };
	for (;;) {
		if (r->in_batch && batch_next(r, ret))
			return 1;
		if (!wire_next(&r->top, &f))
			return r->top.fault ? wire_err(&r->top, "SeriesResponse", err) : 0;
		if (frame_field(r, &f, ret))
			return 1;
	}
}

/* Our encoding byte of the Store API's number; CHUNK_NONE for unknown ones. */
static uint8_t enc_of_type(uint64_t type)
{
	static const uint8_t encs[] = { CHUNK_XOR, CHUNK_HIST, CHUNK_FLOAT_HIST };
	return type < ARRAY_LEN(encs) ? encs[type] : CHUNK_NONE;
}

static const char *part_read(struct str msg, struct series_part *p)
{
	struct wire w = wire_begin(msg);
	struct wire_field f;
	*p = (struct series_part){ .chunk = { .enc = CHUNK_XOR } };
	while (wire_next(&w, &f)) {
		if (f.num == CHUNK_DATA && wire_is(&w, &f, WIRE_LEN))
			p->chunk.data = f.s;
		else if (f.num == CHUNK_HASH && wire_is(&w, &f, WIRE_VARINT))
			p->hash = f.u;
		else if (f.num == CHUNK_TYPE && wire_is(&w, &f, WIRE_VARINT))
			p->chunk.enc = enc_of_type(f.u);
	}
	if (!w.fault && p->chunk.enc == CHUNK_NONE)
		return "unknown chunk encoding";
	return w.fault;
}

static const char *chunk_read(struct str msg, struct series_chunk *c)
{
	struct wire w = wire_begin(msg);
	struct wire_field f;
	*c = (struct series_chunk){ 0 };
	while (wire_next(&w, &f)) {
		if (f.num == AGGR_MINT || f.num == AGGR_MAXT) {
			if (wire_is(&w, &f, WIRE_VARINT))
				*(f.num == AGGR_MINT ? &c->mint : &c->maxt) = (int64_t)f.u;
		} else if (f.num < AGGR_RAW + SERIES_AGGRS && wire_is(&w, &f, WIRE_LEN)) {
			const char *fault = part_read(f.s, &c->part[f.num - AGGR_RAW]);
			if (fault)
				wire_fail(&w, fault);
		}
	}
	return w.fault;
}

static const char *frame_label_read(struct str msg, struct label *l)
{
	struct wire w = wire_begin(msg);
	struct wire_field f;
	*l = (struct label){ 0 };
	while (wire_next(&w, &f)) {
		if (f.num <= 2 && wire_is(&w, &f, WIRE_LEN))
			*(f.num == 1 ? &l->name : &l->value) = f.s;
	}
	return w.fault;
}

/*
 * Reads the labels at the start of a Series as all stores write them: one after the other, name before value, all of it
 * shorter than 128 bytes. Stops at the first that looks otherwise; `*ret_n` is how many were read. Returns where it stopped.
 */
static const char *plain_labels(struct str body, struct label *l, size_t max, size_t *ret_n)
{
	enum { TAG = WIRE_TAG(SERIES_LABELS, WIRE_LEN), NAME = WIRE_TAG(1, WIRE_LEN), VALUE = WIRE_TAG(2, WIRE_LEN) };
	const uint8_t *p = (const uint8_t *)body.p, *end = p + body.n;
	size_t n = 0;
	for (; n < max && end - p >= 6 && p[0] == TAG && p[1] < 128; n++) {
		size_t len = p[1], name = p[3];
		if (len < 4 || len > (size_t)(end - p) - 2 || p[2] != NAME || name > len - 4)
			break;
		const uint8_t *value = p + 4 + name;
		if (value[0] != VALUE || value[1] != len - 4 - name)
			break;
		l[n] = (struct label){ str_mem(p + 4, name), str_mem(value + 2, value[1]) };
		p += 2 + len;
	}
	*ret_n = n;
	return (const char *)p;
}

static int count_fields(struct str body, size_t *labels, size_t *chunks, struct err *err)
{
	struct wire w = wire_begin(body);
	struct wire_field f;
	while (wire_next(&w, &f)) {
		if (f.num <= SERIES_CHUNKS && wire_is(&w, &f, WIRE_LEN))
			++*(f.num == SERIES_LABELS ? labels : chunks);
	}
	return w.fault ? wire_err(&w, "Series", err) : 0;
}

/* Labels that fit on the stack while they are read. */
#define PLAIN_LABELS 32

int frame_series_read(struct str body, struct arena *a, struct series *ret, struct err *err)
{
	struct label plain[PLAIN_LABELS];
	struct wire_field f;
	size_t n_plain = 0, n_labels, n_chunks = 0;
	const char *rest = body.n ? plain_labels(body, plain, PLAIN_LABELS, &n_plain) : body.p;
	body = str_mem(rest, body.n ? body.n - (size_t)(rest - body.p) : 0);
	n_labels = n_plain;
	int rc = count_fields(body, &n_labels, &n_chunks, err);
	if (rc != 0)
		return rc;
	struct label *l = arena_alloc(a, n_labels * sizeof(*l));
	struct series_chunk *c = arena_alloc(a, n_chunks * sizeof(*c));
	if (!l || !c)
		return arena_err(a, err);
	*ret = (struct series){ .labels = { l, n_labels }, .chunks = c, .n_chunks = n_chunks };
	memcpy(l, plain, n_plain * sizeof(*l));
	l += n_plain;
	struct wire w = wire_begin(body);
	while (wire_next(&w, &f)) {
		const char *fault = f.num == SERIES_LABELS   ? frame_label_read(f.s, l++)
				    : f.num == SERIES_CHUNKS ? chunk_read(f.s, c++)
							     : NULL;
		if (fault)
			wire_fail(&w, fault);
	}
	return w.fault ? wire_err(&w, "Series", err) : 0;
}

/* --- writing --------------------------------------------------------------------------- */

void frame_writer_fini(struct frame_writer *w)
{
	strbuf_fini(&w->own);
	vec_fini(&w->pieces);
	vec_fini(&w->iov);
	w->bytes = w->n_series = 0;
}

void frame_writer_reset(struct frame_writer *w)
{
	strbuf_reset(&w->own);
	w->pieces.n = w->iov.n = 0;
	w->bytes = w->n_series = 0;
}

/* The Store API's number of an encoding, or -1. */
static int type_of_enc(uint8_t enc)
{
	switch (enc) {
	case CHUNK_XOR:
		return 0;
	case CHUNK_HIST:
		return 1;
	case CHUNK_FLOAT_HIST:
		return 2;
	default:
		return -1;
	}
}

static size_t int_size(uint32_t num, uint64_t v)
{
	return v ? varint_size(WIRE_TAG(num, WIRE_VARINT)) + varint_size(v) : 0;
}

static size_t part_size(const struct series_part *p)
{
	return int_size(CHUNK_TYPE, (uint64_t)type_of_enc(p->chunk.enc)) +
	       (p->chunk.data.n ? wire_len_size(CHUNK_DATA, p->chunk.data.n) : 0) + int_size(CHUNK_HASH, p->hash);
}

static size_t chunk_size(const struct series_chunk *c)
{
	size_t n = int_size(AGGR_MINT, (uint64_t)c->mint) + int_size(AGGR_MAXT, (uint64_t)c->maxt);
	for (uint32_t i = 0; i < SERIES_AGGRS; i++) {
		if (c->part[i].chunk.enc != CHUNK_NONE)
			n += wire_len_size(AGGR_RAW + i, part_size(&c->part[i]));
	}
	return n;
}

static int check_encodings(const struct series_chunk *c, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < SERIES_AGGRS; k++) {
			uint8_t enc = c[i].part[k].chunk.enc;
			if (enc != CHUNK_NONE && type_of_enc(enc) < 0)
				return err_set(err, ERR_UNIMPLEMENTED,
					       "the Store API cannot carry chunks of encoding %s", chunk_enc_name(enc));
		}
	}
	return 0;
}

/* A series being written: the frame's own bytes from `from` on are not yet in a piece. */
struct putter {
	struct frame_writer *w;
	size_t from;
	char *p; /* where the next byte goes: in room that was reserved */
};

static inline void put_byte(struct putter *o, uint8_t v)
{
	*o->p++ = (char)v;
}

static inline void put_uvarint(struct putter *o, uint64_t v)
{
	if (v < 128)
		put_byte(o, (uint8_t)v);
	else
		o->p = (char *)varint_put((uint8_t *)o->p, v);
}

/* Field numbers here are all below 16. */
static inline void put_head(struct putter *o, uint32_t num, size_t n)
{
	put_byte(o, (uint8_t)WIRE_TAG(num, WIRE_LEN));
	put_uvarint(o, n);
}

static inline void put_bytes(struct putter *o, struct str s)
{
	short_copy(o->p, s.p, s.n);
	o->p += s.n;
}

static inline void put_int_opt(struct putter *o, uint32_t num, uint64_t v)
{
	if (!v)
		return;
	put_byte(o, (uint8_t)WIRE_TAG(num, WIRE_VARINT));
	put_uvarint(o, v);
}

/* Counts what was written as the frame's own, and makes that a piece if there is any. */
static void put_piece(struct putter *o)
{
	struct frame_writer *w = o->w;
	w->own.n = (size_t)(o->p - w->own.p);
	if (w->own.n > o->from)
		*vec_push(&w->pieces) = (struct frame_piece){ NULL, o->from, w->own.n - o->from };
	o->from = w->own.n;
}

/* Chunk data: copied, or borrowed as a piece of their own. */
static void put_data(struct putter *o, struct str data)
{
	if (data.n <= FRAME_COPY_MAX) {
		put_bytes(o, data);
		return;
	}
	put_piece(o);
	*vec_push(&o->w->pieces) = (struct frame_piece){ data.p, 0, data.n };
}

static void put_part(struct putter *o, uint32_t num, const struct series_part *p)
{
	put_head(o, num, part_size(p));
	put_int_opt(o, CHUNK_TYPE, (uint64_t)type_of_enc(p->chunk.enc));
	if (p->chunk.data.n) {
		put_head(o, CHUNK_DATA, p->chunk.data.n);
		put_data(o, p->chunk.data);
	}
	put_int_opt(o, CHUNK_HASH, p->hash);
}

static void put_chunk(struct putter *o, const struct series_chunk *c)
{
	put_head(o, SERIES_CHUNKS, chunk_size(c));
	put_int_opt(o, AGGR_MINT, (uint64_t)c->mint);
	put_int_opt(o, AGGR_MAXT, (uint64_t)c->maxt);
	for (uint32_t i = 0; i < SERIES_AGGRS; i++) {
		if (c->part[i].chunk.enc != CHUNK_NONE)
			put_part(o, AGGR_RAW + i, &c->part[i]);
	}
}

static inline size_t label_size(const struct label *l)
{
	return (l->name.n ? wire_len_size(1, l->name.n) : 0) + (l->value.n ? wire_len_size(2, l->value.n) : 0);
}

static void put_label(struct putter *o, const struct label *l)
{
	put_head(o, SERIES_LABELS, label_size(l));
	if (l->name.n) {
		put_head(o, 1, l->name.n);
		put_bytes(o, l->name);
	}
	if (l->value.n) {
		put_head(o, 2, l->value.n);
		put_bytes(o, l->value);
	}
}

/* Adds a series with its labels either encoded or as pairs. */
static int add(struct frame_writer *w, struct str encoded, struct labels labels, const struct series_chunk *chunks,
	       size_t n_chunks, struct err *err)
{
	int rc = check_encodings(chunks, n_chunks, err);
	if (rc < 0)
		return rc;
	size_t n = encoded.n;
	for (size_t i = 0; i < labels.n; i++)
		n += wire_len_size(SERIES_LABELS, label_size(&labels.p[i]));
	for (size_t i = 0; i < n_chunks; i++)
		n += wire_len_size(SERIES_CHUNKS, chunk_size(&chunks[i]));
	struct putter o = { .w = w, .from = w->own.n };
	o.p = strbuf_reserve(&w->own, wire_len_size(BATCH_SERIES, n));
	put_head(&o, BATCH_SERIES, n);
	put_bytes(&o, encoded);
	for (size_t i = 0; i < labels.n; i++)
		put_label(&o, &labels.p[i]);
	for (size_t i = 0; i < n_chunks; i++)
		put_chunk(&o, &chunks[i]);
	put_piece(&o);
	w->bytes += wire_len_size(BATCH_SERIES, n);
	w->n_series++;
	return 0;
}

int frame_add_series(struct frame_writer *w, const struct series *s, struct err *err)
{
	return add(w, STR(""), s->labels, s->chunks, s->n_chunks, err);
}

int frame_add_encoded(struct frame_writer *w, struct str label_fields, const struct series_chunk *chunks,
		      size_t n_chunks, struct err *err)
{
	return add(w, label_fields, (struct labels){ NULL, 0 }, chunks, n_chunks, err);
}

/* The series field of a batch and of a response have the same number, so a lone series needs no head. */
static_assert(RESP_SERIES == BATCH_SERIES, "a series is framed the same way in a batch and alone");

size_t frame_finish(struct frame_writer *w, bool batch, const struct iovec **ret, size_t *ret_n)
{
	size_t head = 0;
	CHECK(batch || w->n_series == 1);
	w->iov.n = 0;
	if (batch) {
		w->head[0] = WIRE_TAG(RESP_BATCH, WIRE_LEN);
		head = (size_t)(varint_put(w->head + 1, w->bytes) - w->head);
		*vec_push(&w->iov) = (struct iovec){ w->head, head };
	}
	for (size_t i = 0; i < w->pieces.n; i++) {
		const struct frame_piece *p = &w->pieces.p[i];
		const char *from = p->p ? p->p : w->own.p + p->at;
		struct iovec *last = w->iov.n ? vec_last(&w->iov) : NULL;
		if (last && (const char *)last->iov_base + last->iov_len == from)
			last->iov_len += p->n;
		else
			*vec_push(&w->iov) = (struct iovec){ (void *)(uintptr_t)from, p->n };
	}
	*ret = w->iov.p;
	*ret_n = w->iov.n;
	return head + w->bytes;
}

void frame_write_warning(struct str text, struct strbuf *b)
{
	wire_put_str(b, RESP_WARNING, text);
}

void frame_write_hints(const struct wire_any *hints, struct strbuf *b)
{
	size_t m = wire_open(b, RESP_HINTS);
	wire_put_str_opt(b, 1, hints->type_url);
	wire_put_str_opt(b, 2, hints->value);
	wire_close(b, m);
}
