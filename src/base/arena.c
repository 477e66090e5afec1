#include "config.h"

#include "base/arena.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>

#define ARENA_ALIGN 16
#define FIRST_BLOCK 1024
#define LARGEST_BLOCK (256 * 1024)
/* Bytes that a rewind frees by itself, so that what comes next gets memory that is in the cache; the rest see mem_free_later. */
#define FREE_AT_ONCE ((size_t)4 << 20)

struct arena_block {
	struct arena_block *prev;
	size_t size; /* of data[] */
	char data[] __attribute__((aligned(ARENA_ALIGN)));
};

struct arena_cleanup {
	struct arena_cleanup *prev;
	arena_cleanup_fn *fn;
	void *arg;
};

/* --- budgets --------------------------------------------------------------- */

void budget_init(struct budget *b, struct budget *parent, const char *name, uint64_t limit)
{
	*b = (struct budget){ .parent = parent, .name = name, .limit = limit };
}

void budget_fini(struct budget *b)
{
	CHECK(b->used == 0);
}

bool budget_take(struct budget *b, uint64_t n)
{
	for (struct budget *p = b; p; p = p->parent) {
		if (n > p->limit || p->used > p->limit - n) {
			p->refused = n;
			p->refusals++;
			return false;
		}
	}
	for (struct budget *p = b; p; p = p->parent) {
		p->used += n;
		if (p->used > p->peak)
			p->peak = p->used;
	}
	return true;
}

uint64_t budget_refusals(const struct budget *b)
{
	uint64_t sum = 0;
	for (; b; b = b->parent)
		sum += b->refusals;
	return sum;
}

void budget_give(struct budget *b, uint64_t n)
{
	for (; b; b = b->parent) {
		CHECK(b->used >= n);
		b->used -= n;
	}
}

int budget_err(const struct budget *b, struct err *e)
{
	const struct budget *full = b;
	while (full && !full->refused)
		full = full->parent;
	if (!full)
		return err_set(e, ERR_RESOURCE_EXHAUSTED, "out of memory");
	return err_set(e, ERR_RESOURCE_EXHAUSTED,
		       "%s memory limit of %llu bytes reached: %llu in use, %llu more wanted", full->name,
		       (unsigned long long)full->limit, (unsigned long long)full->used,
		       (unsigned long long)full->refused);
}

/* --- arenas ---------------------------------------------------------------- */

void arena_init(struct arena *a, struct budget *budget)
{
	*a = (struct arena){ .budget = budget, .next_block = FIRST_BLOCK };
}

static bool add_block(struct arena *a, size_t size)
{
	size_t bytes = sizeof(struct arena_block) + size;
	if (!budget_take(a->budget, bytes))
		return false;
	struct arena_block *b = malloc(bytes);
	if (!b) {
		budget_give(a->budget, bytes);
		return false;
	}
	b->prev = a->head;
	b->size = size;
	a->head = b;
	a->pos = b->data;
	a->end = b->data + size;
	a->bytes += bytes;
	return true;
}

/* Large pieces get a block of their own size; small ones share blocks that double. */
static bool make_room(struct arena *a, size_t size)
{
#ifdef TH_SANITIZERS
	return add_block(a, size);
#else
	size_t block = a->next_block;
	if (size >= block / 2)
		return add_block(a, size > block ? size : block);
	if (block < LARGEST_BLOCK)
		a->next_block = block * 2;
	/* Near the limit a block of the exact size may still fit. */
	return add_block(a, block) || add_block(a, size);
#endif
}

void *arena_alloc(struct arena *a, size_t size)
{
	if (size > SIZE_MAX / 2)
		return NULL;
	size = (size + ARENA_ALIGN - 1) & ~(size_t)(ARENA_ALIGN - 1);
	if (size == 0)
		size = ARENA_ALIGN;
	if ((size_t)(a->end - a->pos) < size && !make_room(a, size))
		return NULL;
	void *p = a->pos;
	a->pos += size;
	return p;
}

void *arena_zalloc(struct arena *a, size_t size)
{
	void *p = arena_alloc(a, size);
	return p ? memset(p, 0, size) : NULL;
}

void *arena_array(struct arena *a, size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes))
		return NULL;
	return arena_zalloc(a, bytes);
}

char *arena_memdup(struct arena *a, const void *p, size_t n)
{
	char *q = arena_alloc(a, n + 1);
	if (!q)
		return NULL;
	if (n)
		memcpy(q, p, n);
	q[n] = '\0';
	return q;
}

char *arena_strdup(struct arena *a, const char *s)
{
	return arena_memdup(a, s, strlen(s));
}

char *arena_printf(struct arena *a, const char *fmt, ...)
{
	va_list ap, again;
	va_start(ap, fmt);
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	va_end(ap);
	char *s = n < 0 ? NULL : arena_alloc(a, (size_t)n + 1);
	if (s)
		vsnprintf(s, (size_t)n + 1, fmt, again);
	va_end(again);
	return s;
}

bool arena_on_fini(struct arena *a, arena_cleanup_fn *fn, void *arg)
{
	struct arena_cleanup *c = arena_alloc(a, sizeof(*c));
	if (!c)
		return false;
	*c = (struct arena_cleanup){ .prev = a->cleanups, .fn = fn, .arg = arg };
	a->cleanups = c;
	return true;
}

bool arena_reserve(struct arena *a, size_t size)
{
#ifdef TH_SANITIZERS
	(void)a;
	(void)size;
	return true;
#else
	return (size_t)(a->end - a->pos) >= size || add_block(a, size);
#endif
}

struct arena_mark arena_mark(const struct arena *a)
{
	return (struct arena_mark){ a->head, a->cleanups, a->pos, a->end };
}

void arena_rewind(struct arena *a, struct arena_mark m)
{
	while (a->cleanups != m.cleanups) {
		struct arena_cleanup *c = a->cleanups;
		a->cleanups = c->prev;
		c->fn(c->arg);
	}
	size_t freed = 0;
	while (a->head != m.head) {
		struct arena_block *b = a->head;
		size_t bytes = sizeof(*b) + b->size;
		a->head = b->prev;
		a->bytes -= bytes;
		budget_give(a->budget, bytes);
		freed += bytes;
		if (freed > FREE_AT_ONCE)
			mem_free_later(b, bytes);
		else
			free(b);
	}
	a->pos = m.pos;
	a->end = m.end;
}

void arena_fini(struct arena *a)
{
	arena_rewind(a, (struct arena_mark){ 0 });
	a->next_block = FIRST_BLOCK;
}

int arena_err(const struct arena *a, struct err *e)
{
	return budget_err(a->budget, e);
}
