#include "series/series.h"

/* Chunk.Compare of storepb, reversed: absent parts come last, then encoding, then bytes, of which upstream has the greatest first. */
static int part_cmp(const struct chunk *a, const struct chunk *b)
{
	if (a->enc == CHUNK_NONE || b->enc == CHUNK_NONE)
		return (a->enc == CHUNK_NONE) - (b->enc == CHUNK_NONE);
	if (a->enc != b->enc)
		return a->enc < b->enc ? -1 : 1;
	return str_cmp(b->data, a->data);
}

int series_chunk_cmp(const struct series_chunk *a, const struct series_chunk *b)
{
	if (a->mint != b->mint)
		return a->mint < b->mint ? -1 : 1;
	if (a->maxt != b->maxt)
		return a->maxt < b->maxt ? -1 : 1;
	for (int i = 0; i < SERIES_AGGRS; i++) {
		int d = part_cmp(&a->part[i].chunk, &b->part[i].chunk);
		if (d != 0)
			return d;
	}
	return 0;
}
