/*
 * Requests per second of the HTTP/1.1 server over loopback, server and
 * clients in one process and on one core: an upper bound of the cost of both.
 */
#include "base/compiler.h"
#include "base/mem.h"
#include "base/sys.h"
#include "http/router.h"
#include "http/server.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "net/conn.h"

#include <event2/buffer.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#define CLIENTS 64

struct bench {
	struct reactor *r;
	struct http_server *s;
	struct waitq done;
	const char *request;
	size_t response_bytes; /* of one response, head and body */
	uint64_t left, answered, bytes;
	int depth; /* requests under way on each connection */
};

struct client {
	struct bench *b;
	struct conn *c;
	size_t got;
};

static int co_small(struct http_req *req, void *arg, struct err *err)
{
	return co_http_reply(req, 200, "application/json", STR("{\"status\":\"success\"}"), err);
}

static int co_big(struct http_req *req, void *arg, struct err *err)
{
	static char piece[65536];
	http_resp_length(req, 16u * sizeof(piece));
	for (int i = 0; i < 16; i++) {
		int rc = co_http_send(req, piece, sizeof(piece), err);
		if (rc)
			return rc;
	}
	return 0;
}

static const struct http_route routes[] = {
	{ HTTP_GET, "/small", co_small },
	{ HTTP_GET, "/big", co_big },
};

static void ask(struct client *k, int n)
{
	struct bench *b = k->b;
	for (int i = 0; i < n && b->left > 0; i++) {
		b->left--;
		conn_write(k->c, b->request, strlen(b->request));
	}
}

static void on_read(struct conn *c, void *arg)
{
	struct client *k = arg;
	struct bench *b = k->b;
	struct evbuffer *in = conn_input(c);
	size_t n = evbuffer_get_length(in);
	evbuffer_drain(in, n);
	k->got += n;
	b->bytes += n;
	int done = (int)(k->got / b->response_bytes);
	k->got %= b->response_bytes;
	b->answered += (uint64_t)done;
	ask(k, done);
	waitq_wake_all(&b->done);
}

static double cpu_seconds(void)
{
	struct rusage u;
	getrusage(RUSAGE_SELF, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

static void co_run(struct bench *b, const char *what, const char *path, size_t response, uint64_t n, int depth)
{
	static const struct conn_callbacks callbacks = { .read = on_read };
	static struct client clients[CLIENTS];
	struct err err;
	char *request = xasprintf("GET %s HTTP/1.1\r\nHost: bench\r\n\r\n", path);
	*b = (struct bench){ .r = b->r, .s = b->s, .request = request, .response_bytes = response, .left = n };
	waitq_init(&b->done);
	for (int i = 0; i < CLIENTS; i++) {
		clients[i] = (struct client){ .b = b };
		clients[i].c = conn_connect(b->r, http_server_addr(b->s, 0), NULL, &callbacks, &clients[i], &err);
		if (!clients[i].c)
			abort();
	}
	int64_t begin = sys->mono_ns();
	double cpu = cpu_seconds();
	for (int i = 0; i < CLIENTS; i++)
		ask(&clients[i], depth);
	while (b->answered < n)
		if (co_waitq_wait(&b->done, "bench", &err))
			break;
	double s = (double)(sys->mono_ns() - begin) / 1e9;
	cpu = cpu_seconds() - cpu;
	printf("%-28s %9.0f requests/s  %7.1f MB/s  %5.1f us of CPU each\n", what, (double)n / s,
	       (double)b->bytes / s / 1e6, cpu / (double)n * 1e6);
	for (int i = 0; i < CLIENTS; i++)
		conn_close(clients[i].c);
	free(request);
}

static void co_main(void *arg)
{
	struct bench *b = arg;
	struct err err;
	if (http_server_listen(b->s, "127.0.0.1:0", &err))
		abort();
	/* Status line, Date, Content-Type, Content-Length, empty line, body. */
	size_t small =
		strlen("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Type: application/json\r\n"
		       "Content-Length: 20\r\n\r\n{\"status\":\"success\"}");
	size_t big =
		strlen("HTTP/1.1 200 OK\r\nDate: Sun, 06 Nov 1994 08:49:37 GMT\r\nContent-Length: 1048576\r\n\r\n") +
		1048576;
	co_run(b, "small, one at a time", "/small", small, 200000, 1);
	co_run(b, "small, 16 pipelined", "/small", small, 400000, 16);
	co_run(b, "1 MiB streamed", "/big", big, 4000, 1);
	co_http_server_stop(b->s, 1000);
}

int main(void)
{
	struct bench b = { 0 };
	struct err err;
	struct http_router *router = http_router_new();
	http_router_add(router, routes, ARRAY_LEN(routes), NULL);
	b.r = reactor_new(NULL, &err);
	b.s = http_server_new(&(struct http_server_config){ .reactor = b.r, .router = router });
	fiber_start(b.r, "bench", co_main, &b);
	reactor_run_until_idle(b.r);
	http_server_free(b.s);
	http_router_free(router);
	reactor_free(b.r);
	return 0;
}
