#include "text/duration.h"

#include "base/compiler.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#define NS_PER_MS 1000000ll

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* --- Prometheus ------------------------------------------------------------------ */

/* Largest first: the order in which they must come. */
static const struct {
	const char *name;
	int64_t ms;
	bool only_exact; /* printing: taken only when nothing would remain */
} prom_units[] = {
	{ "y", 365 * 86400000ll, true },
	{ "w", 7 * 86400000ll, true },
	{ "d", 86400000, false },
	{ "h", 3600000, false },
	{ "m", 60000, false },
	{ "s", 1000, false },
	{ "ms", 1, false },
};

/* Index of the unit, or -1. */
static int prom_unit(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(prom_units); i++)
		if (str_eq_c(name, prom_units[i].name))
			return (int)i;
	return -1;
}

/* Cuts the leading digits (or, with !digits, what comes before the next digit) off *s. */
static struct str cut_run(struct str *s, bool digits)
{
	struct str run = { s->p, 0 };
	while (run.n < s->n && is_digit(s->p[run.n]) == digits)
		run.n++;
	*s = str_mem(s->p + run.n, s->n - run.n);
	return run;
}

int text_duration_parse(struct str s, int64_t *ret_ms, struct err *err)
{
	struct str rest = s;
	int64_t sum = 0;
	int last = -1;
	if (s.n == 0)
		return err_set(err, ERR_INVALID_ARGUMENT, "empty duration string");
	while (rest.n && !str_eq_c(s, "0")) {
		uint64_t v;
		struct str number = cut_run(&rest, true), name = cut_run(&rest, false);
		if (!str_to_u64(number, &v) || name.n == 0)
			goto invalid;
		int unit = prom_unit(name);
		if (unit < 0)
			return err_set(err, ERR_INVALID_ARGUMENT, "unknown unit \"%.*s\" in duration \"%.*s\"",
				       STR_ARG(name), STR_ARG(s));
		if (unit <= last)
			goto invalid;
		last = unit;
		int64_t part;
		if (v > INT64_MAX || __builtin_mul_overflow((int64_t)v, prom_units[unit].ms, &part) ||
		    __builtin_add_overflow(sum, part, &sum) || sum > INT64_MAX / NS_PER_MS)
			return err_set(err, ERR_INVALID_ARGUMENT, "duration out of range");
	}
	*ret_ms = sum;
	return 0;
invalid:
	return err_set(err, ERR_INVALID_ARGUMENT, "not a valid duration string: \"%.*s\"", STR_ARG(s));
}

size_t text_duration_format(char out[TEXT_DURATION_MAX], int64_t ms)
{
	uint64_t rest = ms < 0 ? 0 - (uint64_t)ms : (uint64_t)ms;
	if (rest == 0)
		return (size_t)snprintf(out, TEXT_DURATION_MAX, "0s");
	size_t n = 0;
	if (ms < 0)
		out[n++] = '-';
	for (size_t i = 0; i < ARRAY_LEN(prom_units); i++) {
		uint64_t unit = (uint64_t)prom_units[i].ms;
		if (rest < unit || (prom_units[i].only_exact && rest % unit))
			continue;
		n += (size_t)snprintf(out + n, TEXT_DURATION_MAX - n, "%" PRIu64 "%s", rest / unit, prom_units[i].name);
		rest %= unit;
	}
	return n;
}

/* --- Go ------------------------------------------------------------------------- */

static const struct {
	const char *name;
	int64_t ns;
} go_units[] = {
	{ "ns", 1 },         { "us", 1000 },      { "\xc2\xb5s", 1000 }, { "\xce\xbcs", 1000 },
	{ "ms", NS_PER_MS }, { "s", 1000000000 }, { "m", 60000000000 },  { "h", 3600000000000 },
};

/* ns of the unit, or 0. */
static int64_t go_unit(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(go_units); i++)
		if (str_eq_c(name, go_units[i].name))
			return go_units[i].ns;
	return 0;
}

/* Digits after the point, as a fraction of scale; further digits than fit are dropped. */
struct fraction {
	uint64_t f;
	double scale;
};

static struct fraction read_fraction(struct str digits)
{
	struct fraction x = { 0, 1 };
	for (size_t i = 0; i < digits.n && x.f <= (INT64_MAX - 9) / 10; i++) {
		x.f = x.f * 10 + (uint64_t)(digits.p[i] - '0');
		x.scale *= 10;
	}
	return x;
}

/* Reads one number and its unit off *rest and adds it to *sum. *ret_unit is the text of the unit. */
static bool go_part(struct str *rest, uint64_t *sum, struct str *ret_unit)
{
	struct str whole = cut_run(rest, true), frac = { rest->p, 0 };
	if (rest->n && rest->p[0] == '.') {
		*rest = str_mem(rest->p + 1, rest->n - 1);
		frac = cut_run(rest, true);
	}
	struct str name = { rest->p, 0 };
	while (name.n < rest->n && !is_digit(rest->p[name.n]) && rest->p[name.n] != '.')
		name.n++;
	*rest = str_mem(rest->p + name.n, rest->n - name.n);
	uint64_t v = 0, unit = (uint64_t)go_unit(name);
	if (whole.n == 0 && frac.n == 0)
		return false;
	*ret_unit = name;
	if (unit == 0 || (whole.n && !str_to_u64(whole, &v)) || __builtin_mul_overflow(v, unit, &v))
		return false;
	struct fraction x = read_fraction(frac);
	if (x.f)
		v += (uint64_t)((double)x.f * ((double)unit / x.scale));
	return !__builtin_add_overflow(*sum, v, sum) && *sum <= 1ull << 63;
}

int text_goduration_parse(struct str s, int64_t *ret_ns, struct err *err)
{
	struct str rest = s;
	bool negative = s.n && s.p[0] == '-';
	if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
		rest = str_mem(s.p + 1, s.n - 1);
	uint64_t sum = 0;
	bool ok = rest.n > 0;
	struct str unit = STR("s"); /* of the part read last */
	if (str_eq_c(rest, "0"))
		rest.n = 0;
	while (ok && rest.n)
		ok = go_part(&rest, &sum, &unit);
	if (!ok && unit.n == 0)
		return err_set(err, ERR_INVALID_ARGUMENT, "time: missing unit in duration \"%.*s\"", STR_ARG(s));
	if (!ok && go_unit(unit) == 0)
		return err_set(err, ERR_INVALID_ARGUMENT, "time: unknown unit \"%.*s\" in duration \"%.*s\"",
			       STR_ARG(unit), STR_ARG(s));
	if (!ok || (!negative && sum > INT64_MAX))
		return err_set(err, ERR_INVALID_ARGUMENT, "time: invalid duration \"%.*s\"", STR_ARG(s));
	*ret_ns = negative ? (int64_t)(0 - sum) : (int64_t)sum;
	return 0;
}

/* Writes v / 10^decimals so that it ends at `p`, without trailing zeros; returns the beginning. */
static char *fraction_before(char *p, uint64_t *v, int decimals)
{
	bool print = false;
	for (int i = 0; i < decimals; i++) {
		int digit = (int)(*v % 10);
		print = print || digit != 0;
		if (print)
			*--p = (char)('0' + digit);
		*v /= 10;
	}
	if (print)
		*--p = '.';
	return p;
}

static char *whole_before(char *p, uint64_t v)
{
	do {
		*--p = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	return p;
}

/* Below a second: one unit out of ns, us, ms. */
static char *go_small_before(char *p, uint64_t u)
{
	*--p = 's';
	int decimals;
	if (u < 1000) {
		*--p = 'n';
		decimals = 0;
	} else if (u < 1000000) {
		p -= 2;
		memcpy(p, "\xc2\xb5", 2);
		decimals = 3;
	} else {
		*--p = 'm';
		decimals = 6;
	}
	p = fraction_before(p, &u, decimals);
	return whole_before(p, u);
}

static char *go_large_before(char *p, uint64_t u)
{
	*--p = 's';
	p = fraction_before(p, &u, 9);
	p = whole_before(p, u % 60);
	u /= 60;
	if (u) {
		*--p = 'm';
		p = whole_before(p, u % 60);
		u /= 60;
		if (u) {
			*--p = 'h';
			p = whole_before(p, u);
		}
	}
	return p;
}

size_t text_goduration_format(char out[TEXT_DURATION_MAX], int64_t ns)
{
	char tmp[TEXT_DURATION_MAX];
	char *end = tmp + sizeof(tmp), *p = end;
	uint64_t u = ns < 0 ? 0 - (uint64_t)ns : (uint64_t)ns;
	if (u == 0) {
		p -= 2;
		memcpy(p, "0s", 2);
	} else if (u < 1000000000) {
		p = go_small_before(p, u);
	} else {
		p = go_large_before(p, u);
	}
	if (ns < 0)
		*--p = '-';
	memcpy(out, p, (size_t)(end - p));
	out[end - p] = '\0';
	return (size_t)(end - p);
}

int text_anyduration_parse(struct str s, int64_t *ret_ns, struct err *err)
{
	int64_t ms;
	if (text_duration_parse(s, &ms, NULL) == 0) {
		*ret_ns = ms * NS_PER_MS;
		return 0;
	}
	return text_goduration_parse(s, ret_ns, err);
}
