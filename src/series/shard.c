#include "series/shard.h"

#include "base/compiler.h"

#define XXH_STATIC_LINKING_ONLY /* for a hash state on the stack */
#include <xxhash.h>

/* Lists of sharding labels are short: a few names of a grouping. */
static bool is_listed(const struct shard_info *s, struct str name)
{
	for (size_t i = 0; i < s->labels.n; i++) {
		if (str_eq(s->labels.p[i], name))
			return true;
	}
	return false;
}

static void hash_part(XXH64_state_t *st, struct str part)
{
	if (part.n)
		XXH64_update(st, part.p, part.n);
	XXH64_update(st, "\xff", 1);
}

bool shard_matches(const struct shard_info *s, struct labels l)
{
	if (!s || s->total < 1)
		return true;
	XXH64_state_t st;
	XXH64_reset(&st, 0);
	for (size_t i = 0; i < l.n; i++) {
		if (is_listed(s, l.p[i].name) != s->by)
			continue;
		hash_part(&st, l.p[i].name);
		hash_part(&st, l.p[i].value);
	}
	return XXH64_digest(&st) % (uint64_t)s->total == (uint64_t)s->index;
}
