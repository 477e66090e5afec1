#include "loop/backoff.h"

#include "base/compiler.h"
#include "base/sys.h"

void backoff_init(struct backoff *b, int64_t min_ms, int64_t max_ms)
{
	*b = (struct backoff){ .min_ms = min_ms, .max_ms = max_ms };
}

int64_t backoff_next_ms(struct backoff *b)
{
	int64_t ms = b->next_ms ? b->next_ms : b->min_ms;
	b->next_ms = MIN(ms * 2, b->max_ms);
	int64_t spread = ms * 2 / 5;
	return ms - spread / 2 + (spread ? (int64_t)(sys_random_u64() % (uint64_t)(spread + 1)) : 0);
}

void backoff_reset(struct backoff *b)
{
	b->next_ms = 0;
}
