/*
 * base/hash.h - hashes of byte strings.
 *
 * XXH3 with a per-process secret for tables that face the network; XXH64
 * without seed where the ecosystem fixes the function (hashrings, chunk
 * hashes, metric fingerprints).
 */
#ifndef BASE_HASH_H
#define BASE_HASH_H

#include "base/str.h"

#include <stdint.h>

/* A 128-bit hash. */
struct hash128 {
	uint64_t lo, hi;
};

/* Seeds the keyed hashes from the system's random source. Call once at start; before it a fixed seed is used. */
void hash_seed(void);

/* Keyed 64-bit hash, different in every process. Never store or send it. */
uint64_t hash_bytes(const void *p, size_t n);

/* Keyed 128-bit hash, different in every process. Collisions can be taken as impossible. */
struct hash128 hash_bytes128(const void *p, size_t n);

/* XXH64 with seed 0, as github.com/cespare/xxhash: the ecosystem's stable hash. */
uint64_t hash_xx64(const void *p, size_t n);

/* Keyed hash of a struct str. */
static inline uint64_t hash_str(struct str s)
{
	return hash_bytes(s.p, s.n);
}

#endif
