/*
 * receive/dbs.h - the TSDBs of all tenants, one directory each below --tsdb.path.
 *
 * Directories that are there are opened at start; a tenant's first write makes
 * its own. One fiber looks after all of them: writes out closed chunks, cuts blocks,
 * shortens logs, and closes and removes tenants whose data has all expired.
 */
#ifndef RECEIVE_DBS_H
#define RECEIVE_DBS_H

#include "base/err.h"
#include "labels/labels.h"
#include "receive/db.h"

#include <stddef.h>

struct metrics_registry;
struct receive_dbs;

/* How the set is made. Strings and labels are borrowed and outlive it. */
struct receive_dbs_config {
	const char *path; /* --tsdb.path */
	struct receive_db_config db;
	struct labels external;  /* --label, sorted */
	struct str tenant_label; /* --receive.tenant-label-name */
	bool no_lockfile;
	struct metrics_registry *metrics;
};

/* Makes an empty set. */
struct receive_dbs *receive_dbs_new(const struct receive_dbs_config *cfg);

/* Takes the lock file and opens all tenants found on disk. Names that are no tenants' are left alone. Suspends. */
int co_receive_dbs_open(struct receive_dbs *s, struct err *err);

/* Commits and closes all tenants, gives the lock back. Cannot be cancelled. Suspends. */
void co_receive_dbs_close(struct receive_dbs *s);

/* Frees a closed set. NULL is fine. */
void receive_dbs_free(struct receive_dbs *s);

/*
 * The tenant's TSDB, with a reference for the caller, opened (or made) where it is not there yet. INVALID_ARGUMENT for a name
 * that cannot be a tenant's. Suspends only where it has to open.
 */
int co_receive_dbs_get(struct receive_dbs *s, struct str tenant, struct receive_db **ret, struct err *err);

/* Gives a reference back: a tenant is not closed while there are any. */
void receive_dbs_put(struct receive_dbs *s, struct receive_db *db);

/* The tenants open now, sorted by name, each with a reference: an array in `a`. RESOURCE_EXHAUSTED. */
int receive_dbs_all(struct receive_dbs *s, struct arena *a, struct receive_db ***ret, size_t *ret_n, struct err *err);

/* Closes the tenants that have expired (receive_db_expired) and that nobody uses, and deletes their directories. Suspends. */
void co_receive_dbs_prune(struct receive_dbs *s);

/* Runs maintenance over all tenants, for ever: the owner starts it as a fiber and cancels it. Suspends. */
void co_receive_dbs_maintain(struct receive_dbs *s);

#endif
