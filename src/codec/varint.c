#include "codec/varint.h"

/* Ten bytes are there: no test of the end per byte. */
static const uint8_t *get_unchecked(const uint8_t *p, uint64_t *ret)
{
	uint64_t v = p[0] & 0x7f;
	for (int i = 1; i < VARINT_MAX - 1; i++) {
		v |= (uint64_t)(p[i] & 0x7f) << (7 * i);
		if (p[i] < 0x80) {
			*ret = v;
			return p + i + 1;
		}
	}
	if (p[9] > 1)
		return NULL;
	*ret = v | (uint64_t)p[9] << 63;
	return p + 10;
}

const uint8_t *varint_get_long(const uint8_t *p, const uint8_t *end, uint64_t *ret)
{
	if (end - p >= VARINT_MAX)
		return get_unchecked(p, ret);
	uint64_t v = 0;
	for (int shift = 0; p < end; shift += 7) {
		v |= (uint64_t)(*p & 0x7f) << shift;
		if (*p++ < 0x80) {
			*ret = v;
			return p;
		}
	}
	return NULL;
}
