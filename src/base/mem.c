#include "config.h"

#include "base/mem.h"

#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <malloc.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

static NORETURN void out_of_memory(size_t size)
{
	fprintf(stderr, "thanos: out of memory: %zu bytes refused\n", size);
	abort();
}

void *xmalloc(size_t size)
{
	void *p = malloc(size ? size : 1);
	if (!p)
		out_of_memory(size);
	return p;
}

void *xcalloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);
	if (!p)
		out_of_memory(n * size);
	return p;
}

void *xrealloc(void *p, size_t size)
{
	p = realloc(p, size ? size : 1);
	if (!p)
		out_of_memory(size);
	return p;
}

void *xreallocarray(void *p, size_t n, size_t size)
{
	size_t bytes;
	if (__builtin_mul_overflow(n, size, &bytes))
		out_of_memory(SIZE_MAX);
	return xrealloc(p, bytes);
}

char *xstrdup(const char *s)
{
	return xmemdup(s, strlen(s) + 1);
}

char *xstrndup(const char *s, size_t n)
{
	char *p = xmalloc(n + 1);
	if (n)
		memcpy(p, s, n);
	p[n] = '\0';
	return p;
}

void *xmemdup(const void *p, size_t n)
{
	void *q = xmalloc(n);
	if (n)
		memcpy(q, p, n);
	return q;
}

char *xasprintf(const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	char *s;
	int n = vasprintf(&s, fmt, ap);
	va_end(ap);
	if (n < 0)
		out_of_memory(0);
	return s;
}

void mem_tune(void)
{
#ifdef __GLIBC__
	mallopt(M_TRIM_THRESHOLD, 64 << 20);
	mallopt(M_TOP_PAD, 1 << 20);
	mallopt(M_MMAP_THRESHOLD, 4 << 20);
#endif
}

/* --- freeing later ------------------------------------------------------------ */

/* Less than that is freed at once. */
#define LATER_MIN ((size_t)64 << 10)

/* Of so much what is freed last may stay with malloc; pages of the rest go back here, or free() would give all of them back at once. */
#define LATER_KEEP ((size_t)32 << 20)

/* Memory that is to be freed: this lies at its beginning. */
struct later {
	struct later *next;
	size_t n;
};

static __thread struct later *laters;
static __thread size_t later_bytes; /* in all */
static __thread bool deferring;

/* Gives the whole pages of a piece back to the kernel. */
static void drop_pages(void *p, size_t n)
{
	uintptr_t page = (uintptr_t)sysconf(_SC_PAGESIZE);
	uintptr_t from = ((uintptr_t)p + page - 1) & ~(page - 1), to = ((uintptr_t)p + n) & ~(page - 1);
	if (to > from)
		(void)madvise((void *)from, to - from, MADV_DONTNEED);
}

bool mem_free_some(size_t bytes)
{
	for (size_t done = 0; laters && done < bytes;) {
		struct later *l = laters;
		size_t n = l->n;
		laters = l->next;
		later_bytes -= n;
		done += n;
		if (later_bytes > LATER_KEEP)
			drop_pages(l, n);
		free(l);
	}
	return laters != NULL;
}

void mem_defer(bool on)
{
	deferring = on;
	if (!on)
		mem_free_some(SIZE_MAX);
}

void mem_free_later(void *p, size_t n)
{
#ifndef TH_SANITIZERS
	if (p && deferring && n >= LATER_MIN) {
		struct later *l = p;
		*l = (struct later){ laters, n };
		laters = l;
		later_bytes += n;
		return;
	}
#endif
	free(p);
}
