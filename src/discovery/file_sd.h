/*
 * discovery/file_sd.h - targets listed in files, as Prometheus' file_sd_config:
 * a list of groups {targets: ["host:port", ...], labels: {...}} as JSON (name ending in .json) or YAML.
 * Labels are checked to be there or not and otherwise ignored.
 */
#ifndef DISCOVERY_FILE_SD_H
#define DISCOVERY_FILE_SD_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

/* Largest file read. */
#define FILE_SD_MAX_BYTES (16u << 20)

/*
 * Reads the text of one file. *ret is a heap array of *ret_n heap strings (file_list_free gives them back).
 * INVALID_ARGUMENT names the file.
 */
int file_sd_parse(struct str text, const char *file, char ***ret, size_t *ret_n, struct err *err);

struct file_sd;

/* Watches the files that match `patterns` (copied); unchanged files are read again every `interval_ms`. */
struct file_sd *file_sd_new(const char *const *patterns, size_t n, int64_t interval_ms);

/* Frees it. NULL is fine. */
void file_sd_free(struct file_sd *f);

/*
 * Looks for files that are new, changed or gone, and reads them off the loop. A file that cannot be read keeps
 * the targets it had; the first failure is returned after all were tried.
 */
int co_file_sd_refresh(struct file_sd *f, struct err *err);

/* The targets of all files, in order of patterns and names. Heap array (free it) of strings valid until the next refresh. */
const char **file_sd_targets(const struct file_sd *f, size_t *ret_n);

#endif
