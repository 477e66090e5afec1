/* A whole receive component in one reactor: write over loopback HTTP, read over loopback gRPC. */
#ifndef TESTS_UNIT_RECEIVE_RIG_H
#define TESTS_UNIT_RECEIVE_RIG_H

#include "unit/unit.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/vec.h"
#include "codec/snappy.h"
#include "grpc/client.h"
#include "grpc/server.h"
#include "http/client.h"
#include "http/metrics.h"
#include "http/probe.h"
#include "http/server.h"
#include "loop/reactor.h"
#include "metrics/metrics.h"
#include "net/addr.h"
#include "net/listener.h"
#include "receive/internal.h"
#include "series/wire_series.h"
#include "series/wire_write.h"

#include <fcntl.h>
#include <unistd.h>

struct rig {
	struct reactor *reactor;
	struct metrics_registry *metrics;
	struct http_metrics http_metrics;
	struct probe probe;
	struct logger log;
	struct budget memory;
	struct receive_config cfg;
	char *dir;
	struct label external[1];
	void (*body)(struct rig *rig);

	/* while it runs */
	struct receive *receive;
	struct grpc_server *grpc;
	struct grpc_channel *channel;
	struct http_client *client;
	char write_url[96];
};

static inline void must(int rc, const struct err *e)
{
	if (rc < 0)
		fail_msg("%s: %s", err_code_name(-rc), e->msg);
}

/* Options may be changed between rig_init and rig_run. */
static inline void rig_init(struct rig *rig)
{
	const char *tmp = getenv("TMPDIR");
	*rig = (struct rig){ .log = { .fd = open("/dev/null", O_WRONLY), .level = LOG_ERROR } };
	if (getenv("TEST_LOG"))
		rig->log = (struct logger){ .fd = 2 };
	rig->dir = xasprintf("%s/receive-test-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(rig->dir));
	rig->reactor = reactor_new(&rig->log, NULL);
	rig->metrics = metrics_registry_new();
	http_metrics_init(&rig->http_metrics, rig->metrics, &(struct http_metrics_opts){ 0 });
	probe_init(&rig->probe, "receive", NULL);
	budget_init(&rig->memory, NULL, "memory", BUDGET_UNLIMITED);
	rig->external[0] = (struct label){ STR("replica"), STR("r0") };
	rig->cfg = (struct receive_config){
		.reactor = rig->reactor,
		.log = &rig->log,
		.metrics = rig->metrics,
		.http_metrics = &rig->http_metrics,
		.probe = &rig->probe,
		.memory = &rig->memory,
		.tsdb_path = rig->dir,
		.external = { rig->external, 1 },
		.tenant_label = "tenant_id",
		.tenant_header = "THANOS-TENANT",
		.default_tenant = "default-tenant",
		.replica_header = "THANOS-REPLICA",
		.write_address = "127.0.0.1:0",
		.http_grace_ms = 1000,
	};
}

/* Starts the component on the rig's directory, with a client of each kind. Suspends. */
static inline void rig_start(struct rig *rig)
{
	struct err e;
	struct addr at;
	char text[ADDR_TEXT_MAX];
	struct grpc_server_opts o = grpc_server_opts_default();
	o.budget = &rig->memory;
	must(receive_new(&rig->receive, &rig->cfg, &e), &e);
	rig->grpc = grpc_server_new(rig->reactor, &o);
	receive_add_services(rig->receive, rig->grpc);
	must(addr_parse(STR("127.0.0.1:0"), -1, &at, &e), &e);
	must(grpc_server_listen(rig->grpc, &at, &e), &e);
	must(co_receive_start(rig->receive, &e), &e);
	rig->channel = grpc_channel_new(
		rig->reactor, sockaddr_text(listener_addr(grpc_server_listener(rig->grpc, 0)), text), NULL, &e);
	assert_non_null(rig->channel);
	rig->client = http_client_new(&(struct http_client_config){ .reactor = rig->reactor, .proxy_url = "" }, &e);
	assert_non_null(rig->client);
	snprintf(rig->write_url, sizeof(rig->write_url), "http://%s/api/v1/receive",
		 sockaddr_text(http_server_addr(rig->receive->http, 0), text));
}

/* Stops it. Suspends. */
static inline void rig_stop(struct rig *rig)
{
	http_client_free(rig->client);
	grpc_channel_unref(rig->channel);
	co_grpc_server_drain(rig->grpc, 200);
	co_receive_stop(rig->receive);
	grpc_server_free(rig->grpc);
	receive_free(rig->receive);
	rig->receive = NULL;
}

static inline void rig_main(void *arg)
{
	struct rig *rig = arg;
	rig_start(rig);
	rig->body(rig);
	rig_stop(rig);
}

static inline void rig_run(struct rig *rig, void (*body)(struct rig *rig))
{
	rig->body = body;
	fiber_start(rig->reactor, "test", rig_main, rig);
	reactor_run_until_idle(rig->reactor);
	reactor_free(rig->reactor);
	metrics_registry_free(rig->metrics);
	assert_int_equal(rig->memory.used, 0);
	assert_int_equal(file_remove_all(rig->dir, NULL), 0);
	if (rig->log.fd > 2)
		close(rig->log.fd);
	free(rig->dir);
}

/* --- writing ------------------------------------------------------------------------------- */

/* Takes "a=1,b=2" apart. */
static inline size_t rig_labels(const char *text, struct label *ret, size_t max)
{
	struct str rest = str_c(text);
	size_t n = 0;
	while (rest.p && rest.n) {
		struct str value = str_cut(&rest, ','), name = str_cut(&value, '=');
		assert_true(n < max);
		ret[n++] = (struct label){ name, value };
	}
	return n;
}

/* Adds a series of `n` floats at t, t + step, ... to a remote write 1.0 body. Values are v, v + 1, ..., or with `noise` such that chunks are long. */
static inline void rig_add_values(struct strbuf *body, const char *labels, int64_t t, int64_t step, double v, size_t n,
				  bool noise)
{
	struct label l[16];
	int64_t *ts = xcalloc(n, sizeof(*ts));
	double *vs = xcalloc(n, sizeof(*vs));
	for (size_t i = 0; i < n; i++) {
		ts[i] = t + (int64_t)i * step;
		vs[i] = noise ? 1 / (v + (double)i + 3) : v + (double)i;
	}
	struct labels set = { l, rig_labels(labels, l, ARRAY_LEN(l)) };
	struct write_series s = { .n_samples = n, .t = ts, .v = vs };
	write_put_series(body, 1, &s, &set);
	free(ts);
	free(vs);
}

static inline void rig_add_run(struct strbuf *body, const char *labels, int64_t t, int64_t step, double v, size_t n)
{
	rig_add_values(body, labels, t, step, v, n, false);
}

static inline void rig_add(struct strbuf *body, const char *labels, int64_t t, double v)
{
	rig_add_run(body, labels, t, 0, v, 1);
}

/* Sends a body and frees it; the status. `ret` (may be NULL) gets the response. Suspends. */
static inline int co_rig_send(struct rig *rig, struct strbuf *body, const char *tenant, const struct http_header *more,
			      size_t n_more, struct http_client_resp *ret)
{
	struct http_header headers[8] = { { STR("Content-Type"), STR("application/x-protobuf") } };
	size_t n = n_more ? 0 : 1;
	struct http_client_resp own = { 0 }, *resp = ret ? ret : &own;
	struct strbuf packed = { 0 };
	struct err e;
	must(codec_snappy_compress_add(strbuf_str(body), &packed, &e), &e);
	for (size_t i = 0; i < n_more; i++)
		headers[n++] = more[i];
	if (tenant)
		headers[n++] = (struct http_header){ STR("THANOS-TENANT"), str_c(tenant) };
	struct http_client_req rq = { .method = "POST",
				      .url = rig->write_url,
				      .headers = headers,
				      .n_headers = n,
				      .body = strbuf_str(&packed),
				      .timeout_ms = 20000 };
	must(co_http_request(rig->client, &rq, resp, &e), &e);
	int status = resp->status;
	http_client_resp_fini(&own);
	strbuf_fini(&packed);
	strbuf_fini(body);
	return status;
}

static inline int co_rig_write(struct rig *rig, struct strbuf *body, const char *tenant)
{
	return co_rig_send(rig, body, tenant, NULL, 0, NULL);
}

/* --- reading --------------------------------------------------------------------------------- */

/* What a Series call brought, as text: a line a series, "{labels} t:v t:v". */
struct rig_result {
	struct strbuf text;
	size_t series, frames, chunks, samples, largest_batch;
	int code;
	struct err err;
};

static inline void rig_result_fini(struct rig_result *r)
{
	strbuf_fini(&r->text);
}

struct rig_sample {
	int64_t t;
	double v;
};

static inline int rig_by_time(const void *a, const void *b)
{
	const struct rig_sample *x = a, *y = b;
	return (x->t > y->t) - (x->t < y->t);
}

/* Adds a series' line: samples in [mint, maxt], by time, each time once. */
static inline void rig_print(struct rig_result *r, const struct series *s, struct arena *a, int64_t mint, int64_t maxt)
{
	VEC(struct rig_sample) all = { 0 };
	struct err e;
	labels_print(s->labels, &r->text);
	for (size_t i = 0; i < s->n_chunks; i++) {
		struct chunk_cols c;
		must(chunk_decode(s->chunks[i].part[SERIES_RAW].chunk, a, &c, &e), &e);
		assert_true(c.n > 0 && c.t[0] == s->chunks[i].mint && c.t[c.n - 1] == s->chunks[i].maxt);
		assert_true(i == 0 || s->chunks[i - 1].mint <= s->chunks[i].mint);
		for (size_t k = 0; k < c.n; k++)
			if (c.t[k] >= mint && c.t[k] <= maxt)
				*vec_push(&all) = (struct rig_sample){ c.t[k], c.v ? c.v[k] : c.h[k].sum };
	}
	if (all.n)
		qsort(all.p, all.n, sizeof(*all.p), rig_by_time);
	for (size_t i = 0; i < all.n; i++) {
		if (i && all.p[i].t == all.p[i - 1].t) {
			assert_true(all.p[i].v == all.p[i - 1].v);
			continue;
		}
		strbuf_printf(&r->text, " %lld:%g", (long long)all.p[i].t, all.p[i].v);
		r->samples++;
	}
	strbuf_add_ch(&r->text, '\n');
	r->chunks += s->n_chunks;
	r->series++;
	vec_fini(&all);
}

/* Takes a frame apart; series must come in order of their labels. */
static inline void rig_take_frame(struct rig_result *r, struct str frame, struct strbuf *last, int64_t mint,
				  int64_t maxt)
{
	struct frame_reader fr = frame_reader_begin(frame);
	struct frame_item item;
	struct arena a;
	struct err e;
	size_t in_frame = 0;
	arena_init(&a, NULL);
	int rc;
	while ((rc = frame_next(&fr, &item, &e)) == 1) {
		assert_int_equal(item.kind, FRAME_SERIES);
		struct series s;
		struct labels before;
		must(frame_series_read(item.body, &a, &s, &e), &e);
		must(last->n ? labels_unpack(strbuf_str(last), &a, &before, &e) : 0, &e);
		assert_true(last->n == 0 || labels_cmp(before, s.labels) < 0);
		strbuf_reset(last);
		char *dst = strbuf_reserve(last, labels_pack_size(s.labels));
		labels_pack(s.labels, dst);
		last->n = labels_pack_size(s.labels);
		rig_print(r, &s, &a, mint, maxt);
		in_frame++;
	}
	must(rc, &e);
	r->frames++;
	r->largest_batch = MAX(r->largest_batch, in_frame);
	arena_fini(&a);
}

/* A Series call; everything that came, or its error. Suspends. */
static inline void co_rig_series(struct rig *rig, const struct series_request *req, struct rig_result *ret)
{
	struct strbuf msg = { 0 }, last = { 0 };
	struct grpc_stream *st;
	*ret = (struct rig_result){ 0 };
	series_request_write(req, &msg);
	struct grpc_part part = grpc_part_copy(strbuf_str(&msg));
	must(co_grpc_stream_open(rig->channel, "/thanos.Store/Series", NULL, &part, 1, &st, &ret->err), &ret->err);
	for (;;) {
		struct str frame;
		bool end = false;
		ret->code = -co_grpc_recv(st, &frame, &end, &ret->err);
		if (ret->code || end)
			break;
		rig_take_frame(ret, frame, &last, req->mint, req->maxt);
	}
	strbuf_add(&ret->text, "", 0);
	grpc_stream_close(st);
	strbuf_fini(&msg);
	strbuf_fini(&last);
}

/* Expects the text of all series that one matcher selects. Suspends. */
static inline void co_rig_expect(struct rig *rig, enum matcher_type type, const char *name, const char *value,
				 int64_t mint, int64_t maxt, const char *want)
{
	struct wire_matcher m = { type, str_c(name), str_c(value) };
	struct series_request req = { .mint = mint, .maxt = maxt, .matchers = &m, .n_matchers = 1 };
	struct rig_result r;
	co_rig_series(rig, &req, &r);
	must(-r.code, &r.err);
	assert_string_equal(r.text.p ? r.text.p : "", want);
	rig_result_fini(&r);
}

/* LabelNames (label NULL) or LabelValues: the strings joined by commas, on the heap. Suspends. */
static inline char *co_rig_strings(struct rig *rig, const char *label, struct label_request req)
{
	struct strbuf msg = { 0 }, out = { 0 };
	struct arena a;
	struct str answer;
	struct err e;
	struct label_response resp;
	arena_init(&a, NULL);
	req.label = str_c(label);
	if (!req.end)
		req.end = INT64_MAX;
	if (label)
		label_values_request_write(&req, &msg);
	else
		label_names_request_write(&req, &msg);
	struct grpc_part part = grpc_part_copy(strbuf_str(&msg));
	must(co_grpc_unary(rig->channel, label ? "/thanos.Store/LabelValues" : "/thanos.Store/LabelNames", NULL, &part,
			   1, &a, &answer, &e),
	     &e);
	must(label_response_read(answer, &a, &resp, &e), &e);
	strbuf_add(&out, "", 0);
	for (size_t i = 0; i < resp.values.n; i++)
		strbuf_printf(&out, "%s%.*s", i ? "," : "", STR_ARG(resp.values.p[i]));
	arena_fini(&a);
	strbuf_fini(&msg);
	return out.p ? strbuf_steal(&out) : xstrdup("");
}

/* As co_rig_strings, compared. */
#define co_rig_expect_strings(rig, label, req, want) \
	do { \
		char *got_ = co_rig_strings((rig), (label), (req)); \
		assert_string_equal(got_, (want)); \
		free(got_); \
	} while (0)

#endif
