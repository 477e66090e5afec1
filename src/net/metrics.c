#include "net/metrics.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "metrics/metrics.h"
#include "net/conn.h"

#include <stddef.h>
#include <stdlib.h>

#define LISTENERS_MAX 8

/* A counter and where its value is in struct conn_stats. */
static const struct {
	const char *name, *help;
	size_t at;
} counters[] = {
	{ "net_conntrack_listener_conn_accepted_total", "Connections accepted.", offsetof(struct conn_stats, opened) },
	{ "thanos_net_read_bytes_total", "Bytes read from connections, after TLS.",
	  offsetof(struct conn_stats, bytes_read) },
	{ "thanos_net_written_bytes_total", "Bytes written to connections, before TLS.",
	  offsetof(struct conn_stats, bytes_written) },
	{ "thanos_net_tls_handshakes_total", "TLS handshakes that succeeded.",
	  offsetof(struct conn_stats, tls_handshakes) },
	{ "thanos_net_tls_handshakes_failed_total", "TLS handshakes that failed.",
	  offsetof(struct conn_stats, tls_failures) },
	{ "thanos_net_tls_reloads_total", "How often changed certificates, keys or CAs were loaded.",
	  offsetof(struct conn_stats, tls_reloads) },
	{ "thanos_net_tls_reload_failures_total",
	  "How often they could not be loaded: what was loaded before stays in use, until it expires.",
	  offsetof(struct conn_stats, tls_reload_failures) },
	{ "thanos_net_timeouts_total",
	  "Connections closed because a handshake, a request head or a reader took too long.",
	  offsetof(struct conn_stats, timeouts) },
	{ "thanos_net_resets_total", "Connections broken by the peer or the network.",
	  offsetof(struct conn_stats, resets) },
};

struct watched {
	char *listener;
	const struct conn_stats *stats; /* NULL once it has gone */
};

struct net_metrics {
	struct metrics_registry *reg;
	struct metrics_vec *vec[ARRAY_LEN(counters)];
	struct metrics_vec *closed, *open;
	struct watched watched[LISTENERS_MAX];
	size_t n;
};

static void show(struct net_metrics *m, const struct watched *w)
{
	const char *const *labels = METRICS_LABELS(w->listener);
	for (size_t i = 0; i < ARRAY_LEN(counters); i++)
		metrics_counter_with(m->vec[i], labels)->v =
			(double)*(const uint64_t *)(const void *)((const char *)w->stats + counters[i].at);
	metrics_counter_with(m->closed, labels)->v = (double)(w->stats->opened - w->stats->open_now);
	gauge_set(metrics_gauge_with(m->open, labels), (double)w->stats->open_now);
}

/* Before every exposition. */
static void refresh(void *arg)
{
	struct net_metrics *m = arg;
	for (size_t i = 0; i < m->n; i++)
		if (m->watched[i].stats)
			show(m, &m->watched[i]);
}

struct net_metrics *net_metrics_new(struct metrics_registry *reg)
{
	struct net_metrics *m = xcalloc(1, sizeof(*m));
	m->reg = reg;
	for (size_t i = 0; i < ARRAY_LEN(counters); i++)
		m->vec[i] =
			metrics_counter_vec(reg, counters[i].name, counters[i].help, METRICS_LABELS("listener_name"));
	m->closed = metrics_counter_vec(reg, "net_conntrack_listener_conn_closed_total",
					"Connections closed that were accepted.", METRICS_LABELS("listener_name"));
	m->open = metrics_gauge_vec(reg, "thanos_net_connections", "Connections open now.",
				    METRICS_LABELS("listener_name"));
	metrics_on_collect(reg, refresh, m);
	return m;
}

void net_metrics_free(struct net_metrics *m)
{
	if (!m)
		return;
	metrics_off_collect(m->reg, m);
	for (size_t i = 0; i < m->n; i++)
		free(m->watched[i].listener);
	free(m);
}

void net_metrics_watch(struct net_metrics *m, const char *listener, const struct conn_stats *stats)
{
	CHECK(m->n < LISTENERS_MAX);
	m->watched[m->n++] = (struct watched){ xstrdup(listener), stats };
}

void net_metrics_unwatch(struct net_metrics *m, const struct conn_stats *stats)
{
	for (size_t i = 0; m && i < m->n; i++) {
		if (m->watched[i].stats != stats)
			continue;
		show(m, &m->watched[i]);
		m->watched[i].stats = NULL;
	}
}
