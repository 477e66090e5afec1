#include "tsdb/head_gather.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>
#include <sys/mman.h>

/* Memory for runs comes in pieces, so large that malloc gives them back to the kernel, and is touched only as far as it is needed. */
#define PIECE_BYTES ((size_t)8 << 20)
#define PIECE_RUNS (PIECE_BYTES / sizeof(struct gather_run))
#define HUGE_PAGE ((size_t)2 << 20)

/* One piece, and one more for so many series each, up to a number. */
#define MAX_PIECES 8
#define PIECE_SERIES (1u << 16)

/* How far ahead of a sample its series is fetched, and then the end of its bytes. */
#define AHEAD_SERIES 24
#define AHEAD_BYTES 8

void gather_fini(struct gather *g)
{
	free(g->groups);
	for (size_t i = 0; i < g->pieces.n; i++)
		free(g->pieces.p[i]);
	vec_fini(&g->pieces);
	free(g->waiting);
	*g = (struct gather){ .head = g->head };
}

/* The place of a series that is there. */
static ALWAYS_INLINE struct head_series *place(const struct head *h, uint32_t id)
{
	return &h->slabs[id >> SLAB_BITS]->s[id & (SLAB_SERIES - 1)];
}

/* Appends a run; the next one is fetched meanwhile. */
static void append_run(struct head *h, const struct gather_run *r, uint32_t n)
{
	const struct gather_run *next = r->next;
	int64_t mint = INT64_MAX, maxt = INT64_MIN;
	for (uint32_t i = 0; i < n; i++) {
		if (next)
			__builtin_prefetch(&next->p[i]);
		if (i + AHEAD_SERIES < n)
			__builtin_prefetch(&place(h, r->p[i + AHEAD_SERIES].id)->app, 1);
		if (i + AHEAD_BYTES < n) {
			const struct head_series *s = place(h, r->p[i + AHEAD_BYTES].id);
			__builtin_prefetch((const void *)((uintptr_t)s->app.buf + s->app.pos), 1);
		}
		const struct gather_sample *p = &r->p[i];
		if (LIKELY(head_put_float(h, place(h, p->id), p->t, p->v))) {
			mint = MIN(mint, p->t);
			maxt = MAX(maxt, p->t);
		}
	}
	if (mint <= maxt) {
		head_update_time(h, mint);
		head_update_time(h, maxt);
	}
}

static void end_group(struct gather *g, uint32_t group)
{
	struct gather_group *gr = &g->groups[group];
	for (struct gather_run *r = gr->first, *next; r; r = next) {
		next = r->next;
		append_run(g->head, r, next ? GATHER_RUN : GATHER_RUN - gr->left);
		r->next = g->free;
		g->free = r;
	}
	*gr = (struct gather_group){ 0 };
	memset(g->waiting + ((size_t)group << GATHER_GROUP_BITS), 0, 1u << GATHER_GROUP_BITS);
}

void gather_end(struct gather *g)
{
	for (uint32_t i = 0; i < g->n_groups; i++) {
		if (g->groups[i].first)
			end_group(g, i);
	}
}

void gather_end_of(struct gather *g, uint32_t id)
{
	if (id >> GATHER_GROUP_BITS < g->n_groups && g->waiting[id])
		end_group(g, id >> GATHER_GROUP_BITS);
}

static void add_groups(struct gather *g, uint32_t need)
{
	uint32_t n = MAX(need, g->n_groups * 2), old = g->n_groups;
	g->groups = xreallocarray(g->groups, n, sizeof(*g->groups));
	memset(g->groups + old, 0, (n - old) * sizeof(*g->groups));
	g->waiting = xreallocarray(g->waiting, n, 1u << GATHER_GROUP_BITS);
	memset(g->waiting + ((size_t)old << GATHER_GROUP_BITS), 0, (size_t)(n - old) << GATHER_GROUP_BITS);
	g->n_groups = n;
}

static struct gather_run *new_piece(void)
{
	void *p = aligned_alloc(HUGE_PAGE, PIECE_BYTES);
	CHECK(p);
	(void)madvise(p, PIECE_BYTES, MADV_HUGEPAGE);
	return p;
}

/* A run that is free, or NULL. */
static struct gather_run *take_run(struct gather *g)
{
	struct gather_run *r = g->free;
	if (r) {
		g->free = r->next;
		return r;
	}
	if (g->pieces.n == 0 || g->fresh == PIECE_RUNS) {
		if (g->pieces.n >= MIN(1 + g->head->n_series / PIECE_SERIES, MAX_PIECES))
			return NULL;
		*vec_push(&g->pieces) = new_piece();
		g->fresh = 0;
	}
	return &(*vec_last(&g->pieces))[g->fresh++];
}

/* Appends all that is there when memory has run out, then makes another run for the group. */
static NO_INLINE void more(struct gather *g, uint32_t group)
{
	if (group >= g->n_groups)
		add_groups(g, group + 1);
	struct gather_run *r = take_run(g);
	if (!r) {
		gather_end(g);
		r = take_run(g);
	}
	r->next = NULL;
	struct gather_group *gr = &g->groups[group];
	*(gr->last ? &gr->last->next : &gr->first) = r;
	gr->last = r;
	gr->next = r->p;
	gr->left = GATHER_RUN;
}

void gather_add(struct gather *g, const struct gather_sample *p, size_t n)
{
	for (size_t i = 0; i < n;) {
		uint32_t group = p[i].id >> GATHER_GROUP_BITS;
		if (UNLIKELY(group >= g->n_groups || g->groups[group].left == 0))
			more(g, group);
		/* As many as go there: mostly many, for logs have series in the order in which they were made. */
		struct gather_group *gr = &g->groups[group];
		size_t end = i + MIN(n - i, (size_t)gr->left), from = i;
		struct gather_sample *to = gr->next;
		uint8_t *waiting = g->waiting;
		for (; i < end && p[i].id >> GATHER_GROUP_BITS == group; i++) {
			*to++ = p[i];
			waiting[p[i].id] = 1;
		}
		gr->next = to;
		gr->left -= (uint32_t)(i - from);
	}
}
