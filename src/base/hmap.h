/*
 * base/hmap.h - a hash table from a 64-bit hash to pointers.
 *
 * Open addressing with linear probing; deletion shifts back, so there are no
 * tombstones. A large table grows a few slots at a time: until all are moved there are
 * two, so that no addition is long. The caller hashes (base/hash.h) and compares: `eq` is asked
 * only where the full 64-bit hashes agree. Values are borrowed.
 */
#ifndef BASE_HMAP_H
#define BASE_HMAP_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* One slot; free when value is NULL. */
struct hmap_slot {
	uint64_t hash;
	void *value;
};

/* A table. Zero-initialised is empty. */
struct hmap {
	struct hmap_slot *slots;
	size_t mask; /* number of slots - 1, or 0 when there are none */
	size_t n;    /* values held */
	/* Private: the smaller table that values are moved from, NULL for none; slots before old_at are done with. */
	struct hmap_slot *old;
	size_t old_mask, old_at;
};

/* Whether `value` is the one that `key` names. */
typedef bool hmap_eq_fn(const void *value, const void *key);

/* Frees the table, not the values. */
void hmap_fini(struct hmap *m);

/* The value with this hash for which eq(value, key) holds, or NULL. */
void *hmap_find(const struct hmap *m, uint64_t hash, hmap_eq_fn *eq, const void *key);

/* Adds a value (not NULL). Does not look for an equal one: find first. */
void hmap_add(struct hmap *m, uint64_t hash, void *value);

/* Removes and returns the value with this hash for which eq holds, or NULL. */
void *hmap_remove(struct hmap *m, uint64_t hash, hmap_eq_fn *eq, const void *key);

/*
 * Walks all values in no particular order: *pos starts at 0; returns NULL at
 * the end. The table must not change during the walk.
 */
void *hmap_next(const struct hmap *m, size_t *pos);

#endif
