#include "tsdb/local_blocks.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/vec.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>

struct local_blocks {
	char *dir, *quarantine;
	struct budget *budget;
	VEC(struct local_block *) blocks; /* by mint, maxt */
	bool scanning;
	bool cleaned; /* left-overs of dead writers were removed */
};

/* A scan: `known` is what the set held when it began. */
struct local_scan {
	char *dir, *quarantine;
	struct budget *budget;
	bool clean;
	VEC(struct ulid) known;
	VEC(struct ulid) present;
	VEC(struct local_block *) loaded;
	struct local_scan_result result;
};

struct local_blocks *local_blocks_new(const char *dir, const char *quarantine, struct budget *budget)
{
	struct local_blocks *s = xcalloc(1, sizeof(*s));
	s->dir = xstrdup(dir);
	s->quarantine = xstrdup(quarantine);
	s->budget = budget;
	return s;
}

void local_blocks_free(struct local_blocks *s)
{
	if (!s)
		return;
	CHECK(!s->scanning);
	for (size_t i = 0; i < s->blocks.n; i++)
		local_block_unref(s->blocks.p[i]);
	vec_fini(&s->blocks);
	free(s->dir);
	free(s->quarantine);
	free(s);
}

struct local_block *const *local_blocks_list(const struct local_blocks *s, size_t *ret_n)
{
	*ret_n = s->blocks.n;
	return s->blocks.p;
}

struct local_block *local_block_ref(struct local_block *b)
{
	b->refs++;
	return b;
}

void local_block_unref(struct local_block *b)
{
	if (!b || --b->refs > 0)
		return;
	block_close(b->block);
	free(b);
}

static int cmp_block(const void *a, const void *b)
{
	const struct local_block *x = *(struct local_block *const *)a, *y = *(struct local_block *const *)b;
	if (x->mint != y->mint)
		return x->mint < y->mint ? -1 : 1;
	if (x->maxt != y->maxt)
		return x->maxt < y->maxt ? -1 : 1;
	return ulid_cmp(&x->ulid, &y->ulid);
}

/* --- the directory ------------------------------------------------------------------------------- */

static bool has_ulid(const struct ulid *p, size_t n, const struct ulid *u)
{
	for (size_t i = 0; i < n; i++) {
		if (ulid_cmp(&p[i], u) == 0)
			return true;
	}
	return false;
}

/* Bytes of all files below a directory; what cannot be read counts nothing. */
static uint64_t tree_size(const char *path)
{
	struct stat st;
	if (sys->lstat(path, &st) != 0)
		return 0;
	if (!S_ISDIR(st.st_mode))
		return (uint64_t)st.st_size;
	char **names;
	size_t n;
	uint64_t total = 0;
	if (file_list(path, &names, &n, NULL) != 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		char *child = xasprintf("%s/%s", path, names[i]);
		total += tree_size(child);
		free(child);
	}
	file_list_free(names, n);
	return total;
}

/* A block that does not open goes to the quarantine with its whole directory. */
static int quarantine(struct local_scan *c, const char *path, const char *name, const struct err *why, struct err *err)
{
	char *to = xasprintf("%s/%s", c->quarantine, name);
	int rc = file_mkdir_all(c->quarantine, err);
	if (rc == 0 && sys->rename(path, to) != 0)
		rc = err_sys(err, errno, "rename %s", path);
	if (rc == 0 && c->result.quarantined++ == 0)
		snprintf(c->result.first_bad, sizeof(c->result.first_bad), "%s", why->msg);
	free(to);
	return rc;
}

static int load_one(struct local_scan *c, const char *path, const char *name, const struct ulid *ulid, struct err *err)
{
	struct err why;
	struct block *b;
	int rc = block_open(path, c->budget, &b, &why);
	if (rc == -ERR_DATA_LOSS || rc == -ERR_INVALID_ARGUMENT || rc == -ERR_NOT_FOUND)
		return quarantine(c, path, name, &why, err);
	if (rc != 0) { /* no memory, no descriptors: not the block's fault */
		if (err)
			*err = why;
		return rc;
	}
	struct local_block *l = xcalloc(1, sizeof(*l));
	*l = (struct local_block){ .block = b,
				   .ulid = *ulid,
				   .refs = 1,
				   .mint = block_meta(b)->mint,
				   .maxt = block_meta(b)->maxt,
				   .size_bytes = tree_size(path) };
	*vec_push(&c->loaded) = l;
	return 0;
}

static int visit(struct local_scan *c, const char *name, struct err *err)
{
	struct ulid ulid;
	struct str s = str_c(name);
	char *path = xasprintf("%s/%s", c->dir, name);
	char *meta = xasprintf("%s/%s", path, META_FILE);
	int rc = 0;
	if (str_has_suffix(s, STR(BLOCK_TMP_CREATION)) || str_has_suffix(s, STR(BLOCK_TMP_DELETION))) {
		rc = c->clean ? file_remove_all(path, err) : 0; /* later a writer may be at work */
	} else if (ulid_parse(s, &ulid) && file_exists(meta)) { /* without meta.json: not a block (yet) */
		*vec_push(&c->present) = ulid;
		if (!has_ulid(c->known.p, c->known.n, &ulid))
			rc = load_one(c, path, name, &ulid, err);
	}
	free(meta);
	free(path);
	return rc;
}

/* Blocks that a newly loaded one was made of. */
static int remove_parents(struct local_scan *c, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; i < c->loaded.n; i++) {
		const struct meta_compaction *m = &block_meta(c->loaded.p[i]->block)->compaction;
		for (size_t k = 0; k < m->n_parents && rc == 0; k++) {
			if (!has_ulid(c->present.p, c->present.n, &m->parents[k].ulid))
				continue;
			rc = local_block_delete(c->dir, &m->parents[k].ulid, err);
			for (size_t x = 0; x < c->present.n; x++) {
				if (ulid_cmp(&c->present.p[x], &m->parents[k].ulid) == 0)
					c->present.p[x--] = c->present.p[--c->present.n];
			}
			c->result.replaced++;
		}
	}
	return rc;
}

struct local_scan *local_blocks_scan_begin(struct local_blocks *s)
{
	if (s->scanning)
		return NULL;
	struct local_scan *c = xcalloc(1, sizeof(*c));
	c->dir = xstrdup(s->dir);
	c->quarantine = xstrdup(s->quarantine);
	c->budget = s->budget;
	c->clean = !s->cleaned;
	for (size_t i = 0; i < s->blocks.n; i++)
		*vec_push(&c->known) = s->blocks.p[i]->ulid;
	s->scanning = true;
	return c;
}

int local_blocks_scan_run(struct local_scan *c, struct err *err)
{
	char **names;
	size_t n;
	if (!file_exists(c->dir))
		return 0;
	int rc = file_list(c->dir, &names, &n, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = visit(c, names[i], err);
	file_list_free(names, n);
	return rc == 0 ? remove_parents(c, err) : rc;
}

/* The set becomes what is present: old blocks that are still there, and new ones. */
static void merge(struct local_blocks *s, struct local_scan *c)
{
	size_t n = 0;
	for (size_t i = 0; i < s->blocks.n; i++) {
		struct local_block *b = s->blocks.p[i];
		if (has_ulid(c->present.p, c->present.n, &b->ulid) || !has_ulid(c->known.p, c->known.n, &b->ulid)) {
			s->blocks.p[n++] = b;
		} else {
			c->result.vanished++;
			local_block_unref(b);
		}
	}
	s->blocks.n = n;
	for (size_t i = 0; i < c->loaded.n; i++) {
		struct local_block *b = c->loaded.p[i];
		if (has_ulid(c->present.p, c->present.n, &b->ulid)) {
			*vec_push(&s->blocks) = local_block_ref(b);
			c->result.loaded++;
		}
	}
	if (s->blocks.n)
		qsort(s->blocks.p, s->blocks.n, sizeof(*s->blocks.p), cmp_block);
}

void local_blocks_scan_end(struct local_blocks *s, struct local_scan *c, int result, struct local_scan_result *ret)
{
	CHECK(s->scanning);
	s->scanning = false;
	if (result == 0) {
		merge(s, c);
		s->cleaned = true;
	}
	if (ret)
		*ret = result == 0 ? c->result : (struct local_scan_result){ 0 };
	for (size_t i = 0; i < c->loaded.n; i++)
		local_block_unref(c->loaded.p[i]);
	vec_fini(&c->loaded);
	vec_fini(&c->known);
	vec_fini(&c->present);
	free(c->dir);
	free(c->quarantine);
	free(c);
}

int local_blocks_load(struct local_blocks *s, struct local_scan_result *ret, struct err *err)
{
	struct local_scan *c = local_blocks_scan_begin(s);
	CHECK(c);
	int rc = local_blocks_scan_run(c, err);
	local_blocks_scan_end(s, c, rc, ret);
	return rc;
}

/* --- retention ------------------------------------------------------------------------------------- */

static int cmp_newest_first(const void *a, const void *b)
{
	const struct local_block *x = *(struct local_block *const *)a, *y = *(struct local_block *const *)b;
	return (x->maxt < y->maxt) - (x->maxt > y->maxt);
}

int local_blocks_expired(const struct local_blocks *s, int64_t retention_ms, uint64_t max_bytes, uint64_t other_bytes,
			 local_block_may_fn *may, void *arg, struct arena *a, struct local_block ***ret, size_t *ret_n,
			 struct err *err)
{
	size_t n = s->blocks.n;
	struct local_block **sorted = arena_array(a, n, sizeof(*sorted));
	*ret = arena_array(a, n, sizeof(**ret));
	*ret_n = 0;
	if (!sorted || !*ret)
		return arena_err(a, err);
	if (n == 0)
		return 0;
	memcpy(sorted, s->blocks.p, n * sizeof(*sorted));
	qsort(sorted, n, sizeof(*sorted), cmp_newest_first);
	uint64_t total = other_bytes;
	size_t keep = n;
	for (size_t i = 0; i < n && keep == n; i++) {
		total += sorted[i]->size_bytes;
		if ((retention_ms > 0 && i > 0 && sorted[0]->maxt - sorted[i]->maxt >= retention_ms) ||
		    (max_bytes > 0 && total > max_bytes))
			keep = i;
	}
	for (size_t i = n; i-- > keep;) {
		if (!may || may(arg, sorted[i]))
			(*ret)[(*ret_n)++] = sorted[i];
	}
	return 0;
}

void local_blocks_drop(struct local_blocks *s, const struct ulid *ulid)
{
	for (size_t i = 0; i < s->blocks.n; i++) {
		if (ulid_cmp(&s->blocks.p[i]->ulid, ulid) != 0)
			continue;
		local_block_unref(s->blocks.p[i]);
		memmove(&s->blocks.p[i], &s->blocks.p[i + 1], (s->blocks.n - i - 1) * sizeof(*s->blocks.p));
		s->blocks.n--;
		return;
	}
}

int local_block_delete(const char *dir, const struct ulid *ulid, struct err *err)
{
	char name[ULID_LEN + 1];
	ulid_format(ulid, name);
	char *path = xasprintf("%s/%s", dir, name), *tmp = xasprintf("%s" BLOCK_TMP_DELETION, path);
	int rc = file_remove_all(tmp, err);
	if (rc == 0 && sys->rename(path, tmp) != 0 && errno != ENOENT)
		rc = err_sys(err, errno, "rename %s", path);
	if (rc == 0)
		rc = file_sync_dir(dir, err);
	if (rc == 0)
		rc = file_remove_all(tmp, err);
	free(path);
	free(tmp);
	return rc;
}
