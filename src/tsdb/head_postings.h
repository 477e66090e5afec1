/*
 * tsdb/head_postings.h - label pair to series ids, in memory.
 *
 * A pair of symbols (labels/symtab.h) leads to an ascending array of ids
 * that only grows at its end. Names list their pairs. Arrays that are
 * replaced when they grow go through `retire`, so that a walk which
 * suspends may keep pointer and length.
 */
#ifndef TSDB_HEAD_POSTINGS_H
#define TSDB_HEAD_POSTINGS_H

#include "base/vec.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ids that fit into a list without memory of its own. */
#define POSTINGS_INLINE 2

/* The ids of one pair. */
struct posting_list {
	uint32_t name, value; /* symbols */
	uint32_t n, cap;      /* cap 0: the ids are in `in` */
	union {
		uint32_t *p;
		uint32_t in[POSTINGS_INLINE];
	};
};

/* One label name: its pairs. Skip lists that are empty: their symbols may be gone. */
struct posting_name {
	uint32_t name;       /* symbol */
	VEC(uint32_t) lists; /* indexes into head_postings.lists */
};

/* The index. Zero-initialised is empty. Members are readable. */
struct head_postings {
	struct posting_list *lists; /* dense; an empty list (n 0) is free for reuse of the same pair */
	size_t n_lists, cap_lists;
	uint32_t *slots;  /* open addressing: index into lists + 1 */
	uint32_t n_slots; /* power of two, or 0 */
	VEC(struct posting_name) names;
	uint32_t *name_slots; /* likewise: index into names + 1 */
	uint32_t n_name_slots;
	uint64_t n_ids;                     /* entries in all lists */
	uint64_t cap_ids;                   /* room in all lists that have memory of their own */
	void (*retire)(void *arg, void *p); /* takes heap memory that is no longer needed */
	void *retire_arg;
};

/* Frees everything. */
void head_postings_fini(struct head_postings *p);

/* Adds `id`, larger than any before, to the lists of `n` pairs (name, value, name, value ...). */
void head_postings_add(struct head_postings *p, uint32_t id, const uint32_t *pairs, size_t n);

/* The list of a pair, or NULL. Valid until the next add. */
const struct posting_list *head_postings_find(const struct head_postings *p, uint32_t name, uint32_t value);

/* The entry of a name, or NULL. Valid until the next add. */
const struct posting_name *head_postings_name(const struct head_postings *p, uint32_t name);

/* The ids of a list. */
static inline const uint32_t *posting_ids(const struct posting_list *l)
{
	return l->cap ? l->p : l->in;
}

/*
 * Removes ids for which `dead` holds from list `i`; the list may become
 * empty. Empty lists stay until head_postings_compact, or until their pair of
 * symbols comes back, then possibly standing for other strings.
 */
void head_postings_sweep(struct head_postings *p, size_t i, bool (*dead)(void *arg, uint32_t id), void *arg);

/* Drops empty lists. Linear in the number of lists. */
void head_postings_compact(struct head_postings *p);

/* Bytes of memory. */
uint64_t head_postings_memory(const struct head_postings *p);

#endif
