/*
 * kill -9 under load: no acknowledged sample is ever lost.
 *
 * Four writers send remote write requests, floats and native histograms (integer and float), in order and out of
 * order, to a real `thanos receive`, which is killed
 * at random moments and started again on the same directory. A ledger notes what was sent and what was
 * acknowledged; now and then everything is read back through the Store API: acknowledged <= stored <= sent,
 * with the very values. What was not acknowledged is sent again, as Prometheus does, and must be taken.
 *
 *	THANOS_LEDGER_CYCLES=200 THANOS_LEDGER_SEED=1 test_ledger
 */
#include "base/compiler.h"
#include "base/file.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/vec.h"
#include "chunk/chunk.h"
#include "codec/snappy.h"
#include "grpc/client.h"
#include "http/client.h"
#include "loop/fiber.h"
#include "loop/reactor.h"
#include "series/wire_series.h"
#include "series/wire_write.h"

#include <arpa/inet.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#define WRITERS 4
#define SERIES 50 /* of each writer */
#define STEP_MS 5000
#define OOO_LAG 20  /* samples out of order come so many steps late, half a step beside the others */
#define OOO_EVERY 3 /* requests */
#define VERIFY_EVERY 10
#define LONG_EVERY 7 /* cycles; these live long enough to cut blocks */

enum { SENT = 1, ACKED = 2, SEEN = 4 };

/* What a series holds. */
enum kind { FLOATS, INT_HISTOGRAMS, FLOAT_HISTOGRAMS, KINDS };

/* What is known of the samples of a series: slot 2n is in order, 2n + 1 out of order. */
struct ledger {
	VEC(uint8_t) slots;
};

struct writer {
	struct test *t;
	int index;
	size_t next; /* step of the next samples in order */
	size_t next_ooo;
	struct strbuf body, packed;
	size_t step, ooo_step;  /* of the request under way */
	bool pending, with_ooo; /* a request was sent and not acknowledged */
	uint64_t acked, again;
	bool ended;
};

struct test {
	struct reactor *reactor;
	struct http_client *client;
	char *dir, *data, *binary;
	char write_url[64], ready_url[64], grpc_target[64];
	int ports[3];
	pid_t pid;
	bool stop;
	int64_t base_ms;
	struct ledger ledger[WRITERS * SERIES];
	struct writer writers[WRITERS];
	uint64_t seed;
	uint64_t restarts, slowest_ready_ms, stored[KINDS];
};

static struct test the;

static NORETURN void fail(const char *what, const char *detail)
{
	printf("FAIL: %s %s (seed %llu, data in %s)\n", what, detail, (unsigned long long)the.seed, the.dir);
	if (the.pid > 0)
		kill(the.pid, SIGKILL);
	exit(1);
}

/* Numbers from a seed, so that a failure can be had again (but for timing). */
static uint64_t draw(uint64_t n)
{
	static uint64_t state;
	uint64_t in[2] = { the.seed, ++state };
	return hash_xx64(in, sizeof(in)) % n;
}

static int64_t slot_time(size_t slot)
{
	return the.base_ms + (int64_t)(slot / 2) * STEP_MS + (slot % 2 ? STEP_MS / 2 : 0);
}

/* The only right value of a sample. */
static double slot_value(size_t series, size_t slot)
{
	uint64_t in[2] = { series, slot };
	return (double)(hash_xx64(in, sizeof(in)) >> 20) / 1024;
}

static enum kind kind_of(size_t series)
{
	return (enum kind)(series % KINDS);
}

/* A histogram with the memory that it points to. */
struct slot_histogram {
	struct histogram h;
	struct hist_span spans[2];
	int64_t deltas[5];
	double counts[5];
};

/* The only right histogram of a slot: counts grow with the slot, so that no counter seems reset; some have a bucket more. */
static void slot_histogram(size_t series, size_t slot, struct slot_histogram *ret)
{
	bool is_float = kind_of(series) == FLOAT_HISTOGRAMS, more = slot % 11 == 3;
	uint32_t n = more ? 5 : 4;
	*ret = (struct slot_histogram){ .spans = { { (int32_t)(series % 3), 4 }, { 2, 1 } } };
	int64_t before = 0, all = (int64_t)slot;
	for (uint32_t i = 0; i < n; i++) {
		int64_t count = (int64_t)(slot * (i + 1) + series);
		ret->deltas[i] = count - before;
		ret->counts[i] = (double)count + 0.25;
		before = count;
		all += count;
	}
	ret->h = (struct histogram){ .is_float = is_float,
				     .schema = 3,
				     .zero_threshold = 0.001,
				     .sum = slot_value(series, slot),
				     .pos_spans = ret->spans,
				     .n_pos_spans = more ? 2 : 1,
				     .n_pos = n };
	if (is_float) {
		ret->h.zero_count_f = (double)slot;
		ret->h.count_f = (double)all + 0.25 * n;
		ret->h.pos_counts = ret->counts;
	} else {
		ret->h.zero_count = slot;
		ret->h.count = (uint64_t)all;
		ret->h.pos_deltas = ret->deltas;
	}
}

static void mark(size_t series, size_t slot, uint8_t bit)
{
	struct ledger *l = &the.ledger[series];
	while (l->slots.n <= slot)
		*vec_push(&l->slots) = 0;
	l->slots.p[slot] |= bit;
}

/* --- writing ---------------------------------------------------------------------------------- */

static void add_sample(struct writer *w, size_t i, size_t slot, uint8_t bit)
{
	size_t series = (size_t)w->index * SERIES + i;
	char id[16];
	snprintf(id, sizeof(id), "%zu", series);
	struct label l[] = { { STR("__name__"), STR("ledger") }, { STR("id"), str_c(id) } };
	struct labels set = { l, 2 };
	int64_t t = slot_time(slot);
	double v = slot_value(series, slot);
	struct write_series s = { .n_samples = 1, .t = &t, .v = &v };
	struct slot_histogram sh;
	struct write_histogram wh = { .t = t };
	mark(series, slot, bit);
	if (bit != SENT)
		return;
	if (kind_of(series) != FLOATS) {
		slot_histogram(series, slot, &sh);
		wh.h = sh.h;
		s = (struct write_series){ .n_histograms = 1, .histograms = &wh };
	}
	write_put_series(&w->body, 1, &s, &set);
}

/* Goes over the samples of the request under way. */
static void each_sample(struct writer *w, uint8_t bit)
{
	for (size_t i = 0; i < SERIES; i++)
		add_sample(w, i, 2 * w->step, bit);
	for (size_t i = 0; w->with_ooo && i < SERIES; i += 2)
		add_sample(w, i, 2 * w->ooo_step + 1, bit);
}

static void next_request(struct writer *w)
{
	w->step = w->next++;
	w->with_ooo = w->step % OOO_EVERY == 0 && w->next_ooo + OOO_LAG < w->step;
	if (w->with_ooo)
		w->ooo_step = w->next_ooo++;
	strbuf_reset(&w->body);
	strbuf_reset(&w->packed);
	each_sample(w, SENT);
	if (codec_snappy_compress_add(strbuf_str(&w->body), &w->packed, NULL) != 0)
		fail("snappy", "");
	w->pending = true;
}

static void co_send(struct writer *w)
{
	struct http_client_resp resp = { 0 };
	struct err err;
	const struct http_client_req rq = {
		.method = "POST", .url = w->t->write_url, .body = strbuf_str(&w->packed), .timeout_ms = 10000
	};
	int rc = co_http_request(w->t->client, &rq, &resp, &err);
	if (rc == 0 && resp.status == 200) {
		each_sample(w, ACKED);
		w->pending = false;
		w->acked++;
	} else if (rc == 0 && resp.status != 503) {
		fail("a request was refused:", resp.body.p ? resp.body.p : "");
	} else {
		w->again++;
		(void)co_sleep_ms(5, NULL);
	}
	http_client_resp_fini(&resp);
}

static void write_on(void *arg)
{
	struct writer *w = arg;
	while (!w->t->stop || w->pending) {
		if (!w->pending)
			next_request(w);
		co_send(w);
	}
	strbuf_fini(&w->body);
	strbuf_fini(&w->packed);
	w->ended = true;
}

/* --- reading back --------------------------------------------------------------------------------- */

/* Whether a sample read back is the one that was sent. Chunks may have added empty buckets. */
static bool is_right(size_t series, size_t slot, const struct chunk_cols *c, size_t i, struct arena *a)
{
	struct slot_histogram want;
	struct histogram x, y;
	if (kind_of(series) == FLOATS) {
		double v = slot_value(series, slot);
		return c->kind == CHUNK_KIND_FLOAT && memcmp(&v, &c->v[i], sizeof(v)) == 0;
	}
	slot_histogram(series, slot, &want);
	return c->kind == CHUNK_KIND_HIST && hist_compact(&x, &want.h, 0, a, NULL) == 0 &&
	       hist_compact(&y, &c->h[i], 0, a, NULL) == 0 && hist_equal(&x, &y);
}

static void see_chunk(size_t series, const struct series_chunk *k, struct arena *a)
{
	struct chunk_cols c;
	struct err err;
	if (chunk_decode(k->part[SERIES_RAW].chunk, a, &c, &err) != 0)
		fail("chunk", err.msg);
	for (size_t i = 0; i < c.n; i++) {
		int64_t half = (c.t[i] - the.base_ms) / (STEP_MS / 2);
		size_t slot = (size_t)half;
		struct ledger *l = &the.ledger[series];
		if (half < 0 || slot >= l->slots.n || slot_time(slot) != c.t[i] || !(l->slots.p[slot] & SENT))
			fail("a sample was stored that nobody sent", "");
		if (!is_right(series, slot, &c, i, a))
			fail("a sample has another value", "");
		if (!(l->slots.p[slot] & SEEN))
			the.stored[kind_of(series)]++;
		l->slots.p[slot] |= SEEN;
	}
}

static void see_frame(struct str frame)
{
	struct frame_reader fr = frame_reader_begin(frame);
	struct frame_item item;
	struct arena a;
	uint64_t id;
	arena_init(&a, NULL);
	while (frame_next(&fr, &item, NULL) == 1) {
		struct series s;
		if (item.kind != FRAME_SERIES || frame_series_read(item.body, &a, &s, NULL) != 0)
			fail("frame", "");
		if (!str_to_u64(labels_get(s.labels, STR("id")), &id) || id >= WRITERS * SERIES)
			fail("a series was stored that nobody sent", "");
		for (size_t i = 0; i < s.n_chunks; i++)
			see_chunk(id, &s.chunks[i], &a);
	}
	arena_fini(&a);
}

static void co_read_all(void)
{
	const struct wire_matcher m = { MATCH_EQ, STR("__name__"), STR("ledger") };
	const struct series_request req = {
		.mint = 0, .maxt = INT64_MAX, .matchers = &m, .n_matchers = 1, .batch_size = 16
	};
	struct grpc_channel *ch = grpc_channel_new(the.reactor, the.grpc_target, NULL, NULL);
	struct grpc_stream *st;
	struct strbuf msg = { 0 };
	struct err err;
	series_request_write(&req, &msg);
	struct grpc_part part = grpc_part_copy(strbuf_str(&msg));
	if (co_grpc_stream_open(ch, "/thanos.Store/Series", NULL, &part, 1, &st, &err) != 0)
		fail("Series", err.msg);
	for (;;) {
		struct str frame;
		bool end = false;
		if (co_grpc_recv(st, &frame, &end, &err) != 0)
			fail("Series", err.msg);
		if (end)
			break;
		see_frame(frame);
	}
	grpc_stream_close(st);
	grpc_channel_unref(ch);
	strbuf_fini(&msg);
}

/* Compares what is stored with the ledger. Writers may go on meanwhile: what they had acknowledged before is looked at. */
static uint64_t co_verify(void)
{
	uint64_t acked = 0, lost = 0;
	size_t n_before[WRITERS * SERIES];
	uint8_t *before[WRITERS * SERIES];
	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		n_before[i] = the.ledger[i].slots.n;
		before[i] = n_before[i] ? xmemdup(the.ledger[i].slots.p, n_before[i]) : NULL;
		for (size_t k = 0; k < n_before[i]; k++)
			the.ledger[i].slots.p[k] &= (uint8_t)~SEEN;
	}
	memset(the.stored, 0, sizeof(the.stored));
	co_read_all();
	for (size_t i = 0; i < ARRAY_LEN(before); i++) {
		for (size_t k = 0; k < n_before[i]; k++) {
			if (!(before[i][k] & ACKED))
				continue;
			acked++;
			if (!(the.ledger[i].slots.p[k] & SEEN) && lost++ < 5)
				printf("lost: series %zu slot %zu t %lld\n", i, k, (long long)slot_time(k));
		}
		free(before[i]);
	}
	char text[64];
	snprintf(text, sizeof(text), "%llu of %llu", (unsigned long long)lost, (unsigned long long)acked);
	if (lost)
		fail("acknowledged samples are lost:", text);
	return acked;
}

/* --- the process ---------------------------------------------------------------------------------------- */

/* A free port below those that the kernel hands out itself (from 32768 on): so it stays free while the process is down. */
static int free_port(void)
{
	for (int tries = 0; tries < 1000; tries++) {
		int port = 12000 + (int)(sys_random_u64() % 20000);
		struct sockaddr_in a = { .sin_family = AF_INET,
					 .sin_port = htons((uint16_t)port),
					 .sin_addr.s_addr = htonl(INADDR_LOOPBACK) };
		int fd = socket(AF_INET, SOCK_STREAM, 0);
		int rc = bind(fd, (struct sockaddr *)&a, sizeof(a));
		close(fd);
		if (rc == 0)
			return port;
	}
	fail("no port", "");
}

static void start_process(void)
{
	char path[128], http[64], grpc[64], write[64];
	snprintf(path, sizeof(path), "--tsdb.path=%s", the.data);
	snprintf(http, sizeof(http), "--http-address=127.0.0.1:%d", the.ports[0]);
	snprintf(grpc, sizeof(grpc), "--grpc-address=127.0.0.1:%d", the.ports[1]);
	snprintf(write, sizeof(write), "--remote-write.address=127.0.0.1:%d", the.ports[2]);
	the.pid = fork();
	if (the.pid == 0) {
		char *log = xasprintf("%s/log", the.dir);
		int fd = open(log, O_WRONLY | O_CREAT | O_APPEND, 0644);
		dup2(fd, 1);
		dup2(fd, 2);
		execl("/bin/sh", "sh", "-c", "exec $EMULATOR \"$0\" \"$@\"", the.binary, "receive", path, http, grpc,
		      write, "--label=receive=\"0\"", "--tsdb.out-of-order.time-window=30d",
		      "--tsdb.min-block-duration=10m", "--tsdb.max-block-duration=10m", "--log.level=warn",
		      (char *)NULL);
		_exit(127);
	}
}

/* Whether the process ended because a port was taken: a child that it had forked just before the kill goes a moment later. */
static bool port_was_taken(void)
{
	struct strbuf b = { 0 };
	char *log = xasprintf("%s/log", the.dir);
	bool taken = file_read_all(log, 64u << 20, &b, NULL) == 0 && b.n > 400 &&
		     strstr(b.p + b.n - 400, "Address already in use");
	strbuf_fini(&b);
	free(log);
	return taken;
}

/* Waits until the process says that it is ready. Suspends. */
static void co_wait_ready(void)
{
	int64_t begin = sys_mono_ms();
	int wstatus;
	for (;;) {
		struct http_client_resp resp = { 0 };
		const struct http_client_req rq = { .url = the.ready_url, .timeout_ms = 2000 };
		int rc = co_http_request(the.client, &rq, &resp, NULL);
		int status = resp.status;
		http_client_resp_fini(&resp);
		if (rc == 0 && status == 200)
			break;
		if (waitpid(the.pid, &wstatus, WNOHANG) == the.pid) {
			if (!WIFEXITED(wstatus) || WEXITSTATUS(wstatus) != 1 || !port_was_taken())
				fail("the process ended by itself: see", "log");
			start_process();
		}
		if (sys_mono_ms() - begin > 60000)
			fail("not ready after a minute", "");
		(void)co_sleep_ms(5, NULL);
	}
	the.slowest_ready_ms = MAX(the.slowest_ready_ms, (uint64_t)(sys_mono_ms() - begin));
}

static void kill_process(void)
{
	kill(the.pid, SIGKILL);
	waitpid(the.pid, NULL, 0);
	the.pid = 0;
	the.restarts++;
}

/* --- the test ----------------------------------------------------------------------------------------------- */

static void co_cycles(uint64_t cycles)
{
	for (uint64_t i = 0; i < cycles; i++) {
		bool is_long = i % LONG_EVERY == LONG_EVERY - 1;
		start_process();
		co_wait_ready();
		(void)co_sleep_ms((int64_t)(is_long ? 1000 + draw(1500) : 5 + draw(295)), NULL);
		if (i % VERIFY_EVERY == VERIFY_EVERY - 1)
			(void)co_verify();
		kill_process();
	}
}

static void run(void *arg)
{
	uint64_t acked = 0, again = 0, requests = 0;
	for (int i = 0; i < WRITERS; i++) {
		the.writers[i] = (struct writer){ .t = &the, .index = i };
		fiber_start(the.reactor, "writer", write_on, &the.writers[i]);
	}
	co_cycles(*(uint64_t *)arg);
	start_process();
	co_wait_ready();
	the.stop = true;
	for (int i = 0; i < WRITERS; i++) {
		while (!the.writers[i].ended)
			(void)co_sleep_ms(5, NULL);
		requests += the.writers[i].acked;
		again += the.writers[i].again;
	}
	acked = co_verify();
	kill_process();
	(void)co_sleep_ms(200, NULL); /* the loop sees its connections end */
	printf("%llu kills, %llu requests acknowledged (%llu tries failed), %llu samples acknowledged, none lost; "
	       "stored: %llu floats, %llu integer and %llu float histograms; slowest start %llu ms\n",
	       (unsigned long long)the.restarts, (unsigned long long)requests, (unsigned long long)again,
	       (unsigned long long)acked, (unsigned long long)the.stored[FLOATS],
	       (unsigned long long)the.stored[INT_HISTOGRAMS], (unsigned long long)the.stored[FLOAT_HISTOGRAMS],
	       (unsigned long long)the.slowest_ready_ms);
	for (int k = 0; k < KINDS; k++)
		if (the.stored[k] == 0)
			fail("nothing of a kind was stored", "");
	if (requests < *(uint64_t *)arg)
		fail("too few requests", "");
}

int main(void)
{
	const char *builddir = getenv("builddir"), *n = getenv("THANOS_LEDGER_CYCLES"),
		   *seed = getenv("THANOS_LEDGER_SEED");
	uint64_t cycles = n ? strtoull(n, NULL, 10) : 15;
	signal(SIGPIPE, SIG_IGN);
	the.seed = seed ? strtoull(seed, NULL, 10) : sys_random_u64() % 1000000;
	the.binary = xasprintf("%s/thanos", builddir ? builddir : ".");
	the.dir = xstrdup("/tmp/thanos-ledger-XXXXXX");
	if (!mkdtemp(the.dir) || !file_exists(the.binary))
		fail("no scratch directory or no", the.binary);
	the.data = xasprintf("%s/data", the.dir);
	the.base_ms = sys_now_ms() / 1000 * 1000 - 3600 * 1000;
	for (int i = 0; i < 3; i++)
		the.ports[i] = free_port();
	snprintf(the.ready_url, sizeof(the.ready_url), "http://127.0.0.1:%d/-/ready", the.ports[0]);
	snprintf(the.grpc_target, sizeof(the.grpc_target), "127.0.0.1:%d", the.ports[1]);
	snprintf(the.write_url, sizeof(the.write_url), "http://127.0.0.1:%d/api/v1/receive", the.ports[2]);
	the.reactor = reactor_new(NULL, NULL);
	the.client = http_client_new(&(struct http_client_config){ .reactor = the.reactor, .proxy_url = "" }, NULL);
	fiber_start(the.reactor, "ledger", run, &cycles);
	reactor_run_until_idle(the.reactor);
	http_client_free(the.client);
	reactor_free(the.reactor);
	for (size_t i = 0; i < ARRAY_LEN(the.ledger); i++)
		vec_fini(&the.ledger[i].slots);
	file_remove_all(the.dir, NULL);
	free(the.dir);
	free(the.data);
	free(the.binary);
	return 0;
}
