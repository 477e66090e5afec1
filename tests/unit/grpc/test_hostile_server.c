/* Servers that answer badly: every call ends, with the code of gRPC's documents and the address in its message. */
#include "unit/grpc/raw.h"

/* A server that answers each complete request with a script. */
struct hostile {
	struct rig *rig;
	struct listener *l;
	struct raw w[8]; /* its connections */
	int n;
	int requests;
	void (*answer)(struct hostile *h, struct raw *w, int32_t id);
	char target[64];
};

static struct hostile *hostile;

static void hostile_frames(struct raw *w)
{
	struct evbuffer *in = conn_input(w->c);
	uint8_t head[9];
	while (evbuffer_copyout(in, head, 9) == 9) {
		size_t n = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
		if (evbuffer_get_length(in) < 9 + n)
			return;
		evbuffer_drain(in, 9 + n);
		int32_t id = (int32_t)raw_u32(head + 5);
		if (head[3] == RAW_RST)
			w->resets++;
		if (head[3] == RAW_DATA && (head[4] & RAW_END_STREAM)) {
			hostile->requests++;
			hostile->answer(hostile, w, id);
		}
		if (w->closed)
			return;
	}
}

static void hostile_read(struct conn *c, void *arg)
{
	struct raw *w = arg;
	if (w->bytes == 0) { /* the preface */
		if (evbuffer_get_length(conn_input(c)) < 24)
			return;
		evbuffer_drain(conn_input(c), 24);
		w->bytes = 24;
		raw_frame(w, RAW_SETTINGS, 0, 0, NULL, 0);
	}
	hostile_frames(w);
}

static void hostile_end(struct conn *c, void *arg)
{
	struct raw *w = arg;
	if (!w->closed)
		conn_close(c);
	w->closed = true;
}

static void hostile_closed(struct conn *c, const struct err *why, void *arg)
{
	hostile_end(c, arg);
}

static void hostile_accept(int fd, const struct sockaddr_any *peer, void *arg)
{
	static const struct conn_callbacks cbs = { .read = hostile_read, .eof = hostile_end, .closed = hostile_closed };
	struct raw *w = &hostile->w[hostile->n++];
	assert_true(hostile->n <= 8);
	w->rig = hostile->rig;
	w->c = conn_accept(hostile->rig->r, fd, peer, &(struct conn_options){ 0 }, &cbs, w, NULL);
}

/* --- scripts ----------------------------------------------------------------------------- */

/* Sends response headers: pairs of names and values, then NULL. */
static void respond(struct raw *w, int32_t id, uint8_t flags, const char *const *pairs)
{
	struct strbuf b = { 0 };
	for (; *pairs; pairs += 2)
		raw_put(&b, pairs[0], pairs[1]);
	raw_frame(w, RAW_HEADERS, RAW_END_HEADERS | flags, id, b.p, b.n);
	strbuf_fini(&b);
}

#define FIELDS(...) ((const char *const[]){ __VA_ARGS__, NULL })
#define OK_HEAD FIELDS(":status", "200", "content-type", "application/grpc")

static void good(struct hostile *h, struct raw *w, int32_t id)
{
	respond(w, id, 0, OK_HEAD);
	raw_frame(w, RAW_DATA, 0, id, "\0\0\0\0\2ok", 7);
	respond(w, id, RAW_END_STREAM, FIELDS("grpc-status", "0"));
}

static void http_503(struct hostile *h, struct raw *w, int32_t id)
{
	respond(w, id, 0, FIELDS(":status", "503", "content-type", "text/html"));
	raw_frame(w, RAW_DATA, RAW_END_STREAM, id, "<html>", 6);
}

static void http_404(struct hostile *h, struct raw *w, int32_t id)
{
	respond(w, id, RAW_END_STREAM, FIELDS(":status", "404"));
}

static void html(struct hostile *h, struct raw *w, int32_t id)
{
	respond(w, id, 0, FIELDS(":status", "200", "content-type", "text/html"));
	raw_frame(w, RAW_DATA, RAW_END_STREAM, id, "\0\0\0\0\2ok", 7);
}

static void no_trailers(struct hostile *h, struct raw *w, int32_t id)
{
	respond(w, id, 0, OK_HEAD);
	raw_frame(w, RAW_DATA, RAW_END_STREAM, id, "\0\0\0\0\2ok", 7);
}

static void cut_message(struct hostile *h, struct raw *w, int32_t id)
{
	respond(w, id, 0, OK_HEAD);
	raw_frame(w, RAW_DATA, 0, id, "\0\0\0\0\5ok", 7);
	respond(w, id, RAW_END_STREAM, FIELDS("grpc-status", "0"));
}

static void two_messages(struct hostile *h, struct raw *w, int32_t id)
{
	respond(w, id, 0, OK_HEAD);
	raw_frame(w, RAW_DATA, 0, id, "\0\0\0\0\2ok\0\0\0\0\2ok", 14);
	respond(w, id, RAW_END_STREAM, FIELDS("grpc-status", "0"));
}

static void no_message(struct hostile *h, struct raw *w, int32_t id)
{
	respond(w, id, RAW_END_STREAM,
		FIELDS(":status", "200", "content-type", "application/grpc", "grpc-status", "0"));
}

static void huge_claim(struct hostile *h, struct raw *w, int32_t id)
{
	respond(w, id, 0, OK_HEAD);
	raw_frame(w, RAW_DATA, 0, id, "\0\xff\xff\xff\xff", 5);
}

static void bad_flag(struct hostile *h, struct raw *w, int32_t id)
{
	respond(w, id, 0, OK_HEAD);
	raw_frame(w, RAW_DATA, 0, id, "\x40\0\0\0\2ok", 7);
}

static void coded_without_encoding(struct hostile *h, struct raw *w, int32_t id)
{
	respond(w, id, 0, OK_HEAD);
	raw_frame(w, RAW_DATA, 0, id, "\1\0\0\0\2ok", 7);
}

static void unknown_encoding(struct hostile *h, struct raw *w, int32_t id)
{
	respond(w, id, 0, FIELDS(":status", "200", "content-type", "application/grpc", "grpc-encoding", "br"));
	raw_frame(w, RAW_DATA, 0, id, "\1\0\0\0\2ok", 7);
}

static void strange_status(struct hostile *h, struct raw *w, int32_t id)
{
	respond(w, id, RAW_END_STREAM,
		FIELDS(":status", "200", "content-type", "application/grpc", "grpc-status", "99"));
}

static void status_that_is_no_number(struct hostile *h, struct raw *w, int32_t id)
{
	respond(w, id, RAW_END_STREAM,
		FIELDS(":status", "200", "content-type", "application/grpc", "grpc-status", "x"));
}

static void reset_cancel(struct hostile *h, struct raw *w, int32_t id)
{
	raw_frame(w, RAW_RST, 0, id, "\0\0\0\x08", 4);
}

static void reset_calm(struct hostile *h, struct raw *w, int32_t id)
{
	raw_frame(w, RAW_RST, 0, id, "\0\0\0\x0b", 4);
}

static void reset_internal_after_head(struct hostile *h, struct raw *w, int32_t id)
{
	respond(w, id, 0, OK_HEAD);
	raw_frame(w, RAW_RST, 0, id, "\0\0\0\x02", 4);
}

static void closes(struct hostile *h, struct raw *w, int32_t id)
{
	hostile_end(w->c, w);
}

static void headers_too_large(struct hostile *h, struct raw *w, int32_t id)
{
	static char value[16301]; /* the most that fits a frame, and more than the limit with 32 bytes per field */
	memset(value, 'v', sizeof(value) - 1);
	respond(w, id, 0, FIELDS(":status", "200", "content-type", "application/grpc", "x-large", value));
}

static void informational_first(struct hostile *h, struct raw *w, int32_t id)
{
	respond(w, id, 0, FIELDS(":status", "103", "link", "x"));
	good(h, w, id);
}

static void ping_flood(struct hostile *h, struct raw *w, int32_t id)
{
	for (int i = 0; i < 3000 && !w->closed; i++)
		raw_frame(w, RAW_PING, 0, 0, "12345678", 8);
}

static void refused_once(struct hostile *h, struct raw *w, int32_t id)
{
	if (h->requests == 1)
		raw_frame(w, RAW_RST, 0, id, "\0\0\0\x07", 4);
	else
		good(h, w, id);
}

static void refused_always(struct hostile *h, struct raw *w, int32_t id)
{
	raw_frame(w, RAW_RST, 0, id, "\0\0\0\x07", 4);
}

/* GOAWAY that names no stream as processed: the call goes again on a new connection. */
static void goaway_once(struct hostile *h, struct raw *w, int32_t id)
{
	if (h->requests == 1)
		raw_frame(w, RAW_GOAWAY, 0, 0, "\0\0\0\0\0\0\0\0", 8);
	else
		good(h, w, id);
}

/* GOAWAY that lets this stream finish. */
static void goaway_then_answer(struct hostile *h, struct raw *w, int32_t id)
{
	uint8_t p[8] = { 0, 0, 0, (uint8_t)id };
	raw_frame(w, RAW_GOAWAY, 0, 0, p, 8);
	good(h, w, id);
}

static const struct script {
	const char *name;
	void (*answer)(struct hostile *h, struct raw *w, int32_t id);
	int code;
	int requests; /* that the server sees for one call; 0: one */
} scripts[] = {
	{ "good", good, 0 },
	{ "informational first", informational_first, 0 },
	{ "503", http_503, ERR_UNAVAILABLE },
	{ "404", http_404, ERR_UNIMPLEMENTED },
	{ "html", html, ERR_UNKNOWN },
	{ "no trailers", no_trailers, ERR_INTERNAL },
	{ "cut message", cut_message, ERR_INTERNAL },
	{ "two messages", two_messages, ERR_INTERNAL },
	{ "no message", no_message, ERR_INTERNAL },
	{ "huge claim", huge_claim, ERR_RESOURCE_EXHAUSTED },
	{ "bad flag", bad_flag, ERR_INTERNAL },
	{ "coded without encoding", coded_without_encoding, ERR_INTERNAL },
	{ "unknown encoding", unknown_encoding, ERR_INTERNAL },
	{ "strange status", strange_status, ERR_UNKNOWN },
	{ "status that is no number", status_that_is_no_number, ERR_INTERNAL },
	{ "reset CANCEL", reset_cancel, ERR_CANCELLED },
	{ "reset ENHANCE_YOUR_CALM", reset_calm, ERR_RESOURCE_EXHAUSTED },
	{ "reset INTERNAL_ERROR", reset_internal_after_head, ERR_INTERNAL },
	{ "closes", closes, ERR_UNAVAILABLE },
	{ "large headers", headers_too_large, ERR_RESOURCE_EXHAUSTED },
	{ "PING flood", ping_flood, ERR_UNAVAILABLE },
	{ "refused once", refused_once, 0, 2 },
	{ "refused always", refused_always, ERR_UNAVAILABLE, 5 },
	{ "GOAWAY once", goaway_once, 0, 2 },
	{ "GOAWAY, then answer", goaway_then_answer, 0 },
};

static void one_script(struct rig *rig, const struct script *sc)
{
	struct hostile h = { .rig = rig, .answer = sc->answer };
	struct addr at;
	char text[ADDR_TEXT_MAX];
	struct err e = ERR_NONE;
	struct arena a;
	struct str ret;
	hostile = &h;
	assert_int_equal(addr_parse(STR("127.0.0.1:0"), -1, &at, NULL), 0);
	h.l = listener_new(rig->r, &at, &(struct listener_options){ 0 }, hostile_accept, NULL, NULL);
	listener_start(h.l);
	snprintf(h.target, sizeof(h.target), "%s", sockaddr_text(listener_addr(h.l), text));
	struct grpc_channel *ch = grpc_channel_new(rig->r, h.target, &rig->copts, NULL);
	struct grpc_part part = grpc_part_copy(STR("x"));
	struct grpc_call_opts o = { .timeout_ms = 5000 };
	arena_init(&a, NULL);
	int rv = co_grpc_unary(ch, "/test.T/Echo", &o, &part, 1, &a, &ret, &e);
	if (rv != -sc->code || h.requests != MAX(sc->requests, 1))
		fail_msg("%s: %d (%s) after %d requests", sc->name, rv, e.msg, h.requests);
	assert_true(rv == 0 ? str_eq_c(ret, "ok") : strstr(e.msg, h.target) != NULL);
	arena_fini(&a);
	grpc_channel_unref(ch);
	co_sleep_ms(10, NULL);
	for (int i = 0; i < h.n; i++)
		if (!h.w[i].closed)
			conn_close(h.w[i].c);
	listener_free(h.l);
	co_sleep_ms(1, NULL);
}

static void scripts_body(struct rig *rig)
{
	for (size_t i = 0; i < ARRAY_LEN(scripts); i++)
		one_script(rig, &scripts[i]);
}

static void test_bad_answers_end_calls_with_their_code(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.copts.keepalive_ms = 0;
	rig_run(&rig, scripts_body);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_bad_answers_end_calls_with_their_code),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
