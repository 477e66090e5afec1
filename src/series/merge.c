#include "series/merge.h"

#include "base/hash.h"
#include "base/mem.h"
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

/* One stream and the series it stands at. */
struct leaf {
	struct series_cursor *cursor; /* NULL at its end */
	struct series at;
	bool primed; /* `at` is pulled */
};

struct series_merge {
	struct leaf *leaves;
	size_t n;
	size_t *losers; /* losers[0] is the winner; inner nodes 1..n-1 */
	bool started;
	series_merge_fail_fn *on_fail;
	void *arg;
	struct arena arena; /* of the merged series given out last */
	size_t *taken;      /* leaves whose series were merged into it */
	size_t n_taken;
	VEC(struct series_chunk) chunks;
};

struct series_merge *series_merge_new(struct series_cursor *const *cursors, size_t n, struct budget *budget,
				      series_merge_fail_fn *on_fail, void *arg)
{
	struct series_merge *m = xcalloc(1, sizeof(*m));
	m->n = n;
	m->leaves = xcalloc(n, sizeof(*m->leaves));
	m->losers = xcalloc(n, sizeof(*m->losers));
	m->taken = xcalloc(n, sizeof(*m->taken));
	m->on_fail = on_fail;
	m->arg = arg;
	arena_init(&m->arena, budget);
	for (size_t i = 0; i < n; i++)
		m->leaves[i].cursor = cursors[i];
	return m;
}

static void close_leaf(struct leaf *l)
{
	if (l->cursor)
		l->cursor->close(l->cursor);
	l->cursor = NULL;
}

void series_merge_free(struct series_merge *m)
{
	if (!m)
		return;
	for (size_t i = 0; i < m->n; i++)
		close_leaf(&m->leaves[i]);
	arena_fini(&m->arena);
	vec_fini(&m->chunks);
	free(m->leaves);
	free(m->losers);
	free(m->taken);
	free(m);
}

/* Order of two leaves: by labels, ended streams last, then by index so that ties are stable. */
static bool before(const struct series_merge *m, size_t a, size_t b)
{
	const struct leaf *la = &m->leaves[a], *lb = &m->leaves[b];
	if (!la->cursor || !lb->cursor)
		return la->cursor ? true : lb->cursor ? false : a < b;
	int d = labels_cmp(la->at.labels, lb->at.labels);
	return d != 0 ? d < 0 : a < b;
}

/* Plays leaf `i` up from its place; the loser stays at each node. */
static void replay(struct series_merge *m, size_t i)
{
	size_t winner = i;
	for (size_t node = (i + m->n) / 2; node >= 1; node /= 2) {
		if (before(m, m->losers[node], winner)) {
			size_t w = m->losers[node];
			m->losers[node] = winner;
			winner = w;
		}
	}
	m->losers[0] = winner;
}

/* The winner of the subtree at `node`, leaving losers behind. */
static size_t play(struct series_merge *m, size_t node)
{
	if (node >= m->n)
		return node - m->n;
	size_t a = play(m, node * 2), b = play(m, node * 2 + 1);
	bool a_wins = before(m, a, b);
	m->losers[node] = a_wins ? b : a;
	return a_wins ? a : b;
}

/* Pulls the next series of a leaf. Suspends. */
static int co_pull(struct series_merge *m, size_t i, struct err *err)
{
	struct leaf *l = &m->leaves[i];
	if (!l->cursor)
		return 0;
	struct err cause = ERR_NONE;
	int rc = l->cursor->co_next(l->cursor, &l->at, &cause);
	if (rc == 1)
		return 0;
	close_leaf(l);
	if (rc == 0)
		return 0;
	if (m->on_fail && (rc = m->on_fail(m->arg, i, &cause)) == 0)
		return 0;
	return err_set(err, (enum err_code)(rc < 0 ? -rc : cause.code), "%s", cause.msg);
}

static int co_start(struct series_merge *m, struct err *err)
{
	m->started = true;
	for (size_t i = 0; i < m->n; i++) {
		int rc = co_pull(m, i, err);
		if (rc != 0)
			return rc;
	}
	m->losers[0] = m->n > 1 ? play(m, 1) : 0;
	return 0;
}

/* Moves on the streams whose series were given out. */
static int co_advance(struct series_merge *m, struct err *err)
{
	for (size_t i = 0; i < m->n_taken; i++) {
		int rc = co_pull(m, m->taken[i], err);
		if (rc != 0)
			return rc;
	}
	/* Leaves that had been taken off the tree come back only now, when all of them have their new series. */
	if (m->n_taken == 1)
		replay(m, m->taken[0]);
	else if (m->n_taken > 1)
		m->losers[0] = play(m, 1);
	m->n_taken = 0;
	return 0;
}

static uint64_t part_hash(const struct series_part *p)
{
	return p->hash ? p->hash : hash_xx64(p->chunk.data.p, p->chunk.data.n);
}

/* The hash by which upstream knows a chunk: of its first part, in the order raw, count, max, min, sum, counter. */
static uint64_t chunk_hash(const struct series_chunk *c)
{
	static const int order[] = { SERIES_RAW, SERIES_COUNT, SERIES_MAX, SERIES_MIN, SERIES_SUM, SERIES_COUNTER };
	for (size_t i = 0; i < ARRAY_LEN(order); i++)
		if (c->part[order[i]].chunk.enc != CHUNK_NONE)
			return part_hash(&c->part[order[i]]);
	return 0;
}

static int by_chunk_order(const void *a, const void *b)
{
	return series_chunk_cmp(a, b);
}

/*
 * Sorts the gathered chunks and drops identical ones. Chunks with the same
 * bytes have the same times, so equal ones are neighbours after the sort.
 */
static size_t sort_and_dedup(struct series_chunk *c, size_t n)
{
	bool sorted = true;
	for (size_t i = 1; i < n && sorted; i++)
		sorted = series_chunk_cmp(&c[i - 1], &c[i]) <= 0;
	if (!sorted)
		qsort(c, n, sizeof(*c), by_chunk_order);
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		bool same = kept && c[kept - 1].mint == c[i].mint && c[kept - 1].maxt == c[i].maxt &&
			    chunk_hash(&c[kept - 1]) == chunk_hash(&c[i]);
		if (!same)
			c[kept++] = c[i];
	}
	return kept;
}

/* Gathers the chunks of all leaves that stand at the winner's labels. */
static void gather(struct series_merge *m, struct series *ret)
{
	struct labels labels = m->leaves[m->losers[0]].at.labels;
	m->chunks.n = 0;
	for (size_t i = 0; i < m->n; i++) {
		struct leaf *l = &m->leaves[i];
		if (!l->cursor || !labels_eq(l->at.labels, labels))
			continue;
		m->taken[m->n_taken++] = i;
		vec_reserve(&m->chunks, m->chunks.n + l->at.n_chunks);
		if (l->at.n_chunks)
			memcpy(m->chunks.p + m->chunks.n, l->at.chunks, l->at.n_chunks * sizeof(*l->at.chunks));
		m->chunks.n += l->at.n_chunks;
	}
	ret->labels = labels;
	ret->chunks = m->chunks.p;
	ret->n_chunks = sort_and_dedup(m->chunks.p, m->chunks.n);
}

/* Whether another leaf may stand at the winner's labels: only if the winner's strongest rival does. */
static bool is_alone(const struct series_merge *m)
{
	size_t w = m->losers[0];
	for (size_t node = (w + m->n) / 2; node >= 1; node /= 2) {
		const struct leaf *l = &m->leaves[m->losers[node]];
		if (l->cursor && labels_eq(l->at.labels, m->leaves[w].at.labels))
			return false;
	}
	return true;
}

int co_series_merge_next(struct series_merge *m, struct series *ret, struct err *err)
{
	if (m->n == 0)
		return 0;
	int rc = m->started ? co_advance(m, err) : co_start(m, err);
	if (rc != 0)
		return rc;
	struct leaf *winner = &m->leaves[m->losers[0]];
	if (!winner->cursor)
		return 0;
	if (is_alone(m)) {
		m->taken[m->n_taken++] = m->losers[0];
		*ret = winner->at;
		ret->n_chunks = sort_and_dedup(ret->chunks, ret->n_chunks);
	} else {
		gather(m, ret);
	}
	return 1;
}
