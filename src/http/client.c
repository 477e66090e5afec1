#include "http/client_internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/sys.h"
#include "loop/fiber.h"
#include "loop/reactor.h"

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* --- the loop's side: libcurl says what to watch, the loop says what happened ---------------- */

/* Marks ended transfers and wakes their fibers. */
static void collect_done(struct http_client *c)
{
	CURLMsg *msg;
	int left;
	while ((msg = curl_multi_info_read(c->multi, &left))) {
		if (msg->msg != CURLMSG_DONE)
			continue;
		struct transfer *t = NULL;
		curl_easy_getinfo(msg->easy_handle, CURLINFO_PRIVATE, (char **)&t);
		t->done = true;
		t->result = msg->data.result;
		waitq_wake_all(&t->changed);
	}
}

static void on_socket(evutil_socket_t fd, short what, void *arg)
{
	struct http_client *c = arg;
	int running, flags = (what & EV_READ ? CURL_CSELECT_IN : 0) | (what & EV_WRITE ? CURL_CSELECT_OUT : 0);
	reactor_enter(c->cfg.reactor);
	curl_multi_socket_action(c->multi, fd, flags, &running);
	collect_done(c);
}

static void on_timer(void *arg)
{
	struct http_client *c = arg;
	int running;
	curl_multi_socket_action(c->multi, CURL_SOCKET_TIMEOUT, 0, &running);
	collect_done(c);
}

static int want_timer(CURLM *multi, long ms, void *arg)
{
	struct http_client *c = arg;
	if (ms < 0)
		timer_clear(&c->timer);
	else
		timer_set(&c->timer, ms);
	return 0;
}

static int want_socket(CURL *easy, curl_socket_t fd, int what, void *arg, void *socket_arg)
{
	struct http_client *c = arg;
	struct event *ev = socket_arg;
	if (ev)
		event_free(ev);
	if (what == CURL_POLL_REMOVE)
		return 0;
	short kinds = (short)((what & CURL_POLL_IN ? EV_READ : 0) | (what & CURL_POLL_OUT ? EV_WRITE : 0) | EV_PERSIST);
	ev = event_new(reactor_base(c->cfg.reactor), fd, kinds, on_socket, c);
	CHECK(ev && event_add(ev, NULL) == 0);
	curl_multi_assign(c->multi, fd, ev);
	return 0;
}

/* --- what a transfer brings -------------------------------------------------------------------- */

static size_t on_header(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	struct str line = str_trim(str_mem(p, size * n));
	struct http_client_resp *r = t->resp;
	if (str_has_prefix(line, STR("HTTP/"))) {
		/* A new response: after a 100, or after a redirect. */
		long status = 0;
		r->headers.n = 0;
		curl_easy_getinfo(t->easy, CURLINFO_RESPONSE_CODE, &status);
		r->status = (int)status;
		return size * n;
	}
	if (line.n == 0) {
		t->head_done = r->status >= 200;
		waitq_wake_all(&t->changed);
		return size * n;
	}
	t->header_bytes += line.n;
	struct str value = line, name = str_cut(&value, ':');
	if (t->header_bytes > HEADER_BYTES_MAX || !http_headers_add(&r->headers, &r->arena, name, str_trim(value))) {
		err_set(&t->failure, ERR_RESOURCE_EXHAUSTED, "response headers are over %d bytes or the budget",
			HEADER_BYTES_MAX);
		return 0;
	}
	struct str kept = r->headers.p[r->headers.n - 1].name;
	str_lower((char *)kept.p, kept.n);
	return size * n;
}

static size_t buffer_body(struct transfer *t, struct str s, uint64_t max)
{
	struct strbuf *b = &t->resp->body;
	if (b->n + s.n > max) {
		err_set(&t->failure, ERR_RESOURCE_EXHAUSTED, "response body is larger than %llu bytes",
			(unsigned long long)max);
		return 0;
	}
	strbuf_add_str(b, s);
	return s.n;
}

static size_t on_data(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	struct str s = { p, size * n };
	const struct http_client_req *rq = t->rq;
	if (!rq->on_body)
		return buffer_body(t, s, rq->max_body ? rq->max_body : 64u * 1024 * 1024);
	if (t->resp->status / 100 != 2) {
		/* An error's text: what is too long is cut, the rest read and dropped. */
		buffer_body(t, str_mem(s.p, MIN(s.n, ERROR_BODY_MAX - MIN(t->resp->body.n, ERROR_BODY_MAX))),
			    ERROR_BODY_MAX);
		return s.n;
	}
	if (t->waiting.n >= STREAM_WAITING_MAX) {
		t->paused = true;
		return CURL_WRITEFUNC_PAUSE;
	}
	strbuf_add_str(&t->waiting, s);
	waitq_wake_all(&t->changed);
	return s.n;
}

static size_t on_want_source(char *p, size_t size, size_t n, void *arg)
{
	struct transfer *t = arg;
	size_t got = 0;
	if (t->rq->source(t->rq->source_arg, p, size * n, &got, &t->failure))
		return CURL_READFUNC_ABORT;
	return got;
}

const struct transfer_callbacks http_transfer_callbacks = { on_header, on_data, on_want_source };

/* --- one request -------------------------------------------------------------------------------- */

/* Method and URL without credentials, query and fragment, for messages. */
static void name_of(const struct http_client_req *rq, const char *method, char *buf, size_t size)
{
	struct str u = str_c(rq->url);
	ptrdiff_t end = str_index(u, '?');
	if (end >= 0)
		u.n = (size_t)end;
	ptrdiff_t scheme = str_find(u, STR("://"));
	struct str head = { u.p, scheme >= 0 ? (size_t)scheme + 3 : 0 };
	struct str rest = { u.p + head.n, u.n - head.n };
	ptrdiff_t slash = str_index(rest, '/');
	for (size_t i = slash >= 0 ? (size_t)slash : rest.n; i > 0; i--) {
		if (rest.p[i - 1] == '@') {
			rest = str_mem(rest.p + i, rest.n - i);
			break;
		}
	}
	snprintf(buf, size, "%s %.*s%.*s", method, STR_ARG(head), STR_ARG(rest));
}

static int fail(const struct transfer *t, struct err *err)
{
	char name[256];
	name_of(t->rq, t->method, name, sizeof(name));
	if (t->failure.code)
		return err_set(err, t->failure.code, "%s: %s", name, t->failure.msg);
	enum err_code code = ERR_UNAVAILABLE;
	switch (t->result) {
	case CURLE_OPERATION_TIMEDOUT:
		code = ERR_DEADLINE_EXCEEDED;
		break;
	case CURLE_URL_MALFORMAT:
	case CURLE_UNSUPPORTED_PROTOCOL:
		code = ERR_INVALID_ARGUMENT;
		break;
	case CURLE_OUT_OF_MEMORY:
		code = ERR_RESOURCE_EXHAUSTED;
		break;
	default:
		break;
	}
	return err_set(err, code, "%s: %s", name, t->errbuf[0] ? t->errbuf : curl_easy_strerror(t->result));
}

/* Hands the streamed bytes to the owner; lets libcurl go on. Suspends. */
static int co_deliver(struct transfer *t, struct err *err)
{
	struct strbuf piece = t->waiting;
	t->waiting = (struct strbuf){ 0 };
	int rc = t->rq->on_body(t->rq->on_body_arg, strbuf_str(&piece), err);
	if (rc) {
		strbuf_fini(&piece);
		return rc;
	}
	strbuf_reset(&piece);
	if (t->waiting.n == 0) {
		strbuf_fini(&t->waiting);
		t->waiting = piece;
	} else {
		strbuf_fini(&piece);
	}
	if (t->paused && !t->done) {
		t->paused = false;
		curl_easy_pause(t->easy, CURLPAUSE_CONT);
	}
	return 0;
}

/* Waits for more, at most until the head's own deadline. Suspends. */
static int co_wait(struct transfer *t, struct err *err)
{
	int64_t head_by = t->head_by_ms;
	if (t->head_done || head_by == 0)
		return co_waitq_wait(&t->changed, "http response", err);
	int64_t old = fiber_set_deadline(head_by);
	int rc = co_waitq_wait(&t->changed, "http response head", err);
	fiber_restore_deadline(old);
	return rc;
}

/* Runs the transfer to its end. Suspends. */
static int co_run(struct transfer *t, struct err *err)
{
	for (;;) {
		if (t->waiting.n > 0) {
			int rc = co_deliver(t, err);
			if (rc)
				return rc;
			continue;
		}
		if (t->done)
			return t->result == CURLE_OK ? 0 : fail(t, err);
		int rc = co_wait(t, err);
		if (rc) {
			char name[256];
			name_of(t->rq, t->method, name, sizeof(name));
			return err_prefix(err, "%s", name);
		}
	}
}

static void count(struct http_client *c, const struct transfer *t, int rc, int64_t begin_ns)
{
	long opened = 0;
	c->stats.in_flight--;
	c->stats.duration_sum_ns += sys->mono_ns() - begin_ns;
	curl_easy_getinfo(t->easy, CURLINFO_NUM_CONNECTS, &opened);
	c->stats.connections += (uint64_t)opened;
	if (t->resp->status >= 100 && t->resp->status < 600)
		c->stats.by_class[t->resp->status / 100]++;
	if (rc)
		c->stats.failures++;
}

int co_http_request(struct http_client *c, const struct http_client_req *rq, struct http_client_resp *ret,
		    struct err *err)
{
	struct transfer t = { .client = c, .rq = rq, .resp = ret };
	int64_t begin_ns = sys->mono_ns(), old = fiber_deadline();
	waitq_init(&t.changed);
	arena_init(&ret->arena, fiber_budget());
	ret->headers = (struct http_headers){ 0 };
	strbuf_reset(&ret->body);
	ret->status = 0;
	int rc = fiber_check(err);
	if (rc)
		return rc;
	if (rq->timeout_ms)
		old = fiber_set_deadline(reactor_now_ms(c->cfg.reactor) + rq->timeout_ms);
	if (c->cfg.first_byte_ms)
		t.head_by_ms = reactor_now_ms(c->cfg.reactor) + c->cfg.first_byte_ms;
	c->stats.requests++;
	c->stats.in_flight++;
	rc = http_transfer_set_up(&t, err);
	if (rc == 0) {
		CHECK(curl_multi_add_handle(c->multi, t.easy) == CURLM_OK);
		rc = co_run(&t, err);
		curl_multi_remove_handle(c->multi, t.easy);
	}
	if (rq->timeout_ms)
		fiber_restore_deadline(old);
	count(c, &t, rc, begin_ns);
	http_transfer_fini(&t);
	if (rc)
		http_client_resp_fini(ret);
	return rc;
}

void http_client_resp_fini(struct http_client_resp *r)
{
	strbuf_fini(&r->body);
	arena_fini(&r->arena);
	r->headers = (struct http_headers){ 0 };
}

/* --- clients --------------------------------------------------------------------------------------- */

#define DEFAULT(field, value) \
	do { \
		if (!(field)) \
			(field) = (value); \
	} while (0)

/* The strings of a configuration, which a client owns copies of. */
static void copy_strings(struct http_client_config *c)
{
	const char **strings[] = { &c->user_agent,   &c->basic_user,        &c->basic_password, &c->basic_password_file,
				   &c->bearer_token, &c->bearer_token_file, &c->proxy_url,      &c->ca_file,
				   &c->cert_file,    &c->key_file,          &c->server_name };
	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		if (*strings[i])
			*strings[i] = xstrdup(*strings[i]);
}

static void free_strings(struct http_client_config *c)
{
	const char *strings[] = { c->user_agent,   c->basic_user,        c->basic_password, c->basic_password_file,
				  c->bearer_token, c->bearer_token_file, c->proxy_url,      c->ca_file,
				  c->cert_file,    c->key_file,          c->server_name };
	for (size_t i = 0; i < ARRAY_LEN(strings); i++)
		free((char *)strings[i]);
}

static int check_config(const struct http_client_config *c, struct err *err)
{
	bool basic = c->basic_user || c->basic_password || c->basic_password_file;
	if (c->bearer_token && c->bearer_token_file)
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "at most one of bearer_token & bearer_token_file must be configured");
	if (basic && (c->bearer_token || c->bearer_token_file))
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "at most one of basic_auth, bearer_token & bearer_token_file must be configured");
	if (c->basic_password && c->basic_password_file)
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "at most one of basic_auth password & password_file must be configured");
	if ((c->cert_file != NULL) != (c->key_file != NULL))
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "exactly one of key or key_file must be configured when a client "
			       "certificate is configured");
	return 0;
}

struct http_client *http_client_new(const struct http_client_config *cfg, struct err *err)
{
	CHECK(cfg->reactor);
	if (check_config(cfg, err))
		return NULL;
	struct http_client *c = xcalloc(1, sizeof(*c));
	c->cfg = *cfg;
	DEFAULT(c->cfg.user_agent, "thanos");
	DEFAULT(c->cfg.max_conns, 100);
	DEFAULT(c->cfg.idle_ms, 90000);
	DEFAULT(c->cfg.connect_ms, 10000);
	DEFAULT(c->cfg.stall_ms, 60000);
	copy_strings(&c->cfg);
	curl_global_init(CURL_GLOBAL_DEFAULT);
	c->multi = curl_multi_init();
	CHECK(c->multi);
	timer_init(&c->timer, cfg->reactor, on_timer, c);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETFUNCTION, want_socket);
	curl_multi_setopt(c->multi, CURLMOPT_SOCKETDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERFUNCTION, want_timer);
	curl_multi_setopt(c->multi, CURLMOPT_TIMERDATA, c);
	curl_multi_setopt(c->multi, CURLMOPT_MAXCONNECTS, (long)c->cfg.max_conns);
	curl_multi_setopt(c->multi, CURLMOPT_MAX_HOST_CONNECTIONS, (long)c->cfg.max_conns_per_host);
	return c;
}

void http_client_free(struct http_client *c)
{
	if (!c)
		return;
	CHECK(c->stats.in_flight == 0);
	for (size_t i = 0; i < c->n_idle; i++)
		curl_easy_cleanup(c->idle[i]);
	curl_multi_cleanup(c->multi);
	timer_fini(&c->timer);
	free_strings(&c->cfg);
	free(c);
	curl_global_cleanup();
}

const struct http_client_stats *http_client_stats(const struct http_client *c)
{
	return &c->stats;
}
