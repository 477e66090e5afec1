/*
 * promqltest/script.h - scripts that load series and say what queries give.
 *
 * The language of Prometheus' promqltest package:
 *
 *	load 1m
 *	  metric{a="b"} 0+1x10
 *
 *	eval instant at 5m sum(metric)
 *	  {} 5
 *
 *	eval range from 0 to 2m step 1m metric
 *	  expect no_warn
 *	  metric{a="b"} 0 1 2
 *
 *	clear
 *
 * A script is read whole before anything runs. Everything lies in its arena.
 */
#ifndef PROMQLTEST_SCRIPT_H
#define PROMQLTEST_SCRIPT_H

#include "base/arena.h"
#include "labels/regex.h"
#include "promql/lang/series_desc.h"

/* What the `expect` lines of an eval can be about. */
enum expect_type {
	EXPECT_ORDERED,
	EXPECT_FAIL,
	EXPECT_WARN,
	EXPECT_NO_WARN,
	EXPECT_INFO,
	EXPECT_NO_INFO,
	EXPECT_TYPES,
};

/* One expect line; without text it matches anything. */
struct expect {
	enum expect_type type;
	const char *text;       /* the message or the pattern */
	const struct regex *re; /* of the pattern, found anywhere; NULL for a message */
};

/* A series that is loaded or expected. */
struct script_series {
	struct labels labels;
	struct promql_seq_value *values;
	size_t n_values;
	struct promql_seq_value *st; /* start time minus time in ms, per value; NULL: none */
	int pos;                     /* among the lines of its eval, from 1 */
};

/* load */
struct load_cmd {
	int64_t step_ms;
	bool nhcb; /* also convert classic histograms to native ones with custom buckets */
};

/* eval */
struct eval_cmd {
	const char *expr;
	int line; /* from 1 */
	int64_t start_ms, end_ms, step_ms;
	int64_t eval_ms; /* of an instant query */
	bool is_range;
	bool fail, warn, info, ordered; /* of the old forms eval_fail ... */
	const char *fail_message;       /* expected_fail_message, or NULL */
	const char *fail_pattern;       /* expected_fail_regexp, or NULL */
	const struct regex *fail_re;
	struct expect *expects;
	size_t n_expects;
	bool expect_scalar;
	double scalar;
	const char *string; /* "" unless `expect string` */
	bool no_range_check;
};

/* A command. */
struct script_cmd {
	enum { CMD_CLEAR, CMD_LOAD, CMD_EVAL } kind;
	union {
		struct load_cmd load;
		struct eval_cmd eval;
	};
	struct script_series *series; /* loaded or expected; labels are distinct */
	size_t n_series;
};

/* A script. */
struct script {
	struct script_cmd *cmds;
	size_t n_cmds;
};

/* Reads a script. NULL, or a message in the arena that names the line. */
const char *script_parse(struct str text, struct arena *a, struct script *ret);

/* Whether an eval has expect lines of a type. */
bool eval_expects(const struct eval_cmd *ev, enum expect_type type);

/* Whether the line passes on a text. */
bool expect_matches(const struct expect *e, const char *text);

/* The values of an @st line. NULL, or a message. For its test. */
const char *script_parse_st(struct str text, struct arena *a, struct promql_seq_value **ret, size_t *ret_n);

#endif
