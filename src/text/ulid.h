/*
 * text/ulid.h - ULIDs: the names of blocks (github.com/ulid/spec).
 *
 * 48 bits of milliseconds, then 80 random bits, big-endian, so that both the
 * bytes and the 26 characters (Crockford's base 32) sort by time.
 */
#ifndef TEXT_ULID_H
#define TEXT_ULID_H

#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>
#include <string.h>

/* Characters of a ULID, without the terminating zero. */
#define ULID_LEN 26

/* A ULID. A plain value. */
struct ulid {
	uint8_t b[16];
};

/* A fresh one for time `t_ms` (0 to 2^48-1), its random part from sys->random. */
struct ulid ulid_make(int64_t t_ms);

/* Reads 26 characters, either case. False on any other length or character, or above 2^128. */
bool ulid_parse(struct str s, struct ulid *ret);

/* Writes 26 upper-case characters and a zero byte. */
void ulid_format(const struct ulid *u, char out[ULID_LEN + 1]);

/* The time in it, in ms since the epoch. */
int64_t ulid_time_ms(const struct ulid *u);

/* Order by bytes, which is by time first: <0, 0, >0. */
static inline int ulid_cmp(const struct ulid *a, const struct ulid *b)
{
	return memcmp(a->b, b->b, sizeof(a->b));
}

/* Whether all bits are zero: no ULID. */
bool ulid_is_zero(const struct ulid *u);

#endif
