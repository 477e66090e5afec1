/*
 * promql/lang/functions.h - the functions of the language: names and signatures.
 *
 * One row per function (Prometheus 3.14: promql/parser/functions.go, plus
 * Thanos' x-functions), sorted by name.  The ids are dense, so that an
 * evaluator keeps its own table indexed by them.
 */
#ifndef PROMQL_FUNCTIONS_H
#define PROMQL_FUNCTIONS_H

#include "promql/lang/ast.h"

/* Which function; alphabetical. */
enum promql_fn {
	PROMQL_FN_ABS,
	PROMQL_FN_ABSENT,
	PROMQL_FN_ABSENT_OVER_TIME,
	PROMQL_FN_ACOS,
	PROMQL_FN_ACOSH,
	PROMQL_FN_ASIN,
	PROMQL_FN_ASINH,
	PROMQL_FN_ATAN,
	PROMQL_FN_ATANH,
	PROMQL_FN_AVG_OVER_TIME,
	PROMQL_FN_CEIL,
	PROMQL_FN_CHANGES,
	PROMQL_FN_CLAMP,
	PROMQL_FN_CLAMP_MAX,
	PROMQL_FN_CLAMP_MIN,
	PROMQL_FN_COS,
	PROMQL_FN_COSH,
	PROMQL_FN_COUNT_OVER_TIME,
	PROMQL_FN_DAY_OF_MONTH,
	PROMQL_FN_DAY_OF_WEEK,
	PROMQL_FN_DAY_OF_YEAR,
	PROMQL_FN_DAYS_IN_MONTH,
	PROMQL_FN_DEG,
	PROMQL_FN_DELTA,
	PROMQL_FN_DERIV,
	PROMQL_FN_DOUBLE_EXPONENTIAL_SMOOTHING,
	PROMQL_FN_END,
	PROMQL_FN_EXP,
	PROMQL_FN_FIRST_OVER_TIME,
	PROMQL_FN_FLOOR,
	PROMQL_FN_HISTOGRAM_AVG,
	PROMQL_FN_HISTOGRAM_COUNT,
	PROMQL_FN_HISTOGRAM_FRACTION,
	PROMQL_FN_HISTOGRAM_QUANTILE,
	PROMQL_FN_HISTOGRAM_QUANTILES,
	PROMQL_FN_HISTOGRAM_STDDEV,
	PROMQL_FN_HISTOGRAM_STDVAR,
	PROMQL_FN_HISTOGRAM_SUM,
	PROMQL_FN_HOUR,
	PROMQL_FN_IDELTA,
	PROMQL_FN_INCREASE,
	PROMQL_FN_INFO,
	PROMQL_FN_IRATE,
	PROMQL_FN_LABEL_JOIN,
	PROMQL_FN_LABEL_REPLACE,
	PROMQL_FN_LAST_OVER_TIME,
	PROMQL_FN_LN,
	PROMQL_FN_LOG10,
	PROMQL_FN_LOG2,
	PROMQL_FN_MAD_OVER_TIME,
	PROMQL_FN_MAX_OF,
	PROMQL_FN_MAX_OVER_TIME,
	PROMQL_FN_MIN_OF,
	PROMQL_FN_MIN_OVER_TIME,
	PROMQL_FN_MINUTE,
	PROMQL_FN_MONTH,
	PROMQL_FN_PI,
	PROMQL_FN_PREDICT_LINEAR,
	PROMQL_FN_PRESENT_OVER_TIME,
	PROMQL_FN_QUANTILE_OVER_TIME,
	PROMQL_FN_RAD,
	PROMQL_FN_RANGE,
	PROMQL_FN_RATE,
	PROMQL_FN_RESETS,
	PROMQL_FN_ROUND,
	PROMQL_FN_SCALAR,
	PROMQL_FN_SGN,
	PROMQL_FN_SIN,
	PROMQL_FN_SINH,
	PROMQL_FN_SORT,
	PROMQL_FN_SORT_BY_LABEL,
	PROMQL_FN_SORT_BY_LABEL_DESC,
	PROMQL_FN_SORT_DESC,
	PROMQL_FN_SQRT,
	PROMQL_FN_START,
	PROMQL_FN_START_TIMESTAMP,
	PROMQL_FN_STDDEV_OVER_TIME,
	PROMQL_FN_STDVAR_OVER_TIME,
	PROMQL_FN_STEP,
	PROMQL_FN_SUM_OVER_TIME,
	PROMQL_FN_TAN,
	PROMQL_FN_TANH,
	PROMQL_FN_TIME,
	PROMQL_FN_TIMESTAMP,
	PROMQL_FN_TS_OF_FIRST_OVER_TIME,
	PROMQL_FN_TS_OF_LAST_OVER_TIME,
	PROMQL_FN_TS_OF_MAX_OVER_TIME,
	PROMQL_FN_TS_OF_MIN_OVER_TIME,
	PROMQL_FN_VECTOR,
	PROMQL_FN_XDELTA,
	PROMQL_FN_XINCREASE,
	PROMQL_FN_XRATE,
	PROMQL_FN_YEAR,
	PROMQL_FN_COUNT,
};

/* Most argument types a signature lists. */
#define PROMQL_FUNC_MAX_TYPES 5

/* A function's signature. */
struct promql_func {
	const char *name;
	enum promql_fn fn;
	/* Ends with PROMQL_TYPE_NONE or after the last element. */
	enum promql_value_type args[PROMQL_FUNC_MAX_TYPES];
	/* 0: exactly n_args arguments. n>0: the last type may occur 0..n times. -1: any number of times. */
	int variadic;
	enum promql_value_type ret;
	unsigned n_args;         /* types listed */
	bool experimental;       /* needs promql_parse_opts.experimental_functions */
	bool x_function;         /* needs promql_parse_opts.x_functions */
	bool at_modifier_unsafe; /* result depends on the evaluation time even where every selector has @ */
	bool anchored_ok;        /* takes a range with `anchored` */
	bool smoothed_ok;        /* takes a range with `smoothed` */
};

/* The row of the function called `name`, or NULL. Names are case-sensitive. */
const struct promql_func *promql_func_find(struct str name);

/* The row of `fn`. */
const struct promql_func *promql_func_get(enum promql_fn fn);

#endif
