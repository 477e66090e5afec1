/* Remote write bodies of 10 labels and one sample per series: time of the walk per sample. */
#include "base/hash.h"
#include "base/mem.h"
#include "base/sys.h"
#include "proto/prompb.pb-c.h"
#include "series/wire_write.h"

#include <stdio.h>
#include <stdlib.h>

enum { SERIES = 2000, LABELS = 10, ROUNDS = 300 };

/* A body as Prometheus sends it: `samples` per series. */
static struct strbuf make_body(int samples)
{
	struct strbuf b = { 0 };
	int64_t *t = xcalloc((size_t)samples, sizeof(*t));
	double *v = xcalloc((size_t)samples, sizeof(*v));
	for (int i = 0; i < SERIES; i++) {
		struct label l[LABELS];
		char text[LABELS][2][40];
		for (int k = 0; k < LABELS; k++) {
			snprintf(text[k][0], 40, "label_name_%d", k);
			snprintf(text[k][1], 40, "value-%d-of-%d", k, i);
			l[k] = (struct label){ str_c(text[k][0]), str_c(text[k][1]) };
		}
		for (int k = 0; k < samples; k++) {
			t[k] = 1700000000000 + 15000 * k;
			v[k] = i * 0.37 + k;
		}
		struct labels set = { l, LABELS };
		struct write_series s = { .n_samples = (size_t)samples, .t = t, .v = v };
		write_put_series(&b, 1, &s, &set);
	}
	free(t);
	free(v);
	return b;
}

static void bench_walk(const char *name, struct str body, int samples, bool hash)
{
	struct write_reader r;
	struct write_series s;
	struct err e;
	uint64_t sum = 0, n = 0;
	int64_t start = sys->mono_ns();
	for (int i = 0; i < ROUNDS; i++) {
		if (write_reader_open(&r, WRITE_V1, body, NULL, &e) < 0)
			abort();
		while (write_reader_next(&r, &s, &e) > 0) {
			n += s.n_samples;
			if (hash)
				sum += hash_bytes128(s.raw_labels.p, s.raw_labels.n).lo;
			sum += (uint64_t)s.t[0];
		}
		write_reader_close(&r);
	}
	double ns = (double)(sys->mono_ns() - start);
	printf("%-40s %4d samples/series %8.1f ns/sample %8.1f ns/series  (%llu)\n", name, samples, ns / (double)n,
	       ns / ROUNDS / SERIES, (unsigned long long)sum & 1);
}

static void bench_protobuf_c(struct str body, int samples)
{
	int rounds = ROUNDS / 20;
	int64_t start = sys->mono_ns();
	for (int i = 0; i < rounds; i++) {
		PrometheusCopy__WriteRequest *w =
			prometheus_copy__write_request__unpack(NULL, body.n, (const uint8_t *)body.p);
		if (!w)
			abort();
		prometheus_copy__write_request__free_unpacked(w, NULL);
	}
	double ns = (double)(sys->mono_ns() - start);
	printf("%-40s %4d samples/series %8.1f ns/sample\n", "protobuf-c, for comparison", samples,
	       ns / rounds / SERIES / samples);
}

int main(void)
{
	static const int samples[] = { 1, 10, 100 };
	for (size_t i = 0; i < ARRAY_LEN(samples); i++) {
		struct strbuf b = make_body(samples[i]);
		bench_walk("walk", strbuf_str(&b), samples[i], false);
		bench_walk("walk and hash labels", strbuf_str(&b), samples[i], true);
		bench_protobuf_c(strbuf_str(&b), samples[i]);
		strbuf_fini(&b);
	}
	return 0;
}
