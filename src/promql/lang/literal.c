#include "promql/lang/literal.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "text/duration.h"
#include "text/float.h"

#include <math.h>

/* --- numbers ---------------------------------------------------------------- */

static int digit_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'z' ? c - 'a' + 10 : 99;
}

/* Whether every '_' stands between digits (or after a base prefix). */
static bool underscores_ok(struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] != '_')
			continue;
		if (i == 0 || i + 1 == s.n || s.p[i - 1] == '_' || digit_value(s.p[i + 1]) > 15)
			return false;
	}
	return true;
}

/* As strconv.ParseInt(s, 0, 64) of a text without sign. */
static bool parse_whole(struct str s, int64_t *ret)
{
	int base = 10;
	size_t i = 0;
	if (s.n > 1 && s.p[0] == '0') {
		bool hex = (s.p[1] | 0x20) == 'x';
		base = hex ? 16 : 8;
		i = hex ? 2 : 1;
	}
	if (i == s.n || !underscores_ok(s))
		return false;
	uint64_t v = 0;
	for (; i < s.n; i++) {
		if (s.p[i] == '_')
			continue;
		int d = digit_value(s.p[i]);
		if (d >= base || __builtin_mul_overflow(v, (uint64_t)base, &v) ||
		    __builtin_add_overflow(v, (uint64_t)d, &v))
			return false;
	}
	if (v > INT64_MAX)
		return false;
	*ret = (int64_t)v;
	return true;
}

/* "<before><quoted s><after>" in the arena, or "". */
static const char *message(struct arena *a, const char *before, struct str s, const char *after)
{
	struct strbuf b = { 0 };
	strbuf_add_c(&b, before);
	strbuf_add_quoted(&b, s);
	strbuf_add_c(&b, after);
	const char *m = arena_memdup(a, b.p, b.n);
	strbuf_fini(&b);
	return m ? m : "";
}

const char *promql_number_parse(struct str s, double *ret, struct arena *a)
{
	int64_t whole;
	if (parse_whole(s, &whole)) {
		*ret = (double)whole;
		return NULL;
	}
	if (text_parse_double(s, ret))
		return NULL;
	bool too_large = isinf(*ret);
	if (!too_large)
		*ret = 0;
	return message(a, "error parsing number: strconv.ParseFloat: parsing ", s,
		       too_large ? ": value out of range" : ": invalid syntax");
}

/* --- durations --------------------------------------------------------------- */

struct unit {
	struct str name;
	int rank;
	uint64_t ns;
};

#define MS UINT64_C(1000000)

static const struct unit *find_unit(struct str s)
{
	static const struct unit units[] = {
		{ { "y", 1 }, 1, 365 * 24 * 3600 * (1000 * MS) },
		{ { "w", 1 }, 2, 7 * 24 * 3600 * (1000 * MS) },
		{ { "d", 1 }, 3, 24 * 3600 * (1000 * MS) },
		{ { "h", 1 }, 4, 3600 * 1000 * MS },
		{ { "m", 1 }, 5, 60 * 1000 * MS },
		{ { "s", 1 }, 6, 1000 * MS },
		{ { "ms", 2 }, 7, MS },
	};
	for (size_t i = 0; i < ARRAY_LEN(units); i++)
		if (str_eq(units[i].name, s))
			return &units[i];
	return NULL;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* Cuts the run of digits (or of others) off the front. */
static struct str cut_run(struct str *s, bool digits)
{
	size_t n = 0;
	while (n < s->n && is_digit(s->p[n]) == digits)
		n++;
	struct str run = str_mem(s->p, n);
	s->p += n;
	s->n -= n;
	return run;
}

const char *promql_duration_parse(struct str s, int64_t *ret_ns, struct arena *a)
{
	*ret_ns = 0;
	if (s.n == 0)
		return "empty duration string";
	if (str_eq_c(s, "0"))
		return NULL;
	struct str all = s;
	uint64_t sum = 0;
	int rank = 0;
	while (s.n) {
		uint64_t v;
		struct str number = cut_run(&s, true);
		struct str name = cut_run(&s, false);
		if (!str_to_u64(number, &v) || name.n == 0)
			return message(a, "not a valid duration string: ", all, "");
		const struct unit *u = find_unit(name);
		if (!u) {
			struct strbuf b = { 0 };
			strbuf_add_quoted(&b, all);
			const char *m = arena_printf(a, "unknown unit \"%.*s\" in duration %s", STR_ARG(name), b.p);
			strbuf_fini(&b);
			return m ? m : "";
		}
		if (u->rank <= rank)
			return message(a, "not a valid duration string: ", all, "");
		rank = u->rank;
		if (v > (UINT64_C(1) << 63) / u->ns)
			return "duration out of range";
		sum += v * u->ns;
		if (sum > INT64_MAX)
			return "duration out of range";
	}
	*ret_ns = (int64_t)sum;
	return NULL;
}

void promql_duration_print(struct strbuf *b, int64_t ns)
{
	char text[TEXT_DURATION_MAX];
	size_t n = text_duration_format(text, ns / 1000000);
	strbuf_add(b, text, n);
}

/* --- strings ------------------------------------------------------------------ */

/* The number in `n` digits at `p`. */
static uint32_t read_digits(const char *p, size_t n, uint32_t base)
{
	uint32_t v = 0;
	for (size_t i = 0; i < n; i++)
		v = v * base + (uint32_t)digit_value(p[i]);
	return v;
}

/* Undoes the escape after the backslash at p[-1]; returns the end of the input used. */
static const char *unescape(const char *p, char **out)
{
	static const char from[] = "abfnrtv", to[] = "\a\b\f\n\r\t\v";
	const char *at = strchr(from, *p);
	if (*p && at) {
		*(*out)++ = to[at - from];
		return p + 1;
	}
	switch (*p) {
	case 'x':
		*(*out)++ = (char)read_digits(p + 1, 2, 16);
		return p + 3;
	case 'u':
		*out += str_utf8_put(*out, read_digits(p + 1, 4, 16));
		return p + 5;
	case 'U':
		*out += str_utf8_put(*out, read_digits(p + 1, 8, 16));
		return p + 9;
	default:
		break;
	}
	if (*p >= '0' && *p <= '7') {
		*(*out)++ = (char)read_digits(p, 3, 8);
		return p + 3;
	}
	*(*out)++ = *p; /* a backslash or the quote */
	return p + 1;
}

bool promql_unquote(struct str s, struct arena *a, struct str *ret)
{
	CHECK(s.n >= 2 && s.p[0] == s.p[s.n - 1]);
	char quote = s.p[0];
	s = str_mem(s.p + 1, s.n - 2);
	char *text = arena_memdup(a, s.p, s.n);
	if (!text)
		return false;
	*ret = str_mem(text, s.n);
	if (quote == '`')
		return true;
	char *out = text;
	const char *end = s.p + s.n;
	for (const char *p = s.p; p < end;) {
		if (*p == '\\')
			p = unescape(p + 1, &out);
		else
			*out++ = *p++;
	}
	ret->n = (size_t)(out - text);
	return true;
}
