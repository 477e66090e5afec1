/*
 * receive/receive.h - the receive component: remote write in, Store API out.
 *
 * Plain values come in through struct receive_config, which cmd/ fills from
 * the options; everything else is behind the functions here.
 */
#ifndef RECEIVE_RECEIVE_H
#define RECEIVE_RECEIVE_H

#include "base/arena.h"
#include "base/err.h"
#include "base/log.h"
#include "labels/labels.h"
#include "net/tls.h"
#include "receive/db.h"

#include <stdbool.h>
#include <stdint.h>

struct grpc_server;
struct http_metrics;
struct metrics_registry;
struct net_metrics;
struct probe;
struct reactor;
struct receive;
struct receive_dbs;

/* Limits of one request; 0 is no limit (config file: receive limits). */
struct receive_request_limits {
	int64_t size_bytes; /* of the compressed body */
	int64_t series;
	int64_t samples;
};

/* Everything a receive component is made of. Borrowed; outlives it. */
struct receive_config {
	struct reactor *reactor;
	struct logger *log;
	struct metrics_registry *metrics;
	struct http_metrics *http_metrics;
	struct net_metrics *net_metrics; /* NULL: none */
	struct probe *probe;
	struct budget *memory; /* parent of the requests' budgets */

	const char *tsdb_path;
	bool no_lockfile;
	struct head_config head; /* dir and symtab unset */
	struct wal_sync_policy sync;
	int64_t retention_ms;
	uint64_t retention_bytes;

	struct labels external;        /* --label, sorted; at least one */
	const char *tenant_label;      /* tenant_id */
	const char *tenant_header;     /* THANOS-TENANT */
	const char *tenant_cert_field; /* organization, organizationalUnit, commonName; NULL: not from certificates */
	const char *default_tenant;
	const char *split_label;    /* NULL: off */
	const char *replica_header; /* THANOS-REPLICA */
	const char *relabel_yaml;   /* contents; NULL: none */
	const char *limits_yaml;    /* contents; NULL: none */
	const char *limits_file;    /* read again when it changes; NULL: none */
	int64_t limits_check_ms;    /* between two looks at it */

	const char *write_address; /* --remote-write.address */
	struct tls_config write_tls;
	int64_t http_grace_ms;

	int64_t store_series_limit, store_samples_limit; /* --store.limits.*; 0: none */
};

/* Makes a component; nothing is opened. INVALID_ARGUMENT for what cannot be in the config, naming the flag. */
int receive_new(struct receive **ret, const struct receive_config *cfg, struct err *err);

/* Frees a stopped component. NULL is fine. */
void receive_free(struct receive *r);

/* Adds the Store, WriteableStore and Info services; before the server listens. */
void receive_add_services(struct receive *r, struct grpc_server *s);

/* Opens the tenants found on disk, then the remote write port; marks the probe ready. Suspends. */
int co_receive_start(struct receive *r, struct err *err);

/* Stops taking writes, lets those under way finish within the grace period, commits and closes all tenants. Suspends. */
void co_receive_stop(struct receive *r);

#endif
