#include "query/grpc.h"

#include "base/compiler.h"
#include "grpc/pb.h"
#include "grpc/server.h"
#include "proto/info.pb-c.h"
#include "query/grpc_internal.h"
#include "query/query.h"

/* A label set as a message in `a`. */
static Thanos__ZLabelSet *pack_set(struct labels l, struct arena *a)
{
	Thanos__ZLabelSet *set = arena_zalloc(a, sizeof(*set));
	Thanos__Label *p = arena_array(a, l.n + 1, sizeof(*p)),
		      **list = arena_array(a, l.n + 1, sizeof(Thanos__Label *));
	if (!set || !p || !list)
		return NULL;
	*set = (Thanos__ZLabelSet)THANOS__ZLABEL_SET__INIT;
	for (size_t i = 0; i < l.n; i++) {
		p[i] = (Thanos__Label)THANOS__LABEL__INIT;
		p[i].name = arena_memdup(a, l.p[i].name.p, l.p[i].name.n);
		p[i].value = arena_memdup(a, l.p[i].value.p, l.p[i].value.n);
		list[i] = &p[i];
		if (!p[i].name || !p[i].value)
			return NULL;
	}
	set->labels = list;
	set->n_labels = l.n;
	return set;
}

static int put_label_sets(struct query *q, struct arena *a, Thanos__Info__InfoResponse *r, struct err *err)
{
	struct labels *sets;
	size_t n;
	int rc = fanout_label_sets(query_fanout(q), a, &sets, &n, err);
	if (rc != 0)
		return rc;
	r->label_sets = arena_array(a, n + 1, sizeof(Thanos__ZLabelSet *));
	for (size_t i = 0; r->label_sets && i < n; i++)
		if (!(r->label_sets[r->n_label_sets++] = pack_set(sets[i], a)))
			return arena_err(a, err);
	return r->label_sets ? 0 : arena_err(a, err);
}

/* Adds the TSDBs of one store to the list, which has room. */
static int put_tsdbs_of(const struct endpoint_info *e, struct arena *a, Thanos__Info__StoreInfo *st, struct err *err)
{
	for (size_t i = 0; i < e->n_tsdbs; i++) {
		Thanos__Info__TSDBInfo *t = arena_zalloc(a, sizeof(*t));
		if (!t)
			return arena_err(a, err);
		*t = (Thanos__Info__TSDBInfo)THANOS__INFO__TSDBINFO__INIT;
		t->min_time = e->tsdbs[i].mint;
		t->max_time = e->tsdbs[i].maxt;
		t->labels = pack_set(e->tsdbs[i].labels, a);
		if (!t->labels)
			return arena_err(a, err);
		st->tsdb_infos[st->n_tsdb_infos++] = t;
	}
	return 0;
}

static int put_tsdbs(struct query *q, struct arena *a, Thanos__Info__StoreInfo *st, struct err *err)
{
	size_t n, total = 0;
	struct endpoint_info **all = endpoints_get(query_endpoints(q), ENDPOINT_STORE, &n);
	for (size_t i = 0; i < n; i++)
		total += all[i]->n_tsdbs;
	st->tsdb_infos = arena_array(a, total + 1, sizeof(Thanos__Info__TSDBInfo *));
	int rc = st->tsdb_infos ? 0 : arena_err(a, err);
	for (size_t i = 0; rc == 0 && i < n; i++)
		rc = put_tsdbs_of(all[i], a, st, err);
	endpoints_release(all, n);
	return rc;
}

/* thanos.info.Info/Info */
static int co_info(struct grpc_call *c, void *arg, struct err *err)
{
	struct query *q = arg;
	struct arena *a = grpc_call_arena(c);
	Thanos__Info__InfoResponse r = THANOS__INFO__INFO_RESPONSE__INIT;
	Thanos__Info__StoreInfo store = THANOS__INFO__STORE_INFO__INIT;
	Thanos__Info__RulesInfo rules = THANOS__INFO__RULES_INFO__INIT;
	Thanos__Info__TargetsInfo targets = THANOS__INFO__TARGETS_INFO__INIT;
	Thanos__Info__MetricMetadataInfo metadata = THANOS__INFO__METRIC_METADATA_INFO__INIT;
	Thanos__Info__ExemplarsInfo exemplars = THANOS__INFO__EXEMPLARS_INFO__INIT;
	Thanos__Info__QueryAPIInfo query_api = THANOS__INFO__QUERY_APIINFO__INIT;
	Thanos__Info__StatusInfo status = THANOS__INFO__STATUS_INFO__INIT;
	if (!endpoints_ready(query_endpoints(q)))
		return err_set(err, ERR_UNKNOWN, "Not ready");
	r.componenttype = (char *)"query";
	r.store = &store;
	r.rules = &rules;
	r.targets = &targets;
	r.metric_metadata = &metadata;
	r.exemplars = &exemplars;
	r.query = &query_api;
	r.status = &status;
	store.supports_sharding = true;
	store.supports_without_replica_labels = true;
	fanout_time_range(query_fanout(q), &store.min_time, &store.max_time);
	int rc = put_label_sets(q, a, &r, err);
	if (rc == 0)
		rc = put_tsdbs(q, a, &store, err);
	return rc == 0 ? co_grpc_send_pb(c, &r, err) : rc;
}

static const struct grpc_method info_methods[] = {
	{ "/thanos.info.Info/Info", GRPC_UNARY, co_info },
};

void query_grpc_add(struct query *q, struct grpc_server *s)
{
	grpc_server_add(s, query_store_methods, ARRAY_LEN(query_store_methods), q);
	grpc_server_add(s, info_methods, ARRAY_LEN(info_methods), q);
	grpc_server_add(s, query_query_methods, ARRAY_LEN(query_query_methods), q);
	grpc_server_add(s, query_proxy_methods, ARRAY_LEN(query_proxy_methods), q);
}
