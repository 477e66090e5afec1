#include "promql/lang/lex_int.h"

/* --- numbers and durations ------------------------------------------------- */

/* An exponent sign and what may not follow it. False where the number ends badly. */
static bool scan_exponent(struct promql_lexer *l)
{
	lexer_accept(l, "+-");
	return !lexer_accept(l, "._eE") && lexer_peek(l) != LEX_RUNE_EOF;
}

/* One '.', exponent, '_' or run of digits of a number (an 'e' is an exponent even in hexadecimal). False where it ends badly. */
static bool scan_number_part(struct promql_lexer *l, bool hex, bool *dot, bool *exponent)
{
	if (lexer_accept(l, ".")) {
		if (*dot)
			return false;
		*dot = true;
		return !lexer_accept(l, "_.") && !hex;
	}
	if (lexer_accept(l, "eE")) {
		if (*exponent)
			return false;
		*exponent = true;
		return scan_exponent(l);
	}
	if (lexer_accept(l, "_"))
		return !lexer_accept(l, "._eE") && lexer_peek(l) != LEX_RUNE_EOF;
	lexer_accept_run(l, hex ? "0123456789abcdefABCDEF" : "0123456789");
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
	if (!l->series_desc && lexer_accept(l, "0") && lexer_accept(l, "xX")) {
		lexer_accept(l, "_");
		hex = true;
	}
	const char *digits = hex ? "0123456789abcdefABCDEF" : "0123456789";
	lexer_accept(l, ".");
	lexer_accept(l, digits);
	while (lex_in_set(lexer_peek(l), digits) || lex_in_set(lexer_peek(l), "._eE"))
		if (!scan_number_part(l, hex, &dot, &exponent))
			return false;
	if (l->pos == begin)
		return false;
	int32_t r = lexer_peek(l);
	return (l->series_desc && r == 'x') || !lex_is_alnum(r);
}

/* The rest of a duration, at its first unit. Takes one rune more than it when it returns true. */
static bool scan_duration_rest(struct promql_lexer *l)
{
	if (!lexer_accept(l, "smhdwy"))
		return false;
	lexer_accept(l, "s");
	while (lexer_accept(l, "0123456789")) {
		lexer_accept_run(l, "0123456789");
		if (!lexer_accept(l, "smhdw"))
			return false;
		lexer_accept(l, "s");
	}
	return !lex_is_alnum(lexer_next(l));
}

enum lex_state lexer_number(struct promql_lexer *l)
{
	if (!scan_number(l))
		return lexer_fail_pending(l, "bad number syntax: ");
	lexer_emit(l, TOK_NUMBER);
	return ST_STATEMENT;
}

enum lex_state lexer_number_or_duration(struct promql_lexer *l)
{
	if (scan_number(l)) {
		lexer_emit(l, TOK_NUMBER);
		return ST_STATEMENT;
	}
	if (!scan_duration_rest(l))
		return lexer_fail_pending(l, "bad number or duration syntax: ");
	lexer_backup(l);
	lexer_emit(l, TOK_DURATION);
	return ST_STATEMENT;
}

/* --- strings ---------------------------------------------------------------- */

static int hex_value(int32_t r)
{
	if (lex_is_digit(r))
		return r - '0';
	if (r >= 'a' && r <= 'f')
		return r - 'a' + 10;
	if (r >= 'A' && r <= 'F')
		return r - 'A' + 10;
	return 16;
}

/* `n` digits of a numeric escape, the first of which is `r`. */
static enum lex_state lex_escape_digits(struct promql_lexer *l, int32_t r, int n, int base, uint32_t max)
{
	uint32_t x = 0;
	for (; n > 0; n--) {
		int d = hex_value(r);
		if (d >= base && r == LEX_RUNE_EOF)
			return lexer_fail_in_string(l, "escape sequence not terminated");
		if (d >= base)
			return lexer_fail_code_point(l, "illegal character ", r, " in escape sequence");
		x = x * (uint32_t)base + (uint32_t)d;
		if (n > 1)
			r = lexer_next(l);
	}
	if (x > max || (x >= 0xD800 && x < 0xE000))
		return lexer_fail_in_string(l, "escape sequence is an invalid Unicode code point");
	return ST_STRING;
}

/* An escape sequence whose backslash was taken. */
enum lex_state lexer_escape(struct promql_lexer *l)
{
	int32_t r = lexer_next(l);
	if (r == l->quote || lex_in_set(r, "abfnrtv\\"))
		return ST_STRING;
	if (lex_in_set(r, "01234567"))
		return lex_escape_digits(l, r, 3, 8, 255);
	if (r == 'x')
		return lex_escape_digits(l, lexer_next(l), 2, 16, 255);
	if (r == 'u')
		return lex_escape_digits(l, lexer_next(l), 4, 16, 0x10FFFF);
	if (r == 'U')
		return lex_escape_digits(l, lexer_next(l), 8, 16, 0x10FFFF);
	if (r == LEX_RUNE_EOF)
		return lexer_fail_in_string(l, "escape sequence not terminated");
	return lexer_fail_code_point(l, "unknown escape sequence ", r, "");
}

enum lex_state lexer_string(struct promql_lexer *l)
{
	for (;;) {
		int32_t r = lexer_next(l);
		if (r == '\\')
			return ST_ESCAPE;
		if (r == LEX_RUNE_ERROR)
			return lexer_fail_in_string(l, "invalid UTF-8 rune");
		if (r == LEX_RUNE_EOF || r == '\n')
			return lexer_fail(l, "unterminated quoted string");
		if (r == l->quote)
			break;
	}
	lexer_emit(l, TOK_STRING);
	return ST_STATEMENT;
}

enum lex_state lexer_raw_string(struct promql_lexer *l)
{
	for (;;) {
		int32_t r = lexer_next(l);
		if (r == LEX_RUNE_ERROR) {
			lexer_fail(l, "invalid UTF-8 rune");
			return ST_RAW_STRING;
		}
		if (r == LEX_RUNE_EOF)
			return lexer_fail(l, "unterminated raw string");
		if (r == l->quote)
			break;
	}
	lexer_emit(l, TOK_STRING);
	return ST_STATEMENT;
}
