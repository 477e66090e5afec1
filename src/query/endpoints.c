#include "query/endpoints.h"

#include "base/log.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/vec.h"
#include "discovery/discovery.h"
#include "grpc/client.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "metrics/metrics.h"
#include "net/addr.h"
#include "net/dns.h"
#include "net/tls.h"
#include "query/endpoint_info.h"

#include <stdlib.h>
#include <string.h>

/* Longest text of external labels in the metric. */
#define METRIC_LABELS_MAX 1000

/* Readiness waits no longer than this for the endpoints that have not answered when one has. */
#define STRAGGLERS_MS 1000

/* How often the addresses behind a host name are looked at again while its connection is fine. */
#define LOOKUP_INTERVAL_MS 30000

/* An endpoint that discovery names. */
struct endpoint {
	struct endpoints *set;
	struct arena arena; /* of the spec's strings */
	const char *name;
	struct endpoint_spec spec;
	struct tls_ctx *tls;
	struct grpc_channel *channel;
	struct dns_provider *names; /* NULL: the address is literal */
	char *lookup;               /* what `names` looks up */
	int64_t looked_up_ms;
	struct endpoint_info *info;           /* last answer, or what is assumed */
	bool wanted;                          /* discovery still has it */
	bool listed;                          /* it answered once, or is strict */
	int64_t listed_since_ms, answered_ms; /* monotonic */
	int64_t last_check_ms;                /* wall clock */
	struct err failed;                    /* of the last Info; code 0: none */
};

struct endpoints {
	struct reactor *r;
	struct discovery *discovery;
	struct dns_resolver *dns;
	struct endpoints_config cfg;
	struct logger *lg;
	VEC(struct endpoint *) all; /* sorted by name */
	bool first_done;            /* the first round */
	int64_t first_answer_ms;    /* of any endpoint, monotonic; 0: none yet */
	struct waitq first;
	struct metrics_vec *connections;
	const char *metric_labels[4]; /* ended by NULL */
	struct grpc_client_metrics *client_metrics;
};

/* --- construction -------------------------------------------------------------------- */

struct endpoints *endpoints_new(struct reactor *r, struct discovery *d, struct dns_resolver *dns,
				const struct endpoints_config *cfg, struct logger *lg, struct metrics_registry *reg)
{
	static const char *const known[] = { "external_labels", "store_type", "ip_port" };
	struct endpoints *s = xcalloc(1, sizeof(*s));
	s->r = r;
	s->discovery = d;
	s->dns = dns;
	s->cfg = *cfg;
	s->lg = lg;
	waitq_init(&s->first);
	size_t n = 0;
	for (size_t i = 0; i < cfg->n_metric_labels && n < 3; i++)
		for (size_t k = 0; k < ARRAY_LEN(known); k++)
			if (strcmp(cfg->metric_labels[i], known[k]) == 0)
				s->metric_labels[n++] = known[k];
	if (n == 0) {
		s->metric_labels[0] = known[0];
		s->metric_labels[1] = known[1];
	}
	if (reg) {
		s->connections = metrics_gauge_vec(
			reg, "thanos_store_nodes_grpc_connections",
			"Number of gRPC connection to Store APIs. Opened connection means healthy store APIs available for Querier.",
			s->metric_labels);
		s->client_metrics = grpc_client_metrics_new(reg);
	}
	return s;
}

static void endpoint_free(struct endpoint *e)
{
	endpoint_info_unref(e->info);
	if (e->channel)
		grpc_channel_unref(e->channel);
	tls_ctx_unref(e->tls);
	dns_provider_free(e->names);
	free(e->lookup);
	arena_fini(&e->arena);
	free(e);
}

void endpoints_free(struct endpoints *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->all.n; i++)
		endpoint_free(s->all.p[i]);
	vec_fini(&s->all);
	grpc_client_metrics_free(s->client_metrics);
	free(s);
}

/* A name that is set; empty ones count as unset. */
static const char *set_or_null(const char *s)
{
	return s && *s ? s : NULL;
}

static int make_tls(struct endpoint *e, struct err *err)
{
	const struct endpoint_client *c = &e->spec.client;
	static const char *const alpn[] = { "h2" };
	struct tls_config cfg = {
		.cert_file = set_or_null(c->cert_file),
		.key_file = set_or_null(c->key_file),
		.ca_file = set_or_null(c->ca_file),
		.min_version = set_or_null(c->min_version),
		.alpn = { alpn, 1 },
		.skip_verify = c->skip_verify == ENDPOINT_YES,
	};
	return c->tls == ENDPOINT_YES ? tls_ctx_new_client(&cfg, &e->tls, err) : 0;
}

/*
 * What a channel is called and which name stands behind it. A prefix is for the look-up only; host names without
 * one are looked up as dns+, so that all their addresses are used.
 */
static int make_names(struct endpoint *e, const char **ret_target, struct err *err)
{
	struct str rest = str_c(e->spec.address);
	struct addr at;
	if (!endpoint_is_dynamic(rest)) {
		int rc = addr_parse(rest, -1, &at, err);
		*ret_target = e->spec.address;
		if (rc != 0 || addr_is_literal(&at))
			return rc;
		e->lookup = xasprintf("dns+%s", e->spec.address);
	} else {
		struct str prefix = str_cut(&rest, '+');
		bool srv = str_eq(prefix, STR("dnssrvnoa"));
		e->lookup = xasprintf("%s+%.*s", srv ? "dnssrv" : arena_memdup(&e->arena, prefix.p, prefix.n),
				      STR_ARG(rest));
		*ret_target = arena_printf(&e->arena, "%.*s%s", STR_ARG(rest),
					   addr_parse(rest, -1, &at, NULL) == 0 ? "" : ":443");
	}
	if (!e->set->dns)
		return err_set(err, ERR_FAILED_PRECONDITION, "%s: there is no resolver for names", e->spec.address);
	e->names = dns_provider_new(e->set->dns);
	return 0;
}

/* Makes the channel of a new endpoint. */
static int open_channel(struct endpoint *e, struct err *err)
{
	const char *target;
	int rc = make_names(e, &target, err);
	if (rc == 0)
		rc = make_tls(e, err);
	if (rc != 0)
		return rc;
	struct grpc_channel_opts o = grpc_channel_opts_default();
	o.tls = e->tls;
	o.dns = e->set->dns;
	o.server_name = set_or_null(e->spec.client.server_name);
	if (e->spec.client.compression && strcmp(e->spec.client.compression, "snappy") == 0)
		o.encoding = GRPC_SNAPPY;
	e->channel = grpc_channel_new(e->set->r, target, &o, err);
	if (!e->channel)
		return err ? -err->code : -ERR_INVALID_ARGUMENT;
	if (e->set->client_metrics)
		grpc_channel_set_metrics(e->channel, e->set->client_metrics);
	return 0;
}

static void add(struct endpoints *s, const struct discovery_target *t)
{
	struct err err;
	struct endpoint *e = xcalloc(1, sizeof(*e));
	e->set = s;
	arena_init(&e->arena, NULL);
	e->name = arena_strdup(&e->arena, t->name);
	e->spec = t->spec;
	e->spec.address = arena_strdup(&e->arena, t->spec.address);
	e->spec.client = endpoint_client_copy(t->spec.client, &e->arena);
	e->wanted = true;
	if (open_channel(e, &err) != 0) {
		if (s->lg)
			log_warn(s->lg, "new endpoint creation failed", log_err(&err), log_s("address", t->name));
		endpoint_free(e);
		return;
	}
	*vec_push(&s->all) = e;
}

/* --- one round -------------------------------------------------------------------------- */

static void say_removed(struct endpoints *s, const struct endpoint *e)
{
	if (!s->lg || !e->listed)
		return;
	struct strbuf sets = { 0 };
	endpoint_label_sets_print(e->info->label_sets, e->info->n_label_sets, &sets);
	log_info(s->lg, "removing endpoint because it's unhealthy or does not exist", log_s("address", e->name),
		 log_str("extLset", strbuf_str(&sets)));
	strbuf_fini(&sets);
}

static bool same_spec(const struct endpoint *e, const struct discovery_target *t)
{
	return e->spec.strict == t->spec.strict && e->spec.group == t->spec.group &&
	       strcmp(e->spec.address, t->spec.address) == 0 && endpoint_client_eq(&e->spec.client, &t->spec.client);
}

static int by_name(const void *a, const void *b)
{
	return strcmp((*(struct endpoint *const *)a)->name, (*(struct endpoint *const *)b)->name);
}

/* Adds what is new in discovery's list, takes out what is not in it any more or has other settings. Both lists are sorted. */
static void sync_list(struct endpoints *s)
{
	size_t n, kept = 0, old = s->all.n;
	const struct discovery_target *t = discovery_targets(s->discovery, &n);
	bool *have = xcalloc(n + 1, sizeof(*have));
	for (size_t i = 0, k = 0; i < old; i++) {
		struct endpoint *e = s->all.p[i];
		while (k < n && strcmp(t[k].name, e->name) < 0)
			k++;
		if (k < n && strcmp(t[k].name, e->name) == 0 && same_spec(e, &t[k])) {
			have[k] = true;
			s->all.p[kept++] = e;
		} else {
			say_removed(s, e);
			endpoint_free(e);
		}
	}
	s->all.n = kept;
	for (size_t k = 0; k < n; k++)
		if (!have[k])
			add(s, &t[k]);
	free(have);
	if (s->all.n)
		qsort(s->all.p, s->all.n, sizeof(*s->all.p), by_name);
}

/* Looks the addresses behind a name up when they may have changed. */
static int co_look_up(struct endpoint *e, struct err *err)
{
	int64_t now_ms = reactor_now_ms(e->set->r);
	if (!e->names || (e->looked_up_ms && now_ms - e->looked_up_ms < LOOKUP_INTERVAL_MS &&
			  grpc_channel_state(e->channel) == GRPC_READY))
		return 0;
	e->looked_up_ms = now_ms;
	const char *name = e->lookup;
	struct err failed = ERR_NONE;
	int rc = co_dns_provider_resolve(e->names, &name, 1, &failed);
	size_t n;
	const char **addrs = dns_provider_addresses(e->names, &n);
	if (n || rc == 0)
		rc = grpc_channel_set_addresses(e->channel, addrs, n, err);
	else
		rc = err_set(err, (enum err_code)failed.code, "%s", failed.msg);
	if (rc == 0 && n == 0)
		rc = err_set(err, ERR_UNAVAILABLE, "%s has no addresses", name);
	free(addrs);
	return rc;
}

static void say_added(const struct endpoint *e)
{
	if (!e->set->lg)
		return;
	static const struct {
		unsigned api;
		const char *name;
	} names[] = { { ENDPOINT_STORE, "storeEndpoints" },       { ENDPOINT_RULES, "rulesAPI" },
		      { ENDPOINT_EXEMPLARS, "exemplarsAPI" },     { ENDPOINT_TARGETS, "targetsAPI" },
		      { ENDPOINT_METADATA, "MetricMetadataAPI" }, { ENDPOINT_QUERY, "QueryAPI" } };
	struct strbuf msg = { 0 }, sets = { 0 };
	strbuf_printf(&msg, "adding new %s with [", e->info->component);
	const char *sep = "";
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (!(e->info->apis & names[i].api))
			continue;
		strbuf_printf(&msg, "%s%s", sep, names[i].name);
		sep = " ";
	}
	strbuf_add_ch(&msg, ']');
	endpoint_label_sets_print(e->info->label_sets, e->info->n_label_sets, &sets);
	log_info(e->set->lg, msg.p, log_s("address", e->name), log_str("extLset", strbuf_str(&sets)));
	strbuf_fini(&msg);
	strbuf_fini(&sets);
}

static struct endpoint_peer peer_of(const struct endpoint *e)
{
	return (struct endpoint_peer){ e->name, e->spec.strict, e->spec.group, e->channel, e->tls };
}

static void note_first_answer(struct endpoints *s, int64_t now_ms)
{
	if (s->first_answer_ms)
		return;
	s->first_answer_ms = MAX(now_ms, 1);
	waitq_wake_all(&s->first);
}

/* Takes over an answer, or what went wrong instead. */
static void note(struct endpoint *e, struct endpoint_info *answer, const struct err *failed)
{
	bool was_listed = e->listed;
	const struct endpoint_peer peer = peer_of(e);
	int64_t now_ms = reactor_now_ms(e->set->r);
	if (answer) {
		endpoint_info_unref(e->info);
		e->info = answer;
		e->failed = ERR_NONE;
		e->last_check_ms = sys_now_ms();
		e->answered_ms = now_ms;
		note_first_answer(e->set, now_ms);
	} else {
		err_set(&e->failed, ERR_UNAVAILABLE, "rpc error: code = %s desc = %s", err_code_name(failed->code),
			failed->msg);
		if (!e->info && e->spec.strict)
			e->info = endpoint_info_assume(&peer);
		if (e->set->lg)
			log_warn(e->set->lg, "update of endpoint failed", log_s("err", e->failed.msg),
				 log_s("address", e->name));
	}
	e->listed = e->listed || answer || e->spec.strict;
	if (e->listed && !was_listed) {
		e->listed_since_ms = now_ms;
		say_added(e);
	}
}

/* Asks one endpoint; suspends. */
static void ask_main(void *arg)
{
	struct endpoint *e = arg;
	struct endpoint_info *answer = NULL;
	struct err failed = ERR_NONE;
	const struct endpoint_peer peer = peer_of(e);
	int64_t before = fiber_set_deadline(reactor_now_ms(e->set->r) + e->set->cfg.info_timeout_ms);
	int rc = co_look_up(e, &failed);
	if (rc == 0)
		rc = co_endpoint_info_ask(&peer, e->set->cfg.info_timeout_ms, &answer, &failed);
	fiber_restore_deadline(before);
	if (rc != 0 && fiber_check(NULL) != 0)
		return; /* the whole round was cancelled: nothing is known about the endpoint */
	note(e, answer, &failed);
}

/* Takes endpoints off the list whose last answer is too old. Discovery brings them back when they answer again. */
static void drop_timed_out(struct endpoints *s)
{
	int64_t now_ms = reactor_now_ms(s->r);
	for (size_t i = 0; i < s->all.n; i++) {
		struct endpoint *e = s->all.p[i];
		if (!e->listed || e->spec.strict || now_ms - e->listed_since_ms < s->cfg.unhealthy_timeout_ms ||
		    now_ms - e->answered_ms < s->cfg.unhealthy_timeout_ms)
			continue;
		say_removed(s, e);
		e->listed = false;
	}
}

static bool takes_part(const struct endpoint *e)
{
	return e->listed && (e->spec.strict || e->failed.code == 0);
}

/* Cuts the text at a character's begin, and closes the brace (upstream: truncateExtLabels). */
static void cut_labels(struct strbuf *b)
{
	if (b->n <= METRIC_LABELS_MAX)
		return;
	struct str whole = str_utf8_cut(strbuf_str(b), METRIC_LABELS_MAX - 1);
	char *cut = xstrndup(whole.p, whole.n);
	strbuf_reset(b);
	strbuf_printf(b, "%s}", cut);
	free(cut);
}

static void count_connection(struct endpoints *s, const struct endpoint *e, const char *sets)
{
	const char *values[4] = { NULL };
	for (size_t i = 0; s->metric_labels[i]; i++) {
		const char *l = s->metric_labels[i];
		values[i] = strcmp(l, "external_labels") == 0 ? sets
			    : strcmp(l, "store_type") == 0    ? e->info->component
							      : e->name;
	}
	gauge_add(metrics_gauge_with(s->connections, values), 1);
}

/* Whether a sidecar or ruler before number `i` has the same external labels. */
static bool is_duplicate(const struct endpoints *s, size_t i, const char *sets, char *const *texts)
{
	for (size_t k = 0; k < i; k++)
		if (texts[k] && strcmp(texts[k], sets) == 0)
			return true;
	return false;
}

static bool is_producer(const struct endpoint_info *i)
{
	return (i->apis & ENDPOINT_STORE) &&
	       (strcmp(i->component, "sidecar") == 0 || strcmp(i->component, "rule") == 0);
}

/* Counts connections anew; warns of producers that share their external labels. */
static void survey(struct endpoints *s)
{
	char **texts = xcalloc(s->all.n + 1, sizeof(*texts));
	if (s->connections)
		metrics_vec_clear(s->connections);
	for (size_t i = 0; i < s->all.n; i++) {
		const struct endpoint *e = s->all.p[i];
		if (!takes_part(e))
			continue;
		struct strbuf sets = { 0 };
		endpoint_label_sets_print(e->info->label_sets, e->info->n_label_sets, &sets);
		if (s->lg && is_producer(e->info) && is_duplicate(s, i, sets.p ? sets.p : "", texts))
			log_warn(
				s->lg,
				"found duplicate storeEndpoints producer (sidecar or ruler). This is not advised as it will malform data in in the same bucket",
				log_s("address", e->name), log_str("extLset", strbuf_str(&sets)));
		if (is_producer(e->info))
			texts[i] = xstrdup(sets.p ? sets.p : "");
		cut_labels(&sets);
		if (s->connections)
			count_connection(s, e, sets.n ? sets.p : "no_external_labels");
		strbuf_fini(&sets);
	}
	for (size_t i = 0; i < s->all.n; i++)
		free(texts[i]);
	free(texts);
}

int co_endpoints_update(struct endpoints *s, struct err *err)
{
	struct err e = ERR_NONE;
	if (co_discovery_refresh(s->discovery, &e) != 0) {
		int rc = fiber_check(err);
		if (rc != 0)
			return rc;
		if (s->lg)
			log_error(s->lg, "failed to resolve addresses for endpoints", log_err(&e));
	}
	sync_list(s);
	struct fiber_group g;
	fiber_group_init(&g);
	for (size_t i = 0; i < s->all.n; i++)
		fiber_group_start(&g, "endpoint info", ask_main, s->all.p[i]);
	int rc = co_fiber_group_join(&g, err);
	if (rc != 0)
		return rc;
	drop_timed_out(s);
	survey(s);
	s->first_done = true;
	waitq_wake_all(&s->first);
	return 0;
}

int co_endpoints_run(struct endpoints *s, struct err *err)
{
	for (;;) {
		int64_t begin_ms = reactor_now_ms(s->r);
		int rc = co_endpoints_update(s, err);
		if (rc != 0)
			return rc;
		int64_t pause_ms = s->cfg.info_timeout_ms - (reactor_now_ms(s->r) - begin_ms);
		rc = co_sleep_ms(pause_ms > 10 ? pause_ms : 10, err);
		if (rc != 0)
			return rc;
	}
}

bool endpoints_ready(const struct endpoints *s)
{
	return s->first_done || (s->first_answer_ms && reactor_now_ms(s->r) - s->first_answer_ms >= STRAGGLERS_MS);
}

int co_endpoints_wait_ready(struct endpoints *s, struct err *err)
{
	int rc = 0;
	while (rc == 0 && !endpoints_ready(s)) {
		int64_t until_ms = s->first_answer_ms ? s->first_answer_ms + STRAGGLERS_MS : FIBER_NO_DEADLINE;
		int64_t old_ms = fiber_set_deadline(until_ms);
		rc = co_waitq_wait(&s->first, "first endpoint update", err);
		fiber_restore_deadline(old_ms);
		if (rc == -ERR_DEADLINE_EXCEEDED)
			rc = fiber_check(err); /* the caller's own, or only that of the stragglers */
	}
	return rc;
}

/* --- what others see ------------------------------------------------------------------------ */

struct endpoint_info **endpoints_get(struct endpoints *s, unsigned apis, size_t *ret_n)
{
	struct endpoint_info **list = xcalloc(s->all.n + 1, sizeof(struct endpoint_info *));
	size_t n = 0;
	for (size_t i = 0; i < s->all.n; i++) {
		struct endpoint *e = s->all.p[i];
		if (takes_part(e) && (e->info->apis & apis) == apis)
			list[n++] = endpoint_info_ref(e->info);
	}
	*ret_n = n;
	return list;
}

void endpoints_release(struct endpoint_info **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		endpoint_info_unref(list[i]);
	free(list);
}

struct endpoint_status *endpoints_status(struct endpoints *s, size_t *ret_n)
{
	struct endpoint_status *rows = xcalloc(s->all.n + 1, sizeof(*rows));
	size_t n = 0;
	for (size_t i = 0; i < s->all.n; i++) {
		const struct endpoint *e = s->all.p[i];
		if (!e->listed)
			continue;
		rows[n].info = e->info;
		rows[n].last_check_ms = e->last_check_ms;
		rows[n++].last_error = e->failed.code ? e->failed.msg : NULL;
	}
	*ret_n = n;
	return rows;
}
