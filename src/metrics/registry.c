#include "metrics/registry.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

const double metrics_buckets_default[11] = { .005, .01, .025, .05, .1, .25, .5, 1, 2.5, 5, 10 };

void metrics_buckets_exponential(double *out, size_t n, double start, double factor)
{
	for (size_t i = 0; i < n; i++, start *= factor)
		out[i] = start;
}

void metrics_buckets_linear(double *out, size_t n, double start, double width)
{
	for (size_t i = 0; i < n; i++, start += width)
		out[i] = start;
}

/* --- children ---------------------------------------------------------------------- */

static struct child *child_new(const struct metrics_vec *v, const char *const *values)
{
	struct child *c = xcalloc(1, sizeof(*c));
	c->values = xcalloc(v->n_labels ? v->n_labels : 1, sizeof(*c->values));
	for (size_t i = 0; values && i < v->n_labels; i++)
		c->values[i] = xstrdup(values[i]);
	if (v->kind == METRICS_HISTOGRAM) {
		c->histogram.upper = v->upper;
		c->histogram.n = v->n_upper;
		c->histogram.buckets = xcalloc(v->n_upper + 1, sizeof(*c->histogram.buckets));
	}
	return c;
}

static void child_free(const struct metrics_vec *v, struct child *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < v->n_labels; i++)
		free(c->values[i]);
	free(c->values);
	if (v->kind == METRICS_HISTOGRAM)
		free(c->histogram.buckets);
	free(c);
}

/* Label values that are looked for. */
struct wanted {
	const struct metrics_vec *vec;
	const char *const *values;
};

static bool child_eq(const void *value, const void *key)
{
	const struct child *c = value;
	const struct wanted *w = key;
	for (size_t i = 0; i < w->vec->n_labels; i++)
		if (strcmp(c->values[i], w->values[i]) != 0)
			return false;
	return true;
}

static uint64_t values_hash(const struct metrics_vec *v, const char *const *values)
{
	uint64_t h = v->n_labels;
	for (size_t i = 0; i < v->n_labels; i++) {
		CHECK(values[i]);
		h = h * 0x9e3779b97f4a7c15 ^ hash_bytes(values[i], strlen(values[i]));
	}
	return h;
}

/* The child with these values, made when new; past the limit the spare one. */
static struct child *child_with(struct metrics_vec *v, const char *const *values)
{
	struct wanted w = { v, values };
	uint64_t h = values_hash(v, values);
	struct child *c = hmap_find(&v->by_values, h, child_eq, &w);
	if (c)
		return c;
	if (v->children.n >= v->limit) {
		v->registry->dropped++;
		if (!v->spare)
			v->spare = child_new(v, NULL);
		return v->spare;
	}
	c = child_new(v, values);
	hmap_add(&v->by_values, h, c);
	*vec_push(&v->children) = c;
	v->sorted = false;
	return c;
}

bool metrics_vec_remove(struct metrics_vec *v, const char *const *values)
{
	struct wanted w = { v, values };
	struct child *c = hmap_remove(&v->by_values, values_hash(v, values), child_eq, &w);
	if (!c)
		return false;
	size_t i = 0;
	while (v->children.p[i] != c)
		i++;
	memmove(&v->children.p[i], &v->children.p[i + 1], (v->children.n - i - 1) * sizeof(*v->children.p));
	v->children.n--;
	child_free(v, c);
	return true;
}

void metrics_vec_clear(struct metrics_vec *v)
{
	for (size_t i = 0; i < v->children.n; i++)
		child_free(v, v->children.p[i]);
	v->children.n = 0;
	hmap_fini(&v->by_values);
	v->by_values = (struct hmap){ 0 };
}

void metrics_vec_set_limit(struct metrics_vec *v, size_t max)
{
	v->limit = max;
}

static int by_values(const void *pa, const void *pb, void *arg)
{
	const struct child *a = *(struct child *const *)pa, *b = *(struct child *const *)pb;
	const struct metrics_vec *v = arg;
	int d = 0;
	for (size_t i = 0; i < v->n_labels && d == 0; i++)
		d = strcmp(a->values[i], b->values[i]);
	return d;
}

void metrics_vec_sort(struct metrics_vec *v)
{
	if (v->children.n && !v->sorted)
		qsort_r(v->children.p, v->children.n, sizeof(*v->children.p), by_values, v);
	v->sorted = true;
}

/* --- families ---------------------------------------------------------------------- */

static void family_free(struct metrics_vec *v)
{
	metrics_vec_clear(v);
	child_free(v, v->spare);
	vec_fini(&v->children);
	for (size_t i = 0; i < v->n_labels; i++)
		free(v->labels[i]);
	free(v->upper);
	free(v->name);
	free(v->help);
	free(v->unit);
	free(v);
}

/* Where the name is, or where it would go. */
static size_t family_index(const struct metrics_registry *r, const char *name)
{
	size_t lo = 0, hi = r->families.n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (strcmp(r->families.p[mid]->name, name) < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

static struct metrics_vec *family_find(const struct metrics_registry *r, const char *name)
{
	size_t at = family_index(r, name);
	bool found = at < r->families.n && strcmp(r->families.p[at]->name, name) == 0;
	return found ? r->families.p[at] : NULL;
}

static bool name_ok(const char *s, bool metric)
{
	if (!*s || (*s >= '0' && *s <= '9'))
		return false;
	for (; *s; s++) {
		bool word = (*s >= 'a' && *s <= 'z') || (*s >= 'A' && *s <= 'Z') || (*s >= '0' && *s <= '9') ||
			    *s == '_' || (metric && *s == ':');
		if (!word)
			return false;
	}
	return true;
}

static size_t labels_count(const char *const *labels)
{
	size_t n = 0;
	while (labels && labels[n])
		n++;
	return n;
}

/* Registering again must mean the same thing. */
static void check_same(const struct metrics_vec *v, enum metrics_kind kind, const char *const *labels, size_t n_upper)
{
	CHECK(v->kind == kind);
	CHECK(v->n_labels == labels_count(labels));
	for (size_t i = 0; i < v->n_labels; i++)
		CHECK(strcmp(v->labels[i], labels[i]) == 0);
	CHECK(v->n_upper == n_upper);
}

static struct metrics_vec *family(struct metrics_registry *r, enum metrics_kind kind, const char *name,
				  const char *help, const char *const *labels, const double *upper, size_t n_upper)
{
	struct metrics_vec *v = family_find(r, name);
	if (v) {
		check_same(v, kind, labels, n_upper);
		return v;
	}
	CHECK(name_ok(name, true));
	size_t at = family_index(r, name);
	v = xcalloc(1, sizeof(*v));
	v->registry = r;
	v->kind = kind;
	v->name = xstrdup(name);
	v->help = xstrdup(help);
	v->limit = METRICS_CHILDREN_MAX;
	v->n_labels = labels_count(labels);
	CHECK(v->n_labels <= METRICS_LABELS_MAX);
	for (size_t i = 0; i < v->n_labels; i++) {
		CHECK(name_ok(labels[i], false));
		v->labels[i] = xstrdup(labels[i]);
	}
	v->n_upper = n_upper;
	if (n_upper)
		v->upper = xmemdup(upper, n_upper * sizeof(*upper));
	for (size_t i = 1; i < n_upper; i++)
		CHECK(upper[i - 1] < upper[i]);
	(void)vec_push(&r->families);
	memmove(&r->families.p[at + 1], &r->families.p[at], (r->families.n - 1 - at) * sizeof(*r->families.p));
	r->families.p[at] = v;
	return v;
}

struct metrics_vec *metrics_counter_vec(struct metrics_registry *r, const char *name, const char *help,
					const char *const *labels)
{
	return family(r, METRICS_COUNTER, name, help, labels, NULL, 0);
}

struct metrics_vec *metrics_gauge_vec(struct metrics_registry *r, const char *name, const char *help,
				      const char *const *labels)
{
	return family(r, METRICS_GAUGE, name, help, labels, NULL, 0);
}

struct metrics_vec *metrics_histogram_vec(struct metrics_registry *r, const char *name, const char *help,
					  const char *const *labels, const double *upper, size_t n)
{
	return family(r, METRICS_HISTOGRAM, name, help, labels, upper, n);
}

struct metrics_vec *metrics_summary_vec(struct metrics_registry *r, const char *name, const char *help,
					const char *const *labels)
{
	return family(r, METRICS_SUMMARY, name, help, labels, NULL, 0);
}

struct counter *metrics_counter_with(struct metrics_vec *v, const char *const *values)
{
	CHECK(v->kind == METRICS_COUNTER);
	return &child_with(v, values)->counter;
}

struct gauge *metrics_gauge_with(struct metrics_vec *v, const char *const *values)
{
	CHECK(v->kind == METRICS_GAUGE);
	return &child_with(v, values)->gauge;
}

struct metrics_histogram *metrics_histogram_with(struct metrics_vec *v, const char *const *values)
{
	CHECK(v->kind == METRICS_HISTOGRAM);
	return &child_with(v, values)->histogram;
}

struct summary *metrics_summary_with(struct metrics_vec *v, const char *const *values)
{
	CHECK(v->kind == METRICS_SUMMARY);
	return &child_with(v, values)->summary;
}

/* --- single metrics ------------------------------------------------------------------ */

struct counter *metrics_counter(struct metrics_registry *r, const char *name, const char *help)
{
	return metrics_counter_with(metrics_counter_vec(r, name, help, NULL), NULL);
}

struct gauge *metrics_gauge(struct metrics_registry *r, const char *name, const char *help)
{
	return metrics_gauge_with(metrics_gauge_vec(r, name, help, NULL), NULL);
}

static void set_read(struct metrics_vec *v, metrics_read_fn *fn, void *arg)
{
	struct child *c = child_with(v, NULL);
	c->read = fn;
	c->arg = arg;
}

void metrics_gauge_fn(struct metrics_registry *r, const char *name, const char *help, metrics_read_fn *fn, void *arg)
{
	set_read(metrics_gauge_vec(r, name, help, NULL), fn, arg);
}

void metrics_counter_fn(struct metrics_registry *r, const char *name, const char *help, metrics_read_fn *fn, void *arg)
{
	set_read(metrics_counter_vec(r, name, help, NULL), fn, arg);
}

struct metrics_histogram *metrics_histogram(struct metrics_registry *r, const char *name, const char *help,
					    const double *upper, size_t n)
{
	return metrics_histogram_with(metrics_histogram_vec(r, name, help, NULL, upper, n), NULL);
}

struct summary *metrics_summary(struct metrics_registry *r, const char *name, const char *help)
{
	return metrics_summary_with(metrics_summary_vec(r, name, help, NULL), NULL);
}

void metrics_info(struct metrics_registry *r, const char *name, const char *help, const char *const *labels,
		  const char *const *values)
{
	gauge_set(metrics_gauge_with(metrics_gauge_vec(r, name, help, labels), values), 1);
}

/* --- registry ------------------------------------------------------------------------ */

struct metrics_registry *metrics_registry_new(void)
{
	return xcalloc(1, sizeof(struct metrics_registry));
}

void metrics_registry_free(struct metrics_registry *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->families.n; i++)
		family_free(r->families.p[i]);
	vec_fini(&r->families);
	vec_fini(&r->hooks);
	free(r);
}

void metrics_on_collect(struct metrics_registry *r, metrics_collect_fn *fn, void *arg)
{
	*vec_push(&r->hooks) = (struct collect_hook){ fn, arg };
}

/* Ends callbacks into `arg`; the last value stays. */
static void end_reads(struct metrics_vec *v, const void *arg)
{
	for (size_t i = 0; i < v->children.n; i++) {
		struct child *c = v->children.p[i];
		if (c->read && c->arg == arg) {
			c->gauge.v = c->read(c->arg);
			c->read = NULL;
		}
	}
}

void metrics_off_collect(struct metrics_registry *r, void *arg)
{
	size_t kept = 0;
	for (size_t i = 0; i < r->hooks.n; i++)
		if (r->hooks.p[i].arg != arg)
			r->hooks.p[kept++] = r->hooks.p[i];
	r->hooks.n = kept;
	for (size_t i = 0; i < r->families.n; i++)
		end_reads(r->families.p[i], arg);
}

void metrics_set_unit(struct metrics_registry *r, const char *name, const char *unit)
{
	struct metrics_vec *v = family_find(r, name);
	CHECK(v);
	struct str base = str_c(name);
	if (v->kind == METRICS_COUNTER && str_has_suffix(base, STR("_total")))
		base.n -= strlen("_total");
	CHECK(str_has_suffix(base, str_c(unit)) && base.n > strlen(unit) && base.p[base.n - strlen(unit) - 1] == '_');
	free(v->unit);
	v->unit = xstrdup(unit);
}

uint64_t metrics_dropped_children(const struct metrics_registry *r)
{
	return r->dropped;
}
