#include "text/float.h"

#include "base/compiler.h"
#include "base/mem.h"
#include "text/float_digits.h"
#include "text/float_shim.h"
#include "text/float_table.h"

#include <math.h>
#include <stdlib.h>
#include <string.h>

/* A positive number, 0.M * 10^point, where M are the n digits of m, the last of them not 0. */
struct decimal {
	uint64_t m;
	int n;
	int point;
};

/* --- shortest digits --------------------------------------------------------- */

static inline int floor_log2_pow10(int e)
{
	return (int)(((int64_t)e * 1741647) >> 19);
}

/* The upper 64 bits of g * cp, the lowest one set when bits below were lost. */
static inline uint64_t round_to_odd(const struct pow10_entry *g, uint64_t cp)
{
	unsigned __int128 x = (unsigned __int128)g->lo * cp;
	unsigned __int128 y = (unsigned __int128)g->hi * cp + (uint64_t)(x >> 64);
	return (uint64_t)(y >> 64) | ((uint64_t)y > 1);
}

/*
 * Schubfach: the shortest decimal m * 10^*ret_exp in the rounding interval of
 * a double, the closest one of that length.
 * (R. Giulietti, "The Schubfach way to render doubles", 2021; names as there.)
 */
static uint64_t schubfach(uint64_t bits, int *ret_exp)
{
	uint64_t f = bits & ((1ull << 52) - 1);
	int e = (int)(bits >> 52);
	uint64_t c = e ? f | 1ull << 52 : f;
	int q = e ? e - 1075 : -1074;
	bool odd = c & 1, closer_below = f == 0 && e > 1;
	int k = (q * 1262611 - (closer_below ? 524031 : 0)) >> 22;
	int h = q + floor_log2_pow10(-k) + 1;
	const struct pow10_entry *g = &pow10_table[-k - POW10_MIN];
	uint64_t lower = round_to_odd(g, (4 * c - 2 + closer_below) << h) + odd;
	uint64_t vb = round_to_odd(g, (4 * c) << h);
	uint64_t upper = round_to_odd(g, (4 * c + 2) << h) - odd;

	uint64_t s = vb / 4;
	if (s >= 10) {
		uint64_t sp = s / 10;
		bool below = lower <= 40 * sp, above = 40 * sp + 40 <= upper;
		if (below != above) {
			*ret_exp = k + 1;
			return sp + above;
		}
	}
	*ret_exp = k;
	bool below = lower <= 4 * s, above = 4 * s + 4 <= upper;
	if (below != above)
		return s + above;
	uint64_t mid = 4 * s + 2;
	return s + (vb > mid || (vb == mid && (s & 1)));
}

static const uint64_t powers[20] = {
	1,
	10,
	100,
	1000,
	10000,
	100000,
	1000000,
	10000000,
	100000000,
	1000000000,
	10000000000,
	100000000000,
	1000000000000,
	10000000000000,
	100000000000000,
	1000000000000000,
	10000000000000000,
	100000000000000000,
	1000000000000000000,
	10000000000000000000u,
};

/* Of 0 it is 1. */
static inline int digit_count(uint64_t v)
{
	int t = (64 - __builtin_clzll(v | 1)) * 1233 >> 12; /* log10(2) is 1233 / 4096 */
	return t + (v >= powers[t]) + (v == 0);
}

/* Writes the 16 digits of v < 10^16. */
static ALWAYS_INLINE void put16(char *p, uint64_t v)
{
	uint64_t top = v / 100000000;
	digits_put8(p, (uint32_t)top);
	digits_put8(p + 8, (uint32_t)(v - top * 100000000));
}

/* Writes the `n` decimal digits of v at `p`, and up to 15 bytes of no meaning after them; returns the end. */
static ALWAYS_INLINE char *put_digits(char *p, uint64_t v, int n)
{
	if (n > 16) {
		uint64_t top = v / 10000000000000000;
		digits_put8(p, (uint32_t)(top * powers[24 - n]));
		v -= top * 10000000000000000;
		p += n - 16;
		n = 16;
	}
	if (n > 8)
		put16(p, v * powers[16 - n]);
	else
		digits_put8(p, (uint32_t)(v * powers[8 - n]));
	return p + n;
}

/* m * 10^exp, m > 0. */
static inline void decimal_set(struct decimal *x, uint64_t m, int exp)
{
	int n = digit_count(m);
	x->point = n + exp;
	while (m % 10 == 0) {
		m /= 10;
		n--;
	}
	x->m = m;
	x->n = n;
}

/*
 * A decimal of at most 15 digits is the shortest one of its double, for no two of them share one. Whether `a` is one with
 * at most 6 digits after the point; *ret_micro is it in units of 10^-6.
 */
static ALWAYS_INLINE bool has_micros(double a, uint64_t *ret_micro)
{
	if (!(a < 1e9 && a >= 1e-6))
		return false;
	double t = a * 1e6;
	uint64_t m = (uint64_t)(int64_t)(t + 0.5);
	/* Rounding leaves t within 2 units in the last place of m; most numbers end here. */
	if (fabs(t - (double)(int64_t)m) > t * 0x1p-51 || (double)(int64_t)m / 1e6 != a)
		return false;
	*ret_micro = m;
	return true;
}

/* Writes a number that has_micros without an exponent, its fraction not being 0. */
static ALWAYS_INLINE char *put_micros(char *p, uint64_t m)
{
	p = digits_put_uint(p, m / 1000000);
	uint64_t x = digits_of8((uint32_t)(m % 1000000) * 100);
	*p++ = '.';
	digits_store8(p, x | DIGITS_ZEROS);
	return p + 8 - __builtin_clzll(x) / 8;
}

static void decimal_of(struct decimal *x, double a)
{
	uint64_t bits;
	memcpy(&bits, &a, sizeof(bits));
	int exp;
	uint64_t m = schubfach(bits, &exp);
	decimal_set(x, m, exp);
}

/* --- numbers between 2^-11 and 2^52 ------------------------------------------ */

/*
 * The shortest digits after the point, straight from the binary fraction. With k digits, 10^-k <= the distance of
 * two doubles < 10^(1-k), some decimal lies in the rounding interval, with k - 1 digits at most one, with fewer
 * none but that one. All in 64-bit fixed point, exact. Which of the two lengths it is, and how it is rounded, cannot be
 * foretold: all is computed, without jumps. False for numbers out of range and for powers of two, whose interval is not symmetric.
 */
static ALWAYS_INLINE bool put_fraction(char **p, double a)
{
	uint64_t bits;
	memcpy(&bits, &a, sizeof(bits));
	int e = (int)(bits >> 52) - 1023;
	uint64_t m = (bits & ((1ull << 52) - 1)) | 1ull << 52;
	if (e < -11 || e > 51 || m == 1ull << 52)
		return false;
	uint64_t fraction = m << (12 + e), half = 1ull << (11 + e); /* in units of 2^-64 */
	int k = ((52 - e) * 1233 >> 12) + 1;
	unsigned __int128 x = (unsigned __int128)fraction * powers[k - 1];
	uint64_t digits = (uint64_t)(x >> 64), rest = (uint64_t)x, within = half * powers[k - 1] + !(m & 1);
	bool down = rest < within, up = -rest < within, shorter = down | up;
	x = (unsigned __int128)rest * 10;
	rest = (uint64_t)x;
	uint64_t longer = digits * 10 + (uint64_t)(x >> 64);
	longer += (rest > 1ull << 63) | ((rest == 1ull << 63) & longer);
	digits += !down;
	bool zeros = shorter & (digits % 10 == 0);
	digits = longer ^ ((longer ^ digits * 10) & -(uint64_t)shorter);
	*p = digits_put_uint(*p, e < 0 ? 0 : m >> (52 - e));
	*(*p)++ = '.';
	*p = put_digits(*p, digits, k) - shorter;
	while (UNLIKELY(zeros) && (*p)[-1] == '0')
		--*p;
	return true;
}

/* --- layouts ----------------------------------------------------------------- */

static char *put_plain(char *p, const struct decimal *x)
{
	if (x->point <= 0) {
		*p++ = '0';
		*p++ = '.';
		memset(p, '0', (size_t)-x->point);
		return put_digits(p - x->point, x->m, x->n);
	}
	if (x->point >= x->n) {
		char *end = put_digits(p, x->m, x->n);
		memset(end, '0', (size_t)(x->point - x->n));
		return p + x->point;
	}
	int fraction = x->n - x->point;
	uint64_t whole = x->m / powers[fraction];
	p = put_digits(p, whole, x->point);
	*p++ = '.';
	return put_digits(p, x->m - whole * powers[fraction], fraction);
}

static char *put_exponent(char *p, const struct decimal *x, bool one_digit)
{
	int e = x->point - 1;
	char *end = put_digits(p + 1, x->m, x->n);
	p[0] = p[1];
	p[1] = '.';
	p = x->n > 1 ? end : p + 1;
	*p++ = 'e';
	*p++ = e < 0 ? '-' : '+';
	e = e < 0 ? -e : e;
	if (e >= 100)
		*p++ = (char)('0' + e / 100);
	if (e >= 10 || !one_digit)
		*p++ = (char)('0' + e / 10 % 10);
	*p++ = (char)('0' + e % 10);
	return p;
}

static bool wants_exponent(const struct decimal *x, enum text_float_style style)
{
	int e = x->point - 1;
	switch (style) {
	case TEXT_FLOAT_F:
		return false;
	case TEXT_FLOAT_E:
		return true;
	case TEXT_FLOAT_G:
		return e < -4 || e >= 6;
	default:
		return e < -6 || e >= 21;
	}
}

/* Zero, infinities and NaN. */
static size_t put_special(char *out, double v, enum text_float_style style)
{
	const char *s;
	if (v == 0) {
		s = style == TEXT_FLOAT_E ? "-0e+00" : "-0";
		s += !signbit(v);
	} else {
		s = isnan(v) ? "NaN" : v > 0 ? "+Inf" : "-Inf";
	}
	size_t n = strlen(s);
	memcpy(out, s, n);
	return n;
}

static inline char *put_decimal(char *p, const struct decimal *x, enum text_float_style style)
{
	if (!wants_exponent(x, style))
		return put_plain(p, x);
	return put_exponent(p, x, style == TEXT_FLOAT_GOJSON && x->point < 0);
}

/* Of numbers that are not written as whole ones. */
static ALWAYS_INLINE char *put_other(char *p, double v, bool plain, enum text_float_style style)
{
	struct decimal x;
	uint64_t m;
	if (UNLIKELY(v == 0 || !isfinite(v)))
		return p + put_special(p, v, style);
	if (v < 0)
		*p++ = '-';
	double a = fabs(v);
	if (has_micros(a, &m)) {
		if (plain && !(style == TEXT_FLOAT_G && a < 1e-4))
			return put_micros(p, m);
		decimal_set(&x, m, -6);
		return put_decimal(p, &x, style);
	}
	if (plain && put_fraction(&p, a))
		return p;
	decimal_of(&x, a);
	return put_decimal(p, &x, style);
}

static char *put_float(char *p, double v, enum text_float_style style)
{
	/* FormatFloat 'g' has whole numbers of six digits and more with an exponent, 'e' all. */
	bool plain = style == TEXT_FLOAT_G ? fabs(v) < 1e6 : style != TEXT_FLOAT_E;
	return plain && digits_put_whole(&p, v) ? p : put_other(p, v, plain, style);
}

char *text_float_json_other(char *out, double v)
{
	return put_other(out, v, true, TEXT_FLOAT_JSON);
}

size_t text_float(char *out, double v, enum text_float_style style)
{
	return (size_t)(put_float(out, v, style) - out);
}

char *text_float_json(char *out, double v)
{
	return digits_put_whole(&out, v) ? out : text_float_json_other(out, v);
}

void text_float_add(struct strbuf *b, double v, enum text_float_style style)
{
	char tmp[TEXT_FLOAT_MAX];
	strbuf_add(b, tmp, text_float(tmp, v, style));
}

size_t text_seconds(char out[TEXT_SECONDS_MAX], int64_t t_ms)
{
	uint64_t u = t_ms < 0 ? 0 - (uint64_t)t_ms : (uint64_t)t_ms;
	uint32_t ms = (uint32_t)(u % 1000);
	char *p = out;
	if (t_ms < 0)
		*p++ = '-';
	p = put_digits(p, u / 1000, digit_count(u / 1000));
	if (ms) {
		*p++ = '.';
		*p++ = (char)('0' + ms / 100);
		*p++ = (char)('0' + ms / 10 % 10);
		*p++ = (char)('0' + ms % 10);
	}
	return (size_t)(p - out);
}

void text_seconds_add(struct strbuf *b, int64_t t_ms)
{
	char tmp[TEXT_SECONDS_MAX];
	strbuf_add(b, tmp, text_seconds(tmp, t_ms));
}

/* --- reading ------------------------------------------------------------------ */

static bool is_digit(char c, bool hex)
{
	return (c >= '0' && c <= '9') || (hex && ((c | 32) >= 'a' && (c | 32) <= 'f'));
}

/* Go's rule: '_' stands between digits, or between the base prefix and a digit. */
static bool underscores_ok(struct str s, bool hex)
{
	bool digit = hex, under = false; /* the character before, a prefix counting as a digit */
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '_') {
			if (!digit)
				return false;
			digit = false;
			under = true;
			continue;
		}
		digit = is_digit(s.p[i], hex);
		if (under && !digit)
			return false;
		under = false;
	}
	return !under;
}

/* Whether a number out of range is too large rather than too small. */
static bool too_large(struct str s, bool hex)
{
	int64_t exp = 0, magnitude = 0;
	bool point = false, found = false, negative = false;
	size_t i = 0;
	for (; i < s.n && (s.p[i] == '.' || is_digit(s.p[i], hex)); i++) {
		if (s.p[i] == '.') {
			point = true;
			continue;
		}
		found |= s.p[i] != '0';
		magnitude += found ? !point : -(int64_t)point;
	}
	i++;
	if (i < s.n && (s.p[i] == '-' || s.p[i] == '+'))
		negative = s.p[i++] == '-';
	for (; i < s.n && exp < INT64_MAX / 100; i++)
		exp = exp * 10 + (s.p[i] - '0');
	return (hex ? 4 : 1) * magnitude + (negative ? -exp : exp) > 0;
}

/* An unsigned number without underscores; base prefix taken off. */
static bool read_number(struct str s, bool hex, double *ret)
{
	if (s.n == 0 || !(is_digit(s.p[0], hex) || s.p[0] == '.'))
		return false;
	if (hex && !memchr(s.p, 'p', s.n) && !memchr(s.p, 'P', s.n))
		return false;
	int rc = float_shim_read(s.p, s.p + s.n, hex, ret);
	if (rc < 0)
		return false;
	if (rc == 0)
		return true;
	*ret = too_large(s, hex) ? INFINITY : 0;
	return *ret == 0;
}

static bool read_without_underscores(struct str s, bool hex, double *ret)
{
	if (!underscores_ok(s, hex))
		return false;
	char *copy = xmalloc(s.n);
	size_t n = 0;
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] != '_')
			copy[n++] = s.p[i];
	bool ok = read_number(str_mem(copy, n), hex, ret);
	free(copy);
	return ok;
}

/* "inf", "infinity" with a sign or without, "nan" without. */
static bool read_special(struct str s, bool has_sign, double *ret)
{
	if (str_eq_nocase(s, STR("inf")) || str_eq_nocase(s, STR("infinity"))) {
		*ret = INFINITY;
		return true;
	}
	if (!has_sign && str_eq_nocase(s, STR("nan"))) {
		*ret = NAN;
		return true;
	}
	return false;
}

bool text_parse_double(struct str s, double *ret)
{
	*ret = 0;
	bool has_sign = s.n && (s.p[0] == '-' || s.p[0] == '+');
	bool negative = has_sign && s.p[0] == '-';
	if (has_sign)
		s = str_mem(s.p + 1, s.n - 1);
	bool ok;
	if (s.n && (s.p[0] | 32) >= 'i' && (s.p[0] | 32) <= 'n') {
		ok = read_special(s, has_sign, ret);
	} else {
		bool hex = s.n > 2 && s.p[0] == '0' && (s.p[1] | 32) == 'x';
		if (hex)
			s = str_mem(s.p + 2, s.n - 2);
		ok = s.n && memchr(s.p, '_', s.n) ? read_without_underscores(s, hex, ret) : read_number(s, hex, ret);
	}
	if (!ok && !isinf(*ret))
		*ret = 0;
	else if (negative)
		*ret = -*ret;
	return ok;
}
