#include "query/fanout_internal.h"

#include "base/mem.h"
#include "base/sys.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "metrics/metrics.h"
#include "series/merge.h"

#include <stdlib.h>
#include <string.h>

/* Samples that a chunk counts for in --store.limits.request-samples. */
#define SAMPLES_PER_CHUNK 120

/* Series pulled between two looks at the clock. */
#define CHECKPOINT_SERIES 64

/* A fiber that begins one stream. */
struct opening {
	struct store_stream *st;
	struct fiber *fiber;
	struct waitq *moved; /* woken when it ended */
};

struct fanout_series {
	struct fanout *f;
	struct stream_shared sh;
	struct arena arena;
	struct strbuf message;
	struct fanout_plan plan;
	struct store_stream **streams; /* for the cursors' indexes; closed ones are NULL */
	struct fanout_peer *peers;     /* their figures */
	const char **texts;            /* stores' names */
	struct series_merge *merge;
	struct fanout_stats stats;
	uint64_t pulled;
};

/* --- failures of stores ---------------------------------------------------------------------- */

/* A stream failed and is closed: go on without it, or not. As upstream, what failed after it was opened is ABORTED. */
static int on_fail(void *arg, size_t i, const struct err *cause)
{
	struct fanout_series *s = arg;
	if (s->sh.failed_here)
		return -cause->code;
	if (s->sh.abort)
		return s->peers[i].refused ? -ERR_UNAVAILABLE : -ERR_ABORTED;
	fanout_warn(s->sh.warnings, str_c(cause->msg));
	return 0;
}

/* --- opening --------------------------------------------------------------------------------------- */

/* Encodes the request that all stores get. */
static void encode(struct fanout_series *s, const struct series_request *req)
{
	struct series_request out = *req;
	out.matchers = s->plan.matchers;
	out.n_matchers = s->plan.n_matchers;
	out.hints = (struct wire_any){ 0 };
	series_request_write(&out, &s->message);
	s->sh.message = strbuf_str(&s->message);
}

/* The replica labels, sorted, as labels_without wants them. */
static int sort_replicas(struct fanout_series *s, struct err *err)
{
	const struct wire_strs *from = &s->sh.req->without_replica_labels;
	struct str *p = arena_array(&s->arena, from->n + 1, sizeof(*p));
	if (!p)
		return arena_err(&s->arena, err);
	if (from->n)
		memcpy(p, from->p, from->n * sizeof(*p));
	s->sh.replicas = p;
	s->sh.n_replicas = str_sort_unique(p, from->n);
	return 0;
}

static int make_streams(struct fanout_series *s, struct err *err)
{
	size_t n = s->plan.n_stores;
	struct series_cursor **cursors = arena_array(&s->arena, n + 1, sizeof(struct series_cursor *));
	s->streams = arena_array(&s->arena, n + 1, sizeof(struct store_stream *));
	s->texts = arena_array(&s->arena, n + 1, sizeof(char *));
	s->peers = arena_array(&s->arena, n + 1, sizeof(*s->peers));
	if (!cursors || !s->streams || !s->texts || !s->peers)
		return arena_err(&s->arena, err);
	for (size_t i = 0; i < n; i++) {
		s->texts[i] = fanout_store_text(s->plan.stores[i], &s->arena);
		if (!s->texts[i])
			return arena_err(&s->arena, err);
	}
	for (size_t i = 0; i < n; i++) {
		s->peers[i].name = s->plan.stores[i]->name;
		store_stream_new(&s->sh, s->plan.stores[i], s->texts[i], &s->peers[i], &s->streams[i]);
		cursors[i] = store_stream_cursor(s->streams[i]);
	}
	s->merge = series_merge_new(cursors, n, s->sh.budget, on_fail, s);
	s->stats.stores = n;
	return 0;
}

/* Begins one stream; suspends. */
static void open_main(void *arg)
{
	struct opening *o = arg;
	co_store_stream_begin(o->st);
	o->fiber = NULL;
	waitq_wake_all(o->moved);
}

static bool any_connecting(const struct opening *o, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (!store_stream_opened(o[i].st))
			return true;
	return false;
}

/* Gives up on connections that take longer than a frame may. */
static void co_watch_connecting(struct fanout_series *s, struct opening *o, size_t n, struct waitq *moved)
{
	int64_t timeout_ms = s->f->cfg.response_timeout_ms;
	if (timeout_ms <= 0)
		return;
	int64_t old_ms = fiber_set_deadline(reactor_now_ms(fiber_reactor()) + timeout_ms);
	int rc = 0;
	while (rc == 0 && any_connecting(o, n))
		rc = co_waitq_wait(moved, "store connections", NULL);
	fiber_restore_deadline(old_ms);
	if (rc == 0 || fiber_check(NULL) != 0)
		return;
	for (size_t i = 0; i < n; i++) {
		if (store_stream_opened(o[i].st) || !o[i].fiber)
			continue;
		store_stream_give_up(o[i].st);
		fiber_cancel(o[i].fiber);
	}
}

/* Opens all streams at the same time and waits until each has something to show. */
static int co_open_all(struct fanout_series *s, struct err *err)
{
	size_t n = s->plan.n_stores;
	struct waitq moved;
	struct fiber_group g;
	struct opening *o = arena_array(&s->arena, n + 1, sizeof(*o));
	if (!o)
		return arena_err(&s->arena, err);
	waitq_init(&moved);
	fiber_group_init(&g);
	for (size_t i = 0; i < n; i++) {
		o[i] = (struct opening){ .st = s->streams[i], .moved = &moved };
		o[i].fiber = fiber_group_start(&g, "store stream", open_main, &o[i]);
	}
	co_watch_connecting(s, o, n, &moved);
	return co_fiber_group_join(&g, err);
}

static int co_begin(struct fanout_series *s, const struct series_request *req, struct err *err)
{
	struct fanout *f = s->f;
	int rc = fanout_plan_make(f, req->matchers, req->n_matchers, req->mint, req->maxt, s->sh.scope, &s->arena,
				  &s->plan, err);
	if (rc != 0 || s->plan.outside)
		return rc;
	if (s->plan.n_own == 0)
		return err_set(err, ERR_INVALID_ARGUMENT, "no matchers specified (excluding selector labels)");
	if (s->plan.n_all == 0 && s->sh.abort)
		return err_set(err, ERR_UNKNOWN, "No StoreAPIs available");
	if (s->plan.n_stores == 0)
		return 0;
	encode(s, req);
	rc = sort_replicas(s, err);
	if (rc == 0)
		rc = make_streams(s, err);
	return rc == 0 ? co_open_all(s, err) : rc;
}

int co_fanout_series(struct fanout *f, const struct series_request *req, const struct fanout_scope *scope,
		     struct fanout_warnings *w, struct budget *budget, struct fanout_series **ret, struct err *err)
{
	struct fanout_series *s = xcalloc(1, sizeof(*s));
	s->f = f;
	arena_init(&s->arena, budget);
	s->sh = (struct stream_shared){
		.f = f,
		.req = req,
		.scope = scope,
		.warnings = w,
		.abort = !fanout_warns(req->partial_response_disabled, req->partial_response),
		.budget = budget,
		.arena = &s->arena,
		.begin_ns = sys->mono_ns(),
	};
	f->pending++;
	if (f->pending_requests)
		gauge_set(f->pending_requests, f->pending);
	*ret = s;
	return co_begin(s, req, err);
}

/* --- pulling --------------------------------------------------------------------------------------------- */

uint64_t fanout_chunk_samples(const struct series_chunk *c)
{
	uint64_t sum = 0;
	for (size_t k = 0; k < SERIES_AGGRS; k++)
		if (c->part[k].chunk.enc != CHUNK_NONE)
			sum += chunk_samples(c->part[k].chunk);
	return sum;
}

static void count(struct fanout_series *s, const struct series *one)
{
	s->stats.series++;
	s->stats.chunks += one->n_chunks;
	for (size_t i = 0; i < one->n_chunks; i++)
		s->stats.samples += fanout_chunk_samples(&one->chunks[i]);
}

/* The limits of --store.limits.*. */
static int check_limits(struct fanout_series *s, struct err *err)
{
	uint64_t series = s->stats.series, samples = s->stats.chunks * SAMPLES_PER_CHUNK;
	const struct fanout_config *cfg = &s->f->cfg;
	if (cfg->limit_series > 0 && series > (uint64_t)cfg->limit_series) {
		if (s->f->dropped_series)
			counter_inc(s->f->dropped_series);
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "failed to send series: limit %lld violated (got %llu)",
			       (long long)cfg->limit_series, (unsigned long long)series);
	}
	if (cfg->limit_samples > 0 && samples > (uint64_t)cfg->limit_samples) {
		if (s->f->dropped_samples)
			counter_inc(s->f->dropped_samples);
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "failed to send samples: limit %lld violated (got %llu)",
			       (long long)cfg->limit_samples, (unsigned long long)samples);
	}
	return 0;
}

int co_fanout_series_next(struct fanout_series *s, struct series *ret, struct err *err)
{
	int64_t limit = s->sh.req->limit;
	if (!s->merge || (limit > 0 && s->stats.series >= (uint64_t)limit))
		return 0;
	int rc = ++s->pulled % CHECKPOINT_SERIES == 0 ? co_checkpoint(err) : 0;
	if (rc == 0)
		rc = co_series_merge_next(s->merge, ret, err);
	if (rc != 1)
		return rc;
	count(s, ret);
	rc = check_limits(s, err);
	return rc == 0 ? 1 : rc;
}

struct fanout_stats fanout_series_stats(const struct fanout_series *s)
{
	struct fanout_stats st = s->stats;
	st.bytes = s->sh.bytes;
	return st;
}

const struct fanout_peer *fanout_series_peers(const struct fanout_series *s, size_t *ret_n)
{
	*ret_n = s->stats.stores;
	return s->peers;
}

const char *fanout_series_stores_of(const struct fanout_series *s, struct labels l, struct arena *a)
{
	const char *all = NULL;
	for (size_t i = 0; i < s->plan.n_stores; i++) {
		if (!s->streams[i] || !store_stream_stands_at(s->streams[i], l))
			continue;
		all = all ? arena_printf(a, "%s, %s", all, s->texts[i]) : s->texts[i];
	}
	return all ? all : "a store";
}

void fanout_series_close(struct fanout_series *s)
{
	if (!s)
		return;
	struct fanout *f = s->f;
	series_merge_free(s->merge);
	f->pending--;
	if (f->pending_requests) {
		gauge_set(f->pending_requests, f->pending);
		histogram_observe(f->series_requested, (double)s->stats.series);
		histogram_observe(f->chunks_requested, (double)s->stats.chunks);
	}
	fanout_plan_fini(&s->plan);
	strbuf_fini(&s->message);
	arena_fini(&s->arena);
	free(s);
}
