#include "series/overlap.h"

#include "base/hash.h"
#include "base/vec.h"
#include "series/dedup.h"
#include "series/encode.h"
#include "series/samples.h"

#include <stdlib.h>
#include <string.h>

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

/* Keeps a copy of a new chunk. */
static int add(void *arg, struct chunk c, int64_t mint, int64_t maxt, struct err *err)
{
	struct joined *j = arg;
	char *copy = arena_memdup(j->a, c.data.p, c.data.n);
	if (!copy)
		return arena_err(j->a, err);
	struct series_chunk *k = vec_push(&j->chunks);
	*k = (struct series_chunk){ .mint = mint, .maxt = maxt };
	k->part[SERIES_RAW].chunk = (struct chunk){ c.enc, str_mem(copy, c.data.n) };
	k->part[SERIES_RAW].hash = hash_xx64(copy, c.data.n);
	return 0;
}

static bool is_hist(const struct series_samples *s, size_t i)
{
	return s->h && s->h[i];
}

static int encode(struct joined *j, const struct series_samples *s, struct err *err)
{
	int rc = 0;
	for (size_t from = 0, to; from < s->n && rc == 0; from = to) {
		to = from + 1;
		while (to < s->n && is_hist(s, to) == is_hist(s, from))
			to++;
		if (is_hist(s, from))
			rc = series_encode_hists(s->t + from, s->h + from, to - from, add, j, err);
		else
			rc = series_encode_floats(s->t + from, s->v + from, to - from, add, j, err);
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
