#include "receive/store.h"

#include "base/strbuf.h"
#include "grpc/server.h"
#include "receive/cursor.h"
#include "receive/internal.h"
#include "series/merge.h"
#include "series/wire_series.h"

#include <stdlib.h>
#include <string.h>

#define SAMPLES_PER_CHUNK 120 /* how --store.limits.request-samples counts, as upstream */
#define FLUSH_BYTES (256u << 10)

/* The tenants that a request looks at, each with a reference. */
struct tenants {
	struct receive_dbs *dbs;
	struct receive_db **p;
	size_t n;
};

static int take_tenants(struct receive *r, struct arena *a, struct tenants *ret, struct err *err)
{
	*ret = (struct tenants){ .dbs = r->dbs };
	if (!r->ready)
		return err_set(err, ERR_UNAVAILABLE, "storage is not open yet");
	return receive_dbs_all(r->dbs, a, &ret->p, &ret->n, err);
}

static void give_tenants(struct tenants *t)
{
	for (size_t i = 0; i < t->n; i++)
		receive_dbs_put(t->dbs, t->p[i]);
}

/* --- Series -------------------------------------------------------------------------------- */

struct series_call {
	struct receive *r;
	struct grpc_call *call;
	struct arena *a;
	struct series_request req;
	struct matcher **matchers;
	struct tenants tenants;
	struct cursor_count count;
	struct series_cursor **cursors;
	size_t n_cursors;
	struct frame_writer frame;
	struct grpc_part *parts;
	size_t parts_cap;
};

/* Opens a cursor over every tenant that can have what is asked for. Suspends. */
static int open_cursors(struct series_call *c, struct err *err)
{
	c->cursors = arena_array(c->a, c->tenants.n, sizeof(*c->cursors));
	if (!c->cursors)
		return arena_err(c->a, err);
	for (size_t i = 0; i < c->tenants.n; i++) {
		struct cursor_query q = { .mint = c->req.mint,
					  .maxt = c->req.maxt,
					  .external = receive_db_external(c->tenants.p[i]),
					  .without = c->req.without_replica_labels,
					  .shard = c->req.has_shard ? &c->req.shard : NULL,
					  .skip_chunks = c->req.skip_chunks };
		struct matcher **rest;
		bool match;
		int rc = receive_match_external(q.external, c->matchers, c->req.n_matchers, c->a, &rest, &q.n_matchers,
						&match, err);
		q.matchers = rest;
		if (rc == 0 && match)
			rc = co_receive_cursor_open(&c->cursors[c->n_cursors], c->tenants.p[i], &q, &c->count,
						    c->a->budget, err);
		if (rc != 0)
			return rc;
		c->n_cursors += match;
	}
	return 0;
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
	c->count.epoch++;
	return rc;
}

/* Sends all series, in batches of the size that was asked for. Suspends. */
static int send_series(struct series_call *c, struct series_merge *m, struct err *err)
{
	size_t batch = c->req.batch_size > 1 ? (size_t)c->req.batch_size : 1;
	int64_t sent = 0;
	struct series s;
	int rc;
	while ((rc = co_series_merge_next(m, &s, err)) == 1) {
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
	c->count.max_series = (uint64_t)MAX(c->r->cfg->store_series_limit, 0);
	c->count.max_chunks = (uint64_t)MAX(c->r->cfg->store_samples_limit, 0) / SAMPLES_PER_CHUNK;
	if (c->r->cfg->store_samples_limit > 0 && c->count.max_chunks == 0)
		c->count.max_chunks = 1;
	return rc;
}

static int co_series(struct grpc_call *call, void *arg, struct err *err)
{
	struct series_call c = { .r = arg, .call = call, .a = grpc_call_arena(call) };
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
	for (size_t i = 0; i < c.n_cursors; i++)
		receive_cursor_free(c.cursors[i]);
	give_tenants(&c.tenants);
	return rc;
}

/* --- LabelNames and LabelValues ------------------------------------------------------------- */

/* Strings of several tenants on the way to one sorted list; they live in the call's arena. */
struct union_of {
	struct arena *a;
	struct str *p;
	size_t n, cap;
};

static int add_string(struct union_of *u, struct str s, struct err *err)
{
	if (u->n == u->cap) {
		size_t cap = u->cap ? u->cap * 2 : 64;
		struct str *p = arena_alloc(u->a, cap * sizeof(*p));
		if (!p)
			return arena_err(u->a, err);
		if (u->n)
			memcpy(p, u->p, u->n * sizeof(*p));
		u->p = p;
		u->cap = cap;
	}
	/* Copied: a tenant's strings may go while the answer is being sent. */
	char *copy = arena_memdup(u->a, s.p, s.n);
	if (!copy)
		return arena_err(u->a, err);
	u->p[u->n++] = str_mem(copy, s.n);
	return 0;
}

static int by_bytes(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static void sort_unique(struct union_of *u, int64_t limit)
{
	size_t kept = 0;
	if (u->n)
		qsort(u->p, u->n, sizeof(*u->p), by_bytes);
	for (size_t i = 0; i < u->n; i++)
		if (kept == 0 || !str_eq(u->p[kept - 1], u->p[i]))
			u->p[kept++] = u->p[i];
	u->n = limit > 0 && kept > (size_t)limit ? (size_t)limit : kept;
}

struct label_call {
	struct receive *r;
	struct grpc_call *call;
	struct arena *a;
	struct label_request req;
	struct matcher **matchers;
	struct tenants tenants;
	struct union_of out;
};

static bool is_replica_label(const struct label_call *c, struct str name)
{
	for (size_t i = 0; i < c->req.without_replica_labels.n; i++)
		if (str_eq(c->req.without_replica_labels.p[i], name))
			return true;
	return false;
}

/* Hook of the head: lets others run. Suspends. */
static int checkpoint(void *arg, struct err *err)
{
	return co_checkpoint(err);
}

/* Adds all strings but replica labels. */
static int add_all(struct label_call *c, const struct str *p, size_t n, bool names, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		if (!names || !is_replica_label(c, p[i]))
			rc = add_string(&c->out, p[i], err);
	return rc;
}

/* Names, or values of req.label, of one tenant. Suspends. */
static int add_tenant(struct label_call *c, struct receive_db *db, struct err *err)
{
	struct labels external = receive_db_external(db);
	bool names = c->req.label.n == 0;
	struct matcher **m;
	struct str *p;
	size_t n_m, n = 0;
	bool match;
	int rc = receive_match_external(external, c->matchers, c->req.n_matchers, c->a, &m, &n_m, &match, err);
	if (rc != 0 || !match)
		return rc;
	struct head_reader *rd = head_reader_open(receive_db_head(db), c->req.start, c->req.end);
	head_reader_set_checkpoint(rd, checkpoint, NULL);
	bool external_value = !names && labels_has(external, c->req.label);
	if (names || external_value)
		rc = head_reader_label_names(rd, m, n_m, c->a, &p, &n, err);
	else
		rc = head_reader_label_values(rd, c->req.label, m, n_m, c->a, &p, &n, err);
	if (rc == 0 && !external_value)
		rc = add_all(c, p, n, names, err);
	for (size_t i = 0; rc == 0 && n > 0 && names && i < external.n; i++)
		rc = add_all(c, &external.p[i].name, 1, true, err);
	struct str value = labels_get(external, c->req.label);
	if (rc == 0 && external_value && n > 0)
		rc = add_all(c, &value, 1, false, err);
	head_reader_close(rd);
	return rc;
}

static int co_labels(struct grpc_call *call, struct receive *r, bool names, struct err *err)
{
	struct label_call c = { .r = r, .call = call, .a = grpc_call_arena(call) };
	c.out.a = c.a;
	struct str msg = grpc_call_request(call);
	int rc = names ? label_names_request_read(msg, c.a, &c.req, err) : label_values_request_read(msg, c.a, &c.req, err);
	if (rc == 0 && !names && c.req.label.n == 0)
		rc = err_set(err, ERR_INVALID_ARGUMENT, "label name parameter cannot be empty");
	if (rc == 0)
		rc = wire_matchers_compile(c.req.matchers, c.req.n_matchers, c.a, &c.matchers, err);
	if (rc == 0)
		rc = take_tenants(r, c.a, &c.tenants, err);
	bool none = !names && is_replica_label(&c, c.req.label);
	for (size_t i = 0; i < c.tenants.n && rc == 0 && !none; i++)
		rc = add_tenant(&c, c.tenants.p[i], err);
	give_tenants(&c.tenants);
	if (rc != 0)
		return rc;
	sort_unique(&c.out, c.req.limit);
	struct strbuf b = { 0 };
	label_response_write(&(struct label_response){ .values = { c.out.p, c.out.n } }, &b);
	rc = co_grpc_send_str(call, strbuf_str(&b), err);
	strbuf_fini(&b);
	return rc;
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
	struct write_request wr = { .kind = WRITE_THANOS, .body = grpc_call_request(call),
				    .budget = grpc_call_arena(call)->budget };
	if (!r->ready)
		return err_set(err, ERR_UNAVAILABLE, "storage is not open yet");
	int rc = write_reader_open(&head, WRITE_THANOS, wr.body, wr.budget, err);
	wr.tenant = head.tenant.n ? head.tenant : str_c(r->cfg->default_tenant);
	write_reader_close(&head);
	if (rc == 0)
		rc = co_receive_write(&r->writer, &wr, &res, err);
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
	{ "/thanos.info.Info/Info", GRPC_UNARY, co_receive_info },
};

void receive_store_add(struct receive *r, struct grpc_server *s)
{
	grpc_server_add(s, methods, ARRAY_LEN(methods), r);
}
