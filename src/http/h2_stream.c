#include "http/h2_internal.h"

#include "base/assert.h"
#include "base/mem.h"

#include <event2/buffer.h>

/* Runs shorter than this are copied behind their frame header instead of referenced. */
#define COPY_BELOW 1024

/* Least room of a copied segment, so that small writes share one. */
#define SEG_ROOM 2048

/* Longer copies are split: malloc takes such pieces from its heap again, not as fresh pages from the kernel. */
#define SEG_MAX (32 * 1024)

struct h2_stream *h2_stream_new(struct h2_session *s, int32_t id, void *user)
{
	struct h2_stream *st = xcalloc(1, sizeof(*st));
	st->s = s;
	st->id = id;
	st->user = user;
	st->mark_ms = s->last_recv_ms;
	list_push_back(&s->streams, &st->link);
	s->n_streams++;
	return st;
}

static void block_fini(struct h2_block *b)
{
	strbuf_fini(&b->text);
	vec_fini(&b->spans);
	free(b->view.p);
}

void h2_stream_close(struct h2_stream *st, uint32_t code)
{
	struct h2_session *s = st->s;
	list_del(&st->link);
	s->n_streams--;
	if (s->cb->closed)
		s->cb->closed(st, code, s->arg);
	h2_stream_drop_output(st);
	block_fini(&st->headers);
	block_fini(&st->trailers);
	strbuf_fini(&st->end_text);
	vec_fini(&st->end_spans);
	free(st);
}

/* --- received fields --------------------------------------------------------------------- */

bool h2_block_add(struct h2_block *b, struct str name, struct str value, uint32_t limit, bool *ret_overflow)
{
	b->size += name.n + value.n + 32;
	if (b->size > limit) {
		*ret_overflow = true;
		return b->size <= 4 * (uint64_t)limit;
	}
	strbuf_add_str(&b->text, name);
	strbuf_add_str(&b->text, value);
	struct h2_span *sp = vec_push(&b->spans);
	*sp = (struct h2_span){ (uint32_t)name.n, (uint32_t)value.n };
	return true;
}

void h2_block_done(struct h2_block *b)
{
	free(b->view.p);
	b->view.p = xcalloc(b->spans.n, sizeof(*b->view.p));
	b->view.n = b->spans.n;
	const char *p = b->text.p;
	for (size_t i = 0; i < b->spans.n; i++) {
		struct h2_span sp = b->spans.p[i];
		b->view.p[i].name = str_mem(p, sp.name);
		b->view.p[i].value = str_mem(p + sp.name, sp.value);
		p += sp.name + sp.value;
	}
}

struct str h2_fields_get(const struct h2_fields *f, const char *name)
{
	for (size_t i = 0; i < f->n; i++)
		if (str_eq_c(f->p[i].name, name))
			return f->p[i].value;
	return (struct str){ NULL, 0 };
}

size_t h2_fields_to_nv(const struct h2_field *f, size_t n, nghttp2_nv *nv)
{
	for (size_t i = 0; i < n; i++)
		nv[i] = (nghttp2_nv){
			.name = (uint8_t *)f[i].name.p,
			.value = (uint8_t *)f[i].value.p,
			.namelen = f[i].name.n,
			.valuelen = f[i].value.n,
		};
	return n;
}

/* --- queue of output ----------------------------------------------------------------------- */

static void seg_unref(struct h2_seg *g)
{
	if (--g->refs > 0)
		return;
	if (g->release)
		g->release(g->arg);
	free(g);
}

static void seg_push(struct h2_stream *st, struct h2_seg *g)
{
	g->refs = 1;
	if (st->last)
		st->last->next = g;
	else
		st->first = g;
	st->last = g;
}

static void seg_pop(struct h2_stream *st)
{
	struct h2_seg *g = st->first;
	st->first = g->next;
	if (!st->first)
		st->last = NULL;
	seg_unref(g);
}

void h2_stream_drop_output(struct h2_stream *st)
{
	while (st->first)
		seg_pop(st);
	st->queued = 0;
}

/* Counts bytes that were queued and lets nghttp2 look at the stream again. */
static void stream_queued(struct h2_stream *st, size_t n)
{
	struct h2_session *s = st->s;
	if (st->queued == 0) {
		st->sent_mark = st->sent;
		st->queued_mark = n;
		st->mark_ms = MAX(st->mark_ms, s->last_recv_ms);
	}
	st->queued += n;
	st->above = st->above || st->queued > s->opts.drain_bytes;
	if (st->deferred && s->ng) {
		st->deferred = false;
		nghttp2_session_resume_data(s->ng, st->id);
	}
	h2_session_flush_later(s);
}

void *h2_stream_write_space(struct h2_stream *st, size_t n)
{
	CHECK(!st->finished);
	struct h2_seg *g = st->last;
	if (!g || g->cap - g->n < n || g->cap == 0) {
		size_t cap = MAX(n, (size_t)SEG_ROOM);
		g = xmalloc(sizeof(*g) + cap);
		*g = (struct h2_seg){ .p = g->own, .cap = cap };
		seg_push(st, g);
	}
	uint8_t *p = g->own + g->n;
	g->n += n;
	stream_queued(st, n);
	return p;
}

void h2_stream_write(struct h2_stream *st, const void *p, size_t n)
{
	const char *from = p;
	while (n > 0 && !st->reset) {
		size_t k = MIN(n, (size_t)SEG_MAX);
		memcpy(h2_stream_write_space(st, k), from, k);
		from += k;
		n -= k;
	}
}

void h2_stream_write_ref(struct h2_stream *st, const void *p, size_t n, h2_release_fn *release, void *arg)
{
	CHECK(!st->finished);
	if (n == 0 || st->reset) {
		if (release)
			release(arg);
		return;
	}
	struct h2_seg *g = xmalloc(sizeof(*g));
	*g = (struct h2_seg){ .p = p, .n = n, .release = release, .arg = arg };
	seg_push(st, g);
	stream_queued(st, n);
}

static void seg_sent(const void *p, size_t n, void *arg)
{
	seg_unref(arg);
}

void h2_stream_take(struct h2_stream *st, struct evbuffer *out, size_t n)
{
	CHECK(n <= st->queued);
	st->queued -= n;
	st->sent += n;
	while (n > 0) {
		struct h2_seg *g = st->first;
		size_t k = MIN(n, g->n - g->off);
		if (k < COPY_BELOW) {
			evbuffer_add(out, g->p + g->off, k);
		} else {
			g->refs++;
			evbuffer_add_reference(out, g->p + g->off, k, seg_sent, g);
		}
		g->off += k;
		n -= k;
		if (g->off == g->n)
			seg_pop(st);
	}
}

/* --- nghttp2's view of the queue ------------------------------------------------------------ */

static ssize_t provider_read(nghttp2_session *ng, int32_t id, uint8_t *buf, size_t room, uint32_t *flags,
			     nghttp2_data_source *src, void *user)
{
	struct h2_stream *st = src->ptr;
	size_t n = MIN(room, st->queued);
	if (n == 0 && !st->finished) {
		st->deferred = true;
		return NGHTTP2_ERR_DEFERRED;
	}
	*flags |= NGHTTP2_DATA_FLAG_NO_COPY;
	if (n == st->queued && st->finished) {
		*flags |= NGHTTP2_DATA_FLAG_EOF;
		if (st->end_spans.n > 0) {
			*flags |= NGHTTP2_DATA_FLAG_NO_END_STREAM;
			if (h2_stream_submit_trailers(st) != 0)
				return NGHTTP2_ERR_TEMPORAL_CALLBACK_FAILURE;
		}
	}
	return (ssize_t)n;
}

nghttp2_data_provider h2_stream_provider(struct h2_stream *st)
{
	return (nghttp2_data_provider){ .source.ptr = st, .read_callback = provider_read };
}

int h2_stream_submit_trailers(struct h2_stream *st)
{
	nghttp2_nv nv[H2_SEND_FIELDS_MAX];
	uint8_t *p = (uint8_t *)st->end_text.p;
	for (size_t i = 0; i < st->end_spans.n; i++) {
		struct h2_span sp = st->end_spans.p[i];
		nv[i] = (nghttp2_nv){ .name = p, .value = p + sp.name, .namelen = sp.name, .valuelen = sp.value };
		p += sp.name + sp.value;
	}
	return nghttp2_submit_trailer(st->s->ng, st->id, nv, st->end_spans.n);
}

/* --- the owner's functions ------------------------------------------------------------------- */

void h2_stream_respond(struct h2_stream *st, const struct h2_field *f, size_t n, bool end)
{
	struct h2_session *s = st->s;
	CHECK(s->server && !st->responded && n <= H2_SEND_FIELDS_MAX);
	st->responded = true;
	st->finished = end;
	if (!s->ng || st->reset)
		return;
	nghttp2_nv nv[H2_SEND_FIELDS_MAX];
	h2_fields_to_nv(f, n, nv);
	nghttp2_data_provider prd = h2_stream_provider(st);
	nghttp2_submit_response(s->ng, st->id, nv, n, end ? NULL : &prd);
	h2_session_flush_later(s);
}

void h2_stream_finish(struct h2_stream *st, const struct h2_field *trailers, size_t n)
{
	CHECK(!st->finished && n <= H2_SEND_FIELDS_MAX);
	st->finished = true;
	for (size_t i = 0; i < n; i++) {
		strbuf_add_str(&st->end_text, trailers[i].name);
		strbuf_add_str(&st->end_text, trailers[i].value);
		struct h2_span *sp = vec_push(&st->end_spans);
		*sp = (struct h2_span){ (uint32_t)trailers[i].name.n, (uint32_t)trailers[i].value.n };
	}
	stream_queued(st, 0);
}

void h2_stream_reset(struct h2_stream *st, uint32_t code)
{
	struct h2_session *s = st->s;
	if (st->reset)
		return;
	st->reset = true;
	h2_stream_drop_output(st);
	if (!s->ng)
		return;
	nghttp2_submit_rst_stream(s->ng, NGHTTP2_FLAG_NONE, st->id, code);
	h2_session_flush_later(s);
}

void h2_stream_stop(struct h2_stream *st)
{
	st->stop = true;
}

void h2_stream_consume(struct h2_stream *st, size_t n)
{
	struct h2_session *s = st->s;
	if (!s->ng || n == 0 || st->reset)
		return;
	st->consumed += n;
	nghttp2_session_consume_stream(s->ng, st->id, n);
	h2_session_flush_later(s);
}

void *h2_stream_user(const struct h2_stream *st)
{
	return st->user;
}

void h2_stream_set_user(struct h2_stream *st, void *user)
{
	st->user = user;
}

struct h2_session *h2_stream_session(const struct h2_stream *st)
{
	return st->s;
}

const struct h2_fields *h2_stream_headers(const struct h2_stream *st)
{
	return &st->headers.view;
}

const struct h2_fields *h2_stream_trailers(const struct h2_stream *st)
{
	return &st->trailers.view;
}

bool h2_stream_overflow(const struct h2_stream *st)
{
	return st->overflow;
}

bool h2_stream_ended(const struct h2_stream *st)
{
	return st->ended;
}

void h2_stream_allow_idle(struct h2_stream *st)
{
	st->idle_ok = true;
}

size_t h2_stream_queued(const struct h2_stream *st)
{
	return st->queued;
}
