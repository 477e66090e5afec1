/* thanos.Store: the fan-out served to a querier above. */
#include "base/strbuf.h"
#include "grpc/server.h"
#include "proto/wire.h"
#include "query/below.h"
#include "query/fanout.h"
#include "query/grpc_internal.h"
#include "query/query.h"
#include "series/wire_series.h"

#include <stdlib.h>

/* A batch is sent when it has grown to this, however few series it has. */
#define BATCH_MAX_BYTES ((size_t)1 << 20)

/* Most parts of a frame that are handed over at once; a frame of one series rarely has more. */
#define MAX_PARTS 64

/* Field number of SeriesResponse.batch. */
#define RESP_BATCH 4

/* Series on their way to the client. */
struct sender {
	struct grpc_call *call;
	int64_t batch; /* most series of a frame */
	struct frame_writer one;
	struct strbuf body; /* of the batch: SeriesBatch.series fields */
	int64_t n;          /* series in it */
	const struct fanout_warnings *warnings;
	size_t n_warned;
};

static void free_bytes(void *arg)
{
	free(arg);
}

/* Sends the batch. Its bytes are handed over, not copied. */
static int co_flush(struct sender *s, struct err *err)
{
	uint8_t head[1 + VARINT_MAX] = { WIRE_TAG(RESP_BATCH, WIRE_LEN) };
	if (s->n == 0)
		return 0;
	size_t n = s->body.n;
	char *p = strbuf_steal(&s->body);
	s->n = 0;
	const struct grpc_part parts[] = { grpc_part_copy(str_mem(head, (size_t)(varint_put(head + 1, n) - head))),
					   grpc_part_ref(str_mem(p, n), free_bytes, p) };
	return co_grpc_send(s->call, parts, 2, err);
}

/* Sends a frame of one series; the transport copies it. */
static int co_send_pieces(struct sender *s, const struct iovec *iov, size_t n, struct err *err)
{
	struct grpc_part parts[MAX_PARTS];
	if (n > MAX_PARTS) {
		for (size_t i = 0; i < n; i++)
			strbuf_add(&s->body, iov[i].iov_base, iov[i].iov_len);
		parts[0] = grpc_part_copy(strbuf_str(&s->body));
		int rc = co_grpc_send(s->call, parts, 1, err);
		strbuf_reset(&s->body);
		return rc;
	}
	for (size_t i = 0; i < n; i++)
		parts[i] = grpc_part_copy(str_mem(iov[i].iov_base, iov[i].iov_len));
	return co_grpc_send(s->call, parts, n, err);
}

/* Sends the warnings noted since the last call, after the series before them. */
static int co_send_warnings(struct sender *s, struct err *err)
{
	int rc = s->n_warned < s->warnings->n ? co_flush(s, err) : 0;
	for (; rc == 0 && s->n_warned < s->warnings->n; s->n_warned++) {
		struct strbuf b = { 0 };
		frame_write_warning(s->warnings->texts[s->n_warned], &b);
		rc = co_grpc_send_str(s->call, strbuf_str(&b), err);
		strbuf_fini(&b);
	}
	return rc;
}

static int co_send_series(struct sender *s, const struct series *one, struct err *err)
{
	const struct iovec *iov;
	size_t n;
	frame_writer_reset(&s->one);
	int rc = co_send_warnings(s, err);
	if (rc == 0)
		rc = frame_add_series(&s->one, one, err);
	if (rc != 0)
		return rc;
	frame_finish(&s->one, false, &iov, &n);
	if (s->batch <= 1)
		return co_send_pieces(s, iov, n, err);
	/* Field 1 of the frame has the bytes of field 1 of a batch. */
	for (size_t i = 0; i < n; i++)
		strbuf_add(&s->body, iov[i].iov_base, iov[i].iov_len);
	return ++s->n >= s->batch || s->body.n >= BATCH_MAX_BYTES ? co_flush(s, err) : 0;
}

static int co_send_all(struct sender *s, struct fanout_series *from, struct err *err)
{
	struct series one;
	int rc;
	while ((rc = co_fanout_series_next(from, &one, err)) == 1) {
		rc = co_send_series(s, &one, err);
		if (rc != 0)
			return rc;
	}
	if (rc == 0)
		rc = co_send_warnings(s, err);
	return rc == 0 ? co_flush(s, err) : rc;
}

/* Tells a querier above, which analyses, what the endpoints had to do with the call. */
static void tell_fanout(struct grpc_call *c, const struct fanout_series *from)
{
	size_t n;
	struct strbuf text = { 0 };
	const struct fanout_peer *peers = fanout_series_peers(from, &n);
	below_tell(peers, n, &text);
	(void)grpc_call_set_trailer(c, BELOW_TELL, strbuf_str(&text), NULL);
	strbuf_fini(&text);
}

/* thanos.Store/Series */
static int co_series(struct grpc_call *c, void *arg, struct err *err)
{
	struct query *q = arg;
	struct arena *a = grpc_call_arena(c);
	struct series_request req = { .n_matchers = 0 };
	struct fanout_warnings w = { .a = a };
	struct fanout_scope scope = { .tenant = grpc_call_metadata(c, "thanos-tenant"),
				      .detail = str_eq_c(grpc_call_metadata(c, BELOW_ASK), "1") };
	struct fanout_series *from = NULL;
	int rc = series_request_read(grpc_call_request(c), a, &req, err);
	if (rc == 0)
		rc = co_fanout_series(query_fanout(q), &req, &scope, &w, a->budget, &from, err);
	struct sender s = { .call = c, .batch = req.batch_size, .warnings = &w };
	if (rc == 0)
		rc = co_send_all(&s, from, err);
	if (from && scope.detail)
		tell_fanout(c, from);
	fanout_series_close(from);
	frame_writer_fini(&s.one);
	strbuf_fini(&s.body);
	return rc;
}

static int co_send_labels(struct grpc_call *c, const struct label_response *r, struct err *err)
{
	struct strbuf b = { 0 };
	label_response_write(r, &b);
	int rc = co_grpc_send_str(c, strbuf_str(&b), err);
	strbuf_fini(&b);
	return rc;
}

/* thanos.Store/LabelNames */
static int co_label_names(struct grpc_call *c, void *arg, struct err *err)
{
	struct arena *a = grpc_call_arena(c);
	struct fanout_scope scope = { .tenant = grpc_call_metadata(c, "thanos-tenant") };
	struct label_request req;
	struct label_response resp;
	int rc = label_names_request_read(grpc_call_request(c), a, &req, err);
	if (rc == 0)
		rc = co_fanout_label_names(query_fanout(arg), &req, &scope, a, &resp, err);
	return rc == 0 ? co_send_labels(c, &resp, err) : rc;
}

/* thanos.Store/LabelValues */
static int co_label_values(struct grpc_call *c, void *arg, struct err *err)
{
	struct arena *a = grpc_call_arena(c);
	struct fanout_scope scope = { .tenant = grpc_call_metadata(c, "thanos-tenant") };
	struct label_request req;
	struct label_response resp;
	int rc = label_values_request_read(grpc_call_request(c), a, &req, err);
	if (rc == 0)
		rc = co_fanout_label_values(query_fanout(arg), &req, &scope, a, &resp, err);
	return rc == 0 ? co_send_labels(c, &resp, err) : rc;
}

const struct grpc_method query_store_methods[3] = {
	{ "/thanos.Store/Series", GRPC_SERVER_STREAM, co_series },
	{ "/thanos.Store/LabelNames", GRPC_UNARY, co_label_names },
	{ "/thanos.Store/LabelValues", GRPC_UNARY, co_label_values },
};
