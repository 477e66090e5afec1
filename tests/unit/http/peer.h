/* A client that says and hears raw bytes, for tests of the HTTP server. */
#ifndef TESTS_UNIT_HTTP_PEER_H
#define TESTS_UNIT_HTTP_PEER_H

#include "base/strbuf.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "net/conn.h"

#include <event2/buffer.h>
#include <string.h>

struct peer {
	struct reactor *r;
	struct conn *c;
	struct waitq q;
	struct strbuf got;
	bool open, closed; /* closed: EOF or broken */
	bool deaf;         /* leaves its input unread */
};

static inline void peer_on_open(struct conn *c, void *arg)
{
	struct peer *p = arg;
	p->open = true;
	waitq_wake_all(&p->q);
}

static inline void peer_on_read(struct conn *c, void *arg)
{
	struct peer *p = arg;
	struct evbuffer *in = conn_input(c);
	size_t n = evbuffer_get_length(in);
	if (p->deaf)
		return;
	char *to = strbuf_reserve(&p->got, n + 1);
	evbuffer_remove(in, to, n);
	p->got.n += n;
	p->got.p[p->got.n] = 0;
	waitq_wake_all(&p->q);
}

static inline void peer_on_eof(struct conn *c, void *arg)
{
	struct peer *p = arg;
	p->closed = true;
	waitq_wake_all(&p->q);
}

static inline void peer_on_closed(struct conn *c, const struct err *why, void *arg)
{
	peer_on_eof(c, arg);
}

static const struct conn_callbacks peer_callbacks = { peer_on_open, peer_on_read, NULL, peer_on_eof, peer_on_closed };

/* Takes one end of a connection over. */
static inline void peer_init(struct peer *p, struct reactor *r, struct conn *c)
{
	memset(p, 0, sizeof(*p));
	p->r = r;
	waitq_init(&p->q);
	strbuf_add_c(&p->got, "");
	p->c = c;
	if (c)
		conn_set_callbacks(c, &peer_callbacks, p);
}

static inline void peer_fini(struct peer *p)
{
	conn_close(p->c);
	strbuf_fini(&p->got);
}

static inline void peer_say(struct peer *p, struct str s)
{
	conn_write(p->c, s.p, s.n);
}

/* Waits at most `ms` for more to happen; false when nothing did. */
static inline bool co_peer_wait(struct peer *p, int64_t ms)
{
	struct err err;
	int64_t old = fiber_set_deadline(reactor_now_ms(p->r) + ms);
	int rc = co_waitq_wait(&p->q, "peer", &err);
	fiber_restore_deadline(old);
	return rc == 0;
}

/* Waits until the server has closed; false after `ms`. */
static inline bool co_peer_closed(struct peer *p, int64_t ms)
{
	while (!p->closed)
		if (!co_peer_wait(p, ms))
			return false;
	return true;
}

/* Waits until `text` has been heard `times` times; false when that does not come. */
static inline bool co_peer_hears(struct peer *p, const char *text, int times)
{
	for (;;) {
		int n = 0;
		for (const char *at = p->got.p; at && (at = strstr(at, text)); at += strlen(text))
			n++;
		if (n >= times)
			return true;
		if (p->closed || !co_peer_wait(p, 5000))
			return false;
	}
}

#endif
