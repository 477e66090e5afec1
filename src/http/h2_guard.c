#include "http/h2_guard.h"

#include "base/compiler.h"

#include <string.h>

#define BURST_MILLI (1000 * 1000)
#define REFILL_PER_S 100
#define PREFACE_BYTES 24
#define FREE_MAX 100000
#define PING_STRIKES_MAX 2

enum { F_DATA, F_HEADERS, F_PRIORITY, F_RST, F_SETTINGS, F_PUSH, F_PING, F_GOAWAY, F_UPDATE, F_CONTINUATION };

#define FLAG_END_STREAM 0x1
#define FLAG_ACK 0x1

void h2_guard_init(struct h2_guard *g, bool server, int64_t ping_min_ms, int64_t now_ms)
{
	*g = (struct h2_guard){
		.server = server,
		.ping_min_ms = ping_min_ms,
		.last_ping_ms = now_ms - ping_min_ms,
		.last_refill_ms = now_ms,
		.tokens_milli = BURST_MILLI,
		.skip = server ? PREFACE_BYTES : 0,
	};
}

static enum h2_verdict guard_take(struct h2_guard *g, int64_t tokens, int64_t now_ms)
{
	g->flood_frames++;
	int64_t gained = MIN(now_ms - g->last_refill_ms, 3600 * 1000) * REFILL_PER_S;
	g->tokens_milli = MIN(g->tokens_milli + gained, BURST_MILLI);
	g->last_refill_ms = now_ms;
	g->tokens_milli -= tokens * 1000;
	return g->tokens_milli < 0 ? H2_GUARD_FLOOD : H2_GUARD_OK;
}

/* A PING of the peer: too soon after the last is a strike unless we sent something meanwhile. */
static enum h2_verdict guard_ping(struct h2_guard *g, int64_t now_ms)
{
	if (g->free_pings > 0) {
		g->free_pings--;
		g->ping_strikes = 0;
		g->last_ping_ms = now_ms;
		return H2_GUARD_OK;
	}
	/* A tenth is allowed for timers that fire early and networks that bunch. */
	bool soon = g->server && now_ms - g->last_ping_ms < g->ping_min_ms - g->ping_min_ms / 10;
	g->last_ping_ms = now_ms;
	if (soon && ++g->ping_strikes > PING_STRIKES_MAX)
		return H2_GUARD_PINGS;
	return guard_take(g, 1, now_ms);
}

static enum h2_verdict guard_frame(struct h2_guard *g, uint32_t len, uint8_t type, uint8_t flags, int64_t now_ms)
{
	switch (type) {
	case F_DATA:
		return len > 0 || (flags & FLAG_END_STREAM) ? H2_GUARD_OK : guard_take(g, 1, now_ms);
	case F_HEADERS:
		return H2_GUARD_OK;
	case F_SETTINGS:
		return guard_take(g, flags & FLAG_ACK ? 1 : 10, now_ms);
	case F_PING:
		return flags & FLAG_ACK ? guard_take(g, 1, now_ms) : guard_ping(g, now_ms);
	case F_UPDATE:
		if (g->free_updates == 0)
			return guard_take(g, 1, now_ms);
		g->free_updates--;
		return H2_GUARD_OK;
	case F_RST:
		/* A server that resets its client's calls has its reasons; one that is reset by clients all the time has work thrown away. */
		return g->server ? guard_take(g, 1, now_ms) : H2_GUARD_OK;
	default:
		return guard_take(g, 1, now_ms);
	}
}

enum h2_verdict h2_guard_feed(struct h2_guard *g, const uint8_t *p, size_t n, int64_t now_ms)
{
	while (n > 0) {
		if (g->skip > 0) {
			size_t k = MIN((size_t)g->skip, n);
			g->skip -= (uint32_t)k;
			p += k;
			n -= k;
			continue;
		}
		size_t k = MIN(sizeof(g->head) - g->head_n, n);
		memcpy(g->head + g->head_n, p, k);
		g->head_n += (uint32_t)k;
		p += k;
		n -= k;
		if (g->head_n < sizeof(g->head))
			break;
		g->head_n = 0;
		g->skip = (uint32_t)g->head[0] << 16 | (uint32_t)g->head[1] << 8 | g->head[2];
		enum h2_verdict v = guard_frame(g, g->skip, g->head[3], g->head[4], now_ms);
		if (v != H2_GUARD_OK)
			return v;
	}
	return H2_GUARD_OK;
}

enum h2_verdict h2_guard_padding(struct h2_guard *g, int64_t now_ms)
{
	return guard_take(g, 1, now_ms);
}

enum h2_verdict h2_guard_reset_sent(struct h2_guard *g, int64_t now_ms)
{
	return guard_take(g, 1, now_ms);
}

void h2_guard_output(struct h2_guard *g)
{
	g->free_updates = MIN(g->free_updates + 2, FREE_MAX);
	g->free_pings = MIN(g->free_pings + 1, FREE_MAX);
}
