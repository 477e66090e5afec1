#include "tsdb/record.h"

#include "base/assert.h"

#include <stdlib.h>

/* --- encoding --------------------------------------------------------------------- */

void record_buf_fini(struct record_buf *r)
{
	strbuf_fini(&r->b);
	r->n = 0;
}

void record_buf_reset(struct record_buf *r)
{
	strbuf_reset(&r->b);
	r->n = 0;
}

/* The type byte, if this is the first element. */
static void begin_plain(struct record_buf *r, uint8_t type)
{
	if (r->n++ == 0)
		strbuf_add_ch(&r->b, (char)type);
}

static void put_labels(struct strbuf *b, struct labels l)
{
	enc_uvarint(b, l.n);
	for (size_t i = 0; i < l.n; i++) {
		enc_uvarint_str(b, l.p[i].name);
		enc_uvarint_str(b, l.p[i].value);
	}
}

void record_add_series(struct record_buf *r, uint64_t ref, struct labels l)
{
	begin_plain(r, RECORD_SERIES);
	enc_be64(&r->b, ref);
	put_labels(&r->b, l);
}

void record_begin(struct record_buf *r, uint8_t type, uint64_t ref, int64_t t)
{
	strbuf_reset(&r->b);
	strbuf_add_ch(&r->b, (char)type);
	enc_be64(&r->b, ref);
	enc_be64(&r->b, (uint64_t)t);
	r->ref0 = ref;
	r->t0 = t;
}

static void put_double(struct strbuf *b, double v)
{
	enc_be64(b, double_bits(v));
}

uint8_t record_hist_type(const struct histogram *h)
{
	if (hist_is_custom(h))
		return h->is_float ? RECORD_CUSTOM_FLOAT_HISTOGRAMS : RECORD_CUSTOM_HISTOGRAMS;
	return h->is_float ? RECORD_FLOAT_HISTOGRAMS : RECORD_HISTOGRAMS;
}

static void put_spans(struct strbuf *b, const struct hist_span *s, uint32_t n)
{
	enc_uvarint(b, n);
	for (uint32_t i = 0; i < n; i++) {
		enc_varint(b, s[i].offset);
		enc_uvarint(b, s[i].length);
	}
}

static void put_deltas(struct strbuf *b, const int64_t *v, uint32_t n)
{
	enc_uvarint(b, n);
	for (uint32_t i = 0; i < n; i++)
		enc_varint(b, v[i]);
}

static void put_doubles(struct strbuf *b, const double *v, uint32_t n)
{
	enc_uvarint(b, n);
	for (uint32_t i = 0; i < n; i++)
		put_double(b, v[i]);
}

void record_put_hist(struct strbuf *b, const struct histogram *h)
{
	strbuf_add_ch(b, (char)h->hint);
	enc_varint(b, h->schema);
	put_double(b, h->zero_threshold);
	if (h->is_float) {
		put_double(b, h->zero_count_f);
		put_double(b, h->count_f);
	} else {
		enc_uvarint(b, h->zero_count);
		enc_uvarint(b, h->count);
	}
	put_double(b, h->sum);
	put_spans(b, h->pos_spans, h->n_pos_spans);
	put_spans(b, h->neg_spans, h->n_neg_spans);
	if (h->is_float) {
		put_doubles(b, h->pos_counts, h->n_pos);
		put_doubles(b, h->neg_counts, h->n_neg);
	} else {
		put_deltas(b, h->pos_deltas, h->n_pos);
		put_deltas(b, h->neg_deltas, h->n_neg);
	}
	if (hist_is_custom(h))
		put_doubles(b, h->bounds, h->n_bounds);
}

void record_add_hist(struct record_buf *r, uint64_t ref, int64_t t, const struct histogram *h)
{
	uint8_t *p = record_add_head(r, record_hist_type(h), ref, t, 0);
	CHECK((uint8_t)r->b.p[0] == record_hist_type(h));
	r->b.n = (size_t)((char *)p - r->b.p);
	record_put_hist(&r->b, h);
}

void record_add_exemplar(struct record_buf *r, uint64_t ref, int64_t t, double v, struct labels l)
{
	uint8_t *p = record_add_head(r, RECORD_EXEMPLARS, ref, t, 8);
	be64_put(p, double_bits(v));
	r->b.n = (size_t)((char *)p + 8 - r->b.p);
	put_labels(&r->b, l);
}

void record_add_tombstone(struct record_buf *r, uint64_t ref, int64_t mint, int64_t maxt)
{
	begin_plain(r, RECORD_TOMBSTONES);
	enc_be64(&r->b, ref);
	enc_varint(&r->b, mint);
	enc_varint(&r->b, maxt);
}

void record_add_marker(struct record_buf *r, uint64_t ref, uint64_t chunk_ref)
{
	begin_plain(r, RECORD_MMAP_MARKERS);
	enc_be64(&r->b, ref);
	enc_be64(&r->b, chunk_ref);
}

void record_add_metadata(struct record_buf *r, uint64_t ref, uint8_t type, struct str unit, struct str help)
{
	begin_plain(r, RECORD_METADATA);
	enc_uvarint(&r->b, ref);
	strbuf_add_ch(&r->b, (char)type);
	enc_uvarint(&r->b, 2);
	enc_uvarint_str(&r->b, STR("UNIT"));
	enc_uvarint_str(&r->b, unit);
	enc_uvarint_str(&r->b, STR("HELP"));
	enc_uvarint_str(&r->b, help);
}

/* --- decoding --------------------------------------------------------------------- */

uint8_t record_type(struct str rec)
{
	return rec.n ? (uint8_t)rec.p[0] : RECORD_FILLER;
}

bool record_type_known(uint8_t type)
{
	return type >= RECORD_SERIES && type <= RECORD_FLOAT_HISTOGRAMS_ST;
}

static int damaged(const char *what, struct err *err)
{
	return err_set(err, ERR_DATA_LOSS, "WAL record of %s is damaged", what);
}

static int64_t add_wrap(int64_t a, int64_t b)
{
	return (int64_t)((uint64_t)a + (uint64_t)b);
}

/* Least bytes of a float sample in records of type 2 and 11. */
#define SAMPLE_MIN_BYTES 10

/* varint_get_signed where three bytes are there for certain: most take no more. */
static ALWAYS_INLINE const uint8_t *get_short(const uint8_t *p, const uint8_t *end, int64_t *ret)
{
	uint64_t u = p[0];
	if (u >= 0x80) {
		u = (u & 0x7f) | (uint64_t)p[1] << 7;
		if (u >= 1u << 14) {
			u = (u & 0x3fff) | (uint64_t)p[2] << 14;
			if (UNLIKELY(u >= 1u << 21))
				return varint_get_signed(p, end, ret);
			p++;
		}
		p++;
	}
	*ret = zigzag_dec(u);
	return p + 1;
}

/* Samples while so many bytes are left that none is cut off. */
static const uint8_t *samples_inside(const uint8_t *p, const uint8_t *end, uint64_t ref0, int64_t t0,
				     struct record_samples *c)
{
	uint64_t *ref = c->ref;
	int64_t *t = c->t;
	double *v = c->v;
	size_t n = 0;
	while (p && end - p >= 2 * VARINT_MAX + 8) {
		int64_t dref, dt = 0;
		p = get_short(p, end, &dref);
		p = p ? get_short(p, end, &dt) : NULL;
		if (UNLIKELY(!p))
			break;
		ref[n] = ref0 + (uint64_t)dref;
		t[n] = add_wrap(t0, dt);
		v[n++] = double_of_bits(be64_get(p));
		p += 8;
	}
	c->n = n;
	return p;
}

static void samples_v1(struct decbuf *d, struct record_samples *c)
{
	uint64_t ref0 = decbuf_be64(d);
	int64_t t0 = (int64_t)decbuf_be64(d);
	const uint8_t *end = d->end, *p = samples_inside(d->p, end, ref0, t0, c);
	size_t n = c->n;
	if (!p)
		decbuf_fail(d);
	while (p && p < end) {
		int64_t dref, dt;
		if (!(p = varint_get_signed(p, end, &dref)) || !(p = varint_get_signed(p, end, &dt)) || end - p < 8) {
			decbuf_fail(d);
			break;
		}
		c->ref[n] = ref0 + (uint64_t)dref;
		c->t[n] = add_wrap(t0, dt);
		c->v[n++] = double_of_bits(be64_get(p));
		p += 8;
	}
	c->n = n;
}

/* Reference, time and start time of the next element of types 11-13. */
static void head_st(struct record_iter *it, uint64_t *ret_ref, int64_t *ret_t)
{
	struct decbuf *d = &it->d;
	if (!it->started) {
		it->started = true;
		it->ref = (uint64_t)decbuf_varint(d);
		*ret_t = it->t0 = decbuf_varint(d);
		it->st = it->st0 = decbuf_varint(d);
	} else {
		it->ref += (uint64_t)decbuf_varint(d);
		*ret_t = add_wrap(it->t0, decbuf_varint(d));
		uint8_t marker = decbuf_u8(d);
		if (marker == 0)
			it->st = 0;
		else if (marker == 2)
			it->st = add_wrap(it->st0, decbuf_varint(d));
		else if (marker != 1)
			decbuf_fail(d);
	}
	*ret_ref = it->ref;
}

static void samples_st(struct record_iter *it, struct record_samples *c)
{
	size_t n = 0;
	while (decbuf_left(&it->d)) {
		head_st(it, &c->ref[n], &c->t[n]);
		c->v[n] = double_of_bits(decbuf_be64(&it->d));
		n += !it->d.failed;
	}
	c->n = n;
}

int record_samples(struct str rec, struct arena *a, struct record_samples *ret, struct err *err)
{
	struct record_iter it;
	record_iter_init(&it, rec);
	*ret = (struct record_samples){ 0 };
	if (it.type != RECORD_SAMPLES && it.type != RECORD_SAMPLES_ST)
		return damaged("samples", err);
	if (decbuf_left(&it.d) == 0)
		return 0;
	size_t max = decbuf_left(&it.d) / SAMPLE_MIN_BYTES + 1;
	ret->ref = arena_alloc(a, max * sizeof(*ret->ref));
	ret->t = arena_alloc(a, max * sizeof(*ret->t));
	ret->v = arena_alloc(a, max * sizeof(*ret->v));
	if (!ret->ref || !ret->t || !ret->v)
		return arena_err(a, err);
	if (it.type == RECORD_SAMPLES)
		samples_v1(&it.d, ret);
	else
		samples_st(&it, ret);
	return it.d.failed ? damaged("samples", err) : 0;
}

void record_iter_init(struct record_iter *it, struct str rec)
{
	*it = (struct record_iter){ .d = decbuf_make(rec.p, rec.n) };
	it->type = record_type(rec);
	if (rec.n)
		decbuf_u8(&it->d);
}

/* Reference and time of the next element: 1, or 0 at the end. */
static int next_head(struct record_iter *it, uint64_t *ret_ref, int64_t *ret_t)
{
	struct decbuf *d = &it->d;
	if (decbuf_left(d) == 0)
		return 0;
	if (it->type >= RECORD_SAMPLES_ST) {
		head_st(it, ret_ref, ret_t);
		return 1;
	}
	if (!it->started) {
		it->started = true;
		it->ref0 = decbuf_be64(d);
		it->t0 = (int64_t)decbuf_be64(d);
		if (!d->failed && decbuf_left(d) == 0)
			return 0;
	}
	*ret_ref = it->ref0 + (uint64_t)decbuf_varint(d);
	*ret_t = add_wrap(it->t0, decbuf_varint(d));
	return 1;
}

/* A label takes at least two bytes, which bounds the array by the record's size. */
static int get_labels(struct decbuf *d, struct arena *a, struct labels *ret, struct err *err)
{
	uint64_t n = decbuf_uvarint(d);
	*ret = (struct labels){ 0 };
	if (n > decbuf_left(d) / 2) {
		decbuf_fail(d);
		return 0;
	}
	struct label *p = arena_alloc(a, n * sizeof(*p));
	if (!p)
		return arena_err(a, err);
	for (uint64_t i = 0; i < n; i++) {
		p[i].name = decbuf_uvarint_str(d);
		p[i].value = decbuf_uvarint_str(d);
	}
	*ret = (struct labels){ p, n };
	return 0;
}

int record_next_series(struct record_iter *it, struct arena *a, struct record_series *ret, struct err *err)
{
	if (decbuf_left(&it->d) == 0)
		return 0;
	ret->ref = decbuf_be64(&it->d);
	int rc = get_labels(&it->d, a, &ret->labels, err);
	if (rc != 0)
		return rc;
	return it->d.failed ? damaged("series", err) : 1;
}

static int get_spans(struct decbuf *d, struct arena *a, const struct hist_span **ret, uint32_t *ret_n, struct err *err)
{
	uint64_t n = decbuf_uvarint_max(d, MIN(decbuf_left(d) / 2, (size_t)HIST_BUCKETS_MAX));
	struct hist_span *s = arena_alloc(a, n * sizeof(*s));
	if (!s)
		return arena_err(a, err);
	for (uint64_t i = 0; i < n; i++) {
		s[i].offset = (int32_t)decbuf_varint(d);
		s[i].length = (uint32_t)decbuf_uvarint_max(d, UINT32_MAX);
	}
	*ret = s;
	*ret_n = (uint32_t)n;
	return 0;
}

static int get_deltas(struct decbuf *d, struct arena *a, const int64_t **ret, uint32_t *ret_n, struct err *err)
{
	uint64_t n = decbuf_uvarint_max(d, MIN(decbuf_left(d), (size_t)HIST_BUCKETS_MAX));
	int64_t *v = arena_alloc(a, n * sizeof(*v));
	if (!v)
		return arena_err(a, err);
	for (uint64_t i = 0; i < n; i++)
		v[i] = decbuf_varint(d);
	*ret = v;
	*ret_n = (uint32_t)n;
	return 0;
}

static int get_doubles(struct decbuf *d, struct arena *a, const double **ret, uint32_t *ret_n, struct err *err)
{
	uint64_t n = decbuf_uvarint_max(d, MIN(decbuf_left(d) / 8, (size_t)HIST_BUCKETS_MAX));
	double *v = arena_alloc(a, n * sizeof(*v));
	if (!v)
		return arena_err(a, err);
	for (uint64_t i = 0; i < n; i++)
		v[i] = double_of_bits(decbuf_be64(d));
	*ret = v;
	*ret_n = (uint32_t)n;
	return 0;
}

static void get_counts(struct decbuf *d, struct histogram *h)
{
	if (h->is_float) {
		h->zero_count_f = double_of_bits(decbuf_be64(d));
		h->count_f = double_of_bits(decbuf_be64(d));
	} else {
		h->zero_count = decbuf_uvarint(d);
		h->count = decbuf_uvarint(d);
	}
}

int record_get_hist(struct decbuf *d, bool is_float, struct arena *a, struct histogram *ret, struct err *err)
{
	struct histogram h = { .is_float = is_float };
	h.hint = decbuf_u8(d);
	h.schema = (int32_t)decbuf_varint(d);
	h.zero_threshold = double_of_bits(decbuf_be64(d));
	get_counts(d, &h);
	h.sum = double_of_bits(decbuf_be64(d));
	int rc = get_spans(d, a, &h.pos_spans, &h.n_pos_spans, err);
	if (rc == 0)
		rc = get_spans(d, a, &h.neg_spans, &h.n_neg_spans, err);
	if (rc == 0)
		rc = is_float ? get_doubles(d, a, &h.pos_counts, &h.n_pos, err)
			      : get_deltas(d, a, &h.pos_deltas, &h.n_pos, err);
	if (rc == 0)
		rc = is_float ? get_doubles(d, a, &h.neg_counts, &h.n_neg, err)
			      : get_deltas(d, a, &h.neg_deltas, &h.n_neg, err);
	if (rc == 0 && hist_is_custom(&h))
		rc = get_doubles(d, a, &h.bounds, &h.n_bounds, err);
	*ret = h;
	if (rc == 0 && (d->failed || h.hint > HIST_HINT_GAUGE))
		rc = damaged("histograms", err);
	return rc;
}

int record_next_hist(struct record_iter *it, struct arena *a, struct record_hist *ret, struct err *err)
{
	bool is_float = it->type == RECORD_FLOAT_HISTOGRAMS || it->type == RECORD_CUSTOM_FLOAT_HISTOGRAMS ||
			it->type == RECORD_FLOAT_HISTOGRAMS_ST;
	if (!next_head(it, &ret->ref, &ret->t))
		return 0;
	int rc = record_get_hist(&it->d, is_float, a, &ret->h, err);
	return rc != 0 ? rc : 1;
}

int record_next_exemplar(struct record_iter *it, struct arena *a, struct record_exemplar *ret, struct err *err)
{
	if (!next_head(it, &ret->ref, &ret->t))
		return 0;
	ret->v = double_of_bits(decbuf_be64(&it->d));
	int rc = get_labels(&it->d, a, &ret->labels, err);
	if (rc != 0)
		return rc;
	return it->d.failed ? damaged("exemplars", err) : 1;
}

int record_next_tombstone(struct record_iter *it, struct record_tombstone *ret, struct err *err)
{
	if (decbuf_left(&it->d) == 0)
		return 0;
	ret->ref = decbuf_be64(&it->d);
	ret->mint = decbuf_varint(&it->d);
	ret->maxt = decbuf_varint(&it->d);
	return it->d.failed ? damaged("tombstones", err) : 1;
}

int record_next_marker(struct record_iter *it, struct record_marker *ret, struct err *err)
{
	if (decbuf_left(&it->d) == 0)
		return 0;
	ret->ref = decbuf_be64(&it->d);
	ret->chunk_ref = decbuf_be64(&it->d);
	return it->d.failed ? damaged("markers", err) : 1;
}

int record_next_metadata(struct record_iter *it, struct record_metadata *ret, struct err *err)
{
	struct decbuf *d = &it->d;
	if (decbuf_left(d) == 0)
		return 0;
	*ret = (struct record_metadata){ .ref = decbuf_uvarint(d), .type = decbuf_u8(d) };
	uint64_t n = decbuf_uvarint_max(d, decbuf_left(d) / 2);
	for (uint64_t i = 0; i < n; i++) {
		struct str name = decbuf_uvarint_str(d);
		struct str value = decbuf_uvarint_str(d);
		if (str_eq_c(name, "UNIT"))
			ret->unit = value;
		else if (str_eq_c(name, "HELP"))
			ret->help = value;
	}
	return d->failed ? damaged("metadata", err) : 1;
}
