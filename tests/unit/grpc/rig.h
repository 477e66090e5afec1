/* A server with test methods and a channel to it, in one reactor. */
#ifndef TESTS_UNIT_GRPC_RIG_H
#define TESTS_UNIT_GRPC_RIG_H

#include "unit/unit.h"

#include "base/compiler.h"
#include "grpc/client.h"
#include "grpc/server.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "net/addr.h"
#include "net/listener.h"

#include <stdio.h>

struct rig {
	struct reactor *r;
	struct grpc_server *srv;
	struct grpc_channel *ch;
	struct grpc_server_opts sopts;
	struct grpc_channel_opts copts;
	char target[64];
	struct budget budget;
	int cancelled; /* handlers that saw CANCELLED */
	int deadlines; /* handlers that saw DEADLINE_EXCEEDED */
	uint64_t sent; /* messages that co_stream sent */
	int released;  /* referenced parts given back */
	void (*body)(struct rig *rig);
};

/* --- methods of test.T ------------------------------------------------------------- */

static inline int co_echo(struct grpc_call *c, void *arg, struct err *err)
{
	return co_grpc_send_str(c, grpc_call_request(c), err);
}

static inline int co_meta(struct grpc_call *c, void *arg, struct err *err)
{
	struct str v = grpc_call_metadata(c, "x-ascii"), b = grpc_call_metadata(c, "x-bytes-bin");
	assert_int_equal(grpc_call_set_header(c, "x-ascii", v, err), 0);
	assert_int_equal(grpc_call_set_header(c, "x-bytes-bin", b, err), 0);
	assert_int_equal(grpc_call_set_trailer(c, "x-trailer-bin", b, err), 0);
	assert_int_equal(grpc_call_set_header(c, "grpc-status", v, err), -ERR_INVALID_ARGUMENT);
	assert_int_equal(grpc_call_set_header(c, "Upper", v, err), -ERR_INVALID_ARGUMENT);
	return co_grpc_send_str(c, grpc_call_request(c), err);
}

/* Request: "<code>". */
static inline int co_code(struct grpc_call *c, void *arg, struct err *err)
{
	int code = atoi(grpc_call_request(c).n
				? (char[]){ grpc_call_request(c).p[0],
					    grpc_call_request(c).n > 1 ? grpc_call_request(c).p[1] : '\0', '\0' }
				: "0");
	if (code == 0)
		return co_grpc_send_str(c, STR("fine"), err);
	grpc_call_set_details(c, STR("\x08\x01\x00"), err);
	return err_set(err, (enum err_code)code, "code %d: \xc3\xa9 100%%\n", code);
}

/* Waits until cancelled or past the deadline. */
static inline int co_hang(struct grpc_call *c, void *arg, struct err *err)
{
	struct rig *rig = arg;
	int rv = co_sleep_ms(60000, err);
	rig->cancelled += rv == -ERR_CANCELLED;
	rig->deadlines += rv == -ERR_DEADLINE_EXCEEDED;
	return rv ? rv : co_grpc_send_str(c, STR("late"), err);
}

static inline void note_release(void *arg)
{
	((struct rig *)arg)->released++;
}

/* Request: "<messages> <bytes each>"; even messages copied, odd ones referenced. */
static inline int co_stream(struct grpc_call *c, void *arg, struct err *err)
{
	static char fill[4 << 20];
	struct rig *rig = arg;
	unsigned long n, size;
	char text[64] = "";
	memcpy(text, grpc_call_request(c).p, MIN(grpc_call_request(c).n, sizeof(text) - 1));
	if (sscanf(text, "%lu %lu", &n, &size) != 2 || size < 8)
		return err_set(err, ERR_INVALID_ARGUMENT, "want \"<n> <size>\"");
	for (unsigned long i = 0; i < n; i++) {
		char head[24];
		snprintf(head, sizeof(head), "%08lu", i);
		struct grpc_part parts[2] = { { .p = head, .n = 8 }, { .p = fill, .n = size - 8 } };
		if (i % 2)
			parts[1] = grpc_part_ref(str_mem(fill, size - 8), note_release, rig);
		int rv = co_grpc_send(c, parts, 2, err);
		rig->cancelled += rv == -ERR_CANCELLED;
		if (rv)
			return rv;
		rig->sent++;
	}
	return 0;
}

static inline int co_bidi(struct grpc_call *c, void *arg, struct err *err)
{
	for (;;) {
		struct str m;
		bool end;
		int rv = co_grpc_call_recv(c, &m, &end, err);
		if (rv || end)
			return rv;
		rv = co_grpc_send_str(c, m, err);
		if (rv)
			return rv;
	}
}

static inline int co_silent(struct grpc_call *c, void *arg, struct err *err)
{
	return 0;
}

static const struct grpc_method rig_methods[] = {
	{ "/test.T/Echo", GRPC_UNARY, co_echo },
	{ "/test.T/Meta", GRPC_UNARY, co_meta },
	{ "/test.T/Code", GRPC_UNARY, co_code },
	{ "/test.T/Hang", GRPC_UNARY, co_hang },
	{ "/test.T/Stream", GRPC_SERVER_STREAM, co_stream },
	{ "/test.T/Bidi", GRPC_BIDI, co_bidi },
	{ "/test.T/Silent", GRPC_UNARY, co_silent },
};

/* --- the rig ------------------------------------------------------------------------- */

/* Options may be changed between rig_init and rig_run. */
static inline void rig_init(struct rig *rig)
{
	*rig = (struct rig){ .sopts = grpc_server_opts_default(), .copts = grpc_channel_opts_default() };
	rig->r = reactor_new(NULL, NULL);
	budget_init(&rig->budget, NULL, "server", BUDGET_UNLIMITED);
	rig->sopts.budget = &rig->budget;
}

static inline void rig_main(void *arg)
{
	struct rig *rig = arg;
	struct addr at;
	struct err e;
	char text[ADDR_TEXT_MAX];
	assert_int_equal(addr_parse(STR("127.0.0.1:0"), -1, &at, &e), 0);
	if (grpc_server_listen(rig->srv, &at, &e) != 0)
		fail_msg("%s", e.msg);
	snprintf(rig->target, sizeof(rig->target), "%s",
		 sockaddr_text(listener_addr(grpc_server_listener(rig->srv, 0)), text));
	rig->ch = grpc_channel_new(rig->r, rig->target, &rig->copts, &e);
	assert_non_null(rig->ch);
	rig->body(rig);
	grpc_channel_unref(rig->ch);
	co_grpc_server_drain(rig->srv, 200);
	co_sleep_ms(30, NULL); /* half-closed connections see each other's end */
}

static inline void rig_run(struct rig *rig, void (*body)(struct rig *rig))
{
	rig->srv = grpc_server_new(rig->r, &rig->sopts);
	grpc_server_add(rig->srv, rig_methods, ARRAY_LEN(rig_methods), rig);
	rig->body = body;
	fiber_start(rig->r, "test", rig_main, rig);
	reactor_run_until_idle(rig->r);
	struct grpc_server_stats st = grpc_server_stats(rig->srv);
	assert_int_equal(st.calls, 0);
	assert_int_equal(st.connections, 0);
	grpc_server_free(rig->srv);
	reactor_free(rig->r);
	assert_int_equal(rig->budget.used, 0);
}

/* A unary call with a C string. */
static inline int co_rig_unary(struct rig *rig, const char *method, const char *req, const struct grpc_call_opts *o,
			       struct arena *a, struct str *ret, struct err *err)
{
	struct grpc_part part = grpc_part_copy(str_c(req));
	return co_grpc_unary(rig->ch, method, o, &part, 1, a, ret, err);
}

#endif
