/*
 * loop/signal.h - POSIX signals as something a fiber can wait for.
 */
#ifndef LOOP_SIGNAL_H
#define LOOP_SIGNAL_H

#include "base/err.h"

#include <stddef.h>

struct reactor;
struct signal_watch;

/* Takes over the signals in `signos` (n <= 8) from now on; they queue up until waited for. Suspends nothing. */
struct signal_watch *signal_watch_new(struct reactor *r, const int *signos, size_t n);

/* Waits for the next signal; *ret_signo is its number. */
int co_signal_wait(struct signal_watch *w, int *ret_signo, struct err *err);

/* Gives the signals back to their default action. Nobody may wait. NULL is fine. */
void signal_watch_free(struct signal_watch *w);

#endif
