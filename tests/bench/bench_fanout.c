/*
 * Measures the fan-out: stores in the same process send ready-made frames over
 * loopback, a querier merges, decodes and evaluates. Figures are per series of
 * the result and include the sending side of the transport.
 */
#include "base/compiler.h"
#include "base/mem.h"
#include "chunk/xor.h"
#include "grpc/pb.h"
#include "grpc/server.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "net/addr.h"
#include "net/listener.h"
#include "promql/lang/parser.h"
#include "proto/info.pb-c.h"
#include "query/query.h"
#include "query/source.h"
#include "series/wire_series.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define STORES 4
#define SERIES 10000 /* of each store */
#define CHUNKS 4
#define SAMPLES 120 /* of a chunk */
#define BATCH 64

struct bench {
	struct reactor *r;
	struct query *q;
	struct grpc_server *srv[STORES];
	char addr[STORES][ADDR_TEXT_MAX];
	struct strbuf frames[2][STORES]; /* with equal labels in all stores, and with labels of their own */
	size_t *ends[2][STORES];
	size_t n_frames;
	unsigned kind;
};

static struct bench bench;

/* One series, with labels as a service would have them. */
static void make_series(struct series *s, char *text, struct label *l, struct series_chunk *chunks, int store, int i)
{
	static uint8_t data[CHUNKS][1024];
	snprintf(text, 64, "handler-%06d", i);
	const char *nv[] = { "__name__",
			     "http_requests_total",
			     "cluster",
			     "production-eu-west-1",
			     "code",
			     "200",
			     "handler",
			     text,
			     "instance",
			     "10.0.17.211:8080",
			     "job",
			     "frontend",
			     "namespace",
			     "shop",
			     "pod",
			     store < 0    ? "frontend-7d9c4b6f5-0"
			     : store == 0 ? "frontend-7d9c4b6f5-a"
			     : store == 1 ? "frontend-7d9c4b6f5-b"
			     : store == 2 ? "frontend-7d9c4b6f5-c"
					  : "frontend-7d9c4b6f5-d" };
	for (size_t k = 0; k < ARRAY_LEN(nv) / 2; k++)
		l[k] = (struct label){ str_c(nv[2 * k]), str_c(nv[2 * k + 1]) };
	for (int c = 0; c < CHUNKS; c++) {
		struct xor_app app;
		int64_t t0 = 1700000000000 + c * SAMPLES * 15000;
		xor_app_init(&app, data[c], sizeof(data[c]));
		for (int k = 0; k < SAMPLES; k++)
			if (!xor_append(&app, t0 + k * 15000 + k * 7 % 3,
					i + c * 1000 + k * 3 + (k % 7) + (store < 0 ? 0 : store)))
				abort();
		chunks[c] = (struct series_chunk){ .mint = t0, .maxt = t0 + (SAMPLES - 1) * 15000 + 2 };
		chunks[c].part[SERIES_RAW].chunk = (struct chunk){ CHUNK_XOR, xor_app_bytes(&app) };
	}
	*s = (struct series){ { l, ARRAY_LEN(nv) / 2 }, chunks, CHUNKS };
}

static void make_frames(struct bench *b, int kind, int store)
{
	struct frame_writer w = { 0 };
	b->ends[kind][store] = xcalloc(SERIES / BATCH + 1, sizeof(size_t));
	b->n_frames = 0;
	for (int i = 0; i < SERIES; i += BATCH) {
		const struct iovec *iov;
		size_t n;
		frame_writer_reset(&w);
		for (int k = i; k < i + BATCH && k < SERIES; k++) {
			struct series s;
			char text[64];
			struct label l[8];
			struct series_chunk chunks[CHUNKS];
			make_series(&s, text, l, chunks, kind == 0 ? -1 : store, k);
			if (frame_add_series(&w, &s, NULL))
				abort();
			/* chunk data are static and made anew for the next series */
			if (k + 1 < i + BATCH && k + 1 < SERIES)
				for (size_t c = 0; c < w.pieces.n; c++)
					if (w.pieces.p[c].p)
						w.pieces.p[c].p = xmemdup(w.pieces.p[c].p, w.pieces.p[c].n);
		}
		frame_finish(&w, true, &iov, &n);
		for (size_t k = 0; k < n; k++)
			strbuf_add(&b->frames[kind][store], iov[k].iov_base, iov[k].iov_len);
		b->ends[kind][store][b->n_frames++] = b->frames[kind][store].n;
	}
}

static void nothing(void *arg)
{
}

static int co_series(struct grpc_call *c, void *arg, struct err *err)
{
	size_t store = (size_t)arg, from = 0;
	for (size_t i = 0; i < bench.n_frames; i++) {
		size_t end = bench.ends[bench.kind][store][i];
		struct grpc_part p =
			grpc_part_ref(str_mem(bench.frames[bench.kind][store].p + from, end - from), nothing, NULL);
		int rc = co_grpc_send(c, &p, 1, err);
		if (rc != 0)
			return rc;
		from = end;
	}
	return 0;
}

static int co_info(struct grpc_call *c, void *arg, struct err *err)
{
	Thanos__Info__InfoResponse r = THANOS__INFO__INFO_RESPONSE__INIT;
	Thanos__Info__StoreInfo st = THANOS__INFO__STORE_INFO__INIT;
	r.componenttype = (char *)"receive";
	st.min_time = INT64_MIN;
	st.max_time = INT64_MAX;
	st.supports_sharding = st.supports_without_replica_labels = 1;
	r.store = &st;
	return co_grpc_send_pb(c, &r, err);
}

static const struct grpc_method methods[] = {
	{ "/thanos.Store/Series", GRPC_SERVER_STREAM, co_series },
	{ "/thanos.info.Info/Info", GRPC_UNARY, co_info },
};

/* Evaluates once; an empty text only pulls the series. */
static void co_measure(const char *name, const char *text, unsigned kind, bool dedup)
{
	static const struct str replica = { "replica", 7 };
	struct query_select_opts o = { .dedup = dedup, .replica_labels = &replica, .n_replica_labels = 1 };
	struct promql_query pq = { .text = str_c(text),
				   .start_ms = 1700000000000,
				   .end_ms = 1700000000000 + CHUNKS * SAMPLES * 15000,
				   .step_ms = 60000 };
	struct promql_opts opts = query_engine_opts(bench.q, 0, 0);
	struct promql_result res;
	struct budget b;
	struct arena a;
	struct err e;
	bench.kind = kind;
	query_budget_init(bench.q, &b);
	arena_init(&a, &b);
	struct query_source *src = query_source_new(bench.q, &o, &a, &e);
	struct promql_source ps = query_source_promql(src);
	if (promql_parse(pq.text, NULL, &a, &pq.expr, NULL, &e))
		abort();
	clock_t begin = clock(); /* of the process: others may keep the machine busy */
	if (promql_exec(&pq, &opts, &ps, &a, &res, &e)) {
		fprintf(stderr, "%s\n", e.msg);
		abort();
	}
	double ns = (double)(clock() - begin) / CLOCKS_PER_SEC * 1e9;
	struct fanout_stats st = query_source_stats(src);
	printf("%-40s %8.0f ns/series %6.2f ns/sample %7.1f MB/s, peak %.1f MB, %.2f s\n", name, ns / (double)st.series,
	       ns / (double)st.samples, (double)st.bytes / ns * 1e3, (double)b.peak / 1e6, ns / 1e9);
	arena_fini(&a);
	budget_fini(&b);
}

static void bench_main(void *arg)
{
	struct query_config cfg = query_config_default();
	const char *addrs[STORES];
	struct err e;
	for (size_t i = 0; i < STORES; i++) {
		struct addr at;
		bench.srv[i] = grpc_server_new(bench.r, NULL);
		grpc_server_add(bench.srv[i], methods, ARRAY_LEN(methods), (void *)i);
		if (addr_parse(STR("127.0.0.1:0"), -1, &at, &e) || grpc_server_listen(bench.srv[i], &at, &e))
			abort();
		addrs[i] = sockaddr_text(listener_addr(grpc_server_listener(bench.srv[i], 0)), bench.addr[i]);
		make_frames(&bench, 0, (int)i);
		make_frames(&bench, 1, (int)i);
	}
	cfg.discovery.endpoints = (struct discovery_names){ addrs, STORES };
	bench.q = query_new(bench.r, &cfg, NULL, NULL, NULL, &e);
	if (!bench.q || co_endpoints_update(query_endpoints(bench.q), &e))
		abort();
	for (int i = 0; i < 3; i++) {
		co_measure("count, own series", "count(http_requests_total offset 1h)", 1, false);
		co_measure("sum by (rate), own series", "sum by (pod) (rate(http_requests_total[5m]))", 1, false);
		co_measure("sum by (rate), 4 equal replicas", "sum by (pod) (rate(http_requests_total[5m]))", 0, true);
	}
	query_free(bench.q);
	co_sleep_ms(50, NULL);
	for (size_t i = 0; i < STORES; i++) {
		grpc_server_stop(bench.srv[i]);
		while (grpc_server_stats(bench.srv[i]).connections || grpc_server_stats(bench.srv[i]).calls)
			co_sleep_ms(5, NULL);
		grpc_server_free(bench.srv[i]);
	}
}

int main(void)
{
	bench.r = reactor_new(NULL, NULL);
	fiber_start(bench.r, "bench", bench_main, NULL);
	reactor_run_until_idle(bench.r);
	reactor_free(bench.r);
	return 0;
}
