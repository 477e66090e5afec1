#include "base/assert.h"
#include "base/hash.h"
#include "base/hmap.h"
#include "base/mem.h"
#include "grpc/client_internal.h"
#include "loop/reactor.h"
#include "net/conn.h"
#include "net/tls.h"

#include <stdlib.h>

struct grpc_channel_opts grpc_channel_opts_default(void)
{
	return (struct grpc_channel_opts){
		.user_agent = "thanos-c",
		.max_message_bytes = INT32_MAX,
		.window_bytes = 1 << 20,
		.connect_timeout_ms = 20 * 1000,
		.backoff_min_ms = 1000,
		.backoff_max_ms = 2 * 60 * 1000,
		.keepalive_ms = 10 * 1000,
		.keepalive_timeout_ms = 5 * 1000,
		.idle_ms = 30 * 60 * 1000,
	};
}

/* Wakes whoever waits for a connection. */
static void channel_changed(struct grpc_channel *ch)
{
	waitq_wake_all(&ch->changed);
}

/* --- links ---------------------------------------------------------------------------------- */

/* Takes no new calls on a link from now on. */
static void link_detach(struct grpc_link *l)
{
	if (l->sub && l->sub->up == l)
		l->sub->up = NULL;
	l->sub = NULL;
}

static void link_free(struct grpc_link *l)
{
	link_detach(l);
	list_del(&l->link);
	h2_session_free(l->session);
	free(l->text);
	free(l);
}

static void sub_failed(struct grpc_sub *sub, const struct err *why);

static void link_ready(struct h2_session *s, void *arg)
{
	struct grpc_link *l = arg;
	l->ready = true;
	if (!l->sub)
		return;
	l->sub->state = GRPC_READY;
	backoff_reset(&l->sub->backoff);
	channel_changed(l->ch);
}

static void link_goaway(struct h2_session *s, void *arg)
{
	struct grpc_link *l = arg;
	if (l->sub)
		l->sub->state = GRPC_IDLE;
	link_detach(l);
	channel_changed(l->ch);
}

static void link_gone(struct h2_session *s, const struct err *why, void *arg)
{
	struct grpc_link *l = arg;
	struct grpc_sub *sub = l->sub;
	struct grpc_channel *ch = l->ch;
	if (sub && !l->ready) {
		link_detach(l);
		sub_failed(sub, why);
	} else if (sub) {
		sub->state = GRPC_IDLE;
		channel_changed(ch);
	}
	link_free(l);
}

static const struct h2_callbacks link_cbs = {
	.headers = grpc_stream_on_headers,
	.data = grpc_stream_on_data,
	.end = grpc_stream_on_end,
	.closed = grpc_stream_on_closed,
	.ready = link_ready,
	.goaway = link_goaway,
	.gone = link_gone,
};

/* --- addresses --------------------------------------------------------------------------------- */

static void sub_unref(struct grpc_sub *sub)
{
	if (--sub->refs > 0)
		return;
	timer_fini(&sub->retry);
	free(sub->text);
	free(sub->tls_name);
	free(sub);
}

static void sub_connected(struct grpc_sub *sub, struct conn *c)
{
	struct grpc_channel *ch = sub->ch;
	struct str alpn = conn_alpn(c);
	if (conn_is_tls(c) && alpn.n > 0 && !str_eq_c(alpn, "h2")) {
		struct err e;
		err_set(&e, ERR_UNAVAILABLE, "%s does not speak HTTP/2", sub->text);
		conn_close(c);
		sub_failed(sub, &e);
		return;
	}
	struct grpc_link *l = xcalloc(1, sizeof(*l));
	l->ch = ch;
	l->sub = sub;
	l->text = xstrdup(sub->text);
	list_push_back(&ch->links, &l->link);
	sub->up = l;
	sub->last = ERR_NONE;
	l->session = h2_session_new(c, false, &ch->h2, &link_cbs, l);
}

/* The fiber that connects; suspends. */
static void dial_main(void *arg)
{
	static const struct conn_callbacks none;
	struct grpc_sub *sub = arg;
	struct conn *c = NULL;
	struct err e = ERR_NONE;
	int rv = fiber_check(&e);
	if (rv == 0 && sub->ch) {
		const struct grpc_channel_opts *o = &sub->ch->opts;
		struct conn_options opt = {
			.tls = o->tls,
			.server_name = sub->tls_name,
			.limits = { .open_ms = o->connect_timeout_ms },
			.dns = o->dns,
		};
		rv = co_conn_connect(&sub->addr, &opt, &none, NULL, &c, &e);
	}
	sub->dialling = NULL;
	if (!sub->ch)
		conn_close(c);
	else if (rv)
		sub_failed(sub, &e);
	else
		sub_connected(sub, c);
	sub_unref(sub);
}

static void sub_dial(struct grpc_sub *sub)
{
	if (sub->state != GRPC_IDLE || sub->dialling)
		return;
	sub->state = GRPC_CONNECTING;
	sub->refs++;
	sub->dialling = fiber_start(sub->ch->r, "grpc connect", dial_main, sub);
}

static void sub_failed(struct grpc_sub *sub, const struct err *why)
{
	sub->last = *why;
	sub->last.code = ERR_UNAVAILABLE;
	sub->state = GRPC_TRANSIENT_FAILURE;
	timer_set(&sub->retry, backoff_next_ms(&sub->backoff));
	channel_changed(sub->ch);
}

static void sub_retry(void *arg)
{
	struct grpc_sub *sub = arg;
	sub->state = GRPC_IDLE;
	if (sub->ch->waiting > 0)
		sub_dial(sub);
}

static struct grpc_sub *sub_new(struct grpc_channel *ch, const char *text, const struct addr *addr)
{
	struct grpc_sub *sub = xcalloc(1, sizeof(*sub));
	sub->refs = 1;
	sub->ch = ch;
	sub->text = xstrdup(text);
	sub->addr = *addr;
	sub->tls_name = ch->tls_name ? xstrdup(ch->tls_name) : NULL;
	backoff_init(&sub->backoff, ch->opts.backoff_min_ms, ch->opts.backoff_max_ms);
	timer_init(&sub->retry, ch->r, sub_retry, sub);
	return sub;
}

/* Lets go of an address; its connection ends with its calls. */
static void sub_drop(struct grpc_sub *sub)
{
	struct grpc_link *l = sub->up;
	sub->ch = NULL;
	timer_clear(&sub->retry);
	if (sub->dialling)
		fiber_cancel(sub->dialling);
	if (l) {
		link_detach(l);
		h2_session_shutdown(l->session);
	}
	sub_unref(sub);
}

/* --- the channel ---------------------------------------------------------------------------------- */

static void copy_opts(struct grpc_channel *ch, const struct addr *a)
{
	struct grpc_channel_opts *o = &ch->opts;
	ch->authority = xstrdup(o->server_name ? o->server_name : a->is_unix ? "localhost" : ch->target);
	if (o->tls)
		ch->tls_name = xstrdup(o->server_name ? o->server_name : a->host);
	ch->user_agent = xstrdup(o->user_agent ? o->user_agent : "thanos-c");
	o->server_name = o->user_agent = NULL;
	if (o->tls)
		tls_ctx_ref(o->tls);
	ch->h2 = h2_opts_default();
	ch->h2.max_streams = 0;
	ch->h2.window_bytes = o->window_bytes;
	ch->h2.setup_ms = o->connect_timeout_ms;
	ch->h2.idle_ms = o->idle_ms;
	ch->h2.keepalive_ms = o->keepalive_ms;
	ch->h2.keepalive_timeout_ms = o->keepalive_timeout_ms;
	ch->h2.max_grace_ms = 0;
}

struct grpc_channel *grpc_channel_new(struct reactor *r, const char *target, const struct grpc_channel_opts *opts,
				      struct err *err)
{
	struct addr a;
	if (addr_parse(str_c(target), -1, &a, err) != 0)
		return NULL;
	struct grpc_channel *ch = xcalloc(1, sizeof(*ch));
	ch->refs = 1;
	ch->r = r;
	ch->target = xstrdup(target);
	ch->opts = opts ? *opts : grpc_channel_opts_default();
	copy_opts(ch, &a);
	list_init(&ch->links);
	waitq_init(&ch->changed);
	*vec_push(&ch->subs) = sub_new(ch, target, &a);
	return ch;
}

struct grpc_channel *grpc_channel_ref(struct grpc_channel *ch)
{
	ch->refs++;
	return ch;
}

void grpc_channel_unref(struct grpc_channel *ch)
{
	if (!ch || --ch->refs > 0)
		return;
	for (size_t i = 0; i < ch->subs.n; i++)
		sub_drop(ch->subs.p[i]);
	vec_fini(&ch->subs);
	list_for_each (l, &ch->links)
		link_free(list_entry(l, struct grpc_link, link));
	tls_ctx_unref(ch->opts.tls);
	free(ch->target);
	free(ch->authority);
	free(ch->tls_name);
	free(ch->user_agent);
	free(ch);
}

/* Moves a sub from the channel's old list; makes it when it is new. */
static struct grpc_sub *take_sub(struct grpc_channel *ch, const char *text, const struct addr *a)
{
	for (size_t i = 0; i < ch->subs.n; i++) {
		struct grpc_sub *sub = ch->subs.p[i];
		if (sub && strcmp(sub->text, text) == 0) {
			ch->subs.p[i] = NULL;
			return sub;
		}
	}
	return sub_new(ch, text, a);
}

int grpc_channel_set_addresses(struct grpc_channel *ch, const char *const *addrs, size_t n, struct err *err)
{
	struct addr *parsed = xcalloc(n, sizeof(*parsed));
	int rv = 0;
	for (size_t i = 0; i < n && rv == 0; i++)
		rv = addr_parse(str_c(addrs[i]), -1, &parsed[i], err);
	if (rv == 0) {
		struct grpc_sub **fresh = xcalloc(n, sizeof(struct grpc_sub *));
		size_t m = 0;
		for (size_t i = 0; i < n; i++) {
			bool twice = false;
			for (size_t j = 0; j < m && !twice; j++)
				twice = strcmp(fresh[j]->text, addrs[i]) == 0;
			if (!twice)
				fresh[m++] = take_sub(ch, addrs[i], &parsed[i]);
		}
		for (size_t i = 0; i < ch->subs.n; i++)
			if (ch->subs.p[i])
				sub_drop(ch->subs.p[i]);
		ch->subs.n = 0;
		for (size_t i = 0; i < m; i++)
			*vec_push(&ch->subs) = fresh[i];
		free(fresh);
		channel_changed(ch);
	}
	free(parsed);
	return rv;
}

const char *grpc_channel_target(const struct grpc_channel *ch)
{
	return ch->target;
}

enum grpc_channel_state grpc_channel_state(const struct grpc_channel *ch)
{
	static const int rank[] = {
		[GRPC_READY] = 3, [GRPC_CONNECTING] = 2, [GRPC_IDLE] = 1, [GRPC_TRANSIENT_FAILURE] = 0
	};
	if (ch->subs.n == 0)
		return GRPC_TRANSIENT_FAILURE;
	enum grpc_channel_state best = ch->subs.p[0]->state;
	for (size_t i = 1; i < ch->subs.n; i++)
		if (rank[ch->subs.p[i]->state] > rank[best])
			best = ch->subs.p[i]->state;
	return best;
}

void grpc_channel_connect(struct grpc_channel *ch)
{
	for (size_t i = 0; i < ch->subs.n; i++)
		sub_dial(ch->subs.p[i]);
}

void grpc_channel_set_metrics(struct grpc_channel *ch, struct grpc_client_metrics *m)
{
	ch->metrics = m;
}

/* Adds to a failed wait why the last try to connect failed, where one did; that names the address. */
static int wait_failed(const struct grpc_channel *ch, struct err *err)
{
	const struct grpc_sub *sub = ch->subs.n ? ch->subs.p[ch->next % ch->subs.n] : NULL;
	if (!sub || !sub->last.code)
		return err_prefix(err, "waiting for a connection to %s", ch->target);
	struct err why = *err;
	return err_set(err, (enum err_code)why.code, "waiting for a connection: %s; last connection error: %s", why.msg,
		       sub->last.msg);
}

/* The next connection in turn that takes calls, or NULL. */
static struct grpc_link *pick(struct grpc_channel *ch)
{
	for (size_t i = 0; i < ch->subs.n; i++) {
		struct grpc_sub *sub = ch->subs.p[(ch->next + i) % ch->subs.n];
		if (sub->state == GRPC_READY && sub->up && h2_session_usable(sub->up->session)) {
			ch->next = (ch->next + i + 1) % ch->subs.n;
			return sub->up;
		}
	}
	return NULL;
}

/* Why no connection will come soon; 0 while one is being made. */
static int no_connection(const struct grpc_channel *ch, struct err *err)
{
	if (ch->subs.n == 0)
		return err_set(err, ERR_UNAVAILABLE, "%s: no addresses are known for it", ch->target);
	for (size_t i = 0; i < ch->subs.n; i++)
		if (ch->subs.p[i]->state != GRPC_TRANSIENT_FAILURE)
			return 0;
	const struct grpc_sub *sub = ch->subs.p[ch->next % ch->subs.n];
	return err_set(err, ERR_UNAVAILABLE, "connection error: %s", sub->last.msg);
}

int co_grpc_channel_pick(struct grpc_channel *ch, bool wait_for_ready, struct grpc_link **ret, struct err *err)
{
	int rv = 0;
	while (rv == 0) {
		rv = fiber_check(err);
		grpc_channel_connect(ch);
		*ret = rv == 0 ? pick(ch) : NULL;
		if (*ret || rv)
			break;
		if (!wait_for_ready)
			rv = no_connection(ch, err);
		if (rv)
			break;
		ch->waiting++;
		rv = co_waitq_wait(&ch->changed, "grpc connection", err);
		ch->waiting--;
		if (rv && err)
			wait_failed(ch, err);
	}
	return rv;
}

/* --- metrics ----------------------------------------------------------------------------------------- */

/* The counters of a process's channels. */
struct grpc_client_metrics {
	struct grpc_metric_families families;
	struct hmap methods; /* of struct grpc_method_metrics */
};

struct grpc_client_metrics *grpc_client_metrics_new(struct metrics_registry *reg)
{
	struct grpc_client_metrics *m = xcalloc(1, sizeof(*m));
	grpc_metric_families_init(&m->families, reg, "client");
	return m;
}

void grpc_client_metrics_free(struct grpc_client_metrics *m)
{
	size_t pos = 0;
	struct grpc_method_metrics *row;
	while (m && (row = hmap_next(&m->methods, &pos))) {
		grpc_method_metrics_fini(row);
		free(row);
	}
	if (m)
		hmap_fini(&m->methods);
	free(m);
}

/* Whether a row is that of a path "/service/method". */
static bool row_has_path(const void *value, const void *key)
{
	const struct grpc_method_metrics *row = value;
	struct str rest = str_c((const char *)key + 1);
	return str_eq_c(str_cut(&rest, '/'), row->service) && str_eq_c(rest, row->method);
}

struct grpc_method_metrics *grpc_client_method(struct grpc_client_metrics *m, const char *type, const char *method)
{
	if (!m)
		return NULL;
	uint64_t hash = hash_str(str_c(method));
	struct grpc_method_metrics *row = hmap_find(&m->methods, hash, row_has_path, method);
	if (row)
		return row;
	row = xcalloc(1, sizeof(*row));
	grpc_method_metrics_init(row, &m->families, type, str_c(method));
	hmap_add(&m->methods, hash, row);
	return row;
}
