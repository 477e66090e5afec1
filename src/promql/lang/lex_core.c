#include "promql/lang/lex_int.h"

#include "base/strbuf.h"

const struct lex_word lex_keywords[] = {
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

const size_t lex_n_keywords = ARRAY_LEN(lex_keywords);

/* The token of a word in any case; TOK_ERROR where the table lacks it. */
enum promql_tok lex_find_word(const struct lex_word *w, size_t n, struct str s)
{
	for (size_t i = 0; i < n; i++)
		if (str_eq_nocase(str_c(w[i].text), s))
			return w[i].tok;
	return TOK_ERROR;
}

/* --- characters ------------------------------------------------------------ */

/* Decodes the rune at the start of `s`, with Go's treatment of broken bytes: one at a time. */
int32_t promql_rune(struct str s, uint32_t *ret_width)
{
	unsigned char c = (unsigned char)s.p[0];
	*ret_width = 1;
	if (c < 0x80)
		return c;
	uint32_t len = c >= 0xF0 ? 4 : c >= 0xE0 ? 3 : 2;
	if (len > s.n || !str_is_utf8(str_mem(s.p, len)))
		return LEX_RUNE_ERROR;
	int32_t r = c & (0x7F >> len);
	for (uint32_t i = 1; i < len; i++)
		r = r << 6 | ((unsigned char)s.p[i] & 0x3F);
	*ret_width = len;
	return r;
}

int32_t lexer_next(struct promql_lexer *l)
{
	if (l->pos >= l->in.n) {
		l->width = 0;
		return LEX_RUNE_EOF;
	}
	int32_t r = promql_rune(str_mem(l->in.p + l->pos, l->in.n - l->pos), &l->width);
	l->pos += l->width;
	return r;
}

/* Takes back the last lexer_next(). */
void lexer_backup(struct promql_lexer *l)
{
	l->pos -= l->width;
	l->width = 0;
}

int32_t lexer_peek(struct promql_lexer *l)
{
	int32_t r = lexer_next(l);
	lexer_backup(l);
	return r;
}

bool lexer_accept(struct promql_lexer *l, const char *set)
{
	if (lex_in_set(lexer_next(l), set))
		return true;
	lexer_backup(l);
	return false;
}

void lexer_accept_run(struct promql_lexer *l, const char *set)
{
	while (lexer_accept(l, set))
		;
}

struct str lexer_pending(const struct promql_lexer *l)
{
	return str_mem(l->in.p + l->start, l->pos - l->start);
}

void lexer_emit(struct promql_lexer *l, enum promql_tok type)
{
	*l->out = (struct promql_token){ type, l->start, lexer_pending(l) };
	l->start = l->pos;
	l->scanned = true;
}

/* Blanks, the first of which may have been taken. */
enum lex_state lexer_space(struct promql_lexer *l)
{
	while (lex_is_space(lexer_peek(l)))
		lexer_next(l);
	l->start = l->pos;
	return ST_STATEMENT;
}

bool lexer_number_begins(struct promql_lexer *l, int32_t r)
{
	return lex_is_digit(r) || (r == '.' && lex_is_digit(lexer_peek(l)));
}

/* --- messages -------------------------------------------------------------- */

/* Makes `msg` (or nothing, when memory is out) the next token and ends the scan. */
enum lex_state lexer_fail(struct promql_lexer *l, const char *msg)
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
	size_t n = str_utf8_put(utf8, r < 0 ? LEX_RUNE_ERROR : (uint32_t)r);
	size_t at = b->n;
	strbuf_add_quoted(b, str_mem(utf8, n));
	b->p[at] = b->p[b->n - 1] = '\'';
}

/* lexer_fail() with "<before><rune><after>". */
enum lex_state lexer_fail_rune(struct promql_lexer *l, const char *before, int32_t r, const char *after)
{
	struct strbuf b = { 0 };
	strbuf_add_c(&b, before);
	add_rune(&b, r);
	strbuf_add_c(&b, after);
	enum lex_state st = lexer_fail(l, arena_strdup(l->arena, b.p));
	strbuf_fini(&b);
	return st;
}

/* An error inside a string with a rune as Go's %#U shows it: U+002E '.', or U+000A. The string goes on. */
enum lex_state lexer_fail_code_point(struct promql_lexer *l, const char *before, int32_t r, const char *after)
{
	struct strbuf b = { 0 };
	strbuf_printf(&b, "%sU+%04X", before, (unsigned)r);
	if (str_rune_prints((uint32_t)r)) {
		char utf8[4];
		strbuf_printf(&b, " '%.*s'", (int)str_utf8_put(utf8, (uint32_t)r), utf8);
	}
	strbuf_add_c(&b, after);
	lexer_fail(l, arena_strdup(l->arena, b.p));
	strbuf_fini(&b);
	return ST_STRING;
}

/* An error inside a string, which goes on. */
enum lex_state lexer_fail_in_string(struct promql_lexer *l, const char *msg)
{
	lexer_fail(l, msg);
	return ST_STRING;
}

/* lexer_fail() with "<before>" and the pending bytes in quotes. */
enum lex_state lexer_fail_pending(struct promql_lexer *l, const char *before)
{
	struct strbuf b = { 0 };
	strbuf_add_c(&b, before);
	strbuf_add_quoted(&b, lexer_pending(l));
	enum lex_state st = lexer_fail(l, arena_strdup(l->arena, b.p));
	strbuf_fini(&b);
	return st;
}
