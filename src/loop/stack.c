#include "config.h"

#include "loop/stack.h"

#include "base/assert.h"
#include "base/compiler.h"

#include <sys/mman.h>
#include <unistd.h>

#ifdef TH_SANITIZERS
#include <sanitizer/asan_interface.h>
#endif
#ifdef TH_VALGRIND
#include <valgrind/valgrind.h>
#endif

/* Sanitizers put red zones around every variable. */
#ifdef TH_SANITIZERS
#define STACK_BYTES (1024 * 1024)
#else
#define STACK_BYTES (256 * 1024)
#endif

static size_t page_size(void)
{
	return (size_t)sysconf(_SC_PAGESIZE);
}

static struct stack map_stack(void)
{
	size_t page = page_size();
	char *p = mmap(NULL, STACK_BYTES + page, PROT_READ | PROT_WRITE,
		       MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE | MAP_STACK, -1, 0);
	CHECK(p != MAP_FAILED);
	CHECK(mprotect(p, page, PROT_NONE) == 0);
	struct stack s = { .base = p + page, .size = STACK_BYTES };
#ifdef TH_VALGRIND
	s.valgrind_id = VALGRIND_STACK_REGISTER(s.base, (char *)s.base + s.size);
#endif
	return s;
}

static void unmap_stack(struct stack s)
{
#ifdef TH_VALGRIND
	VALGRIND_STACK_DEREGISTER(s.valgrind_id);
#endif
	size_t page = page_size();
	munmap((char *)s.base - page, s.size + page);
}

struct stack stack_get(struct stack_pool *p)
{
	return p->n ? p->kept[--p->n] : map_stack();
}

void stack_put(struct stack_pool *p, struct stack s)
{
#ifdef TH_SANITIZERS
	/* The frames of an ended fiber never returned, so their red zones are still marked. */
	ASAN_UNPOISON_MEMORY_REGION(s.base, s.size);
#endif
	if (p->n < ARRAY_LEN(p->kept))
		p->kept[p->n++] = s;
	else
		unmap_stack(s);
}

void stack_pool_fini(struct stack_pool *p)
{
	while (p->n)
		unmap_stack(p->kept[--p->n]);
}

size_t stack_touched(const struct stack *s)
{
	size_t page = page_size();
	unsigned char resident[STACK_BYTES / 4096];
	if (mincore(s->base, s->size, resident) != 0)
		return 0;
	size_t lowest = 0;
	while (lowest < s->size / page && !(resident[lowest] & 1))
		lowest++;
	return s->size - lowest * page;
}
