/* A querier above the rig's. */
#ifndef TESTS_UNIT_QUERY_TOWER_H
#define TESTS_UNIT_QUERY_TOWER_H

#include "unit/query/rig.h"

#include "query/grpc.h"

/* The upper querier: its fake store is the lower one's server. */
struct tower {
	struct rig *lower;
	struct grpc_server *srv;
	struct query *q;
	char addr[ADDR_TEXT_MAX];
};

/* Puts a querier above the rig's. */
static inline void tower_up(struct tower *t, struct rig *rig)
{
	struct addr at;
	const char *addrs[] = { t->addr };
	struct query_config cfg = query_config_default();
	t->lower = rig;
	t->srv = grpc_server_new(rig->r, NULL);
	query_grpc_add(rig->q, t->srv);
	assert_int_equal(addr_parse(STR("127.0.0.1:0"), -1, &at, NULL), 0);
	assert_int_equal(grpc_server_listen(t->srv, &at, NULL), 0);
	sockaddr_text(listener_addr(grpc_server_listener(t->srv, 0)), t->addr);
	cfg.endpoints = rig->cfg.endpoints;
	cfg.replica_labels = rig->cfg.replica_labels;
	cfg.default_tenant = rig->cfg.default_tenant;
	cfg.discovery.endpoints = (struct discovery_names){ addrs, 1 };
	t->q = query_new(rig->r, &cfg, rig->dns, NULL, NULL, &rig->err);
	assert_non_null(t->q);
	assert_int_equal(co_endpoints_update(query_endpoints(t->q), &rig->err), 0);
}

/* Takes it away. */
static inline void co_tower_down(struct tower *t)
{
	query_free(t->q);
	grpc_server_stop(t->srv);
	while (grpc_server_stats(t->srv).calls || grpc_server_stats(t->srv).connections)
		co_sleep_ms(5, NULL);
	grpc_server_free(t->srv);
}

#endif
