/*
 * base/pieces.h - heap memory in very many pieces of few sizes that are replaced by larger ones as they fill.
 *
 * Pieces of one size share pages; a page of which all are free serves another size. So when a million of them grow by one step
 * one after the other, what the first ones leave is used by those that follow. Taking and freeing one is some ten
 * nanoseconds; a piece costs nothing beside itself. One set of pages for the whole process, for any thread (a lock is
 * taken), but not for a child process that was forked while others ran. Aborts when there is no memory, as base/mem.h.
 */
#ifndef BASE_PIECES_H
#define BASE_PIECES_H

#include "base/compiler.h"

#include <stddef.h>
#include <stdint.h>

/* Largest piece. */
#define PIECE_MAX 2048

/* `size` (1 to PIECE_MAX) uninitialised bytes, aligned for 64-bit numbers. */
void *piece_new(size_t size) MUST_CHECK;

/* Frees a piece; NULL is fine. */
void piece_free(void *p);

/* Bytes of pages that hold pieces, and of pages that are kept for more. */
void piece_stats(uint64_t *ret_used, uint64_t *ret_kept);

#endif
