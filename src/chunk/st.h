/*
 * chunk/st.h - the start timestamps beside the samples of encodings 4, 5 and 6.
 *
 * The header byte says whether the first sample has one (bit 7), and from
 * which sample on they change (bits 0-6, 0: never). Source: Prometheus
 * tsdb/chunkenc/st.go.
 */
#ifndef CHUNK_ST_H
#define CHUNK_ST_H

#include "chunk/bits.h"

#include <stdbool.h>
#include <stdint.h>

/* Reading position of the column. */
struct st_column {
	bool first_known;
	uint8_t change_on; /* first sample whose start time is coded; 0: none */
	int64_t first;     /* start time of the samples before */
	int64_t diff;      /* time of the sample before, less the start time */
};

/* A column with the header byte `head`. */
static inline struct st_column st_column_of(uint8_t head)
{
	return (struct st_column){ .first_known = head >> 7, .change_on = head & 0x7f };
}

/*
 * Reads what follows sample `i`, whose time is `t` and the one before
 * `prev_t` (ms), and returns its start time; 0 is unknown.
 */
static inline int64_t st_column_next(struct st_column *c, struct bitr *r, uint32_t i, int64_t t, int64_t prev_t)
{
	if (i == 0) {
		if (c->first_known)
			c->first = (int64_t)((uint64_t)t - (uint64_t)bitr_varint(r));
		return c->first;
	}
	if (c->change_on == 0 || i < c->change_on)
		return c->first;
	uint64_t d = (uint64_t)bitr_varbit_int(r);
	c->diff = i == c->change_on ? (int64_t)d : (int64_t)((uint64_t)c->diff + d);
	return (int64_t)((uint64_t)prev_t - (uint64_t)c->diff);
}

#endif
