/*
 * api/journal.h - the queries that run, in a file that tells of them after a crash.
 *
 * <dir>/queries.active has Prometheus' format (promql/query_logger.go): '[', then slots of 1,000 bytes, each zeros or
 * {"query":"...","timestamp_sec":N}, filled with zeros and ended by a comma. It is mapped: what was written is there
 * however the process ended, and writing costs no system call.
 */
#ifndef API_JOURNAL_H
#define API_JOURNAL_H

#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <stdint.h>

/* Queries that have a slot at a time; those beyond are not written down. */
#define API_JOURNAL_SLOTS 1024

/* Bytes of a slot. */
#define API_JOURNAL_SLOT_BYTES 1000

/* No slot. */
#define API_JOURNAL_NONE UINT32_MAX

struct api_journal;

/*
 * Makes the directory and the file, and begins it anew. What an earlier process left in it is appended to `ret_left` as a
 * JSON array of about 8 KiB at most, nothing where it left nothing. Blocks. NULL on failure, with the path in `err`.
 */
struct api_journal *api_journal_open(const char *dir, struct strbuf *ret_left, struct err *err);

/* Closes the file, which stays. NULL is fine. */
void api_journal_close(struct api_journal *j);

/* Writes down a query, cut to what a slot holds. Returns its slot or API_JOURNAL_NONE. `j` NULL: none. */
uint32_t api_journal_add(struct api_journal *j, struct str query, int64_t now_s);

/* Clears a slot; harmless for API_JOURNAL_NONE. */
void api_journal_remove(struct api_journal *j, uint32_t slot);

#endif
