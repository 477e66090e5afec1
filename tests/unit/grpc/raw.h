/* A peer that writes HTTP/2 frames by hand and notes what comes back. */
#ifndef TESTS_UNIT_GRPC_RAW_H
#define TESTS_UNIT_GRPC_RAW_H

#include "unit/grpc/rig.h"

#include "base/strbuf.h"
#include "net/conn.h"

#include <event2/buffer.h>
#include <nghttp2/nghttp2.h>

enum {
	RAW_DATA,
	RAW_HEADERS,
	RAW_PRIORITY,
	RAW_RST,
	RAW_SETTINGS,
	RAW_PUSH,
	RAW_PING,
	RAW_GOAWAY,
	RAW_UPDATE,
	RAW_CONTINUATION
};
enum { RAW_END_STREAM = 1, RAW_ACK = 1, RAW_END_HEADERS = 4, RAW_PADDED = 8 };

struct raw {
	struct rig *rig;
	struct conn *c;
	struct waitq q;
	bool closed;
	nghttp2_hd_inflater *inflater;
	int64_t goaway; /* error code, -1: none */
	uint32_t resets;
	uint32_t last_reset; /* error code */
	uint32_t ended;      /* streams that the server ended */
	char status[8];      /* the last :status */
	int grpc_status;     /* the last grpc-status, -1: none yet */
	char message[256];
	struct strbuf data; /* of all streams */
	uint64_t bytes;
	int32_t next_id;
};

static inline void raw_header(struct raw *w, struct str name, struct str value)
{
	char text[256];
	snprintf(text, sizeof(text), "%.*s", (int)MIN(value.n, sizeof(text) - 1), value.p);
	if (str_eq_c(name, ":status"))
		snprintf(w->status, sizeof(w->status), "%.7s", text);
	if (str_eq_c(name, "grpc-status"))
		w->grpc_status = atoi(text);
	if (str_eq_c(name, "grpc-message"))
		snprintf(w->message, sizeof(w->message), "%s", text);
}

static inline void raw_headers(struct raw *w, const uint8_t *p, size_t n)
{
	int flags;
	do {
		nghttp2_nv nv;
		flags = 0;
		ssize_t k = nghttp2_hd_inflate_hd2(w->inflater, &nv, &flags, p, n, 1);
		assert_true(k >= 0);
		p += k;
		n -= (size_t)k;
		if (flags & NGHTTP2_HD_INFLATE_EMIT)
			raw_header(w, str_mem(nv.name, nv.namelen), str_mem(nv.value, nv.valuelen));
	} while (!(flags & NGHTTP2_HD_INFLATE_FINAL));
	nghttp2_hd_inflate_end_headers(w->inflater);
}

static inline uint32_t raw_u32(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

static inline void raw_frame_in(struct raw *w, uint8_t type, uint8_t flags, const uint8_t *p, size_t n)
{
	if (type == RAW_HEADERS)
		raw_headers(w, p, n);
	if (type == RAW_DATA)
		strbuf_add(&w->data, p, n);
	if ((type == RAW_HEADERS || type == RAW_DATA) && (flags & RAW_END_STREAM))
		w->ended++;
	if (type == RAW_RST) {
		w->resets++;
		w->last_reset = raw_u32(p);
	}
	if (type == RAW_GOAWAY)
		w->goaway = raw_u32(p + 4);
}

static inline void raw_on_read(struct conn *c, void *arg)
{
	struct raw *w = arg;
	struct evbuffer *in = conn_input(c);
	uint8_t head[9];
	while (evbuffer_copyout(in, head, 9) == 9) {
		size_t n = (size_t)head[0] << 16 | (size_t)head[1] << 8 | head[2];
		if (evbuffer_get_length(in) < 9 + n)
			break;
		raw_frame_in(w, head[3], head[4], evbuffer_pullup(in, (ssize_t)(9 + n)) + 9, n);
		evbuffer_drain(in, 9 + n);
		w->bytes += 9 + n;
	}
	waitq_wake_all(&w->q);
}

static inline void raw_on_eof(struct conn *c, void *arg)
{
	struct raw *w = arg;
	w->closed = true;
	waitq_wake_all(&w->q);
}

static inline void raw_on_closed(struct conn *c, const struct err *why, void *arg)
{
	raw_on_eof(c, arg);
}

static inline void raw_write(struct raw *w, const void *p, size_t n)
{
	if (!w->closed)
		conn_write(w->c, p, n);
}

static inline void raw_frame(struct raw *w, uint8_t type, uint8_t flags, int32_t id, const void *p, size_t n)
{
	uint8_t head[9] = { (uint8_t)(n >> 16),  (uint8_t)(n >> 8),   (uint8_t)n,         type,       flags,
			    (uint8_t)(id >> 24), (uint8_t)(id >> 16), (uint8_t)(id >> 8), (uint8_t)id };
	raw_write(w, head, 9);
	raw_write(w, p, n);
}

/* Connects over a memory pair; sends preface and empty SETTINGS. */
static inline void raw_open(struct raw *w, struct rig *rig)
{
	static const struct conn_callbacks cbs = { .read = raw_on_read, .eof = raw_on_eof, .closed = raw_on_closed };
	struct conn *pair[2];
	*w = (struct raw){ .rig = rig, .goaway = -1, .grpc_status = -1, .next_id = 1 };
	waitq_init(&w->q);
	nghttp2_hd_inflate_new(&w->inflater);
	conn_pair(rig->r, &(struct conn_options){ 0 }, pair);
	w->c = pair[0];
	conn_set_callbacks(w->c, &cbs, w);
	grpc_server_accept(rig->srv, pair[1]);
	raw_write(w, "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n", 24);
	raw_frame(w, RAW_SETTINGS, 0, 0, NULL, 0);
}

static inline void raw_close(struct raw *w)
{
	conn_close(w->c);
	nghttp2_hd_inflate_del(w->inflater);
	strbuf_fini(&w->data);
}

/* A literal field without indexing, Huffman coding, or names from the table. */
static inline void raw_put(struct strbuf *b, const char *name, const char *value)
{
	strbuf_add_ch(b, 0);
	const char *const both[2] = { name, value };
	for (int i = 0; i < 2; i++) {
		size_t n = strlen(both[i]);
		if (n < 127) {
			strbuf_add_ch(b, (char)n);
		} else {
			strbuf_add_ch(b, 127);
			for (n -= 127; n >= 128; n >>= 7)
				strbuf_add_ch(b, (char)(n | 128));
			strbuf_add_ch(b, (char)n);
		}
		strbuf_add_c(b, both[i]);
	}
}

/* A pair that replaces (value given) or removes (NULL) one of the usual fields, or adds one. */
struct raw_change {
	const char *name, *value;
};

/* Appends the block of a call's headers, with up to three changes. */
static inline void raw_block(struct strbuf *b, const char *path, const struct raw_change *changes)
{
	const struct raw_change usual[] = { { ":method", "POST" }, { ":scheme", "http" },
					    { ":path", path },     { ":authority", "t" },
					    { "te", "trailers" },  { "content-type", "application/grpc" } };
	for (size_t i = 0; i < ARRAY_LEN(usual); i++) {
		const char *value = usual[i].value;
		for (const struct raw_change *ch = changes; ch && ch->name; ch++)
			if (strcmp(ch->name, usual[i].name) == 0)
				value = ch->value;
		if (value)
			raw_put(b, usual[i].name, value);
	}
	for (const struct raw_change *ch = changes; ch && ch->name; ch++) {
		bool known = false;
		for (size_t i = 0; i < ARRAY_LEN(usual); i++)
			known = known || strcmp(ch->name, usual[i].name) == 0;
		if (!known)
			raw_put(b, ch->name, ch->value);
	}
}

/* Sends a call's headers; returns the stream. */
static inline int32_t raw_call(struct raw *w, const char *path, const struct raw_change *changes, uint8_t flags)
{
	struct strbuf b = { 0 };
	int32_t id = w->next_id;
	w->next_id += 2;
	raw_block(&b, path, changes);
	raw_frame(w, RAW_HEADERS, RAW_END_HEADERS | flags, id, b.p, b.n);
	strbuf_fini(&b);
	return id;
}

/* Lets the server work until `done`, the end of the connection, or a second has passed; suspends. */
static inline void co_raw_until(struct raw *w, const uint32_t *counter, uint32_t want)
{
	int64_t old = fiber_set_deadline(reactor_now_ms(w->rig->r) + 2000);
	while (!w->closed && !(counter && *counter >= want) && co_waitq_wait(&w->q, "raw", NULL) == 0)
		;
	fiber_restore_deadline(old);
}

#endif
