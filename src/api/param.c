#include "api/param.h"

#include "base/strbuf.h"
#include "text/duration.h"
#include "text/float.h"

#include <math.h>
#include <string.h>

/* INVALID_ARGUMENT "<before>"x"<after>", with the text quoted as Go does. */
static int refuse(struct err *err, const char *before, struct str s, const char *after)
{
	struct strbuf b = { 0 };
	strbuf_add_quoted(&b, s.n > 200 ? str_mem(s.p, 200) : s);
	int rc = err_set(err, ERR_INVALID_ARGUMENT, "%s%s%s", before, b.p, after);
	strbuf_fini(&b);
	return rc;
}

/* --- times ------------------------------------------------------------------------------ */

/* Exactly `n` decimal digits, taken off *s. */
static bool take_digits(struct str *s, size_t n, int *ret)
{
	if (s->n < n)
		return false;
	*ret = 0;
	for (size_t i = 0; i < n; i++) {
		if (s->p[i] < '0' || s->p[i] > '9')
			return false;
		*ret = *ret * 10 + (s->p[i] - '0');
	}
	*s = str_mem(s->p + n, s->n - n);
	return true;
}

/* One of the characters in `set`, taken off *s; 0 when it is none. */
static char take_one(struct str *s, const char *set)
{
	if (s->n == 0 || s->p[0] == 0 || !strchr(set, s->p[0]))
		return 0;
	char c = s->p[0];
	*s = str_mem(s->p + 1, s->n - 1);
	return c;
}

/* Days from 1970-01-01 to a date of the Gregorian calendar. */
static int64_t days_of(int y, int m, int d)
{
	int64_t yy = m <= 2 ? y - 1 : y;
	int64_t era = (yy >= 0 ? yy : yy - 399) / 400;
	int64_t of_era = yy - era * 400;
	int64_t of_year = (153 * (m + (m > 2 ? -3 : 9)) + 2) / 5 + d - 1;
	return era * 146097 + of_era * 365 + of_era / 4 - of_era / 100 + of_year - 719468;
}

static int month_days(int y, int m)
{
	static const char days[] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (y % 4 == 0 && y % 100 != 0) || y % 400 == 0;
	return days[m - 1] + (m == 2 && leap);
}

static bool take_date(struct str *s, int64_t *ret_days)
{
	int y, m, d;
	if (!take_digits(s, 4, &y) || !take_one(s, "-") || !take_digits(s, 2, &m) || !take_one(s, "-") ||
	    !take_digits(s, 2, &d))
		return false;
	if (m < 1 || m > 12 || d < 1 || d > month_days(y, m))
		return false;
	*ret_days = days_of(y, m, d);
	return true;
}

/* ".5" or ",123456789": ms, the rest cut off. */
static bool take_fraction(struct str *s, int *ret_ms)
{
	*ret_ms = 0;
	if (!take_one(s, ".,"))
		return true;
	int digit, n = 0;
	for (; take_digits(s, 1, &digit); n++)
		*ret_ms += n == 0 ? digit * 100 : n == 1 ? digit * 10 : n == 2 ? digit : 0;
	return n > 0;
}

/* The hour may have one digit, as Go's parser lets it. */
static bool take_clock(struct str *s, int64_t *ret_ms)
{
	int h, m, sec, ms;
	if ((!take_digits(s, 2, &h) && !take_digits(s, 1, &h)) || !take_one(s, ":") || !take_digits(s, 2, &m) ||
	    !take_one(s, ":") || !take_digits(s, 2, &sec) || !take_fraction(s, &ms))
		return false;
	if (h > 23 || m > 59 || sec > 59)
		return false;
	*ret_ms = ((h * 60 + m) * 60 + sec) * INT64_C(1000) + ms;
	return true;
}

static bool take_zone(struct str *s, int64_t *ret_ms)
{
	int h, m;
	*ret_ms = 0;
	if (take_one(s, "Z"))
		return true;
	char sign = take_one(s, "+-");
	if (!sign || !take_digits(s, 2, &h) || !take_one(s, ":") || !take_digits(s, 2, &m) || h > 24 || m > 60)
		return false;
	*ret_ms = (h * 60 + m) * (sign == '-' ? INT64_C(-60000) : INT64_C(60000));
	return true;
}

static bool rfc3339_parse(struct str s, int64_t *ret_ms)
{
	int64_t days, clock, zone;
	if (!take_date(&s, &days) || !take_one(&s, "T") || !take_clock(&s, &clock) || !take_zone(&s, &zone) || s.n)
		return false;
	*ret_ms = days * 86400000 + clock - zone;
	return true;
}

/* Seconds to ms, the fraction rounded and the rest kept whole, as upstream does. */
static bool seconds_to_ms(double v, int64_t *ret_ms)
{
	double whole, frac = modf(v, &whole);
	if (!(fabs(v) < 9e15))
		return false;
	*ret_ms = (int64_t)whole * 1000 + (int64_t)round(frac * 1000);
	return true;
}

int api_time_parse(struct str s, int64_t *ret_ms, struct err *err)
{
	double v;
	if (text_parse_double(s, &v)) {
		if (seconds_to_ms(v, ret_ms))
			return 0;
	} else if (rfc3339_parse(s, ret_ms)) {
		return 0;
	} else if (str_eq_c(s, "-292273086-05-16T16:47:06Z")) {
		*ret_ms = API_TIME_MIN;
		return 0;
	} else if (str_eq_c(s, "292277025-08-18T07:12:54.999999999Z")) {
		*ret_ms = API_TIME_MAX;
		return 0;
	}
	return refuse(err, "cannot parse ", s, " to a valid timestamp");
}

/* --- others ----------------------------------------------------------------------------- */

int api_duration_parse(struct str s, int64_t *ret_ns, struct err *err)
{
	double v;
	int64_t ms;
	if (text_parse_double(s, &v) && !isnan(v)) {
		v *= 1e9;
		if (!(v < 0x1p63 && v >= -0x1p63))
			return refuse(err, "cannot parse ", s, " to a valid duration. It overflows int64");
		*ret_ns = (int64_t)v;
		return 0;
	}
	if (text_duration_parse(s, &ms, NULL) == 0 && !__builtin_mul_overflow(ms, INT64_C(1000000), ret_ns))
		return 0;
	return refuse(err, "cannot parse ", s, " to a valid duration");
}

int api_bool_parse(struct str s, bool *ret, struct err *err)
{
	static const char *const yes[] = { "1", "t", "T", "TRUE", "true", "True" };
	static const char *const no[] = { "0", "f", "F", "FALSE", "false", "False" };
	for (size_t i = 0; i < 6; i++) {
		*ret = str_eq_c(s, yes[i]);
		if (*ret || str_eq_c(s, no[i]))
			return 0;
	}
	return refuse(err, "strconv.ParseBool: parsing ", s, ": invalid syntax");
}

int api_limit_parse(struct str s, uint64_t *ret, struct err *err)
{
	int64_t v = 0;
	if (s.n && !str_to_i64(s, &v))
		return refuse(err, "cannot parse ", s, " to a valid limit");
	if (v < 0)
		return err_set(err, ERR_INVALID_ARGUMENT, "limit must be non-negative");
	*ret = (uint64_t)v;
	return 0;
}

/* --- escaped names ---------------------------------------------------------------------- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* Writes a code point as UTF-8; 0 where it is none. */
static size_t put_utf8(char *out, uint32_t c)
{
	if (c < 0x80) {
		out[0] = (char)c;
		return 1;
	}
	if (c < 0x800) {
		out[0] = (char)(0xc0 | c >> 6);
		out[1] = (char)(0x80 | (c & 0x3f));
		return 2;
	}
	if ((c >= 0xd800 && c < 0xe000) || c > 0x10ffff)
		return 0;
	size_t n = c < 0x10000 ? 3 : 4;
	out[0] = (char)(n == 3 ? 0xe0 | c >> 12 : 0xf0 | c >> 18);
	for (size_t i = 1; i < n; i++)
		out[i] = (char)(0x80 | ((c >> (6 * (n - 1 - i))) & 0x3f));
	return n;
}

/* Reads "<hex>_" (one to six digits, after the '_'); the bytes it took, 0 when malformed. */
static size_t read_hex(struct str s, uint32_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < s.n && i <= 6; i++) {
		if (s.p[i] == '_')
			return i ? i + 1 : 0;
		int v = hex_value(s.p[i]);
		if (v < 0)
			return 0;
		*ret = *ret << 4 | (uint32_t)v;
	}
	return 0;
}

/* Unescapes what follows "U__" into `out` (room for its length); the length, or -1 when it is not escaped so. */
static ptrdiff_t unescape(struct str s, char *out)
{
	size_t n = 0;
	for (size_t i = 0; i < s.n;) {
		if (s.p[i] != '_') {
			out[n++] = s.p[i++];
			continue;
		}
		if (i + 1 < s.n && s.p[i + 1] == '_') {
			out[n++] = '_';
			i += 2;
			continue;
		}
		uint32_t c;
		size_t took = read_hex(str_mem(s.p + i + 1, s.n - i - 1), &c);
		char utf8[4];
		size_t len = took ? put_utf8(utf8, c) : 0;
		if (len == 0 || len > took + 1)
			return -1;
		memcpy(out + n, utf8, len);
		n += len;
		i += took + 1;
	}
	return (ptrdiff_t)n;
}

struct str api_name_unescape(struct arena *a, struct str name)
{
	if (!str_has_prefix(name, STR("U__")))
		return name;
	char *out = arena_alloc(a, name.n);
	if (!out)
		return (struct str){ NULL, 0 };
	ptrdiff_t n = unescape(str_mem(name.p + 3, name.n - 3), out);
	return n < 0 ? name : str_mem(out, (size_t)n);
}
