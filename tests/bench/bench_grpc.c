/*
 * Streaming throughput and unary calls per second over loopback, server and client in a process each.
 * CPU is what the process used per GB (or per call) moved.
 */
#include "base/compiler.h"
#include "base/mem.h"
#include "base/sys.h"
#include "grpc/client.h"
#include "grpc/server.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "net/addr.h"
#include "net/listener.h"

#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

static char fill[4 << 20];

static double cpu_s(int who)
{
	struct rusage u;
	getrusage(who, &u);
	return (double)(u.ru_utime.tv_sec + u.ru_stime.tv_sec) +
	       (double)(u.ru_utime.tv_usec + u.ru_stime.tv_usec) / 1e6;
}

/* --- server process ----------------------------------------------------------------- */

static void nothing(void *arg)
{
}

/* Request: "<messages> <bytes> <by reference>". The trailer tells the CPU seconds used. */
static int co_stream(struct grpc_call *c, void *arg, struct err *err)
{
	unsigned long n, size;
	int ref;
	char text[64] = "";
	double before = cpu_s(RUSAGE_SELF);
	memcpy(text, grpc_call_request(c).p, MIN(grpc_call_request(c).n, sizeof(text) - 1));
	if (sscanf(text, "%lu %lu %d", &n, &size, &ref) != 3)
		return err_set(err, ERR_INVALID_ARGUMENT, "what?");
	for (unsigned long i = 0; i < n; i++) {
		struct grpc_part part =
			ref ? grpc_part_ref(str_mem(fill, size), nothing, NULL) : grpc_part_copy(str_mem(fill, size));
		int rv = co_grpc_send(c, &part, 1, err);
		if (rv)
			return rv;
	}
	snprintf(text, sizeof(text), "%.6f", cpu_s(RUSAGE_SELF) - before);
	return grpc_call_set_trailer(c, "cpu", str_c(text), err);
}

static int co_echo(struct grpc_call *c, void *arg, struct err *err)
{
	return co_grpc_send_str(c, grpc_call_request(c), err);
}

static const struct grpc_method methods[] = {
	{ "/bench.B/Stream", GRPC_SERVER_STREAM, co_stream },
	{ "/bench.B/Echo", GRPC_UNARY, co_echo },
};

static void serve(int out)
{
	struct reactor *r = reactor_new(NULL, NULL);
	struct grpc_server *srv = grpc_server_new(r, NULL);
	struct addr at;
	char text[ADDR_TEXT_MAX];
	grpc_server_add(srv, methods, ARRAY_LEN(methods), NULL);
	if (addr_parse(STR("127.0.0.1:0"), -1, &at, NULL) || grpc_server_listen(srv, &at, NULL))
		exit(1);
	sockaddr_text(listener_addr(grpc_server_listener(srv, 0)), text);
	if (write(out, text, sizeof(text)) < 0)
		exit(1);
	reactor_run(r);
	exit(0);
}

/* --- client process --------------------------------------------------------------------- */

static struct grpc_channel *ch;

static void stream_once(unsigned long total, unsigned long size, int ref)
{
	char req[64];
	unsigned long n = total / size, got = 0;
	snprintf(req, sizeof(req), "%lu %lu %d", n, size, ref);
	struct grpc_part part = grpc_part_copy(str_c(req));
	struct grpc_stream *s;
	struct err e;
	struct str m;
	bool end = false;
	double cpu = cpu_s(RUSAGE_SELF);
	int64_t t = sys->mono_ns();
	int rv = co_grpc_stream_open(ch, "/bench.B/Stream", NULL, &part, 1, &s, &e);
	while (rv == 0 && !end) {
		rv = co_grpc_recv(s, &m, &end, &e);
		got += m.n;
	}
	double secs = (double)(sys->mono_ns() - t) / 1e9, gb = (double)got / 1e9;
	if (rv || got != n * size) {
		fprintf(stderr, "failed: %s\n", e.msg);
		exit(1);
	}
	struct str server_cpu = grpc_stream_trailer(s, "cpu");
	printf("stream %8lu B %s: %6.2f GB/s %9.0f msg/s  CPU-s/GB: server %.3f client %.3f\n", size,
	       ref ? "ref " : "copy", gb / secs, (double)n / secs, strtod(server_cpu.p, NULL) / gb,
	       (cpu_s(RUSAGE_SELF) - cpu) / gb);
	grpc_stream_close(s);
}

struct load {
	int calls;
};

static void caller(void *arg)
{
	struct load *l = arg;
	struct grpc_part part = grpc_part_copy(str_mem(fill, 100));
	struct err e;
	while (l->calls-- > 0) {
		if (co_grpc_unary(ch, "/bench.B/Echo", NULL, &part, 1, NULL, NULL, &e) != 0) {
			fprintf(stderr, "failed: %s\n", e.msg);
			exit(1);
		}
	}
}

static void unary(int calls, int parallel)
{
	struct load l = { calls };
	struct fiber_group g;
	double cpu = cpu_s(RUSAGE_SELF);
	int64_t t = sys->mono_ns();
	fiber_group_init(&g);
	for (int i = 0; i < parallel; i++)
		fiber_group_start(&g, "caller", caller, &l);
	co_fiber_group_join(&g, NULL);
	double secs = (double)(sys->mono_ns() - t) / 1e9;
	printf("unary  100 B, %3d at a time: %8.0f calls/s  client CPU %.1f us/call\n", parallel, calls / secs,
	       (cpu_s(RUSAGE_SELF) - cpu) / calls * 1e6);
}

static void client_main(void *arg)
{
	ch = grpc_channel_new(fiber_reactor(), arg, NULL, NULL);
	unary(2000, 1);
	stream_once(1ul << 28, 1 << 20, 1);
	for (int ref = 0; ref < 2; ref++) {
		stream_once(2000000000ul, 16 << 10, ref);
		stream_once(4000000000ul, 256 << 10, ref);
		stream_once(4000000000ul, 4 << 20, ref);
	}
	stream_once(200000000ul, 100, 0);
	unary(20000, 1);
	unary(100000, 100);
	grpc_channel_unref(ch);
}

int main(void)
{
	int fds[2];
	mem_tune();
	char target[ADDR_TEXT_MAX] = "";
	if (pipe(fds))
		return 1;
	pid_t pid = fork();
	if (pid == 0)
		serve(fds[1]);
	if (read(fds[0], target, sizeof(target)) <= 0)
		return 1;
	struct reactor *r = reactor_new(NULL, NULL);
	fiber_start(r, "bench", client_main, target);
	reactor_run_until_idle(r);
	kill(pid, SIGKILL);
	waitpid(pid, NULL, 0);
	return 0;
}
