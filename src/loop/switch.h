/*
 * loop/switch.h - exchanging stacks: a few lines of assembler on x86-64 and
 * aarch64, ucontext elsewhere.
 *
 * Follows the calling conventions (System V ABI for x86-64 section 3.2.1,
 * AAPCS64 section 6.1): only callee-saved registers are kept, for a switch is
 * an ordinary call to the compiler. Floating point control words are never changed here, so not kept.
 */
#ifndef LOOP_SWITCH_H
#define LOOP_SWITCH_H

#include <stddef.h>

#if !defined(__x86_64__) && !defined(__aarch64__)
#define SWITCH_UCONTEXT 1
#include <ucontext.h>
#endif

/* A suspended flow of control. */
struct switch_ctx {
#ifdef SWITCH_UCONTEXT
	ucontext_t uc;
#else
	void *sp;
#endif
};

/* What a new context runs; must never return. */
typedef void switch_entry_fn(void *arg);

/* Prepares a context that will run entry(arg) on the stack [stack, stack+size). */
void switch_prepare(struct switch_ctx *c, void *stack, size_t size, switch_entry_fn *entry, void *arg);

/* Suspends the present flow in `from` and goes on with `to`; returns when something goes on with `from`. */
void switch_to(struct switch_ctx *from, struct switch_ctx *to);

#endif
