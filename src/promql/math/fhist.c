/* Native histograms: unpacking, addition, scaling. */
#include "promql/math/fhist.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "promql/math/exponential_bounds.h"
#include "promql/math/kahan.h"

#include <float.h>
#include <math.h>
#include <string.h>

/* f * 2^e for f in [0.5, 1): exact, for f has 53 bits, unless the result is subnormal. */
static inline double times_power(double f, int e)
{
	if (UNLIKELY(e < -1021 || e > 1023))
		return ldexp(f, e);
	uint64_t bits = (uint64_t)(e + 1023) << 52;
	double power;
	memcpy(&power, &bits, sizeof(power));
	return f * power;
}

double fhist_bound(int32_t idx, int32_t schema)
{
	if (schema < 0) {
		int64_t e = (int64_t)idx * (1LL << -schema);
		if (e == 1024)
			return DBL_MAX;
		return ldexp(1, e > 5000 ? 5000 : e < -5000 ? -5000 : (int)e);
	}
	int32_t per_octave = 1 << schema;
	double f = exponential_bounds8[(uint32_t)(idx & (per_octave - 1)) << (8 - schema)];
	int e = (idx >> schema) + 1;
	if (f == 0.5 && e == 1025)
		return DBL_MAX;
	return times_power(f, e);
}

static int side_reserve(struct fh_side *s, uint32_t n, struct arena *a, struct err *err)
{
	s->cap = n;
	s->idx = arena_alloc(a, (size_t)n * sizeof(*s->idx) + 1);
	s->count = arena_alloc(a, (size_t)n * sizeof(*s->count) + 1);
	s->comp = arena_array(a, n, sizeof(*s->comp));
	return s->idx && s->count && s->comp ? 0 : arena_err(a, err);
}

static int side_load(struct fh_side *s, const struct hist_span *spans, uint32_t n_spans, const double *counts,
		     uint32_t n, struct arena *a, struct err *err)
{
	int rc = side_reserve(s, n, a, err);
	if (rc)
		return rc;
	int32_t idx = 0;
	s->n = 0;
	for (uint32_t i = 0; i < n_spans; i++) {
		idx += spans[i].offset;
		for (uint32_t j = 0; j < spans[i].length && s->n < n; j++) {
			s->idx[s->n] = idx++;
			s->count[s->n] = counts[s->n];
			s->n++;
		}
	}
	return 0;
}

int fh_load(struct fh *f, const struct histogram *h, struct arena *a, struct err *err)
{
	CHECK(h->is_float);
	*f = (struct fh){ .schema = h->schema,
			  .hint = h->hint,
			  .zero_threshold = h->zero_threshold,
			  .zero_count = h->zero_count_f,
			  .count = h->count_f,
			  .sum = h->sum,
			  .bounds = h->bounds,
			  .n_bounds = h->n_bounds };
	int rc = side_load(&f->pos, h->pos_spans, h->n_pos_spans, h->pos_counts, h->n_pos, a, err);
	return rc ? rc : side_load(&f->neg, h->neg_spans, h->n_neg_spans, h->neg_counts, h->n_neg, a, err);
}

static int side_store(const struct fh_side *s, bool all, struct arena *a, const struct hist_span **ret_spans,
		      uint32_t *ret_n_spans, const double **ret_counts, uint32_t *ret_n, struct err *err)
{
	struct hist_span *spans = arena_array(a, s->n, sizeof(*spans));
	double *counts = arena_alloc(a, s->n * sizeof(*counts) + 1);
	uint32_t n = 0, n_spans = 0;
	int32_t next = 0;
	if ((s->n && !spans) || !counts)
		return arena_err(a, err);
	for (uint32_t i = 0; i < s->n; i++) {
		if (s->count[i] == 0 && !all)
			continue;
		if (n_spans == 0 || s->idx[i] != next)
			spans[n_spans++] = (struct hist_span){ s->idx[i] - next, 0 };
		spans[n_spans - 1].length++;
		next = s->idx[i] + 1;
		counts[n++] = s->count[i];
	}
	*ret_spans = spans;
	*ret_n_spans = n_spans;
	*ret_counts = counts;
	*ret_n = n;
	return 0;
}

/* fh_store; `all`: with empty buckets. */
static int pack(const struct fh *f, bool all, struct arena *a, const struct histogram **ret, struct err *err)
{
	struct histogram *h = arena_zalloc(a, sizeof(*h));
	if (!h)
		return arena_err(a, err);
	h->is_float = true;
	h->hint = f->hint;
	h->schema = f->schema;
	h->zero_threshold = f->zero_threshold;
	h->zero_count_f = f->zero_count;
	h->count_f = f->count;
	h->sum = f->sum;
	h->bounds = f->bounds;
	h->n_bounds = f->n_bounds;
	if (f->own_bounds && f->n_bounds) {
		h->bounds = (const double *)arena_memdup(a, f->bounds, f->n_bounds * sizeof(*f->bounds));
		if (!h->bounds)
			return arena_err(a, err);
	}
	*ret = h;
	int rc = side_store(&f->pos, all, a, &h->pos_spans, &h->n_pos_spans, &h->pos_counts, &h->n_pos, err);
	if (rc)
		return rc;
	return side_store(&f->neg, all, a, &h->neg_spans, &h->n_neg_spans, &h->neg_counts, &h->n_neg, err);
}

int fh_store(const struct fh *f, struct arena *a, const struct histogram **ret, struct err *err)
{
	return pack(f, false, a, ret, err);
}

/* ---- zero bucket ---- */

static void add_to(double *s, double *c, double x, bool kahan)
{
	if (!kahan) {
		*s += x;
		return;
	}
	struct kahan k = { *s, *c };
	kahan_add(&k, x);
	*s = k.s;
	*c = k.c;
}

/* A zero bucket in the making. */
struct zero {
	double threshold, count, comp;
	bool with_comps; /* of the buckets, too */
};

/*
 * Adds the buckets of one side that begin below the threshold. True if the
 * threshold had to grow past a populated bucket that it would split.
 */
static bool side_below(const struct fh_side *s, int32_t schema, struct zero *z)
{
	for (uint32_t i = 0; i < s->n; i++) {
		double upper = fhist_bound(s->idx[i], schema);
		if (fhist_bound(s->idx[i] - 1, schema) >= z->threshold)
			return false;
		add_to(&z->count, &z->comp, s->count[i], true);
		if (z->with_comps)
			add_to(&z->count, &z->comp, s->comp[i], true);
		if (upper > z->threshold) {
			if (s->count[i] == 0)
				return false;
			z->threshold = upper;
			return true;
		}
	}
	return false;
}

/* The zero bucket of f for a larger threshold. As upstream has it, compensation is not begun anew with the count. */
static void grow_zero(const struct fh *f, struct zero *z)
{
	if (z->with_comps)
		z->comp = f->zero_comp;
	z->count = f->zero_count;
	if (z->threshold == f->zero_threshold)
		return;
	do {
		z->count = f->zero_count;
		side_below(&f->pos, f->schema, z);
	} while (side_below(&f->neg, f->schema, z));
}

double fh_zero_count_for(const struct fh *f, double *threshold)
{
	struct zero z = { .threshold = *threshold };
	grow_zero(f, &z);
	*threshold = z.threshold;
	return z.count;
}

/* Removes the buckets that begin inside the zero bucket. */
static void side_trim_zero(struct fh_side *s, double threshold, int32_t schema)
{
	uint32_t k = 0;
	while (k < s->n && fhist_bound(s->idx[k] - 1, schema) < threshold)
		k++;
	s->idx += k;
	s->count += k;
	s->comp += k;
	s->n -= k;
	s->cap -= k;
}

/* Removes empty buckets. */
static void side_compact(struct fh_side *s)
{
	uint32_t n = 0;
	for (uint32_t i = 0; i < s->n; i++) {
		if (s->count[i] == 0)
			continue;
		s->idx[n] = s->idx[i];
		s->count[n] = s->count[i];
		s->comp[n++] = s->comp[i];
	}
	s->n = n;
}

/* Makes the thresholds equal; f's zero bucket grows in place, the other's is returned. */
static struct zero reconcile_zero(struct fh *f, const struct fh *b, bool kahan)
{
	struct zero z = { .threshold = b->zero_threshold, .count = b->zero_count };
	while (z.threshold != f->zero_threshold) {
		if (f->zero_threshold > z.threshold) {
			z.threshold = f->zero_threshold;
			grow_zero(b, &z);
		}
		if (z.threshold > f->zero_threshold) {
			struct zero mine = { .threshold = z.threshold, .with_comps = kahan };
			grow_zero(f, &mine);
			f->zero_count = mine.count;
			f->zero_threshold = mine.threshold;
			f->zero_comp = kahan ? mine.comp : 0;
			side_trim_zero(&f->pos, mine.threshold, f->schema);
			side_trim_zero(&f->neg, mine.threshold, f->schema);
			side_compact(&f->pos);
			side_compact(&f->neg);
		}
	}
	return z;
}

/* ---- resolution and bounds ---- */

static int32_t reduced_index(int32_t idx, int32_t by)
{
	return ((idx - 1) >> by) + 1;
}

static void side_reduce(struct fh_side *s, int32_t by, bool kahan)
{
	uint32_t k = 0;
	for (uint32_t i = 0; i < s->n; i++) {
		int32_t idx = reduced_index(s->idx[i], by);
		if (k && s->idx[k - 1] == idx) {
			add_to(&s->count[k - 1], &s->comp[k - 1], s->count[i], kahan);
			add_to(&s->count[k - 1], &s->comp[k - 1], s->comp[i], kahan);
			continue;
		}
		s->idx[k] = idx;
		s->count[k] = s->count[i];
		s->comp[k++] = s->comp[i];
	}
	s->n = k;
}

/* fh_reduce, with what rounding loses if `kahan`. */
static void reduce(struct fh *f, int32_t schema, bool kahan)
{
	if (schema >= f->schema || f->schema == HIST_SCHEMA_CUSTOM)
		return;
	side_reduce(&f->pos, f->schema - schema, kahan);
	side_reduce(&f->neg, f->schema - schema, kahan);
	f->schema = schema;
}

void fh_reduce(struct fh *f, int32_t schema)
{
	reduce(f, schema, false);
}

/* Adds custom buckets to those of `to` (one for each of n bounds, one above) whose bound is the first not below their own. */
static void rebound(struct fh_side *to, const double *bounds, uint32_t n, const struct fh *f, bool subtract)
{
	uint32_t at = 0;
	for (uint32_t i = 0; i < f->pos.n; i++) {
		uint32_t idx = (uint32_t)f->pos.idx[i];
		if (idx >= f->n_bounds)
			at = n;
		while (at < n && bounds[at] < f->bounds[idx])
			at++;
		add_to(&to->count[at], &to->comp[at], subtract ? -f->pos.count[i] : f->pos.count[i], true);
		add_to(&to->count[at], &to->comp[at], f->pos.comp[i], true);
	}
}

static bool same_bounds(const struct fh *a, const struct fh *b)
{
	return a->n_bounds == b->n_bounds && (a->n_bounds == 0 || a->bounds == b->bounds ||
					      memcmp(a->bounds, b->bounds, a->n_bounds * sizeof(*a->bounds)) == 0);
}

/* Bounds that both have. */
static double *intersect(const struct fh *a, const struct fh *b, struct arena *ar, uint32_t *ret_n)
{
	double *p = arena_alloc(ar, MIN(a->n_bounds, b->n_bounds) * sizeof(*p) + 1);
	uint32_t n = 0;
	for (uint32_t i = 0, j = 0; p && i < a->n_bounds && j < b->n_bounds;) {
		if (a->bounds[i] == b->bounds[j]) {
			p[n++] = a->bounds[i++];
			j++;
		} else if (a->bounds[i] < b->bounds[j]) {
			i++;
		} else {
			j++;
		}
	}
	*ret_n = n;
	return p;
}

/* ---- addition ---- */

/* Buckets of b from index *j on that s has too; true when that is all of them. */
static bool side_covers(const struct fh_side *s, const struct fh_side *b, uint32_t j)
{
	for (uint32_t i = 0; j < b->n; j++) {
		while (i < s->n && s->idx[i] < b->idx[j])
			i++;
		if (i == s->n || s->idx[i] != b->idx[j])
			return false;
	}
	return true;
}

/* Makes room in s for the buckets of b from j on, with count 0 where they are new. */
static int side_widen(struct fh_side *s, const struct fh_side *b, uint32_t j, struct arena *a, struct err *err)
{
	struct fh_side out;
	uint32_t i = 0;
	int rc = side_reserve(&out, s->n + b->n - j, a, err);
	if (rc)
		return rc;
	out.n = 0;
	while (i < s->n || j < b->n) {
		bool from_b = i >= s->n || (j < b->n && b->idx[j] < s->idx[i]);
		uint32_t k = out.n++;
		out.idx[k] = from_b ? b->idx[j] : s->idx[i];
		out.count[k] = from_b ? 0 : s->count[i];
		out.comp[k] = from_b ? 0 : s->comp[i];
		j += j < b->n && b->idx[j] == out.idx[k];
		i += !from_b;
	}
	*s = out;
	return 0;
}

/* Adds the buckets of b; those at or below the zero bucket are in it already. */
static int side_add(struct fh_side *s, const struct fh_side *b, bool subtract, bool kahan, double threshold,
		    int32_t schema, struct arena *a, struct err *err)
{
	uint32_t i = 0, j = 0;
	if (schema != HIST_SCHEMA_CUSTOM)
		while (j < b->n && fhist_bound(b->idx[j], schema) <= threshold)
			j++;
	int rc = side_covers(s, b, j) ? 0 : side_widen(s, b, j, a, err);
	if (rc)
		return rc;
	for (; j < b->n; j++) {
		while (s->idx[i] < b->idx[j])
			i++;
		add_to(&s->count[i], &s->comp[i], subtract ? -b->count[j] : b->count[j], kahan);
		if (kahan && b->comp[j] != 0)
			add_to(&s->count[i], &s->comp[i], subtract ? -b->comp[j] : b->comp[j], true);
	}
	return 0;
}

/* The hint of a sum; true where reset met not_reset. */
static bool adjust_hint(struct fh *f, const struct fh *b)
{
	if (f->hint == b->hint)
		return false;
	if (f->hint == HIST_HINT_GAUGE || b->hint == HIST_HINT_GAUGE) {
		f->hint = HIST_HINT_GAUGE;
		return false;
	}
	bool collision = f->hint != HIST_HINT_UNKNOWN && b->hint != HIST_HINT_UNKNOWN;
	f->hint = HIST_HINT_UNKNOWN;
	return collision;
}

/* Adds buckets whose bounds differ: only bounds that both have remain, and populated buckets. */
static int add_reconciled(struct fh *f, const struct fh *b, bool subtract, bool kahan, struct arena *a, struct err *err)
{
	struct fh_side to;
	uint32_t n, k = 0;
	double *bounds = intersect(f, b, a, &n);
	if (!bounds)
		return arena_err(a, err);
	int rc = side_reserve(&to, n + 1, a, err);
	if (rc)
		return rc;
	memset(to.count, 0, (n + 1) * sizeof(*to.count));
	rebound(&to, bounds, n, f, false);
	rebound(&to, bounds, n, b, subtract);
	for (uint32_t i = 0; i <= n; i++) {
		if (to.count[i] == 0 && to.comp[i] == 0)
			continue;
		to.idx[k] = (int32_t)i;
		to.count[k] = to.count[i];
		to.comp[k++] = kahan ? to.comp[i] : 0;
	}
	to.n = k;
	f->pos = to;
	f->bounds = bounds;
	f->n_bounds = n;
	f->own_bounds = true;
	return 0;
}

static int add_custom(struct fh *f, struct fh *b, bool subtract, bool kahan, struct arena *a, struct fhist_flags *flags,
		      struct err *err)
{
	if (same_bounds(f, b))
		return side_add(&f->pos, &b->pos, subtract, kahan, 0, f->schema, a, err);
	flags->reconciled = true;
	return add_reconciled(f, b, subtract, kahan, a, err);
}

/* A copy of b whose buckets may be changed. */
static int fh_clone(struct fh *d, const struct fh *b, struct arena *a, struct err *err)
{
	*d = *b;
	const struct fh_side *from[] = { &b->pos, &b->neg };
	struct fh_side *to[] = { &d->pos, &d->neg };
	for (int i = 0; i < 2; i++) {
		int rc = side_reserve(to[i], from[i]->n, a, err);
		if (rc)
			return rc;
		if (from[i]->n == 0)
			continue;
		memcpy(to[i]->idx, from[i]->idx, from[i]->n * sizeof(*from[i]->idx));
		memcpy(to[i]->count, from[i]->count, from[i]->n * sizeof(double));
		memcpy(to[i]->comp, from[i]->comp, from[i]->n * sizeof(double));
	}
	return 0;
}

int fh_add(struct fh *f, struct fh *b, bool subtract, bool kahan, struct arena *a, struct fhist_flags *flags,
	   struct err *err)
{
	if ((f->schema == HIST_SCHEMA_CUSTOM) != (b->schema == HIST_SCHEMA_CUSTOM)) {
		flags->mixed = true;
		return 0;
	}
	double sign = subtract ? -1 : 1;
	flags->collision |= adjust_hint(f, b);
	bool custom = f->schema == HIST_SCHEMA_CUSTOM;
	if (!custom) {
		struct zero z = reconcile_zero(f, b, kahan);
		add_to(&f->zero_count, &f->zero_comp, sign * z.count, kahan);
		if (kahan)
			add_to(&f->zero_count, &f->zero_comp, sign * z.comp, true);
	}
	add_to(&f->count, &f->count_comp, sign * b->count, kahan);
	add_to(&f->sum, &f->sum_comp, sign * b->sum, kahan);
	if (custom)
		return add_custom(f, b, subtract, kahan, a, flags, err);
	reduce(f, b->schema, kahan);
	reduce(b, f->schema, kahan);
	int rc = side_add(&f->pos, &b->pos, subtract, kahan, f->zero_threshold, f->schema, a, err);
	return rc ? rc : side_add(&f->neg, &b->neg, subtract, kahan, f->zero_threshold, f->schema, a, err);
}

/* Whether the spans describe just the buckets of s, all above the zero bucket. */
static bool same_layout(const struct fh_side *s, const struct hist_span *spans, uint32_t n_spans, uint32_t n,
			double threshold, int32_t schema)
{
	uint32_t k = 0;
	int32_t idx = 0;
	if (s->n != n)
		return false;
	for (uint32_t i = 0; i < n_spans; i++) {
		uint32_t len = spans[i].length;
		idx += spans[i].offset;
		/* Indexes ascend: a run is the same if both of its ends are. */
		if (len > n - k || (len && (s->idx[k] != idx || s->idx[k + len - 1] != idx + (int32_t)len - 1)))
			return false;
		k += len;
		idx += (int32_t)len;
	}
	return k == n && (n == 0 || schema == HIST_SCHEMA_CUSTOM || fhist_bound(s->idx[0], schema) > threshold);
}

static bool adds_in_place(const struct fh *f, const struct histogram *h)
{
	if (f->schema != h->schema || f->zero_threshold != h->zero_threshold)
		return false;
	if (f->n_bounds != h->n_bounds || (f->bounds != h->bounds && f->n_bounds &&
					   memcmp(f->bounds, h->bounds, f->n_bounds * sizeof(*f->bounds)) != 0))
		return false;
	return same_layout(&f->pos, h->pos_spans, h->n_pos_spans, h->n_pos, f->zero_threshold, f->schema) &&
	       same_layout(&f->neg, h->neg_spans, h->n_neg_spans, h->n_neg, f->zero_threshold, f->schema);
}

static void add_counts(struct fh_side *s, const double *v, double sign, bool kahan)
{
	if (!kahan) {
		for (uint32_t i = 0; i < s->n; i++)
			s->count[i] += sign * v[i];
		return;
	}
	for (uint32_t i = 0; i < s->n; i++) {
		struct kahan k = { s->count[i], s->comp[i] };
		kahan_add(&k, sign * v[i]);
		s->count[i] = k.s;
		s->comp[i] = k.c;
	}
}

int fh_add_hist(struct fh *f, const struct histogram *h, bool subtract, bool kahan, struct arena *a,
		struct arena *scratch, struct fhist_flags *flags, struct err *err)
{
	struct fh b = { .hint = h->hint };
	double sign = subtract ? -1 : 1;
	if (!adds_in_place(f, h)) {
		int rc = fh_load(&b, h, scratch, err);
		return rc ? rc : fh_add(f, &b, subtract, kahan, a, flags, err);
	}
	flags->collision |= adjust_hint(f, &b);
	if (f->schema != HIST_SCHEMA_CUSTOM)
		add_to(&f->zero_count, &f->zero_comp, sign * h->zero_count_f, kahan);
	add_to(&f->count, &f->count_comp, sign * h->count_f, kahan);
	add_to(&f->sum, &f->sum_comp, sign * h->sum, kahan);
	add_counts(&f->pos, h->pos_counts, sign, kahan);
	add_counts(&f->neg, h->neg_counts, sign, kahan);
	return 0;
}

static void side_settle(struct fh_side *s)
{
	for (uint32_t i = 0; i < s->n; i++) {
		s->count[i] += s->comp[i];
		s->comp[i] = 0;
	}
}

void fh_settle(struct fh *f)
{
	f->zero_count += f->zero_comp;
	f->count += f->count_comp;
	f->sum += f->sum_comp;
	f->zero_comp = f->count_comp = f->sum_comp = 0;
	side_settle(&f->pos);
	side_settle(&f->neg);
}

int fhist_add(const struct histogram *a, const struct histogram *b, bool subtract, struct arena *ar,
	      const struct histogram **ret, struct fhist_flags *flags, struct err *err)
{
	struct fh x, y;
	int rc = fh_load(&x, a, ar, err);
	if (!rc)
		rc = fh_load(&y, b, ar, err);
	if (!rc)
		rc = fh_add(&x, &y, subtract, false, ar, flags, err);
	*ret = NULL;
	if (rc || flags->mixed)
		return rc;
	return fh_store(&x, ar, ret, err);
}

/* ---- scaling ---- */

static double scaled(double v, double factor, bool divide)
{
	return divide ? v / factor : v * factor;
}

void fh_scale(struct fh *f, double factor, bool divide)
{
	double *fields[] = { &f->count, &f->count_comp, &f->sum, &f->sum_comp, &f->zero_count, &f->zero_comp };
	struct fh_side *sides[] = { &f->pos, &f->neg };
	for (size_t i = 0; i < ARRAY_LEN(fields); i++)
		*fields[i] = scaled(*fields[i], factor, divide);
	for (size_t k = 0; k < ARRAY_LEN(sides); k++)
		for (uint32_t i = 0; i < sides[k]->n; i++) {
			sides[k]->count[i] = scaled(sides[k]->count[i], factor, divide);
			sides[k]->comp[i] = scaled(sides[k]->comp[i], factor, divide);
		}
}

static const double *scaled_counts(const double *v, uint32_t n, double factor, bool divide, struct arena *a)
{
	double *p = arena_alloc(a, n * sizeof(*p) + 1);
	for (uint32_t i = 0; p && i < n; i++)
		p[i] = scaled(v[i], factor, divide);
	return p;
}

int fhist_scale(const struct histogram *h, double factor, bool divide, struct arena *a, const struct histogram **ret,
		struct err *err)
{
	struct histogram *d = arena_alloc(a, sizeof(*d));
	if (!d)
		return arena_err(a, err);
	*d = *h;
	d->zero_count_f = scaled(h->zero_count_f, factor, divide);
	d->count_f = scaled(h->count_f, factor, divide);
	d->sum = scaled(h->sum, factor, divide);
	if (factor < 0)
		d->hint = HIST_HINT_GAUGE;
	if (divide && factor == 0)
		d->n_pos = d->n_neg = d->n_pos_spans = d->n_neg_spans = 0;
	d->pos_counts = scaled_counts(h->pos_counts, d->n_pos, factor, divide, a);
	d->neg_counts = scaled_counts(h->neg_counts, d->n_neg, factor, divide, a);
	*ret = d;
	return d->pos_counts && d->neg_counts ? 0 : arena_err(a, err);
}

static bool has_zero(const double *counts, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		if (counts[i] == 0)
			return true;
	return false;
}

int fhist_compact(const struct histogram **h, struct arena *a, struct err *err)
{
	struct fh f;
	if (!has_zero((*h)->pos_counts, (*h)->n_pos) && !has_zero((*h)->neg_counts, (*h)->n_neg))
		return 0;
	int rc = fh_load(&f, *h, a, err);
	return rc ? rc : fh_store(&f, a, h, err);
}

int fhist_interpolate(const struct histogram *h1, int64_t t1, const struct histogram *h2, int64_t t2, int64_t t,
		      bool counter, struct arena *a, const struct histogram **ret, struct fhist_reconciled *notes,
		      struct err *err)
{
	struct fhist_flags sub = { 0 }, add = { 0 };
	*ret = t == t1 ? h1 : h2;
	if (t == t1 || t == t2)
		return 0;
	double fraction = (double)(t - t1) / (double)(t2 - t1);
	/* As upstream, empty buckets stay. */
	struct fh f, x;
	int rc = fh_load(&f, h2, a, err);
	bool reset = counter && fhist_detect_reset(h2, h1);
	if (!rc && !reset)
		rc = fh_load(&x, h1, a, err);
	if (!rc && !reset)
		rc = fh_add(&f, &x, true, false, a, &sub, err);
	if (!rc && !sub.mixed)
		fh_scale(&f, fraction, false);
	if (!rc && !reset && !sub.mixed)
		rc = fh_load(&x, h1, a, err);
	if (!rc && !reset && !sub.mixed)
		rc = fh_add(&f, &x, false, false, a, &add, err);
	notes->subtracted |= sub.reconciled;
	notes->added |= add.reconciled;
	*ret = NULL;
	return rc || sub.mixed ? rc : pack(&f, true, a, ret, err);
}

/* ---- accumulator ---- */

struct fhist_acc {
	struct fh f; /* the sum, or the mean when `incremental` */
	double n;
	bool mean, incremental;
	bool added;            /* more than one: there is compensation */
	bool reset, not_reset; /* hints seen */
	struct fhist_flags flags;
};

/* Whether any field is larger than `limit`. */
static bool fh_exceeds(const struct fh *f, double limit)
{
	const struct fh_side *sides[] = { &f->pos, &f->neg };
	if (fabs(f->count) > limit || fabs(f->sum) > limit || fabs(f->zero_count) > limit)
		return true;
	for (size_t k = 0; k < ARRAY_LEN(sides); k++)
		for (uint32_t i = 0; i < sides[k]->n; i++)
			if (fabs(sides[k]->count[i]) > limit)
				return true;
	return false;
}

/* The same of a packed histogram. */
static bool hist_exceeds(const struct histogram *h, double limit)
{
	if (fabs(h->count_f) > limit || fabs(h->sum) > limit || fabs(h->zero_count_f) > limit)
		return true;
	for (uint32_t i = 0; i < h->n_pos; i++)
		if (fabs(h->pos_counts[i]) > limit)
			return true;
	for (uint32_t i = 0; i < h->n_neg; i++)
		if (fabs(h->neg_counts[i]) > limit)
			return true;
	return false;
}

/* Adds to a mean near the limit: a sum while that is finite, then incrementally. */
static int mean_add(struct fhist_acc *s, struct fh *b, struct arena *a, struct err *err)
{
	int rc;
	s->n++;
	if (!s->incremental) {
		struct fh sum, copy;
		rc = fh_clone(&sum, &s->f, a, err);
		if (!rc)
			rc = fh_clone(&copy, b, a, err);
		if (!rc)
			rc = fh_add(&sum, &copy, false, true, a, &s->flags, err);
		if (rc || !fh_exceeds(&sum, DBL_MAX)) {
			s->f = sum;
			return rc;
		}
		s->incremental = true;
		fh_scale(&s->f, s->n - 1, true);
	}
	fh_scale(&s->f, (s->n - 1) / s->n, false);
	fh_scale(b, s->n, true);
	return fh_add(&s->f, b, false, true, a, &s->flags, err);
}

int fhist_acc_add(struct fhist_acc **acc, const struct histogram *h, bool mean, struct arena *a, struct arena *scratch,
		  struct err *err)
{
	struct fhist_acc *s = *acc;
	struct fh b;
	if (s && s->flags.mixed)
		return 0;
	if (!s) {
		*acc = s = arena_zalloc(a, sizeof(*s));
		if (!s)
			return arena_err(a, err);
		s->mean = mean;
		s->n = 1;
		s->reset = h->hint == HIST_HINT_RESET;
		s->not_reset = h->hint == HIST_HINT_NOT_RESET;
		int rc = fh_load(&s->f, h, a, err);
		if (rc || h->n_bounds == 0)
			return rc;
		/* The histogram goes with the row it came in. */
		s->f.own_bounds = true;
		s->f.bounds = (const double *)arena_memdup(a, h->bounds, h->n_bounds * sizeof(double));
		return s->f.bounds ? 0 : arena_err(a, err);
	}
	s->added = true;
	s->reset |= h->hint == HIST_HINT_RESET;
	s->not_reset |= h->hint == HIST_HINT_NOT_RESET;
	if (!mean)
		return fh_add_hist(&s->f, h, false, true, a, scratch, &s->flags, err);
	if (!s->incremental && !fh_exceeds(&s->f, DBL_MAX / 4) && !hist_exceeds(h, DBL_MAX / 4)) {
		s->n++;
		return fh_add_hist(&s->f, h, false, true, a, scratch, &s->flags, err);
	}
	int rc = fh_load(&b, h, scratch, err);
	return rc ? rc : mean_add(s, &b, a, err);
}

bool fhist_acc_mixed(const struct fhist_acc *acc)
{
	return acc->flags.mixed;
}

int fhist_acc_get(struct fhist_acc *s, bool all, struct arena *a, const struct histogram **ret,
		  struct fhist_flags *flags, struct err *err)
{
	*ret = NULL;
	*flags = s->flags;
	flags->collision = s->reset && s->not_reset;
	if (s->flags.mixed)
		return 0;
	if (s->mean && !s->incremental)
		fh_scale(&s->f, s->n, true);
	if (s->added) /* else -0 would become 0 */
		fh_settle(&s->f);
	return pack(&s->f, all, a, ret, err);
}
