#include "chunk/bits.h"

const uint8_t varbit_width[9] = { 0, 3, 6, 9, 12, 18, 25, 56, 64 };

/* Puts the prefix number `ones` and the field of its width. */
static void put_varbit(struct bitw *w, unsigned ones, uint64_t v)
{
	unsigned n = varbit_width[ones];
	if (ones < 8)
		bitw_put(w, (1ULL << (ones + 1)) - 2, ones + 1);
	else
		bitw_put(w, 0xff, 8);
	bitw_put(w, n == 64 ? v : v & ((1ULL << n) - 1), n);
}

void bitw_varbit_int(struct bitw *w, int64_t v)
{
	unsigned ones = v != 0;
	while (ones > 0 && ones < 8) {
		int64_t half = 1LL << (varbit_width[ones] - 1);
		if (-(half - 1) <= v && v <= half)
			break;
		ones++;
	}
	put_varbit(w, ones, (uint64_t)v);
}

void bitw_varbit_uint(struct bitw *w, uint64_t v)
{
	unsigned ones = v != 0;
	while (ones > 0 && ones < 8 && v >> varbit_width[ones])
		ones++;
	put_varbit(w, ones, v);
}

void bitw_xor(struct bitw *w, struct xor_window *win, uint64_t prev, uint64_t v)
{
	uint64_t x = v ^ prev;
	if (x == 0) {
		bitw_put(w, 0, 1);
		return;
	}
	unsigned lead = (unsigned)__builtin_clzll(x), trail = (unsigned)__builtin_ctzll(x);
	if (lead > 31)
		lead = 31;
	if (win->lead != 255 && lead >= win->lead && trail >= win->trail) {
		bitw_put(w, 2, 2);
		bitw_put(w, x >> win->trail, 64u - win->lead - win->trail);
		return;
	}
	unsigned sig = 64 - lead - trail;
	bitw_put(w, 3u << 11 | lead << 6 | (sig & 63), 13);
	bitw_put(w, x >> trail, sig);
	win->lead = (uint8_t)lead;
	win->trail = (uint8_t)trail;
}
