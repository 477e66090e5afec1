#include "query/source.h"

#include "api/active.h"
#include "base/mem.h"
#include "loop/fiber.h"
#include "metrics/metrics.h"
#include "query/query_internal.h"
#include "series/dedup.h"
#include "series/regex.h"
#include "series/samples.h"
#include "series/wire_series.h"
#include "text/float.h"

#include <stdlib.h>
#include <string.h>

/* Series per message that stores are asked for, as upstream does. */
#define BATCH_SERIES 64

/* Memory for samples that a select keeps from series to series. */
#define KEPT_BYTES 65536

struct query_source {
	struct query *q;
	const struct query_select_opts *o;
	struct arena *a;
	struct fanout_warnings warnings;
	struct fanout_stats stats; /* of closed sets */
	struct query_set *open;    /* list of open sets */
	struct query_peer *peers;  /* of closed sets */
	size_t n_peers, cap_peers;
	struct query_select *selects, **last_select; /* with scope.detail */
};

/* A select being read. */
struct query_set {
	struct query_source *src;
	struct query_set *next_open;
	uint32_t id; /* hints.id */
	struct series_request req;
	struct arena held;       /* of the request */
	struct arena arena;      /* of the series given out last */
	struct arena_mark empty; /* of `arena`, with its first block kept */
	struct fanout_series *stream;
	enum series_pick pick;
	bool dedup, counter;
	int64_t merge_mint; /* replicas are merged from here on, as by upstream's querier; not after req.mint */
};

struct query_source *query_source_new(struct query *q, const struct query_select_opts *o, struct arena *a,
				      struct err *err)
{
	struct query_source *s = arena_zalloc(a, sizeof(*s));
	if (!s) {
		arena_err(a, err);
		return NULL;
	}
	s->q = q;
	s->o = o;
	s->a = a;
	s->warnings.a = a;
	s->last_select = &s->selects;
	return s;
}

struct fanout_warnings *query_source_warnings(struct query_source *s)
{
	return &s->warnings;
}

static void add_stats(struct fanout_stats *sum, struct fanout_stats more)
{
	sum->series += more.series;
	sum->chunks += more.chunks;
	sum->samples += more.samples;
	sum->bytes += more.bytes;
	sum->stores += more.stores;
}

struct fanout_stats query_source_stats(const struct query_source *s)
{
	struct fanout_stats sum = s->stats;
	for (const struct query_set *set = s->open; set; set = set->next_open)
		if (set->stream)
			add_stats(&sum, fanout_series_stats(set->stream));
	return sum;
}

/* --- figures ---------------------------------------------------------------------------------- */

const struct query_peer *query_source_peers(const struct query_source *s, size_t *ret_n)
{
	*ret_n = s->n_peers;
	return s->peers;
}

const struct query_select *query_source_selects(const struct query_source *s)
{
	return s->selects;
}

void query_source_progress(void *source, struct api_progress *ret)
{
	const struct query_source *s = source;
	struct fanout_stats st = query_source_stats(s);
	size_t n_peers;
	*ret = (struct api_progress){
		.series = st.series,
		.chunks = st.chunks,
		.samples = st.samples,
		.bytes = st.bytes,
		.asked = st.stores,
	};
	for (const struct query_set *set = s->open; set; set = set->next_open) {
		const struct fanout_peer *p = set->stream ? fanout_series_peers(set->stream, &n_peers) : NULL;
		for (size_t i = 0; p && i < n_peers; i++)
			if (!p[i].ended && ret->n_pending++ < API_PROGRESS_PENDING)
				ret->pending[ret->n_pending - 1] = p[i].name;
	}
}

/* The sums of an endpoint, which are mostly at the index that it had before. NULL over budget. */
static struct query_peer *peer_sum(struct query_source *s, size_t hint, const char *name)
{
	if (hint < s->n_peers && strcmp(s->peers[hint].name, name) == 0)
		return &s->peers[hint];
	for (size_t i = 0; i < s->n_peers; i++)
		if (strcmp(s->peers[i].name, name) == 0)
			return &s->peers[i];
	if (s->n_peers == s->cap_peers) {
		size_t cap = s->cap_peers ? s->cap_peers * 2 : 8;
		struct query_peer *more = arena_array(s->a, cap, sizeof(*more));
		if (!more)
			return NULL;
		if (s->n_peers)
			memcpy(more, s->peers, s->n_peers * sizeof(*more));
		s->peers = more;
		s->cap_peers = cap;
	}
	char *copy = arena_strdup(s->a, name);
	if (!copy)
		return NULL;
	s->peers[s->n_peers] = (struct query_peer){ .name = copy };
	return &s->peers[s->n_peers++];
}

/* Keeps what a set's endpoints did. What does not fit into the budget is left out. */
static void keep_detail(struct query_set *set, const struct fanout_peer *p, size_t n)
{
	struct query_source *s = set->src;
	struct query_select *sel = arena_zalloc(s->a, sizeof(*sel));
	struct fanout_peer *copy = arena_array(s->a, n + 1, sizeof(*copy));
	const struct wire_matcher *m = set->req.matchers;
	struct wire_matcher *matchers = arena_array(s->a, set->req.n_matchers + 1, sizeof(*matchers));
	if (!sel || !copy || !matchers)
		return;
	if (set->req.n_matchers)
		memcpy(matchers, m, set->req.n_matchers * sizeof(*m));
	for (size_t i = 0; i < n; i++) {
		copy[i] = p[i];
		copy[i].name = arena_strdup(s->a, p[i].name);
		copy[i].told.p = arena_memdup(s->a, p[i].told.n ? p[i].told.p : "", p[i].told.n);
		if (!copy[i].name || !copy[i].told.p)
			return;
	}
	*sel = (struct query_select){ set->id, set->req, fanout_series_stats(set->stream), copy, n, NULL };
	sel->req.matchers = matchers;
	*s->last_select = sel;
	s->last_select = &sel->next;
}

static void keep_figures(struct query_set *set)
{
	size_t n;
	struct query_source *s = set->src;
	const struct fanout_peer *p = fanout_series_peers(set->stream, &n);
	add_stats(&s->stats, fanout_series_stats(set->stream));
	for (size_t i = 0; i < n; i++) {
		struct query_peer *sum = peer_sum(s, i, p[i].name);
		if (!sum)
			break;
		sum->calls++;
		sum->failed += p[i].failed;
		sum->series += p[i].series;
		sum->chunks += p[i].chunks;
		sum->bytes += p[i].bytes;
		sum->wait_ns += p[i].wait_ns;
	}
	if (s->o->scope.detail)
		keep_detail(set, p, n);
}

/* --- the request ------------------------------------------------------------------------------ */

/* Functions whose range must hold two samples or more, so that coarse data would leave holes. */
static bool needs_two_samples(struct str func)
{
	static const char *const names[] = { "rate",           "irate",        "increase",
					     "delta",          "idelta",       "deriv",
					     "predict_linear", "holt_winters", "double_exponential_smoothing" };
	for (size_t i = 0; i < ARRAY_LEN(names); i++)
		if (str_eq_c(func, names[i]))
			return true;
	return false;
}

/* The coarsest resolution that serves the function (upstream: maxResolutionFromSelectHints). */
static int64_t max_resolution(int64_t max_ms, const struct promql_hints *h)
{
	return h->range_ms > 0 && needs_two_samples(h->func) ? MIN(max_ms, h->range_ms / 2) : max_ms;
}

static int set_matchers(struct series_request *r, struct matcher *const *m, size_t n, struct arena *a, struct err *err)
{
	struct wire_matcher *w = arena_array(a, n + 1, sizeof(*w));
	if (!w)
		return arena_err(a, err);
	for (size_t i = 0; i < n; i++)
		w[i] = (struct wire_matcher){ m[i]->type, m[i]->name, m[i]->value, m[i] };
	r->matchers = w;
	r->n_matchers = n;
	return 0;
}

static int make_request(struct query_set *set, struct matcher *const *m, size_t n, const struct promql_hints *h,
			struct err *err)
{
	const struct query_select_opts *o = set->src->o;
	struct series_request *r = &set->req;
	enum series_aggr aggrs[2];
	set->pick = series_pick_of(h->func);
	set->counter = dedup_is_counter(h->func);
	set->dedup = o->dedup && o->n_replica_labels > 0;
	set->id = h->id;
	set->merge_mint = MIN(h->query_mint_ms, h->mint_ms);
	*r = (struct series_request){
		.mint = h->mint_ms,
		.maxt = h->maxt_ms,
		.max_resolution_ms = max_resolution(o->max_resolution_ms, h),
		.partial_response = o->partial_response ? PARTIAL_WARN : PARTIAL_ABORT,
		.skip_chunks = o->skip_chunks,
		.step_ms = h->step_ms,
		.range_ms = h->range_ms,
		.limit = (int64_t)MIN(o->limit, (uint64_t)INT64_MAX),
		.batch_size = BATCH_SERIES,
	};
	size_t n_aggrs = series_pick_aggrs(set->pick, aggrs);
	for (size_t i = 0; i < n_aggrs; i++)
		r->aggrs |= 1u << aggrs[i];
	if (o->shard) {
		r->has_shard = true;
		r->shard = *o->shard;
	}
	if (set->dedup)
		r->without_replica_labels = (struct wire_strs){ o->replica_labels, o->n_replica_labels };
	return set_matchers(r, m, n, &set->held, err);
}

int query_source_request(struct query_source *s, struct matcher *const *matchers, size_t n_matchers,
			 const struct promql_hints *hints, struct series_request *ret, struct err *err)
{
	struct query_set set = { .src = s };
	arena_init(&set.held, s->a->budget);
	int rc = make_request(&set, matchers, n_matchers, hints, err);
	*ret = set.req;
	rc = rc ? rc : set_matchers(ret, matchers, n_matchers, s->a, err);
	arena_fini(&set.held);
	return rc;
}

int query_source_choices(struct query_source *s, struct series_request *req, struct fanout_choice **ret, size_t *ret_n,
			 struct err *err)
{
	return fanout_explain(s->q->fanout, req, &s->o->scope, s->a, ret, ret_n, err);
}

/* --- opening and closing ---------------------------------------------------------------------------- */

/*
 * A failure of the fan-out in the words of upstream; what went wrong with the data is FAILED_PRECONDITION for the API. Its
 * engine, which calls of series do not have, says that it was expanding them.
 */
static int explain(const struct query_set *set, struct err *err)
{
	if (err->code == ERR_CANCELLED || err->code == ERR_DEADLINE_EXCEEDED)
		return -err->code;
	if (err->code == ERR_ABORTED || err->code == ERR_INVALID_ARGUMENT)
		err_set(err, (enum err_code)err->code, "rpc error: code = %s desc = %s", err_code_name(err->code),
			err->msg);
	if (err->code != ERR_RESOURCE_EXHAUSTED)
		err->code = ERR_FAILED_PRECONDITION;
	return err_prefix(err, "%sproxy Series()", set->req.skip_chunks ? "" : "expanding series: ");
}

static void forget(struct query_set *set)
{
	struct query_set **at = &set->src->open;
	while (*at && *at != set)
		at = &(*at)->next_open;
	if (*at)
		*at = set->next_open;
}

static void set_free(struct query_set *set)
{
	forget(set);
	if (set->stream)
		keep_figures(set);
	fanout_series_close(set->stream);
	if (set->src->q->m.selects_in_flight)
		gauge_add(set->src->q->m.selects_in_flight, -1);
	arena_fini(&set->arena);
	arena_fini(&set->held);
	free(set);
}

static void count_select(struct query *q)
{
	if (!q->m.selects_in_flight)
		return;
	gauge_add(q->m.selects_in_flight, 1);
	counter_inc(q->m.selects_total);
	histogram_observe(q->m.selects_wait, 0); /* a query's selects follow each other: none ever waits */
}

/* promql_source.select; suspends. */
static int source_select(void *arg, struct matcher *const *matchers, size_t n_matchers,
			 const struct promql_hints *hints, void **ret_set, struct err *err)
{
	struct query_source *s = arg;
	struct query_set *set = xcalloc(1, sizeof(*set));
	set->src = s;
	arena_init(&set->held, s->a->budget);
	arena_init(&set->arena, s->a->budget);
	set->next_open = s->open;
	s->open = set;
	count_select(s->q);
	int rc = make_request(set, matchers, n_matchers, hints, err);
	(void)arena_reserve(&set->arena, KEPT_BYTES);
	set->empty = arena_mark(&set->arena);
	if (rc == 0) {
		rc = co_fanout_series(s->q->fanout, &set->req, &s->o->scope, &s->warnings, s->a->budget, &set->stream,
				      err);
		rc = rc == 0 ? 0 : explain(set, err);
	}
	if (rc == 0)
		*ret_set = set;
	else
		set_free(set);
	return rc;
}

/* promql_source.close */
static void source_close(void *arg, void *set)
{
	(void)arg;
	set_free(set);
}

/* --- samples --------------------------------------------------------------------------------------------- */

/* Decodes the chunks of one replica, those whose list is `wanted`. */
static int decode_list(struct query_set *set, const struct series *s, const uint32_t *list, size_t n_lists,
		       uint32_t wanted, struct series_samples *ret, struct err *err)
{
	const struct series_request *r = &set->req;
	struct arena *a = &set->arena;
	bool resets_out = n_lists > 1 && set->counter && set->pick == SERIES_PICK_COUNTER;
	struct series_chunk *mine = s->chunks;
	size_t n = s->n_chunks;
	if (n_lists > 1) {
		mine = arena_array(a, s->n_chunks, sizeof(*mine));
		if (!mine)
			return arena_err(a, err);
		n = 0;
		for (size_t i = 0; i < s->n_chunks; i++)
			if (list[i] == wanted)
				mine[n++] = s->chunks[i];
	}
	int64_t mint = n_lists > 1 ? set->merge_mint : r->mint;
	return series_samples_decode(mine, n, set->pick, resets_out, mint, r->maxt, a, ret, err);
}

/* Leaves out samples before `mint`. */
static void drop_before(struct series_samples *s, int64_t mint)
{
	size_t k = 0;
	while (k < s->n && s->t[k] < mint)
		k++;
	s->n -= k;
	s->t += k;
	s->v += k;
	if (s->h)
		s->h += k;
}

/* All samples of a series, of its replicas made one. */
static int decode(struct query_set *set, const struct series *s, struct series_samples *ret, struct err *err)
{
	struct arena *a = &set->arena;
	size_t n_lists = 1;
	uint32_t *list = NULL;
	if (set->dedup && s->n_chunks > 1) {
		list = arena_array(a, s->n_chunks, sizeof(*list));
		if (!list)
			return arena_err(a, err);
		n_lists = dedup_split_overlaps(s->chunks, s->n_chunks, a, list);
	}
	if (n_lists <= 1)
		return decode_list(set, s, NULL, 1, 0, ret, err);
	struct series_samples *replicas = arena_array(a, n_lists, sizeof(*replicas));
	if (!replicas)
		return arena_err(a, err);
	for (size_t k = 0; k < n_lists; k++) {
		int rc = decode_list(set, s, list, n_lists, (uint32_t)k, &replicas[k], err);
		if (rc != 0)
			return rc;
	}
	int rc = dedup_merge(replicas, n_lists, set->src->q->cfg.dedup, set->counter, a, ret, err);
	if (rc == 0)
		drop_before(ret, set->req.mint);
	return rc;
}

/* Takes damaged chunks out of the series; returns whether any was. */
static bool drop_damaged(struct query_set *set, struct series *s)
{
	size_t kept = 0;
	for (size_t i = 0; i < s->n_chunks; i++) {
		struct arena_mark m = arena_mark(&set->arena);
		struct series_samples ignored = { 0 };
		struct err e;
		int rc = series_samples_decode(&s->chunks[i], 1, set->pick, false, set->req.mint, set->req.maxt,
					       &set->arena, &ignored, &e);
		arena_rewind(&set->arena, m);
		if (rc != -ERR_DATA_LOSS)
			s->chunks[kept++] = s->chunks[i];
	}
	bool any = kept < s->n_chunks;
	s->n_chunks = kept;
	return any;
}

/* Decodes, going on without damaged chunks under WARN. The message names the stores they may be from. */
static int decode_or_warn(struct query_set *set, struct series *s, struct series_samples *ret, struct err *err)
{
	struct err e = ERR_NONE;
	int rc = decode(set, s, ret, &e);
	if (rc == -ERR_DATA_LOSS) {
		struct strbuf name = { 0 };
		labels_print(s->labels, &name);
		err_prefix(&e, "chunks of series %.200s from %s", name.p,
			   fanout_series_stores_of(set->stream, s->labels, &set->arena));
		strbuf_fini(&name);
		if (set->src->o->partial_response && drop_damaged(set, s)) {
			fanout_warn(&set->src->warnings, str_c(e.msg));
			return decode(set, s, ret, err);
		}
	}
	if (rc != 0)
		err_set(err, e.code == ERR_DATA_LOSS ? ERR_FAILED_PRECONDITION : (enum err_code)e.code, "%s", e.msg);
	return rc != 0 ? -err->code : 0;
}

/* --- columns ----------------------------------------------------------------------------------------------- */

/* Parts samples of both kinds into a list of each. */
static int split_kinds(const struct series_samples *s, struct arena *a, struct promql_series *ret, struct err *err)
{
	size_t n_hists = 0;
	for (size_t i = 0; i < s->n; i++)
		n_hists += s->h[i] != NULL;
	int64_t *t = arena_alloc(a, (s->n - n_hists) * sizeof(*t)), *ht = arena_alloc(a, n_hists * sizeof(*ht));
	double *v = arena_alloc(a, (s->n - n_hists) * sizeof(*v));
	struct histogram *h = arena_alloc(a, n_hists * sizeof(*h));
	if (!t || !ht || !v || !h)
		return arena_err(a, err);
	size_t f = 0, k = 0;
	for (size_t i = 0; i < s->n; i++) {
		if (s->h[i]) {
			ht[k] = s->t[i];
			h[k++] = *s->h[i];
		} else {
			t[f] = s->t[i];
			v[f++] = s->v[i];
		}
	}
	ret->n_floats = f;
	ret->t = t;
	ret->v = v;
	ret->n_hists = k;
	ret->ht = ht;
	ret->h = h;
	return 0;
}

/* promql_source.next; suspends. */
static int source_next(void *arg, void *handle, struct promql_series *ret, struct err *err)
{
	struct query_set *set = handle;
	struct series s;
	struct series_samples samples = { 0 };
	(void)arg;
	arena_rewind(&set->arena, set->empty);
	*ret = (struct promql_series){ 0 };
	int rc = co_fanout_series_next(set->stream, &s, err);
	if (rc != 1)
		return rc == 0 ? 0 : explain(set, err);
	ret->labels = s.labels;
	if (set->req.skip_chunks || s.n_chunks == 0)
		return 1;
	rc = decode_or_warn(set, &s, &samples, err);
	if (rc != 0)
		return rc;
	if (samples.h)
		rc = split_kinds(&samples, &set->arena, ret, err);
	if (!samples.h) {
		ret->n_floats = samples.n;
		ret->t = samples.t;
		ret->v = samples.v;
	}
	return rc == 0 ? 1 : rc;
}

/* promql_source.checkpoint; suspends. */
static int source_checkpoint(void *arg, uint64_t n_samples, struct err *err)
{
	(void)arg;
	(void)n_samples;
	return co_checkpoint(err);
}

/* promql_source.same: which aggregates a select asks for matters only where there may be downsampled data. */
static bool source_same(void *arg, const struct promql_hints *a, const struct promql_hints *b)
{
	const struct query_source *s = arg;
	int64_t resolution = max_resolution(s->o->max_resolution_ms, a);
	enum series_pick p = series_pick_of(a->func), q = series_pick_of(b->func);
	if (resolution != max_resolution(s->o->max_resolution_ms, b) ||
	    dedup_is_counter(a->func) != dedup_is_counter(b->func))
		return false;
	return p == q || (resolution <= 0 && p != SERIES_PICK_COUNTER && q != SERIES_PICK_COUNTER);
}

struct promql_source query_source_promql(struct query_source *s)
{
	return (struct promql_source){
		.arg = s,
		.select = source_select,
		.next = source_next,
		.close = source_close,
		.checkpoint = source_checkpoint,
		.compile = co_regex_compile,
		.same = source_same,
	};
}

/* --- telemetry ----------------------------------------------------------------------------------------------- */

/* The first bound that is not below the value, as Go prints it (upstream: findBucket). */
static void bucket_text(double value, const struct query_bounds *b, struct strbuf *out)
{
	if (b->n == 0 || value >= b->p[b->n - 1]) {
		strbuf_add_c(out, "+Inf");
		return;
	}
	size_t i = 0;
	while (b->p[i] < value)
		i++;
	text_float_add(out, b->p[i], TEXT_FLOAT_F);
}

void query_source_observe(struct query_source *s, double seconds, const char *tenant)
{
	struct query *q = s->q;
	struct fanout_stats st = query_source_stats(s);
	struct strbuf series = { 0 }, samples = { 0 };
	if (!q->m.duration || st.series == 0 || st.samples == 0 || st.chunks == 0)
		return;
	bucket_text((double)st.series, &q->cfg.series_bounds, &series);
	bucket_text((double)st.samples, &q->cfg.sample_bounds, &samples);
	histogram_observe(metrics_histogram_with(q->m.duration, METRICS_LABELS(series.p, samples.p, tenant)), seconds);
	strbuf_fini(&series);
	strbuf_fini(&samples);
}
