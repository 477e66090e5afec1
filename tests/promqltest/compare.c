#include "promqltest/compare.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "promql/math/buckets.h"
#include "text/float.h"

#include <math.h>
#include <stdlib.h>

#define EPSILON 0.000001

/* --- numbers and histograms ---------------------------------------------------------- */

bool compare_almost(double a, double b)
{
	return almost_equal(a, b, EPSILON);
}

static bool same_counts(const double *a, uint32_t na, const double *b, uint32_t nb)
{
	for (uint32_t i = 0; i < na && na == nb; i++)
		if (!compare_almost(a[i], b[i]))
			return false;
	return na == nb;
}

/* Same bucket indexes; both are compacted, so that empty spans do not occur between others. */
static bool same_spans(const struct hist_span *a, uint32_t na, const struct hist_span *b, uint32_t nb)
{
	for (uint32_t i = 0; i < na && na == nb; i++)
		if (a[i].offset != b[i].offset || a[i].length != b[i].length)
			return false;
	return na == nb;
}

static struct histogram compacted(const struct histogram *h, uint32_t max_empty, struct arena *a)
{
	struct histogram f, c;
	struct err err = ERR_NONE;
	CHECK(hist_to_float(&f, h, a, &err) == 0);
	CHECK(hist_compact(&c, &f, max_empty, a, &err) == 0);
	return c;
}

static bool same_bounds(const struct histogram *a, const struct histogram *b)
{
	for (uint32_t i = 0; i < a->n_bounds && a->n_bounds == b->n_bounds; i++)
		if (a->bounds[i] != b->bounds[i])
			return false;
	return a->n_bounds == b->n_bounds;
}

static bool same_histogram(const struct promql_seq_value *want, const struct histogram *got, struct arena *a)
{
	struct histogram w = compacted(want->h, 0, a), g = compacted(got, 0, a);
	return w.schema == g.schema && compare_almost(w.count_f, g.count_f) && compare_almost(w.sum, g.sum) &&
	       (!hist_is_custom(&w) || same_bounds(&w, &g)) && w.zero_threshold == g.zero_threshold &&
	       compare_almost(w.zero_count_f, g.zero_count_f) &&
	       same_spans(w.neg_spans, w.n_neg_spans, g.neg_spans, g.n_neg_spans) &&
	       same_counts(w.neg_counts, w.n_neg, g.neg_counts, g.n_neg) &&
	       same_spans(w.pos_spans, w.n_pos_spans, g.pos_spans, g.n_pos_spans) &&
	       same_counts(w.pos_counts, w.n_pos, g.pos_counts, g.n_pos) &&
	       (!want->hint_set || want->h->hint == got->hint);
}

static void print_g(struct strbuf *b, double v)
{
	text_float_add(b, v, TEXT_FLOAT_G);
}

static void print_pair(struct strbuf *b, const char *key, double v)
{
	if (v == 0)
		return;
	strbuf_printf(b, " %s:", key);
	print_g(b, v);
}

static void print_list(struct strbuf *b, const char *key, const double *v, uint32_t n)
{
	strbuf_printf(b, " %s:[", key);
	for (uint32_t i = 0; i < n; i++) {
		if (i)
			strbuf_add_ch(b, ' ');
		print_g(b, v[i]);
	}
	strbuf_add_ch(b, ']');
}

static void print_side(struct strbuf *b, const char *offset_key, const char *key, const struct hist_span *spans,
		       uint32_t n_spans, const double *v, uint32_t n)
{
	if (n_spans && spans[0].offset != 0)
		strbuf_printf(b, " %s:%d", offset_key, spans[0].offset);
	if (n)
		print_list(b, key, v, n);
}

void compare_print_histogram(const struct histogram *h, struct arena *a, struct strbuf *b)
{
	static const char *const hints[] = { NULL, "reset", "not_reset", "gauge" };
	struct histogram c = compacted(h, UINT32_MAX, a);
	struct strbuf in = { 0 };
	if (c.schema != 0)
		strbuf_printf(&in, " schema:%d", c.schema);
	print_pair(&in, "count", c.count_f);
	print_pair(&in, "sum", c.sum);
	print_pair(&in, "z_bucket", c.zero_count_f);
	print_pair(&in, "z_bucket_w", c.zero_threshold);
	if (hist_is_custom(&c))
		print_list(&in, "custom_values", c.bounds, c.n_bounds);
	if (hints[h->hint & 3])
		strbuf_printf(&in, " counter_reset_hint:%s", hints[h->hint & 3]);
	print_side(&in, "offset", "buckets", c.pos_spans, c.n_pos_spans, c.pos_counts, c.n_pos);
	print_side(&in, "n_offset", "n_buckets", c.neg_spans, c.n_neg_spans, c.neg_counts, c.n_neg);
	strbuf_add_c(b, "{{");
	if (in.n)
		strbuf_add(b, in.p + 1, in.n - 1);
	strbuf_add_c(b, "}}");
	strbuf_fini(&in);
}

/* --- texts ---------------------------------------------------------------------------- */

/* Takes the buffer's text into the arena. */
static const char *keep(struct strbuf *b, struct arena *a)
{
	const char *s = arena_memdup(a, b->n ? b->p : "", b->n);
	strbuf_fini(b);
	CHECK(s);
	return s;
}

static const char *labels_text(struct labels l, struct arena *a)
{
	struct strbuf b = { 0 };
	labels_print(l, &b);
	return keep(&b, a);
}

static const char *g_text(double v, struct arena *a)
{
	struct strbuf b = { 0 };
	print_g(&b, v);
	return keep(&b, a);
}

static const char *hist_text(const struct histogram *h, struct arena *a)
{
	struct strbuf b = { 0 };
	compare_print_histogram(h, a, &b);
	return keep(&b, a);
}

/* An expected value as upstream's %v has it. */
static void print_value(const struct promql_seq_value *v, struct arena *a, struct strbuf *b)
{
	if (v->omitted)
		strbuf_add_ch(b, '_');
	else if (v->h)
		compare_print_histogram(v->h, a, b);
	else if (isnan(v->v))
		strbuf_add_c(b, "NaN");
	else if (isinf(v->v))
		strbuf_add_c(b, v->v > 0 ? "+Inf" : "-Inf");
	else
		strbuf_printf(b, "%f", v->v);
}

static const char *value_text(const struct promql_seq_value *v, struct arena *a)
{
	struct strbuf b = { 0 };
	print_value(v, a, &b);
	return keep(&b, a);
}

/* "<pos>: [v v v]" */
static const char *entry_text(const struct script_series *s, struct arena *a)
{
	struct strbuf b = { 0 };
	strbuf_printf(&b, "%d: [", s->pos);
	for (size_t i = 0; i < s->n_values; i++) {
		if (i)
			strbuf_add_ch(&b, ' ');
		print_value(&s->values[i], a, &b);
	}
	strbuf_add_ch(&b, ']');
	return keep(&b, a);
}

static void print_point(struct strbuf *b, const struct promql_point *p)
{
	text_float_add(b, p->v, TEXT_FLOAT_F);
	strbuf_printf(b, " @[%lld]", (long long)p->t);
}

/* "2 float points [1 @[0] 2 @[1000]] and 0 histogram points []" */
static const char *points_text(const struct promql_rseries *s, struct arena *a)
{
	struct strbuf b = { 0 };
	strbuf_printf(&b, "%zu float point%s [", s->n_floats, s->n_floats == 1 ? "" : "s");
	for (size_t i = 0; i < s->n_floats; i++) {
		if (i)
			strbuf_add_ch(&b, ' ');
		print_point(&b, &s->floats[i]);
	}
	strbuf_printf(&b, "] and %zu histogram point%s [", s->n_hists, s->n_hists == 1 ? "" : "s");
	for (size_t i = 0; i < s->n_hists; i++) {
		if (i)
			strbuf_add_ch(&b, ' ');
		compare_print_histogram(s->hists[i].h, a, &b);
		strbuf_printf(&b, " @[%lld]", (long long)s->hists[i].t);
	}
	strbuf_add_ch(&b, ']');
	return keep(&b, a);
}

/* A whole result, for messages about its type: points of a series parted by `sep`. */
static const char *result_text(const struct promql_result *r, const char *arrow, const char *sep, struct arena *a)
{
	struct strbuf b = { 0 };
	for (size_t i = 0; i < r->n_series; i++) {
		const struct promql_rseries *s = &r->series[i];
		if (i)
			strbuf_add_ch(&b, '\n');
		labels_print(s->labels, &b);
		strbuf_add_c(&b, arrow);
		for (size_t k = 0; k < s->n_floats; k++) {
			if (k)
				strbuf_add_c(&b, sep);
			print_point(&b, &s->floats[k]);
		}
		for (size_t k = 0; k < s->n_hists; k++) {
			if (k || s->n_floats)
				strbuf_add_c(&b, sep);
			compare_print_histogram(s->hists[k].h, a, &b);
			strbuf_printf(&b, " @[%lld]", (long long)s->hists[k].t);
		}
	}
	return keep(&b, a);
}

/* --- matrices -------------------------------------------------------------------------- */

static const struct script_series *find_expected(const struct script_cmd *c, struct labels l)
{
	for (size_t i = 0; i < c->n_series; i++)
		if (labels_eq(c->series[i].labels, l))
			return &c->series[i];
	return NULL;
}

static bool has_series(const struct promql_result *r, struct labels l)
{
	for (size_t i = 0; i < r->n_series; i++)
		if (labels_eq(r->series[i].labels, l))
			return true;
	return false;
}

/* Where in an expected series a float or a histogram comes next. */
struct cursor {
	size_t i, index;
};

/* Checks the next expected float against a point. */
static const char *compare_float(const struct promql_rseries *s, struct cursor *cur, int64_t t, double want,
				 struct arena *a)
{
	const struct promql_point *p = &s->floats[cur->index];
	size_t i = cur->index++;
	if (t != p->t)
		return arena_printf(a,
				    "expected float value at index %zu for %s to have timestamp %lld, but it had "
				    "timestamp %lld (result has %s)",
				    i, labels_text(s->labels, a), (long long)t, (long long)p->t, points_text(s, a));
	if (!compare_almost(p->v, want))
		return arena_printf(a,
				    "expected float value at index %zu (t=%lld) for %s to be %s, but got %s "
				    "(result has %s)",
				    i, (long long)t, labels_text(s->labels, a), g_text(want, a), g_text(p->v, a),
				    points_text(s, a));
	return NULL;
}

/* Checks the next expected histogram against a point. */
static const char *compare_hist(const struct promql_rseries *s, struct cursor *cur, int64_t t,
				const struct promql_seq_value *want, struct arena *a)
{
	const struct promql_hpoint *p = &s->hists[cur->index];
	size_t i = cur->index++;
	if (t != p->t)
		return arena_printf(a,
				    "expected histogram value at index %zu for %s to have timestamp %lld, but it "
				    "had timestamp %lld (result has %s)",
				    i, labels_text(s->labels, a), (long long)t, (long long)p->t, points_text(s, a));
	if (!same_histogram(want, p->h, a))
		return arena_printf(a,
				    "expected histogram value at index %zu (t=%lld) for %s to be %s, but got %s "
				    "(result has %s)",
				    i, (long long)t, labels_text(s->labels, a), hist_text(want->h, a),
				    hist_text(p->h, a), points_text(s, a));
	return NULL;
}

/* Floats first, then histograms, as upstream reports them. */
static const char *compare_points(const struct eval_cmd *ev, const struct script_series *want,
				  const struct promql_rseries *s, bool hists, struct arena *a)
{
	struct cursor cur = { 0, 0 };
	const char *msg = NULL;
	for (; cur.i < want->n_values && !msg; cur.i++) {
		const struct promql_seq_value *v = &want->values[cur.i];
		int64_t t = ev->start_ms + (int64_t)cur.i * ev->step_ms;
		if (v->omitted || (v->h != NULL) != hists)
			continue;
		msg = hists ? compare_hist(s, &cur, t, v, a) : compare_float(s, &cur, t, v->v, a);
	}
	return msg;
}

static const char *compare_series(const struct eval_cmd *ev, const struct script_series *want,
				  const struct promql_rseries *s, struct arena *a)
{
	size_t n_floats = 0, n_hists = 0;
	for (size_t i = 0; i < want->n_values; i++) {
		if (ev->start_ms + (int64_t)i * ev->step_ms > ev->end_ms)
			return arena_printf(a,
					    "expected %zu points for %s, but query time range cannot return this "
					    "many points",
					    want->n_values, labels_text(s->labels, a));
		n_hists += want->values[i].h != NULL;
		n_floats += !want->values[i].h && !want->values[i].omitted;
	}
	if (n_floats != s->n_floats || n_hists != s->n_hists)
		return arena_printf(a, "expected %zu float points and %zu histogram points for %s, but got %s",
				    n_floats, n_hists, labels_text(s->labels, a), points_text(s, a));
	const char *msg = compare_points(ev, want, s, false, a);
	return msg ? msg : compare_points(ev, want, s, true, a);
}

const char *compare_sorted(const struct promql_result *r, struct arena *a)
{
	for (size_t i = 0; i + 1 < r->n_series; i++)
		if (labels_cmp(r->series[i].labels, r->series[i + 1].labels) > 0)
			return arena_printf(a,
					    "matrix results should always be sorted by labels, but matrix is not "
					    "sorted: series at index %zu with labels %s sorts before series at "
					    "index %zu with labels %s",
					    i + 1, labels_text(r->series[i + 1].labels, a), i,
					    labels_text(r->series[i].labels, a));
	return NULL;
}

static const char *compare_matrix(const struct script_cmd *c, const struct promql_result *r, struct arena *a)
{
	const struct eval_cmd *ev = &c->eval;
	if (ev->ordered || eval_expects(ev, EXPECT_ORDERED))
		return "expected ordered result, but query returned a matrix";
	if (ev->expect_scalar)
		return arena_printf(a, "expected scalar result, but got matrix %s", result_text(r, " =>\n", "\n", a));
	const char *msg = compare_sorted(r, a);
	for (size_t i = 0; i < r->n_series && !msg; i++) {
		const struct promql_rseries *s = &r->series[i];
		const struct script_series *want = find_expected(c, s->labels);
		msg = want ? compare_series(ev, want, s, a)
			   : arena_printf(a, "unexpected metric %s in result, has %s", labels_text(s->labels, a),
					  points_text(s, a));
	}
	for (size_t i = 0; i < c->n_series && !msg; i++)
		if (!has_series(r, c->series[i].labels))
			msg = arena_printf(a, "expected metric %s not found", labels_text(c->series[i].labels, a));
	return msg;
}

/* --- vectors and scalars ------------------------------------------------------------------ */

/* A sample of a vector against the first expected value. */
static const char *compare_sample(const struct promql_seq_value *want, const struct promql_rseries *s, struct arena *a)
{
	const char *name = labels_text(s->labels, a);
	const struct histogram *h = s->n_hists ? s->hists[0].h : NULL;
	double v = s->n_floats ? s->floats[0].v : 0;
	if (!want->h && h)
		return arena_printf(a, "expected float value %s for %s but got histogram %s", value_text(want, a), name,
				    hist_text(h, a));
	if (want->h && !h)
		return arena_printf(a, "expected histogram %s for %s but got float value %s", hist_text(want->h, a),
				    name, g_text(v, a));
	if (want->h)
		return same_histogram(want, h, a) ? NULL
						  : arena_printf(a, "expected %s for %s but got %s",
								 hist_text(want->h, a), name, hist_text(h, a));
	return compare_almost(want->v, v)
		       ? NULL
		       : arena_printf(a, "expected %s for %s but got %s", g_text(want->v, a), name, g_text(v, a));
}

/* The series at `pos` of a vector. */
static const char *compare_element(const struct script_cmd *c, const struct promql_rseries *s, size_t pos,
				   struct arena *a)
{
	const struct script_series *want = find_expected(c, s->labels);
	bool ordered = c->eval.ordered || eval_expects(&c->eval, EXPECT_ORDERED);
	if (!want)
		return arena_printf(a, "unexpected metric %s in result, has value %s", labels_text(s->labels, a),
				    s->n_hists ? hist_text(s->hists[0].h, a) : g_text(s->floats[0].v, a));
	if (ordered && want->pos != (int)pos + 1)
		return arena_printf(a, "expected metric %s with %s at position %d but was at %zu",
				    labels_text(s->labels, a), strchr(entry_text(want, a), '['), want->pos, pos + 1);
	if (want->n_values == 0)
		return arena_printf(a, "no value is given for expected metric %s", labels_text(s->labels, a));
	return compare_sample(&want->values[0], s, a);
}

static const char *compare_vector(const struct script_cmd *c, const struct promql_result *r, struct arena *a)
{
	if (c->eval.expect_scalar)
		return arena_printf(a, "expected scalar result, but got vector %s", result_text(r, " => ", " ", a));
	for (size_t i = 0; i < r->n_series; i++) {
		const char *msg = compare_element(c, &r->series[i], i, a);
		if (msg)
			return msg;
	}
	for (size_t i = 0; i < c->n_series; i++)
		if (!has_series(r, c->series[i].labels))
			return arena_printf(a, "expected metric %s with %s not found",
					    labels_text(c->series[i].labels, a), entry_text(&c->series[i], a));
	return NULL;
}

static const char *compare_scalar(const struct eval_cmd *ev, const struct promql_result *r, struct arena *a)
{
	struct strbuf b = { 0 };
	if (!ev->expect_scalar) {
		strbuf_add_c(&b, "expected vector or matrix result, but got scalar: ");
		print_point(&b, &r->scalar);
		return keep(&b, a);
	}
	if (compare_almost(ev->scalar, r->scalar.v))
		return NULL;
	return arena_printf(a, "expected scalar %s but got %s", g_text(ev->scalar, a), g_text(r->scalar.v, a));
}

const char *compare_result(const struct script_cmd *c, const struct promql_result *r, struct arena *a)
{
	switch (r->type) {
	case PROMQL_TYPE_MATRIX:
		return compare_matrix(c, r, a);
	case PROMQL_TYPE_VECTOR:
		return compare_vector(c, r, a);
	case PROMQL_TYPE_SCALAR:
		return compare_scalar(&c->eval, r, a);
	case PROMQL_TYPE_STRING:
		return str_eq_c(r->string, c->eval.string) ? NULL
							   : arena_printf(a, "expected string \"%s\" but got \"%.*s\"",
									  c->eval.string, STR_ARG(r->string));
	default:
		return "result without a type";
	}
}
