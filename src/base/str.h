/*
 * base/str.h - a borrowed run of bytes.
 *
 * `struct str` never owns what it points to and need not end in a zero byte.
 * Lifetime is that of the buffer it was cut from.
 */
#ifndef BASE_STR_H
#define BASE_STR_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#ifdef __cplusplus
extern "C" {
#endif

/* `n` bytes at `p`. {NULL, 0} is the empty string. */
struct str {
	const char *p;
	size_t n;
};

/* A struct str of a string literal. */
#define STR(lit) ((struct str){ "" lit, sizeof(lit) - 1 })

/* For printf's "%.*s". */
#define STR_ARG(s) (int)(s).n, (s).p

/* The bytes of a C string (NULL gives the empty string). */
static inline struct str str_c(const char *s)
{
	return (struct str){ s, s ? strlen(s) : 0 };
}

/* `n` bytes at `p`. */
static inline struct str str_mem(const void *p, size_t n)
{
	return (struct str){ (const char *)p, n };
}

/* Whether both hold the same bytes. */
static inline bool str_eq(struct str a, struct str b)
{
	return a.n == b.n && (a.n == 0 || memcmp(a.p, b.p, a.n) == 0);
}

/* Whether `s` holds the same bytes as the C string `c`. */
static inline bool str_eq_c(struct str s, const char *c)
{
	return str_eq(s, str_c(c));
}

/* Byte-wise order, shorter first among equals: <0, 0, >0. Go's order of strings. */
static inline int str_cmp(struct str a, struct str b)
{
	size_t n = a.n < b.n ? a.n : b.n;
	int d = n ? memcmp(a.p, b.p, n) : 0;
	if (d != 0)
		return d;
	return (a.n > b.n) - (a.n < b.n);
}

/* Equality without regard to ASCII case. */
bool str_eq_nocase(struct str a, struct str b);

/* Sorts strings byte-wise and drops repetitions; returns how many are left. */
size_t str_sort_unique(struct str *p, size_t n);

/* Whether `s` begins with `prefix`. */
bool str_has_prefix(struct str s, struct str prefix);

/* Whether `s` ends in `suffix`. */
bool str_has_suffix(struct str s, struct str suffix);

/* Makes the ASCII letters among `n` bytes small, in place. */
void str_lower(char *p, size_t n);

/* Index of the first `c` in `s`, or -1. */
ptrdiff_t str_index(struct str s, char c);

/* Index of the first `needle` in `s`, or -1. */
ptrdiff_t str_find(struct str s, struct str needle);

/* `s` without leading and trailing spaces, tabs, CR and LF. */
struct str str_trim(struct str s);

/*
 * Cuts the text before the first `sep` off `*s` and returns it; without a
 * `sep` returns all and leaves `*s` empty with p == NULL, which ends a loop
 * `while (rest.p) { part = str_cut(&rest, ','); ... }`.
 */
struct str str_cut(struct str *s, char sep);

/* Reads a whole decimal unsigned number; false on anything else or overflow. */
bool str_to_u64(struct str s, uint64_t *ret);

/* Reads a whole decimal number with optional sign; false on anything else or overflow. */
bool str_to_i64(struct str s, int64_t *ret);

/* Whether the bytes are well-formed UTF-8 (RFC 3629: no surrogates, no overlong forms). */
bool str_is_utf8(struct str s);

/* Bytes of the UTF-8 character that `s` begins with; 0 where it begins with none. */
size_t str_utf8_char(struct str s);

/* Whether text shows the code point as it is (Go's strconv.IsPrint): letters, marks, numbers, punctuation, symbols and ' '. */
bool str_rune_prints(uint32_t r);

/* Writes the code point `r` in UTF-8 to `out`, which has room for 4 bytes; returns how many they are. */
size_t str_utf8_put(char *out, uint32_t r);

/* The first bytes of `s`, at most `max`, with no character of UTF-8 cut in two. */
struct str str_utf8_cut(struct str s, size_t max);

#ifdef __cplusplus
}
#endif

#endif
