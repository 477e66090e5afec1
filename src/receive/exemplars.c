/* /thanos.Exemplars/Exemplars: the exemplars in the heads of all tenants. */
#include "receive/internal.h"

#include "grpc/pb.h"
#include "grpc/server.h"
#include "promql/lang/parser.h"
#include "proto/exemplars.pb-c.h"
#include "receive/cursor.h"
#include "receive/view.h"
#include "series/regex.h"

#include <string.h>

/* Most selectors of one query. */
#define SELECTORS_MAX 64

struct exemplar_call {
	struct grpc_call *call;
	struct receive *r;
	struct arena *a; /* of the call */
	const Thanos__ExemplarsRequest *req;
	const struct promql_selector *selectors[SELECTORS_MAX];
	size_t n_selectors;
};

/* Collects the selectors of an expression; down the left side of chains of operators in a loop, for these are long. */
static int collect(struct exemplar_call *c, struct promql_expr *e, struct err *err)
{
	struct promql_expr **child;
	int rc = 0;
	for (; e->kind == PROMQL_BINARY; e = e->binary.lhs) {
		rc = collect(c, e->binary.rhs, err);
		if (rc)
			return rc;
	}
	if (e->kind == PROMQL_SELECTOR) {
		if (c->n_selectors == SELECTORS_MAX)
			return err_set(err, ERR_INVALID_ARGUMENT, "query: more than %d selectors", SELECTORS_MAX);
		c->selectors[c->n_selectors++] = &e->selector;
		return 0;
	}
	for (size_t i = 0; rc == 0 && (child = promql_expr_child(e, i)); i++)
		rc = collect(c, *child, err);
	return rc;
}

/* One exemplar as a message in `a`; NULL over budget. */
static Thanos__Exemplar *message_of(const struct head_exemplar *e, struct arena *a)
{
	Thanos__Exemplar *m = arena_alloc(a, sizeof(*m));
	if (!m)
		return NULL;
	thanos__exemplar__init(m);
	m->labels = receive_label_set(e->labels, a);
	m->value = e->v;
	m->ts = e->t;
	return m->labels ? m : NULL;
}

/* Sends the exemplars of one series. Suspends. */
static int send_series(struct exemplar_call *c, const struct receive_view *v, const struct head_exemplar *e, size_t n,
		       struct arena *a, struct err *err)
{
	Thanos__ExemplarsResponse resp = THANOS__EXEMPLARS_RESPONSE__INIT;
	Thanos__ExemplarData data = THANOS__EXEMPLAR_DATA__INIT;
	struct head_view series;
	struct labels shown;
	int rc = head_reader_series(v->head, e->series_id, false, a, &series, err);
	if (rc <= 0)
		return rc;
	rc = receive_shown_labels(series.labels, receive_db_external(v->db), (struct wire_strs){ NULL, 0 }, a, &shown,
				  err);
	if (rc != 0)
		return rc;
	data.serieslabels = receive_label_set(shown, a);
	data.exemplars = arena_array(a, n, sizeof(*data.exemplars));
	if (!data.serieslabels || !data.exemplars)
		return arena_err(a, err);
	for (; data.n_exemplars < n; data.n_exemplars++)
		if (!(data.exemplars[data.n_exemplars] = message_of(&e[data.n_exemplars], a)))
			return arena_err(a, err);
	resp.result_case = THANOS__EXEMPLARS_RESPONSE__RESULT_DATA;
	resp.data = &data;
	return co_grpc_send_pb(c->call, &resp, err);
}

/* Sends what one selector finds in one view. Suspends. */
static int send_found(struct exemplar_call *c, const struct receive_view *v, struct matcher *const *m, size_t n_m,
		      struct err *err)
{
	struct head_exemplar *e;
	struct arena a;
	size_t n = 0;
	arena_init(&a, c->a->budget);
	int rc = head_reader_exemplars(v->head, m, n_m, &a, &e, &n, err);
	for (size_t i = 0, next; i < n && rc == 0; i = next) {
		for (next = i; next < n && e[next].series_id == e[i].series_id;)
			next++;
		rc = send_series(c, v, e + i, next - i, &a, err);
	}
	arena_fini(&a);
	return rc;
}

/* Sends what one selector finds in one tenant. Suspends. */
static int send_tenant(struct exemplar_call *c, struct receive_db *db, const struct promql_selector *s, struct err *err)
{
	struct receive_view v;
	struct matcher **all = arena_array(c->a, s->n_matchers, sizeof(*all)), **own;
	size_t n_own;
	bool match;
	if (!all)
		return arena_err(c->a, err);
	for (size_t i = 0; i < s->n_matchers; i++)
		all[i] = (struct matcher *)s->matchers[i].compiled;
	int rc = receive_match_external(receive_db_external(db), all, s->n_matchers, c->a, &own, &n_own, &match, err);
	if (rc != 0 || !match)
		return rc;
	rc = receive_view_open(&v, db, c->req->start, c->req->end, c->a, err);
	if (rc != 0)
		return rc;
	rc = send_found(c, &v, own, n_own, err);
	receive_view_close(&v);
	return rc;
}

/* Sends what is found in all tenants. Suspends. */
static int send_all(struct exemplar_call *c, struct err *err)
{
	struct receive_db **dbs;
	size_t n = 0;
	int rc = receive_dbs_all(c->r->dbs, c->a, &dbs, &n, err);
	for (size_t i = 0; i < n; i++) {
		for (size_t k = 0; k < c->n_selectors && rc == 0; k++)
			rc = send_tenant(c, dbs[i], c->selectors[k], err);
		receive_dbs_put(c->r->dbs, dbs[i]);
	}
	return rc;
}

int co_receive_exemplars(struct grpc_call *call, void *arg, struct err *err)
{
	struct exemplar_call c = { .call = call, .r = arg, .a = grpc_call_arena(call) };
	struct promql_expr *expr;
	void *req;
	int rc = grpc_call_unpack(call, &thanos__exemplars_request__descriptor, &req, err);
	if (rc != 0)
		return rc;
	c.req = req;
	if (!c.r->ready)
		return err_set(err, ERR_UNAVAILABLE, "storage is not open yet");
	struct promql_parse_opts opts = PROMQL_PARSE_ALL;
	opts.compile = co_regex_compile;
	rc = promql_parse(str_c(c.req->query), &opts, c.a, &expr, NULL, err);
	if (rc == 0)
		rc = collect(&c, expr, err);
	return rc != 0 ? rc : send_all(&c, err);
}
