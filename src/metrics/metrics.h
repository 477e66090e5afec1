/*
 * metrics/metrics.h - counters, gauges and histograms, and their registry.
 *
 * A module keeps its handles in a struct and registers them once:
 *
 *	struct store_metrics { struct counter *blocks_loaded; struct metrics_vec *requests; };
 *	void store_metrics_init(struct store_metrics *m, struct metrics_registry *r);
 *
 * A handle is a pointer to its number: counting is one addition, with no
 * lookup and no lock (one thread owns a registry). Children of a vector are
 * resolved once and kept where the path is hot.
 *
 * Registering the same name again with the same kind and labels gives the
 * same metric; with another kind or other labels it is a bug and aborts.
 * Everything lives until the registry is freed, except removed children.
 */
#ifndef METRICS_METRICS_H
#define METRICS_METRICS_H

#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Most labels of one vector. */
#define METRICS_LABELS_MAX 12

/* Children that one vector exposes unless metrics_vec_set_limit says otherwise; see metrics_*_with. */
#define METRICS_CHILDREN_MAX 100000

/* The limit to set where clients choose label values, as names of tenants: some 100 MB of exposition at worst. */
#define METRICS_OUTSIDE_MAX 10000

/* A list of label names or values, ended by NULL: METRICS_LABELS("method", "code"). */
#define METRICS_LABELS(...) ((const char *const[]){ __VA_ARGS__, NULL })

struct metrics_registry;
struct metrics_vec;

/* A number that only grows. */
struct counter {
	double v;
};

/* A number that goes up and down. */
struct gauge {
	double v;
};

/* A classic histogram: count per bucket, sum of values. */
struct metrics_histogram {
	const double *upper; /* n upper bounds, ascending, without +Inf */
	uint64_t *buckets;   /* n + 1 counts, not cumulative; the last one is above all bounds */
	size_t n;
	double sum;
};

/* A summary without quantiles: number and sum of values. */
struct summary {
	uint64_t count;
	double sum;
};

/* Adds 1. */
static inline void counter_inc(struct counter *c)
{
	c->v += 1;
}

/* Adds `d`, which must not be negative. */
static inline void counter_add(struct counter *c, double d)
{
	c->v += d;
}

/* Sets the value. */
static inline void gauge_set(struct gauge *g, double v)
{
	g->v = v;
}

/* Adds `d`. */
static inline void gauge_add(struct gauge *g, double d)
{
	g->v += d;
}

/* Counts one value into a histogram. */
static inline void histogram_observe(struct metrics_histogram *h, double v)
{
	size_t i = 0;
	while (i < h->n && !(v <= h->upper[i]))
		i++;
	h->buckets[i]++;
	h->sum += v;
}

/* Counts one value into a summary. */
static inline void summary_observe(struct summary *s, double v)
{
	s->count++;
	s->sum += v;
}

/* --- registry ------------------------------------------------------------------ */

/* A new, empty registry. */
struct metrics_registry *metrics_registry_new(void);

/* Frees it and every metric in it; NULL is fine. */
void metrics_registry_free(struct metrics_registry *r);

/* Called at the start of every exposition, to refresh gauges that are read rather than kept. */
typedef void metrics_collect_fn(void *arg);

/* Has fn(arg) called before every exposition, in order of registration. */
void metrics_on_collect(struct metrics_registry *r, metrics_collect_fn *fn, void *arg);

/* Forgets the hooks and read functions with this argument, before what it points to goes. */
void metrics_off_collect(struct metrics_registry *r, void *arg);

/* Reads a number at the time of exposition. */
typedef double metrics_read_fn(void *arg);

/* A counter without labels. `name` ends in _total; name and help are copied. */
struct counter *metrics_counter(struct metrics_registry *r, const char *name, const char *help);

/* A gauge without labels. */
struct gauge *metrics_gauge(struct metrics_registry *r, const char *name, const char *help);

/* A gauge whose value is fn(arg); metrics_off_collect ends it, keeping the last value. */
void metrics_gauge_fn(struct metrics_registry *r, const char *name, const char *help, metrics_read_fn *fn, void *arg);

/* A counter whose value is fn(arg). */
void metrics_counter_fn(struct metrics_registry *r, const char *name, const char *help, metrics_read_fn *fn, void *arg);

/* A histogram with the `n` upper bounds in `upper` (copied, ascending, without +Inf). */
struct metrics_histogram *metrics_histogram(struct metrics_registry *r, const char *name, const char *help,
					    const double *upper, size_t n);

/* A summary. */
struct summary *metrics_summary(struct metrics_registry *r, const char *name, const char *help);

/* A gauge that is always 1, with fixed labels: METRICS_LABELS names and values. */
void metrics_info(struct metrics_registry *r, const char *name, const char *help, const char *const *labels,
		  const char *const *values);

/* Counters with labels. */
struct metrics_vec *metrics_counter_vec(struct metrics_registry *r, const char *name, const char *help,
					const char *const *labels);

/* Gauges with labels. */
struct metrics_vec *metrics_gauge_vec(struct metrics_registry *r, const char *name, const char *help,
				      const char *const *labels);

/* Histograms with labels. */
struct metrics_vec *metrics_histogram_vec(struct metrics_registry *r, const char *name, const char *help,
					  const char *const *labels, const double *upper, size_t n);

/* Summaries with labels. */
struct metrics_vec *metrics_summary_vec(struct metrics_registry *r, const char *name, const char *help,
					const char *const *labels);

/*
 * The child with these label values (copied; METRICS_LABELS), made at 0 when
 * new. Never NULL: past the vector's limit it is one shared child that is
 * not exposed. The pointer holds until the child is removed.
 */
struct counter *metrics_counter_with(struct metrics_vec *v, const char *const *values);

/* As metrics_counter_with, for gauges. */
struct gauge *metrics_gauge_with(struct metrics_vec *v, const char *const *values);

/* As metrics_counter_with, for histograms. */
struct metrics_histogram *metrics_histogram_with(struct metrics_vec *v, const char *const *values);

/* As metrics_counter_with, for summaries. */
struct summary *metrics_summary_with(struct metrics_vec *v, const char *const *values);

/* Removes one child; its pointer is gone. False when there is none. */
bool metrics_vec_remove(struct metrics_vec *v, const char *const *values);

/* Removes all children, for vectors that a collect hook fills anew. */
void metrics_vec_clear(struct metrics_vec *v);

/* Sets how many children `v` may expose. */
void metrics_vec_set_limit(struct metrics_vec *v, size_t max);

/* Gives a registered family a unit, which OpenMetrics shows; its name (before _total) must end in "_<unit>". */
void metrics_set_unit(struct metrics_registry *r, const char *name, const char *unit);

/* Children asked for past the limits, over all vectors. */
uint64_t metrics_dropped_children(const struct metrics_registry *r);

/* --- bounds -------------------------------------------------------------------- */

/* Fills out[n] with start, start*factor, ... as prometheus.ExponentialBuckets. */
void metrics_buckets_exponential(double *out, size_t n, double start, double factor);

/* Fills out[n] with start, start+width, ... as prometheus.LinearBuckets. */
void metrics_buckets_linear(double *out, size_t n, double start, double width);

/* prometheus.DefBuckets: .005 to 10 seconds. */
extern const double metrics_buckets_default[11];

#endif
