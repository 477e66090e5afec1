/*
 * base/pause.h - long loops that let others run now and then.
 *
 * Code that knows no loop counts its work here; who owns the loop gives a
 * function that yields (it may suspend: everything that others may change is
 * to be looked up again) or gives up with an error. Zero-initialised never pauses.
 */
#ifndef BASE_PAUSE_H
#define BASE_PAUSE_H

#include "base/err.h"

#include <stddef.h>

/* Work between two calls. One unit is what takes a few nanoseconds to a few dozen. */
#define PAUSE_EVERY 8192

/* Where the work is counted. */
struct pause {
	int (*fn)(void *arg, struct err *err); /* NULL: never */
	void *arg;
	size_t work; /* since the last call */
};

/* Counts `work` more units, and calls fn when it is time: 0, or its error. Suspends as fn does. */
static inline int pause_after(struct pause *p, size_t work, struct err *err)
{
	p->work += work;
	if (p->work < PAUSE_EVERY || !p->fn)
		return 0;
	p->work = 0;
	return p->fn(p->arg, err);
}

#endif
