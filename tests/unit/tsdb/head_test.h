/* What the tests of the head share: opening, committing, reading everything back. */
#ifndef TESTS_UNIT_TSDB_HEAD_TEST_H
#define TESTS_UNIT_TSDB_HEAD_TEST_H

#include "base/arena.h"
#include "base/vec.h"
#include "labels/matcher.h"
#include "tsdb/head.h"
#include "unit/tsdb/tsdb_test.h"

/* A sample read back; h is NULL for floats and lies in the arena of the read. */
struct got {
	int64_t t;
	double v;
	const struct histogram *h;
};

/* A series read back, samples sorted by time, one per time. */
struct got_series {
	char *name; /* labels_print, on the heap */
	VEC(struct got) s;
};

struct got_all {
	struct arena a;
	VEC(struct got_series) series;
};

static inline struct head *open_head(struct head_config cfg, struct head_replay *replay)
{
	struct head *h;
	struct err e;
	ok(head_open(&h, &cfg, NULL, NULL, replay, &e), &e);
	return h;
}

/* Commits everything staged; returns the result. */
static inline int commit(struct head *h, bool sync, struct err *e)
{
	struct head_commit *c = head_commit_begin(h);
	if (!c)
		return 0;
	int rc = head_commit_run(c, sync, e);
	head_commit_end(h, c, rc);
	return rc;
}

static inline void flush_chunks(struct head *h)
{
	struct err e;
	struct head_flush *f = head_flush_begin(h, UINT64_MAX);
	if (!f)
		return;
	int rc = head_flush_run(f, &e);
	ok(rc, &e);
	head_flush_end(h, f, rc);
}

/* The series with labels given as name, value ..., NULL; made if new. */
static inline struct head_series *series_of(struct head *h, const struct label *p, size_t n)
{
	static struct strbuf scratch;
	struct labels l = { p, n };
	struct head_series *s;
	struct err e;
	struct hash128 key = head_key(l, &scratch);
	head_lookup(h, &key, 1, &s);
	if (!s)
		ok(head_series_get(h, key, l, &s, NULL, &e), &e);
	strbuf_fini(&scratch);
	return s;
}

/* Series {__name__="m", i="<i>"}. */
static inline struct head_series *series_i(struct head *h, unsigned i)
{
	char num[16];
	snprintf(num, sizeof(num), "%u", i);
	struct label p[] = { { STR("__name__"), STR("m") }, { STR("i"), str_c(num) } };
	return series_of(h, p, 2);
}

static inline int cmp_got(const void *a, const void *b)
{
	const struct got *x = a, *y = b;
	return (x->t > y->t) - (x->t < y->t);
}

static inline bool is_deleted(const struct head_view *v, int64_t t)
{
	for (size_t i = 0; i < v->n_deleted; i++) {
		if (t >= v->deleted[i].mint && t <= v->deleted[i].maxt)
			return true;
	}
	return false;
}

static inline void add_cols(struct got_series *g, const struct head_view *v, const struct chunk_cols *c, int64_t mint,
			    int64_t maxt)
{
	for (size_t i = 0; i < c->n; i++) {
		if (c->t[i] < mint || c->t[i] > maxt || is_deleted(v, c->t[i]))
			continue;
		*vec_push(&g->s) = (struct got){ c->t[i], c->v ? c->v[i] : 0, c->h ? &c->h[i] : NULL };
	}
}

static inline void read_series(struct head_reader *r, uint32_t id, int64_t mint, int64_t maxt, struct got_all *all)
{
	struct err e;
	struct head_view v;
	int rc = head_reader_series(r, id, true, &all->a, &v, &e);
	ok(rc, &e);
	assert_int_equal(rc, 1);
	struct strbuf name = { 0 };
	labels_print(v.labels, &name);
	struct got_series *g = vec_push(&all->series);
	*g = (struct got_series){ .name = strbuf_steal(&name) };
	for (size_t i = 0; i < v.n_chunks; i++) {
		struct chunk_cols c;
		ok(chunk_decode(v.chunks[i].chunk, &all->a, &c, &e), &e);
		assert_true(c.n > 0);
		assert_int_equal(c.t[0], v.chunks[i].mint);
		assert_int_equal(c.t[c.n - 1], v.chunks[i].maxt);
		if (i && !v.chunks[i].ooo)
			assert_true(v.chunks[i - 1].maxt < v.chunks[i].mint);
		add_cols(g, &v, &c, mint, maxt);
	}
	if (g->s.n)
		qsort(g->s.p, g->s.n, sizeof(*g->s.p), cmp_got);
	size_t n = 0;
	for (size_t i = 0; i < g->s.n; i++) {
		if (n == 0 || g->s.p[n - 1].t != g->s.p[i].t)
			g->s.p[n++] = g->s.p[i];
	}
	g->s.n = n;
}

/* Everything in the head in the range, series sorted by labels. */
static inline void read_all(struct head *h, int64_t mint, int64_t maxt, struct got_all *all)
{
	struct err e;
	uint32_t *ids;
	size_t n;
	arena_init(&all->a, NULL);
	all->series.p = NULL;
	all->series.n = all->series.cap = 0;
	struct head_reader *r = head_reader_open(h, mint, maxt);
	ok(head_reader_select(r, NULL, 0, true, &all->a, &ids, &n, &e), &e);
	for (size_t i = 0; i < n; i++)
		read_series(r, ids[i], mint, maxt, all);
	/* The columns are copies: nothing of the head is needed any more. */
	head_reader_close(r);
}

static inline void got_fini(struct got_all *all)
{
	for (size_t i = 0; i < all->series.n; i++) {
		free(all->series.p[i].name);
		vec_fini(&all->series.p[i].s);
	}
	vec_fini(&all->series);
	arena_fini(&all->a);
}

#endif
