/* Answers of remote read. */
#include "series/wire_read.h"

#include "codec/crc32c.h"
#include "series/wire_write.h"

/* Field numbers. */
enum {
	RESPONSE_RESULTS = 1,
	RESULT_SERIES = 1,
	TS_LABELS = 1,
	TS_SAMPLES = 2,
	TS_HISTOGRAMS = 4,
	FRAME_SERIES_FIELD = 1,
	FRAME_QUERY = 2,
	CS_LABELS = 1,
	CS_CHUNKS = 2,
	CHUNK_MINT = 1,
	CHUNK_MAXT = 2,
	CHUNK_TYPE = 3,
	CHUNK_DATA = 4,
};

/* Most bytes of a float's field: head, value, time. */
#define SAMPLE_MAX (2 + 9 + 1 + VARINT_MAX)

static void put_labels(struct strbuf *b, uint32_t num, struct labels l)
{
	for (size_t i = 0; i < l.n; i++)
		write_put_label(b, num, l.p[i].name, l.p[i].value);
}

/* --- samples ------------------------------------------------------------------------------ */

/* Bytes of a Sample message: proto3 leaves zeros out. */
static size_t sample_size(int64_t t, double v)
{
	return (double_bits(v) ? 9 : 0) + (t ? 1 + varint_size((uint64_t)t) : 0);
}

static size_t labels_size(struct labels l)
{
	size_t n = 0;
	for (size_t i = 0; i < l.n; i++) {
		size_t pair = (l.p[i].name.n ? wire_len_size(1, l.p[i].name.n) : 0) +
			      (l.p[i].value.n ? wire_len_size(2, l.p[i].value.n) : 0);
		n += wire_len_size(TS_LABELS, pair);
	}
	return n;
}

static void put_hist(struct strbuf *b, const struct read_series *s, size_t i)
{
	struct write_histogram h = { .t = s->ht[i], .h = s->h[i] };
	write_put_histogram(b, TS_HISTOGRAMS, &h);
}

/* Bytes of the TimeSeries message. */
static uint64_t series_size(struct read_writer *w, const struct read_series *s)
{
	uint64_t n = labels_size(s->labels);
	for (size_t i = 0; i < s->n_floats; i++)
		n += 2 + sample_size(s->t[i], s->v[i]);
	for (size_t i = 0; i < s->n_hists; i++) {
		strbuf_reset(&w->one);
		put_hist(&w->one, s, i);
		n += w->one.n;
	}
	return n;
}

static int hand_on(struct read_writer *w, struct err *err)
{
	int rc = w->buf.n ? w->sink(w->arg, strbuf_str(&w->buf), err) : 0;
	strbuf_reset(&w->buf);
	return rc;
}

/* One Sample field at `p`; returns the byte after it. */
static uint8_t *put_sample(uint8_t *p, int64_t t, double v)
{
	*p++ = WIRE_TAG(TS_SAMPLES, WIRE_LEN);
	*p++ = (uint8_t)sample_size(t, v);
	if (double_bits(v)) {
		*p++ = WIRE_TAG(1, WIRE_I64);
		le64_put(p, double_bits(v));
		p += 8;
	}
	if (t) {
		*p++ = WIRE_TAG(2, WIRE_VARINT);
		p = varint_put(p, (uint64_t)t);
	}
	return p;
}

static int put_floats(struct read_writer *w, const struct read_series *s, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; i < s->n_floats && rc == 0;) {
		size_t n = MIN(s->n_floats - i, READ_PIECE / SAMPLE_MAX);
		uint8_t *begin = (uint8_t *)strbuf_reserve(&w->buf, n * SAMPLE_MAX), *p = begin;
		for (size_t end = i + n; i < end; i++)
			p = put_sample(p, s->t[i], s->v[i]);
		w->buf.n += (size_t)(p - begin);
		if (w->buf.n >= READ_PIECE)
			rc = hand_on(w, err);
	}
	return rc;
}

static int put_hists(struct read_writer *w, const struct read_series *s, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; i < s->n_hists && rc == 0; i++) {
		put_hist(&w->buf, s, i);
		if (w->buf.n >= READ_PIECE)
			rc = hand_on(w, err);
	}
	return rc;
}

int read_writer_add(struct read_writer *w, const struct read_series *s, struct err *err)
{
	uint64_t n = series_size(w, s);
	enc_uvarint(&w->buf, WIRE_TAG(RESULT_SERIES, WIRE_LEN));
	enc_uvarint(&w->buf, n);
	w->bytes += wire_len_size(RESULT_SERIES, n);
	put_labels(&w->buf, TS_LABELS, s->labels);
	int rc = put_floats(w, s, err);
	return rc ? rc : put_hists(w, s, err);
}

int read_writer_end(struct read_writer *w, struct err *err)
{
	return hand_on(w, err);
}

void read_writer_fini(struct read_writer *w)
{
	strbuf_fini(&w->buf);
	strbuf_fini(&w->one);
	w->bytes = 0;
}

size_t read_result_head(uint8_t *out, uint64_t bytes)
{
	out[0] = WIRE_TAG(RESPONSE_RESULTS, WIRE_LEN);
	return (size_t)(varint_put(out + 1, bytes) - out);
}

int read_response_next(struct wire *w, struct str *ret, struct err *err)
{
	struct wire_field f;
	while (wire_next(w, &f))
		if (f.num == RESPONSE_RESULTS && wire_is(w, &f, WIRE_LEN)) {
			*ret = f.s;
			return 1;
		}
	return w->fault ? wire_err(w, "ReadResponse", err) : 0;
}

/* --- frames: writing ------------------------------------------------------------------------ */

void read_frames_series(struct read_frames *f, struct labels l)
{
	strbuf_reset(&f->labels);
	strbuf_reset(&f->chunks);
	put_labels(&f->labels, CS_LABELS, l);
}

bool read_frames_add(struct read_frames *f, struct chunk c, int64_t mint, int64_t maxt)
{
	size_t max = f->max_bytes ? f->max_bytes : READ_FRAME_BYTES;
	size_t mark = wire_open(&f->chunks, CS_CHUNKS);
	wire_put_int_opt(&f->chunks, CHUNK_MINT, mint);
	wire_put_int_opt(&f->chunks, CHUNK_MAXT, maxt);
	wire_put_int_opt(&f->chunks, CHUNK_TYPE, c.enc);
	wire_put_str_opt(&f->chunks, CHUNK_DATA, c.data);
	wire_close(&f->chunks, mark);
	return f->labels.n + f->chunks.n >= max;
}

void read_frames_write(struct read_frames *f, struct strbuf *out)
{
	uint8_t head[1 + VARINT_MAX], tail[1 + VARINT_MAX], size[VARINT_MAX], sum[4];
	if (f->chunks.n == 0)
		return;
	head[0] = WIRE_TAG(FRAME_SERIES_FIELD, WIRE_LEN);
	size_t n_head = (size_t)(varint_put(head + 1, f->labels.n + f->chunks.n) - head), n_tail = 0;
	if (f->query) {
		tail[0] = WIRE_TAG(FRAME_QUERY, WIRE_VARINT);
		n_tail = (size_t)(varint_put(tail + 1, f->query) - tail);
	}
	uint32_t crc = crc32c(0, head, n_head);
	crc = crc32c(crc, f->labels.p ? f->labels.p : "", f->labels.n);
	crc = crc32c(crc, f->chunks.p, f->chunks.n);
	crc = crc32c(crc, tail, n_tail);
	be32_put(sum, crc);
	uint8_t *end = varint_put(size, n_head + f->labels.n + f->chunks.n + n_tail);
	strbuf_add(out, size, (size_t)(end - size));
	strbuf_add(out, sum, sizeof(sum));
	strbuf_add(out, head, n_head);
	strbuf_add_str(out, strbuf_str(&f->labels));
	strbuf_add_str(out, strbuf_str(&f->chunks));
	strbuf_add(out, tail, n_tail);
	strbuf_reset(&f->chunks);
}

void read_frames_fini(struct read_frames *f)
{
	strbuf_fini(&f->labels);
	strbuf_fini(&f->chunks);
}

/* --- frames: reading ------------------------------------------------------------------------ */

int read_frame_take(struct str *in, size_t max, struct str *ret, struct err *err)
{
	const uint8_t *p = (const uint8_t *)in->p, *end = p + in->n;
	uint64_t n;
	const uint8_t *q = in->n ? varint_get(p, end, &n) : NULL;
	if (!q && in->n >= VARINT_MAX)
		return err_set(err, ERR_INVALID_ARGUMENT, "remote read: the length of a frame is malformed");
	if (!q)
		return 0;
	if (n > max)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "remote read: a frame of %llu bytes, %zu at most",
			       (unsigned long long)n, max);
	if ((uint64_t)(end - q) < n + 4)
		return 0;
	if (crc32c(0, q + 4, n) != be32_get(q))
		return err_set(err, ERR_DATA_LOSS, "remote read: the checksum of a frame is wrong");
	*ret = str_mem(q + 4, n);
	*in = str_mem(q + 4 + n, (size_t)(end - q) - 4 - n);
	return 1;
}

static const char *chunk_read(struct str msg, struct series_chunk *c)
{
	struct wire w = wire_begin(msg);
	struct wire_field f;
	*c = (struct series_chunk){ 0 };
	struct chunk *raw = &c->part[SERIES_RAW].chunk;
	while (wire_next(&w, &f)) {
		if (f.num == CHUNK_DATA && wire_is(&w, &f, WIRE_LEN))
			raw->data = f.s;
		else if (f.num == CHUNK_MINT && wire_is(&w, &f, WIRE_VARINT))
			c->mint = (int64_t)f.u;
		else if (f.num == CHUNK_MAXT && wire_is(&w, &f, WIRE_VARINT))
			c->maxt = (int64_t)f.u;
		else if (f.num == CHUNK_TYPE && wire_is(&w, &f, WIRE_VARINT))
			raw->enc = f.u < CHUNK_AGGR ? (uint8_t)f.u : CHUNK_NONE;
	}
	return !w.fault && !chunk_enc_known(raw->enc) ? "unknown chunk encoding" : w.fault;
}

static const char *label_read(struct str msg, struct label *l)
{
	struct wire w = wire_begin(msg);
	struct wire_field f;
	*l = (struct label){ 0 };
	while (wire_next(&w, &f))
		if (f.num <= 2 && wire_is(&w, &f, WIRE_LEN))
			*(f.num == 1 ? &l->name : &l->value) = f.s;
	return w.fault;
}

static int series_read(struct str msg, struct arena *a, struct series *ret, struct err *err)
{
	struct wire w = wire_begin(msg);
	struct wire_field f;
	size_t n_labels = 0, n_chunks = 0;
	while (wire_next(&w, &f))
		if (f.num <= CS_CHUNKS && wire_is(&w, &f, WIRE_LEN))
			++*(f.num == CS_LABELS ? &n_labels : &n_chunks);
	if (w.fault)
		return wire_err(&w, "ChunkedSeries", err);
	struct label *l = arena_array(a, n_labels, sizeof(*l));
	struct series_chunk *c = arena_array(a, n_chunks, sizeof(*c));
	if ((n_labels && !l) || (n_chunks && !c))
		return arena_err(a, err);
	*ret = (struct series){ .labels = { l, n_labels }, .chunks = c, .n_chunks = n_chunks };
	w = wire_begin(msg);
	while (wire_next(&w, &f)) {
		const char *fault = f.num == CS_LABELS   ? label_read(f.s, l++)
				    : f.num == CS_CHUNKS ? chunk_read(f.s, c++)
							 : NULL;
		if (fault)
			wire_fail(&w, fault);
	}
	return w.fault ? wire_err(&w, "ChunkedSeries", err) : 0;
}

int read_frame_next(struct wire *w, struct arena *a, struct read_frame *ret, struct err *err)
{
	struct wire all = *w;
	struct wire_field f;
	while (wire_next(&all, &f))
		if (f.num == FRAME_QUERY && wire_is(&all, &f, WIRE_VARINT))
			ret->query = f.u;
	while (wire_next(w, &f))
		if (f.num == FRAME_SERIES_FIELD && wire_is(w, &f, WIRE_LEN)) {
			int rc = series_read(f.s, a, &ret->series, err);
			return rc ? rc : 1;
		}
	return w->fault ? wire_err(w, "ChunkedReadResponse", err) : 0;
}
