#include "series/wire_write.h"

#include "base/mem.h"
#include "series/wire_hist.h"

#include <stdio.h>
#include <stdlib.h>

/* Field numbers of the request messages. */
enum {
	V1_TIMESERIES = 1,
	V1_METADATA = 3,
	V2_SYMBOLS = 4,
	V2_TIMESERIES = 5,
	THANOS_TENANT = 2,
	THANOS_REPLICA = 3,
	THANOS_TUPLES = 4,
	TUPLE_TIMESERIES = 1,
	TUPLE_TENANT = 2,
};

/* Field numbers of a series. Labels and samples are the same in 1.0 and 2.0. */
enum { TS_LABELS = 1, TS_SAMPLES = 2 };
/* The others: exemplars, histograms, metadata (0: none). */
struct series_fields {
	uint32_t exemplars, histograms, metadata;
};
static const struct series_fields fields_v1 = { 3, 4, 0 };
static const struct series_fields fields_v2 = { 4, 3, 5 };

/* Samples that the columns have room for from the start. */
#define COLUMNS_MIN 256
/* Fields between two calls of the owner's pause, and samples that are read without counting them. */
#define PAUSE_FIELDS 8192
#define RUN_SAMPLES 4096
/* What a histogram or an exemplar counts as. */
#define OTHER_FIELDS 16
/* Longest text of a fault. */
#define FAULT_MAX 300

/* Counts fields; now and then the owner's turn. */
static ALWAYS_INLINE int walk_some(struct write_reader *r, uint32_t n, struct err *err)
{
	r->walked += n;
	if (LIKELY(r->walked < PAUSE_FIELDS))
		return 0;
	r->walked = 0;
	return r->pause ? r->pause(err) : 0;
}

/* --- columns ---------------------------------------------------------------------- */

static int columns_grow(struct write_reader *r, struct err *err)
{
	struct write_columns *c = &r->columns;
	size_t cap = c->cap ? c->cap * 2 : COLUMNS_MIN;
	if (!budget_take(r->budget, (cap - c->cap) * 24))
		return budget_err(r->budget, err);
	c->t = xreallocarray(c->t, cap, sizeof(*c->t));
	c->v = xreallocarray(c->v, cap, sizeof(*c->v));
	c->st = xreallocarray(c->st, cap, sizeof(*c->st));
	c->cap = cap;
	return 0;
}

/* --- labels ------------------------------------------------------------------------- */

/* The usual form of a Label: name, value, both under 128 bytes. */
static ALWAYS_INLINE bool label_is_usual(struct str s)
{
	const uint8_t *p = (const uint8_t *)s.p;
	if (s.n < 4 || p[0] != WIRE_TAG(1, WIRE_LEN) || p[1] >= 0x80)
		return false;
	size_t at = 2 + (size_t)p[1];
	return at + 2 <= s.n && p[at] == WIRE_TAG(2, WIRE_LEN) && p[at + 1] < 0x80 && at + 2 + p[at + 1] == s.n;
}

/* Reads a Label of any form; returns NULL or the fault. */
static const char *label_read(struct str s, struct label *ret)
{
	struct wire w = wire_begin(s);
	struct wire_field f;
	*ret = (struct label){ 0 };
	while (wire_next(&w, &f)) {
		if (f.num > 2 || !wire_is(&w, &f, WIRE_LEN))
			continue;
		*(f.num == 1 ? &ret->name : &ret->value) = f.s;
	}
	return w.fault;
}

/* Fills `dst` from the fields 1 of `span`, Labels all. */
static void labels_fill(struct str span, struct label *dst)
{
	struct wire w = wire_begin(span);
	struct wire_field f;
	while (wire_next(&w, &f)) {
		if (f.num == 1)
			label_read(f.s, dst++);
	}
}

/* Calls of refs_next give the numbers of the fields 1 of a span, packed or not. */
struct refs {
	struct wire outer, packed;
};

static bool refs_next(struct refs *r, uint64_t *ret)
{
	struct wire_field f;
	for (;;) {
		if (r->packed.p < r->packed.end)
			return wire_varint(&r->packed, ret) || wire_fail(&r->outer, r->packed.fault);
		if (!wire_next(&r->outer, &f))
			return false;
		if (f.num != 1)
			continue;
		if (f.type == WIRE_VARINT) {
			*ret = f.u;
			return true;
		}
		if (!wire_is(&r->outer, &f, WIRE_LEN))
			return false;
		r->packed = wire_begin(f.s);
	}
}

static struct refs refs_begin(struct str span)
{
	return (struct refs){ .outer = wire_begin(span) };
}

/* Fills `dst` from label references that were found to be right. */
static void refs_fill(const struct write_reader *r, struct str span, struct label *dst)
{
	struct refs it = refs_begin(span);
	uint64_t name, value;
	while (refs_next(&it, &name) && refs_next(&it, &value))
		*dst++ = (struct label){ r->symbols[(uint32_t)name], r->symbols[(uint32_t)value] };
}

void write_series_labels(const struct write_reader *r, const struct write_series *s, struct label *dst)
{
	if (s->n_labels == 0)
		return;
	if (r->kind == WRITE_V2)
		refs_fill(r, s->raw_labels, dst);
	else
		labels_fill(s->raw_labels, dst);
}

/* Appends the references as Go prints a slice: [1 2 3]. */
static void print_refs(struct strbuf *b, struct str span)
{
	struct refs it = refs_begin(span);
	uint64_t v;
	strbuf_add_ch(b, '[');
	for (const char *sep = ""; refs_next(&it, &v); sep = " ") {
		strbuf_add_c(b, sep);
		strbuf_add_u64(b, (uint32_t)v);
	}
	strbuf_add_ch(b, ']');
}

/* Prometheus' words for wrong references, NULL for right ones; *ret_n gets the number of labels. */
static const char *refs_check(struct write_reader *r, struct str span, char *buf, size_t size, size_t *ret_n)
{
	struct refs it = refs_begin(span);
	uint64_t name, value;
	size_t n = 0;
	bool odd = false;
	const char *fault = NULL;
	while (refs_next(&it, &name)) {
		if (!refs_next(&it, &value)) {
			odd = true;
			break;
		}
		n++;
		if (!fault && ((uint32_t)name >= r->n_symbols || (uint32_t)value >= r->n_symbols)) {
			snprintf(buf, size, "labelRefs %u (name) = %u (value) outside of symbols table (size %zu)",
				 (uint32_t)name, (uint32_t)value, r->n_symbols);
			fault = buf;
		}
	}
	if (odd) {
		snprintf(buf, size, "invalid labelRefs length %zu", 2 * n + 1);
		fault = buf;
	}
	*ret_n = n;
	return fault;
}

/* "parsing labels for series [1 2]: <what>" in the scratch arena; NULL over budget. */
static const char *series_fault(struct write_reader *r, const char *part, struct str span, const char *what)
{
	struct strbuf b = { .limit = FAULT_MAX };
	print_refs(&b, span);
	char *text = arena_printf(&r->scratch, "parsing %s for series %s: %s", part, b.overflow ? "[...]" : b.p, what);
	strbuf_fini(&b);
	return text;
}

/* --- parts of a series ---------------------------------------------------------------- */

/* One series under construction. */
struct series_reader {
	struct write_reader *r;
	struct write_series *s;
	const struct series_fields *fields;
	struct wire w;
	const uint8_t *labels_start, *labels_end;
	bool labels_apart; /* something stands between label fields */
	bool any_st;
	struct write_histogram *histograms;
	struct write_exemplar *exemplars;
	size_t cap_histograms, cap_exemplars;
	struct str metadata;
};

/* Room for one more element in an array of the scratch arena; NULL over budget. */
static void *scratch_push(struct write_reader *r, void *p, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return p;
	size_t want = *cap ? *cap * 2 : 4;
	void *q = arena_alloc(&r->scratch, want * size);
	if (!q)
		return NULL;
	if (n)
		memcpy(q, p, n * size);
	*cap = want;
	return q;
}

/* A sample in any form. */
static const char *sample_read(struct str msg, double *v, int64_t *t, int64_t *st)
{
	struct wire w = wire_begin(msg);
	struct wire_field f;
	*v = 0;
	*t = *st = 0;
	while (wire_next(&w, &f)) {
		if (f.num == 1 && wire_is(&w, &f, WIRE_I64))
			*v = wire_double(f.u);
		else if (f.num == 2 && wire_is(&w, &f, WIRE_VARINT))
			*t = (int64_t)f.u;
		else if (f.num == 3 && wire_is(&w, &f, WIRE_VARINT))
			*st = (int64_t)f.u;
	}
	return w.fault;
}

/* The varint of exactly `n` (1 to 8) bytes at `p`, from which 8 bytes can be read; false where it is of another length. */
static ALWAYS_INLINE bool varint_of(const uint8_t *p, size_t n, uint64_t *ret)
{
	uint64_t x = le64_get(p) & (UINT64_MAX >> (64 - 8 * n));
	if ((x & 0x8080808080808080) != (0x8080808080808080 & ((1ULL << (8 * (n - 1))) - 1)))
		return false;
	x = (x & 0x007f007f007f007f) | (x & 0x7f007f007f007f00) >> 1;
	x = (x & 0x00003fff00003fff) | (x & 0x3fff00003fff0000) >> 2;
	*ret = (x & 0x000000000fffffff) | (x & 0x0fffffff00000000) >> 4;
	return true;
}

/*
 * A sample field as every sender writes it: value, then time, nothing else.
 * At least 20 bytes can be read at `p`; those from `end` on are not the series'.
 * Returns the byte after the field, or NULL for another form.
 */
static ALWAYS_INLINE const uint8_t *sample_read_usual(const uint8_t *p, const uint8_t *end, double *v, int64_t *t)
{
	/* 1 tag, 8 value, 1 tag, 1 to 8 time */
	uint64_t u;
	if (p[0] != WIRE_TAG(TS_SAMPLES, WIRE_LEN) || p[1] < 11 || p[1] > 18 || end - p - 2 < p[1] ||
	    p[2] != WIRE_TAG(1, WIRE_I64) || p[11] != WIRE_TAG(2, WIRE_VARINT) ||
	    !varint_of(p + 12, (size_t)p[1] - 10, &u))
		return NULL;
	*v = wire_double(le64_get(p + 3));
	*t = (int64_t)u;
	return p + 2 + p[1];
}

/* Takes a run of samples in their usual form, as far as the columns and the body reach, and not too many. */
static void take_usual_samples(struct series_reader *sr)
{
	const struct write_columns *c = &sr->r->columns;
	const uint8_t *p = sr->w.p, *end = sr->w.end;
	const uint8_t *body_end = (const uint8_t *)sr->r->body.p + sr->r->body.n;
	size_t i = sr->s->n_samples;
	size_t most = MIN(c->cap, i + RUN_SAMPLES);
	for (; i < most && p < end && body_end - p >= 20; i++) {
		const uint8_t *next = sample_read_usual(p, end, &c->v[i], &c->t[i]);
		if (!next)
			break;
		c->st[i] = 0;
		p = next;
	}
	sr->w.p = p;
	sr->s->n_samples = i;
}

static int add_sample(struct series_reader *sr, struct str msg, struct err *err)
{
	struct write_columns *c = &sr->r->columns;
	size_t i = sr->s->n_samples;
	if (UNLIKELY(i == c->cap)) {
		int rc = columns_grow(sr->r, err);
		if (rc < 0)
			return rc;
	}
	const char *fault = sample_read(msg, &c->v[i], &c->t[i], &c->st[i]);
	if (fault)
		return err_set(err, ERR_INVALID_ARGUMENT, "proto: Sample: %s", fault);
	if (sr->r->kind != WRITE_V2)
		c->st[i] = 0;
	sr->any_st |= c->st[i] != 0;
	sr->s->n_samples = i + 1;
	take_usual_samples(sr);
	return 0;
}

/* Labels of an exemplar: fields 1 of its message. */
static int exemplar_labels(struct write_reader *r, struct str msg, size_t n, struct write_exemplar *e, struct err *err)
{
	char buf[FAULT_MAX];
	if (r->kind == WRITE_V2) {
		const char *fault = refs_check(r, msg, buf, sizeof(buf), &n);
		if (fault) {
			e->fault = arena_strdup(&r->scratch, fault);
			return e->fault ? 0 : arena_err(&r->scratch, err);
		}
	}
	struct label *dst = arena_array(&r->scratch, n, sizeof(*dst));
	if (!dst)
		return arena_err(&r->scratch, err);
	if (r->kind == WRITE_V2)
		refs_fill(r, msg, dst);
	else
		labels_fill(msg, dst);
	e->labels = (struct labels){ dst, n };
	return 0;
}

/* A Label or a list of references in field `f`; NULL or the fault. */
static const char *label_field_check(const struct write_reader *r, const struct wire_field *f)
{
	struct label l;
	if (r->kind != WRITE_V2)
		return f->type != WIRE_LEN ? "wrong wireType" : label_is_usual(f->s) ? NULL : label_read(f->s, &l);
	if (f->type == WIRE_VARINT)
		return NULL;
	if (f->type != WIRE_LEN)
		return "wrong wireType";
	struct wire w = wire_begin(f->s);
	for (uint64_t u; w.p < w.end && wire_varint(&w, &u);)
		;
	return w.fault;
}

static int add_exemplar(struct series_reader *sr, struct str msg, struct err *err)
{
	struct write_reader *r = sr->r;
	struct wire w = wire_begin(msg);
	struct wire_field f;
	sr->exemplars = scratch_push(r, sr->exemplars, sr->s->n_exemplars, &sr->cap_exemplars, sizeof(*sr->exemplars));
	if (!sr->exemplars)
		return arena_err(&r->scratch, err);
	struct write_exemplar *e = &sr->exemplars[sr->s->n_exemplars++];
	*e = (struct write_exemplar){ 0 };
	size_t n = 0;
	while (wire_next(&w, &f)) {
		if (f.num == 1) {
			const char *fault = label_field_check(r, &f);
			if (fault)
				wire_fail(&w, fault);
			n++;
		} else if (f.num == 2 && wire_is(&w, &f, WIRE_I64)) {
			e->value = wire_double(f.u);
		} else if (f.num == 3 && wire_is(&w, &f, WIRE_VARINT)) {
			e->t = (int64_t)f.u;
		}
	}
	if (w.fault)
		return wire_err(&w, "Exemplar", err);
	return exemplar_labels(r, msg, n, e, err);
}

static int add_histogram(struct series_reader *sr, struct str msg, struct err *err)
{
	struct write_reader *r = sr->r;
	sr->histograms =
		scratch_push(r, sr->histograms, sr->s->n_histograms, &sr->cap_histograms, sizeof(*sr->histograms));
	if (!sr->histograms)
		return arena_err(&r->scratch, err);
	return wire_hist_read(msg, &r->scratch, &sr->histograms[sr->s->n_histograms++], err);
}

/* Notes a label field; its bytes are part of the raw span. */
static int note_labels(struct series_reader *sr, const struct wire_field *f, struct err *err)
{
	const char *fault = label_field_check(sr->r, f);
	if (UNLIKELY(fault != NULL))
		return err_set(err, ERR_INVALID_ARGUMENT, "proto: Label: %s", fault);
	if (!sr->labels_start)
		sr->labels_start = f->start;
	else if (sr->labels_end != f->start)
		sr->labels_apart = true;
	sr->labels_end = sr->w.p;
	sr->s->n_labels++;
	return 0;
}

/*
 * Steps over a run of label fields in their usual form, which is how nearly
 * all bytes of a body look. Stops before anything else.
 */
static void skip_usual_labels(struct series_reader *sr)
{
	const uint8_t *p = sr->w.p, *end = sr->w.end;
	size_t n = 0;
	while (end - p >= 2 && p[0] == WIRE_TAG(TS_LABELS, WIRE_LEN) && p[1] < 0x80 && end - p - 2 >= p[1] &&
	       label_is_usual(str_mem(p + 2, p[1]))) {
		p += 2 + p[1];
		n++;
	}
	if (n == 0)
		return;
	if (!sr->labels_start)
		sr->labels_start = sr->w.p;
	else if (sr->labels_end != sr->w.p)
		sr->labels_apart = true;
	sr->labels_end = sr->w.p = p;
	sr->s->n_labels += n;
}

/* Fields other than labels and samples. */
static int add_other(struct series_reader *sr, const struct wire_field *f, struct err *err)
{
	const struct series_fields *n = sr->fields;
	if (f->num != n->exemplars && f->num != n->histograms && (f->num != n->metadata))
		return 0;
	if (!wire_is(&sr->w, f, WIRE_LEN))
		return wire_err(&sr->w, "TimeSeries", err);
	if (f->num == n->exemplars)
		return add_exemplar(sr, f->s, err);
	if (f->num == n->histograms)
		return add_histogram(sr, f->s, err);
	sr->metadata = f->s;
	sr->s->has_metadata = true;
	return 0;
}

/* 2.0: checks the references of labels. */
static int finish_labels_v2(struct series_reader *sr, struct err *err)
{
	char buf[FAULT_MAX];
	struct write_series *s = sr->s;
	const char *fault = refs_check(sr->r, s->raw_labels, buf, sizeof(buf), &s->n_labels);
	if (!fault)
		return 0;
	s->n_labels = 0;
	s->fault = series_fault(sr->r, "labels", s->raw_labels, fault);
	return s->fault ? 0 : arena_err(&sr->r->scratch, err);
}

/* 2.0: metadata with its strings. */
static int finish_metadata_v2(struct series_reader *sr, struct err *err)
{
	struct write_reader *r = sr->r;
	struct wire w = wire_begin(sr->metadata);
	struct wire_field f;
	uint32_t help = 0, unit = 0;
	while (wire_next(&w, &f)) {
		if (f.num != 1 && f.num != 3 && f.num != 4)
			continue;
		if (!wire_is(&w, &f, WIRE_VARINT))
			break;
		*(f.num == 1 ? &sr->s->metadata.type : f.num == 3 ? &help : &unit) = (uint32_t)f.u;
	}
	if (w.fault)
		return wire_err(&w, "Metadata", err);
	if (unit >= r->n_symbols || help >= r->n_symbols) {
		char buf[FAULT_MAX];
		bool is_unit = unit >= r->n_symbols;
		snprintf(buf, sizeof(buf), "metadata %s %u outside of symbols table (size %zu)",
			 is_unit ? "unit_ref" : "help_ref", is_unit ? unit : help, r->n_symbols);
		if (!sr->s->fault)
			sr->s->fault = series_fault(r, "metadata", sr->s->raw_labels, buf);
		sr->s->n_labels = 0;
		return sr->s->fault ? 0 : arena_err(&r->scratch, err);
	}
	sr->s->metadata.help = r->symbols[help];
	sr->s->metadata.unit = r->symbols[unit];
	return 0;
}

static int series_finish(struct series_reader *sr, struct err *err)
{
	struct write_series *s = sr->s;
	struct write_columns *c = &sr->r->columns;
	if (sr->labels_start)
		s->raw_labels = str_mem(sr->labels_start, (size_t)(sr->labels_end - sr->labels_start));
	s->raw_whole = sr->r->kind != WRITE_V2 && !sr->labels_apart;
	s->t = c->t;
	s->v = c->v;
	s->st = sr->any_st ? c->st : NULL;
	s->histograms = sr->histograms;
	s->exemplars = sr->exemplars;
	if (sr->r->kind != WRITE_V2)
		return 0;
	int rc = finish_labels_v2(sr, err);
	if (rc == 0 && s->has_metadata)
		rc = finish_metadata_v2(sr, err);
	return rc;
}

static int series_read(struct write_reader *r, struct str msg, struct write_series *s, struct err *err)
{
	struct series_reader sr = {
		.r = r,
		.s = s,
		.fields = r->kind == WRITE_V2 ? &fields_v2 : &fields_v1,
		.w = wire_begin(msg),
	};
	struct wire_field f;
	int rc = 0;
	if (r->kind != WRITE_V2)
		skip_usual_labels(&sr);
	take_usual_samples(&sr);
	while (rc == 0 && wire_next(&sr.w, &f)) {
		uint32_t before = (uint32_t)s->n_samples;
		if (f.num == TS_LABELS)
			rc = note_labels(&sr, &f, err);
		else if (f.num == TS_SAMPLES && wire_is(&sr.w, &f, WIRE_LEN))
			rc = add_sample(&sr, f.s, err);
		else if (f.num > TS_SAMPLES)
			rc = add_other(&sr, &f, err);
		if (rc == 0)
			rc = walk_some(r, 1 + (f.num > TS_SAMPLES ? OTHER_FIELDS : (uint32_t)s->n_samples - before),
				       err);
	}
	if (rc < 0)
		return rc;
	if (sr.w.fault)
		return wire_err(&sr.w, "TimeSeries", err);
	return series_finish(&sr, err);
}

/* --- the request ---------------------------------------------------------------------- */

static const char *message_name(const struct write_reader *r)
{
	return r->kind == WRITE_V2 ? "Request" : "WriteRequest";
}

/* Looks through a tenant's tuple: counts its series, finds the tenant's name. */
static int tuple_scan(struct write_reader *r, struct str msg, struct str *ret_tenant, size_t *n, struct err *err)
{
	struct wire w = wire_begin(msg);
	struct wire_field f;
	int rc;
	*ret_tenant = STR("");
	while (wire_next(&w, &f)) {
		if ((rc = walk_some(r, 1, err)) < 0)
			return rc;
		if (f.num == TUPLE_TIMESERIES && wire_is(&w, &f, WIRE_LEN))
			++*n;
		else if (f.num == TUPLE_TENANT && wire_is(&w, &f, WIRE_LEN))
			*ret_tenant = f.s;
	}
	return w.fault ? wire_err(&w, "TimeSeriesTenantTuple", err) : 0;
}

/* One field of the request in the first walk; *n_plain and *n_tuples count series, *n_symbols symbols. */
static int open_field(struct write_reader *r, struct wire *w, const struct wire_field *f, size_t *n_plain,
		      size_t *n_tuples, size_t *n_symbols, struct err *err)
{
	struct str tenant;
	bool v2 = r->kind == WRITE_V2, thanos = r->kind == WRITE_THANOS;
	if (f->num == (v2 ? V2_TIMESERIES : V1_TIMESERIES)) {
		*n_plain += wire_is(w, f, WIRE_LEN);
	} else if (v2 && f->num == V2_SYMBOLS) {
		*n_symbols += wire_is(w, f, WIRE_LEN);
	} else if (thanos && f->num == THANOS_TENANT) {
		if (wire_is(w, f, WIRE_LEN))
			r->tenant = f->s;
	} else if (thanos && f->num == THANOS_REPLICA) {
		if (wire_is(w, f, WIRE_VARINT))
			r->replica = (int64_t)f->u;
	} else if (thanos && f->num == THANOS_TUPLES && wire_is(w, f, WIRE_LEN)) {
		r->use_tuples = true;
		return tuple_scan(r, f->s, &tenant, n_tuples, err);
	}
	return 0;
}

/* 2.0: the table of strings. */
static int collect_symbols(struct write_reader *r, size_t n, struct err *err)
{
	struct wire w = wire_begin(r->body);
	struct wire_field f;
	struct str *p = arena_array(&r->symbols_arena, n, sizeof(*p));
	if (!p)
		return arena_err(&r->symbols_arena, err);
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0 && wire_next(&w, &f); rc = walk_some(r, 1, err)) {
		if (f.num == V2_SYMBOLS)
			p[i++] = f.s;
	}
	if (rc < 0)
		return rc;
	r->symbols = p;
	r->n_symbols = n;
	if (n && p[0].n)
		return err_set(err, ERR_INVALID_ARGUMENT, "symbols[0] must be the empty string");
	return 0;
}

int write_reader_open(struct write_reader *r, enum write_kind kind, struct str body, struct budget *budget,
		      struct err *err)
{
	return write_reader_open_pausing(r, kind, body, budget, NULL, err);
}

int write_reader_open_pausing(struct write_reader *r, enum write_kind kind, struct str body, struct budget *budget,
			      write_pause_fn *pause, struct err *err)
{
	*r = (struct write_reader){ .kind = kind, .budget = budget, .body = body, .pause = pause };
	arena_init(&r->symbols_arena, budget);
	arena_init(&r->scratch, budget);
	size_t n_plain = 0, n_tuples = 0, n_symbols = 0;
	struct wire w = wire_begin(body);
	struct wire_field f;
	while (wire_next(&w, &f)) {
		int rc = open_field(r, &w, &f, &n_plain, &n_tuples, &n_symbols, err);
		if (rc == 0)
			rc = walk_some(r, 1, err);
		if (rc < 0)
			return rc;
	}
	if (w.fault)
		return wire_err(&w, message_name(r), err);
	r->n_series = r->use_tuples ? n_tuples : n_plain;
	write_reader_rewind(r);
	return kind == WRITE_V2 ? collect_symbols(r, n_symbols, err) : 0;
}

void write_reader_close(struct write_reader *r)
{
	struct write_columns *c = &r->columns;
	budget_give(r->budget, c->cap * 24);
	free(c->t);
	free(c->v);
	free(c->st);
	*c = (struct write_columns){ 0 };
	arena_fini(&r->scratch);
	arena_fini(&r->symbols_arena);
}

void write_reader_rewind(struct write_reader *r)
{
	r->top = wire_begin(r->body);
	r->in_tuple = r->by_tenant = r->plain_done = false;
}

/* The next field `num` of the body; the fields were walked once, so nothing can fail. */
static bool next_top(struct write_reader *r, uint32_t num, struct str *ret)
{
	struct wire_field f;
	while (wire_next(&r->top, &f)) {
		if (f.num == num) {
			*ret = f.s;
			return true;
		}
	}
	return false;
}

/* Enters the next tenant's tuple. */
static bool next_tuple(struct write_reader *r)
{
	struct str msg;
	size_t n = 0;
	r->in_tuple = next_top(r, THANOS_TUPLES, &msg);
	if (!r->in_tuple)
		return false;
	tuple_scan(r, msg, &r->tuple_tenant, &n, NULL);
	r->inner = wire_begin(msg);
	return true;
}

/* Finds the next series message of the body, or of the tuple; false at the end. */
static bool next_message(struct write_reader *r, struct str *ret)
{
	struct wire_field f;
	if (!r->use_tuples)
		return next_top(r, r->kind == WRITE_V2 ? V2_TIMESERIES : V1_TIMESERIES, ret);
	do {
		while (r->in_tuple && wire_next(&r->inner, &f)) {
			if (f.num == TUPLE_TIMESERIES) {
				*ret = f.s;
				return true;
			}
		}
	} while (!r->by_tenant && next_tuple(r));
	return false;
}

bool write_reader_next_tenant(struct write_reader *r, struct str *ret_tenant)
{
	r->by_tenant = true;
	bool more = r->use_tuples ? next_tuple(r) : !r->plain_done;
	r->plain_done = true;
	*ret_tenant = r->use_tuples ? r->tuple_tenant : r->tenant;
	return more;
}

int write_reader_next(struct write_reader *r, struct write_series *ret, struct err *err)
{
	struct str msg;
	if (r->scratch.bytes)
		arena_fini(&r->scratch);
	*ret = (struct write_series){ 0 };
	if (!next_message(r, &msg))
		return 0;
	ret->tenant = r->use_tuples ? r->tuple_tenant : r->tenant;
	int rc = series_read(r, msg, ret, err);
	return rc < 0 ? rc : 1;
}

int write_metadata_next(const struct write_reader *r, size_t *pos, struct write_metadata *ret, struct err *err)
{
	struct wire top = wire_begin(r->body);
	struct wire_field f;
	top.p += *pos;
	*ret = (struct write_metadata){ 0 };
	while (wire_next(&top, &f)) {
		if (r->kind != WRITE_V1 || f.num != V1_METADATA)
			continue;
		if (!wire_is(&top, &f, WIRE_LEN))
			break;
		*pos = (size_t)(top.p - (const uint8_t *)r->body.p);
		struct wire w = wire_begin(f.s);
		struct wire_field g;
		while (wire_next(&w, &g)) {
			struct str *to = g.num == 2   ? &ret->family
					 : g.num == 4 ? &ret->help
					 : g.num == 5 ? &ret->unit
						      : NULL;
			if (g.num == 1 && wire_is(&w, &g, WIRE_VARINT))
				ret->type = (uint32_t)g.u;
			else if (to && wire_is(&w, &g, WIRE_LEN))
				*to = g.s;
		}
		return w.fault ? wire_err(&w, "MetricMetadata", err) : 1;
	}
	return top.fault ? wire_err(&top, "WriteRequest", err) : 0;
}

/* --- writing ------------------------------------------------------------------------------ */

void write_put_label(struct strbuf *b, uint32_t num, struct str name, struct str value)
{
	size_t n = (name.n ? wire_len_size(1, name.n) : 0) + (value.n ? wire_len_size(2, value.n) : 0);
	enc_uvarint(b, WIRE_TAG(num, WIRE_LEN));
	enc_uvarint(b, n);
	wire_put_str_opt(b, 1, name);
	wire_put_str_opt(b, 2, value);
}

static void put_sample(struct strbuf *b, uint32_t num, int64_t t, double v)
{
	size_t m = wire_open(b, num);
	wire_put_double_opt(b, 1, v);
	wire_put_int_opt(b, 2, t);
	wire_close(b, m);
}

static void put_exemplar(struct strbuf *b, uint32_t num, const struct write_exemplar *e)
{
	size_t m = wire_open(b, num);
	for (size_t i = 0; i < e->labels.n; i++)
		write_put_label(b, 1, e->labels.p[i].name, e->labels.p[i].value);
	wire_put_double_opt(b, 2, e->value);
	wire_put_int_opt(b, 3, e->t);
	wire_close(b, m);
}

void write_put_series(struct strbuf *b, uint32_t num, const struct write_series *s, const struct labels *labels)
{
	size_t m = wire_open(b, num);
	if (!labels)
		strbuf_add_str(b, s->raw_labels);
	for (size_t i = 0; labels && i < labels->n; i++)
		write_put_label(b, TS_LABELS, labels->p[i].name, labels->p[i].value);
	for (size_t i = 0; i < s->n_samples; i++)
		put_sample(b, TS_SAMPLES, s->t[i], s->v[i]);
	for (size_t i = 0; i < s->n_exemplars; i++)
		put_exemplar(b, fields_v1.exemplars, &s->exemplars[i]);
	for (size_t i = 0; i < s->n_histograms; i++)
		write_put_histogram(b, fields_v1.histograms, &s->histograms[i]);
	wire_close(b, m);
}
