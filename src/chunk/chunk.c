#include "chunk/chunk.h"

#include "chunk/bits.h"
#include "chunk/hist.h"
#include "chunk/xor.h"
#include "chunk/xor2.h"

bool chunk_enc_known(uint8_t enc)
{
	return enc >= CHUNK_XOR && enc <= CHUNK_FLOAT_HIST_ST;
}

bool chunk_enc_is_hist(uint8_t enc)
{
	return chunk_enc_known(enc) && enc != CHUNK_XOR && enc != CHUNK_XOR2;
}

const char *chunk_enc_name(uint8_t enc)
{
	static const char *const names[] = {
		[CHUNK_NONE] = "none",
		[CHUNK_XOR] = "XOR",
		[CHUNK_HIST] = "histogram",
		[CHUNK_FLOAT_HIST] = "floathistogram",
		[CHUNK_XOR2] = "XOR2",
		[CHUNK_HIST_ST] = "histogramST",
		[CHUNK_FLOAT_HIST_ST] = "floathistogramST",
	};
	return enc < ARRAY_LEN(names) ? names[enc] : "<unknown>";
}

uint32_t chunk_samples(struct chunk c)
{
	if (!chunk_enc_known(c.enc))
		return 0;
	uint32_t n = xor_samples(c.data);
	/* With start timestamps the counter reset header has the two high bits. */
	return c.enc == CHUNK_HIST_ST || c.enc == CHUNK_FLOAT_HIST_ST ? n & 0x3fff : n;
}

/*
 * Most samples that the bytes can hold (a float sample takes two bits, in
 * XOR2 one): a header that promises more costs no memory.
 */
static size_t room_for(struct chunk c)
{
	return MIN((size_t)chunk_samples(c), c.data.n * 8);
}

static int decode_floats(struct chunk c, int64_t mint, int64_t maxt, struct arena *a, struct chunk_cols *ret,
			 struct err *err)
{
	size_t n = room_for(c);
	*ret = (struct chunk_cols){ .kind = CHUNK_KIND_FLOAT };
	if (n < chunk_samples(c))
		return err_set(err, ERR_DATA_LOSS, "%s chunk of %zu bytes cannot hold %u samples",
			       chunk_enc_name(c.enc), c.data.n, chunk_samples(c));
	ret->t = arena_alloc(a, n * sizeof(*ret->t));
	ret->v = arena_alloc(a, n * sizeof(*ret->v));
	if (c.enc == CHUNK_XOR2)
		ret->st = arena_alloc(a, n * sizeof(*ret->st));
	if (!ret->t || !ret->v || (c.enc == CHUNK_XOR2 && !ret->st))
		return arena_err(a, err);
	if (c.enc == CHUNK_XOR2)
		return xor2_decode_range(c.data, mint, maxt, ret->t, ret->v, ret->st, &ret->n, err);
	if (mint == INT64_MIN && maxt == INT64_MAX)
		return xor_decode(c.data, ret->t, ret->v, &ret->n, err);
	return xor_decode_range(c.data, mint, maxt, ret->t, ret->v, &ret->n, err);
}

int chunk_decode_range(struct chunk c, int64_t mint, int64_t maxt, struct arena *a, struct chunk_cols *ret,
		       struct err *err)
{
	*ret = (struct chunk_cols){ 0 };
	switch (c.enc) {
	case CHUNK_XOR:
	case CHUNK_XOR2:
		return decode_floats(c, mint, maxt, a, ret, err);
	case CHUNK_HIST:
	case CHUNK_FLOAT_HIST:
	case CHUNK_HIST_ST:
	case CHUNK_FLOAT_HIST_ST:
		return hist_decode(c, mint, maxt, a, ret, err);
	default:
		return err_set(err, ERR_UNIMPLEMENTED, "chunk encoding %u has no samples to decode", c.enc);
	}
}

int chunk_decode(struct chunk c, struct arena *a, struct chunk_cols *ret, struct err *err)
{
	return chunk_decode_range(c, INT64_MIN, INT64_MAX, a, ret, err);
}

int chunk_time_range(struct chunk c, struct arena *scratch, int64_t *ret_first, int64_t *ret_last, struct err *err)
{
	struct arena_mark m = arena_mark(scratch);
	struct chunk_cols cols;
	int r = chunk_decode(c, scratch, &cols, err);
	if (r == 0 && cols.n == 0)
		r = err_set(err, ERR_DATA_LOSS, "chunk without samples");
	if (r == 0) {
		*ret_first = cols.t[0];
		*ret_last = cols.t[cols.n - 1];
	}
	arena_rewind(scratch, m);
	return r;
}
