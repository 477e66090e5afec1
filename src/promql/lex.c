#include "promql/lex.h"

#include "base/compiler.h"
#include "base/strbuf.h"

#include <stdlib.h>
#include <strings.h>

/* What the lexer is in the middle of. */
enum state {
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
enum { HIST_NONE, HIST_OPEN, HIST_MUL, HIST_ADD, HIST_SUB };

/* End of input as a rune, and what stands for bytes that are not UTF-8. */
#define RUNE_EOF (-1)
#define RUNE_ERROR 0xFFFD

struct word {
	const char *text;
	enum promql_tok tok;
};

static const struct word keywords[] = {
	{ "and", TOK_LAND },
	{ "or", TOK_LOR },
	{ "unless", TOK_LUNLESS },
	{ "atan2", TOK_ATAN2 },
	{ "sum", TOK_SUM },
	{ "avg", TOK_AVG },
	{ "count", TOK_COUNT },
	{ "min", TOK_MIN },
	{ "max", TOK_MAX },
	{ "group", TOK_GROUP },
	{ "stddev", TOK_STDDEV },
	{ "stdvar", TOK_STDVAR },
	{ "topk", TOK_TOPK },
	{ "bottomk", TOK_BOTTOMK },
	{ "count_values", TOK_COUNT_VALUES },
	{ "quantile", TOK_QUANTILE },
	{ "limitk", TOK_LIMITK },
	{ "limit_ratio", TOK_LIMIT_RATIO },
	{ "offset", TOK_OFFSET },
	{ "smoothed", TOK_SMOOTHED },
	{ "anchored", TOK_ANCHORED },
	{ "by", TOK_BY },
	{ "without", TOK_WITHOUT },
	{ "on", TOK_ON },
	{ "ignoring", TOK_IGNORING },
	{ "group_left", TOK_GROUP_LEFT },
	{ "group_right", TOK_GROUP_RIGHT },
	{ "fill", TOK_FILL },
	{ "fill_left", TOK_FILL_LEFT },
	{ "fill_right", TOK_FILL_RIGHT },
	{ "bool", TOK_BOOL },
	{ "start", TOK_START },
	{ "end", TOK_END },
	{ "step", TOK_STEP },
	{ "range", TOK_RANGE },
	{ "max_of", TOK_MAX_OF },
	{ "min_of", TOK_MIN_OF },
	{ "inf", TOK_NUMBER },
	{ "nan", TOK_NUMBER },
};

static const struct word histogram_words[] = {
	{ "sum", TOK_SUM_DESC },
	{ "count", TOK_COUNT_DESC },
	{ "schema", TOK_SCHEMA_DESC },
	{ "offset", TOK_OFFSET_DESC },
	{ "n_offset", TOK_NEGATIVE_OFFSET_DESC },
	{ "buckets", TOK_BUCKETS_DESC },
	{ "n_buckets", TOK_NEGATIVE_BUCKETS_DESC },
	{ "z_bucket", TOK_ZERO_BUCKET_DESC },
	{ "z_bucket_w", TOK_ZERO_BUCKET_WIDTH_DESC },
	{ "custom_values", TOK_CUSTOM_VALUES_DESC },
	{ "counter_reset_hint", TOK_COUNTER_RESET_HINT_DESC },
};

static const struct word hint_words[] = {
	{ "unknown", TOK_UNKNOWN_COUNTER_RESET },
	{ "reset", TOK_COUNTER_RESET },
	{ "not_reset", TOK_NOT_COUNTER_RESET },
	{ "gauge", TOK_GAUGE_TYPE },
};

static const struct word duration_words[] = {
	{ "step", TOK_STEP },
	{ "range", TOK_RANGE },
	{ "max_of", TOK_MAX_OF },
	{ "min_of", TOK_MIN_OF },
};

/* The token of a word in any case; TOK_ERROR where the table lacks it. */
static enum promql_tok find_word(const struct word *w, size_t n, struct str s)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq_nocase(str_c(w[i].text), s))
			return w[i].tok;
	return TOK_ERROR;
}

#define FIND_WORD(table, s) find_word(table, ARRAY_LEN(table), s)

/* --- characters ------------------------------------------------------------ */

static bool is_space(int32_t r)
{
	return r == ' ' || r == '\t' || r == '\n' || r == '\r';
}

static bool is_digit(int32_t r)
{
	return r >= '0' && r <= '9';
}

static bool is_alpha(int32_t r)
{
	return r == '_' || (r >= 'a' && r <= 'z') || (r >= 'A' && r <= 'Z');
}

static bool is_alnum(int32_t r)
{
	return is_alpha(r) || is_digit(r);
}

/* Whether the ASCII character `r` is in `set`; never for RUNE_EOF. */
static bool in_set(int32_t r, const char *set)
{
	return r > 0 && r < 0x80 && strchr(set, r);
}

/* Decodes the rune at the start of `s`, with Go's treatment of broken bytes: one at a time. */
static int32_t decode(struct str s, uint32_t *ret_width)
{
	unsigned char c = (unsigned char)s.p[0];
	*ret_width = 1;
	if (c < 0x80)
		return c;
	uint32_t len = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
	if (len > s.n || !str_is_utf8(str_mem(s.p, len)))
		return RUNE_ERROR;
	int32_t r = c & (0x7F >> len);
	for (uint32_t i = 1; i < len; i++)
		r = r << 6 | ((unsigned char)s.p[i] & 0x3F);
	*ret_width = len;
	return r;
}

static int32_t next(struct promql_lexer *l)
{
	if (l->pos >= l->in.n) {
		l->width = 0;
		return RUNE_EOF;
	}
	int32_t r = decode(str_mem(l->in.p + l->pos, l->in.n - l->pos), &l->width);
	l->pos += l->width;
	return r;
}

/* Takes back the last next(). */
static void backup(struct promql_lexer *l)
{
	l->pos -= l->width;
	l->width = 0;
}

static int32_t peek(struct promql_lexer *l)
{
	int32_t r = next(l);
	backup(l);
	return r;
}

static bool accept(struct promql_lexer *l, const char *set)
{
	if (in_set(next(l), set))
		return true;
	backup(l);
	return false;
}

static void accept_run(struct promql_lexer *l, const char *set)
{
	while (accept(l, set))
		;
}

static struct str pending(const struct promql_lexer *l)
{
	return str_mem(l->in.p + l->start, l->pos - l->start);
}

static void ignore(struct promql_lexer *l)
{
	l->start = l->pos;
}

static void emit(struct promql_lexer *l, enum promql_tok type)
{
	*l->out = (struct promql_token){ type, l->start, pending(l) };
	l->start = l->pos;
	l->scanned = true;
}

/* --- messages -------------------------------------------------------------- */

/* Makes `msg` (or nothing, when memory is out) the next token and ends the scan. */
static enum state fail(struct promql_lexer *l, const char *msg)
{
	*l->out = (struct promql_token){ TOK_ERROR, l->start, str_c(msg ? msg : "") };
	l->scanned = true;
	return ST_END;
}

/* A rune as Go's %q shows it. */
static void add_rune(struct strbuf *b, int32_t r)
{
	if (r == '"') {
		strbuf_add_c(b, "'\"'");
		return;
	}
	if (r == '\'') {
		strbuf_add_c(b, "'\\''");
		return;
	}
	char utf8[4];
	size_t n = 0;
	if (r < 0)
		r = RUNE_ERROR;
	if (r < 0x80) {
		utf8[n++] = (char)r;
	} else if (r < 0x800) {
		utf8[n++] = (char)(0xC0 | r >> 6);
	} else {
		if (r < 0x10000) {
			utf8[n++] = (char)(0xE0 | r >> 12);
		} else {
			utf8[n++] = (char)(0xF0 | r >> 18);
			utf8[n++] = (char)(0x80 | (r >> 12 & 0x3F));
		}
		utf8[n++] = (char)(0x80 | (r >> 6 & 0x3F));
	}
	if (r >= 0x80)
		utf8[n++] = (char)(0x80 | (r & 0x3F));
	size_t at = b->n;
	strbuf_add_quoted(b, str_mem(utf8, n));
	b->p[at] = b->p[b->n - 1] = '\'';
}

/* fail() with "<before><rune><after>". */
static enum state fail_rune(struct promql_lexer *l, const char *before, int32_t r,
			    const char *after)
{
	struct strbuf b = { 0 };
	strbuf_add_c(&b, before);
	add_rune(&b, r);
	strbuf_add_c(&b, after);
	enum state st = fail(l, arena_strdup(l->arena, b.p));
	strbuf_fini(&b);
	return st;
}

/* An error inside a string with a rune as Go's %#U shows it: U+002E '.'. The string goes on. */
static enum state fail_code_point(struct promql_lexer *l, const char *before, int32_t r,
				  const char *after)
{
	struct strbuf b = { 0 };
	strbuf_printf(&b, "%sU+%04X ", before, (unsigned)r);
	add_rune(&b, r);
	strbuf_add_c(&b, after);
	fail(l, arena_strdup(l->arena, b.p));
	strbuf_fini(&b);
	return ST_STRING;
}

/* An error inside a string, which goes on. */
static enum state fail_in_string(struct promql_lexer *l, const char *msg)
{
	fail(l, msg);
	return ST_STRING;
}

/* fail() with "<before>" and the pending bytes in quotes. */
static enum state fail_pending(struct promql_lexer *l, const char *before)
{
	struct strbuf b = { 0 };
	strbuf_add_c(&b, before);
	strbuf_add_quoted(&b, pending(l));
	enum state st = fail(l, arena_strdup(l->arena, b.p));
	strbuf_fini(&b);
	return st;
}

/* --- numbers and durations ------------------------------------------------- */

/* An exponent sign and what may not follow it. False where the number ends badly. */
static bool scan_exponent(struct promql_lexer *l)
{
	accept(l, "+-");
	return !accept(l, "._eE") && peek(l) != RUNE_EOF;
}

/* One '.', exponent, '_' or run of digits of a number (an 'e' is an exponent even in hexadecimal). False where it ends badly. */
static bool scan_number_part(struct promql_lexer *l, bool hex, bool *dot, bool *exponent)
{
	if (accept(l, ".")) {
		if (*dot)
			return false;
		*dot = true;
		return !accept(l, "_.") && !hex;
	}
	if (accept(l, "eE")) {
		if (*exponent)
			return false;
		*exponent = true;
		return scan_exponent(l);
	}
	if (accept(l, "_"))
		return !accept(l, "._eE") && peek(l) != RUNE_EOF;
	accept_run(l, hex ? "0123456789abcdefABCDEF" : "0123456789");
	return true;
}

/*
 * Takes what looks like a number; whether it is one is for the parser to say.
 * False, with the bytes up to the offending one taken, where it cannot be.
 */
static bool scan_number(struct promql_lexer *l)
{
	uint32_t begin = l->pos;
	bool hex = false, dot = false, exponent = false;
	if (!l->series_desc && accept(l, "0") && accept(l, "xX")) {
		accept(l, "_");
		hex = true;
	}
	const char *digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
	accept(l, ".");
	accept(l, digits);
	while (in_set(peek(l), digits) || in_set(peek(l), "._eE"))
		if (!scan_number_part(l, hex, &dot, &exponent))
			return false;
	if (l->pos == begin)
		return false;
	int32_t r = peek(l);
	return (l->series_desc && r == 'x') || !is_alnum(r);
}

/* The rest of a duration, at its first unit. Takes one rune more than it when it returns true. */
static bool scan_duration_rest(struct promql_lexer *l)
{
	if (!accept(l, "smhdwy"))
		return false;
	accept(l, "s");
	while (accept(l, "0123456789")) {
		accept_run(l, "0123456789");
		if (!accept(l, "smhdw"))
			return false;
		accept(l, "s");
	}
	return !is_alnum(next(l));
}

static enum state lex_number(struct promql_lexer *l)
{
	if (!scan_number(l))
		return fail_pending(l, "bad number syntax: ");
	emit(l, TOK_NUMBER);
	return ST_STATEMENT;
}

static enum state lex_number_or_duration(struct promql_lexer *l)
{
	if (scan_number(l)) {
		emit(l, TOK_NUMBER);
		return ST_STATEMENT;
	}
	if (!scan_duration_rest(l))
		return fail_pending(l, "bad number or duration syntax: ");
	backup(l);
	emit(l, TOK_DURATION);
	return ST_STATEMENT;
}

/* --- strings ---------------------------------------------------------------- */

static int hex_value(int32_t r)
{
	if (is_digit(r))
		return r - '0';
	if (r >= 'a' && r <= 'f')
		return r - 'a' + 10;
	if (r >= 'A' && r <= 'F')
		return r - 'A' + 10;
	return 16;
}

/* `n` digits of a numeric escape, the first of which is `r`. */
static enum state lex_escape_digits(struct promql_lexer *l, int32_t r, int n, int base,
				    uint32_t max)
{
	uint32_t x = 0;
	for (; n > 0; n--) {
		int d = hex_value(r);
		if (d >= base && r == RUNE_EOF)
			return fail_in_string(l, "escape sequence not terminated");
		if (d >= base)
			return fail_code_point(l, "illegal character ", r, " in escape sequence");
		x = x * (uint32_t)base + (uint32_t)d;
		if (n > 1)
			r = next(l);
	}
	if (x > max || (x >= 0xD800 && x < 0xE000))
		return fail_in_string(l, "escape sequence is an invalid Unicode code point");
	return ST_STRING;
}

/* An escape sequence whose backslash was taken. */
static enum state lex_escape(struct promql_lexer *l)
{
	int32_t r = next(l);
	if (r == l->quote || in_set(r, "abfnrtv\\"))
		return ST_STRING;
	if (in_set(r, "01234567"))
		return lex_escape_digits(l, r, 3, 8, 255);
	if (r == 'x')
		return lex_escape_digits(l, next(l), 2, 16, 255);
	if (r == 'u')
		return lex_escape_digits(l, next(l), 4, 16, 0x10FFFF);
	if (r == 'U')
		return lex_escape_digits(l, next(l), 8, 16, 0x10FFFF);
	if (r == RUNE_EOF)
		return fail_in_string(l, "escape sequence not terminated");
	return fail_code_point(l, "unknown escape sequence ", r, "");
}

static enum state lex_string(struct promql_lexer *l)
{
	for (;;) {
		int32_t r = next(l);
		if (r == '\\')
			return ST_ESCAPE;
		if (r == RUNE_ERROR)
			return fail_in_string(l, "invalid UTF-8 rune");
		if (r == RUNE_EOF || r == '\n')
			return fail(l, "unterminated quoted string");
		if (r == l->quote)
			break;
	}
	emit(l, TOK_STRING);
	return ST_STATEMENT;
}

static enum state lex_raw_string(struct promql_lexer *l)
{
	for (;;) {
		int32_t r = next(l);
		if (r == RUNE_ERROR) {
			fail(l, "invalid UTF-8 rune");
			return ST_RAW_STRING;
		}
		if (r == RUNE_EOF)
			return fail(l, "unterminated raw string");
		if (r == l->quote)
			break;
	}
	emit(l, TOK_STRING);
	return ST_STATEMENT;
}

/* --- words, blanks, comments ------------------------------------------------ */

/* Whether the next byte that is not blank is '('. */
static bool paren_follows(const struct promql_lexer *l)
{
	uint32_t i = l->pos;
	while (i < l->in.n && is_space((unsigned char)l->in.p[i]))
		i++;
	return i < l->in.n && l->in.p[i] == '(';
}

/* Keyword, identifier or metric name. The names fill* are keywords only before a parenthesis. */
static enum state lex_word(struct promql_lexer *l)
{
	int32_t r;
	do
		r = next(l);
	while (is_alnum(r) || r == ':');
	backup(l);
	struct str word = pending(l);
	enum promql_tok t = FIND_WORD(keywords, word);
	if ((t == TOK_FILL || t == TOK_FILL_LEFT || t == TOK_FILL_RIGHT) && !paren_follows(l))
		t = TOK_IDENTIFIER;
	else if (t == TOK_ERROR)
		t = str_index(word, ':') < 0 ? TOK_IDENTIFIER : TOK_METRIC_IDENTIFIER;
	emit(l, t);
	return l->series_desc && peek(l) != '{' ? ST_VALUES : ST_STATEMENT;
}

static enum state lex_braces_word(struct promql_lexer *l)
{
	while (is_alnum(next(l)))
		;
	backup(l);
	emit(l, TOK_IDENTIFIER);
	return ST_STATEMENT;
}

static enum state lex_space(struct promql_lexer *l)
{
	while (is_space(peek(l)))
		next(l);
	ignore(l);
	return ST_STATEMENT;
}

static enum state lex_comment(struct promql_lexer *l)
{
	int32_t r;
	do
		r = next(l);
	while (r != '\n' && r != '\r' && r != RUNE_EOF);
	backup(l);
	emit(l, TOK_COMMENT);
	return ST_STATEMENT;
}

/* --- expressions ------------------------------------------------------------ */

/* Emits `two` if `second` follows, else `one`. */
static enum state emit_pair(struct promql_lexer *l, char second, enum promql_tok two,
			    enum promql_tok one)
{
	if (peek(l) == second) {
		next(l);
		emit(l, two);
	} else {
		emit(l, one);
	}
	return ST_STATEMENT;
}

/* '=', '!', '<' or '>', which was taken. */
static enum state lex_comparison(struct promql_lexer *l, int32_t r)
{
	switch (r) {
	case '=':
		if (peek(l) == '~')
			return fail_rune(l, "unexpected character after '=': ", '~', "");
		return emit_pair(l, '=', TOK_EQLC, TOK_EQL);
	case '!':
		r = next(l);
		if (r != '=')
			return fail_rune(l, "unexpected character after '!': ", r, "");
		emit(l, TOK_NEQ);
		return ST_STATEMENT;
	case '<':
		return peek(l) == '/' ? emit_pair(l, '/', TOK_TRIM_UPPER, TOK_LSS) :
					emit_pair(l, '=', TOK_LTE, TOK_LSS);
	default:
		return peek(l) == '/' ? emit_pair(l, '/', TOK_TRIM_LOWER, TOK_GTR) :
					emit_pair(l, '=', TOK_GTE, TOK_GTR);
	}
}

static enum state lex_eof(struct promql_lexer *l)
{
	if (l->paren_depth != 0)
		return fail(l, "unclosed left parenthesis");
	if (l->bracket_open)
		return fail(l, "unclosed left bracket");
	emit(l, TOK_EOF);
	return ST_END;
}

/* step, range, max_of or min_of, whose first letter was taken. */
static bool scan_duration_word(struct promql_lexer *l)
{
	while (is_alpha(next(l)))
		;
	backup(l);
	enum promql_tok t = FIND_WORD(duration_words, pending(l));
	if (t == TOK_ERROR)
		return false;
	emit(l, t);
	return true;
}

/* A letter or colon, which was taken. Between brackets few are allowed. */
static enum state lex_alpha(struct promql_lexer *l, int32_t r)
{
	if (!l->bracket_open) {
		backup(l);
		return ST_WORD;
	}
	if (r == ':') {
		if (l->got_colon)
			return fail_rune(l, "unexpected colon ", r, "");
		emit(l, TOK_COLON);
		l->got_colon = true;
		return ST_STATEMENT;
	}
	if (in_set(r, "sSrRmM") && scan_duration_word(l))
		return ST_STATEMENT;
	return fail_rune(l, "unexpected character: ", r, ", expected ':'");
}

static enum state lex_parens(struct promql_lexer *l, int32_t r, enum state then)
{
	if (r == '(') {
		emit(l, TOK_LEFT_PAREN);
		l->paren_depth++;
		return then;
	}
	emit(l, TOK_RIGHT_PAREN);
	if (--l->paren_depth < 0)
		return fail_rune(l, "unexpected right parenthesis ", r, "");
	return then;
}

static enum state lex_brackets(struct promql_lexer *l, int32_t r)
{
	if (r == '[') {
		if (l->bracket_open)
			return fail_rune(l, "unexpected left bracket ", r, "");
		l->got_colon = false;
		emit(l, TOK_LEFT_BRACKET);
		lex_space(l);
		l->bracket_open = true;
		return ST_DURATION;
	}
	if (!l->bracket_open)
		return fail_rune(l, "unexpected right bracket ", r, "");
	emit(l, TOK_RIGHT_BRACKET);
	l->bracket_open = false;
	return ST_STATEMENT;
}

/* Characters that are a token by themselves; TOK_ERROR for others. */
static enum promql_tok single(int32_t r)
{
	switch (r) {
	case ',':
		return TOK_COMMA;
	case '*':
		return TOK_MUL;
	case '/':
		return TOK_DIV;
	case '%':
		return TOK_MOD;
	case '+':
		return TOK_ADD;
	case '-':
		return TOK_SUB;
	case '^':
		return TOK_POW;
	case '@':
		return TOK_AT;
	default:
		return TOK_ERROR;
	}
}

/* A quote, which was taken. */
static enum state begin_string(struct promql_lexer *l, int32_t r)
{
	l->quote = r;
	return r == '`' ? ST_RAW_STRING : ST_STRING;
}

static bool number_begins(struct promql_lexer *l, int32_t r)
{
	return is_digit(r) || (r == '.' && is_digit(peek(l)));
}

static enum state lex_statement_rune(struct promql_lexer *l, int32_t r)
{
	enum promql_tok t = single(r);
	if (t != TOK_ERROR) {
		emit(l, t);
		return ST_STATEMENT;
	}
	if (is_space(r))
		return ST_SPACE;
	if (in_set(r, "=!<>"))
		return lex_comparison(l, r);
	if (is_digit(r) || r == '.') {
		if (!number_begins(l, r))
			return fail_rune(l, "unexpected character: ", r, "");
		l->pos = l->start;
		return ST_NUMBER_OR_DURATION;
	}
	if (in_set(r, "\"'`"))
		return begin_string(l, r);
	if (is_alpha(r) || r == ':')
		return lex_alpha(l, r);
	if (r == '(' || r == ')')
		return lex_parens(l, r, ST_STATEMENT);
	if (r == '{') {
		emit(l, TOK_LEFT_BRACE);
		l->brace_open = true;
		return ST_BRACES;
	}
	if (r == '[' || r == ']')
		return lex_brackets(l, r);
	return fail_rune(l, "unexpected character: ", r, "");
}

static enum state lex_statement(struct promql_lexer *l)
{
	if (l->hist_state != HIST_NONE)
		return ST_HIST;
	if (l->brace_open)
		return ST_BRACES;
	int32_t r = next(l);
	if (r == '#')
		return ST_COMMENT;
	if (r == RUNE_EOF)
		return lex_eof(l);
	return lex_statement_rune(l, r);
}

/* Between { and }, where every word is an identifier. */
static enum state lex_braces(struct promql_lexer *l)
{
	int32_t r = next(l);
	if (r == '#')
		return ST_COMMENT;
	if (r == RUNE_EOF)
		return fail(l, "unexpected end of input inside braces");
	if (is_space(r))
		return ST_SPACE;
	if (is_alpha(r))
		return ST_BRACES_WORD;
	if (in_set(r, "\"'`"))
		return begin_string(l, r);
	switch (r) {
	case ',':
		emit(l, TOK_COMMA);
		return ST_BRACES;
	case '=':
		emit_pair(l, '~', TOK_EQL_REGEX, TOK_EQL);
		return ST_BRACES;
	case '!':
		r = next(l);
		if (r != '~' && r != '=')
			return fail_rune(l, "unexpected character after '!' inside braces: ", r, "");
		emit(l, r == '~' ? TOK_NEQ_REGEX : TOK_NEQ);
		return ST_BRACES;
	case '{':
		return fail_rune(l, "unexpected left brace ", r, "");
	case '}':
		emit(l, TOK_RIGHT_BRACE);
		l->brace_open = false;
		return l->series_desc ? ST_VALUES : ST_STATEMENT;
	default:
		return fail_rune(l, "unexpected character inside braces: ", r, "");
	}
}

static enum state lex_duration_colon(struct promql_lexer *l)
{
	emit(l, TOK_COLON);
	if (!l->got_duration)
		return fail(l, "unexpected colon before duration in duration expression");
	if (l->got_colon)
		return fail(l, "unexpected repeated colon in duration expression");
	l->got_colon = true;
	return ST_DURATION;
}

/* After [, until the first number: from there on lex_statement goes on. */
static enum state lex_duration(struct promql_lexer *l)
{
	int32_t r = next(l);
	if (r == RUNE_EOF)
		return fail(l, "unexpected end of input in duration expression");
	if (r == ']') {
		emit(l, TOK_RIGHT_BRACKET);
		l->bracket_open = l->got_colon = false;
		return ST_STATEMENT;
	}
	if (r == ':')
		return lex_duration_colon(l);
	if (r == '(' || r == ')')
		return lex_parens(l, r, ST_DURATION);
	if (is_space(r)) {
		lex_space(l);
		return ST_DURATION;
	}
	if (in_set(r, "+-*/%^,")) {
		emit(l, single(r));
		return ST_DURATION;
	}
	if (in_set(r, "sSrRmM") && scan_duration_word(l))
		return ST_DURATION;
	if (number_begins(l, r)) {
		l->pos = l->start;
		l->got_duration = true;
		return ST_NUMBER_OR_DURATION;
	}
	return fail_rune(l, "unexpected character in duration expression: ", r, "");
}

/* --- series descriptions ---------------------------------------------------- */

static enum state lex_values_rune(struct promql_lexer *l, int32_t r)
{
	switch (r) {
	case '+':
		emit(l, TOK_ADD);
		return ST_VALUES;
	case '-':
		emit(l, TOK_SUB);
		return ST_VALUES;
	case 'x':
		emit(l, TOK_TIMES);
		return ST_VALUES;
	case '_':
		emit(l, TOK_BLANK);
		return ST_VALUES;
	default:
		return fail_rune(l, "unexpected character in series sequence: ", r, "");
	}
}

static enum state lex_values(struct promql_lexer *l)
{
	if (l->hist_state != HIST_NONE)
		return ST_HIST;
	int32_t r = next(l);
	if (r == RUNE_EOF)
		return ST_STATEMENT;
	if (r == '{' && peek(l) == '{') {
		next(l);
		l->hist_state = HIST_OPEN;
		emit(l, TOK_OPEN_HIST);
		return ST_HIST;
	}
	if (is_space(r)) {
		emit(l, TOK_SPACE);
		lex_space(l);
		return ST_VALUES;
	}
	if (r != 'x' && r != '_' && is_alpha(r)) {
		backup(l);
		return ST_WORD;
	}
	if (number_begins(l, r)) {
		l->pos = l->start;
		enum state st = lex_number(l);
		return st == ST_END ? ST_END : ST_VALUES;
	}
	return lex_values_rune(l, r);
}

/* The x, + or - right after a histogram literal. */
static enum state lex_hist_operator(struct promql_lexer *l, enum promql_tok t)
{
	l->hist_state = HIST_NONE;
	next(l);
	emit(l, t);
	return ST_VALUES;
}

/* The end of a histogram literal; what follows at once decides how to go on. */
static enum state lex_hist_close(struct promql_lexer *l)
{
	next(l);
	emit(l, TOK_CLOSE_HIST);
	switch (peek(l)) {
	case 'x':
		l->hist_state = HIST_MUL;
		return ST_HIST;
	case '+':
		l->hist_state = HIST_ADD;
		return ST_HIST;
	case '-':
		l->hist_state = HIST_SUB;
		return ST_HIST;
	default:
		l->hist_state = HIST_NONE;
		return ST_VALUES;
	}
}

static enum state lex_hist_rune(struct promql_lexer *l, int32_t r)
{
	if (is_space(r)) {
		emit(l, TOK_SPACE);
		return ST_SPACE;
	}
	if (is_alpha(r))
		return ST_HIST_WORD;
	if (is_digit(r)) {
		backup(l);
		return ST_NUMBER;
	}
	if (r == ':' || r == '-') {
		emit(l, r == ':' ? TOK_COLON : TOK_SUB);
		return ST_HIST;
	}
	if (r == '[') {
		l->bracket_open = true;
		l->got_colon = l->got_duration = false;
		emit(l, TOK_LEFT_BRACKET);
		return ST_BUCKETS;
	}
	if (r == '}' && peek(l) == '}')
		return lex_hist_close(l);
	return fail_rune(l, "histogram description incomplete unexpected: ", r, "");
}

static enum state lex_hist(struct promql_lexer *l)
{
	switch (l->hist_state) {
	case HIST_MUL:
		return lex_hist_operator(l, TOK_TIMES);
	case HIST_ADD:
		return lex_hist_operator(l, TOK_ADD);
	case HIST_SUB:
		return lex_hist_operator(l, TOK_SUB);
	default:
		return l->bracket_open ? ST_BUCKETS : lex_hist_rune(l, next(l));
	}
}

/* A key, hint or number word of a histogram, whose first letter was taken. */
static enum state lex_hist_word(struct promql_lexer *l)
{
	while (is_alpha(next(l)))
		;
	backup(l);
	struct str word = pending(l);
	enum promql_tok t = FIND_WORD(histogram_words, word);
	if (t != TOK_ERROR) {
		if (peek(l) != ':')
			return fail(l, "missing `:` for histogram descriptor");
		emit(l, t);
		return ST_HIST;
	}
	t = FIND_WORD(keywords, word);
	if (t != TOK_NUMBER)
		t = FIND_WORD(hint_words, word);
	if (t == TOK_ERROR)
		return fail_pending(l, "bad histogram descriptor found: ");
	emit(l, t);
	return ST_HIST;
}

static enum state lex_buckets(struct promql_lexer *l)
{
	int32_t r = next(l);
	if (is_space(r)) {
		emit(l, TOK_SPACE);
		return ST_SPACE;
	}
	if (r == '-') {
		emit(l, TOK_SUB);
		return ST_NUMBER;
	}
	if (is_digit(r)) {
		backup(l);
		return ST_NUMBER;
	}
	if (r == ']') {
		l->bracket_open = false;
		emit(l, TOK_RIGHT_BRACKET);
		return ST_HIST;
	}
	if (is_alpha(r)) {
		while (is_alpha(next(l)))
			;
		backup(l);
		if (FIND_WORD(keywords, pending(l)) == TOK_NUMBER) {
			emit(l, TOK_NUMBER);
			return ST_STATEMENT;
		}
		r = (unsigned char)l->in.p[l->start];
	}
	return fail_rune(l, "invalid character in buckets description: ", r, "");
}

/* --- the machine ------------------------------------------------------------ */

static enum state step(struct promql_lexer *l, enum state st)
{
	switch (st) {
	case ST_STATEMENT:
		return lex_statement(l);
	case ST_BRACES:
		return lex_braces(l);
	case ST_DURATION:
		return lex_duration(l);
	case ST_NUMBER:
		return lex_number(l);
	case ST_NUMBER_OR_DURATION:
		return lex_number_or_duration(l);
	case ST_STRING:
		return lex_string(l);
	case ST_ESCAPE:
		return lex_escape(l);
	case ST_RAW_STRING:
		return lex_raw_string(l);
	case ST_COMMENT:
		return lex_comment(l);
	case ST_WORD:
		return lex_word(l);
	case ST_BRACES_WORD:
		return lex_braces_word(l);
	case ST_SPACE:
		return lex_space(l);
	case ST_VALUES:
		return lex_values(l);
	case ST_HIST:
		return lex_hist(l);
	case ST_HIST_WORD:
		return lex_hist_word(l);
	case ST_BUCKETS:
		return lex_buckets(l);
	case ST_END:
		break;
	}
	emit(l, TOK_EOF);
	return ST_END;
}

void promql_lex_init(struct promql_lexer *l, struct str text, bool series_desc, struct arena *a)
{
	*l = (struct promql_lexer){
		.in = text, .arena = a, .series_desc = series_desc, .state = ST_STATEMENT
	};
}

void promql_lex_next(struct promql_lexer *l, struct promql_token *ret)
{
	l->scanned = false;
	l->out = ret;
	while (!l->scanned)
		l->state = (int)step(l, (enum state)l->state);
}

uint32_t promql_lex_start(const struct promql_lexer *l)
{
	return l->start;
}

/* --- descriptions ----------------------------------------------------------- */

const char *promql_tok_text(enum promql_tok t)
{
	switch (t) {
#define X(name, text) \
	case TOK_##name: \
		return text;
		PROMQL_TOKENS(X)
#undef X
	case TOK_BASE_:
		break;
	}
	return NULL;
}

bool promql_tok_is_agg(enum promql_tok t)
{
	return t > TOK__AGGREGATORS_START && t < TOK__AGGREGATORS_END;
}

/* The word before tokens without a text of their own, or NULL. */
static const char *kind_word(enum promql_tok t)
{
	switch (t) {
	case TOK_ERROR:
		return "error";
	case TOK_COMMENT:
		return "comment";
	case TOK_IDENTIFIER:
		return "identifier";
	case TOK_METRIC_IDENTIFIER:
		return "metric identifier";
	case TOK_STRING:
		return "string";
	case TOK_NUMBER:
		return "number";
	case TOK_DURATION:
		return "duration";
	default:
		return NULL;
	}
}

/* The first ten runes of `s`. */
static struct str ten_runes(struct str s)
{
	size_t n = 0;
	for (int i = 0; i < 10 && n < s.n; i++) {
		uint32_t w;
		decode(str_mem(s.p + n, s.n - n), &w);
		n += w;
	}
	return str_mem(s.p, n);
}

static void add_token(struct strbuf *b, const struct promql_token *t)
{
	if (t->type == TOK_IDENTIFIER || t->type == TOK_METRIC_IDENTIFIER) {
		strbuf_add_quoted(b, t->val);
	} else if (t->type > TOK__KEYWORDS_START && t->type < TOK__KEYWORDS_END) {
		strbuf_printf(b, "<%.*s>", STR_ARG(t->val));
	} else if (t->type > TOK__OPERATORS_START && t->type < TOK__OPERATORS_END) {
		strbuf_printf(b, "<op:%.*s>", STR_ARG(t->val));
	} else if (promql_tok_is_agg(t->type)) {
		strbuf_printf(b, "<aggr:%.*s>", STR_ARG(t->val));
	} else if (t->val.n > 10) {
		strbuf_add_quoted(b, ten_runes(t->val));
		strbuf_add_c(b, "...");
	} else {
		strbuf_add_quoted(b, t->val);
	}
}

const char *promql_token_desc(const struct promql_token *t, struct arena *a)
{
	if (t->type == TOK_EOF)
		return "end of input";
	struct strbuf b = { 0 };
	if (!promql_tok_text(t->type)) {
		const char *word = kind_word(t->type);
		if (word)
			strbuf_printf(&b, "%s ", word);
		else
			strbuf_printf(&b, "\"<Item %d>\" ", (int)t->type);
	}
	add_token(&b, t);
	char *s = arena_memdup(a, b.p, b.n);
	strbuf_fini(&b);
	return s ? s : "";
}
