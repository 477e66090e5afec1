/*
 * tsdb/head_postings.h - label pair to series ids, in memory.
 *
 * A pair of symbols (labels/symtab.h) leads to an ascending list of ids
 * that only grows at its end. Names list their pairs. Nothing here is copied
 * or rehashed as a whole when it grows, so that an addition is short however
 * much there is: lists have numbers and lie in pages, pairs are found in
 * shards that grow one at a time, and ids beyond a segment lie in segments.
 *
 * Memory that is replaced goes through `retire`, so that a walk which
 * suspends may keep a copy of a struct posting_list and read the ids that
 * it names. The list at a number stays what it is until head_postings_reuse;
 * a walk along the lists of a name goes on from a list that became empty.
 */
#ifndef TSDB_HEAD_POSTINGS_H
#define TSDB_HEAD_POSTINGS_H

#include "base/compiler.h"
#include "base/vec.h"
#include "labels/symtab.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Ids that fit into a list without memory of its own, and ids of a segment. */
#define POSTINGS_INLINE 2
#define HEAD_POSTINGS_SEGMENT 4096u

/* The ids of one pair; or, with `value` SYM_NONE, the lists of a name. */
struct posting_list {
	uint32_t name, value; /* symbols */
	uint32_t n;           /* ids; of a name: pairs */
	uint32_t cap;         /* 0: the ids are in `in`; up to HEAD_POSTINGS_SEGMENT: in `p`; more: in `segments` */
	union {
		uint32_t *p;
		uint32_t **segments; /* all full but the last */
		uint32_t in[POSTINGS_INLINE];
		struct {
			uint32_t next_name, last_name; /* of a name: numbers of its neighbours, 0 for none */
		};
	};
	uint32_t next,
		last; /* neighbours among the pairs of the name; of a name: its first and last pair; 0 for none */
};

/* A slot of the table of pairs. */
struct posting_slot {
	uint32_t tag;    /* of the hash */
	uint32_t number; /* 0: free */
};

/* The table of pairs is cut in shards that grow one at a time. */
#define POSTINGS_SHARDS 256

/* One of them: open addressing. */
struct posting_shard {
	struct posting_slot *slots;
	uint32_t mask, n; /* slots - 1, 0 when there are none; used */
};

#define POSTINGS_PAGE_BITS 12

/* A removal of ids under way. */
struct posting_sweep {
	uint32_t number; /* of the list */
	uint32_t at;     /* ids looked at */
	bool copying;    /* something is to go */
	uint32_t shared; /* segments that both have */
	struct posting_list out;
};

/* The index. Zero-initialised but for the last three it is empty. Members are readable. */
struct head_postings {
	VEC(struct posting_list *) pages; /* of 1 << POSTINGS_PAGE_BITS lists, by number */
	uint32_t limit;                   /* numbers given out so far are below; 0 before the first */
	uint32_t free;                    /* numbers to be given out again; linked by in[1] */
	uint32_t emptied;                 /* likewise after head_postings_reuse */
	uint32_t first_name;              /* then posting_list.next_name */
	uint32_t n_names, n_pairs;
	struct posting_shard shards[POSTINGS_SHARDS];
	uint64_t n_slots; /* of all shards */
	uint64_t n_ids;   /* entries in all lists */
	uint64_t cap_ids; /* room in all lists that have memory of their own */
	struct posting_sweep sweep;
	struct symtab *symtab;              /* lists have a reference to each of their symbols */
	void (*retire)(void *arg, void *p); /* takes heap memory that is no longer needed */
	void *retire_arg;
};

/* Frees everything. */
void head_postings_fini(struct head_postings *p);

/* Adds `id`, larger than any before, to the lists of `n` pairs (name, value, name, value ...). */
void head_postings_add(struct head_postings *p, uint32_t id, const uint32_t *pairs, size_t n);

/* The list of a number; its place does not change. */
static inline struct posting_list *head_postings_at(const struct head_postings *p, uint32_t number)
{
	return &p->pages.p[number >> POSTINGS_PAGE_BITS][number & ((1u << POSTINGS_PAGE_BITS) - 1)];
}

/* The number of a pair's list, or 0. */
uint32_t head_postings_number(const struct head_postings *p, uint32_t name, uint32_t value);

/* The list of a pair, or NULL. */
const struct posting_list *head_postings_find(const struct head_postings *p, uint32_t name, uint32_t value);

/* The entry of a name, or NULL when no series has it. Its pairs follow from `next` on. */
const struct posting_list *head_postings_name(const struct head_postings *p, uint32_t name);

/* The ids of a list from number `i` < l->n on, as many of them as lie together: *ret_n, at least one. */
static inline const uint32_t *posting_run(const struct posting_list *l, uint32_t i, uint32_t *ret_n)
{
	if (l->cap <= HEAD_POSTINGS_SEGMENT) {
		*ret_n = l->n - i;
		return (l->cap ? l->p : l->in) + i;
	}
	uint32_t into = i % HEAD_POSTINGS_SEGMENT, rest = l->n - i;
	*ret_n = MIN(rest, HEAD_POSTINGS_SEGMENT - into);
	return l->segments[i / HEAD_POSTINGS_SEGMENT] + into;
}

/* Id number `i` < l->n of a list. */
static inline uint32_t posting_at(const struct posting_list *l, uint32_t i)
{
	if (l->cap > HEAD_POSTINGS_SEGMENT)
		return l->segments[i / HEAD_POSTINGS_SEGMENT][i % HEAD_POSTINGS_SEGMENT];
	return l->cap ? l->p[i] : l->in[i];
}

/* Begins to remove ids; what an earlier removal has not finished is dropped. */
void head_postings_sweep_begin(struct head_postings *p);

/*
 * Removes ids for which `dead` holds, and pairs and names of which nothing is left, looking at about `budget` of them.
 * Returns whether all was looked at.
 */
bool head_postings_sweep(struct head_postings *p, size_t budget, bool (*dead)(void *arg, uint32_t id), void *arg);

/*
 * Nobody walks any more who began before the lists that are empty now went: lets go of their symbols and numbers, about
 * `budget` of them. Returns whether all are done.
 */
bool head_postings_reuse(struct head_postings *p, size_t budget);

/* Bytes of memory. Cheap. */
uint64_t head_postings_memory(const struct head_postings *p);

#endif
