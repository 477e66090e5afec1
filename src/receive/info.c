#include "receive/internal.h"

#include "grpc/pb.h"
#include "grpc/server.h"
#include "proto/info.pb-c.h"

Thanos__ZLabelSet *receive_label_set(struct labels l, struct arena *a)
{
	Thanos__ZLabelSet *set = arena_alloc(a, sizeof(*set));
	Thanos__Label **p = arena_array(a, l.n, sizeof(*p));
	if (!set || !p)
		return NULL;
	thanos__zlabel_set__init(set);
	set->n_labels = l.n;
	set->labels = p;
	for (size_t i = 0; i < l.n; i++) {
		if (!(p[i] = arena_alloc(a, sizeof(**p))))
			return NULL;
		thanos__label__init(p[i]);
		p[i]->name = arena_memdup(a, l.p[i].name.p, l.p[i].name.n);
		p[i]->value = arena_memdup(a, l.p[i].value.p, l.p[i].value.n);
		if (!p[i]->name || !p[i]->value)
			return NULL;
	}
	return set;
}

/* What is announced of one tenant: a head without samples has no times. */
static Thanos__Info__TSDBInfo *tsdb_info(struct receive_db *db, struct arena *a)
{
	Thanos__Info__TSDBInfo *info = arena_alloc(a, sizeof(*info));
	if (!info)
		return NULL;
	thanos__info__tsdbinfo__init(info);
	info->labels = receive_label_set(receive_db_external(db), a);
	info->min_time = receive_db_min_time(db);
	info->max_time = INT64_MAX; /* open: more is written all the time */
	return info->labels ? info : NULL;
}

/* Fills the store part with all tenants. */
static int describe(struct receive *r, Thanos__Info__InfoResponse *resp, Thanos__Info__StoreInfo *store,
		    struct arena *a, struct err *err)
{
	struct receive_db **dbs;
	size_t n = 0;
	int rc = receive_dbs_all(r->dbs, a, &dbs, &n, err);
	if (rc != 0)
		return rc;
	store->tsdb_infos = arena_array(a, n, sizeof(*store->tsdb_infos));
	resp->label_sets = arena_array(a, n, sizeof(*resp->label_sets));
	if (!store->tsdb_infos || !resp->label_sets)
		rc = arena_err(a, err);
	store->min_time = n ? INT64_MAX : INT64_MIN;
	store->max_time = INT64_MAX;
	for (size_t i = 0; i < n; i++) {
		Thanos__Info__TSDBInfo *info = rc == 0 ? tsdb_info(dbs[i], a) : NULL;
		if (rc == 0 && !info)
			rc = arena_err(a, err);
		if (rc == 0) {
			store->tsdb_infos[store->n_tsdb_infos++] = info;
			resp->label_sets[resp->n_label_sets++] = info->labels;
			store->min_time = MIN(store->min_time, info->min_time);
		}
		receive_dbs_put(r->dbs, dbs[i]);
	}
	return rc;
}

int co_receive_info(struct grpc_call *call, void *arg, struct err *err)
{
	struct receive *r = arg;
	struct arena *a = grpc_call_arena(call);
	Thanos__Info__InfoResponse resp = THANOS__INFO__INFO_RESPONSE__INIT;
	Thanos__Info__StoreInfo store = THANOS__INFO__STORE_INFO__INIT;
	Thanos__Info__ExemplarsInfo exemplars = THANOS__INFO__EXEMPLARS_INFO__INIT;
	Thanos__Info__StatusInfo status = THANOS__INFO__STATUS_INFO__INIT;
	if (!r->ready)
		return err_set(err, ERR_UNAVAILABLE, "Receive is not ready");
	int rc = describe(r, &resp, &store, a, err);
	if (rc != 0)
		return rc;
	store.supports_sharding = true;
	store.supports_without_replica_labels = true;
	resp.componenttype = (char[]){ "receive" };
	resp.store = &store;
	exemplars.min_time = INT64_MIN;
	exemplars.max_time = INT64_MAX;
	resp.exemplars = &exemplars;
	resp.status = &status;
	return co_grpc_send_pb(call, &resp, err);
}
