#include "net/conn_internal.h"

#include "base/assert.h"
#include "loop/reactor.h"

#include <errno.h>
#include <event2/buffer.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <unistd.h>

/* Bytes read by one system call. */
#define READ_CHUNK (64 * 1024)

/* Bytes written to one connection before others have their turn. */
#define WRITE_TURN_MAX (1024 * 1024)

/* --- sockets --------------------------------------------------------------------- */

static enum conn_io plain_open(struct conn *c, struct err *err)
{
	if (!c->connecting)
		return CONN_IO_DONE;
	int e = 0;
	socklen_t len = sizeof(e);
	if (getsockopt(c->fd, SOL_SOCKET, SO_ERROR, &e, &len))
		e = errno;
	if (e) {
		err_sys(err, e, "connect to %s", c->peer_text);
		return CONN_IO_ERROR;
	}
	c->connecting = false;
	return CONN_IO_DONE;
}

/* What recv's result means; `want` bytes were asked for. */
static enum conn_io read_result(struct conn *c, ssize_t n, size_t want, size_t *ret_n, struct err *err)
{
	if (n == 0)
		return CONN_IO_EOF;
	if (n < 0) {
		if (errno == EAGAIN || errno == EINTR)
			return CONN_IO_WANT_READ;
		err_sys(err, errno, "read from %s", c->peer_text);
		return CONN_IO_ERROR;
	}
	*ret_n += (size_t)n;
	c->busy_read = (size_t)n >= want / 2;
	return (size_t)n < want ? CONN_IO_WANT_READ : CONN_IO_DONE;
}

/* Reads into the buffer's own memory: one copy less, for connections that are busy. */
static enum conn_io read_in_place(struct conn *c, size_t want, size_t *ret_n, struct err *err)
{
	struct evbuffer_iovec v;
	CHECK(evbuffer_reserve_space(c->in, (ev_ssize_t)want, &v, 1) == 1);
	ssize_t n = recv(c->fd, v.iov_base, want, 0);
	v.iov_len = n > 0 ? (size_t)n : 0;
	CHECK(evbuffer_commit_space(c->in, &v, 1) == 0);
	return read_result(c, n, want, ret_n, err);
}

static enum conn_io plain_read(struct conn *c, size_t max, size_t *ret_n, struct err *err)
{
	char buf[READ_CHUNK];
	size_t want = MIN(max, sizeof(buf));
	if (c->busy_read)
		return read_in_place(c, want, ret_n, err);
	ssize_t n = recv(c->fd, buf, want, 0);
	if (n > 0)
		CHECK(evbuffer_add(c->in, buf, (size_t)n) == 0);
	return read_result(c, n, want, ret_n, err);
}

static enum conn_io plain_write(struct conn *c, size_t *ret_n, struct err *err)
{
	while (evbuffer_get_length(c->out) > 0 && *ret_n < WRITE_TURN_MAX) {
		int n = evbuffer_write_atmost(c->out, c->fd, -1);
		if (n < 0) {
			if (errno == EAGAIN || errno == EINTR)
				return CONN_IO_WANT_WRITE;
			err_sys(err, errno, "write to %s", c->peer_text);
			return CONN_IO_ERROR;
		}
		*ret_n += (size_t)n;
	}
	return evbuffer_get_length(c->out) ? CONN_IO_WANT_WRITE : CONN_IO_DONE;
}

/* Failures are left to the write that follows, which reports them. */
static size_t plain_send(struct conn *c, const struct str *parts, size_t n_parts)
{
	struct iovec v[CONN_PARTS_MAX];
	struct msghdr m = { .msg_iov = v, .msg_iovlen = n_parts };
	for (size_t i = 0; i < n_parts; i++)
		v[i] = (struct iovec){ (void *)parts[i].p, parts[i].n };
	ssize_t n = sendmsg(c->fd, &m, MSG_NOSIGNAL);
	return n > 0 ? (size_t)n : 0;
}

static enum conn_io plain_shutdown(struct conn *c, struct err *err)
{
	if (shutdown(c->fd, SHUT_WR) && errno != ENOTCONN) {
		err_sys(err, errno, "half-close to %s", c->peer_text);
		return CONN_IO_ERROR;
	}
	return CONN_IO_DONE;
}

static void plain_fini(struct conn *c)
{
}

const struct conn_ops conn_plain_ops = { plain_open,     plain_read, plain_write, plain_send,
					 plain_shutdown, plain_fini, NULL };

/* --- in-memory pairs: the reader takes from the writer's output -------------------- */

static enum conn_io pair_open(struct conn *c, struct err *err)
{
	return CONN_IO_DONE;
}

static enum conn_io pair_read(struct conn *c, size_t max, size_t *ret_n, struct err *err)
{
	struct conn *o = c->other;
	if (!o)
		return CONN_IO_EOF;
	size_t n = MIN(max, evbuffer_get_length(o->out));
	if (n > 0) {
		CHECK(evbuffer_remove_buffer(o->out, c->in, n) == (int)n);
		o->active_ms = o->stall_ms = reactor_now_ms(o->r);
		if (o->stats)
			o->stats->bytes_written += n;
		*ret_n += n;
		conn_tick_soon(o);
		return CONN_IO_DONE;
	}
	return o->shut_done ? CONN_IO_EOF : CONN_IO_WANT_READ;
}

static enum conn_io pair_write(struct conn *c, size_t *ret_n, struct err *err)
{
	if (!c->other) {
		err_set(err, ERR_UNAVAILABLE, "write to %s: the other end is closed", c->peer_text);
		return CONN_IO_ERROR;
	}
	conn_tick_soon(c->other);
	return CONN_IO_WANT_WRITE;
}

static enum conn_io pair_shutdown(struct conn *c, struct err *err)
{
	if (c->other)
		conn_tick_soon(c->other);
	return CONN_IO_DONE;
}

static void pair_drained(struct conn *c)
{
	conn_tick_soon(c);
}

const struct conn_ops conn_pair_ops = {
	pair_open, pair_read, pair_write, NULL, pair_shutdown, plain_fini, pair_drained
};
