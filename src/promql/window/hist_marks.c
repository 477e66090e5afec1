/* What is known of a series' histograms before any window is looked at. */
#include "promql/window/rate.h"

#include "promql/math/fhist.h"

static struct hist_marks *marks_new(struct rollup *r)
{
	if (!r->marks)
		r->marks = arena_zalloc(r->n.ev->arena, sizeof(*r->marks));
	return r->marks;
}

/* Fills what follows from one look at each histogram. */
static void fill(struct hist_marks *m, const struct samples *s)
{
	m->gauges[0] = 0;
	for (uint32_t i = 0; i < s->nh; i++) {
		const struct histogram *h = s->h[i], *before = i ? s->h[i - 1] : h;
		bool same_kind = i && hist_is_custom(h) == hist_is_custom(before);
		m->kind_from[i] = same_kind ? m->kind_from[i - 1] : i;
		m->schema_from[i] = i && h->schema == before->schema ? m->schema_from[i - 1] : i;
		m->gauges[i + 1] = m->gauges[i] + (h->hint == HIST_HINT_GAUGE);
	}
}

int hist_marks_begin(struct rollup *r, const struct samples *s, bool by_start_time, struct err *err)
{
	size_t n = s->nh + 1;
	struct hist_marks *m = marks_new(r);
	uint32_t *p = m ? rollup_buf(r, 2, 4 * n, sizeof(*p)) : NULL;
	if (!p)
		return eval_oom(r->n.ev, err);
	*m = (struct hist_marks){ .s = s, .by_start_time = by_start_time && s->hst };
	m->kind_from = p;
	m->schema_from = p + n;
	m->gauges = p + 2 * n;
	m->resets = p + 3 * n;
	fill(m, s);
	return 0;
}

static bool is_reset(const struct hist_marks *m, size_t cur)
{
	const struct samples *s = m->s;
	size_t prev = cur - 1;
	return (m->by_start_time && st_reset(s->hst[prev], s->ht[prev], s->hst[cur], s->ht[cur])) ||
	       fhist_detect_reset(s->h[cur], s->h[prev]);
}

void hist_marks_move(struct hist_marks *m, size_t lo, size_t hi)
{
	if (m->seen <= lo)
		m->seen = lo + 1;
	for (; m->seen < hi; m->seen++)
		if (is_reset(m, m->seen))
			m->resets[m->n_resets++] = (uint32_t)m->seen;
	while (m->next < m->n_resets && m->resets[m->next] <= lo)
		m->next++;
}
