/*
 * loop/backoff.h - growing, jittered pauses between tries.
 */
#ifndef LOOP_BACKOFF_H
#define LOOP_BACKOFF_H

#include <stdint.h>

/* The state of one sequence of tries. */
struct backoff {
	int64_t min_ms, max_ms; /* first and longest pause */
	int64_t next_ms;        /* 0 before the first failure */
};

/* Starts a sequence. */
void backoff_init(struct backoff *b, int64_t min_ms, int64_t max_ms);

/* The pause before the next try: doubles each time up to max_ms, with +-20 % of chance. */
int64_t backoff_next_ms(struct backoff *b);

/* Notes a success: the next pause is the first again. */
void backoff_reset(struct backoff *b);

#endif
