#include "receive/store.h"

#include "base/strbuf.h"
#include "grpc/server.h"
#include "loop/fiber.h"
#include "receive/cursor.h"
#include "receive/internal.h"
#include "receive/names.h"
#include "receive/view.h"
#include "series/merge.h"
#include "series/overlap.h"
#include "series/wire_series.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLES_PER_CHUNK 120 /* how --store.limits.request-samples counts, as upstream */
#define FLUSH_BYTES (256u << 10)
#define NAMES_STEP 2048 /* label names or values written between two suspensions */

/* The tenants that a request looks at, each with a reference and, where something can match, a view. */
struct tenants {
	struct receive_dbs *dbs;
	struct receive_db **p;
	struct tenant_view *views;
	size_t n;
};

/* What a request sees of a tenant. */
struct tenant_view {
	struct receive_view view;  /* closed where the tenant's external labels do not match */
	struct matcher **matchers; /* those of the series' own labels */
	size_t n_matchers;
};

static int take_tenants(struct receive *r, struct arena *a, struct tenants *ret, struct err *err)
{
	*ret = (struct tenants){ .dbs = r->dbs };
	if (!r->ready)
		return err_set(err, ERR_UNAVAILABLE, "storage is not open yet");
	return receive_dbs_all(r->dbs, a, &ret->p, &ret->n, err);
}

/* Opens the views of [mint, maxt] of all tenants that can match, in one turn. */
static int open_views(struct tenants *t, struct matcher *const *m, size_t n_m, int64_t mint, int64_t maxt,
		      struct arena *a, struct err *err)
{
	t->views = arena_array(a, t->n, sizeof(*t->views));
	if (!t->views)
		return arena_err(a, err);
	for (size_t i = 0; i < t->n; i++) {
		struct tenant_view *v = &t->views[i];
		bool match;
		int rc = receive_match_external(receive_db_external(t->p[i]), m, n_m, a, &v->matchers, &v->n_matchers,
						&match, err);
		if (rc == 0 && match)
			rc = receive_view_open(&v->view, t->p[i], mint, maxt, a, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static void give_tenants(struct tenants *t)
{
	for (size_t i = 0; i < t->n; i++) {
		if (t->views)
			receive_view_close(&t->views[i].view);
		receive_dbs_put(t->dbs, t->p[i]);
	}
}

/* --- Series -------------------------------------------------------------------------------- */

struct series_call {
	struct receive *r;
	struct grpc_call *call;
	struct arena *a;
	struct series_request req;
	struct matcher **matchers;
	struct tenants tenants;
	uint64_t epoch;                  /* counts flushes: see receive/cursor.h */
	uint64_t n_series, n_chunks;     /* sent */
	uint64_t max_series, max_chunks; /* 0: no limit */
	struct series_cursor **cursors;
	size_t n_cursors;
	struct frame_writer frame;
	struct arena joined; /* chunks made of overlapping ones, until their frame is sent */
	struct grpc_part *parts;
	size_t parts_cap;
};

/* Opens the cursors of a tenant: over its head and over each of its blocks. Suspends. */
static int open_tenant(struct series_call *c, const struct tenant_view *v, struct err *err)
{
	const struct cursor_query q = { .mint = c->req.mint,
					.maxt = c->req.maxt,
					.matchers = v->matchers,
					.n_matchers = v->n_matchers,
					.external = receive_db_external(v->view.db),
					.without = c->req.without_replica_labels,
					.shard = c->req.has_shard ? &c->req.shard : NULL,
					.skip_chunks = c->req.skip_chunks };
	size_t first = c->n_cursors;
	for (size_t i = 0; i <= v->view.n_blocks; i++) {
		const struct block *b = i < v->view.n_blocks ? v->view.blocks[i]->block : NULL;
		if (!b && !v->view.in_head)
			break;
		int rc = co_receive_cursor_open(&c->cursors[c->n_cursors], &v->view, b, &q, &c->epoch, c->a->budget,
						err);
		if (rc != 0)
			return rc;
		c->n_cursors++;
	}
	receive_cursors_simplify(c->cursors + first, c->n_cursors - first);
	return 0;
}

/* Opens the cursors of all tenants that can have what is asked for. Suspends. */
static int open_cursors(struct series_call *c, struct err *err)
{
	size_t n = 0;
	int rc = open_views(&c->tenants, c->matchers, c->req.n_matchers, c->req.mint, c->req.maxt, c->a, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < c->tenants.n; i++)
		n += 1 + c->tenants.views[i].view.n_blocks;
	c->cursors = arena_array(c->a, n, sizeof(*c->cursors));
	if (!c->cursors)
		return arena_err(c->a, err);
	for (size_t i = 0; i < c->tenants.n && rc == 0; i++)
		if (c->tenants.views[i].view.db)
			rc = open_tenant(c, &c->tenants.views[i], err);
	return rc;
}

/* Sends the frame under construction; its bytes are copied. Suspends. */
static int send_frame(struct series_call *c, bool batch, struct err *err)
{
	const struct iovec *iov;
	size_t n;
	if (c->frame.n_series == 0)
		return 0;
	frame_finish(&c->frame, batch, &iov, &n);
	if (n > c->parts_cap) {
		c->parts = arena_alloc(c->a, n * 2 * sizeof(*c->parts));
		c->parts_cap = n * 2;
		if (!c->parts)
			return arena_err(c->a, err);
	}
	for (size_t i = 0; i < n; i++)
		c->parts[i] = grpc_part_copy(str_mem(iov[i].iov_base, iov[i].iov_len));
	int rc = co_grpc_send(c->call, c->parts, n, err);
	frame_writer_reset(&c->frame);
	arena_fini(&c->joined);
	c->epoch++;
	return rc;
}

/* --store.limits.request-series and -samples: counted as they are sent. */
static int check_limits(struct series_call *c, const struct series *s, struct err *err)
{
	c->n_series++;
	c->n_chunks += s->n_chunks;
	if (c->max_series && c->n_series > c->max_series)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "limit %llu violated (got %llu): series",
			       (unsigned long long)c->max_series, (unsigned long long)c->n_series);
	if (c->max_chunks && c->n_chunks > c->max_chunks)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "limit %llu violated (got %llu): chunks",
			       (unsigned long long)c->max_chunks, (unsigned long long)c->n_chunks);
	return 0;
}

/* Sends all series, in batches of the size that was asked for. Suspends. */
static int send_series(struct series_call *c, struct series_merge *m, struct err *err)
{
	size_t batch = c->req.batch_size > 1 ? (size_t)c->req.batch_size : 1;
	int64_t sent = 0;
	struct series s;
	int rc;
	while ((rc = co_series_merge_next(m, &s, err)) == 1) {
		/* Out-of-order chunks and blocks overlap; a querier would take them for replicas. */
		rc = series_join_sources(&s, &c->joined, err);
		if (rc == 0)
			rc = check_limits(c, &s, err);
		if (rc == 0)
			rc = frame_add_series(&c->frame, &s, err);
		sent++;
		bool last = c->req.limit > 0 && sent >= c->req.limit;
		if (rc == 0 && (c->frame.n_series >= batch || c->frame.bytes >= FLUSH_BYTES || last))
			rc = send_frame(c, batch > 1, err);
		if (rc != 0 || last)
			return rc;
	}
	return rc != 0 ? rc : send_frame(c, batch > 1, err);
}

static int read_series_request(struct series_call *c, struct err *err)
{
	int rc = series_request_read(grpc_call_request(c->call), c->a, &c->req, err);
	if (rc == 0)
		rc = wire_matchers_compile(c->req.matchers, c->req.n_matchers, c->a, &c->matchers, err);
	c->max_series = (uint64_t)MAX(c->r->cfg->store_series_limit, 0);
	c->max_chunks = (uint64_t)MAX(c->r->cfg->store_samples_limit, 0) / SAMPLES_PER_CHUNK;
	if (c->r->cfg->store_samples_limit > 0 && c->max_chunks == 0)
		c->max_chunks = 1;
	return rc;
}

static int co_series(struct grpc_call *call, void *arg, struct err *err)
{
	struct series_call c = { .r = arg, .call = call, .a = grpc_call_arena(call) };
	struct receive_metrics *metrics = &c.r->metrics;
	gauge_add(metrics->series_pending, 1);
	arena_init(&c.joined, c.a->budget);
	int rc = read_series_request(&c, err);
	if (rc == 0)
		rc = take_tenants(c.r, c.a, &c.tenants, err);
	if (rc == 0)
		rc = open_cursors(&c, err);
	struct series_merge *m = series_merge_new(c.cursors, c.n_cursors, c.a->budget, NULL, NULL);
	if (rc == 0)
		rc = send_series(&c, m, err);
	series_merge_free(m);
	frame_writer_fini(&c.frame);
	arena_fini(&c.joined);
	for (size_t i = 0; i < c.n_cursors; i++)
		receive_cursor_free(c.cursors[i]);
	give_tenants(&c.tenants);
	gauge_add(metrics->series_pending, -1);
	histogram_observe(metrics->series_requested, (double)c.n_series);
	histogram_observe(metrics->chunks_requested, (double)c.n_chunks);
	return rc;
}

/* --- LabelNames and LabelValues ------------------------------------------------------------- */

struct label_call {
	struct receive *r;
	struct grpc_call *call;
	struct arena *a;
	struct label_request req;
	struct matcher **matchers;
	struct tenants tenants;
	struct name_set out;
};

static bool is_replica_label(const struct label_call *c, struct str name)
{
	for (size_t i = 0; i < c->req.without_replica_labels.n; i++)
		if (str_eq(c->req.without_replica_labels.p[i], name))
			return true;
	return false;
}

/* Names, or values of req.label, of one tenant. Suspends. */
static int add_tenant(struct label_call *c, const struct tenant_view *v, bool names, struct err *err)
{
	struct labels external = receive_db_external(v->view.db);
	struct str own = labels_get(external, c->req.label);
	struct name_set found;
	name_set_init(&found, c->a);
	/* The value of an external label is there if any series matches. */
	int rc = co_receive_names(&v->view, names || own.n ? STR("") : c->req.label, v->matchers, v->n_matchers, &found,
				  err);
	if (rc == 0)
		rc = co_name_set_finish(&found, 0, err);
	if (rc != 0 || found.n == 0)
		return rc;
	if (!names)
		return own.n ? co_name_set_add(&c->out, own, err) : co_name_set_merge(&c->out, found.p, found.n, err);
	for (size_t i = 0; i < found.n && rc == 0; i++)
		if (!is_replica_label(c, found.p[i]))
			rc = co_name_set_add(&c->out, found.p[i], err);
	for (size_t i = 0; rc == 0 && i < external.n; i++)
		if (!is_replica_label(c, external.p[i].name))
			rc = co_name_set_add(&c->out, external.p[i].name, err);
	return rc;
}

/* Sends the list; writing a long one lets others run. Suspends. */
static int co_send_names(struct label_call *c, struct err *err)
{
	struct strbuf b = { 0 };
	int rc = co_name_set_finish(&c->out, c->req.limit, err);
	for (size_t at = 0, n; at < c->out.n && rc == 0; at += n) {
		n = MIN(c->out.n - at, (size_t)NAMES_STEP);
		label_response_write(&(struct label_response){ .values = { c->out.p + at, n } }, &b);
		rc = co_checkpoint(err);
	}
	if (rc == 0)
		rc = co_grpc_send_str(c->call, strbuf_str(&b), err);
	strbuf_fini(&b);
	return rc;
}

static int co_labels(struct grpc_call *call, struct receive *r, bool names, struct err *err)
{
	struct label_call c = { .r = r, .call = call, .a = grpc_call_arena(call) };
	name_set_init(&c.out, c.a);
	struct str msg = grpc_call_request(call);
	int rc = names ? label_names_request_read(msg, c.a, &c.req, err)
		       : label_values_request_read(msg, c.a, &c.req, err);
	if (rc == 0 && !names && c.req.label.n == 0)
		rc = err_set(err, ERR_INVALID_ARGUMENT, "label name parameter cannot be empty");
	if (rc == 0)
		rc = wire_matchers_compile(c.req.matchers, c.req.n_matchers, c.a, &c.matchers, err);
	if (rc == 0)
		rc = take_tenants(r, c.a, &c.tenants, err);
	if (rc == 0)
		rc = open_views(&c.tenants, c.matchers, c.req.n_matchers, c.req.start, c.req.end, c.a, err);
	bool none = !names && is_replica_label(&c, c.req.label);
	for (size_t i = 0; i < c.tenants.n && rc == 0 && !none; i++)
		if (c.tenants.views[i].view.db)
			rc = add_tenant(&c, &c.tenants.views[i], names, err);
	give_tenants(&c.tenants);
	return rc == 0 ? co_send_names(&c, err) : rc;
}

static int co_label_names(struct grpc_call *call, void *arg, struct err *err)
{
	return co_labels(call, arg, true, err);
}

static int co_label_values(struct grpc_call *call, void *arg, struct err *err)
{
	return co_labels(call, arg, false, err);
}

/* --- WriteableStore ------------------------------------------------------------------------- */

/* gRPC code of an answer; upstream's receivers and ours read it. */
static int code_of_answer(enum append_answer a)
{
	static const enum err_code codes[] = { [APPEND_CONFLICT] = ERR_ALREADY_EXISTS,
					       [APPEND_BAD] = ERR_INVALID_ARGUMENT,
					       [APPEND_LIMITED] = ERR_RESOURCE_EXHAUSTED,
					       [APPEND_UNAVAILABLE] = ERR_UNAVAILABLE };
	return codes[a];
}

static int co_remote_write(struct grpc_call *call, void *arg, struct err *err)
{
	struct receive *r = arg;
	struct write_reader head;
	struct write_result res = { 0 };
	struct write_request wr = { .kind = WRITE_THANOS,
				    .body = grpc_call_request(call),
				    .budget = grpc_call_arena(call)->budget };
	if (!r->ready)
		return err_set(err, ERR_UNAVAILABLE, "storage is not open yet");
	int rc = write_reader_open(&head, WRITE_THANOS, wr.body, wr.budget, err);
	wr.tenant = head.tenant.n ? head.tenant : str_c(r->cfg->default_tenant);
	write_reader_close(&head);
	if (rc == 0)
		rc = co_receive_write(&r->writer, &wr, &res, err);
	receive_metrics_stored(&r->metrics, rc, res.answer);
	if (res.limit)
		receive_metrics_limit_hit(&r->metrics, wr.tenant, res.limit, res.over);
	if (rc == -ERR_OUT_OF_RANGE)
		rc = err_set(err, ERR_RESOURCE_EXHAUSTED, "%s", err->msg);
	if (rc == 0 && res.answer != APPEND_DONE)
		rc = err_set(err, (enum err_code)code_of_answer(res.answer), "%s", res.text.p);
	if (rc == 0)
		rc = co_grpc_send_str(call, STR(""), err);
	write_result_fini(&res);
	return rc;
}

static const struct grpc_method methods[] = {
	{ "/thanos.Store/Series", GRPC_SERVER_STREAM, co_series },
	{ "/thanos.Store/LabelNames", GRPC_UNARY, co_label_names },
	{ "/thanos.Store/LabelValues", GRPC_UNARY, co_label_values },
	{ "/thanos.WriteableStore/RemoteWrite", GRPC_UNARY, co_remote_write },
	{ "/thanos.Exemplars/Exemplars", GRPC_SERVER_STREAM, co_receive_exemplars },
	{ "/thanos.Status/TSDBStatistics", GRPC_SERVER_STREAM, co_receive_status },
	{ "/thanos.info.Info/Info", GRPC_UNARY, co_receive_info },
};

void receive_store_add(struct receive *r, struct grpc_server *s)
{
	grpc_server_add(s, methods, ARRAY_LEN(methods), r);
}
