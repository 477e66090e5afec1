/*
 * tsdb/filemap.h - a file of a block in memory, read-only.
 *
 * Files of blocks never change once their directory has its name, so they
 * are mapped: the page cache is the cache, a read costs no call and no copy,
 * and memory that is not used is the kernel's to take back. The price of a
 * mapping is SIGBUS where pread would give EIO, on a bad sector or when
 * somebody cuts the file. A handler takes it: the page that cannot be read
 * is replaced by zeros, the map is marked, and the checksum that every
 * reader verifies fails. So a bad disk is DATA_LOSS for the request that
 * meets it, and not the end of the process.
 *
 * The handler needs the list of maps, the one global of this folder. It is
 * installed by opening, where it is not yet, and passes on what does not concern it.
 */
#ifndef TSDB_FILEMAP_H
#define TSDB_FILEMAP_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* Most files that can be guarded at a time; beyond it they are read into the heap. */
#define FILEMAP_GUARDED_MAX 4096

/* An open map. Zero-initialised is empty. Keep it where it was opened. */
struct filemap {
	struct str bytes; /* the whole file */
	int slot;         /* in the handler's list; -1: the bytes are on the heap */
	bool is_open;
};

/* Maps the file (an empty one gives no bytes). NOT_FOUND, errors of open, fstat, mmap; RESOURCE_EXHAUSTED. */
int filemap_open(struct filemap *m, const char *path, struct err *err) MUST_CHECK;

/* Unmaps. Does nothing to an empty map. */
void filemap_close(struct filemap *m);

/* Whether a page could not be read since the file was opened: what is damaged is the disk or the file's length. */
bool filemap_failed(const struct filemap *m);

#endif
