/*
 * Encoding and decoding XOR chunks of 120 samples, ns per sample: encoding
 * one chunk after the other, and one sample of 4000 chunks after the other;
 * decoding all, and half of the time range. Seven shapes of series: constant,
 * a sparse integer, the pattern of Prometheus' BenchmarkXorRead, integer
 * counters with exact and with jittering times, float counters, gauges of
 * two decimals.
 */
#include "base/mem.h"
#include "chunk/xor.h"

#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#define SAMPLES 120
#define CHUNKS 4000
#define CHUNK_CAP 1984 /* an odd number of cache lines, so that chunks do not share sets */

static uint64_t seed = 1;

static uint64_t rnd(void)
{
	seed ^= seed << 13;
	seed ^= seed >> 7;
	seed ^= seed << 17;
	return seed;
}

static double uniform(void)
{
	return (double)(rnd() >> 11) / (double)(1ULL << 53);
}

enum shape { CONST, SPARSE, XOR_READ, COUNTER, FLOAT_COUNTER, GAUGE, JITTER_COUNTER, SHAPES };

static const char *const names[SHAPES] = { "const",         "sparse int",         "BenchmarkXorRead",    "int counter",
					   "float counter", "gauge .01 + jitter", "int counter + jitter" };

static void fill(enum shape s, int64_t *t, double *v)
{
	int64_t t0 = 1700000000000 + (int64_t)(rnd() % 15000);
	double x = s == CONST ? (double)(rnd() % 1000) : floor(uniform() * 1e6);
	for (int i = 0; i < SAMPLES; i++) {
		bool jitter = s == GAUGE || s == JITTER_COUNTER;
		t[i] = t0 + i * 15000LL + (jitter ? (int64_t)(rnd() % 11) - 5 : 0);
		if (s == XOR_READ) {
			t[i] = i;
			x = 100;
		} else if (s == SPARSE && rnd() % 20 == 0) {
			x += (double)(rnd() % 10);
		} else if (s == COUNTER || s == JITTER_COUNTER) {
			x += (double)(rnd() % 100);
		} else if (s == FLOAT_COUNTER) {
			x += uniform() * 10;
		} else if (s == GAUGE) {
			x = floor(uniform() * 10000) / 100;
		}
		v[i] = s == XOR_READ ? (double)(i * i) : x;
	}
}

/* Time of this process, which others on the machine do not disturb much. */
static int64_t cpu_ns(void)
{
	struct timespec ts;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &ts);
	return ts.tv_sec * 1000000000LL + ts.tv_nsec;
}

static double per_sample(int64_t from_ns)
{
	return (double)(cpu_ns() - from_ns) / ((double)CHUNKS * SAMPLES);
}

static void bench(enum shape s)
{
	int64_t *t = xcalloc((size_t)CHUNKS * SAMPLES, sizeof(*t));
	double *v = xcalloc((size_t)CHUNKS * SAMPLES, sizeof(*v));
	uint8_t *bytes = xmalloc((size_t)CHUNKS * CHUNK_CAP);
	struct str *chunks = xcalloc(CHUNKS, sizeof(*chunks));
	for (int c = 0; c < CHUNKS; c++)
		fill(s, t + c * SAMPLES, v + c * SAMPLES);
	size_t total = 0;
	struct xor_app *apps = aligned_alloc(64, CHUNKS * sizeof(*apps));
	double enc = 1e9, round_robin = 1e9, dec = 1e9, range = 1e9;
	int64_t *out_t = xcalloc(SAMPLES, sizeof(*out_t));
	double *out_v = xcalloc(SAMPLES, sizeof(*out_v));
	for (int round = 0; round < 7; round++) {
		int64_t from = cpu_ns();
		total = 0;
		for (int c = 0; c < CHUNKS; c++) {
			struct xor_app a;
			xor_app_init(&a, bytes + (size_t)c * CHUNK_CAP, CHUNK_CAP);
			for (int i = c * SAMPLES; i < (c + 1) * SAMPLES; i++) {
				if (!xor_append(&a, t[i], v[i]))
					abort();
			}
			chunks[c] = xor_app_bytes(&a);
			total += chunks[c].n;
		}
		enc = fmin(enc, per_sample(from));
		/* As a head does: one sample for every series, then the next. */
		for (int c = 0; c < CHUNKS; c++)
			xor_app_init(&apps[c], bytes + (size_t)c * CHUNK_CAP, CHUNK_CAP);
		from = cpu_ns();
		for (int i = 0; i < SAMPLES; i++) {
			for (int c = 0; c < CHUNKS; c++) {
				if (!xor_append(&apps[c], t[c * SAMPLES + i], v[c * SAMPLES + i]))
					abort();
			}
		}
		round_robin = fmin(round_robin, per_sample(from));
		for (int c = 0; c < CHUNKS; c++)
			chunks[c] = xor_app_bytes(&apps[c]);
		from = cpu_ns();
		for (int c = 0; c < CHUNKS; c++) {
			size_t n;
			struct err e;
			if (xor_decode(chunks[c], out_t, out_v, &n, &e) < 0 || n != SAMPLES ||
			    memcmp(out_v, v + c * SAMPLES, SAMPLES * sizeof(*v)) != 0)
				abort();
		}
		dec = fmin(dec, per_sample(from));
		from = cpu_ns();
		for (int c = 0; c < CHUNKS; c++) {
			size_t n;
			struct err e;
			if (xor_decode_range(chunks[c], t[c * SAMPLES + 30], t[c * SAMPLES + 89], out_t, out_v, &n,
					     &e) < 0)
				abort();
		}
		range = fmin(range, per_sample(from));
	}
	printf("%-22s encode %6.2f  round robin %6.2f  decode %6.2f  middle half %6.2f  ns/sample  "
	       "%5.2f B/sample\n",
	       names[s], enc, round_robin, dec, range, (double)total / CHUNKS / SAMPLES);
	free(t);
	free(v);
	free(bytes);
	free(chunks);
	free(apps);
	free(out_t);
	free(out_v);
}

int main(void)
{
	for (int s = 0; s < SHAPES; s++)
		bench((enum shape)s);
	return 0;
}
