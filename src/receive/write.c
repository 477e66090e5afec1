#include "receive/write.h"

#include "base/sys.h"
#include "base/vec.h"
#include "labels/builder.h"
#include "labels/relabel_yaml.h"
#include "loop/fiber.h"
#include "receive/tenant.h"

#include <stdlib.h>

/* A tenant that the request writes to. */
struct target {
	struct receive_db *db;
	struct append_opts opts;
};

#define COUNT_EVERY 1024 /* series counted between two looks at the clock */

/* A request under way. */
struct write_call {
	const struct receive_writer *w;
	const struct write_request *req;
	struct write_result *out;
	struct write_reader reader;
	VEC(struct target) targets;
	struct labels_builder builder;
	struct arena scratch; /* of one series */
};

void write_result_fini(struct write_result *r)
{
	strbuf_fini(&r->text);
}

/* The target of a tenant, opened and with a batch begun on first use. Suspends then. */
static int get_target(struct write_call *c, struct str tenant, struct target **ret, struct err *err)
{
	for (size_t i = 0; i < c->targets.n; i++) {
		*ret = &c->targets.p[i];
		if (str_eq_c(tenant, receive_db_tenant((*ret)->db)))
			return 0;
	}
	struct receive_db *db;
	int rc = co_receive_dbs_get(c->w->dbs, tenant, &db, err);
	if (rc != 0)
		return rc == -ERR_INVALID_ARGUMENT ? rc : err_set(err, ERR_UNAVAILABLE, "%s", err->msg);
	*ret = vec_push(&c->targets);
	**ret = (struct target){ .db = db,
				 .opts = { .require_name = c->req->require_name,
					   .max_series = receive_limits_of(c->w->limits, tenant).head_series } };
	receive_db_touch(db);
	head_batch_begin(receive_db_head(db), sys_now_ms());
	(*ret)->opts.batch = head_batch_save(receive_db_head(db));
	return 0;
}

/* --- the usual request: series as they came, of one tenant or of one after the other --------- */

/* Suspends. */
static int write_whole(struct write_call *c, struct err *err)
{
	struct str tenant;
	int rc = 0;
	while (rc == 0 && write_reader_next_tenant(&c->reader, &tenant)) {
		struct target *t;
		rc = get_target(c, tenant.n ? tenant : c->req->tenant, &t, err);
		if (rc == 0)
			rc = co_append_body(receive_db_head(t->db), &c->reader, &t->opts, &c->out->tally, err);
	}
	return rc;
}

/* --- requests that are split or relabelled --------------------------------------------- */

/* Labels of the current series, in the scratch arena; sorted where the sender's order means nothing. */
static int series_labels(struct write_call *c, const struct write_series *s, struct labels *ret, struct err *err)
{
	struct label *p = arena_array(&c->scratch, s->n_labels, sizeof(*p));
	if (!p)
		return arena_err(&c->scratch, err);
	write_series_labels(&c->reader, s, p);
	if (c->req->kind == WRITE_V2)
		label_sort(p, s->n_labels);
	*ret = (struct labels){ p, s->n_labels };
	return 0;
}

/* Relabels, and cuts the label out that names the tenant. *ret_keep false: dropped on purpose. */
static int transform(struct write_call *c, struct labels *io, struct str *io_tenant, bool *ret_keep, struct err *err)
{
	*ret_keep = true;
	labels_builder_reset(&c->builder, *io);
	if (c->w->relabel) {
		int rc = relabel_apply(c->w->relabel->p, c->w->relabel->n, &c->builder, &c->scratch, ret_keep, err);
		if (rc != 0 || !*ret_keep)
			return rc;
	}
	struct str owner = c->w->split_label.n ? labels_builder_get(&c->builder, c->w->split_label) : STR("");
	if (owner.n) {
		*io_tenant = owner;
		labels_builder_del(&c->builder, c->w->split_label);
	}
	*io = labels_builder_labels(&c->builder);
	*ret_keep = io->n > 0;
	return 0;
}

/* Suspends. */
static int write_one(struct write_call *c, const struct write_series *s, struct err *err)
{
	struct labels l;
	struct str tenant = s->tenant.n ? s->tenant : c->req->tenant;
	bool keep = true;
	struct target *t;
	if (s->fault) {
		c->out->tally.faults[APPEND_BAD_REFERENCE]++;
		return 0;
	}
	int rc = series_labels(c, s, &l, err);
	/* Labels that are not in order are refused as they came: relabelling would hide it. */
	if (rc == 0 && labels_check(l, NULL) == LABELS_OK)
		rc = transform(c, &l, &tenant, &keep, err);
	if (rc != 0 || !keep)
		return rc;
	rc = get_target(c, tenant, &t, err);
	if (rc != 0)
		return rc;
	return co_append_series(receive_db_head(t->db), l, s, &t->opts, &c->out->tally, err);
}

/* Suspends. */
static int write_each(struct write_call *c, struct err *err)
{
	struct write_series s;
	int rc;
	while ((rc = write_reader_next(&c->reader, &s, err)) > 0) {
		struct arena_mark m = arena_mark(&c->scratch);
		rc = write_one(c, &s, err);
		arena_rewind(&c->scratch, m);
		if (rc == 0)
			rc = co_checkpoint(err);
		if (rc != 0)
			return rc;
	}
	return rc;
}

/* --- limits ------------------------------------------------------------------------------ */

/* Suspends. */
static int count_samples(struct write_call *c, uint64_t *ret, struct err *err)
{
	struct write_series s;
	size_t n = 0;
	int rc;
	*ret = 0;
	while ((rc = write_reader_next(&c->reader, &s, err)) > 0) {
		*ret += s.n_samples + s.n_histograms;
		if (++n % COUNT_EVERY == 0 && (rc = co_checkpoint(err)) != 0)
			return rc;
	}
	write_reader_rewind(&c->reader);
	return rc;
}

/* Refuses a request with more of something than it may have; `limit` 0 is none. */
static int check_limit(struct write_call *c, const char *name, const char *what, uint64_t n, uint64_t limit,
		       struct err *err)
{
	if (limit == 0 || n <= limit)
		return 0;
	c->out->limit = name;
	c->out->over = n - limit;
	return err_set(err, ERR_OUT_OF_RANGE, "too many %s: %llu, the limit is %llu", what, (unsigned long long)n,
		       (unsigned long long)limit);
}

/* Suspends. */
static int check_limits(struct write_call *c, struct err *err)
{
	struct tenant_limits l = receive_limits_of(c->w->limits, c->req->tenant);
	uint64_t samples = 0;
	int rc = check_limit(c, "series", "timeseries", c->reader.n_series, l.series, err);
	if (rc == 0 && l.samples)
		rc = count_samples(c, &samples, err);
	return rc != 0 ? rc : check_limit(c, "samples", "samples", samples, l.samples, err);
}

/* --- the whole ----------------------------------------------------------------------------- */

/* Commits all targets, also when some of the request was refused: what is stored must be safe. Suspends. */
static int commit_all(struct write_call *c, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; i < c->targets.n && rc == 0; i++)
		rc = co_receive_db_commit(c->targets.p[i].db, err);
	return rc;
}

int co_receive_write(const struct receive_writer *w, const struct write_request *req, struct write_result *ret,
		     struct err *err)
{
	struct write_call c = { .w = w, .req = req, .out = ret };
	arena_init(&c.scratch, req->budget);
	int rc = tenant_name_check(req->tenant, err);
	if (rc == 0) {
		rc = write_reader_open_pausing(&c.reader, req->kind, req->body, req->budget, co_checkpoint, err);
		ret->series = c.reader.n_series;
		if (rc == 0)
			rc = check_limits(&c, err);
		bool each = w->relabel || w->split_label.n;
		if (rc == 0)
			rc = each ? write_each(&c, err) : write_whole(&c, err);
		write_reader_close(&c.reader);
	}
	int committed = rc == 0 ? commit_all(&c, err) : 0;
	for (size_t i = 0; i < c.targets.n; i++)
		receive_dbs_put(w->dbs, c.targets.p[i].db);
	vec_fini(&c.targets);
	labels_builder_fini(&c.builder);
	arena_fini(&c.scratch);
	ret->answer = append_outcome(&ret->tally, &ret->text);
	return rc != 0 ? rc : committed;
}
