#include "loop/chan.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>

void chan_init(struct chan *c, size_t cap)
{
	CHECK(cap > 0);
	*c = (struct chan){ .ring = xcalloc(cap, sizeof(void *)), .cap = cap };
	waitq_init(&c->readable);
	waitq_init(&c->writable);
}

void chan_fini(struct chan *c)
{
	CHECK(list_empty(&c->readable.waiters) && list_empty(&c->writable.waiters));
	free(c->ring);
	c->ring = NULL;
}

bool chan_try_send(struct chan *c, void *p)
{
	CHECK(p);
	if (c->closed || c->n == c->cap)
		return false;
	c->ring[(c->head + c->n++) % c->cap] = p;
	waitq_wake_one(&c->readable);
	return true;
}

int co_chan_send(struct chan *c, void *p, struct err *err)
{
	while (!chan_try_send(c, p)) {
		if (c->closed)
			return err_set(err, ERR_ABORTED, "the receiving side is gone");
		int rc = co_waitq_wait(&c->writable, "channel full", err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

void *chan_try_recv(struct chan *c)
{
	if (c->n == 0)
		return NULL;
	void *p = c->ring[c->head];
	c->head = (c->head + 1) % c->cap;
	c->n--;
	waitq_wake_one(&c->writable);
	return p;
}

int co_chan_recv(struct chan *c, void **ret, struct err *err)
{
	while (!(*ret = chan_try_recv(c))) {
		if (c->closed && c->cause.code)
			return err_set(err, (enum err_code)c->cause.code, "%s", c->cause.msg);
		if (c->closed)
			return 0;
		int rc = co_waitq_wait(&c->readable, "channel empty", err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

bool chan_ready(const struct chan *c)
{
	return c->n > 0 || c->closed;
}

void chan_close(struct chan *c, const struct err *cause)
{
	if (c->closed)
		return;
	c->closed = true;
	if (cause)
		c->cause = *cause;
	waitq_wake_all(&c->readable);
	waitq_wake_all(&c->writable);
}

int co_chan_select(struct chan *const *cs, size_t n, size_t *ret_index, struct err *err)
{
	struct waitq *few[16];
	for (;;) {
		for (size_t i = 1; i <= n; i++) {
			size_t at = (*ret_index + i) % n;
			if (chan_ready(cs[at])) {
				*ret_index = at;
				return 0;
			}
		}
		struct waitq **qs = n <= ARRAY_LEN(few) ? few : xreallocarray(NULL, n, sizeof(*qs));
		for (size_t i = 0; i < n; i++)
			qs[i] = &cs[i]->readable;
		int rc = co_waitq_wait_any(qs, n, "select", err);
		if (qs != few)
			free(qs);
		if (rc != 0)
			return rc;
	}
}
