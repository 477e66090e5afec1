/*
 * Remote read: what matches, with samples, to programs that are no PromQL clients.
 *
 * Series are pulled, deduplicated like those of queries, and encoded anew one at a
 * time. A streamed answer goes out in frames as they fill and the client takes
 * them. An answer of samples is one block of snappy whose length comes first, so it is
 * compressed in pieces as the series come, and only these are kept.
 */
#include "api/api_internal.h"
#include "api/call.h"
#include "api/read_series.h"
#include "api/tenant.h"
#include "base/assert.h"
#include "base/sys.h"
#include "codec/snappy.h"
#include "codec/varint.h"
#include "labels/matcher.h"
#include "loop/fiber.h"
#include "metrics/metrics.h"
#include "series/wire_read.h"

#include <inttypes.h>
#include <string.h>

/* Most bytes of a request, uncompressed: matchers take little. */
#define READ_BODY_MAX ((uint64_t)4 << 20)

/* Bytes of frames that are collected before they are sent. */
#define READ_SEND ((size_t)64 * 1024)

/* "auto" until a query's step is known. */
#define RESOLUTION_AUTO (-1)

/* Compressed bytes. */
struct packed_piece {
	struct packed_piece *next;
	size_t n;
	char bytes[];
};

/* A QueryResult as fragments of snappy. */
struct packed {
	struct packed_piece *first, *last;
	uint64_t bytes; /* uncompressed */
};

/* A request under way. */
struct reading {
	struct call c;
	struct api_active_query active;
	struct read_request request;
	enum read_type type;
	struct packed *results; /* one per query */
	struct packed *now;     /* the one being made */
	struct strbuf pack;     /* a piece being compressed */
	struct api_encoder encoder;
	struct read_frames frames;
	struct strbuf out; /* frames not sent yet */
	bool sending;      /* the head has gone */
	uint64_t samples;
	size_t n_warned;
};

/* --- the request -------------------------------------------------------------------------- */

static int co_read_body(struct reading *r, struct err *err)
{
	struct str body, msg;
	struct call *c = &r->c;
	int rc = co_http_body_all(c->req, READ_BODY_MAX, &body, err);
	rc = rc ? rc : codec_snappy_uncompress(body, READ_BODY_MAX, &c->arena, &msg, err);
	rc = rc ? rc : read_request_read(msg, &c->arena, &r->request, err);
	return rc ? rc : read_request_type(&r->request, &r->type, err);
}

static int co_read_params(struct reading *r, struct err *err)
{
	struct call *c = &r->c;
	int rc = call_set_timeout(c, err);
	rc = rc ? rc : call_read_select(c, err);
	rc = rc ? rc : call_read_resolution(c, RESOLUTION_AUTO, err);
	return rc ? rc : co_read_body(r, err);
}

/* The matchers of a query, held to the tenant where that is enforced. */
static int compile(struct call *c, const struct read_query *q, struct api_matchers *ret, struct err *err)
{
	struct matcher **p = arena_array(&c->arena, q->n_matchers, sizeof(*p));
	int rc = 0;
	if (q->n_matchers == 0)
		return err_set(err, ERR_INVALID_ARGUMENT, "a query without matchers");
	if (!p)
		return arena_err(&c->arena, err);
	for (size_t i = 0; i < q->n_matchers && rc == 0; i++)
		rc = matcher_compile_in(&c->arena, q->matchers[i].type, q->matchers[i].name, q->matchers[i].value,
					&p[i], err);
	*ret = (struct api_matchers){ p, q->n_matchers };
	if (rc == 0 && c->api->cfg.enforce_label)
		rc = api_tenant_enforce_matchers(ret, c->api->cfg.enforce_label, c->select.tenant, &c->arena, err);
	return rc;
}

/* What the select is for: the query's times, narrowed by its hints. */
static struct promql_hints hints_of(const struct read_query *q)
{
	const struct read_hints *h = &q->hints;
	struct promql_hints p = { .mint_ms = q->start, .maxt_ms = q->end };
	if (h->present) {
		if (h->start || h->end) {
			p.mint_ms = MAX(q->start, h->start);
			p.maxt_ms = MIN(q->end, h->end);
		}
		p.step_ms = h->step_ms;
		p.range_ms = h->range_ms;
		p.func = h->func;
		p.grouping = h->grouping.p;
		p.n_grouping = h->grouping.n;
		p.by = h->by;
	}
	p.query_mint_ms = p.mint_ms;
	return p;
}

/* --- answers of samples ------------------------------------------------------------------------ */

/* Compresses a piece and keeps it. */
static int co_pack(void *arg, struct str piece, struct err *err)
{
	struct reading *r = arg;
	strbuf_reset(&r->pack);
	char *to = strbuf_reserve(&r->pack, codec_snappy_bound(piece.n));
	size_t n = codec_snappy_fragment(piece.p, piece.n, to);
	struct packed_piece *p = arena_alloc(&r->c.arena, sizeof(*p) + n);
	if (!p)
		return arena_err(&r->c.arena, err);
	p->next = NULL;
	p->n = n;
	memcpy(p->bytes, to, n);
	*(r->now->last ? &r->now->last->next : &r->now->first) = p;
	r->now->last = p;
	return co_checkpoint(err);
}

static int count_samples(struct reading *r, const struct promql_series *s, struct err *err)
{
	uint64_t limit = r->c.api->cfg.read_sample_limit;
	r->samples += s->n_floats + s->n_hists;
	if (limit == 0 || r->samples <= limit)
		return 0;
	r->c.errtype = API_BAD_DATA;
	return err_set(err, ERR_INVALID_ARGUMENT, "exceeded sample limit (%" PRIu64 ")", limit);
}

/* The series of one query as a QueryResult. */
static int co_result(struct reading *r, const struct promql_source *src, void *set, bool labels_only, struct err *err)
{
	struct read_writer w = { .sink = co_pack, .arg = r };
	struct promql_series s;
	int rc;
	while ((rc = src->next(src->arg, set, &s, err)) == 1) {
		if (s.n_floats + s.n_hists == 0 && !labels_only)
			continue;
		struct read_series one = { s.labels, s.n_floats, s.t, s.v, s.n_hists, s.ht, s.h };
		rc = count_samples(r, &s, err);
		rc = rc ? rc : read_writer_add(&w, &one, err);
		if (rc)
			break;
	}
	rc = rc ? rc : read_writer_end(&w, err);
	r->now->bytes = w.bytes;
	read_writer_fini(&w);
	return rc;
}

/* The length of the whole answer, uncompressed; a block of snappy has 32 bits for it. */
static int whole_size(const struct reading *r, uint64_t *ret, struct err *err)
{
	uint8_t head[1 + VARINT_MAX];
	uint64_t n = 0;
	for (size_t i = 0; i < r->request.n_queries; i++)
		n += read_result_head(head, r->results[i].bytes) + r->results[i].bytes;
	*ret = n;
	if (n <= UINT32_MAX)
		return 0;
	return err_set(err, ERR_RESOURCE_EXHAUSTED, "an answer of %" PRIu64 " bytes is too large for one message", n);
}

static int co_send_result(struct http_req *req, const struct packed *p, struct err *err)
{
	uint8_t head[1 + VARINT_MAX];
	char packed[64];
	size_t n = read_result_head(head, p->bytes);
	CHECK(codec_snappy_bound(n) <= sizeof(packed));
	n = codec_snappy_fragment(head, n, packed);
	int rc = co_http_send(req, packed, n, err);
	for (const struct packed_piece *k = p->first; k && rc == 0; k = k->next)
		rc = co_http_send(req, k->bytes, k->n, err);
	return rc;
}

static int co_answer_samples(struct reading *r, uint64_t size, struct err *err)
{
	struct http_req *req = r->c.req;
	uint8_t head[VARINT_MAX];
	http_resp_header(req, "Content-Type", str_c(READ_SAMPLES_TYPE));
	http_resp_header(req, "Content-Encoding", STR("snappy"));
	int rc = co_http_send(req, head, (size_t)(varint_put(head, size) - head), err);
	for (size_t i = 0; i < r->request.n_queries && rc == 0; i++)
		rc = co_send_result(req, &r->results[i], err);
	return rc;
}

/* --- streamed answers --------------------------------------------------------------------------- */

/* Tells of stores that are missing from the answer, as far as is known. */
static void set_warnings(struct reading *r)
{
	struct api_notes *ns = &r->c.notes;
	struct strbuf b = { .limit = 2048 };
	if (ns->n == 0)
		return;
	for (size_t i = 0; i < ns->n; i++) {
		strbuf_add_c(&b, i ? "; " : "");
		strbuf_add_str(&b, ns->p[i]);
	}
	http_resp_header(r->c.req, "X-Thanos-Warnings", strbuf_str(&b));
	strbuf_fini(&b);
}

/* Sends the frames collected. From the first on the deadline of the query does not hold: the client's pace does. */
static int co_send_frames(struct reading *r, struct err *err)
{
	if (!r->sending) {
		call_end_deadline(&r->c);
		http_resp_header(r->c.req, "Content-Type", str_c(READ_STREAM_TYPE));
		set_warnings(r);
		r->sending = true;
	}
	int rc = co_http_send(r->c.req, r->out.p ? r->out.p : "", r->out.n, err);
	strbuf_reset(&r->out);
	return rc;
}

static int co_put_chunk(void *arg, struct chunk c, int64_t mint, int64_t maxt, struct err *err)
{
	struct reading *r = arg;
	if (read_frames_add(&r->frames, c, mint, maxt))
		read_frames_write(&r->frames, &r->out);
	int rc = r->out.n >= READ_SEND ? co_send_frames(r, err) : 0;
	return rc ? rc : co_checkpoint(err);
}

/* The series of one query as frames. */
static int co_stream(struct reading *r, const struct promql_source *src, void *set, struct err *err)
{
	struct promql_series s;
	int rc;
	while ((rc = src->next(src->arg, set, &s, err)) == 1) {
		read_frames_series(&r->frames, s.labels);
		rc = co_api_encode(&r->encoder, &s, co_put_chunk, r, err);
		if (rc)
			return rc;
		read_frames_write(&r->frames, &r->out);
		rc = r->out.n >= READ_SEND ? co_send_frames(r, err) : 0;
		if (rc)
			return rc;
	}
	return rc;
}

/* --- queries ------------------------------------------------------------------------------------- */

/* A select of its own: resolution and whether samples are wanted are the query's. */
static struct api_select *select_of(struct reading *r, const struct read_query *q, bool labels_only)
{
	struct api_select *sel = arena_alloc(&r->c.arena, sizeof(*sel));
	if (!sel)
		return NULL;
	*sel = r->c.select;
	sel->skip_chunks = labels_only;
	if (sel->max_resolution_ms == RESOLUTION_AUTO)
		sel->max_resolution_ms = q->hints.present ? q->hints.step_ms / 5 : 0;
	return sel;
}

/* What the list of running queries shows: the selector that is read now. */
static void show(struct reading *r, const struct api_matchers *m, const struct promql_hints *h)
{
	struct strbuf b = { .limit = 1024 };
	matchers_print(m->p, m->n, &b);
	const char *text = arena_memdup(&r->c.arena, b.p ? b.p : "", b.n);
	if (text)
		r->active.text = str_mem(text, b.n);
	strbuf_fini(&b);
	r->active.start_ms = h->mint_ms;
	r->active.end_ms = h->maxt_ms;
	r->active.step_ms = h->step_ms;
}

static int co_query(struct reading *r, size_t i, struct err *err)
{
	struct call *c = &r->c;
	const struct read_query *q = &r->request.queries[i];
	struct promql_hints hints = hints_of(q);
	struct api_matchers m;
	struct promql_source src;
	void *source, *set = NULL;
	/* As Prometheus: who asks for "series" wants no samples, which frames cannot say. */
	bool labels_only = r->type == READ_SAMPLES && str_eq_c(hints.func, "series");
	r->now = &r->results[i];
	r->frames.query = i;
	int rc = compile(c, q, &m, err);
	if (rc || hints.mint_ms > hints.maxt_ms)
		return rc;
	struct api_select *sel = select_of(r, q, labels_only);
	if (!sel)
		return arena_err(&c->arena, err);
	c->errtype = API_INTERNAL;
	show(r, &m, &hints);
	rc = c->be->source_new(c->be->arg, sel, &c->arena, &source, &src, err);
	if (rc)
		return rc;
	int64_t begin = sys->mono_ns();
	r->active.source = source;
	r->active.progress = c->be->source_progress;
	rc = src.select(src.arg, m.p, m.n, &hints, &set, err);
	c->be->source_notes(source, &c->notes);
	if (rc == 0)
		rc = r->type == READ_SAMPLES ? co_result(r, &src, set, labels_only, err) : co_stream(r, &src, set, err);
	if (set)
		src.close(src.arg, set);
	r->active.progress = NULL;
	c->be->source_notes(source, &c->notes);
	if (rc == 0)
		c->be->source_observe(source, (double)(sys->mono_ns() - begin) / 1e9, c->select.tenant);
	return rc;
}

static int co_queries(struct reading *r, struct err *err)
{
	struct call *c = &r->c;
	uint64_t size = 0;
	int rc = 0;
	r->results = arena_array(&c->arena, r->request.n_queries, sizeof(*r->results));
	if (!r->results && r->request.n_queries)
		return arena_err(&c->arena, err);
	for (size_t i = 0; i < r->request.n_queries && rc == 0; i++) {
		c->errtype = API_BAD_DATA;
		rc = co_query(r, i, err);
		if (rc && r->request.n_queries > 1)
			err_prefix(err, "query %zu", i);
	}
	if (c->api->read_warnings)
		counter_add(c->api->read_warnings, (double)c->notes.n);
	if (rc == 0 && r->type == READ_SAMPLES)
		rc = whole_size(r, &size, err);
	if (rc == -ERR_RESOURCE_EXHAUSTED)
		c->errtype = API_EXECUTION;
	if (rc)
		return rc;
	call_end_deadline(c);
	r->active.state = API_ACTIVE_WRITING;
	if (r->type == READ_STREAMED_XOR_CHUNKS)
		return co_send_frames(r, err);
	set_warnings(r);
	return co_answer_samples(r, size, err);
}

/* Puts the request on the list of running queries. */
static void list(struct reading *r)
{
	struct call *c = &r->c;
	r->active = (struct api_active_query){
		.kind = "remote_read",
		.tenant = c->select.tenant,
		.user = c->req->user,
		.user_agent = http_req_header(c->req, "user-agent"),
		.remote = c->req->remote,
		.budget = &c->budget,
		.clock = &c->clock,
	};
	c->active = &r->active;
	api_active_add(c->be->active, &r->active);
}

static int co_in_turn(struct reading *r, struct err *err)
{
	struct api_prom *api = r->c.api;
	list(r);
	r->c.doing = "query queue";
	r->c.errtype = API_EXECUTION;
	if (api->reads)
		gauge_add(api->reads, 1);
	int rc = co_gate_enter(&api->read_gate, err);
	if (rc == 0) {
		r->c.doing = "query execution";
		api_active_begin(api->backend->active, &r->active);
		rc = co_queries(r, err);
		gate_leave(&api->read_gate);
	}
	if (api->reads)
		gauge_add(api->reads, -1);
	return rc;
}

int co_api_read(struct http_req *req, void *arg, struct err *err)
{
	struct err e = ERR_NONE;
	struct api_prom *api = arg;
	struct reading r = { .frames = { .max_bytes = api->cfg.read_frame_bytes } };
	int rc = co_call_begin(&r.c, req, api, &e);
	r.c.plain = true;
	api_encoder_init(&r.encoder, &r.c.budget);
	rc = rc ? rc : co_read_params(&r, &e);
	rc = rc ? rc : co_in_turn(&r, &e);
	if (rc && http_resp_begun(req))
		*err = e; /* too late for a status: the connection is reset */
	else if (rc)
		rc = co_call_fail(&r.c, &e, err);
	api_active_remove(api->backend->active, &r.active);
	api_encoder_fini(&r.encoder);
	read_frames_fini(&r.frames);
	strbuf_fini(&r.out);
	strbuf_fini(&r.pack);
	call_fini(&r.c);
	return rc;
}
