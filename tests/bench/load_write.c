/*
 * Remote write load: the same series in every round, one sample each.
 *
 *	load_write HOST:PORT PATH SERIES ROUNDS PER_REQUEST INTERVAL_MS START_MS CONNECTIONS [METRIC]
 *
 * Series have 10 labels, about 263 bytes: 200 metric names x 64 CPUs x as many
 * instances as it takes, or all of them of METRIC, with a label series that tells them apart; values are integer counters, times exact. Bodies
 * are remote write 1.0, snappy. Prints what was sent, the wall time, its own CPU time and the latency
 * of requests; any answer but 2xx ends it with exit code 1.
 */
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/sys.h"
#include "codec/snappy.h"
#include "codec/varint.h"
#include "rw.h"

#include <errno.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <unistd.h>

struct load {
	const char *host, *port, *path;
	const char *metric; /* NULL: 200 names */
	uint64_t series, rounds, per_request;
	int64_t interval_ms, start_ms;
	unsigned connections;
	int64_t *latency_ns; /* of every request */
	uint64_t requests;
	pthread_mutex_t lock;
	uint64_t bytes_sent;
	int failed;
};

struct worker {
	struct load *l;
	unsigned index;
	int fd;
};

/* The labels of series i, sorted by name, as they lie in a TimeSeries message. */
static void put_labels(struct strbuf *b, const char *metric, uint64_t i)
{
	char v[64];
	snprintf(v, sizeof(v), "node_bench_metric_number_%03u_total", (unsigned)(i % 200));
	rw_put_label(b, "__name__", metric ? metric : v);
	rw_put_label(b, "cluster", "production-eu-west-1");
	snprintf(v, sizeof(v), "%u", (unsigned)(i / 200 % 64));
	rw_put_label(b, "cpu", v);
	rw_put_label(b, "datacenter", "dublin-02");
	rw_put_label(b, "environment", "production");
	snprintf(v, sizeof(v), "node-%05u.example.internal:9100", (unsigned)(i / 200 / 64));
	rw_put_label(b, "instance", v);
	rw_put_label(b, "job", "node_exporter");
	rw_put_label(b, "mode", "user");
	rw_put_label(b, "namespace", "monitoring");
	if (metric) {
		snprintf(v, sizeof(v), "%u", (unsigned)(i % 200));
		rw_put_label(b, "series", v);
	}
	rw_put_label(b, "team", "observability-platform");
}

/* Bytes of a sample's message: two tags, a double, a time that takes 6 bytes until the year 2109. */
#define TIME_BYTES 6
#define SAMPLE_BYTES (1 + 8 + 1 + TIME_BYTES)

static void put_sample_template(struct strbuf *b)
{
	uint8_t s[SAMPLE_BYTES] = { [0] = 1 << 3 | 1, [9] = 2 << 3 };
	rw_put_bytes(b, 2, s, sizeof(s));
}

/* Writes value and time into the sample that ends a TimeSeries message at `end`. */
static void set_sample(char *end, double value, int64_t t)
{
	char *s = end - SAMPLE_BYTES;
	memcpy(s + 1, &value, sizeof(value)); /* for little-endian hosts */
	varint_put((uint8_t *)s + 10, (uint64_t)t);
}

/* An uncompressed request and where each of its series ends. */
struct template
{
	struct strbuf raw;
	size_t *ends;
};

static void make_template(const struct load *l, uint64_t from, uint64_t to, struct template *t)
{
	struct strbuf ts = { 0 };
	t->ends = xcalloc(to - from, sizeof(size_t));
	for (uint64_t i = from; i < to; i++) {
		strbuf_reset(&ts);
		put_labels(&ts, l->metric, i);
		put_sample_template(&ts);
		rw_put_bytes(&t->raw, 1, ts.p, ts.n);
		t->ends[i - from] = t->raw.n;
	}
	strbuf_fini(&ts);
}

static void make_body(const struct load *l, struct template *t, uint64_t from, uint64_t to, uint64_t round,
		      struct strbuf *out)
{
	for (uint64_t i = from; i < to; i++)
		set_sample(t->raw.p + t->ends[i - from], (double)(round * (i % 7 + 1)),
			   l->start_ms + (int64_t)round * l->interval_ms);
	strbuf_reset(out);
	if (codec_snappy_compress_add(strbuf_str(&t->raw), out, NULL) != 0)
		abort();
}

/* A worker sends every connections-th request of every round. */
static void *work(void *arg)
{
	struct worker *w = arg;
	struct load *l = w->l;
	struct strbuf body = { 0 };
	uint64_t per_round = (l->series + l->per_request - 1) / l->per_request;
	struct template *templates = xcalloc(per_round, sizeof(*templates));
	for (uint64_t round = 0; round < l->rounds && !l->failed; round++) {
		for (uint64_t i = w->index; i < per_round && !l->failed; i += l->connections) {
			uint64_t from = i * l->per_request, to = MIN(from + l->per_request, l->series);
			if (round == 0)
				make_template(l, from, to, &templates[i]);
			make_body(l, &templates[i], from, to, round, &body);
			int64_t begin = sys->mono_ns();
			int status = rw_post(w->fd, l->host, l->path, strbuf_str(&body));
			pthread_mutex_lock(&l->lock);
			l->latency_ns[l->requests++] = sys->mono_ns() - begin;
			l->bytes_sent += body.n;
			if (status / 100 != 2)
				l->failed = 1;
			pthread_mutex_unlock(&l->lock);
		}
	}
	for (uint64_t i = 0; i < per_round; i++) {
		strbuf_fini(&templates[i].raw);
		free(templates[i].ends);
	}
	free(templates);
	strbuf_fini(&body);
	return NULL;
}

static int by_value(const void *a, const void *b)
{
	int64_t x = *(const int64_t *)a, y = *(const int64_t *)b;
	return (x > y) - (x < y);
}

static void report(struct load *l, int64_t wall_ns)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	double cpu = (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
		     (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
	qsort(l->latency_ns, l->requests, sizeof(int64_t), by_value);
	printf("samples %llu requests %llu bytes %llu wall_s %.3f client_cpu_s %.3f p50_ms %.3f p99_ms %.3f\n",
	       (unsigned long long)(l->series * l->rounds), (unsigned long long)l->requests,
	       (unsigned long long)l->bytes_sent, (double)wall_ns / 1e9, cpu,
	       (double)l->latency_ns[l->requests / 2] / 1e6, (double)l->latency_ns[l->requests * 99 / 100] / 1e6);
}

int main(int argc, char **argv)
{
	if (argc != 9 && argc != 10) {
		fprintf(stderr,
			"usage: %s HOST:PORT PATH SERIES ROUNDS PER_REQUEST INTERVAL_MS START_MS CONNECTIONS"
			" [METRIC]\n",
			argv[0]);
		return 2;
	}
	char *colon = strrchr(argv[1], ':');
	if (!colon)
		return 2;
	*colon = '\0';
	struct load l = { .host = argv[1],
			  .port = colon + 1,
			  .path = argv[2],
			  .metric = argv[9],
			  .series = strtoull(argv[3], NULL, 10),
			  .rounds = strtoull(argv[4], NULL, 10),
			  .per_request = strtoull(argv[5], NULL, 10),
			  .interval_ms = atoll(argv[6]),
			  .start_ms = atoll(argv[7]),
			  .connections = (unsigned)atoi(argv[8]) };
	pthread_mutex_init(&l.lock, NULL);
	l.latency_ns = xcalloc(l.rounds * (l.series / l.per_request + 1), sizeof(int64_t));
	struct worker *w = xcalloc(l.connections, sizeof(*w));
	pthread_t *th = xcalloc(l.connections, sizeof(*th));
	int64_t begin = sys->mono_ns();
	for (unsigned i = 0; i < l.connections; i++) {
		w[i] = (struct worker){ &l, i, rw_dial(l.host, l.port) };
		if (w[i].fd < 0) {
			fprintf(stderr, "connect: %s\n", strerror(errno));
			return 1;
		}
		pthread_create(&th[i], NULL, work, &w[i]);
	}
	for (unsigned i = 0; i < l.connections; i++)
		pthread_join(th[i], NULL);
	if (l.requests)
		report(&l, sys->mono_ns() - begin);
	for (unsigned i = 0; i < l.connections; i++)
		close(w[i].fd);
	free(th);
	free(w);
	free(l.latency_ns);
	return l.failed;
}
