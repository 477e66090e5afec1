#include "receive/dbs.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/hmap.h"
#include "base/mem.h"
#include "base/sys.h"
#include "loop/fiber.h"
#include "loop/offload.h"
#include "metrics/metrics.h"
#include "receive/tenant.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <sys/file.h>
#include <time.h>

#define MAINTAIN_MS 5000
#define LOCK_TRIES 50 /* a fiftieth of a second apart */

/* Added to the name of a directory that is being deleted; no tenant's name has it. */
#define DELETED_SUFFIX "~"

/* A tenant in the set: open, or being opened while others wait. */
struct entry {
	char *name;
	struct receive_db *db; /* NULL while it is being opened */
	size_t refs;
	bool closing;
	struct waitq changed;
};

struct receive_dbs {
	const struct receive_dbs_config *cfg;
	struct hmap entries; /* by name */
	int lock_fd;
};

struct receive_dbs *receive_dbs_new(const struct receive_dbs_config *cfg)
{
	struct receive_dbs *s = xcalloc(1, sizeof(*s));
	s->cfg = cfg;
	s->lock_fd = -1;
	return s;
}

void receive_dbs_free(struct receive_dbs *s)
{
	if (!s)
		return;
	CHECK(s->entries.n == 0);
	hmap_fini(&s->entries);
	free(s);
}

static bool named(const void *entry, const void *name)
{
	return str_eq_c(*(const struct str *)name, ((const struct entry *)entry)->name);
}

static struct entry *find(struct receive_dbs *s, struct str name)
{
	return hmap_find(&s->entries, hash_str(name), named, &name);
}

static struct entry *add(struct receive_dbs *s, struct str name)
{
	struct entry *e = xcalloc(1, sizeof(*e));
	e->name = xstrndup(name.p, name.n);
	waitq_init(&e->changed);
	hmap_add(&s->entries, hash_str(name), e);
	return e;
}

static void drop(struct receive_dbs *s, struct entry *e)
{
	struct str name = str_c(e->name);
	hmap_remove(&s->entries, hash_str(name), named, &name);
	waitq_wake_all(&e->changed);
	free(e->name);
	free(e);
}

/* --- opening ----------------------------------------------------------------------- */

/* External labels of a tenant: the configured ones and the tenant's own. */
static int tenant_labels(const struct receive_dbs_config *c, struct str tenant, struct arena *a, struct labels *ret,
			 struct err *err)
{
	struct label *p = arena_array(a, c->external.n + 1, sizeof(*p));
	if (!p)
		return arena_err(a, err);
	size_t n = 0;
	for (size_t i = 0; i < c->external.n; i++)
		if (!str_eq(c->external.p[i].name, c->tenant_label))
			p[n++] = c->external.p[i];
	p[n++] = (struct label){ c->tenant_label, tenant };
	label_sort(p, n);
	*ret = (struct labels){ p, n };
	return 0;
}

/* Opens an entry's TSDB; the entry goes when that fails. Suspends. */
static int open_entry(struct receive_dbs *s, struct entry *e, struct err *err)
{
	struct arena a;
	struct labels external;
	arena_init(&a, NULL);
	char *dir = xasprintf("%s/%s", s->cfg->path, e->name);
	int rc = tenant_labels(s->cfg, str_c(e->name), &a, &external, err);
	if (rc == 0)
		rc = co_receive_db_open(&e->db, &s->cfg->db, str_c(e->name), dir, external, err);
	free(dir);
	arena_fini(&a);
	if (rc != 0) {
		err_prefix(err, "open TSDB of tenant %s", e->name);
		drop(s, e);
		return rc;
	}
	waitq_wake_all(&e->changed);
	return 0;
}

int co_receive_dbs_get(struct receive_dbs *s, struct str tenant, struct receive_db **ret, struct err *err)
{
	int rc = tenant_name_check(tenant, err);
	struct entry *e;
	while (rc == 0 && (e = find(s, tenant)) && (!e->db || e->closing))
		rc = co_waitq_wait(&e->changed, "tenant", err);
	if (rc != 0)
		return rc;
	if (!e) {
		e = add(s, tenant);
		e->refs++; /* nobody may close what is being opened */
		rc = open_entry(s, e, err);
		if (rc != 0)
			return rc;
		e->refs--;
	}
	e->refs++;
	*ret = e->db;
	return 0;
}

void receive_dbs_put(struct receive_dbs *s, struct receive_db *db)
{
	struct entry *e = find(s, str_c(receive_db_tenant(db)));
	CHECK(e && e->refs > 0);
	if (--e->refs == 0)
		waitq_wake_all(&e->changed);
}

static int by_tenant(const void *a, const void *b)
{
	return strcmp(receive_db_tenant(*(struct receive_db *const *)a),
		      receive_db_tenant(*(struct receive_db *const *)b));
}

int receive_dbs_all(struct receive_dbs *s, struct arena *a, struct receive_db ***ret, size_t *ret_n, struct err *err)
{
	struct receive_db **p = arena_array(a, s->entries.n, sizeof(*p));
	if (!p)
		return arena_err(a, err);
	size_t pos = 0, n = 0;
	struct entry *e;
	while ((e = hmap_next(&s->entries, &pos))) {
		if (!e->db || e->closing)
			continue;
		e->refs++;
		p[n++] = e->db;
	}
	qsort(p, n, sizeof(*p), by_tenant);
	*ret = p;
	*ret_n = n;
	return 0;
}

/* --- the directory -------------------------------------------------------------------- */

struct dir_job {
	struct receive_dbs *s;
	char **names;
	size_t n;
};

/* What a prune that was interrupted left. */
static int remove_half_deleted(const char *path, const char *name, struct err *err)
{
	char *dir = xasprintf("%s/%s", path, name);
	int rc = tenant_name_valid(str_mem(name, strlen(name) - 1)) ? file_remove_all(dir, err) : 0;
	free(dir);
	return rc;
}

/* A child process of one that was killed may hold it for a moment longer. Blocks. */
static bool take_lock(int fd)
{
	const struct timespec pause = { 0, 20000000 };
	for (int tries = 0; tries < LOCK_TRIES; tries++) {
		if (flock(fd, LOCK_EX | LOCK_NB) == 0)
			return true;
		nanosleep(&pause, NULL);
	}
	return false;
}

/* Takes the lock, so that no two processes write the same logs, and lists what is there. */
static int lock_and_list(void *arg, struct err *err)
{
	struct dir_job *j = arg;
	const char *path = j->s->cfg->path;
	int rc = file_mkdir_all(path, err);
	if (rc != 0)
		return rc;
	if (!j->s->cfg->no_lockfile) {
		char *lock = xasprintf("%s/lock", path);
		j->s->lock_fd = sys->open(lock, O_RDWR | O_CREAT, 0644);
		if (j->s->lock_fd < 0)
			rc = err_sys(err, errno, "open %s", lock);
		else if (!take_lock(j->s->lock_fd))
			rc = err_set(err, ERR_FAILED_PRECONDITION,
				     "%s: another process uses this directory (--tsdb.no-lockfile turns the check off)",
				     lock);
		free(lock);
	}
	if (rc == 0)
		rc = file_list(path, &j->names, &j->n, err);
	for (size_t i = 0; i < j->n && rc == 0; i++)
		if (str_has_suffix(str_c(j->names[i]), STR(DELETED_SUFFIX)))
			rc = remove_half_deleted(path, j->names[i], err);
	return rc;
}

static bool is_tenant_dir(const struct receive_dbs *s, const char *name)
{
	struct stat st;
	char *path = xasprintf("%s/%s", s->cfg->path, name);
	bool dir = sys->lstat(path, &st) == 0 && S_ISDIR(st.st_mode);
	free(path);
	return dir && tenant_name_valid(str_c(name));
}

int co_receive_dbs_open(struct receive_dbs *s, struct err *err)
{
	struct dir_job j = { .s = s };
	int rc = co_offload("list tenants", lock_and_list, &j, err);
	for (size_t i = 0; rc == 0 && i < j.n; i++) {
		if (!is_tenant_dir(s, j.names[i]))
			continue;
		struct receive_db *db;
		rc = co_receive_dbs_get(s, str_c(j.names[i]), &db, err);
		if (rc == 0)
			receive_dbs_put(s, db);
	}
	file_list_free(j.names, j.n);
	return rc;
}

/* Deletes a tenant's directory: renamed first, so that a crash leaves no half of it. */
static int delete_dir(void *arg, struct err *err)
{
	const char *dir = arg;
	char *gone = xasprintf("%s" DELETED_SUFFIX, dir);
	int rc = file_remove_all(gone, err);
	if (rc == 0 && sys->rename(dir, gone) != 0)
		rc = err_sys(err, errno, "rename %s", dir);
	if (rc == 0)
		rc = file_remove_all(gone, err);
	free(gone);
	return rc;
}

/* Closes an entry that nobody uses and deletes its directory; who asks for the tenant meanwhile waits. Suspends. */
static void prune_entry(struct receive_dbs *s, struct entry *e)
{
	struct err err;
	char *dir = xstrdup(receive_db_dir(e->db));
	e->closing = true;
	co_receive_db_close(e->db);
	if (co_offload("delete tenant", delete_dir, dir, &err) != 0)
		log_error(s->cfg->db.log, "the directory of a tenant cannot be deleted", log_s("tenant", e->name),
			  log_err(&err));
	else
		log_info(s->cfg->db.log, "tenant removed: all its data has expired", log_s("tenant", e->name));
	drop(s, e);
	free(dir);
}

/* The first entry that may go, or NULL. */
static struct entry *find_expired(struct receive_dbs *s)
{
	size_t pos = 0;
	struct entry *e;
	while ((e = hmap_next(&s->entries, &pos)))
		if (e->db && !e->closing && e->refs == 0 && receive_db_expired(e->db))
			return e;
	return NULL;
}

void co_receive_dbs_prune(struct receive_dbs *s)
{
	struct entry *e;
	fiber_mask();
	while ((e = find_expired(s)))
		prune_entry(s, e);
	fiber_unmask();
}

/* Waits until nobody uses an entry, closes and drops it. Suspends. */
static void close_entry(struct receive_dbs *s, struct entry *e)
{
	e->closing = true;
	while (e->refs || !e->db)
		(void)co_waitq_wait(&e->changed, "tenant in use", NULL);
	co_receive_db_close(e->db);
	drop(s, e);
}

void co_receive_dbs_close(struct receive_dbs *s)
{
	fiber_mask();
	while (s->entries.n) {
		size_t pos = 0;
		close_entry(s, hmap_next(&s->entries, &pos));
	}
	fiber_unmask();
	if (s->lock_fd >= 0)
		sys->close(s->lock_fd);
	s->lock_fd = -1;
}

/* --- maintenance ------------------------------------------------------------------------ */

/* One round over the tenants that are open at its start. Suspends. */
static int maintain_all(struct receive_dbs *s, struct err *err)
{
	struct arena a;
	struct receive_db **dbs;
	size_t n = 0;
	arena_init(&a, NULL);
	int rc = receive_dbs_all(s, &a, &dbs, &n, err);
	for (size_t i = 0; i < n; i++) {
		struct err why;
		if (rc == 0 && co_receive_db_maintain(dbs[i], &why) != 0)
			log_error(s->cfg->db.log, "maintenance of a TSDB failed; it is tried again",
				  log_s("tenant", receive_db_tenant(dbs[i])), log_err(&why));
		receive_dbs_put(s, dbs[i]);
	}
	arena_fini(&a);
	return rc;
}

void co_receive_dbs_maintain(struct receive_dbs *s)
{
	struct err err;
	do {
		(void)maintain_all(s, &err);
		co_receive_dbs_prune(s);
	} while (co_sleep_ms(MAINTAIN_MS, &err) == 0);
}
