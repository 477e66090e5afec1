#include "promql/lang/functions.h"

#include "base/assert.h"
#include "base/compiler.h"

#define V PROMQL_TYPE_VECTOR
#define M PROMQL_TYPE_MATRIX
#define S PROMQL_TYPE_SCALAR
#define T PROMQL_TYPE_STRING

/* Argument types, with their number. */
#define A(...) .args = { __VA_ARGS__ }, .n_args = sizeof((int[]){ __VA_ARGS__ }) / sizeof(int)
#define NO_ARGS .n_args = 0
#define ROW(nm, id, r, a, ...) [PROMQL_FN_##id] = { .name = nm, .fn = PROMQL_FN_##id, .ret = r, a, ##__VA_ARGS__ }
#define EXPERIMENTAL .experimental = true
#define X_FUNCTION .x_function = true
#define AT_UNSAFE .at_modifier_unsafe = true
#define ANCHORED .anchored_ok = true
#define SMOOTHED .smoothed_ok = true
#define UP_TO(n) .variadic = (n)
#define ANY_NUMBER .variadic = -1

/* Sorted by name, as the enum is. */
static const struct promql_func functions[PROMQL_FN_COUNT] = {
	ROW("abs", ABS, V, A(V)),
	ROW("absent", ABSENT, V, A(V)),
	ROW("absent_over_time", ABSENT_OVER_TIME, V, A(M)),
	ROW("acos", ACOS, V, A(V)),
	ROW("acosh", ACOSH, V, A(V)),
	ROW("asin", ASIN, V, A(V)),
	ROW("asinh", ASINH, V, A(V)),
	ROW("atan", ATAN, V, A(V)),
	ROW("atanh", ATANH, V, A(V)),
	ROW("avg_over_time", AVG_OVER_TIME, V, A(M)),
	ROW("ceil", CEIL, V, A(V)),
	ROW("changes", CHANGES, V, A(M), ANCHORED),
	ROW("clamp", CLAMP, V, A(V, S, S)),
	ROW("clamp_max", CLAMP_MAX, V, A(V, S)),
	ROW("clamp_min", CLAMP_MIN, V, A(V, S)),
	ROW("cos", COS, V, A(V)),
	ROW("cosh", COSH, V, A(V)),
	ROW("count_over_time", COUNT_OVER_TIME, V, A(M)),
	ROW("day_of_month", DAY_OF_MONTH, V, A(V), UP_TO(1), AT_UNSAFE),
	ROW("day_of_week", DAY_OF_WEEK, V, A(V), UP_TO(1), AT_UNSAFE),
	ROW("day_of_year", DAY_OF_YEAR, V, A(V), UP_TO(1), AT_UNSAFE),
	ROW("days_in_month", DAYS_IN_MONTH, V, A(V), UP_TO(1), AT_UNSAFE),
	ROW("deg", DEG, V, A(V)),
	ROW("delta", DELTA, V, A(M), ANCHORED, SMOOTHED),
	ROW("deriv", DERIV, V, A(M)),
	ROW("double_exponential_smoothing", DOUBLE_EXPONENTIAL_SMOOTHING, V, A(M, S, S), EXPERIMENTAL),
	ROW("end", END, S, NO_ARGS, EXPERIMENTAL, AT_UNSAFE),
	ROW("exp", EXP, V, A(V)),
	ROW("first_over_time", FIRST_OVER_TIME, V, A(M)),
	ROW("floor", FLOOR, V, A(V)),
	ROW("histogram_avg", HISTOGRAM_AVG, V, A(V)),
	ROW("histogram_count", HISTOGRAM_COUNT, V, A(V)),
	ROW("histogram_fraction", HISTOGRAM_FRACTION, V, A(S, S, V)),
	ROW("histogram_quantile", HISTOGRAM_QUANTILE, V, A(S, V)),
	ROW("histogram_quantiles", HISTOGRAM_QUANTILES, V, A(V, T, S, S), UP_TO(9), EXPERIMENTAL),
	ROW("histogram_stddev", HISTOGRAM_STDDEV, V, A(V)),
	ROW("histogram_stdvar", HISTOGRAM_STDVAR, V, A(V)),
	ROW("histogram_sum", HISTOGRAM_SUM, V, A(V)),
	ROW("hour", HOUR, V, A(V), UP_TO(1), AT_UNSAFE),
	ROW("idelta", IDELTA, V, A(M)),
	ROW("increase", INCREASE, V, A(M), ANCHORED, SMOOTHED),
	ROW("info", INFO, V, A(V, V), UP_TO(1), EXPERIMENTAL),
	ROW("irate", IRATE, V, A(M)),
	ROW("label_join", LABEL_JOIN, V, A(V, T, T, T), ANY_NUMBER),
	ROW("label_replace", LABEL_REPLACE, V, A(V, T, T, T, T)),
	ROW("last_over_time", LAST_OVER_TIME, V, A(M)),
	ROW("ln", LN, V, A(V)),
	ROW("log10", LOG10, V, A(V)),
	ROW("log2", LOG2, V, A(V)),
	ROW("mad_over_time", MAD_OVER_TIME, V, A(M), EXPERIMENTAL),
	ROW("max_of", MAX_OF, S, A(S, S), EXPERIMENTAL),
	ROW("max_over_time", MAX_OVER_TIME, V, A(M)),
	ROW("min_of", MIN_OF, S, A(S, S), EXPERIMENTAL),
	ROW("min_over_time", MIN_OVER_TIME, V, A(M)),
	ROW("minute", MINUTE, V, A(V), UP_TO(1), AT_UNSAFE),
	ROW("month", MONTH, V, A(V), UP_TO(1), AT_UNSAFE),
	ROW("pi", PI, S, NO_ARGS),
	ROW("predict_linear", PREDICT_LINEAR, V, A(M, S), AT_UNSAFE),
	ROW("present_over_time", PRESENT_OVER_TIME, V, A(M)),
	ROW("quantile_over_time", QUANTILE_OVER_TIME, V, A(S, M)),
	ROW("rad", RAD, V, A(V)),
	ROW("range", RANGE, S, NO_ARGS, EXPERIMENTAL, AT_UNSAFE),
	ROW("rate", RATE, V, A(M), ANCHORED, SMOOTHED),
	ROW("resets", RESETS, V, A(M), ANCHORED),
	ROW("round", ROUND, V, A(V, S), UP_TO(1)),
	ROW("scalar", SCALAR, S, A(V)),
	ROW("sgn", SGN, V, A(V)),
	ROW("sin", SIN, V, A(V)),
	ROW("sinh", SINH, V, A(V)),
	ROW("sort", SORT, V, A(V)),
	ROW("sort_by_label", SORT_BY_LABEL, V, A(V, T), ANY_NUMBER, EXPERIMENTAL),
	ROW("sort_by_label_desc", SORT_BY_LABEL_DESC, V, A(V, T), ANY_NUMBER, EXPERIMENTAL),
	ROW("sort_desc", SORT_DESC, V, A(V)),
	ROW("sqrt", SQRT, V, A(V)),
	ROW("start", START, S, NO_ARGS, EXPERIMENTAL, AT_UNSAFE),
	ROW("start_timestamp", START_TIMESTAMP, V, A(V), EXPERIMENTAL),
	ROW("stddev_over_time", STDDEV_OVER_TIME, V, A(M)),
	ROW("stdvar_over_time", STDVAR_OVER_TIME, V, A(M)),
	ROW("step", STEP, S, NO_ARGS, EXPERIMENTAL, AT_UNSAFE),
	ROW("sum_over_time", SUM_OVER_TIME, V, A(M)),
	ROW("tan", TAN, V, A(V)),
	ROW("tanh", TANH, V, A(V)),
	ROW("time", TIME, S, NO_ARGS, AT_UNSAFE),
	ROW("timestamp", TIMESTAMP, V, A(V), AT_UNSAFE),
	ROW("ts_of_first_over_time", TS_OF_FIRST_OVER_TIME, V, A(M), EXPERIMENTAL),
	ROW("ts_of_last_over_time", TS_OF_LAST_OVER_TIME, V, A(M), EXPERIMENTAL),
	ROW("ts_of_max_over_time", TS_OF_MAX_OVER_TIME, V, A(M), EXPERIMENTAL),
	ROW("ts_of_min_over_time", TS_OF_MIN_OVER_TIME, V, A(M), EXPERIMENTAL),
	ROW("vector", VECTOR, V, A(S)),
	ROW("xdelta", XDELTA, V, A(M), X_FUNCTION),
	ROW("xincrease", XINCREASE, V, A(M), X_FUNCTION),
	ROW("xrate", XRATE, V, A(M), X_FUNCTION),
	ROW("year", YEAR, V, A(V), UP_TO(1), AT_UNSAFE),
};

const struct promql_func *promql_func_get(enum promql_fn fn)
{
	CHECK(fn < PROMQL_FN_COUNT);
	return &functions[fn];
}

const struct promql_func *promql_func_find(struct str name)
{
	size_t lo = 0, hi = PROMQL_FN_COUNT;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		int d = str_cmp(str_c(functions[mid].name), name);
		if (d == 0)
			return &functions[mid];
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return NULL;
}
