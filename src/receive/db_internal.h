/*
 * receive/db_internal.h - what db.c, maintain.c and view.c share; for them only.
 */
#ifndef RECEIVE_DB_INTERNAL_H
#define RECEIVE_DB_INTERNAL_H

#include "loop/fiber.h"
#include "receive/db.h"
#include "tsdb/local_blocks.h"

struct receive_db {
	const struct receive_db_config *cfg;
	char *tenant;
	char *dir;
	struct labels *external;
	struct symtab *symtab;
	struct head *head;
	struct local_blocks *blocks;
	int64_t last_append_ms;
	struct receive_db_stats stats;

	bool committing;      /* the committer fiber lives */
	bool unsynced;        /* a commit was not synced: a fiber will see to it */
	bool sync_wanted;     /* the next commit syncs, and is made although nothing may be staged */
	struct fiber *syncer; /* NULL while none waits */
	bool gap_wanted;      /* a checkpoint waits for a moment without a commit */
	bool closing;
	uint64_t begun;  /* commits begun so far */
	uint64_t done;   /* the newest that ended well */
	uint64_t failed; /* the newest that failed */
	struct err failure;
	struct waitq committed;

	/* Views open, by the parity of the generation in which they were opened. */
	unsigned generation;
	size_t views[2];
	struct waitq view_closed;
	bool maintaining;
	struct waitq maintained;
	bool collecting; /* a truncation was not collected to its end yet */
};

/* Logs what a scan of the blocks found, where that is worth a line. */
void receive_db_log_scan(const struct receive_db *db, const struct local_scan_result *r);

#endif
