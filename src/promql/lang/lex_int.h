/*
 * promql/lang/lex_int.h - what the files of the lexer share. Not for others.
 *
 * The lexer is a machine: promql_lex_next() runs the function of the current
 * state until one emits a token; each returns the state to go on with.
 */
#ifndef PROMQL_LEX_INT_H
#define PROMQL_LEX_INT_H

#include "base/compiler.h"
#include "promql/lang/lex.h"

#include <string.h>

/* What the lexer is in the middle of. */
enum lex_state {
	ST_END, /* only EOF from here on */
	ST_STATEMENT,
	ST_BRACES,
	ST_DURATION, /* after '[' */
	ST_NUMBER,
	ST_NUMBER_OR_DURATION,
	ST_STRING,
	ST_ESCAPE,
	ST_RAW_STRING,
	ST_COMMENT,
	ST_WORD,
	ST_BRACES_WORD,
	ST_SPACE,
	ST_VALUES, /* of a series description */
	ST_HIST,
	ST_HIST_WORD,
	ST_BUCKETS,
};

/* Where in a histogram literal. */
enum { LEX_HIST_NONE, LEX_HIST_OPEN, LEX_HIST_MUL, LEX_HIST_ADD, LEX_HIST_SUB };

/* End of input as a rune, and what stands for bytes that are not UTF-8. */
#define LEX_RUNE_EOF (-1)
#define LEX_RUNE_ERROR 0xFFFD

/* A word and its token. */
struct lex_word {
	const char *text;
	enum promql_tok tok;
};

/* The words of expressions, with the numbers inf and nan. */
extern const struct lex_word lex_keywords[];
extern const size_t lex_n_keywords;

/* The token of a word in any case; TOK_ERROR where the table lacks it. */
enum promql_tok lex_find_word(const struct lex_word *w, size_t n, struct str s);

#define LEX_FIND_WORD(table, s) lex_find_word(table, ARRAY_LEN(table), s)

/* Blanks of the language. */
static inline bool lex_is_space(int32_t r)
{
	return r == ' ' || r == '\t' || r == '\n' || r == '\r';
}

/* 0-9 */
static inline bool lex_is_digit(int32_t r)
{
	return r >= '0' && r <= '9';
}

/* ASCII letters and the underscore. */
static inline bool lex_is_alpha(int32_t r)
{
	return r == '_' || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z');
}

/* Letters, digits, underscore. */
static inline bool lex_is_alnum(int32_t r)
{
	return lex_is_alpha(r) || lex_is_digit(r);
}

/* Whether the ASCII character `r` is in `set`; never for LEX_RUNE_EOF. */
static inline bool lex_in_set(int32_t r, const char *set)
{
	return r > 0 && r < 0x80 && strchr(set, r);
}

/* Takes the next rune; LEX_RUNE_EOF at the end. */
int32_t lexer_next(struct promql_lexer *l);

/* Takes back the last lexer_next(). */
void lexer_backup(struct promql_lexer *l);

/* The next rune, which stays. */
int32_t lexer_peek(struct promql_lexer *l);

/* Takes the next rune if it is in `set`. */
bool lexer_accept(struct promql_lexer *l, const char *set);

/* Takes runes while they are in `set`. */
void lexer_accept_run(struct promql_lexer *l, const char *set);

/* The bytes taken since the last token. */
struct str lexer_pending(const struct promql_lexer *l);

/* Whether a number begins with the rune `r`, which was taken. */
bool lexer_number_begins(struct promql_lexer *l, int32_t r);

/* Drops blanks and what is pending. */
enum lex_state lexer_space(struct promql_lexer *l);

/* Makes what is pending the next token. */
void lexer_emit(struct promql_lexer *l, enum promql_tok type);

/* Makes `msg` (or nothing, when memory is out) the next token and ends the scan. */
enum lex_state lexer_fail(struct promql_lexer *l, const char *msg);

/* lexer_fail() with "<before><rune><after>". */
enum lex_state lexer_fail_rune(struct promql_lexer *l, const char *before, int32_t r, const char *after);

/* An error inside a string with a rune as Go's %#U shows it: U+002E '.', or U+000A. The string goes on. */
enum lex_state lexer_fail_code_point(struct promql_lexer *l, const char *before, int32_t r, const char *after);

/* An error inside a string, which goes on. */
enum lex_state lexer_fail_in_string(struct promql_lexer *l, const char *msg);

/* lexer_fail() with "<before>" and the pending bytes in quotes. */
enum lex_state lexer_fail_pending(struct promql_lexer *l, const char *before);

/* State ST_NUMBER. */
enum lex_state lexer_number(struct promql_lexer *l);

/* State ST_NUMBER_OR_DURATION. */
enum lex_state lexer_number_or_duration(struct promql_lexer *l);

/* State ST_STRING, after the quote. */
enum lex_state lexer_string(struct promql_lexer *l);

/* State ST_ESCAPE, after the backslash. */
enum lex_state lexer_escape(struct promql_lexer *l);

/* State ST_RAW_STRING, after the backquote. */
enum lex_state lexer_raw_string(struct promql_lexer *l);

/* State ST_VALUES: the values of a series description. */
enum lex_state lexer_values(struct promql_lexer *l);

/* State ST_HIST: inside and right after a histogram literal. */
enum lex_state lexer_hist(struct promql_lexer *l);

/* State ST_HIST_WORD: a word of a histogram literal, whose first letter was taken. */
enum lex_state lexer_hist_word(struct promql_lexer *l);

/* State ST_BUCKETS: inside the brackets of a histogram literal. */
enum lex_state lexer_buckets(struct promql_lexer *l);

#endif
