#include "series/overlap.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/vec.h"
#include "chunk/hist.h"
#include "chunk/xor.h"
#include "series/dedup.h"
#include "series/samples.h"

#include <stdlib.h>
#include <string.h>

/* Most bytes that a float takes in a chunk, with room for the appender's demand. */
#define FLOAT_BYTES_MAX 20

/* The chunks made so far. */
struct joined {
	struct arena *a;
	VEC(struct series_chunk) chunks;
};

bool series_chunks_overlap(const struct series_chunk *c, size_t n)
{
	int64_t end = INT64_MIN;
	for (size_t i = 0; i < n; i++) {
		if (i > 0 && c[i].mint <= end)
			return true;
		end = MAX(end, c[i].maxt);
	}
	return false;
}

static int add(struct joined *j, uint8_t enc, struct str data, int64_t mint, int64_t maxt, struct err *err)
{
	char *copy = arena_memdup(j->a, data.p, data.n);
	if (!copy)
		return arena_err(j->a, err);
	struct series_chunk *k = vec_push(&j->chunks);
	*k = (struct series_chunk){ .mint = mint, .maxt = maxt };
	k->part[SERIES_RAW].chunk = (struct chunk){ enc, str_mem(copy, data.n) };
	k->part[SERIES_RAW].hash = hash_xx64(copy, data.n);
	return 0;
}

/* One chunk of the floats [from, to). */
static int encode_floats(struct joined *j, const struct series_samples *s, size_t from, size_t to, struct err *err)
{
	uint8_t buf[OVERLAP_CHUNK_SAMPLES * FLOAT_BYTES_MAX + XOR_ROOM];
	struct xor_app app;
	xor_app_init(&app, buf, sizeof(buf));
	for (size_t i = from; i < to; i++)
		CHECK(xor_append(&app, s->t[i], s->v[i]));
	return add(j, CHUNK_XOR, xor_app_bytes(&app), s->t[from], s->t[to - 1], err);
}

/* The histograms [from, to), all of one form: a chunk begins where the rules of appending demand it. */
static int encode_hists(struct joined *j, const struct series_samples *s, size_t from, size_t to, struct err *err)
{
	bool is_float = s->h[from]->is_float;
	uint8_t enc = is_float ? CHUNK_FLOAT_HIST : CHUNK_HIST;
	struct hist_app *app = hist_app_new(is_float);
	size_t begin = from;
	int rc = 0;
	for (size_t i = from; i < to && rc == 0; i++) {
		if (hist_app_append(app, s->t[i], s->h[i]) != HIST_NEW_CHUNK)
			continue;
		rc = add(j, enc, hist_app_bytes(app), s->t[begin], s->t[i - 1], err);
		hist_app_begin(app);
		begin = i;
		CHECK(hist_app_append(app, s->t[i], s->h[i]) != HIST_NEW_CHUNK);
	}
	if (rc == 0)
		rc = add(j, enc, hist_app_bytes(app), s->t[begin], s->t[to - 1], err);
	hist_app_free(app);
	return rc;
}

/* What a sample is encoded as: samples of different kinds never share a chunk. */
static int kind(const struct series_samples *s, size_t i)
{
	return !s->h || !s->h[i] ? 0 : s->h[i]->is_float ? 2 : 1;
}

static int encode(struct joined *j, const struct series_samples *s, struct err *err)
{
	size_t from = 0;
	int rc = 0;
	while (from < s->n && rc == 0) {
		size_t to = from + 1;
		while (to < s->n && to - from < OVERLAP_CHUNK_SAMPLES && kind(s, to) == kind(s, from))
			to++;
		rc = kind(s, from) == 0 ? encode_floats(j, s, from, to, err) : encode_hists(j, s, from, to, err);
		from = to;
	}
	return rc;
}

/* Decodes a run of overlapping chunks, each for itself, and encodes all their samples anew. */
static int join_run(struct joined *j, const struct series_chunk *c, size_t n, struct err *err)
{
	struct series_samples *each = arena_array(j->a, n, sizeof(*each)), all;
	if (!each)
		return arena_err(j->a, err);
	for (size_t i = 0; i < n; i++) {
		int rc = series_samples_decode(&c[i], 1, SERIES_PICK_AVG, false, INT64_MIN, INT64_MAX, j->a, &each[i],
					       err);
		if (rc != 0)
			return rc;
	}
	int rc = dedup_merge(each, n, DEDUP_CHAIN, false, j->a, &all, err);
	return rc != 0 ? rc : encode(j, &all, err);
}

int series_chunks_join(const struct series_chunk *c, size_t n, struct arena *a, struct series_chunk **ret,
		       size_t *ret_n, struct err *err)
{
	struct joined j = { .a = a };
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0;) {
		size_t run = 1;
		int64_t end = c[i].maxt;
		while (i + run < n && c[i + run].mint <= end) {
			end = MAX(end, c[i + run].maxt);
			run++;
		}
		if (run == 1)
			*vec_push(&j.chunks) = c[i];
		else
			rc = join_run(&j, &c[i], run, err);
		i += run;
	}
	if (rc == 0) {
		*ret_n = j.chunks.n;
		*ret = arena_alloc(a, j.chunks.n * sizeof(**ret));
		if (!*ret)
			rc = arena_err(a, err);
		else if (j.chunks.n)
			memcpy(*ret, j.chunks.p, j.chunks.n * sizeof(**ret));
	}
	vec_fini(&j.chunks);
	return rc;
}

/* Order of chunks by source, then as always. */
static int by_source(const void *a, const void *b)
{
	const struct series_chunk *x = a, *y = b;
	if (x->source != y->source)
		return x->source < y->source ? -1 : 1;
	return series_chunk_cmp(x, y);
}

static int by_order(const void *a, const void *b)
{
	return series_chunk_cmp(a, b);
}

/* Adds the joined chunks of each source to `j`. */
static int join_each(struct joined *j, const struct series_chunk *c, size_t n, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0;) {
		size_t same = 1, got;
		struct series_chunk *p;
		while (i + same < n && c[i + same].source == c[i].source)
			same++;
		rc = series_chunks_join(&c[i], same, j->a, &p, &got, err);
		for (size_t k = 0; rc == 0 && k < got; k++)
			*vec_push(&j->chunks) = p[k];
		i += same;
	}
	return rc;
}

int series_join_sources(struct series *s, struct arena *a, struct err *err)
{
	if (!series_chunks_overlap(s->chunks, s->n_chunks))
		return 0;
	struct joined j = { .a = a };
	struct series_chunk *copy = arena_alloc(a, s->n_chunks * sizeof(*copy));
	if (!copy)
		return arena_err(a, err);
	memcpy(copy, s->chunks, s->n_chunks * sizeof(*copy));
	qsort(copy, s->n_chunks, sizeof(*copy), by_source);
	int rc = join_each(&j, copy, s->n_chunks, err);
	if (rc == 0) {
		qsort(j.chunks.p, j.chunks.n, sizeof(*j.chunks.p), by_order);
		s->n_chunks = j.chunks.n;
		s->chunks = arena_alloc(a, j.chunks.n * sizeof(*s->chunks));
		if (!s->chunks)
			rc = arena_err(a, err);
		else
			memcpy(s->chunks, j.chunks.p, j.chunks.n * sizeof(*s->chunks));
	}
	vec_fini(&j.chunks);
	return rc;
}
