/*
 * promql/engine.h - evaluation of PromQL over series that the owner supplies.
 *
 * The engine is pure: it reads samples through a `struct promql_source`, takes
 * memory from an arena, and calls a checkpoint hook while it computes. It has
 * no globals and does not log. What the owner's callbacks do (suspend a fiber,
 * ask a store, look at a deadline) is not its business.
 *
 * Evaluation is columnar: every operator hands on one series at a time with
 * the values of all steps. Aggregations fold series as they arrive, so
 * `sum by (x) (rate(huge[5m]))` needs memory for the groups and one series.
 *
 * Semantics, rounding, order of summation, error texts and annotations are
 * those of Prometheus 3.14 (promql/engine.go, functions.go, quantile.go,
 * value.go); the x-functions are those of Thanos' promql-engine.
 *
 * Errors: INVALID_ARGUMENT for what is wrong with the query before any data is
 * read (API: bad_data), FAILED_PRECONDITION for what goes wrong with the data
 * (API: execution), RESOURCE_EXHAUSTED for too many samples or bytes,
 * UNIMPLEMENTED naming the construct; codes of the owner's callbacks pass
 * through. After any error the arena may hold garbage: end it.
 *
 * Times are milliseconds since the epoch. Nothing here suspends by itself;
 * promql_exec suspends exactly when a callback of its owner does.
 */
#ifndef PROMQL_ENGINE_H
#define PROMQL_ENGINE_H

#include "base/arena.h"
#include "base/err.h"
#include "chunk/histogram.h"
#include "labels/labels.h"
#include "labels/matcher.h"
#include "promql/lang/ast.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Defaults of the options that are zero. */
#define PROMQL_DEFAULT_LOOKBACK_MS 300000
#define PROMQL_DEFAULT_MAX_SAMPLES 50000000
#define PROMQL_DEFAULT_EVAL_INTERVAL_MS 60000
#define PROMQL_DEFAULT_X_LOOKBACK_MS 3600000

/* Most steps of one evaluation (the API's own limit of 11000 is the owner's). */
#define PROMQL_MAX_STEPS 10000000

struct promql_profile;

/* How to evaluate. Zero-initialised is Thanos' default. */
struct promql_opts {
	int64_t lookback_ms;            /* how old a sample an instant selector takes; 0: the default */
	uint64_t max_samples;           /* samples held at a time; 0: the default */
	int64_t eval_interval_ms;       /* step of subqueries without one; 0: the default */
	int64_t x_lookback_ms;          /* how far before the window x-functions look; 0: the default */
	bool no_at_modifier;            /* refuse @ */
	bool no_negative_offset;        /* refuse offset -5m */
	bool delayed_name_removal;      /* keep metric names until the end of the query */
	bool start_timestamps;          /* use promql_series.st in rate, increase, irate, resets */
	bool type_and_unit;             /* judge "might not be a counter" by __type__ */
	bool columns;                   /* promql_rseries.values may be used */
	bool count_samples;             /* samples_total and samples_by_step as Prometheus counts them */
	struct promql_profile *profile; /* promql/profile.h; NULL: not measured */
};

/* What to evaluate: an instant query has step_ms 0 and start_ms == end_ms. */
struct promql_query {
	struct promql_expr *expr; /* from promql_parse; the engine does not change it */
	struct str text;          /* its text, for positions in annotations; may be empty */
	int64_t start_ms, end_ms, step_ms;
};

/* What a selector will do with its series: for push-down and choice of resolution. Borrowed. */
struct promql_hints {
	uint32_t id;              /* which selector of the plan it is, from 1 */
	int64_t mint_ms, maxt_ms; /* samples needed, both inclusive */
	int64_t query_mint_ms; /* the smallest mint_ms of the query's selectors: where upstream begins to merge replicas */
	int64_t step_ms;       /* of the innermost query around it; 0 for one step */
	int64_t range_ms;      /* of a range selector, else 0 */
	struct str func;       /* innermost function or aggregation around it; may be empty */
	const struct str *grouping; /* labels of an aggregation right above */
	size_t n_grouping;
	bool by; /* grouping is by (else without) */
};

/*
 * One series with the samples of the requested range: floats and histograms
 * in a list each, times ascending and unique over both, staleness markers
 * included. Valid until the next pull or close.
 */
struct promql_series {
	struct labels labels;
	size_t n_floats;
	const int64_t *t;
	const double *v;
	const int64_t *st; /* start times of the floats, 0 unknown; NULL when there are none */
	size_t n_hists;
	const int64_t *ht;
	const struct histogram *h; /* integer or float */
	const int64_t *hst;
};

/* Where samples come from. The owner fills it in; `arg` is passed back. */
struct promql_source {
	void *arg;
	/*
	 * Opens the set of series that pass all matchers. `matchers` live as
	 * long as the query. `*ret_set` is the owner's, given to next and close.
	 */
	int (*select)(void *arg, struct matcher *const *matchers, size_t n_matchers, const struct promql_hints *hints,
		      void **ret_set, struct err *err);
	/* The next series: 1, 0 at the end, or an error. Order is the owner's; label sets are distinct. */
	int (*next)(void *arg, void *set, struct promql_series *ret, struct err *err);
	/* Closes a set, at its end or before. */
	void (*close)(void *arg, void *set);
	/*
	 * Called at least every few thousand samples with the number computed
	 * since the last call; a negative return ends the query with that
	 * error. May be NULL.
	 */
	int (*checkpoint)(void *arg, uint64_t n_samples, struct err *err);
	/* Compiles regular expressions; NULL: regex_compile. It may suspend, as all of these. */
	regex_compile_fn *compile;
	/*
	 * Whether two selects with equal matchers and times get the same
	 * series and samples although func, grouping or range_ms of the hints
	 * differ: then the engine makes one. May be NULL: never.
	 */
	bool (*same)(void *arg, const struct promql_hints *a, const struct promql_hints *b);
};

/* A value at a time. */
struct promql_point {
	int64_t t;
	double v;
};

/* A histogram (in float form) at a time. */
struct promql_hpoint {
	int64_t t;
	const struct histogram *h;
};

/*
 * One series of a result: points ascending in time. With opts.columns a series of a matrix whose floats are at neighbouring steps has
 * their `values` instead of `floats`; the first is at promql_result.times[first_step].
 */
struct promql_rseries {
	struct labels labels;
	size_t n_floats;
	struct promql_point *floats;
	const double *values; /* NULL where `floats` are given */
	uint32_t first_step;
	size_t n_hists;
	struct promql_hpoint *hists;
};

/* A warning or an info. */
struct promql_note {
	bool warning;          /* else info */
	struct promql_pos pos; /* start is UINT32_MAX where unknown */
	const char *text;      /* without position */
	const char *full;      /* with " (<line>:<col>)" where the query's text was given */
};

/*
 * What came out; everything lies in the arena given to promql_exec.
 * SCALAR: `scalar`. STRING: `string`. VECTOR: series with one point each, in
 * the order of the outermost operation. MATRIX: series sorted by labels.
 */
struct promql_result {
	enum promql_value_type type;
	struct promql_point scalar;
	struct str string;
	struct promql_rseries *series;
	size_t n_series;
	const int64_t *times;      /* of the steps, where series have `values` */
	struct promql_note *notes; /* in the order first raised, texts distinct */
	size_t n_notes;
	/*
	 * With opts.count_samples: for every step all samples that its instant as a query of its own looks at, samples in
	 * overlapping windows many times (totalQueryableSamples); else samples_read.
	 */
	uint64_t samples_total;
	const uint64_t *samples_by_step; /* the same by step, in order; NULL without opts.count_samples */
	uint64_t n_steps;
	uint64_t samples_read; /* that selectors got from the source, each once */
	uint64_t samples_peak; /* most held at a time */
};

/*
 * Evaluates `q`. All memory of plan and result comes from `a`; label sets and
 * histograms of the result are copies in it. `opts` NULL is all defaults.
 * Sets that were opened are closed on every path. Suspends if a callback of
 * `src` does.
 */
int promql_exec(const struct promql_query *q, const struct promql_opts *opts, const struct promql_source *src,
		struct arena *a, struct promql_result *ret, struct err *err) MUST_CHECK;

#endif
