/*
 * tsdb/outfile.h - a file being written from front to back, buffered.
 *
 * The first error sticks: later writes do nothing and report it again, so a
 * writer may test at the ends of its steps.
 */
#ifndef TSDB_OUTFILE_H
#define TSDB_OUTFILE_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

/* The file. Zero-initialised is closed; members are private but for pos. */
struct outfile {
	int fd;
	char *path, *buf;
	size_t n;       /* bytes in buf */
	uint64_t pos;   /* bytes written, with those in the buffer */
	struct err err; /* the first failure */
};

/* Creates the file (it must not exist). Errors of open. */
int outfile_open(struct outfile *f, const char *path, struct err *err) MUST_CHECK;

/* Appends `n` bytes. */
int outfile_write(struct outfile *f, const void *p, size_t n, struct err *err);

/* Appends zeros up to a multiple of `align`. */
int outfile_pad(struct outfile *f, unsigned align, struct err *err);

/* Overwrites bytes that were written before. Flushes. */
int outfile_write_at(struct outfile *f, uint64_t pos, const void *p, size_t n, struct err *err);

/* Reads back bytes that were written. Flushes. */
int outfile_read_at(struct outfile *f, uint64_t pos, void *p, size_t n, struct err *err) MUST_CHECK;

/* Flushes, fsyncs and closes; with `drop` closes only. Frees everything. Returns the first failure. */
int outfile_close(struct outfile *f, bool drop, struct err *err);

#endif
