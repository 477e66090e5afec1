/*
 * Loads the series of Prometheus' and promql-engine's PromQL benchmarks by remote write.
 *
 *	load_w10 HOST:PORT PATH END_MS INTERVALS PODS NATIVE
 *
 * Before END_MS lie
 *   INTERVALS x 10 s of a_X, b_X and h_X with X in one, ten, hundred, and `sparse` (promql/bench_test.go);
 *   6 h at 30 s of PODS pods: 3 http_requests_total, http_responses_total, 11 http_response_seconds_bucket each
 *   (promql-engine/engine/bench_test.go);
 *   2 h at 15 s of NATIVE native histograms native_histogram_series (tsdbutil.GenerateTestHistogram).
 * Everything is sent half an hour at a time, so that no sample is too old when it comes.
 */
#include "base/mem.h"
#include "base/sys.h"
#include "codec/snappy.h"
#include "rw.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#define WINDOW_MS (30 * 60 * 1000)
#define BATCH_BYTES (512u << 10)
#define SPARSE_RUNS 50

struct load {
	int fd;
	const char *host, *path;
	int64_t from_ms, to_ms; /* what is being sent */
	struct strbuf raw, packed;
	uint64_t samples;
	bool failed;
};

/* Samples of a data set: number i is at begin_ms + i * interval_ms. */
struct grid {
	int64_t begin_ms, interval_ms, n;
};

static void flush(struct load *l)
{
	if (l->raw.n == 0 || l->failed)
		return;
	strbuf_reset(&l->packed);
	if (codec_snappy_compress_add(strbuf_str(&l->raw), &l->packed, NULL) != 0)
		abort();
	l->failed = rw_post(l->fd, l->host, l->path, strbuf_str(&l->packed)) / 100 != 2;
	strbuf_reset(&l->raw);
}

/* Sends a TimeSeries message with what is in it. */
static void add_series(struct load *l, struct strbuf *ts)
{
	rw_put_bytes(&l->raw, 1, ts->p, ts->n);
	strbuf_fini(ts);
	if (l->raw.n >= BATCH_BYTES)
		flush(l);
}

/* Numbers of the samples of the grid that lie in the window: [*lo, *hi). */
static bool in_window(const struct load *l, const struct grid *g, int64_t *lo, int64_t *hi)
{
	int64_t from = l->from_ms - g->begin_ms, to = l->to_ms - g->begin_ms;
	*lo = from <= 0 ? 0 : (from + g->interval_ms - 1) / g->interval_ms;
	*hi = to <= 0 ? 0 : MIN((to + g->interval_ms - 1) / g->interval_ms, g->n);
	return *lo < *hi;
}

/* One series with the values base + slope * i of samples [lo, hi); `labels` is a TimeSeries message already. */
static void send_line(struct load *l, const struct grid *g, struct strbuf *labels, double base, double slope,
		      int64_t lo, int64_t hi)
{
	struct strbuf s = { 0 };
	for (int64_t i = lo; i < hi; i++) {
		strbuf_reset(&s);
		rw_put_double(&s, 1, base + slope * (double)i);
		rw_put_varint(&s, 2, (uint64_t)(g->begin_ms + i * g->interval_ms));
		rw_put_bytes(labels, 2, s.p, s.n);
		l->samples++;
	}
	strbuf_fini(&s);
	add_series(l, labels);
}

/* Labels name, and l and le where they are not NULL. */
static struct strbuf named(const char *name, const char *lv, const char *le)
{
	struct strbuf ts = { 0 };
	rw_put_label(&ts, "__name__", name);
	if (lv)
		rw_put_label(&ts, "l", lv);
	if (le)
		rw_put_label(&ts, "le", le);
	return ts;
}

/* Buckets' bounds: 0 to 9, then +Inf. */
static const char *bound(int j, char buf[8])
{
	if (j == 10)
		return "+Inf";
	snprintf(buf, 8, "%d", j);
	return buf;
}

#define PROM_SERIES 1443

/* The series of one X; *at counts all of them, as upstream's values do. */
static void send_prom_family(struct load *l, const struct grid *g, const char *x, int count, int64_t lo, int64_t hi,
			     int *at)
{
	char a[16], b[16], h[16], lv[16], le[8];
	snprintf(a, sizeof(a), "a_%s", x);
	snprintf(b, sizeof(b), "b_%s", x);
	snprintf(h, sizeof(h), "h_%s", x);
	for (int i = 0; i < count; i++) {
		snprintf(lv, sizeof(lv), "%d", i);
		const char *label = count == 1 ? NULL : lv;
		struct strbuf ts = named(a, label, NULL);
		send_line(l, g, &ts, (*at)++ / (double)PROM_SERIES, 1, lo, hi);
		ts = named(b, label, NULL);
		send_line(l, g, &ts, (*at)++ / (double)PROM_SERIES, 1, lo, hi);
		for (int j = 0; j <= 10; j++) {
			ts = named(h, label, bound(j, le));
			send_line(l, g, &ts, (*at)++ / (double)PROM_SERIES, 1, lo, hi);
		}
	}
}

static void send_prom(struct load *l, const struct grid *g)
{
	int64_t lo, hi, run = g->n / SPARSE_RUNS;
	int at = 0;
	if (!in_window(l, g, &lo, &hi))
		return;
	send_prom_family(l, g, "one", 1, lo, hi, &at);
	send_prom_family(l, g, "ten", 10, lo, hi, &at);
	send_prom_family(l, g, "hundred", 100, lo, hi, &at);
	for (int64_t from = lo; from < hi;) {
		char lv[16];
		int64_t to = MIN((from / run + 1) * run, hi);
		snprintf(lv, sizeof(lv), "%d", (int)(from / run));
		struct strbuf ts = named("sparse", lv, NULL);
		send_line(l, g, &ts, 0, 1.0 / PROM_SERIES, from, to);
		from = to;
	}
}

/* Labels of promql-engine's series: container or le, then pod, or only pod. */
static struct strbuf pod_labels(const char *name, const char *key, const char *value, int pod)
{
	struct strbuf ts = { 0 };
	char p[16];
	snprintf(p, sizeof(p), "p%d", pod);
	rw_put_label(&ts, "__name__", name);
	if (key)
		rw_put_label(&ts, key, value);
	rw_put_label(&ts, "pod", p);
	return ts;
}

static void send_pods(struct load *l, const struct grid *g, int pods)
{
	int64_t lo, hi;
	char value[16], le[8];
	if (!in_window(l, g, &lo, &hi))
		return;
	for (int i = 0; i < pods; i++) {
		struct strbuf ts;
		for (int j = 0; j < 3; j++) {
			snprintf(value, sizeof(value), "c%d", j);
			ts = pod_labels("http_requests_total", "container", value, i);
			send_line(l, g, &ts, i, j, lo, hi);
		}
		ts = pod_labels("http_responses_total", NULL, NULL, i);
		send_line(l, g, &ts, 0, i, lo, hi);
		for (int j = 0; j <= 10; j++) {
			ts = pod_labels("http_response_seconds_bucket", "le", bound(j, le), i);
			send_line(l, g, &ts, i, j == 10 ? i : j, lo, hi);
		}
	}
}

static uint64_t zigzag(int64_t v)
{
	return (uint64_t)v << 1 ^ (uint64_t)(v >> 63);
}

/* Adds spans {0,2} {1,2} and deltas i+1, 1, -1, 0, as packed fields. */
static void put_buckets(struct strbuf *b, unsigned spans, unsigned deltas, int64_t i)
{
	const int64_t d[] = { i + 1, 1, -1, 0 };
	struct strbuf s = { 0 };
	for (unsigned k = 0; k < 2; k++) {
		strbuf_reset(&s);
		rw_put_varint(&s, 1, zigzag(k));
		rw_put_varint(&s, 2, 2);
		rw_put_bytes(b, spans, s.p, s.n);
	}
	strbuf_fini(&s);
	for (unsigned k = 0; k < 4; k++)
		rw_put_varint(b, deltas, zigzag(d[k]));
}

static void put_native(struct strbuf *h, int64_t i, int64_t t)
{
	rw_put_varint(h, 1, (uint64_t)(12 + i * 9));
	rw_put_double(h, 3, 18.4 * (double)(i + 1));
	rw_put_varint(h, 4, zigzag(1));
	rw_put_double(h, 5, 0.001);
	rw_put_varint(h, 6, (uint64_t)(2 + i));
	put_buckets(h, 8, 9, i);
	put_buckets(h, 11, 12, i);
	rw_put_varint(h, 15, (uint64_t)t);
}

static void send_native(struct load *l, const struct grid *g, int series)
{
	int64_t lo, hi;
	struct strbuf h = { 0 };
	char number[16];
	if (!in_window(l, g, &lo, &hi))
		return;
	for (int s = 0; s < series; s++) {
		struct strbuf ts = { 0 };
		snprintf(number, sizeof(number), "%d", s);
		rw_put_label(&ts, "__name__", "native_histogram_series");
		rw_put_label(&ts, "foo", "bar");
		rw_put_label(&ts, "h", number);
		for (int64_t i = lo; i < hi; i++) {
			strbuf_reset(&h);
			put_native(&h, i, g->begin_ms + i * g->interval_ms);
			rw_put_bytes(&ts, 4, h.p, h.n);
			l->samples++;
		}
		add_series(l, &ts);
	}
	strbuf_fini(&h);
}

int main(int argc, char **argv)
{
	char *colon = argc == 7 ? strrchr(argv[1], ':') : NULL;
	if (!colon) {
		fprintf(stderr, "usage: %s HOST:PORT PATH END_MS INTERVALS PODS NATIVE\n", argv[0]);
		return 2;
	}
	*colon = '\0';
	int64_t end = atoll(argv[3]), intervals = atoll(argv[4]);
	const struct grid prom = { end - intervals * 10000, 10000, intervals };
	const struct grid pods = { end - 720 * 30000, 30000, 720 };
	const struct grid native = { end - 480 * 15000, 15000, 480 };
	struct load l = { .fd = rw_dial(argv[1], colon + 1), .host = argv[1], .path = argv[2] };
	if (l.fd < 0) {
		perror("connect");
		return 1;
	}
	for (l.from_ms = MIN(prom.begin_ms, pods.begin_ms); l.from_ms < end && !l.failed; l.from_ms = l.to_ms) {
		l.to_ms = l.from_ms + WINDOW_MS;
		send_prom(&l, &prom);
		send_pods(&l, &pods, atoi(argv[5]));
		send_native(&l, &native, atoi(argv[6]));
		flush(&l);
	}
	printf("%llu\n", (unsigned long long)l.samples);
	strbuf_fini(&l.raw);
	strbuf_fini(&l.packed);
	close(l.fd);
	return l.failed;
}
