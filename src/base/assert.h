/*
 * base/assert.h - checks that stay on in release builds.
 *
 * CHECK states an invariant: if it does not hold the program is wrong, and
 * going on could damage data.  It is never used for input, however broken.
 */
#ifndef BASE_ASSERT_H
#define BASE_ASSERT_H

#include "base/compiler.h"

/* Prints the place and the broken condition to stderr and aborts. */
void check_failed(const char *file, int line, const char *func, const char *cond) NORETURN;

/* Aborts unless the condition holds. Evaluated once, in every build. */
#define CHECK(cond) (LIKELY(cond) ? (void)0 : check_failed(__FILE__, __LINE__, __func__, #cond))

/* Marks a branch that no input can reach. */
#define UNREACHABLE(why) check_failed(__FILE__, __LINE__, __func__, why)

#endif
