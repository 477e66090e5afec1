/*
 * A session fed bytes by a hostile peer: bit 0 of the first byte chooses a gRPC server or a client session, bit 1 raw bytes or frames
 * whose headers are well-formed ({type, flags, stream, length} and that many bytes; type 1 with an even length is a usual header block).
 */
#include "base/strbuf.h"
#include "grpc/server.h"
#include "http/h2.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "net/conn.h"

#include <event2/buffer.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

struct input {
	const uint8_t *data;
	size_t size;
	struct reactor *r;
};

static int co_echo(struct grpc_call *c, void *arg, struct err *err)
{
	return co_grpc_send_str(c, grpc_call_request(c), err);
}

static int co_bidi(struct grpc_call *c, void *arg, struct err *err)
{
	for (;;) {
		struct str m;
		bool end;
		int rv = co_grpc_call_recv(c, &m, &end, err);
		if (rv == 0 && !end)
			rv = co_grpc_send_str(c, m, err);
		if (rv || end)
			return rv;
	}
}

static int co_many(struct grpc_call *c, void *arg, struct err *err)
{
	static char fill[30000];
	for (int i = 0; i < 100; i++) {
		int rv = co_grpc_send_str(c, str_mem(fill, sizeof(fill)), err);
		if (rv)
			return rv;
	}
	return 0;
}

static const struct grpc_method methods[] = {
	{ "/t.T/Echo", GRPC_UNARY, co_echo },
	{ "/t.T/Bidi", GRPC_BIDI, co_bidi },
	{ "/t.T/Many", GRPC_SERVER_STREAM, co_many },
};

static void put_field(struct strbuf *b, const char *name, const char *value)
{
	strbuf_add_ch(b, 0);
	strbuf_add_ch(b, (char)strlen(name));
	strbuf_add_c(b, name);
	strbuf_add_ch(b, (char)strlen(value));
	strbuf_add_c(b, value);
}

/* A block that a server or a client may see from an honest peer. */
static void usual_block(struct strbuf *b, bool request, unsigned variant)
{
	static const char *const paths[] = { "/t.T/Echo", "/t.T/Bidi", "/t.T/Many", "/t.T/None" };
	static const char *const encodings[] = { "identity", "gzip", "snappy", "other" };
	if (request) {
		put_field(b, ":method", "POST");
		put_field(b, ":scheme", "http");
		put_field(b, ":path", paths[variant % 4]);
		put_field(b, ":authority", "t");
		put_field(b, "grpc-timeout", "10S");
	} else {
		put_field(b, ":status", "200");
	}
	put_field(b, "content-type", "application/grpc");
	put_field(b, "grpc-encoding", encodings[variant / 4 % 4]);
}

/* Turns the input into frames. */
static void put_frames(struct strbuf *b, bool request, const uint8_t *p, size_t n)
{
	while (n >= 4) {
		struct strbuf block = { 0 };
		size_t len = p[3] < n - 4 ? p[3] : n - 4;
		if (p[0] % 12 == 1 && len % 2 == 0)
			usual_block(&block, request, p[3] / 2);
		else
			strbuf_add(&block, p + 4, len);
		uint8_t head[9] = { 0, (uint8_t)(block.n >> 8), (uint8_t)block.n, p[0] % 12, p[1], 0, 0, 0, p[2] % 16 };
		strbuf_add(b, head, 9);
		strbuf_add(b, block.p, block.n);
		strbuf_fini(&block);
		p += 4 + len;
		n -= 4 + len;
	}
}

static void discard(struct conn *c, void *arg)
{
	evbuffer_drain(conn_input(c), evbuffer_get_length(conn_input(c)));
}

static const struct conn_callbacks hostile = { .read = discard };

static void on_data(struct h2_stream *st, const uint8_t *p, size_t n, void *arg)
{
	h2_stream_consume(st, n);
}

static void on_gone(struct h2_session *s, const struct err *why, void *arg)
{
	h2_session_free(s);
	*(struct h2_session **)arg = NULL;
}

/* Writes the bytes in a few pieces, with turns of the loop between them; suspends. */
static void co_feed(const struct input *in, struct conn *c, const struct strbuf *b)
{
	size_t piece = b->n / 3 + 1;
	for (size_t at = 0; at < b->n; at += piece) {
		conn_write(c, b->p + at, piece < b->n - at ? piece : b->n - at);
		for (int i = 0; i < 4; i++)
			co_yield(NULL);
	}
}

static void fuzz_server(struct input *in, struct conn *pair[2], struct strbuf *b)
{
	struct budget budget;
	struct grpc_server_opts o = grpc_server_opts_default();
	budget_init(&budget, NULL, "server", 64 << 20);
	o.budget = &budget;
	struct grpc_server *srv = grpc_server_new(in->r, &o);
	grpc_server_add(srv, methods, 3, NULL);
	grpc_server_accept(srv, pair[1]);
	co_feed(in, pair[0], b);
	conn_close(pair[0]);
	co_grpc_server_drain(srv, 0);
	grpc_server_free(srv);
	budget_fini(&budget);
}

static void fuzz_client(struct input *in, struct conn *pair[2], struct strbuf *b)
{
	static const struct h2_callbacks cbs = { .data = on_data, .gone = on_gone };
	static const struct h2_field f[] = { { STR(":method"), STR("POST") },
					     { STR(":scheme"), STR("http") },
					     { STR(":path"), STR("/t.T/Echo") },
					     { STR(":authority"), STR("t") } };
	struct h2_opts o = h2_opts_default();
	struct h2_session *s = NULL;
	s = h2_session_new(pair[1], false, &o, &cbs, &s);
	for (int i = 0; i < 3; i++) {
		struct h2_stream *st = h2_session_request(s, f, 4, false, NULL);
		if (st) {
			h2_stream_write(st, "\0\0\0\0\2hi", 7);
			h2_stream_finish(st, NULL, 0);
		}
	}
	co_feed(in, pair[0], b);
	conn_close(pair[0]);
	co_yield(NULL);
	co_yield(NULL);
	h2_session_free(s);
	co_yield(NULL);
	co_yield(NULL);
}

static void fuzz_main(void *arg)
{
	struct input *in = arg;
	struct conn *pair[2];
	struct strbuf b = { 0 };
	bool server = in->data[0] & 1;
	if (server)
		strbuf_add(&b, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
	if (in->data[0] & 2) {
		strbuf_add(&b, "\0\0\0\4\0\0\0\0\0", 9);
		put_frames(&b, server, in->data + 1, in->size - 1);
	} else {
		strbuf_add(&b, in->data + 1, in->size - 1);
	}
	conn_pair(in->r, &(struct conn_options){ 0 }, pair);
	conn_set_callbacks(pair[0], &hostile, NULL);
	(server ? fuzz_server : fuzz_client)(in, pair, &b);
	strbuf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2 || size > 60000)
		return 0;
	struct input in = { data, size, reactor_new(NULL, NULL) };
	fiber_start(in.r, "fuzz", fuzz_main, &in);
	reactor_run_until_idle(in.r);
	reactor_free(in.r);
	return 0;
}
