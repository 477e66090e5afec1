#include "chunk/xor2.h"

#include "chunk/bits.h"
#include "chunk/histogram.h"
#include "chunk/st.h"
#include "chunk/xor.h"

#define HEADER 3

/* State between samples. */
struct walk2 {
	struct bitr r;
	uint64_t t, delta;
	uint64_t base; /* bits of the last value that was no staleness marker */
	uint64_t v;
	struct xor_window win;
};

/* A value without the forms that include the time: '0' same, '10' old window, '110' new window, '111' stale. */
static void read_value(struct walk2 *w)
{
	switch (leading_ones(bitr_peek(&w->r), 3)) {
	case 0:
		bitr_skip(&w->r, 1);
		w->v = w->base;
		return;
	case 1:
		bitr_skip(&w->r, 2);
		w->base ^= bitr_xor_payload(&w->r, &w->win, false);
		break;
	case 2:
		bitr_skip(&w->r, 3);
		w->base ^= bitr_xor_payload(&w->r, &w->win, true);
		break;
	default:
		bitr_skip(&w->r, 3);
		w->v = STALE_NAN_BITS;
		return;
	}
	w->v = w->base;
}

/* A two's complement field of n bits. */
static uint64_t read_signed(struct bitr *r, unsigned n)
{
	uint64_t raw = bitr_get64(r, n);
	return n < 64 && raw >> (n - 1) ? raw - (1ULL << n) : raw;
}

/* A sample from the third on: the control bits say what changes. */
static void read_sample(struct walk2 *w)
{
	static const uint8_t width[] = { 0, 0, 13, 20, 64 };
	unsigned ones = leading_ones(bitr_peek(&w->r), 5);
	bitr_skip(&w->r, ones + (ones < 5));
	if (ones >= 2 && ones <= 4)
		w->delta += read_signed(&w->r, width[ones]);
	w->t += w->delta;
	switch (ones) {
	case 0:
		w->v = w->base;
		break;
	case 1:
		w->base ^= bitr_xor_payload(&w->r, &w->win, bitr_get(&w->r, 1));
		w->v = w->base;
		break;
	case 5:
		w->v = STALE_NAN_BITS;
		break;
	default:
		read_value(w);
		break;
	}
}

static void read_any(struct walk2 *w, uint32_t i)
{
	if (i >= 2) {
		read_sample(w);
	} else if (i == 1) {
		w->delta = bitr_uvarint(&w->r);
		w->t += w->delta;
		read_value(w);
	} else {
		w->t = (uint64_t)bitr_varint(&w->r);
		w->v = bitr_get64(&w->r, 64);
		w->base = w->v == STALE_NAN_BITS ? 0 : w->v;
	}
}

int xor2_decode_range(struct str data, int64_t mint, int64_t maxt, int64_t *ret_t, double *ret_v, int64_t *ret_st,
		      size_t *ret_n, struct err *err)
{
	*ret_n = 0;
	if (data.n < HEADER)
		return err_set(err, ERR_DATA_LOSS, "XOR2 chunk of %zu bytes has no header", data.n);
	struct walk2 w = { .r = bitr_of(data, HEADER) };
	struct st_column st = st_column_of((uint8_t)data.p[2]);
	uint32_t count = xor_samples(data);
	size_t n = 0;
	for (uint32_t i = 0; i < count; i++) {
		uint64_t prev_t = w.t;
		read_any(&w, i);
		int64_t start = st_column_next(&st, &w.r, i, (int64_t)w.t, (int64_t)prev_t);
		if (w.r.bad)
			return err_set(err, ERR_DATA_LOSS, "XOR2 chunk damaged at sample %u of %u", i + 1, count);
		if ((int64_t)w.t > maxt)
			break;
		if ((int64_t)w.t < mint)
			continue;
		ret_t[n] = (int64_t)w.t;
		ret_v[n] = double_of_bits(w.v);
		if (ret_st)
			ret_st[n] = start;
		n++;
	}
	*ret_n = n;
	return 0;
}
