/*
 * loop/stack.h - mmapped fiber stacks with a guard page, kept for reuse.
 */
#ifndef LOOP_STACK_H
#define LOOP_STACK_H

#include <stddef.h>
#include <stdint.h>

/* A stack. `base` is the lowest usable byte; the page below it faults. */
struct stack {
	void *base;
	size_t size;
	unsigned valgrind_id;
};

/* Stacks of ended fibers, kept warm. Zero-initialised is empty. */
struct stack_pool {
	struct stack kept[64];
	size_t n;
};

/* A stack from the pool, or a new one; aborts when there is no memory for it. */
struct stack stack_get(struct stack_pool *p);

/* Keeps a stack for reuse, or unmaps it. */
void stack_put(struct stack_pool *p, struct stack s);

/* Unmaps all kept stacks. */
void stack_pool_fini(struct stack_pool *p);

/* Bytes of the stack that were ever touched, in whole pages (mincore). */
size_t stack_touched(const struct stack *s);

#endif
