/*
 * One store's stream of frames as a cursor of series.
 *
 * Series point into the frame that brought them. A store may send the same
 * labels several times in a row (its replicas, its blocks): those become one
 * series, so the cursor always reads one ahead. Only what is held while the
 * next frame is awaited is copied: the last series of a frame.
 */
#include "query/fanout_internal.h"

#include "base/mem.h"
#include "base/sys.h"
#include "grpc/client.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "metrics/metrics.h"
#include "query/below.h"
#include "series/shard.h"
#include "text/duration.h"

#include <stdlib.h>
#include <string.h>

/* The least time a store gets for a frame when somebody waits for it, however long it was silent before. */
#define GRACE_MS 200

/* Memory that each of the two series held keeps. */
#define KEPT_BYTES 4096

/* A series being put together. */
struct held {
	struct arena arena;
	struct arena_mark empty; /* of `arena`, its first block kept */
	struct series s;
	size_t cap;           /* of s.chunks */
	size_t chunks_copied; /* the first ones, whose data lie in the arena */
	bool labels_copied;
};

struct store_stream {
	struct series_cursor cursor; /* first: the merge's handle */
	struct stream_shared *sh;
	struct store_stream **slot;
	struct endpoint_info *info;
	const char *text;
	struct fanout_peer *peer; /* figures */
	struct grpc_stream *grpc;
	struct frame_reader frame;
	bool in_frame, ended, opened, given_up;
	int64_t last_frame_ms;
	uint64_t refusals; /* of the budget when the stream began: frames also arrive while nobody waits for them */
	uint64_t frames;
	struct err failed; /* code 0: none */
	bool shard_here, sort_here;

	struct held held[2]; /* the series given out last, and the one after it */
	unsigned next;       /* which one is after */
	bool have_next;

	/* where series are sorted here */
	struct arena all;
	struct series *sorted;
	size_t n_sorted, at;
};

/* --- figures ----------------------------------------------------------------------------------- */

/* Notes that the stream moved: what was waited for since `begin_ns`, its first frame, its end. */
static void note_wait(struct store_stream *st, int64_t begin_ns, bool ended)
{
	int64_t now_ns = sys->mono_ns(), since_ns = MAX(now_ns - st->sh->begin_ns, 1);
	struct fanout_peer *p = st->peer;
	p->wait_ns += now_ns - begin_ns;
	if (!p->first_ns)
		p->first_ns = since_ns;
	if (ended)
		p->duration_ns = since_ns;
	p->ended = ended;
}

/* Notes that nothing more comes of the stream. */
static void note_failed(struct store_stream *st)
{
	struct fanout_peer *p = st->peer;
	if (!p->duration_ns)
		p->duration_ns = MAX(sys->mono_ns() - st->sh->begin_ns, 1);
	p->failed = p->ended = true;
}

/* Keeps what the store told of its own endpoints when its stream ended. */
static void note_told(struct store_stream *st)
{
	struct str text = grpc_stream_trailer(st->grpc, BELOW_TELL);
	if (!st->sh->scope || !st->sh->scope->detail || text.n == 0 || text.n > BELOW_TEXT_MAX)
		return;
	const char *copy = arena_memdup(st->sh->arena, text.p, text.n);
	if (copy)
		st->peer->told = str_mem(copy, text.n);
}

/* --- failures ---------------------------------------------------------------------------------- */

/* Notes a failure of this side: the whole call ends. */
static int fail_here(struct store_stream *st, const struct err *e)
{
	st->failed = *e;
	note_failed(st);
	st->sh->failed_here = true;
	return -e->code;
}

/* Notes a failure of the store, in upstream's words. */
static int fail_there(struct store_stream *st, const struct err *e, const char *what)
{
	char took[TEXT_DURATION_MAX];
	struct err own;
	note_failed(st);
	if (st->given_up) {
		text_goduration_format(took, st->sh->f->cfg.response_timeout_ms * 1000000);
		return err_set(
			&st->failed, ERR_UNAVAILABLE,
			"failed to receive any data in %s from %s: rpc error: code = Canceled desc = context canceled",
			took, st->text);
	}
	if (fiber_check(&own) != 0)
		return fail_here(st, &own);
	return err_set(&st->failed, (enum err_code)e->code, "%s %s: rpc error: code = %s desc = %s", what, st->text,
		       err_code_name(e->code), e->msg);
}

/* Notes that the store sent what no store may send. */
static int fail_broken(struct store_stream *st, const char *why)
{
	note_failed(st);
	return err_set(&st->failed, ERR_INTERNAL, "receive series from %s: %s", st->text, why);
}

/* --- frames -------------------------------------------------------------------------------------- */

/* Copies the data of chunks from number `from` on. */
static int copy_chunk_data(struct series *s, size_t from, struct arena *a, struct err *err)
{
	for (size_t i = from; i < s->n_chunks; i++) {
		for (size_t k = 0; k < SERIES_AGGRS; k++) {
			struct str *d = &s->chunks[i].part[k].chunk.data;
			if (!d->n)
				continue;
			d->p = arena_memdup(a, d->p, d->n);
			if (!d->p)
				return arena_err(a, err);
		}
	}
	return 0;
}

/* Copies what of `h` still points into the frame, which is about to go. */
static int hold(struct held *h, struct err *err)
{
	int rc = 0;
	if (!h->labels_copied)
		rc = labels_copy(h->s.labels, &h->arena, &h->s.labels, err);
	if (rc == 0)
		rc = copy_chunk_data(&h->s, h->chunks_copied, &h->arena, err);
	h->labels_copied = true;
	h->chunks_copied = h->s.n_chunks;
	return rc;
}

/* Waits for a message no longer than the response timeout. */
static int co_receive(struct store_stream *st, struct str *ret, bool *ret_end)
{
	int64_t timeout_ms = st->sh->f->cfg.response_timeout_ms, now_ms = reactor_now_ms(fiber_reactor());
	int64_t until_ms = FIBER_NO_DEADLINE;
	struct err e = ERR_NONE;
	if (timeout_ms > 0)
		until_ms = MAX(st->last_frame_ms + timeout_ms, now_ms + MIN(GRACE_MS, timeout_ms));
	int64_t old_ms = fiber_set_deadline(until_ms), begin_ns = sys->mono_ns();
	int rc = co_grpc_recv(st->grpc, ret, ret_end, &e);
	fiber_restore_deadline(old_ms);
	note_wait(st, begin_ns, rc != 0 || *ret_end);
	if (rc != 0 || *ret_end)
		note_told(st);
	st->last_frame_ms = reactor_now_ms(fiber_reactor());
	if (rc == 0)
		return 0;
	if (e.code == ERR_RESOURCE_EXHAUSTED && budget_refusals(st->sh->budget) != st->refusals)
		return fail_here(st, &e);
	st->given_up = e.code == ERR_DEADLINE_EXCEEDED && timeout_ms > 0 && st->last_frame_ms >= until_ms &&
		       fiber_check(NULL) == 0;
	return fail_there(st, &e, "receive series from");
}

/* Goes on to the next frame: 1, 0 at the end. What is held is copied first. */
static int co_next_frame(struct store_stream *st)
{
	struct str msg;
	bool end;
	struct err e = ERR_NONE;
	if (st->ended)
		return 0;
	if (st->have_next && hold(&st->held[st->next], &e) != 0)
		return fail_here(st, &e);
	if (co_checkpoint(&e) != 0)
		return fail_here(st, &e);
	int rc = co_receive(st, &msg, &end);
	if (rc != 0)
		return rc;
	if (end) {
		st->ended = true;
		if (st->frames == 0 && st->sh->f->empty_streams)
			counter_inc(st->sh->f->empty_streams);
		return 0;
	}
	st->frames++;
	st->sh->bytes += msg.n;
	st->peer->frames++;
	st->peer->bytes += msg.n;
	st->frame = frame_reader_begin(msg);
	st->in_frame = true;
	return 1;
}

/* A warning that the store passes on; an error under ABORT. */
static int take_warning(struct store_stream *st, struct str text)
{
	if (text.n && st->sh->abort)
		return err_set(&st->failed, ERR_ABORTED, "%.*s", STR_ARG(text));
	fanout_warn(st->sh->warnings, text);
	return 0;
}

/* --- series ---------------------------------------------------------------------------------------- */

/* What is wrong with the labels, or NULL. Empty values, which mean no label, are taken out. */
static const char *check_labels(struct labels *l)
{
	struct label *p = (struct label *)l->p; /* just made by frame_series_read in our arena */
	size_t kept = 0;
	for (size_t i = 0; i < l->n; i++) {
		if (p[i].name.n == 0)
			return "a series has a label without a name";
		if (i && str_cmp(p[i - 1].name, p[i].name) >= 0)
			return "the labels of a series are not sorted";
	}
	for (size_t i = 0; i < l->n; i++)
		if (p[i].value.n)
			p[kept++] = p[i];
	l->n = kept;
	return NULL;
}

/* What is wrong with the chunks, or NULL. */
static const char *check_chunks(const struct series *s)
{
	for (size_t i = 0; i < s->n_chunks; i++)
		if (s->chunks[i].mint > s->chunks[i].maxt)
			return "a chunk ends before it begins";
	return NULL;
}

/* Reads one series of the frame: 1, or 0 where it is not for us. */
static int read_series(struct store_stream *st, struct str body, struct arena *a, struct series *ret)
{
	struct err e = ERR_NONE;
	int rc = frame_series_read(body, a, ret, &e);
	if (rc == -ERR_RESOURCE_EXHAUSTED)
		return fail_here(st, &e);
	if (rc != 0)
		return fail_broken(st, e.msg);
	const char *fault = check_labels(&ret->labels);
	if (!fault)
		fault = check_chunks(ret);
	if (fault)
		return fail_broken(st, fault);
	if (st->sort_here &&
	    labels_without(ret->labels, st->sh->replicas, st->sh->n_replicas, a, &ret->labels, &e) != 0)
		return fail_here(st, &e);
	st->peer->series++;
	st->peer->chunks += ret->n_chunks;
	for (size_t i = 0; st->sh->scope && st->sh->scope->detail && i < ret->n_chunks; i++)
		st->peer->samples += fanout_chunk_samples(&ret->chunks[i]);
	return !st->shard_here || shard_matches(&st->sh->req->shard, ret->labels);
}

/* The next series of the stream, in whatever order it comes: 1, 0 at the end. */
static int co_pull(struct store_stream *st, struct arena *a, struct series *ret)
{
	struct err e = ERR_NONE;
	for (;;) {
		struct frame_item item;
		if (!st->in_frame) {
			int rc = co_next_frame(st);
			if (rc != 1)
				return rc;
		}
		int rc = frame_next(&st->frame, &item, &e);
		if (rc < 0)
			return fail_broken(st, e.msg);
		if (rc == 0) {
			st->in_frame = false;
			continue;
		}
		if (item.kind == FRAME_WARNING && (rc = take_warning(st, item.body)) != 0)
			return rc;
		if (item.kind != FRAME_SERIES)
			continue;
		struct arena_mark m = arena_mark(a);
		rc = read_series(st, item.body, a, ret);
		if (rc != 0)
			return rc;
		arena_rewind(a, m);
	}
}

/* --- streams that are sorted here --------------------------------------------------------------------- */

static int by_labels(const void *a, const void *b)
{
	return labels_cmp(((const struct series *)a)->labels, ((const struct series *)b)->labels);
}

/* Copies a series into `a`. */
static int copy_series(const struct series *s, struct arena *a, struct series *ret, struct err *err)
{
	*ret = *s;
	ret->chunks = arena_array(a, s->n_chunks + 1, sizeof(*s->chunks));
	if (!ret->chunks)
		return arena_err(a, err);
	if (s->n_chunks)
		memcpy(ret->chunks, s->chunks, s->n_chunks * sizeof(*s->chunks));
	int rc = labels_copy(s->labels, a, &ret->labels, err);
	return rc == 0 ? copy_chunk_data(ret, 0, a, err) : rc;
}

/* Makes room for another series in the list. */
static int grow_sorted(struct store_stream *st, size_t *cap, struct err *err)
{
	if (st->n_sorted < *cap)
		return 0;
	size_t more = *cap ? *cap * 2 : 256;
	struct series *p = arena_array(&st->all, more, sizeof(*p));
	if (!p)
		return arena_err(&st->all, err);
	if (st->n_sorted)
		memcpy(p, st->sorted, st->n_sorted * sizeof(*p));
	st->sorted = p;
	*cap = more;
	return 0;
}

/* Reads the whole stream and sorts it. */
static int co_read_all(struct store_stream *st)
{
	struct arena a;
	struct err e = ERR_NONE;
	struct series s;
	size_t cap = 0;
	int rc;
	arena_init(&a, st->sh->budget);
	struct arena_mark m = arena_mark(&a);
	while ((rc = co_pull(st, &a, &s)) == 1) {
		rc = grow_sorted(st, &cap, &e);
		if (rc == 0)
			rc = copy_series(&s, &st->all, &st->sorted[st->n_sorted], &e);
		if (rc != 0) {
			rc = fail_here(st, &e);
			break;
		}
		st->n_sorted++;
		arena_rewind(&a, m);
	}
	arena_fini(&a);
	if (st->n_sorted)
		qsort(st->sorted, st->n_sorted, sizeof(*st->sorted), by_labels);
	return rc;
}

/* --- the cursor -------------------------------------------------------------------------------------------- */

/* The next series of the sorted list, or of the stream, which must come in order. */
static int co_next_raw(struct store_stream *st, struct held *h)
{
	h->labels_copied = st->sort_here;
	h->chunks_copied = 0;
	if (st->sort_here) {
		if (st->at == st->n_sorted)
			return 0;
		h->s = st->sorted[st->at++];
		h->chunks_copied = h->s.n_chunks;
	} else {
		int rc = co_pull(st, &h->arena, &h->s);
		if (rc != 1)
			return rc;
	}
	h->cap = h->s.n_chunks;
	return 1;
}

/* Adds the chunks of a series with the same labels. The data stay where they are. */
static int append_chunks(struct held *to, const struct held *from, struct err *err)
{
	size_t n = to->s.n_chunks + from->s.n_chunks;
	if (n > to->cap) {
		struct series_chunk *p = arena_array(&to->arena, n * 2, sizeof(*p));
		if (!p)
			return arena_err(&to->arena, err);
		if (to->s.n_chunks)
			memcpy(p, to->s.chunks, to->s.n_chunks * sizeof(*p));
		to->s.chunks = p;
		to->cap = n * 2;
	}
	if (from->s.n_chunks)
		memcpy(to->s.chunks + to->s.n_chunks, from->s.chunks, from->s.n_chunks * sizeof(*from->s.chunks));
	to->s.n_chunks = n;
	return 0;
}

/* Gathers all series with the labels of the one that was read ahead, and reads the one after them. */
static int co_gather(struct store_stream *st)
{
	struct held *cur = &st->held[st->next], *after = &st->held[!st->next];
	struct err e = ERR_NONE;
	for (;;) {
		arena_rewind(&after->arena, after->empty);
		int rc = co_next_raw(st, after);
		st->have_next = rc == 1;
		if (rc != 1)
			return rc;
		int d = labels_cmp(cur->s.labels, after->s.labels);
		if (d < 0)
			return 1;
		if (d > 0) {
			st->have_next = false;
			return fail_broken(st, "its series are not sorted");
		}
		if (append_chunks(cur, after, &e) != 0) {
			st->have_next = false;
			return fail_here(st, &e);
		}
	}
}

static int co_stream_next(struct series_cursor *c, struct series *ret, struct err *err)
{
	struct store_stream *st = (struct store_stream *)c;
	if (!st->have_next) {
		if (st->failed.code)
			return err_set(err, (enum err_code)st->failed.code, "%s", st->failed.msg);
		return 0;
	}
	struct held *cur = &st->held[st->next];
	(void)co_gather(st); /* a failure is told when the series before it are out */
	*ret = cur->s;
	st->next = !st->next;
	return 1;
}

static void stream_close(struct series_cursor *c)
{
	struct store_stream *st = (struct store_stream *)c;
	*st->slot = NULL;
	grpc_stream_close(st->grpc);
	endpoint_info_unref(st->info);
	arena_fini(&st->held[0].arena);
	arena_fini(&st->held[1].arena);
	arena_fini(&st->all);
	free(st);
}

/* --- beginning ------------------------------------------------------------------------------------------------ */

void store_stream_new(struct stream_shared *sh, struct endpoint_info *info, const char *text, struct fanout_peer *peer,
		      struct store_stream **slot)
{
	struct store_stream *st = xcalloc(1, sizeof(*st));
	st->cursor.co_next = co_stream_next;
	st->cursor.close = stream_close;
	st->sh = sh;
	st->info = endpoint_info_ref(info);
	st->text = text;
	st->peer = peer;
	st->shard_here = sh->req->has_shard && !info->supports_sharding;
	st->sort_here = sh->n_replicas > 0 && !info->supports_without_replica_labels;
	for (size_t i = 0; i < 2; i++) {
		struct held *h = &st->held[i];
		arena_init(&h->arena, sh->budget);
		(void)arena_reserve(&h->arena, KEPT_BYTES);
		h->empty = arena_mark(&h->arena);
	}
	arena_init(&st->all, sh->budget);
	st->slot = slot;
	*slot = st;
}

/* "fetch series for <labels> <store>": what a failed opening is called. In the stream's arena. */
static const char *fetch_text(struct store_stream *st)
{
	struct strbuf sets = { 0 };
	for (size_t i = 0; i < st->info->n_label_sets; i++) {
		if (i)
			strbuf_add_ch(&sets, ',');
		labels_print(st->info->label_sets[i], &sets);
	}
	const char *text = arena_printf(&st->all, "fetch series for %s", sets.n ? sets.p : "Store Gateway");
	strbuf_fini(&sets);
	return text ? text : "fetch series for";
}

/* Opens the call once and reads what the cursor needs to begin. */
static void co_begin_once(struct store_stream *st)
{
	struct err e = ERR_NONE;
	struct grpc_metadata meta[FANOUT_METADATA];
	struct budget *b = st->sh->budget;
	/* What waits in windows is counted with that of all queries: whether it fits one query's limit would be chance. */
	struct grpc_call_opts opts = { .budget = b, .window_budget = b ? b->parent : NULL };
	struct grpc_part part = grpc_part_copy(st->sh->message);
	fanout_call_opts(st->sh->scope, meta, &opts);
	st->refusals = budget_refusals(st->sh->budget);
	int64_t begin_ns = sys->mono_ns();
	int rc = co_grpc_stream_open(st->info->channel, "/thanos.Store/Series", &opts, &part, 1, &st->grpc, &e);
	st->peer->wait_ns += sys->mono_ns() - begin_ns;
	st->opened = true;
	if (rc != 0) {
		st->peer->refused = true;
		(void)fail_there(st, &e, fetch_text(st));
		return;
	}
	st->last_frame_ms = reactor_now_ms(fiber_reactor());
	if (st->sort_here)
		rc = co_read_all(st);
	if (rc == 0 || st->n_sorted)
		st->have_next = co_next_raw(st, &st->held[st->next]) == 1;
}

void co_store_stream_begin(struct store_stream *st)
{
	for (unsigned tries = 1;; tries++) {
		co_begin_once(st);
		bool may = st->failed.code && st->frames == 0 && !st->given_up && !st->sh->failed_here;
		if (!may || !co_fanout_try_again(st->info, st->failed.code, tries))
			return;
		grpc_stream_close(st->grpc);
		st->grpc = NULL;
		st->failed = ERR_NONE;
		st->peer->failed = st->peer->ended = st->peer->refused = false;
		st->peer->duration_ns = 0;
	}
}

bool store_stream_opened(const struct store_stream *st)
{
	return st->opened;
}

void store_stream_give_up(struct store_stream *st)
{
	st->given_up = true;
}

struct series_cursor *store_stream_cursor(struct store_stream *st)
{
	return &st->cursor;
}

bool store_stream_stands_at(const struct store_stream *st, struct labels l)
{
	return labels_eq(st->held[!st->next].s.labels, l);
}
