#include "series/wire_hist.h"

/* Field numbers, the same in 1.0 and 2.0. */
enum {
	COUNT_INT = 1,
	COUNT_FLOAT = 2,
	SUM = 3,
	SCHEMA = 4,
	ZERO_THRESHOLD = 5,
	ZERO_COUNT_INT = 6,
	ZERO_COUNT_FLOAT = 7,
	NEG_SPANS = 8,
	NEG_DELTAS = 9,
	NEG_COUNTS = 10,
	POS_SPANS = 11,
	POS_DELTAS = 12,
	POS_COUNTS = 13,
	RESET_HINT = 14,
	TIMESTAMP = 15,
	CUSTOM_VALUES = 16,
	START_TIMESTAMP = 17,
};

/* A list that grows in the arena. */
struct list_of {
	void *p;
	uint32_t n, cap;
};

/* Everything that a message may carry; which lists count is known at its end. */
struct hist_reader {
	struct arena *a;
	struct err *err;
	struct wire w;
	struct write_histogram *out;
	bool zero_is_float;
	uint64_t count_int, zero_int;
	double count_float, zero_float;
	struct list_of spans[2], deltas[2], counts[2]; /* positive, negative */
	struct list_of bounds;
};

/* Room for `more` elements of `size` bytes; returns where the first goes, NULL with the error set. */
static void *list_room(struct hist_reader *h, struct list_of *l, size_t more, size_t size)
{
	if (more > HIST_BUCKETS_MAX || l->n + more > HIST_BUCKETS_MAX) {
		err_set(h->err, ERR_INVALID_ARGUMENT, "proto: Histogram: more than %d buckets", HIST_BUCKETS_MAX);
		return NULL;
	}
	if (l->n + more > l->cap || !l->p) {
		size_t cap = MAX(MAX(l->n + more, (size_t)l->cap * 2), 8);
		void *p = arena_alloc(h->a, cap * size);
		if (!p) {
			arena_err(h->a, h->err);
			return NULL;
		}
		if (l->n)
			memcpy(p, l->p, l->n * size);
		l->p = p;
		l->cap = (uint32_t)cap;
	}
	return (char *)l->p + l->n * size;
}

static int malformed(struct hist_reader *h, const char *fault)
{
	wire_fail(&h->w, fault);
	return wire_err(&h->w, "Histogram", h->err);
}

/* A repeated double, packed or not. */
static int add_doubles(struct hist_reader *h, const struct wire_field *f, struct list_of *l)
{
	size_t n = f->type == WIRE_LEN ? f->s.n / 8 : 1;
	if (f->type != WIRE_I64 && (f->type != WIRE_LEN || f->s.n % 8))
		return malformed(h, f->type == WIRE_LEN ? "unexpected EOF" : "wrong wireType");
	double *d = list_room(h, l, n, sizeof(*d));
	if (!d)
		return -h->err->code;
	if (f->type == WIRE_I64)
		*d = wire_double(f->u);
	for (size_t i = 0; f->type == WIRE_LEN && i < n; i++)
		d[i] = wire_double(le64_get(f->s.p + 8 * i));
	l->n += (uint32_t)n;
	return 0;
}

/* Varints of a packed field: as many as there are bytes without a continuation bit. */
static size_t count_varints(struct str s)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		n += !((unsigned char)s.p[i] & 0x80);
	return n;
}

/* A repeated sint64, packed or not. */
static int add_deltas(struct hist_reader *h, const struct wire_field *f, struct list_of *l)
{
	if (f->type != WIRE_VARINT && f->type != WIRE_LEN)
		return malformed(h, "wrong wireType");
	size_t n = f->type == WIRE_LEN ? count_varints(f->s) : 1;
	int64_t *d = list_room(h, l, n, sizeof(*d));
	if (!d)
		return -h->err->code;
	if (f->type == WIRE_VARINT)
		*d = zigzag_dec(f->u);
	struct wire in = wire_begin(f->type == WIRE_LEN ? f->s : (struct str){ NULL, 0 });
	for (uint64_t u; in.p < in.end && wire_varint(&in, &u);)
		*d++ = zigzag_dec(u);
	if (in.fault)
		return malformed(h, in.fault);
	l->n += (uint32_t)n;
	return 0;
}

static int add_span(struct hist_reader *h, const struct wire_field *f, struct list_of *l)
{
	if (f->type != WIRE_LEN)
		return malformed(h, "wrong wireType");
	struct hist_span *s = list_room(h, l, 1, sizeof(*s));
	if (!s)
		return -h->err->code;
	*s = (struct hist_span){ 0 };
	struct wire in = wire_begin(f->s);
	struct wire_field g;
	while (wire_next(&in, &g)) {
		if (g.num > 2)
			continue;
		if (!wire_is(&in, &g, WIRE_VARINT))
			break;
		if (g.num == 1)
			s->offset = (int32_t)zigzag_dec((uint32_t)g.u);
		else
			s->length = (uint32_t)g.u;
	}
	if (in.fault)
		return malformed(h, in.fault);
	l->n++;
	return 0;
}

/* The lists. */
static int add_to_list(struct hist_reader *h, const struct wire_field *f)
{
	switch (f->num) {
	case POS_SPANS:
	case NEG_SPANS:
		return add_span(h, f, &h->spans[f->num == NEG_SPANS]);
	case POS_DELTAS:
	case NEG_DELTAS:
		return add_deltas(h, f, &h->deltas[f->num == NEG_DELTAS]);
	case POS_COUNTS:
	case NEG_COUNTS:
		return add_doubles(h, f, &h->counts[f->num == NEG_COUNTS]);
	case CUSTOM_VALUES:
		return add_doubles(h, f, &h->bounds);
	default:
		return 0;
	}
}

/* What wire type a scalar has; -1 for lists and unknown fields. */
static int scalar_type(uint32_t num)
{
	static const int8_t types[] = {
		[COUNT_INT] = WIRE_VARINT,
		[COUNT_FLOAT] = WIRE_I64,
		[SUM] = WIRE_I64,
		[SCHEMA] = WIRE_VARINT,
		[ZERO_THRESHOLD] = WIRE_I64,
		[ZERO_COUNT_INT] = WIRE_VARINT,
		[ZERO_COUNT_FLOAT] = WIRE_I64,
		[NEG_SPANS] = -1,
		[NEG_DELTAS] = -1,
		[NEG_COUNTS] = -1,
		[POS_SPANS] = -1,
		[POS_DELTAS] = -1,
		[POS_COUNTS] = -1,
		[RESET_HINT] = WIRE_VARINT,
		[TIMESTAMP] = WIRE_VARINT,
		[CUSTOM_VALUES] = -1,
		[START_TIMESTAMP] = WIRE_VARINT,
	};
	return num < ARRAY_LEN(types) ? types[num] : -1;
}

static void set_scalar(struct hist_reader *h, const struct wire_field *f)
{
	struct histogram *o = &h->out->h;
	switch (f->num) {
	case COUNT_INT:
		h->count_int = f->u;
		o->is_float = false;
		break;
	case COUNT_FLOAT:
		h->count_float = wire_double(f->u);
		o->is_float = true;
		break;
	case SUM:
		o->sum = wire_double(f->u);
		break;
	case SCHEMA:
		o->schema = (int32_t)zigzag_dec((uint32_t)f->u);
		break;
	case ZERO_THRESHOLD:
		o->zero_threshold = wire_double(f->u);
		break;
	case ZERO_COUNT_INT:
		h->zero_int = f->u;
		h->zero_is_float = false;
		break;
	case ZERO_COUNT_FLOAT:
		h->zero_float = wire_double(f->u);
		h->zero_is_float = true;
		break;
	case RESET_HINT:
		/* Unknown hints are as good as none. */
		o->hint = f->u <= HIST_HINT_GAUGE ? (uint8_t)f->u : HIST_HINT_UNKNOWN;
		break;
	case TIMESTAMP:
		h->out->t = (int64_t)f->u;
		break;
	default:
		h->out->st = (int64_t)f->u;
		break;
	}
}

/* Puts the lists and counts that belong to the histogram's form in their places. */
static void finish(struct hist_reader *h)
{
	struct histogram *o = &h->out->h;
	const struct list_of *pos = o->is_float ? &h->counts[0] : &h->deltas[0];
	const struct list_of *neg = o->is_float ? &h->counts[1] : &h->deltas[1];
	if (o->is_float) {
		o->count_f = h->count_float;
		o->zero_count_f = h->zero_is_float ? h->zero_float : 0;
		o->pos_counts = pos->p;
		o->neg_counts = neg->p;
	} else {
		o->count = h->count_int;
		o->zero_count = h->zero_is_float ? 0 : h->zero_int;
		o->pos_deltas = pos->p;
		o->neg_deltas = neg->p;
	}
	o->n_pos = pos->n;
	o->n_neg = neg->n;
	o->pos_spans = h->spans[0].p;
	o->n_pos_spans = h->spans[0].n;
	o->neg_spans = h->spans[1].p;
	o->n_neg_spans = h->spans[1].n;
	o->bounds = h->bounds.p;
	o->n_bounds = h->bounds.n;
}

int wire_hist_read(struct str msg, struct arena *a, struct write_histogram *ret, struct err *err)
{
	struct err local;
	struct hist_reader h = { .a = a, .err = err ? err : &local, .w = wire_begin(msg), .out = ret };
	struct wire_field f;
	*ret = (struct write_histogram){ 0 };
	while (wire_next(&h.w, &f)) {
		int want = scalar_type(f.num);
		if (want < 0) {
			int rc = add_to_list(&h, &f);
			if (rc < 0)
				return rc;
		} else if (wire_is(&h.w, &f, (enum wire_type)want)) {
			set_scalar(&h, &f);
		}
	}
	if (h.w.fault)
		return wire_err(&h.w, "Histogram", err);
	finish(&h);
	return 0;
}

/* --- writing ------------------------------------------------------------------------ */

static void put_spans(struct strbuf *b, uint32_t num, const struct hist_span *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		size_t m = wire_open(b, num);
		if (s[i].offset)
			wire_put_uint(b, 1, (uint32_t)zigzag_enc(s[i].offset));
		wire_put_int_opt(b, 2, s[i].length);
		wire_close(b, m);
	}
}

static void put_deltas(struct strbuf *b, uint32_t num, const int64_t *d, uint32_t n)
{
	if (n == 0)
		return;
	size_t m = wire_open(b, num);
	for (uint32_t i = 0; i < n; i++)
		enc_varint(b, d[i]);
	wire_close(b, m);
}

static void put_doubles(struct strbuf *b, uint32_t num, const double *d, uint32_t n)
{
	if (n == 0)
		return;
	enc_uvarint(b, WIRE_TAG(num, WIRE_LEN));
	enc_uvarint(b, (uint64_t)n * 8);
	for (uint32_t i = 0; i < n; i++) {
		uint8_t le[8];
		le64_put(le, double_bits(d[i]));
		strbuf_add(b, le, sizeof(le));
	}
}

/* A double that belongs to a oneof: written also when it is 0. */
static void put_double(struct strbuf *b, uint32_t num, double d)
{
	uint8_t le[8];
	le64_put(le, double_bits(d));
	enc_uvarint(b, WIRE_TAG(num, WIRE_I64));
	strbuf_add(b, le, sizeof(le));
}

void write_put_histogram(struct strbuf *b, uint32_t num, const struct write_histogram *wh)
{
	const struct histogram *h = &wh->h;
	size_t m = wire_open(b, num);
	if (h->is_float) {
		put_double(b, COUNT_FLOAT, h->count_f);
	} else {
		wire_put_uint(b, COUNT_INT, h->count);
	}
	wire_put_double_opt(b, SUM, h->sum);
	if (h->schema)
		wire_put_uint(b, SCHEMA, (uint32_t)zigzag_enc(h->schema));
	wire_put_double_opt(b, ZERO_THRESHOLD, h->zero_threshold);
	if (h->is_float)
		put_double(b, ZERO_COUNT_FLOAT, h->zero_count_f);
	else
		wire_put_uint(b, ZERO_COUNT_INT, h->zero_count);
	put_spans(b, NEG_SPANS, h->neg_spans, h->n_neg_spans);
	if (h->is_float)
		put_doubles(b, NEG_COUNTS, h->neg_counts, h->n_neg);
	else
		put_deltas(b, NEG_DELTAS, h->neg_deltas, h->n_neg);
	put_spans(b, POS_SPANS, h->pos_spans, h->n_pos_spans);
	if (h->is_float)
		put_doubles(b, POS_COUNTS, h->pos_counts, h->n_pos);
	else
		put_deltas(b, POS_DELTAS, h->pos_deltas, h->n_pos);
	wire_put_int_opt(b, RESET_HINT, h->hint);
	wire_put_int_opt(b, TIMESTAMP, wh->t);
	put_doubles(b, CUSTOM_VALUES, h->bounds, h->n_bounds);
	wire_close(b, m);
}
