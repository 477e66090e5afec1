/*
 * net/metrics.h - the counters of listeners' connections, as metrics.
 *
 * Accepted and closed connections have the names that Prometheus' own
 * servers use (net_conntrack_*); what they do not know is thanos_net_*.
 */
#ifndef NET_METRICS_H
#define NET_METRICS_H

struct conn_stats;
struct metrics_registry;
struct net_metrics;

/* Registers the metrics. */
struct net_metrics *net_metrics_new(struct metrics_registry *reg);

/* Ends what net_metrics_new began; before the registry goes. NULL is fine. */
void net_metrics_free(struct net_metrics *m);

/*
 * Shows the counters of connections under the label listener_name="<listener>" (copied; at most 8 listeners). `stats` is read at
 * every exposition until net_metrics_unwatch or the end.
 */
void net_metrics_watch(struct net_metrics *m, const char *listener, const struct conn_stats *stats);

/* Stops reading `stats`, before it goes; the last values stay. NULL for `m` is fine. */
void net_metrics_unwatch(struct net_metrics *m, const struct conn_stats *stats);

#endif
