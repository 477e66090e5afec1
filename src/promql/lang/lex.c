#include "promql/lang/lex_int.h"

static const struct lex_word duration_words[] = {
	{ "step", TOK_STEP },
	{ "range", TOK_RANGE },
	{ "max_of", TOK_MAX_OF },
	{ "min_of", TOK_MIN_OF },
};

/* --- words, blanks, comments ------------------------------------------------ */

/* Whether the next byte that is not blank is '('. */
static bool paren_follows(const struct promql_lexer *l)
{
	uint32_t i = l->pos;
	while (i < l->in.n && lex_is_space((unsigned char)l->in.p[i]))
		i++;
	return i < l->in.n && l->in.p[i] == '(';
}

/* Keyword, identifier or metric name. The names fill* are keywords only before a parenthesis. */
static enum lex_state lex_word(struct promql_lexer *l)
{
	int32_t r;
	do
		r = lexer_next(l);
	while (lex_is_alnum(r) || r == ':');
	lexer_backup(l);
	struct str word = lexer_pending(l);
	enum promql_tok t = lex_find_word(lex_keywords, lex_n_keywords, word);
	if ((t == TOK_FILL || t == TOK_FILL_LEFT || t == TOK_FILL_RIGHT) && !paren_follows(l))
		t = TOK_IDENTIFIER;
	else if (t == TOK_ERROR)
		t = str_index(word, ':') < 0 ? TOK_IDENTIFIER : TOK_METRIC_IDENTIFIER;
	lexer_emit(l, t);
	return l->series_desc && lexer_peek(l) != '{' ? ST_VALUES : ST_STATEMENT;
}

static enum lex_state lex_braces_word(struct promql_lexer *l)
{
	while (lex_is_alnum(lexer_next(l)))
		;
	lexer_backup(l);
	lexer_emit(l, TOK_IDENTIFIER);
	return ST_STATEMENT;
}

static enum lex_state lex_comment(struct promql_lexer *l)
{
	int32_t r;
	do
		r = lexer_next(l);
	while (r != '\n' && r != '\r' && r != LEX_RUNE_EOF);
	lexer_backup(l);
	lexer_emit(l, TOK_COMMENT);
	return ST_STATEMENT;
}

/* --- expressions ------------------------------------------------------------ */

/* Emits `two` if `second` follows, else `one`. */
static enum lex_state emit_pair(struct promql_lexer *l, char second, enum promql_tok two, enum promql_tok one)
{
	if (lexer_peek(l) == second) {
		lexer_next(l);
		lexer_emit(l, two);
	} else {
		lexer_emit(l, one);
	}
	return ST_STATEMENT;
}

/* '=', '!', '<' or '>', which was taken. */
static enum lex_state lex_comparison(struct promql_lexer *l, int32_t r)
{
	switch (r) {
	case '=':
		if (lexer_peek(l) == '~')
			return lexer_fail_rune(l, "unexpected character after '=': ", '~', "");
		return emit_pair(l, '=', TOK_EQLC, TOK_EQL);
	case '!':
		r = lexer_next(l);
		if (r != '=')
			return lexer_fail_rune(l, "unexpected character after '!': ", r, "");
		lexer_emit(l, TOK_NEQ);
		return ST_STATEMENT;
	case '<':
		return lexer_peek(l) == '/' ? emit_pair(l, '/', TOK_TRIM_UPPER, TOK_LSS)
					    : emit_pair(l, '=', TOK_LTE, TOK_LSS);
	default:
		return lexer_peek(l) == '/' ? emit_pair(l, '/', TOK_TRIM_LOWER, TOK_GTR)
					    : emit_pair(l, '=', TOK_GTE, TOK_GTR);
	}
}

static enum lex_state lex_eof(struct promql_lexer *l)
{
	if (l->paren_depth != 0)
		return lexer_fail(l, "unclosed left parenthesis");
	if (l->bracket_open)
		return lexer_fail(l, "unclosed left bracket");
	lexer_emit(l, TOK_EOF);
	return ST_END;
}

/* step, range, max_of or min_of, whose first letter was taken. */
static bool scan_duration_word(struct promql_lexer *l)
{
	while (lex_is_alpha(lexer_next(l)))
		;
	lexer_backup(l);
	enum promql_tok t = LEX_FIND_WORD(duration_words, lexer_pending(l));
	if (t == TOK_ERROR)
		return false;
	lexer_emit(l, t);
	return true;
}

/* A letter or colon, which was taken. Between brackets few are allowed. */
static enum lex_state lex_alpha(struct promql_lexer *l, int32_t r)
{
	if (!l->bracket_open) {
		lexer_backup(l);
		return ST_WORD;
	}
	if (r == ':') {
		if (l->got_colon)
			return lexer_fail_rune(l, "unexpected colon ", r, "");
		lexer_emit(l, TOK_COLON);
		l->got_colon = true;
		return ST_STATEMENT;
	}
	if (lex_in_set(r, "sSrRmM") && scan_duration_word(l))
		return ST_STATEMENT;
	return lexer_fail_rune(l, "unexpected character: ", r, ", expected ':'");
}

static enum lex_state lex_parens(struct promql_lexer *l, int32_t r, enum lex_state then)
{
	if (r == '(') {
		lexer_emit(l, TOK_LEFT_PAREN);
		l->paren_depth++;
		return then;
	}
	lexer_emit(l, TOK_RIGHT_PAREN);
	if (--l->paren_depth < 0)
		return lexer_fail_rune(l, "unexpected right parenthesis ", r, "");
	return then;
}

static enum lex_state lex_brackets(struct promql_lexer *l, int32_t r)
{
	if (r == '[') {
		if (l->bracket_open)
			return lexer_fail_rune(l, "unexpected left bracket ", r, "");
		l->got_colon = false;
		lexer_emit(l, TOK_LEFT_BRACKET);
		lexer_space(l);
		l->bracket_open = true;
		return ST_DURATION;
	}
	if (!l->bracket_open)
		return lexer_fail_rune(l, "unexpected right bracket ", r, "");
	lexer_emit(l, TOK_RIGHT_BRACKET);
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
static enum lex_state begin_string(struct promql_lexer *l, int32_t r)
{
	l->quote = r;
	return r == '`' ? ST_RAW_STRING : ST_STRING;
}

static enum lex_state lex_statement_rune(struct promql_lexer *l, int32_t r)
{
	enum promql_tok t = single(r);
	if (t != TOK_ERROR) {
		lexer_emit(l, t);
		return ST_STATEMENT;
	}
	if (lex_is_space(r))
		return ST_SPACE;
	if (lex_in_set(r, "=!<>"))
		return lex_comparison(l, r);
	if (lex_is_digit(r) || r == '.') {
		if (!lexer_number_begins(l, r))
			return lexer_fail_rune(l, "unexpected character: ", r, "");
		l->pos = l->start;
		return ST_NUMBER_OR_DURATION;
	}
	if (lex_in_set(r, "\"'`"))
		return begin_string(l, r);
	if (lex_is_alpha(r) || r == ':')
		return lex_alpha(l, r);
	if (r == '(' || r == ')')
		return lex_parens(l, r, ST_STATEMENT);
	if (r == '{') {
		lexer_emit(l, TOK_LEFT_BRACE);
		l->brace_open = true;
		return ST_BRACES;
	}
	if (r == '[' || r == ']')
		return lex_brackets(l, r);
	return lexer_fail_rune(l, "unexpected character: ", r, "");
}

static enum lex_state lex_statement(struct promql_lexer *l)
{
	if (l->hist_state != LEX_HIST_NONE)
		return ST_HIST;
	if (l->brace_open)
		return ST_BRACES;
	int32_t r = lexer_next(l);
	if (r == '#')
		return ST_COMMENT;
	if (r == LEX_RUNE_EOF)
		return lex_eof(l);
	return lex_statement_rune(l, r);
}

/* Between { and }, where every word is an identifier. */
static enum lex_state lex_braces(struct promql_lexer *l)
{
	int32_t r = lexer_next(l);
	if (r == '#')
		return ST_COMMENT;
	if (r == LEX_RUNE_EOF)
		return lexer_fail(l, "unexpected end of input inside braces");
	if (lex_is_space(r))
		return ST_SPACE;
	if (lex_is_alpha(r))
		return ST_BRACES_WORD;
	if (lex_in_set(r, "\"'`"))
		return begin_string(l, r);
	switch (r) {
	case ',':
		lexer_emit(l, TOK_COMMA);
		return ST_BRACES;
	case '=':
		emit_pair(l, '~', TOK_EQL_REGEX, TOK_EQL);
		return ST_BRACES;
	case '!':
		r = lexer_next(l);
		if (r != '~' && r != '=')
			return lexer_fail_rune(l, "unexpected character after '!' inside braces: ", r, "");
		lexer_emit(l, r == '~' ? TOK_NEQ_REGEX : TOK_NEQ);
		return ST_BRACES;
	case '{':
		return lexer_fail_rune(l, "unexpected left brace ", r, "");
	case '}':
		lexer_emit(l, TOK_RIGHT_BRACE);
		l->brace_open = false;
		return l->series_desc ? ST_VALUES : ST_STATEMENT;
	default:
		return lexer_fail_rune(l, "unexpected character inside braces: ", r, "");
	}
}

static enum lex_state lex_duration_colon(struct promql_lexer *l)
{
	lexer_emit(l, TOK_COLON);
	if (!l->got_duration)
		return lexer_fail(l, "unexpected colon before duration in duration expression");
	if (l->got_colon)
		return lexer_fail(l, "unexpected repeated colon in duration expression");
	l->got_colon = true;
	return ST_DURATION;
}

/* After [, until the first number: from there on lex_statement goes on. */
static enum lex_state lex_duration(struct promql_lexer *l)
{
	int32_t r = lexer_next(l);
	if (r == LEX_RUNE_EOF)
		return lexer_fail(l, "unexpected end of input in duration expression");
	if (r == ']') {
		lexer_emit(l, TOK_RIGHT_BRACKET);
		l->bracket_open = l->got_colon = false;
		return ST_STATEMENT;
	}
	if (r == ':')
		return lex_duration_colon(l);
	if (r == '(' || r == ')')
		return lex_parens(l, r, ST_DURATION);
	if (lex_is_space(r)) {
		lexer_space(l);
		return ST_DURATION;
	}
	if (lex_in_set(r, "+-*/%^,")) {
		lexer_emit(l, single(r));
		return ST_DURATION;
	}
	if (lex_in_set(r, "sSrRmM") && scan_duration_word(l))
		return ST_DURATION;
	if (lexer_number_begins(l, r)) {
		l->pos = l->start;
		l->got_duration = true;
		return ST_NUMBER_OR_DURATION;
	}
	return lexer_fail_rune(l, "unexpected character in duration expression: ", r, "");
}

/* --- the machine ------------------------------------------------------------ */

static enum lex_state step(struct promql_lexer *l, enum lex_state st)
{
	switch (st) {
	case ST_STATEMENT:
		return lex_statement(l);
	case ST_BRACES:
		return lex_braces(l);
	case ST_DURATION:
		return lex_duration(l);
	case ST_NUMBER:
		return lexer_number(l);
	case ST_NUMBER_OR_DURATION:
		return lexer_number_or_duration(l);
	case ST_STRING:
		return lexer_string(l);
	case ST_ESCAPE:
		return lexer_escape(l);
	case ST_RAW_STRING:
		return lexer_raw_string(l);
	case ST_COMMENT:
		return lex_comment(l);
	case ST_WORD:
		return lex_word(l);
	case ST_BRACES_WORD:
		return lex_braces_word(l);
	case ST_SPACE:
		return lexer_space(l);
	case ST_VALUES:
		return lexer_values(l);
	case ST_HIST:
		return lexer_hist(l);
	case ST_HIST_WORD:
		return lexer_hist_word(l);
	case ST_BUCKETS:
		return lexer_buckets(l);
	case ST_END:
		break;
	}
	lexer_emit(l, TOK_EOF);
	return ST_END;
}

void promql_lex_init(struct promql_lexer *l, struct str text, bool series_desc, struct arena *a)
{
	*l = (struct promql_lexer){ .in = text, .arena = a, .series_desc = series_desc, .state = ST_STATEMENT };
}

void promql_lex_next(struct promql_lexer *l, struct promql_token *ret)
{
	l->scanned = false;
	l->out = ret;
	while (!l->scanned)
		l->state = (int)step(l, (enum lex_state)l->state);
}

uint32_t promql_lex_start(const struct promql_lexer *l)
{
	return l->start;
}
