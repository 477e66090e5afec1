/*
 * promql/lang/lex.h - text to tokens. Used by the parsers of this folder and their tests.
 *
 * Token kinds, their order and the state changes are those of Prometheus
 * 3.14's promql/parser/lex.go, because error messages show them: a kind
 * without a text of its own is printed as "<Item 57372>".
 *
 * Two modes: expressions, and series descriptions (`metric{a="b"} 1+1x3`),
 * where blanks are tokens and hexadecimal numbers do not exist.
 */
#ifndef PROMQL_LEX_H
#define PROMQL_LEX_H

#include "base/arena.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Every token kind, in upstream's order, with its fixed text or NULL; markers begin with an underscore. */
/* clang-format off */
#define PROMQL_TOKENS(X) \
	X(EQL, "=") X(BLANK, "_") X(COLON, ":") X(COMMA, ",") X(COMMENT, NULL) X(DURATION, NULL) \
	X(EOF, NULL) X(ERROR, NULL) X(IDENTIFIER, NULL) X(LEFT_BRACE, "{") X(LEFT_BRACKET, "[") \
	X(LEFT_PAREN, "(") X(OPEN_HIST, "{{") X(CLOSE_HIST, "}}") X(METRIC_IDENTIFIER, NULL) \
	X(NUMBER, NULL) X(RIGHT_BRACE, "}") X(RIGHT_BRACKET, "]") X(RIGHT_PAREN, ")") \
	X(SEMICOLON, ";") X(SPACE, "<space>") X(STRING, NULL) X(TIMES, "x") \
	X(_HISTOGRAM_DESC_START, NULL) \
	X(SUM_DESC, NULL) X(COUNT_DESC, NULL) X(SCHEMA_DESC, NULL) X(OFFSET_DESC, NULL) \
	X(NEGATIVE_OFFSET_DESC, NULL) X(BUCKETS_DESC, NULL) X(NEGATIVE_BUCKETS_DESC, NULL) \
	X(ZERO_BUCKET_DESC, NULL) X(ZERO_BUCKET_WIDTH_DESC, NULL) X(CUSTOM_VALUES_DESC, NULL) \
	X(COUNTER_RESET_HINT_DESC, NULL) X(_HISTOGRAM_DESC_END, NULL) \
	X(_OPERATORS_START, NULL) \
	X(ADD, "+") X(DIV, "/") X(EQLC, "==") X(EQL_REGEX, "=~") X(GTE, ">=") X(GTR, ">") \
	X(TRIM_UPPER, "</") X(TRIM_LOWER, ">/") X(LAND, "and") X(LOR, "or") X(LSS, "<") X(LTE, "<=") \
	X(LUNLESS, "unless") X(MOD, "%") X(MUL, "*") X(NEQ, "!=") X(NEQ_REGEX, "!~") X(POW, "^") \
	X(SUB, "-") X(AT, "@") X(ATAN2, "atan2") X(_OPERATORS_END, NULL) \
	X(_AGGREGATORS_START, NULL) \
	X(AVG, "avg") X(BOTTOMK, "bottomk") X(COUNT, "count") X(COUNT_VALUES, "count_values") \
	X(GROUP, "group") X(MAX, "max") X(MIN, "min") X(QUANTILE, "quantile") X(STDDEV, "stddev") \
	X(STDVAR, "stdvar") X(SUM, "sum") X(TOPK, "topk") X(LIMITK, "limitk") \
	X(LIMIT_RATIO, "limit_ratio") X(_AGGREGATORS_END, NULL) \
	X(_KEYWORDS_START, NULL) \
	X(BOOL, "bool") X(BY, "by") X(GROUP_LEFT, "group_left") X(GROUP_RIGHT, "group_right") \
	X(FILL, "fill") X(FILL_LEFT, "fill_left") X(FILL_RIGHT, "fill_right") \
	X(IGNORING, "ignoring") X(OFFSET, "offset") X(SMOOTHED, "smoothed") \
	X(ANCHORED, "anchored") X(ON, "on") X(WITHOUT, "without") X(_KEYWORDS_END, NULL) \
	X(_PREPROCESSOR_START, NULL) \
	X(START, "start") X(END, "end") X(STEP, "step") X(RANGE, "range") X(MAX_OF, "max_of") \
	X(MIN_OF, "min_of") X(_PREPROCESSOR_END, NULL) \
	X(_COUNTER_RESET_START, NULL) \
	X(UNKNOWN_COUNTER_RESET, NULL) X(COUNTER_RESET, NULL) X(NOT_COUNTER_RESET, NULL) \
	X(GAUGE_TYPE, NULL) X(_COUNTER_RESET_END, NULL)
/* clang-format on */

/* Token kinds. */
enum promql_tok {
	TOK_BASE_ = 57345, /* one before the first number that goyacc gives out */
#define X(name, text) TOK_##name,
	PROMQL_TOKENS(X)
#undef X
};

/* One token. */
struct promql_token {
	enum promql_tok type;
	uint32_t pos;   /* byte offset of its first byte */
	struct str val; /* its bytes in the text; for ERROR the message */
};

/* A lexer. Members are private. */
struct promql_lexer {
	struct str in;
	struct arena *arena; /* for messages */
	uint32_t pos, start, width;
	int state;
	struct promql_token *out;
	bool scanned;
	int paren_depth;
	bool brace_open, bracket_open, got_colon, got_duration;
	bool series_desc;
	int hist_state;
	int32_t quote;
};

/* Prepares a lexer; `text` must stay. Messages of errors go to `a`. */
void promql_lex_init(struct promql_lexer *l, struct str text, bool series_desc, struct arena *a);

/*
 * Writes the next token. After the end every call gives EOF. After most
 * errors too; an error inside a string is followed by that string.
 */
void promql_lex_next(struct promql_lexer *l, struct promql_token *ret);

/* Byte offset at which the lexer's current token starts: the position of an ERROR token's complaint. */
uint32_t promql_lex_start(const struct promql_lexer *l);

/*
 * How an error message names the token: `identifier "foo"`, `<op:+>`,
 * `end of input`. In the arena; "" when that is full.
 */
const char *promql_token_desc(const struct promql_token *t, struct arena *a);

/* The rune at the start of `s`, which is not empty, and its width; broken bytes are U+FFFD each, as Go has it. */
int32_t promql_rune(struct str s, uint32_t *ret_width);

/* The fixed text of a kind ("sum", "<="), or NULL. */
const char *promql_tok_text(enum promql_tok t);

/* Whether the kind is an aggregation operator. */
bool promql_tok_is_agg(enum promql_tok t);

#endif
