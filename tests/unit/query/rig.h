/* A querier over fake stores, all in one reactor. */
#ifndef TESTS_UNIT_QUERY_RIG_H
#define TESTS_UNIT_QUERY_RIG_H

#include "unit/unit.h"

#include "base/mem.h"
#include "base/vec.h"
#include "chunk/hist.h"
#include "chunk/xor.h"
#include "grpc/client.h"
#include "grpc/pb.h"
#include "grpc/server.h"
#include "labels/builder.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "metrics/expose.h"
#include "metrics/metrics.h"
#include "net/addr.h"
#include "net/dns.h"
#include "net/listener.h"
#include "promql/engine.h"
#include "promql/lang/parser.h"
#include "proto/info.pb-c.h"
#include "query/query.h"
#include "query/source.h"
#include "series/shard.h"
#include "series/wire_series.h"

/* What a fake store does with a Series call. */
enum fake_mode {
	FAKE_OK,
	FAKE_ERROR,      /* fails at once */
	FAKE_ERROR_LATE, /* after its first series */
	FAKE_HANG,       /* sends nothing */
	FAKE_HANG_LATE,  /* stops after its first series */
	FAKE_UNSORTED,   /* series in reverse order */
	FAKE_GARBAGE,    /* a frame that is no message */
	FAKE_BAD_LABELS, /* labels of a series out of order */
	FAKE_BAD_TIMES,  /* a chunk that ends before it begins */
	FAKE_BAD_CHUNK,  /* a chunk cut short */
	FAKE_WARNING,    /* a warning, then all series */
};

struct fake_series {
	struct labels *labels; /* heap */
	int64_t mint, maxt;
	char data[512];
	size_t n;
	char sum[512]; /* with n_sum: data are the counts of a downsampled series */
	size_t n_sum;
	struct hist_app *hist; /* or native histograms */
};

struct fake_store {
	struct grpc_server *srv;
	char addr[ADDR_TEXT_MAX];
	const char *component;
	struct labels ext; /* one label set; empty: none */
	int64_t mint, maxt;
	bool no_sharding, no_without_replica, info_fails, info_hangs, no_store_api, batch;
	enum fake_mode mode;
	VEC(struct fake_series) series;
	struct arena arena; /* of `last`'s parts */
	struct series_request last;
	struct str last_tenant;
	unsigned calls, label_calls;
	struct tls_ctx *tls; /* NULL: plain */
	unsigned busy;       /* so many calls fail with UNAVAILABLE */
	struct label_request last_labels;
	int cancelled;                  /* calls that hung until cancelled or out of time */
	const struct grpc_method *more; /* methods of other APIs, handlers get the store */
	size_t n_more;
	void (*announce)(Thanos__Info__InfoResponse *r); /* adds those APIs to an Info */
};

struct rig {
	struct reactor *r;
	struct arena arena;
	struct metrics_registry *reg;
	struct dns_resolver *dns;
	struct logger *lg; /* NULL: nothing is logged */
	struct fake_store store[4];
	size_t n_stores;
	struct query_config cfg;
	struct query *q;
	void (*body)(struct rig *rig);
	/* of queries */
	struct query_select_opts opts;
	struct matcher *extra[2]; /* besides the name */
	size_t n_extra;
	struct err err;
};

/* --- data ------------------------------------------------------------------------------------ */

/* Labels of name, value pairs in order, ended by NULL. In the rig's arena. */
static inline struct labels rig_labels(struct rig *rig, const char *const *nv)
{
	size_t n = 0;
	while (nv[2 * n])
		n++;
	struct label *p = arena_array(&rig->arena, n + 1, sizeof(*p));
	for (size_t i = 0; i < n; i++)
		p[i] = (struct label){ str_c(nv[2 * i]), str_c(nv[2 * i + 1]) };
	label_sort(p, n);
	return (struct labels){ p, n };
}

#define L(...) rig_labels(rig, (const char *const[]){ __VA_ARGS__, NULL, NULL })

/* Adds a series with one chunk of samples at from, from + step, ... */
static inline struct fake_series *fake_add(struct fake_store *s, struct labels l, int64_t from, int64_t step, size_t n,
					   double first, double delta)
{
	struct fake_series *f = vec_push(&s->series);
	struct xor_app app;
	*f = (struct fake_series){ .labels = labels_dup(l), .mint = from, .maxt = from + step * (int64_t)(n - 1) };
	xor_app_init(&app, (uint8_t *)f->data, sizeof(f->data));
	for (size_t i = 0; i < n; i++)
		assert_true(xor_append(&app, from + step * (int64_t)i, first + delta * (double)i));
	f->n = xor_app_bytes(&app).n;
	return f;
}

/* Makes the series just added a downsampled one: its values are counts, `sum` per count the sums. */
static inline void fake_make_aggregate(struct fake_series *f, double first, double per_count)
{
	struct xor_iter it;
	struct xor_app app;
	int64_t t;
	double v;
	xor_app_init(&app, (uint8_t *)f->sum, sizeof(f->sum));
	assert_int_equal(xor_iter_init(&it, str_mem(f->data, f->n), NULL), 0);
	while (xor_iter_next(&it, &t, &v, NULL) == 1)
		assert_true(xor_append(&app, t, first + v * per_count));
	f->n_sum = xor_app_bytes(&app).n;
}

/* --- the fake Store API -------------------------------------------------------------------------- */

static inline int fake_cmp(const void *a, const void *b)
{
	return labels_cmp(((const struct series *)a)->labels, ((const struct series *)b)->labels);
}

/* The series that the request is for, as the store sends them. */
static inline size_t fake_pick(struct fake_store *s, const struct series_request *req, struct arena *a,
			       struct series *out)
{
	struct matcher **m;
	size_t n = 0;
	struct str *names = arena_array(a, req->without_replica_labels.n + 1, sizeof(*names));
	if (req->without_replica_labels.n)
		memcpy(names, req->without_replica_labels.p, req->without_replica_labels.n * sizeof(*names));
	assert_int_equal(wire_matchers_compile(req->matchers, req->n_matchers, a, &m, NULL), 0);
	for (size_t i = 0; i < s->series.n; i++) {
		struct fake_series *f = &s->series.p[i];
		struct series *to = &out[n];
		if (!matchers_match(m, req->n_matchers, *f->labels) || f->maxt < req->mint || f->mint > req->maxt)
			continue;
		to->labels = *f->labels;
		if (!s->no_without_replica)
			labels_without(*f->labels, names, req->without_replica_labels.n, a, &to->labels, NULL);
		if (!s->no_sharding && req->has_shard && !shard_matches(&req->shard, to->labels))
			continue;
		to->chunks = arena_array(a, 1, sizeof(*to->chunks));
		to->n_chunks = req->skip_chunks ? 0 : 1;
		to->chunks[0].mint = f->mint;
		to->chunks[0].maxt = s->mode == FAKE_BAD_TIMES ? f->mint - 1 : f->maxt;
		to->chunks[0].part[SERIES_RAW].chunk =
			(struct chunk){ CHUNK_XOR, str_mem(f->data, s->mode == FAKE_BAD_CHUNK ? f->n / 2 : f->n) };
		if (f->n_sum) {
			to->chunks[0].part[SERIES_COUNT] = to->chunks[0].part[SERIES_RAW];
			to->chunks[0].part[SERIES_SUM].chunk = (struct chunk){ CHUNK_XOR, str_mem(f->sum, f->n_sum) };
			to->chunks[0].part[SERIES_RAW] = (struct series_part){ 0 };
		}
		if (f->hist)
			to->chunks[0].part[SERIES_RAW].chunk =
				(struct chunk){ hist_app_stat(f->hist).enc, hist_app_bytes(f->hist) };
		if (s->mode == FAKE_BAD_LABELS) {
			struct label *p = arena_array(a, 2, sizeof(*p));
			p[0] = (struct label){ STR("z"), STR("1") };
			p[1] = (struct label){ STR("a"), STR("1") };
			to->labels = (struct labels){ p, 2 };
		}
		n++;
	}
	if (n)
		qsort(out, n, sizeof(*out), fake_cmp);
	for (size_t i = 0; s->mode == FAKE_UNSORTED && i < n / 2; i++) {
		struct series x = out[i];
		out[i] = out[n - 1 - i];
		out[n - 1 - i] = x;
	}
	return n;
}

static inline int co_fake_send(struct grpc_call *c, const struct series *s, size_t n, bool batch, struct err *err)
{
	struct frame_writer w = { 0 };
	const struct iovec *iov;
	size_t n_iov;
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = frame_add_series(&w, &s[i], err);
	frame_finish(&w, batch, &iov, &n_iov);
	struct grpc_part *parts = xcalloc(n_iov, sizeof(*parts));
	for (size_t i = 0; i < n_iov; i++)
		parts[i] = grpc_part_copy(str_mem(iov[i].iov_base, iov[i].iov_len));
	if (rc == 0)
		rc = co_grpc_send(c, parts, n_iov, err);
	free(parts);
	frame_writer_fini(&w);
	return rc;
}

static inline int co_fake_hang(struct fake_store *s, struct err *err)
{
	int rc = co_sleep_ms(60000, err);
	s->cancelled += rc != 0;
	return rc;
}

static inline int co_fake_series(struct grpc_call *c, void *arg, struct err *err)
{
	struct fake_store *s = arg;
	struct arena *a = grpc_call_arena(c);
	struct series *out = arena_array(a, s->series.n + 1, sizeof(*out));
	struct str copy = grpc_call_request(c), tenant = grpc_call_metadata(c, "thanos-tenant");
	s->calls++;
	copy.p = arena_memdup(&s->arena, copy.p, copy.n);
	s->last_tenant = str_mem(arena_memdup(&s->arena, tenant.n ? tenant.p : "", tenant.n), tenant.n);
	assert_int_equal(series_request_read(copy, &s->arena, &s->last, NULL), 0);
	size_t n = fake_pick(s, &s->last, a, out);
	if (s->busy && s->busy--)
		return err_set(err, ERR_UNAVAILABLE, "busy");
	if (s->mode == FAKE_ERROR)
		return err_set(err, ERR_INTERNAL, "disk on fire");
	if (s->mode == FAKE_HANG)
		return co_fake_hang(s, err);
	if (s->mode == FAKE_GARBAGE)
		return co_grpc_send_str(c, STR("\x0a\xff\xff\xff\xff\x7fzzz"), err);
	if (s->mode == FAKE_WARNING) {
		struct strbuf w = { 0 };
		frame_write_warning(STR("half of it is lost"), &w);
		int rc = co_grpc_send_str(c, strbuf_str(&w), err);
		strbuf_fini(&w);
		if (rc != 0)
			return rc;
	}
	if (s->batch)
		return n ? co_fake_send(c, out, n, true, err) : 0;
	for (size_t i = 0; i < n; i++) {
		int rc = co_fake_send(c, &out[i], 1, false, err);
		if (rc != 0)
			return rc;
		if (s->mode == FAKE_ERROR_LATE)
			return err_set(err, ERR_INTERNAL, "disk on fire");
		if (s->mode == FAKE_HANG_LATE)
			return co_fake_hang(s, err);
	}
	return 0;
}

static inline int fake_by_bytes(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static inline int co_fake_labels(struct grpc_call *c, struct fake_store *s, bool values, struct err *err)
{
	struct arena *a = grpc_call_arena(c);
	struct str copy = grpc_call_request(c), *all = arena_array(a, 64, sizeof(*all));
	struct label_request *req = &s->last_labels;
	struct label_response resp = { 0 };
	struct strbuf b = { 0 };
	s->label_calls++;
	copy.p = arena_memdup(&s->arena, copy.n ? copy.p : "", copy.n);
	assert_int_equal(values ? label_values_request_read(copy, &s->arena, req, NULL)
				: label_names_request_read(copy, &s->arena, req, NULL),
			 0);
	if (s->busy && s->busy--)
		return err_set(err, ERR_UNAVAILABLE, "busy");
	if (s->mode == FAKE_ERROR)
		return err_set(err, ERR_INTERNAL, "disk on fire");
	if (s->mode == FAKE_HANG)
		return co_fake_hang(s, err);
	for (size_t i = 0; i < s->series.n; i++) {
		struct labels l = *s->series.p[i].labels;
		for (size_t k = 0; k < l.n && resp.values.n < 64; k++)
			if (!values || str_eq(l.p[k].name, req->label))
				all[resp.values.n++] = values ? l.p[k].value : l.p[k].name;
	}
	qsort(all, resp.values.n, sizeof(*all), fake_by_bytes);
	resp.values.p = all;
	label_response_write(&resp, &b);
	int rc = co_grpc_send_str(c, strbuf_str(&b), err);
	strbuf_fini(&b);
	return rc;
}

static inline int co_fake_names(struct grpc_call *c, void *arg, struct err *err)
{
	return co_fake_labels(c, arg, false, err);
}

static inline int co_fake_values(struct grpc_call *c, void *arg, struct err *err)
{
	return co_fake_labels(c, arg, true, err);
}

static inline int co_fake_info(struct grpc_call *c, void *arg, struct err *err)
{
	struct fake_store *s = arg;
	if (s->info_hangs)
		return co_fake_hang(s, err);
	if (s->info_fails)
		return err_set(err, ERR_UNAVAILABLE, "not ready");
	Thanos__Info__InfoResponse r = THANOS__INFO__INFO_RESPONSE__INIT;
	Thanos__Info__StoreInfo st = THANOS__INFO__STORE_INFO__INIT;
	Thanos__ZLabelSet set = THANOS__ZLABEL_SET__INIT, *sets[] = { &set };
	Thanos__Label l[4], *ls[4];
	char text[4][2][64];
	for (size_t i = 0; i < s->ext.n; i++) {
		l[i] = (Thanos__Label)THANOS__LABEL__INIT;
		snprintf(text[i][0], 64, "%.*s", STR_ARG(s->ext.p[i].name));
		snprintf(text[i][1], 64, "%.*s", STR_ARG(s->ext.p[i].value));
		l[i].name = text[i][0];
		l[i].value = text[i][1];
		ls[i] = &l[i];
	}
	set.labels = ls;
	set.n_labels = s->ext.n;
	r.label_sets = sets;
	r.n_label_sets = s->ext.n ? 1 : 0;
	r.componenttype = (char *)s->component;
	st.min_time = s->mint;
	st.max_time = s->maxt;
	st.supports_sharding = !s->no_sharding;
	st.supports_without_replica_labels = !s->no_without_replica;
	r.store = s->no_store_api ? NULL : &st;
	if (s->announce)
		s->announce(&r);
	return co_grpc_send_pb(c, &r, err);
}

static const struct grpc_method fake_methods[] = {
	{ "/thanos.Store/Series", GRPC_SERVER_STREAM, co_fake_series },
	{ "/thanos.Store/LabelNames", GRPC_UNARY, co_fake_names },
	{ "/thanos.Store/LabelValues", GRPC_UNARY, co_fake_values },
	{ "/thanos.info.Info/Info", GRPC_UNARY, co_fake_info },
};

/* --- the rig -------------------------------------------------------------------------------------------- */

/* `n` empty stores of all times. Stores and cfg may be changed between rig_init and rig_run. */
static inline void rig_init(struct rig *rig, size_t n)
{
	*rig = (struct rig){ .n_stores = n, .cfg = query_config_default() };
	arena_init(&rig->arena, NULL);
	rig->r = reactor_new(NULL, NULL);
	rig->reg = metrics_registry_new();
	for (size_t i = 0; i < n; i++) {
		struct fake_store *s = &rig->store[i];
		s->component = "sidecar";
		s->mint = INT64_MIN;
		s->maxt = INT64_MAX;
		arena_init(&s->arena, NULL);
	}
	rig->cfg.endpoints.info_timeout_ms = 1000;
	rig->opts.partial_response = true;
}

/* Offers all APIs, for all times. */
static inline void fake_announce_all(Thanos__Info__InfoResponse *r)
{
	static Thanos__Info__RulesInfo rules = THANOS__INFO__RULES_INFO__INIT;
	static Thanos__Info__TargetsInfo targets = THANOS__INFO__TARGETS_INFO__INIT;
	static Thanos__Info__MetricMetadataInfo metadata = THANOS__INFO__METRIC_METADATA_INFO__INIT;
	static Thanos__Info__ExemplarsInfo exemplars = THANOS__INFO__EXEMPLARS_INFO__INIT;
	static Thanos__Info__StatusInfo status = THANOS__INFO__STATUS_INFO__INIT;
	exemplars.min_time = INT64_MIN;
	exemplars.max_time = INT64_MAX;
	r->rules = &rules;
	r->targets = &targets;
	r->metric_metadata = &metadata;
	r->exemplars = &exemplars;
	r->status = &status;
}

static inline void fake_listen(struct rig *rig, struct fake_store *s)
{
	struct addr at;
	struct err e;
	struct grpc_server_opts opts = grpc_server_opts_default();
	opts.tls = s->tls;
	s->srv = grpc_server_new(rig->r, &opts);
	grpc_server_add(s->srv, fake_methods, ARRAY_LEN(fake_methods), s);
	if (s->n_more)
		grpc_server_add(s->srv, s->more, s->n_more, s);
	assert_int_equal(addr_parse(s->addr[0] ? str_c(s->addr) : STR("127.0.0.1:0"), -1, &at, &e), 0);
	if (grpc_server_listen(s->srv, &at, &e) != 0)
		fail_msg("%s", e.msg);
	sockaddr_text(listener_addr(grpc_server_listener(s->srv, 0)), s->addr);
}

static inline void fake_stop(struct fake_store *s)
{
	grpc_server_stop(s->srv);
	while (grpc_server_stats(s->srv).calls || grpc_server_stats(s->srv).connections)
		co_sleep_ms(5, NULL);
	grpc_server_free(s->srv);
	s->srv = NULL;
}

static inline void rig_main(void *arg)
{
	struct rig *rig = arg;
	const char *addrs[4];
	for (size_t i = 0; i < rig->n_stores; i++) {
		fake_listen(rig, &rig->store[i]);
		addrs[i] = rig->store[i].addr;
	}
	if (!rig->cfg.discovery.endpoints.n && !rig->cfg.discovery.endpoints_strict.n && !rig->cfg.discovery.sd_config)
		rig->cfg.discovery.endpoints = (struct discovery_names){ addrs, rig->n_stores };
	rig->dns = dns_resolver_new(rig->r, NULL, &rig->err);
	rig->q = query_new(rig->r, &rig->cfg, rig->dns, rig->lg, rig->reg, &rig->err);
	if (!rig->q)
		fail_msg("%s", rig->err.msg);
	assert_int_equal(co_endpoints_update(query_endpoints(rig->q), &rig->err), 0);
	rig->body(rig);
	query_free(rig->q);
	dns_resolver_free(rig->dns);
	for (size_t i = 0; i < rig->n_stores; i++)
		if (rig->store[i].srv)
			fake_stop(&rig->store[i]);
}

static inline void rig_run(struct rig *rig, void (*body)(struct rig *rig))
{
	rig->body = body;
	fiber_start(rig->r, "test", rig_main, rig);
	reactor_run_until_idle(rig->r);
	reactor_free(rig->r);
	metrics_registry_free(rig->reg);
	for (size_t i = 0; i < rig->n_stores; i++) {
		for (size_t k = 0; k < rig->store[i].series.n; k++) {
			free(rig->store[i].series.p[k].labels);
			hist_app_free(rig->store[i].series.p[k].hist);
		}
		vec_fini(&rig->store[i].series);
		arena_fini(&rig->store[i].arena);
	}
	arena_fini(&rig->arena);
}

/* --- selecting -------------------------------------------------------------------------------------------- */

/* The result of a select or query as text, with its warnings. */
struct rig_result {
	int rc;
	struct strbuf text;
	struct strbuf warnings;
	struct fanout_stats stats;
};

static inline void rig_result_fini(struct rig_result *r)
{
	strbuf_fini(&r->text);
	strbuf_fini(&r->warnings);
}

static inline void rig_take_warnings(struct query_source *s, struct rig_result *ret)
{
	const struct fanout_warnings *w = query_source_warnings(s);
	for (size_t i = 0; i < w->n; i++)
		strbuf_printf(&ret->warnings, "%.*s\n", STR_ARG(w->texts[i]));
	strbuf_add_c(&ret->warnings, "");
	ret->stats = query_source_stats(s);
}

/* Selects a metric, with rig->extra too; `{a="b"} t:v t:v\n` per series. */
static inline struct rig_result co_rig_select(struct rig *rig, const char *metric, int64_t mint, int64_t maxt,
					      const char *func)
{
	struct rig_result ret = { 0 };
	struct arena a;
	struct budget b;
	struct matcher *m[3];
	size_t n = 1 + rig->n_extra;
	struct promql_series s;
	void *set;
	query_budget_init(rig->q, &b);
	arena_init(&a, &b);
	assert_int_equal(matcher_compile_in(&a, MATCH_EQ, STR("__name__"), str_c(metric), &m[0], &rig->err), 0);
	for (size_t i = 0; i < rig->n_extra; i++)
		m[i + 1] = rig->extra[i];
	struct query_source *src = query_source_new(rig->q, &rig->opts, &a, &rig->err);
	struct promql_source ps = query_source_promql(src);
	struct promql_hints h = { .mint_ms = mint, .maxt_ms = maxt, .func = str_c(func) };
	ret.rc = ps.select(ps.arg, m, n, &h, &set, &rig->err);
	if (ret.rc == 0) {
		while ((ret.rc = ps.next(ps.arg, set, &s, &rig->err)) == 1) {
			labels_print(s.labels, &ret.text);
			for (size_t i = 0; i < s.n_floats; i++)
				strbuf_printf(&ret.text, " %lld:%g", (long long)s.t[i], s.v[i]);
			strbuf_add_ch(&ret.text, '\n');
		}
		rig_take_warnings(src, &ret);
		ps.close(ps.arg, set);
	} else {
		rig_take_warnings(src, &ret);
	}
	strbuf_add_c(&ret.text, "");
	arena_fini(&a);
	budget_fini(&b);
	return ret;
}

/* Selects everything of metric m in [0, 1000000] and expects these lines. */
static inline void co_expect_lines(struct rig *rig, const char *want)
{
	struct rig_result r = co_rig_select(rig, "m", 0, 1000000, "");
	if (r.rc != 0)
		fail_msg("%s", rig->err.msg);
	assert_string_equal(r.text.p ? r.text.p : "", want);
	rig_result_fini(&r);
}

#endif
