/*
 * base/mem.h - heap memory that is there or ends the process.
 *
 * For small, bounded objects. Whatever a user can make grow is limited by
 * count first or taken from an arena (base/arena.h), which can refuse.
 * All pointers returned are freed with free().
 */
#ifndef BASE_MEM_H
#define BASE_MEM_H

#include "base/compiler.h"

#include <stdbool.h>
#include <stddef.h>

/* `size` uninitialised bytes; aborts when there are none. Size 0 gives a valid pointer. */
void *xmalloc(size_t size) MUST_CHECK;

/* `n` zeroed elements of `size` bytes; aborts on overflow or exhaustion. */
void *xcalloc(size_t n, size_t size) MUST_CHECK;

/* Resizes `p` (or NULL) to `size` bytes; aborts when it cannot. */
void *xrealloc(void *p, size_t size) MUST_CHECK;

/* Resizes `p` to `n` elements of `size` bytes; aborts on overflow or exhaustion. */
void *xreallocarray(void *p, size_t n, size_t size) MUST_CHECK;

/* A heap copy of the C string `s`. */
char *xstrdup(const char *s) MUST_CHECK;

/* A heap copy of the first `n` bytes of `s`, with a terminating zero. */
char *xstrndup(const char *s, size_t n) MUST_CHECK;

/* A heap copy of `n` bytes. */
void *xmemdup(const void *p, size_t n) MUST_CHECK;

/*
 * Tells malloc to keep up to 64 MiB of freed memory and to serve pieces of up to 4 MiB from it. Buffers of messages come and
 * go by the hundred KiB; with glibc's defaults each goes back to the kernel and is faulted in anew, which costs twice the
 * CPU of copying it. For main() of programs, once, at the start.
 */
void mem_tune(void);

/*
 * Freeing large memory gives pages back to the kernel, which takes a millisecond for some megabytes. A thread that must not
 * be held up says so once, calls mem_free_some now and then, and says `false` at its end (which frees all that is left).
 */
void mem_defer(bool on);

/* Frees `n` bytes at p (NULL is fine): in a thread that defers, when they are many, later. Their first bytes are overwritten. */
void mem_free_later(void *p, size_t n);

/* Frees about `bytes` of what was deferred; returns whether there is more. */
bool mem_free_some(size_t bytes);

/* A formatted heap string. */
char *xasprintf(const char *fmt, ...) PRINTF_LIKE(1, 2) MUST_CHECK;

#endif
