#include "base/hash.h"

#include "base/sys.h"

#define XXH_INLINE_ALL
#include <xxhash.h>

/* The one key of this process; every table may share it. */
static uint64_t seed = 0x9E3779B97F4A7C15ULL;

void hash_seed(void)
{
	seed = sys_random_u64();
}

uint64_t hash_bytes(const void *p, size_t n)
{
	return XXH3_64bits_withSeed(p, n, seed);
}

struct hash128 hash_bytes128(const void *p, size_t n)
{
	XXH128_hash_t h = XXH3_128bits_withSeed(p, n, seed);
	return (struct hash128){ h.low64, h.high64 };
}

uint64_t hash_xx64(const void *p, size_t n)
{
	return XXH64(p, n, 0);
}
