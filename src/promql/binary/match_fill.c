/* fill(), fill_left(), fill_right(): a number for the sample that a match lacks. */
#include "promql/binary/match.h"

/* A row of `v` at the steps where nothing covers, else missing; in the node's scratch. */
static void fill_column(struct match *m, double v, const uint8_t *covered)
{
	for (uint32_t i = 0; i < m->n.grid.n; i++)
		m->scratch[i] = covered[i] ? absent() : v;
}

int match_fill_one(struct match *m, struct row *out, struct err *err)
{
	uint32_t n = m->n.grid.n;
	struct labels sig;
	m->fill_cur = false;
	uint8_t *covered = arena_array(&m->n.tmp, n, 1);
	double *column = arena_array(&m->n.tmp, n, sizeof(*column));
	if (!covered || !column)
		return arena_err(&m->n.tmp, err);
	for (const struct trow *o = m->cur_group->ones; o; o = o->alias)
		for (uint32_t i = 0; i < n; i++)
			covered[i] |= !is_absent(o->v[i]) || (o->h && o->h[i]);
	fill_column(m, m->fill_one, covered);
	memcpy(column, m->scratch, n * sizeof(*column));
	int rc = sig_labels(&m->rule, m->one, m->cur.labels, &sig, err);
	if (rc)
		return rc;
	struct trow one = { .labels = sig, .v = column };
	rc = match_begin(m, &m->cur, sig, out, err);
	return rc ? rc : match_pair(m, m->cur_group, &m->cur, &one, out, err);
}

int match_fill_many(struct match *m, struct row *out, struct err *err)
{
	struct hash128 h;
	struct labels sig;
	if (!m->has_fill_many || m->fill_at == m->ones.n)
		return MATCH_END;
	const struct trow *one = m->ones.p[m->fill_at++];
	int rc = sig_hash(&m->rule, &m->n, one->labels, &h, err);
	if (rc)
		return rc;
	struct group *g = match_group(m, h, err);
	double *column = arena_array(&m->n.tmp, m->n.grid.n, sizeof(*column));
	if (!g || !column)
		return arena_err(&m->n.tmp, err);
	for (uint32_t i = 0; i < m->n.grid.n; i++)
		column[i] = g->matched && g->matched[i] ? absent() : m->fill_many;
	rc = sig_labels(&m->rule, m->one, one->labels, &sig, err);
	if (rc)
		return rc;
	struct row many = { sig, false, column, NULL };
	rc = match_begin(m, &many, one->labels, out, err);
	return rc ? rc : match_pair(m, g, &many, one, out, err);
}
