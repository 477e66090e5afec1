#include "series/wire_write.h"

#include "base/mem.h"
#include "proto/prompb.pb-c.h"
#include "proto/scan.h"
#include "proto/store.pb-c.h"
#include "proto/writev2.pb-c.h"
#include "unit/unit.h"

#include <jansson.h>

static uint32_t rnd_state = 7;

static uint32_t rnd(uint32_t n)
{
	rnd_state = rnd_state * 1664525u + 1013904223u;
	return (rnd_state >> 9) % n;
}

/* --- golden bodies ------------------------------------------------------------------ */

static struct strbuf golden(const char *name)
{
	char path[4096];
	const char *srcdir = getenv("srcdir");
	snprintf(path, sizeof(path), "%s/tests/golden/remote/remote.json", srcdir ? srcdir : ".");
	json_t *all = json_load_file(path, 0, NULL), *e;
	size_t i;
	struct strbuf b = { 0 };
	assert_non_null(all);
	json_array_foreach(all, i, e)
	{
		if (strcmp(json_string_value(json_object_get(e, "name")), name) != 0)
			continue;
		const char *hex = json_string_value(json_object_get(e, "proto_hex"));
		for (; *hex; hex += 2) {
			char two[3] = { hex[0], hex[1], 0 };
			strbuf_add_ch(&b, (char)strtol(two, NULL, 16));
		}
	}
	json_decref(all);
	return b;
}

static void expect_labels(const struct write_reader *r, const struct write_series *s, const char *want)
{
	struct label l[8];
	struct strbuf b = { 0 };
	assert_true(s->n_labels <= 8);
	write_series_labels(r, s, l);
	labels_print((struct labels){ l, s->n_labels }, &b);
	assert_string_equal(b.p, want);
	strbuf_fini(&b);
}

static void check_int_histogram(const struct write_histogram *h)
{
	assert_false(h->h.is_float);
	assert_int_equal(h->t, 2000);
	assert_int_equal(h->h.schema, 1);
	assert_true(h->h.count == 21 && h->h.zero_count == 3 && h->h.sum == 36.8);
	assert_true(h->h.zero_threshold == 0.001);
	assert_int_equal(h->h.n_pos_spans, 2);
	assert_true(h->h.pos_spans[1].offset == 1 && h->h.pos_spans[1].length == 2);
	assert_int_equal(h->h.n_pos, 4);
	assert_true(h->h.pos_deltas[0] == 2 && h->h.pos_deltas[2] == -1 && h->h.neg_deltas[1] == 1);
}

static void test_golden_v1(void **state)
{
	struct strbuf body = golden("write_v1");
	struct write_reader r;
	struct write_series s;
	struct err e = ERR_NONE;
	assert_int_equal(write_reader_open(&r, WRITE_V1, strbuf_str(&body), NULL, &e), 0);
	assert_int_equal(r.n_series, 2);
	assert_int_equal(write_reader_next(&r, &s, &e), 1);
	expect_labels(&r, &s, "{__name__=\"up\", job=\"x\"}");
	assert_true(s.raw_whole);
	assert_int_equal(s.n_samples, 2);
	assert_true(s.t[0] == 1000 && s.v[0] == 1 && s.t[1] == -5 && s.v[1] == 1e300);
	assert_null(s.st);
	assert_int_equal(s.n_exemplars, 1);
	assert_true(s.exemplars[0].value == 0.5 && s.exemplars[0].t == 999);
	assert_true(str_eq(s.exemplars[0].labels.p[0].name, STR("trace_id")));
	assert_int_equal(write_reader_next(&r, &s, &e), 1);
	expect_labels(&r, &s, "{__name__=\"h\"}");
	assert_int_equal(s.n_histograms, 3);
	check_int_histogram(&s.histograms[0]);
	const struct histogram *f = &s.histograms[1].h, *c = &s.histograms[2].h;
	assert_true(f->is_float && f->count_f == 30 && f->zero_count_f == 4 && f->hint == HIST_HINT_GAUGE);
	assert_true(f->n_neg == 4 && f->neg_counts[1] == 4);
	assert_true(hist_is_custom(c) && c->n_bounds == 5 && c->bounds[4] == 4 && c->count == 9);
	assert_int_equal(write_reader_next(&r, &s, &e), 0);

	struct write_metadata m;
	size_t pos = 0;
	assert_int_equal(write_metadata_next(&r, &pos, &m, &e), 1);
	assert_true(m.type == 1 && str_eq(m.family, STR("up")) && str_eq(m.help, STR("h")));
	assert_true(str_eq(m.unit, STR("u")));
	assert_int_equal(write_metadata_next(&r, &pos, &m, &e), 0);
	write_reader_close(&r);
	strbuf_fini(&body);
}

static void test_golden_v2(void **state)
{
	struct strbuf body = golden("write_v2");
	struct write_reader r;
	struct write_series s;
	struct err e = ERR_NONE;
	assert_int_equal(write_reader_open(&r, WRITE_V2, strbuf_str(&body), NULL, &e), 0);
	assert_int_equal(write_reader_next(&r, &s, &e), 1);
	assert_null(s.fault);
	assert_false(s.raw_whole);
	expect_labels(&r, &s, "{__name__=\"up\", job=\"x\"}");
	assert_true(s.n_samples == 1 && s.t[0] == 1000 && s.v[0] == 1 && s.st[0] == 500);
	assert_true(str_eq(s.exemplars[0].labels.p[0].value, STR("t")));
	assert_true(s.has_metadata && s.metadata.type == 1);
	assert_true(str_eq(s.metadata.help, STR("help")) && str_eq(s.metadata.unit, STR("unit")));
	assert_int_equal(write_reader_next(&r, &s, &e), 1);
	expect_labels(&r, &s, "{__name__=\"up\", job=\"x\"}");
	assert_int_equal(s.n_histograms, 2);
	check_int_histogram(&s.histograms[0]);
	assert_int_equal(s.histograms[0].st, 400);
	assert_int_equal(write_reader_next(&r, &s, &e), 0);
	write_reader_close(&r);
	strbuf_fini(&body);
}

/* --- protobuf-c as a second opinion ---------------------------------------------------- */

/* A random request built by protobuf-c in an arena. */
static PrometheusCopy__TimeSeries *random_series(struct arena *a)
{
	PrometheusCopy__TimeSeries *ts = arena_zalloc(a, sizeof(*ts));
	prometheus_copy__time_series__init(ts);
	ts->n_labels = rnd(5);
	ts->labels = arena_array(a, ts->n_labels, sizeof(*ts->labels));
	for (size_t i = 0; i < ts->n_labels; i++) {
		ts->labels[i] = arena_zalloc(a, sizeof(**ts->labels));
		thanos__label__init(ts->labels[i]);
		char *name = arena_zalloc(a, 400), *value = arena_zalloc(a, 400);
		memset(name, 'n', rnd(20) ? rnd(10) : rnd(399));
		memset(value, 'v', rnd(20) ? rnd(10) : rnd(399));
		ts->labels[i]->name = name;
		ts->labels[i]->value = value;
	}
	ts->n_samples = rnd(4) ? rnd(4) : rnd(600);
	ts->samples = arena_array(a, ts->n_samples, sizeof(*ts->samples));
	for (size_t i = 0; i < ts->n_samples; i++) {
		ts->samples[i] = arena_zalloc(a, sizeof(**ts->samples));
		prometheus_copy__sample__init(ts->samples[i]);
		ts->samples[i]->value = rnd(3) ? rnd(1000) / 7.0 : 0;
		ts->samples[i]->timestamp = rnd(5) ? 1700000000000 + rnd(100000) : -(int64_t)rnd(3);
	}
	return ts;
}

static PrometheusCopy__Histogram *random_histogram(struct arena *a)
{
	PrometheusCopy__Histogram *h = arena_zalloc(a, sizeof(*h));
	prometheus_copy__histogram__init(h);
	bool is_float = rnd(2);
	h->count_case =
		is_float ? PROMETHEUS_COPY__HISTOGRAM__COUNT_COUNT_FLOAT : PROMETHEUS_COPY__HISTOGRAM__COUNT_COUNT_INT;
	if (is_float)
		h->count_float = rnd(100);
	else
		h->count_int = rnd(100);
	h->sum = rnd(100);
	h->schema = (int32_t)rnd(12) - 4;
	h->timestamp = rnd(10000);
	h->reset_hint = (int)rnd(4);
	h->n_positive_spans = rnd(3);
	h->positive_spans = arena_array(a, h->n_positive_spans, sizeof(*h->positive_spans));
	for (size_t i = 0; i < h->n_positive_spans; i++) {
		h->positive_spans[i] = arena_zalloc(a, sizeof(**h->positive_spans));
		prometheus_copy__bucket_span__init(h->positive_spans[i]);
		h->positive_spans[i]->offset = (int32_t)rnd(20) - 10;
		h->positive_spans[i]->length = rnd(5);
	}
	size_t n = rnd(20);
	h->positive_deltas = arena_array(a, n, sizeof(int64_t));
	h->negative_counts = arena_array(a, n, sizeof(double));
	for (size_t i = 0; i < n; i++) {
		h->positive_deltas[i] = (int64_t)rnd(1000) - 500;
		h->negative_counts[i] = rnd(10);
	}
	h->n_positive_deltas = is_float ? 0 : n;
	h->n_negative_counts = is_float ? n : 0;
	return h;
}

static void compare_histogram(const PrometheusCopy__Histogram *w, const struct write_histogram *g)
{
	bool is_float = w->count_case == PROMETHEUS_COPY__HISTOGRAM__COUNT_COUNT_FLOAT;
	assert_int_equal(g->h.is_float, is_float);
	assert_true(g->t == w->timestamp && g->h.sum == w->sum && g->h.schema == w->schema);
	assert_int_equal(g->h.hint, w->reset_hint);
	assert_true(is_float ? g->h.count_f == w->count_float : g->h.count == w->count_int);
	assert_int_equal(g->h.n_pos_spans, w->n_positive_spans);
	for (size_t i = 0; i < w->n_positive_spans; i++) {
		assert_int_equal(g->h.pos_spans[i].offset, w->positive_spans[i]->offset);
		assert_int_equal(g->h.pos_spans[i].length, w->positive_spans[i]->length);
	}
	assert_int_equal(g->h.n_pos, w->n_positive_deltas);
	for (size_t i = 0; i < w->n_positive_deltas; i++)
		assert_true(g->h.pos_deltas[i] == w->positive_deltas[i]);
	assert_int_equal(g->h.n_neg, w->n_negative_counts);
	for (size_t i = 0; i < w->n_negative_counts; i++)
		assert_true(g->h.neg_counts[i] == w->negative_counts[i]);
}

static void compare(const struct write_reader *r, const struct write_series *s, const PrometheusCopy__TimeSeries *want)
{
	struct label l[8];
	assert_int_equal(s->n_labels, want->n_labels);
	write_series_labels(r, s, l);
	for (size_t i = 0; i < s->n_labels; i++) {
		assert_true(str_eq_c(l[i].name, want->labels[i]->name));
		assert_true(str_eq_c(l[i].value, want->labels[i]->value));
	}
	assert_int_equal(s->n_samples, want->n_samples);
	for (size_t i = 0; i < s->n_samples; i++) {
		assert_true(s->t[i] == want->samples[i]->timestamp);
		assert_true(s->v[i] == want->samples[i]->value);
	}
	assert_int_equal(s->n_histograms, want->n_histograms);
	for (size_t i = 0; i < s->n_histograms; i++)
		compare_histogram(want->histograms[i], &s->histograms[i]);
}

/* Reads what protobuf-c wrote; writes what was read; protobuf-c reads that back. */
static void test_agrees_with_protobuf_c(void **state)
{
	for (int round = 0; round < 300; round++) {
		struct arena a;
		struct strbuf body = { 0 }, again = { 0 };
		struct write_reader r;
		struct write_series s;
		struct err e = ERR_NONE;
		PrometheusCopy__TimeSeries *ts[4];
		PrometheusCopy__WriteRequest req = PROMETHEUS_COPY__WRITE_REQUEST__INIT, *back;
		arena_init(&a, NULL);
		req.n_timeseries = rnd(5);
		req.timeseries = ts;
		for (size_t i = 0; i < req.n_timeseries; i++) {
			ts[i] = random_series(&a);
			ts[i]->n_histograms = rnd(3);
			ts[i]->histograms = arena_array(&a, ts[i]->n_histograms, sizeof(void *));
			for (size_t k = 0; k < ts[i]->n_histograms; k++)
				ts[i]->histograms[k] = random_histogram(&a);
		}
		proto_pack(&req, &body);
		assert_int_equal(write_reader_open(&r, WRITE_V1, strbuf_str(&body), NULL, &e), 0);
		assert_int_equal(r.n_series, req.n_timeseries);
		for (size_t i = 0; i < req.n_timeseries; i++) {
			assert_int_equal(write_reader_next(&r, &s, &e), 1);
			compare(&r, &s, ts[i]);
			struct label l[8];
			write_series_labels(&r, &s, l);
			struct labels set = { l, s.n_labels };
			write_put_series(&again, 1, &s, rnd(2) ? &set : NULL);
		}
		assert_int_equal(write_reader_next(&r, &s, &e), 0);
		write_reader_close(&r);
		assert_int_equal(proto_unpack(strbuf_str(&again), &prometheus_copy__write_request__descriptor, NULL, &a,
					      (void **)&back, &e),
				 0);
		assert_int_equal(back->n_timeseries, req.n_timeseries);
		for (size_t i = 0; i < back->n_timeseries; i++)
			assert_int_equal(back->timeseries[i]->n_samples, ts[i]->n_samples);
		assert_int_equal(write_reader_open(&r, WRITE_V1, strbuf_str(&again), NULL, &e), 0);
		for (size_t i = 0; i < req.n_timeseries; i++) {
			assert_int_equal(write_reader_next(&r, &s, &e), 1);
			compare(&r, &s, ts[i]);
		}
		write_reader_close(&r);
		strbuf_fini(&body);
		strbuf_fini(&again);
		arena_fini(&a);
	}
}

/* --- forms that no sender of note uses -------------------------------------------------- */

static int walk(enum write_kind kind, struct str body, struct err *e)
{
	struct write_reader r;
	struct write_series s;
	*e = ERR_NONE;
	int rc = write_reader_open(&r, kind, body, NULL, e);
	while (rc == 0 && (rc = write_reader_next(&r, &s, e)) > 0) {
		struct label *l = xcalloc(s.n_labels + 1, sizeof(*l));
		write_series_labels(&r, &s, l);
		free(l);
		rc = 0;
	}
	write_reader_close(&r);
	return rc;
}

static void test_odd_but_valid_forms(void **state)
{
	static const char body[] = "\x0a\x2c"
				   "\x0a\x06\x12\x01"
				   "v\x0a\x01"
				   "n"                        /* value before name */
				   "\x12\x04\x10\x02\x18\x07" /* no value; an unknown field */
				   "\x0a\x0a\x0a\x01"
				   "a\x0a\x01"
				   "b\x12\x02"
				   "cc"                                       /* name twice: the last counts */
				   "\x12\x0b\x10\x05\x09\0\0\0\0\0\0\xf0\x3f" /* time before value */
				   "\xa0\x06\x01"                             /* unknown field of the series */
				   "\x0a\x00";                                /* an empty label */
	struct write_reader r;
	struct write_series s;
	struct label l[3];
	struct err e = ERR_NONE;
	assert_int_equal(write_reader_open(&r, WRITE_V1, str_mem(body, sizeof(body) - 1), NULL, &e), 0);
	if (write_reader_next(&r, &s, &e) != 1)
		fail_msg("%s", e.msg);
	assert_false(s.raw_whole);
	assert_int_equal(s.n_labels, 3);
	write_series_labels(&r, &s, l);
	assert_true(str_eq(l[0].name, STR("n")) && str_eq(l[0].value, STR("v")));
	assert_true(str_eq(l[1].name, STR("b")) && str_eq(l[1].value, STR("cc")));
	assert_true(l[2].name.n == 0 && l[2].value.n == 0);
	assert_int_equal(s.n_samples, 2);
	assert_true(s.t[0] == 2 && s.v[0] == 0 && s.t[1] == 5 && s.v[1] == 1);
	assert_null(s.st);
	write_reader_close(&r);
}

static void test_unpacked_lists_are_read(void **state)
{
	/* deltas 1, -1 unpacked, then packed 2; counts unpacked; spans empty */
	static const char body[] = "\x0a\x1a\x22\x18"
				   "\x08\x07\x60\x02\x60\x01\x62\x01\x04\x5a\x00"
				   "\x51\0\0\0\0\0\0\xf0\x3f\x20\x01\x78\x09";
	struct write_reader r;
	struct write_series s;
	struct err e = ERR_NONE;
	assert_int_equal(write_reader_open(&r, WRITE_V1, str_mem(body, sizeof(body) - 1), NULL, &e), 0);
	if (write_reader_next(&r, &s, &e) != 1)
		fail_msg("%s", e.msg);
	const struct histogram *h = &s.histograms[0].h;
	assert_int_equal(h->n_pos, 3);
	assert_true(h->pos_deltas[0] == 1 && h->pos_deltas[1] == -1 && h->pos_deltas[2] == 2);
	assert_int_equal(h->n_pos_spans, 1);
	assert_int_equal(h->n_neg, 0); /* counts of an integer histogram do not count */
	assert_int_equal(h->schema, -1);
	assert_int_equal(s.histograms[0].t, 9);
	write_reader_close(&r);
}

static void expect_error(enum write_kind kind, const char *body, size_t n, const char *msg)
{
	struct err e;
	int rc = walk(kind, str_mem(body, n), &e);
	if (rc != -ERR_INVALID_ARGUMENT)
		fail_msg("%s: got %d", msg, rc);
	assert_string_equal(e.msg, msg);
}
#define EXPECT_ERROR(kind, lit, msg) expect_error(kind, lit, sizeof(lit) - 1, msg)

static void test_malformed_bodies(void **state)
{
	EXPECT_ERROR(WRITE_V1,
		     "\x0a\x05"
		     "a",
		     "proto: WriteRequest: unexpected EOF");
	EXPECT_ERROR(WRITE_V1, "\x08\x01", "proto: WriteRequest: wrong wireType");
	EXPECT_ERROR(WRITE_V1, "\x00\x01", "proto: WriteRequest: illegal tag");
	EXPECT_ERROR(WRITE_V1, "\x0b\x0c", "proto: WriteRequest: illegal wireType");
	EXPECT_ERROR(WRITE_V1, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f", "proto: WriteRequest: unexpected EOF");
	EXPECT_ERROR(WRITE_V1, "\x0a\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x7f",
		     "proto: WriteRequest: integer overflow");
	EXPECT_ERROR(WRITE_V1, "\x0a\x03\x0a\x01\x0a", "proto: Label: unexpected EOF");
	EXPECT_ERROR(WRITE_V1, "\x0a\x02\x08\x01", "proto: Label: wrong wireType");
	EXPECT_ERROR(WRITE_V1, "\x0a\x04\x12\x02\x09\x01", "proto: Sample: unexpected EOF");
	EXPECT_ERROR(WRITE_V1, "\x0a\x04\x12\x02\x08\x01", "proto: Sample: wrong wireType");
	EXPECT_ERROR(WRITE_V1, "\x0a\x02\x10\x01", "proto: TimeSeries: wrong wireType");
	EXPECT_ERROR(WRITE_V1, "\x0a\x07\x22\x05\x52\x03\0\0\0", "proto: Histogram: unexpected EOF");
	EXPECT_ERROR(WRITE_V1, "\x0a\x05\x22\x03\x62\x01\x80", "proto: Histogram: unexpected EOF");
	EXPECT_ERROR(WRITE_V1, "\x0a\x04\x22\x02\x19\x01", "proto: Histogram: unexpected EOF");
	EXPECT_ERROR(WRITE_V1, "\x0a\x04\x1a\x02\x10\x01", "proto: Exemplar: wrong wireType");
	EXPECT_ERROR(WRITE_V2,
		     "\x22\x01"
		     "a",
		     "symbols[0] must be the empty string");
	EXPECT_ERROR(WRITE_V2, "\x22\x00\x2a\x03\x0a\x01\x80", "proto: Label: unexpected EOF");
	EXPECT_ERROR(WRITE_V2, "\x22\x00\x2a\x05\x0a\x00\x2a\x01\x08", "proto: Metadata: unexpected EOF");
	EXPECT_ERROR(WRITE_THANOS, "\x22\x02\x12\x05", "proto: TimeSeriesTenantTuple: unexpected EOF");
}

static void test_empty_bodies_have_no_series(void **state)
{
	struct err e;
	assert_int_equal(walk(WRITE_V1, STR(""), &e), 0);
	assert_int_equal(walk(WRITE_V2, STR(""), &e), 0);
	assert_int_equal(walk(WRITE_THANOS, (struct str){ NULL, 0 }, &e), 0);
}

static void expect_fault(const char *body, size_t n, const char *want)
{
	struct write_reader r;
	struct write_series s;
	struct err e = ERR_NONE;
	assert_int_equal(write_reader_open(&r, WRITE_V2, str_mem(body, n), NULL, &e), 0);
	assert_int_equal(write_reader_next(&r, &s, &e), 1);
	assert_non_null(s.fault);
	assert_string_equal(s.fault, want);
	assert_int_equal(s.n_labels, 0);
	assert_int_equal(write_reader_next(&r, &s, &e), 1);
	assert_null(s.fault);
	assert_int_equal(s.n_labels, 1);
	assert_int_equal(write_reader_next(&r, &s, &e), 0);
	write_reader_close(&r);
}
#define SYMS \
	"\x22\x00\x22\x01" \
	"a\x22\x01" \
	"b"
#define GOOD "\x2a\x04\x0a\x02\x01\x02"
#define EXPECT_FAULT(lit, want) expect_fault(SYMS lit GOOD, sizeof(SYMS lit GOOD) - 1, want)

static void test_wrong_references_spare_other_series(void **state)
{
	EXPECT_FAULT("\x2a\x05\x0a\x03\x01\x02\x01", "parsing labels for series [1 2 1]: invalid labelRefs length 3");
	EXPECT_FAULT(
		"\x2a\x04\x0a\x02\x01\x03",
		"parsing labels for series [1 3]: labelRefs 1 (name) = 3 (value) outside of symbols table (size 3)");
	EXPECT_FAULT(
		"\x2a\x04\x08\x09\x08\x01",
		"parsing labels for series [9 1]: labelRefs 9 (name) = 1 (value) outside of symbols table (size 3)");
	EXPECT_FAULT("\x2a\x08\x0a\x02\x01\x02\x2a\x02\x18\x07",
		     "parsing metadata for series [1 2]: metadata help_ref 7 outside of symbols table (size 3)");
	EXPECT_FAULT("\x2a\x08\x0a\x02\x01\x02\x2a\x02\x20\x07",
		     "parsing metadata for series [1 2]: metadata unit_ref 7 outside of symbols table (size 3)");
}

static void test_wrong_references_of_exemplars(void **state)
{
	static const char body[] = SYMS "\x2a\x09\x0a\x02\x01\x02\x22\x03\x0a\x01\x01";
	struct write_reader r;
	struct write_series s;
	struct err e = ERR_NONE;
	assert_int_equal(write_reader_open(&r, WRITE_V2, str_mem(body, sizeof(body) - 1), NULL, &e), 0);
	assert_int_equal(write_reader_next(&r, &s, &e), 1);
	assert_null(s.fault);
	assert_int_equal(s.n_labels, 1);
	assert_string_equal(s.exemplars[0].fault, "invalid labelRefs length 1");
	write_reader_close(&r);
}

static void test_symbols_may_stand_behind_the_series(void **state)
{
	static const char body[] = GOOD SYMS;
	struct write_reader r;
	struct write_series s;
	struct err e = ERR_NONE;
	assert_int_equal(write_reader_open(&r, WRITE_V2, str_mem(body, sizeof(body) - 1), NULL, &e), 0);
	assert_int_equal(write_reader_next(&r, &s, &e), 1);
	expect_labels(&r, &s, "{a=\"b\"}");
	write_reader_close(&r);
}

/* --- thanos.WriteRequest ---------------------------------------------------------------- */

static void put_up(struct strbuf *b, uint32_t num, const char *job)
{
	struct label l[] = { { STR("job"), str_c(job) } };
	struct labels set = { l, 1 };
	int64_t t = 5;
	double v = 1;
	struct write_series s = { .n_samples = 1, .t = &t, .v = &v };
	write_put_series(b, num, &s, &set);
}

static void test_thanos_request_with_one_tenant(void **state)
{
	struct strbuf b = { 0 };
	struct write_reader r;
	struct write_series s;
	struct err e = ERR_NONE;
	put_up(&b, 1, "x");
	wire_put_str(&b, 2, STR("team"));
	wire_put_uint(&b, 3, 2);
	assert_int_equal(write_reader_open(&r, WRITE_THANOS, strbuf_str(&b), NULL, &e), 0);
	assert_int_equal(r.replica, 2);
	assert_int_equal(write_reader_next(&r, &s, &e), 1);
	assert_true(str_eq(s.tenant, STR("team")));
	expect_labels(&r, &s, "{job=\"x\"}");
	assert_int_equal(write_reader_next(&r, &s, &e), 0);
	struct str tenant;
	write_reader_rewind(&r);
	assert_true(write_reader_next_tenant(&r, &tenant));
	assert_true(str_eq_c(tenant, "team"));
	assert_int_equal(write_reader_next(&r, &s, &e), 1);
	assert_false(write_reader_next_tenant(&r, &tenant));
	write_reader_close(&r);
	strbuf_fini(&b);
}

static void test_thanos_tuples_replace_the_plain_fields(void **state)
{
	struct strbuf b = { 0 };
	struct write_reader r;
	struct write_series s;
	struct err e = ERR_NONE;
	static const char *const tenants[] = { "a", "b" };
	put_up(&b, 1, "ignored");
	wire_put_str(&b, 2, STR("ignored"));
	for (int i = 0; i < 2; i++) {
		size_t m = wire_open(&b, 4);
		put_up(&b, 1, i ? "b1" : "a1");
		wire_put_str(&b, 2, str_c(tenants[i]));
		put_up(&b, 1, i ? "b2" : "a2");
		wire_close(&b, m);
	}
	assert_int_equal(write_reader_open(&r, WRITE_THANOS, strbuf_str(&b), NULL, &e), 0);
	assert_int_equal(r.n_series, 4);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < 4; i++) {
			static const char *const want[] = { "{job=\"a1\"}", "{job=\"a2\"}", "{job=\"b1\"}",
							    "{job=\"b2\"}" };
			assert_int_equal(write_reader_next(&r, &s, &e), 1);
			assert_true(str_eq_c(s.tenant, tenants[i / 2]));
			expect_labels(&r, &s, want[i]);
		}
		assert_int_equal(write_reader_next(&r, &s, &e), 0);
		write_reader_rewind(&r);
	}
	/* Tenant by tenant: the second series of the first is passed over. */
	struct str tenant;
	assert_true(write_reader_next_tenant(&r, &tenant));
	assert_true(str_eq_c(tenant, "a"));
	assert_int_equal(write_reader_next(&r, &s, &e), 1);
	expect_labels(&r, &s, "{job=\"a1\"}");
	assert_true(write_reader_next_tenant(&r, &tenant));
	assert_true(str_eq_c(tenant, "b"));
	for (int i = 0; i < 2; i++) {
		assert_int_equal(write_reader_next(&r, &s, &e), 1);
		expect_labels(&r, &s, i ? "{job=\"b2\"}" : "{job=\"b1\"}");
	}
	assert_int_equal(write_reader_next(&r, &s, &e), 0);
	assert_false(write_reader_next_tenant(&r, &tenant));
	write_reader_close(&r);
	strbuf_fini(&b);
}

/* --- limits and damage -------------------------------------------------------------------- */

static void test_memory_stays_in_the_budget(void **state)
{
	struct budget budget;
	struct strbuf b = { 0 };
	struct write_reader r;
	struct write_series s;
	struct err e = ERR_NONE;
	size_t m = wire_open(&b, 1);
	for (int i = 0; i < 200000; i++)
		wire_put_str(&b, 2, STR(""));
	wire_close(&b, m);
	budget_init(&budget, NULL, "write", 1 << 20);
	assert_int_equal(write_reader_open(&r, WRITE_V1, strbuf_str(&b), &budget, &e), 0);
	assert_int_equal(write_reader_next(&r, &s, &e), -ERR_RESOURCE_EXHAUSTED);
	write_reader_close(&r);
	assert_true(budget.peak <= 1 << 20);
	strbuf_reset(&b);
	for (int i = 0; i < 200000; i++)
		wire_put_str(&b, 4, STR(""));
	assert_int_equal(write_reader_open(&r, WRITE_V2, strbuf_str(&b), &budget, &e), -ERR_RESOURCE_EXHAUSTED);
	write_reader_close(&r);
	budget_fini(&budget);
	strbuf_fini(&b);
}

static void test_too_many_buckets(void **state)
{
	struct strbuf b = { 0 };
	struct err e;
	size_t m = wire_open(&b, 1), h = wire_open(&b, 4), d = wire_open(&b, 12);
	for (int i = 0; i <= HIST_BUCKETS_MAX; i++)
		strbuf_add_ch(&b, 2);
	wire_close(&b, d);
	wire_close(&b, h);
	wire_close(&b, m);
	assert_int_equal(walk(WRITE_V1, strbuf_str(&b), &e), -ERR_INVALID_ARGUMENT);
	assert_string_equal(e.msg, "proto: Histogram: more than 65536 buckets");
	strbuf_fini(&b);
}

/* Every truncation and every single-bit flip of the golden bodies: an answer or an error, never a crash. */
static void test_damaged_bodies_never_crash(void **state)
{
	static const char *const names[] = { "write_v1", "write_v2" };
	for (int k = 0; k < 2; k++) {
		struct strbuf b = golden(names[k]);
		struct err e;
		for (size_t n = 0; n < b.n; n++) {
			char *cut = xmemdup(b.p, n ? n : 1);
			walk((enum write_kind)k, str_mem(cut, n), &e);
			free(cut);
		}
		for (size_t bit = 0; bit < b.n * 8; bit++) {
			b.p[bit / 8] ^= (char)(1 << bit % 8);
			walk((enum write_kind)k, strbuf_str(&b), &e);
			b.p[bit / 8] ^= (char)(1 << bit % 8);
		}
		strbuf_fini(&b);
	}
}

static unsigned pauses, pauses_left;

static int count_pause(struct err *err)
{
	pauses++;
	return pauses_left && --pauses_left == 0 ? err_set(err, ERR_CANCELLED, "enough") : 0;
}

static void test_a_series_with_very_many_samples_pauses_while_it_is_read(void **state)
{
	enum { N = 300000 };
	struct write_series in = { .n_samples = N }, s;
	const struct label l[] = { { STR("__name__"), STR("long") } };
	const struct labels labels = { l, 1 };
	int64_t *t = xcalloc(N, sizeof(*t));
	double *v = xcalloc(N, sizeof(*v));
	struct strbuf b = { 0 };
	struct write_reader r;
	struct err e;
	for (size_t i = 0; i < N; i++) {
		t[i] = 1700000000000 + (int64_t)i;
		v[i] = (double)i;
	}
	in.t = t;
	in.v = v;
	write_put_series(&b, 1, &in, &labels);
	assert_int_equal(write_reader_open_pausing(&r, WRITE_V1, strbuf_str(&b), NULL, count_pause, &e), 0);
	pauses = pauses_left = 0;
	assert_int_equal(write_reader_next(&r, &s, &e), 1);
	assert_true(pauses >= N / 16384);
	assert_int_equal(s.n_samples, N);
	assert_memory_equal(s.t, t, N * sizeof(*t));
	assert_memory_equal(s.v, v, N * sizeof(*v));
	write_reader_rewind(&r);
	pauses_left = 3;
	assert_int_equal(write_reader_next(&r, &s, &e), -ERR_CANCELLED);
	write_reader_close(&r);
	strbuf_fini(&b);
	free(t);
	free(v);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_golden_v1),
		cmocka_unit_test(test_golden_v2),
		cmocka_unit_test(test_agrees_with_protobuf_c),
		cmocka_unit_test(test_odd_but_valid_forms),
		cmocka_unit_test(test_unpacked_lists_are_read),
		cmocka_unit_test(test_malformed_bodies),
		cmocka_unit_test(test_empty_bodies_have_no_series),
		cmocka_unit_test(test_wrong_references_spare_other_series),
		cmocka_unit_test(test_wrong_references_of_exemplars),
		cmocka_unit_test(test_symbols_may_stand_behind_the_series),
		cmocka_unit_test(test_thanos_request_with_one_tenant),
		cmocka_unit_test(test_thanos_tuples_replace_the_plain_fields),
		cmocka_unit_test(test_memory_stays_in_the_budget),
		cmocka_unit_test(test_too_many_buckets),
		cmocka_unit_test(test_damaged_bodies_never_crash),
		cmocka_unit_test(test_a_series_with_very_many_samples_pauses_while_it_is_read),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
