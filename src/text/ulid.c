#include "text/ulid.h"

#include "base/assert.h"
#include "base/sys.h"

#include <stddef.h>

static const char letters[33] = "0123456789ABCDEFGHJKMNPQRSTVWXYZ";

struct ulid ulid_make(int64_t t_ms)
{
	CHECK(t_ms >= 0 && t_ms < 1ll << 48);
	struct ulid u;
	for (int i = 0; i < 6; i++)
		u.b[i] = (uint8_t)(t_ms >> (40 - 8 * i));
	sys->random(u.b + 6, sizeof(u.b) - 6);
	return u;
}

/* Value of a character, or -1. */
static int letter_value(char c)
{
	if (c >= 'a' && c <= 'z')
		c = (char)(c - 'a' + 'A');
	const char *p = c ? strchr(letters, c) : NULL;
	return p ? (int)(p - letters) : -1;
}

bool ulid_parse(struct str s, struct ulid *ret)
{
	if (s.n != ULID_LEN || letter_value(s.p[0]) > 7)
		return false;
	unsigned __int128 v = 0;
	for (size_t i = 0; i < ULID_LEN; i++) {
		int d = letter_value(s.p[i]);
		if (d < 0)
			return false;
		v = v << 5 | (unsigned)d;
	}
	for (int i = 15; i >= 0; i--, v >>= 8)
		ret->b[i] = (uint8_t)v;
	return true;
}

void ulid_format(const struct ulid *u, char out[ULID_LEN + 1])
{
	unsigned __int128 v = 0;
	for (int i = 0; i < 16; i++)
		v = v << 8 | u->b[i];
	for (int i = ULID_LEN - 1; i >= 0; i--, v >>= 5)
		out[i] = letters[v & 31];
	out[ULID_LEN] = '\0';
}

int64_t ulid_time_ms(const struct ulid *u)
{
	int64_t t = 0;
	for (int i = 0; i < 6; i++)
		t = t << 8 | u->b[i];
	return t;
}

bool ulid_is_zero(const struct ulid *u)
{
	static const struct ulid zero;
	return ulid_cmp(u, &zero) == 0;
}
