/*
 * api/rig.h - the real handlers of the query API on loopback, over series in
 * memory that a promqltest script loads.
 */
#ifndef TESTS_API_RIG_H
#define TESTS_API_RIG_H

#include "api/prom.h"
#include "api/status.h"
#include "base/arena.h"
#include "http/client.h"
#include "http/router.h"
#include "http/server.h"
#include "promqltest/store.h"

/* Everything under test. */
struct rig {
	struct reactor *r;
	struct http_router *router;
	struct http_server *server;
	struct http_client *client;
	struct store *store;
	struct arena script;
	struct budget all;
	struct api_backend backend;
	struct api_prom prom;
	struct api_status status;
	/* What the backend does; set between requests. */
	struct promql_opts engine;
	uint64_t memory_limit;
	bool sort;                 /* series come sorted; else only those without samples do */
	int64_t select_delay_ms;   /* of every select */
	int select_code;           /* an error of every select; 0: none */
	int fail_after;            /* series that a set gives before it fails; 0: it does not */
	const char *store_warning; /* of every source */
	struct api_select seen;    /* what the last source or look-up was asked with */
	int64_t seen_start, seen_end;
	uint64_t seen_limit;
	int gate_in, gate_out, cancelled;
};

/* An answer; resp is freed with http_client_resp_fini. */
struct answer {
	struct http_client_resp resp;
	int status;
	const char *body; /* of resp */
};

/* Makes it and loads the script. */
void rig_init(struct rig *g, const struct api_prom_config *cfg, struct str script);

/* Ends it; in a fiber before rig_fini: stops the server. */
void co_rig_stop(struct rig *g);

/* Frees it. */
void rig_fini(struct rig *g);

/* Runs fn(g) in a fiber until all is quiet, with the server stopped after it. */
void rig_run(struct rig *g, void (*fn)(struct rig *g));

/* Sends a request; `form` goes into the query, or with POST into the body. */
void co_rig_ask(struct rig *g, const char *method, const char *path, const char *form, struct answer *ret);

/* The URL's origin: "http://127.0.0.1:4711". In `buf`. */
const char *rig_origin(const struct rig *g, char buf[160]);

#endif
