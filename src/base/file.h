/*
 * base/file.h - whole files and directories, on top of base/sys.h.
 *
 * These block: call them at start, from the offload pool or from a child
 * process, not from a fiber that serves requests.
 */
#ifndef BASE_FILE_H
#define BASE_FILE_H

#include "base/err.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

/* Reads a whole file of at most `max` bytes into `out` (appended). NOT_FOUND, RESOURCE_EXHAUSTED when larger. */
int file_read_all(const char *path, size_t max, struct strbuf *out, struct err *err);

/* Writes the file through "<path>.tmp", fsync, rename and fsync of the directory: all of it or nothing. */
int file_write_atomic(const char *path, const void *p, size_t n, struct err *err);

/* Writes all `n` bytes at the file position, going on after short writes and EINTR. */
int file_write_full(int fd, const void *p, size_t n, struct err *err);

/* Reads exactly `n` bytes at `off`; OUT_OF_RANGE when the file ends before. */
int file_pread_full(int fd, void *p, size_t n, uint64_t off, struct err *err);

/* fsyncs a directory, so that names made or renamed in it last. */
int file_sync_dir(const char *path, struct err *err);

/* Makes a directory and its missing parents, mode 0777 less umask. An existing directory is success. */
int file_mkdir_all(const char *path, struct err *err);

/* Removes a file or a directory with all below it; never follows symbolic links. Missing is success. */
int file_remove_all(const char *path, struct err *err);

/* Whether something exists at `path`. */
bool file_exists(const char *path);

/*
 * The names in a directory, sorted byte-wise, without "." and "..".
 * *ret_names is a heap array of *ret_n heap strings; free with file_list_free.
 */
int file_list(const char *dir, char ***ret_names, size_t *ret_n, struct err *err);

/* Frees what file_list returned. */
void file_list_free(char **names, size_t n);

#endif
