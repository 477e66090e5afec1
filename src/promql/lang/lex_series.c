#include "promql/lang/lex_int.h"

static const struct lex_word histogram_words[] = {
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

static const struct lex_word hint_words[] = {
	{ "unknown", TOK_UNKNOWN_COUNTER_RESET },
	{ "reset", TOK_COUNTER_RESET },
	{ "not_reset", TOK_NOT_COUNTER_RESET },
	{ "gauge", TOK_GAUGE_TYPE },
};

/* --- series descriptions ---------------------------------------------------- */

static enum lex_state lex_values_rune(struct promql_lexer *l, int32_t r)
{
	switch (r) {
	case '+':
		lexer_emit(l, TOK_ADD);
		return ST_VALUES;
	case '-':
		lexer_emit(l, TOK_SUB);
		return ST_VALUES;
	case 'x':
		lexer_emit(l, TOK_TIMES);
		return ST_VALUES;
	case '_':
		lexer_emit(l, TOK_BLANK);
		return ST_VALUES;
	default:
		return lexer_fail_rune(l, "unexpected character in series sequence: ", r, "");
	}
}

enum lex_state lexer_values(struct promql_lexer *l)
{
	if (l->hist_state != LEX_HIST_NONE)
		return ST_HIST;
	int32_t r = lexer_next(l);
	if (r == LEX_RUNE_EOF)
		return ST_STATEMENT;
	if (r == '{' && lexer_peek(l) == '{') {
		lexer_next(l);
		l->hist_state = LEX_HIST_OPEN;
		lexer_emit(l, TOK_OPEN_HIST);
		return ST_HIST;
	}
	if (lex_is_space(r)) {
		lexer_emit(l, TOK_SPACE);
		lexer_space(l);
		return ST_VALUES;
	}
	if (r != 'x' && r != '_' && lex_is_alpha(r)) {
		lexer_backup(l);
		return ST_WORD;
	}
	if (lexer_number_begins(l, r)) {
		l->pos = l->start;
		enum lex_state st = lexer_number(l);
		return st == ST_END ? ST_END : ST_VALUES;
	}
	return lex_values_rune(l, r);
}

/* The x, + or - right after a histogram literal. */
static enum lex_state lex_hist_operator(struct promql_lexer *l, enum promql_tok t)
{
	l->hist_state = LEX_HIST_NONE;
	lexer_next(l);
	lexer_emit(l, t);
	return ST_VALUES;
}

/* The end of a histogram literal; what follows at once decides how to go on. */
static enum lex_state lex_hist_close(struct promql_lexer *l)
{
	lexer_next(l);
	lexer_emit(l, TOK_CLOSE_HIST);
	switch (lexer_peek(l)) {
	case 'x':
		l->hist_state = LEX_HIST_MUL;
		return ST_HIST;
	case '+':
		l->hist_state = LEX_HIST_ADD;
		return ST_HIST;
	case '-':
		l->hist_state = LEX_HIST_SUB;
		return ST_HIST;
	default:
		l->hist_state = LEX_HIST_NONE;
		return ST_VALUES;
	}
}

static enum lex_state lex_hist_rune(struct promql_lexer *l, int32_t r)
{
	if (lex_is_space(r)) {
		lexer_emit(l, TOK_SPACE);
		return ST_SPACE;
	}
	if (lex_is_alpha(r))
		return ST_HIST_WORD;
	if (lex_is_digit(r)) {
		lexer_backup(l);
		return ST_NUMBER;
	}
	if (r == ':' || r == '-') {
		lexer_emit(l, r == ':' ? TOK_COLON : TOK_SUB);
		return ST_HIST;
	}
	if (r == '[') {
		l->bracket_open = true;
		l->got_colon = l->got_duration = false;
		lexer_emit(l, TOK_LEFT_BRACKET);
		return ST_BUCKETS;
	}
	if (r == '}' && lexer_peek(l) == '}')
		return lex_hist_close(l);
	return lexer_fail_rune(l, "histogram description incomplete unexpected: ", r, "");
}

enum lex_state lexer_hist(struct promql_lexer *l)
{
	switch (l->hist_state) {
	case LEX_HIST_MUL:
		return lex_hist_operator(l, TOK_TIMES);
	case LEX_HIST_ADD:
		return lex_hist_operator(l, TOK_ADD);
	case LEX_HIST_SUB:
		return lex_hist_operator(l, TOK_SUB);
	default:
		return l->bracket_open ? ST_BUCKETS : lex_hist_rune(l, lexer_next(l));
	}
}

/* A key, hint or number word of a histogram, whose first letter was taken. */
enum lex_state lexer_hist_word(struct promql_lexer *l)
{
	while (lex_is_alpha(lexer_next(l)))
		;
	lexer_backup(l);
	struct str word = lexer_pending(l);
	enum promql_tok t = LEX_FIND_WORD(histogram_words, word);
	if (t != TOK_ERROR) {
		if (lexer_peek(l) != ':')
			return lexer_fail(l, "missing `:` for histogram descriptor");
		lexer_emit(l, t);
		return ST_HIST;
	}
	t = lex_find_word(lex_keywords, lex_n_keywords, word);
	if (t != TOK_NUMBER)
		t = LEX_FIND_WORD(hint_words, word);
	if (t == TOK_ERROR)
		return lexer_fail_pending(l, "bad histogram descriptor found: ");
	lexer_emit(l, t);
	return ST_HIST;
}

enum lex_state lexer_buckets(struct promql_lexer *l)
{
	int32_t r = lexer_next(l);
	if (lex_is_space(r)) {
		lexer_emit(l, TOK_SPACE);
		return ST_SPACE;
	}
	if (r == '-') {
		lexer_emit(l, TOK_SUB);
		return ST_NUMBER;
	}
	if (lex_is_digit(r)) {
		lexer_backup(l);
		return ST_NUMBER;
	}
	if (r == ']') {
		l->bracket_open = false;
		lexer_emit(l, TOK_RIGHT_BRACKET);
		return ST_HIST;
	}
	if (lex_is_alpha(r)) {
		while (lex_is_alpha(lexer_next(l)))
			;
		lexer_backup(l);
		if (lex_find_word(lex_keywords, lex_n_keywords, lexer_pending(l)) == TOK_NUMBER) {
			lexer_emit(l, TOK_NUMBER);
			return ST_STATEMENT;
		}
		r = (unsigned char)l->in.p[l->start];
	}
	return lexer_fail_rune(l, "invalid character in buckets description: ", r, "");
}
