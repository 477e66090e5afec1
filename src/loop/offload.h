/*
 * loop/offload.h - blocking work on helper threads, or in a child process.
 *
 * What blocks (fsync, bcrypt, cold file reads, large decompression) runs on a
 * small pool of threads while its fiber waits; what is long and heavy
 * (cutting a block, compaction) in a child process.  These functions are the only
 * place with threads and forks.
 */
#ifndef LOOP_OFFLOAD_H
#define LOOP_OFFLOAD_H

#include "base/err.h"
#include "base/strbuf.h"

#include <stddef.h>
#include <stdint.h>

struct reactor;

/* A job: runs on another thread. Touches only what `arg` gives it, and no fiber, reactor or log function. */
typedef int offload_fn(void *arg, struct err *err);

/*
 * Runs fn(arg) on the pool of the fiber's reactor and waits for it. `name` is a static string for metrics. The result
 * is fn's. A job that has begun is always waited for, cancelled or not, so `arg` may lie in the caller's frame; one
 * still queued is withdrawn when the fiber is cancelled. RESOURCE_EXHAUSTED when the queue (1024 jobs) is full.
 */
int co_offload(const char *name, offload_fn *fn, void *arg, struct err *err);

/* Work of a child process: returns 0 or an error; what it appends to `out` (at most 16 MiB) reaches the parent. */
typedef int child_fn(void *arg, struct strbuf *out, struct err *err);

/*
 * Forks, runs fn(arg) in the child and waits for its end. The child sees a copy of the parent's memory, has no running
 * fibers or threads, and of the descriptors only the first three. `memory_limit_bytes` (0: none) limits what it may allocate on top. A child that dies of a signal
 * is INTERNAL with the signal's name; cancelling the fiber kills the child. `nice` is added to its priority.
 */
int co_child_run(const char *name, child_fn *fn, void *arg, uint64_t memory_limit_bytes, int nice, struct strbuf *out,
		 struct err *err);

#endif
