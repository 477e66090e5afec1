#include "receive/internal.h"

#include "base/mem.h"
#include "codec/snappy.h"
#include "http/req.h"
#include "loop/offload.h"
#include "net/conn.h"
#include "receive/tenant.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Bodies that would hold the loop for longer than about a millisecond are uncompressed off it. */
#define OFFLOAD_BYTES (1u << 20)

#define V2_PROTO "io.prometheus.write.v2.Request"
#define V1_PROTO "prometheus.WriteRequest"

/* --- what kind of request it is ---------------------------------------------------------- */

/* The proto parameter of a Content-Type; empty without one. */
static struct str proto_param(struct str content_type)
{
	struct str rest = content_type;
	while (rest.p) {
		struct str part = str_trim(str_cut(&rest, ';'));
		if (str_has_prefix(part, STR("proto=")))
			return str_trim(str_mem(part.p + 6, part.n - 6));
	}
	return STR("");
}

/*
 * 2.0 is what says so in its content type or version header. Then type and
 * encoding must be right (415); remote write 1.0 is taken whatever its headers say, as upstream does.
 */
static int negotiate(struct http_req *req, enum write_kind *ret, struct err *err)
{
	struct str type = http_req_header(req, "content-type");
	struct str version = http_req_header(req, "x-prometheus-remote-write-version");
	struct str encoding = http_req_header(req, "content-encoding");
	struct str proto = proto_param(type);
	*ret = WRITE_V1;
	if (!str_eq(proto, STR(V2_PROTO)) && !str_has_prefix(version, STR("2.")))
		return 0;
	struct str rest = type;
	struct str media = str_trim(str_cut(&rest, ';'));
	if (!str_eq_nocase(media, STR("application/x-protobuf")))
		return err_set(err, ERR_UNIMPLEMENTED,
			       "unsupported content type \"%.*s\"; want application/x-protobuf;proto=" V2_PROTO,
			       STR_ARG(type));
	if (proto.n && !str_eq(proto, STR(V2_PROTO)) && !str_eq(proto, STR(V1_PROTO)))
		return err_set(err, ERR_UNIMPLEMENTED, "unknown message \"%.*s\"", STR_ARG(proto));
	if (encoding.n && !str_eq_nocase(encoding, STR("snappy")))
		return err_set(err, ERR_UNIMPLEMENTED, "unsupported content encoding \"%.*s\"; want snappy",
			       STR_ARG(encoding));
	*ret = str_eq(proto, STR(V2_PROTO)) ? WRITE_V2 : WRITE_V1;
	return 0;
}

/* --- whose it is --------------------------------------------------------------------------- */

/* The tenant, in the request's arena: of the certificate, else the header, else the default. */
static int find_tenant(struct receive *r, struct http_req *req, struct str *ret, struct err *err)
{
	const struct receive_config *c = r->cfg;
	enum conn_cert_field field;
	char buf[256];
	if (c->tenant_cert_field) {
		if (!conn_cert_field_parse(c->tenant_cert_field, &field) || http_req_aborted(req) ||
		    !conn_peer_cert_field(req->conn, field, buf, sizeof(buf)))
			return err_set(err, ERR_INVALID_ARGUMENT, "no tenant in the client certificate's %s",
				       c->tenant_cert_field);
		*ret = str_mem(arena_strdup(&req->arena, buf), strlen(buf));
		if (!ret->p)
			return arena_err(&req->arena, err);
	} else {
		*ret = http_req_header(req, c->tenant_header);
		if (ret->n == 0)
			*ret = str_c(c->default_tenant);
	}
	return tenant_name_check(*ret, err);
}

/* Who forwards a request says which copy it is; all are taken alike, but it must be a number, as upstream. */
static int check_replica(const struct receive *r, const struct http_req *req, struct err *err)
{
	struct str text = http_req_header(req, r->cfg->replica_header);
	uint64_t n;
	if (text.n == 0 || str_to_u64(text, &n))
		return 0;
	return err_set(err, ERR_INVALID_ARGUMENT, "could not parse replica header");
}

/* --- the body --------------------------------------------------------------------------------- */

struct uncompress_job {
	struct str in;
	uint64_t limit;
	struct strbuf *out;
};

static int uncompress(void *arg, struct err *err)
{
	struct uncompress_job *j = arg;
	return codec_snappy_uncompress_add(j->in, j->limit, j->out, err);
}

/* Takes a warm buffer for an uncompressed body: fresh memory would cost more than the request. */
static struct strbuf *take_buffer(struct receive *r)
{
	return r->n_buffers ? r->buffers[--r->n_buffers] : xcalloc(1, sizeof(struct strbuf));
}

static void give_buffer(struct receive *r, struct strbuf *b)
{
	if (r->n_buffers == ARRAY_LEN(r->buffers) || b->cap > KEEP_BUFFER_BYTES) {
		strbuf_fini(b);
		free(b);
		return;
	}
	strbuf_reset(b);
	r->buffers[r->n_buffers++] = b;
}

/* Reads the body as it came. OUT_OF_RANGE over a limit. Suspends. */
static int read_body(struct receive *r, struct http_req *req, struct str tenant, struct str *ret, struct err *err)
{
	struct tenant_limits l = receive_limits_of(r->limits, tenant);
	uint64_t max = l.size_bytes ? l.size_bytes : MAX_COMPRESSED_BYTES;
	if (l.size_bytes && req->content_length > 0 && (uint64_t)req->content_length > max)
		receive_metrics_limit_hit(&r->metrics, tenant, "body_size", (uint64_t)req->content_length - max);
	if (req->content_length > 0 && (uint64_t)req->content_length > max)
		return err_set(err, ERR_OUT_OF_RANGE, "write request too large: %lld bytes, the limit is %llu",
			       (long long)req->content_length, (unsigned long long)max);
	int rc = co_http_body_all(req, max, ret, err);
	if (rc == -ERR_RESOURCE_EXHAUSTED)
		return err_set(err, ERR_OUT_OF_RANGE, "write request too large: %s", err->msg);
	return rc;
}

/* Uncompresses a body to `out`. OUT_OF_RANGE over a limit. Suspends. */
static int co_uncompress(struct str packed, struct strbuf *out, struct err *err)
{
	struct uncompress_job j = { .in = packed, .limit = MAX_BODY_BYTES, .out = out };
	size_t size = 0;
	int rc = codec_snappy_size(packed, MAX_BODY_BYTES, &size, err);
	if (rc == 0)
		rc = size < OFFLOAD_BYTES ? uncompress(&j, err) : co_offload("snappy", uncompress, &j, err);
	if (rc == -ERR_RESOURCE_EXHAUSTED)
		return err_set(err, ERR_OUT_OF_RANGE, "%s", err->msg);
	return rc == 0 ? 0 : err_set(err, ERR_INVALID_ARGUMENT, "snappy decode error: %s", err->msg);
}

/* --- the answer --------------------------------------------------------------------------------- */

static int status_of_answer(enum append_answer a, bool v2)
{
	static const int v1_status[] = { [APPEND_DONE] = 200,
					 [APPEND_CONFLICT] = 409,
					 [APPEND_BAD] = 400,
					 [APPEND_LIMITED] = 429,
					 [APPEND_UNAVAILABLE] = 503 };
	if (!v2)
		return v1_status[a];
	return a == APPEND_DONE ? 204 : a == APPEND_CONFLICT ? 400 : v1_status[a];
}

/* Status of a request that was refused as a whole. */
static int status_of_error(int rc)
{
	switch (-rc) {
	case ERR_INVALID_ARGUMENT:
	case ERR_DATA_LOSS:
		return 400;
	case ERR_OUT_OF_RANGE:
		return 413;
	case ERR_UNIMPLEMENTED:
		return 415;
	case ERR_CANCELLED:
		return 499;
	case ERR_UNAVAILABLE:
	case ERR_RESOURCE_EXHAUSTED:
	case ERR_DEADLINE_EXCEEDED:
		return 503;
	default:
		return 500;
	}
}

/* The three counts that remote write 2.0 demands; none are promised with a 5xx. */
static void add_counts(struct http_req *req, const struct append_tally *t, int status)
{
	const struct {
		const char *name;
		uint64_t n;
	} counts[] = { { "X-Prometheus-Remote-Write-Samples-Written", t->samples },
		       { "X-Prometheus-Remote-Write-Histograms-Written", t->histograms },
		       { "X-Prometheus-Remote-Write-Exemplars-Written", t->exemplars } };
	for (size_t i = 0; i < ARRAY_LEN(counts); i++) {
		char buf[24];
		int n = snprintf(buf, sizeof(buf), "%llu", status >= 500 ? 0ull : (unsigned long long)counts[i].n);
		http_resp_header(req, counts[i].name, str_mem(buf, (size_t)n));
	}
}

/* Suspends. */
static int reply(struct http_req *req, int status, struct str text, struct err *err)
{
	struct strbuf line = { 0 };
	if (text.n) {
		strbuf_add_str(&line, text);
		strbuf_add_ch(&line, '\n');
	}
	int rc = co_http_reply_buf(req, status, text.n ? "text/plain; charset=utf-8" : NULL, &line, err);
	strbuf_fini(&line);
	return rc;
}

/* Writes a decoded body and answers. Suspends. */
static int write_and_answer(struct receive *r, struct http_req *req, const struct write_request *wr, struct err *err)
{
	struct write_result res = { 0 };
	struct err why = ERR_NONE;
	bool v2 = wr->kind == WRITE_V2;
	int rc = wr->body.n ? co_receive_write(&r->writer, wr, &res, &why) : 0;
	int status = rc != 0 ? status_of_error(rc) : status_of_answer(res.answer, v2);
	struct str text = rc != 0 ? str_c(why.msg) : res.answer == APPEND_DONE ? STR("") : strbuf_str(&res.text);
	if (wr->body.n)
		receive_metrics_stored(&r->metrics, rc, res.answer);
	if (status == 429)
		receive_metrics_limited(&r->metrics, wr->tenant);
	if (res.limit)
		receive_metrics_limit_hit(&r->metrics, wr->tenant, res.limit, res.over);
	receive_metrics_write(&r->metrics, status, wr->tenant, res.series, res.tally.samples + res.tally.histograms);
	if (v2)
		add_counts(req, &res.tally, status);
	rc = reply(req, status, text, err);
	write_result_fini(&res);
	return rc;
}

/* Answers a request that was refused as a whole. Suspends. */
static int refuse(struct receive *r, struct http_req *req, struct str tenant, int rc, const struct err *why,
		  struct err *err)
{
	/* A name that is none would let clients make as many children as they like. */
	receive_metrics_write(&r->metrics, status_of_error(rc), tenant_name_valid(tenant) ? tenant : STR("unknown"), 0,
			      0);
	return reply(req, status_of_error(rc), str_c(why->msg), err);
}

/* Uncompresses, writes and answers, when it is its turn. Suspends. */
static int co_take_turn(struct receive *r, struct http_req *req, struct write_request *wr, struct str packed,
			struct err *err)
{
	struct err why = ERR_NONE;
	int rc = co_gate_enter(&r->gate, err);
	if (rc != 0)
		return rc;
	gauge_add(r->metrics.pending, 1);
	struct strbuf *body = take_buffer(r);
	rc = co_uncompress(packed, body, &why);
	wr->body = strbuf_str(body);
	rc = rc == 0 ? write_and_answer(r, req, wr, err) : refuse(r, req, wr->tenant, rc, &why, err);
	give_buffer(r, body);
	gauge_add(r->metrics.pending, -1);
	gate_leave(&r->gate);
	return rc;
}

int co_receive_write_http(struct http_req *req, void *arg, struct err *err)
{
	struct receive *r = arg;
	struct write_request wr = { .budget = &req->budget };
	struct str packed = STR("");
	struct err why = ERR_NONE;
	int rc = r->ready ? negotiate(req, &wr.kind, &why) : err_set(&why, ERR_UNAVAILABLE, "storage is not open yet");
	if (rc == 0)
		rc = find_tenant(r, req, &wr.tenant, &why);
	if (rc == 0)
		rc = check_replica(r, req, &why);
	/* The body first: clients that are slow with it must not keep others out. */
	if (rc == 0)
		rc = read_body(r, req, wr.tenant, &packed, &why);
	if (rc != 0)
		return refuse(r, req, wr.tenant, rc, &why, err);
	req->tenant = wr.tenant;
	wr.require_name = wr.kind == WRITE_V2;
	return co_take_turn(r, req, &wr, packed, err);
}
