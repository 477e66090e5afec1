/*
 * Measures printing and reading of numbers, JSON output, checksums, varints
 * and metrics: ns per item or GB/s, best of several rounds.
 */
#include "codec/crc32c.h"
#include "codec/snappy.h"
#include "codec/varint.h"
#include "metrics/expose.h"
#include "text/float.h"
#include "text/json_write.h"

#include "base/mem.h"
#include "base/sys.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>

#define N 4096
#define ROUNDS 200
#define REPEATS 5

static volatile uint64_t sink;

/* One measurement: `run` treats N items once. */
static void measure(const char *name, void (*run)(void *), void *arg, double items, const char *unit, double scale)
{
	double best = 1e30;
	for (int k = 0; k < REPEATS; k++) {
		int64_t t = sys->mono_ns();
		for (int i = 0; i < ROUNDS; i++)
			run(arg);
		double ns = (double)(sys->mono_ns() - t) / ROUNDS / items;
		best = fmin(best, ns);
	}
	printf("%-44s %8.2f %s\n", name, scale > 0 ? scale / best : best, unit);
}

struct numbers {
	double v[N];
	char text[N][32];
	size_t n[N];
	enum text_float_style style;
	struct strbuf out;
};

static void print_all(void *arg)
{
	struct numbers *x = arg;
	char buf[TEXT_FLOAT_MAX];
	uint64_t sum = 0;
	for (int i = 0; i < N; i++)
		sum += text_float(buf, x->v[i], x->style);
	sink += sum;
}

static void read_all(void *arg)
{
	struct numbers *x = arg;
	double sum = 0, v;
	for (int i = 0; i < N; i++)
		if (text_parse_double(str_mem(x->text[i], x->n[i]), &v))
			sum += v;
	sink += (uint64_t)sum;
}

static void json_all(void *arg)
{
	struct numbers *x = arg;
	struct jsonw w;
	strbuf_reset(&x->out);
	jsonw_init(&w, &x->out, 0);
	jsonw_array_begin(&w);
	for (int i = 0; i < N; i++)
		jsonw_sample(&w, 1700000000000 + i * 15000, x->v[i]);
	jsonw_array_end(&w);
	sink += x->out.n;
}

static void bench_numbers(const char *name, struct numbers *x)
{
	char title[80];
	for (int i = 0; i < N; i++)
		x->n[i] = text_float(x->text[i], x->v[i], TEXT_FLOAT_E);
	x->style = TEXT_FLOAT_JSON;
	snprintf(title, sizeof(title), "print %s", name);
	measure(title, print_all, x, N, "ns/value", 0);
	snprintf(title, sizeof(title), "read %s", name);
	measure(title, read_all, x, N, "ns/value", 0);
	snprintf(title, sizeof(title), "JSON [t,\"v\"] of %s", name);
	measure(title, json_all, x, N, "ns/point", 0);
}

struct bytes {
	uint8_t *p;
	size_t n;
	struct strbuf z;
};

static void crc_all(void *arg)
{
	struct bytes *b = arg;
	sink += crc32c(0, b->p, b->n);
}

static void crc_portable_all(void *arg)
{
	struct bytes *b = arg;
	sink += crc32c_portable(0, b->p, b->n);
}

static void uvarint_all(void *arg)
{
	struct bytes *b = arg;
	struct decbuf d = decbuf_make(b->p, b->n);
	uint64_t sum = 0;
	for (int i = 0; i < N; i++)
		sum += decbuf_uvarint(&d);
	sink += sum;
}

static void frame_all(void *arg)
{
	struct bytes *b = arg;
	strbuf_reset(&b->z);
	sink += (uint64_t)codec_snappy_frame_compress(str_mem(b->p, b->n), &b->z, NULL);
}

static void bench_bytes(void)
{
	struct bytes b = { .p = xmalloc(1 << 20), .n = 1 << 20 };
	for (size_t i = 0; i < b.n; i++)
		b.p[i] = (uint8_t)(i * 2654435761u >> 24);
	measure("CRC-32C, 1 MiB", crc_all, &b, (double)b.n, "GB/s", 1);
	b.n = 4096;
	measure("CRC-32C, 4 KiB", crc_all, &b, (double)b.n, "GB/s", 1);
	b.n = 64;
	measure("CRC-32C, 64 bytes", crc_all, &b, 1, "ns", 0);
	b.n = 1 << 16;
	measure("CRC-32C portable, 64 KiB", crc_portable_all, &b, (double)b.n, "GB/s", 1);
	uint8_t *q = b.p;
	for (int i = 0; i < N; i++)
		q = varint_put(q, (uint64_t)rand() % (i % 2 ? 100 : 10000));
	b.n = (size_t)(q - b.p);
	measure("uvarint, 1 and 2 bytes", uvarint_all, &b, N, "ns", 0);
	b.n = 1 << 20;
	measure("snappy frames, compress 1 MiB", frame_all, &b, (double)b.n, "GB/s", 1);
	strbuf_fini(&b.z);
	free(b.p);
}

static void expose_all(void *arg)
{
	struct strbuf b = { 0 };
	metrics_expose(arg, METRICS_TEXT, &b);
	sink += b.n;
	strbuf_fini(&b);
}

static void bench_metrics(void)
{
	struct metrics_registry *r = metrics_registry_new();
	struct metrics_vec *v = metrics_counter_vec(r, "x_requests_total", "X.", METRICS_LABELS("code", "tenant"));
	for (int i = 0; i < 1000; i++) {
		char tenant[16];
		snprintf(tenant, sizeof(tenant), "t%d", i);
		counter_add(metrics_counter_with(v, METRICS_LABELS("200", tenant)), i * 7.25);
	}
	measure("expose a counter with two labels", expose_all, r, 1000, "ns", 0);
	metrics_registry_free(r);
}

int main(void)
{
	struct numbers *x = xcalloc(1, sizeof(*x));
	srand48(1);
	for (int i = 0; i < N; i++)
		x->v[i] = (double)(lrand48() % 10000000);
	bench_numbers("whole numbers", x);
	for (int i = 0; i < N; i++)
		x->v[i] = (double)(lrand48() % 10000000) / 1000;
	bench_numbers("3 decimals", x);
	for (int i = 0; i < N; i++)
		x->v[i] = drand48() * 1000 / 3;
	bench_numbers("16 and 17 digits", x);
	strbuf_fini(&x->out);
	free(x);
	bench_bytes();
	bench_metrics();
	return 0;
}
