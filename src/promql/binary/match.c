/*
 * Operators between vectors. The "one" side is kept, indexed by signature;
 * the "many" side (the left one of one-to-one) streams past it.
 * Source: VectorBinop and resultMetric of promql/engine.go.
 */
#include "promql/binary/match.h"

#include "labels/builder.h"

static bool has_sample(const double *v, const struct histogram *const *h, uint32_t i)
{
	return !is_absent(v[i]) || (h && h[i]);
}

struct group *match_group(struct match *m, struct hash128 h, struct err *err)
{
	struct group *g = sig_find(&m->map, h);
	if (g)
		return g;
	g = arena_zalloc(&m->arena, sizeof(*g));
	if (!g) {
		arena_err(&m->arena, err);
		return NULL;
	}
	g->e.hash = h;
	sig_add(&m->map, &g->e);
	return g;
}

/* Notes that two rows of the one side share a step, if they do and it is the first such step. */
static void note_duplicate(struct match *m, struct group *g, const struct trow *row)
{
	for (const struct trow *o = g->ones; o; o = o->alias) {
		if (o == row)
			continue;
		for (uint32_t i = 0; i < m->dup.step; i++)
			if (has_sample(o->v, o->h, i) && has_sample(row->v, row->h, i))
				m->dup = (struct duplicate){ i, row, o };
	}
}

/* Keeps all rows of the one side. */
static int read_ones(struct match *m, struct err *err)
{
	struct row r;
	int rc;
	while ((rc = node_pull(&m->n, m->one, &r, err)) == 1) {
		struct trow *row;
		struct hash128 h;
		rc = table_add(&m->ones, &r, &row, err);
		if (!rc)
			rc = sig_hash(&m->rule, &m->n, row->labels, &h, err);
		if (rc)
			return rc;
		struct group *g = match_group(m, h, err);
		if (!g)
			return -err->code;
		struct trow **end = &g->ones;
		while (*end)
			end = &(*end)->alias;
		*end = row;
		if (g->ones != row)
			note_duplicate(m, g, row);
	}
	return rc;
}

/* The error of two samples with one signature on the side that must have one. */
static int duplicate_error(struct match *m, struct err *err)
{
	struct labels group;
	struct sig_rule rule = m->rule;
	int rc = sig_labels(&rule, &m->n, m->dup.a->labels, &group, err);
	if (rc)
		return rc;
	struct eval *ev = m->n.ev;
	const char *a = eval_labels_text(ev, m->dup.a->labels);
	const char *b = eval_labels_text(ev, m->dup.b->labels);
	bool in_order = strcmp(a, b) < 0;
	return err_set(err, ERR_FAILED_PRECONDITION,
		       "found duplicate series for the match group %s on the %s hand-side of the "
		       "operation: [%s, %s];many-to-many matching not allowed: matching labels must "
		       "be unique on one side",
		       eval_labels_text(ev, group), m->mt->card == PROMQL_ONE_TO_MANY ? "left" : "right",
		       in_order ? a : b, in_order ? b : a);
}

/* The first row that shares step i with one before it. */
static int duplicate_at(struct match *m, uint32_t i, struct err *err)
{
	for (size_t k = 0; k < m->ones.n; k++) {
		const struct trow *row = m->ones.p[k];
		struct hash128 h;
		if (!has_sample(row->v, row->h, i))
			continue;
		int rc = sig_hash(&m->rule, &m->n, row->labels, &h, err);
		if (rc)
			return rc;
		struct group *g = sig_find(&m->map, h);
		if (g->seen_at == i + 1) {
			m->dup = (struct duplicate){ i, row, g->seen };
			return duplicate_error(m, err);
		}
		g->seen = row;
		g->seen_at = i + 1;
	}
	return 0;
}

/*
 * With duplicates on the one side the many side is kept too: they matter only
 * at steps where it has a sample.
 */
static int check_duplicates(struct match *m, struct err *err)
{
	if (m->dup.step == m->n.grid.n)
		return 0;
	struct row r;
	int rc;
	while ((rc = node_pull(&m->n, m->many, &r, err)) == 1)
		if ((rc = table_add(&m->manys, &r, NULL, err)) < 0)
			break;
	if (rc)
		return rc;
	m->many_kept = true;
	for (uint32_t i = m->dup.step; i < m->n.grid.n && !rc; i++) {
		bool any = m->fills;
		for (size_t k = 0; k < m->manys.n && !any; k++)
			any = has_sample(m->manys.p[k]->v, m->manys.p[k]->h, i);
		if (any)
			rc = duplicate_at(m, i, err);
	}
	return rc;
}

/* Reads the one side. As everything that pulls the left side, it may be called several times. */
static int start(struct match *m, struct err *err)
{
	int rc = m->ones_read ? 0 : read_ones(m, err);
	if (rc)
		return rc;
	m->ones_read = true;
	rc = check_duplicates(m, err);
	m->started = rc == 0;
	return rc;
}

int match_result_labels(struct match *m, struct labels many, struct labels one, struct labels *ret, struct err *err)
{
	const struct promql_matching *mt = m->mt;
	bool strip = op_drops_name(m->op) || (m->as_bool && !m->n.ev->opts.delayed_name_removal);
	bool plain = mt->card == PROMQL_ONE_TO_ONE ? !mt->on && mt->labels.n == 0 : mt->include.n == 0;
	*ret = many;
	if (plain)
		return strip ? node_strip(&m->n, many, ret, err) : 0;
	struct labels_builder *b = &m->builder;
	labels_builder_reset(b, many);
	if (strip) {
		labels_builder_del(b, LABEL_METRIC_NAME);
		labels_builder_del(b, LABEL_TYPE);
		labels_builder_del(b, LABEL_UNIT);
	}
	if (mt->card == PROMQL_ONE_TO_ONE && mt->on) {
		labels_builder_keep(b, mt->labels.v, mt->labels.n);
	} else if (mt->card == PROMQL_ONE_TO_ONE) {
		for (size_t i = 0; i < mt->labels.n; i++)
			labels_builder_del(b, mt->labels.v[i]);
	}
	for (size_t i = 0; i < mt->include.n; i++)
		labels_builder_set(b, mt->include.v[i], labels_get(one, mt->include.v[i]));
	*ret = labels_builder_labels(b);
	return 0;
}

/* The steps at which a result with these labels came from the group, to find conflicts. */
static int claims_of(struct match *m, struct group *g, struct labels result, uint8_t **ret, struct err *err)
{
	*ret = NULL;
	if (m->distinct)
		return 0;
	uint64_t hash = m->mt->card == PROMQL_ONE_TO_ONE ? 0 : labels_hash_keyed(result);
	struct claim *c = g->claims;
	while (c && c->hash != hash)
		c = c->next;
	if (!c) {
		c = arena_zalloc(&m->arena, sizeof(*c));
		if (!c || !(c->at = arena_array(&m->arena, m->n.grid.n, 1)))
			return arena_err(&m->arena, err);
		c->hash = hash;
		c->next = g->claims;
		g->claims = c;
	}
	*ret = c->at;
	return 0;
}

static int conflict_error(const struct match *m, struct err *err)
{
	return err_set(err, ERR_FAILED_PRECONDITION,
		       m->mt->card == PROMQL_ONE_TO_ONE
			       ? "multiple matches for labels: many-to-one matching must be explicit "
				 "(group_left/group_right)"
			       : "multiple matches for labels: grouping labels must ensure unique "
				 "matches");
}

/* Puts the result of one pair into step i of the output. A pair of types that do not go together counts as none. */
static int pair_step(struct match *m, struct elem a, struct elem b, uint32_t i, uint8_t *claims, uint8_t *matched,
		     struct row *out, struct err *err)
{
	struct elem_result res;
	if (m->mt->card == PROMQL_ONE_TO_MANY) {
		struct elem x = a;
		a = b;
		b = x;
	}
	int rc = elem_op(m->op, a, b, &m->n.tmp, &res, err);
	if (rc)
		return rc;
	if (res.fault == ELEM_OK && !res.collision && claims && claims[i]++)
		return conflict_error(m, err);
	if (res.fault != ELEM_OK || res.collision || res.reconciled) {
		if (!m->step_notes && !(m->step_notes = arena_array(&m->arena, m->n.grid.n, sizeof(*m->step_notes))))
			return arena_err(&m->arena, err);
		struct pair_note *note = &m->step_notes[i];
		*note = (struct pair_note){ true, a.h != NULL, b.h != NULL, res.fault, res.collision, res.reconciled };
	}
	if (res.fault != ELEM_OK || res.collision)
		return 0;
	if (matched)
		matched[i] = 1;
	if (m->as_bool)
		res.v = (struct elem){ res.keep ? 1 : 0, NULL };
	else if (!res.keep)
		return 0;
	if (res.v.h && !out->h && !(out->h = node_hists(&m->n)))
		return eval_oom(m->n.ev, err);
	if (res.v.h)
		out->h[i] = res.v.h;
	else
		out->v[i] = res.v.f;
	return 0;
}

/* Steps that both rows have as floats, when nothing can conflict. */
static void pair_floats(struct match *m, const double *many, const double *one, double *out)
{
	uint32_t n = m->n.grid.n;
	bool swapped = m->mt->card == PROMQL_ONE_TO_MANY;
	const double *a = swapped ? one : many, *b = swapped ? many : one;
	double *scratch = m->scratch;
	if (m->as_bool)
		floats_op_bool(m->op, a, b, scratch, n);
	else
		floats_op(m->op, a, b, scratch, n);
	for (uint32_t i = 0; i < n; i++)
		if (!is_absent(scratch[i]))
			out[i] = scratch[i];
}

int match_pair(struct match *m, struct group *g, const struct row *many, const struct trow *one, struct row *out,
	       struct err *err)
{
	uint8_t *claims;
	bool trim = promql_op_is_trim(m->op);
	int rc = claims_of(m, g, out->labels, &claims, err);
	if (rc)
		return rc;
	if (m->matched_needed && !g->matched && !(g->matched = arena_array(&m->arena, m->n.grid.n, 1)))
		return arena_err(&m->arena, err);
	if (!claims && !m->matched_needed && !many->h && !one->h && !trim) {
		pair_floats(m, many->v, one->v, out->v);
		return 0;
	}
	for (uint32_t i = 0; i < m->n.grid.n && !rc; i++) {
		if (!has_sample(many->v, many->h, i) || !has_sample(one->v, one->h, i))
			continue;
		struct elem a = { many->v[i], many->h ? many->h[i] : NULL };
		struct elem b = { one->v[i], one->h ? one->h[i] : NULL };
		rc = pair_step(m, a, b, i, claims, g->matched, out, err);
	}
	return rc;
}

/* The next row of the many side. */
static int next_many(struct match *m, struct err *err)
{
	if (!m->many_kept)
		return node_pull(&m->n, m->many, &m->cur, err);
	if (m->many_at == m->manys.n)
		return 0;
	m->cur = trow_row(m->manys.p[m->many_at++]);
	return 1;
}

/* Begins a row of output for the current many row and `one`. */
int match_begin(struct match *m, const struct row *many, struct labels one, struct row *out, struct err *err)
{
	*out = (struct row){ .v = m->n.v, .drop_name = m->as_bool };
	if (op_drops_name(m->op))
		out->drop_name = false;
	row_fill_absent(out->v, m->n.grid.n);
	return match_result_labels(m, many->labels, one, &out->labels, err);
}

/* Whether all ones of a group give the same labels to a result. */
static bool same_result_labels(const struct match *m)
{
	return m->mt->include.n == 0;
}

/* One row of output from the current many row; `*ret_done` when it has no more. */
static int pair_current(struct match *m, struct row *out, struct err *err)
{
	const struct trow *one = m->next_one;
	struct group *g = m->cur_group;
	int rc = match_begin(m, &m->cur, one->labels, out, err);
	do {
		rc = rc ? rc : match_pair(m, g, &m->cur, one, out, err);
		one = one->alias;
	} while (one && !rc && same_result_labels(m));
	m->next_one = one;
	return rc;
}

/* Moves to the next many row that has a group with ones: 1, 0 at the end. */
static int advance(struct match *m, struct err *err)
{
	for (;;) {
		struct hash128 h;
		int rc = next_many(m, err);
		if (rc != 1)
			return rc;
		rc = sig_hash(&m->rule, &m->n, m->cur.labels, &h, err);
		if (rc)
			return rc;
		m->cur_group = m->fills ? match_group(m, h, err) : sig_find(&m->map, h);
		if (m->fills && !m->cur_group)
			return -err->code;
		m->next_one = m->cur_group ? m->cur_group->ones : NULL;
		m->fill_cur = m->has_fill_one && m->cur_group;
		if (m->next_one || m->fill_cur)
			return 1;
	}
}

/* Notes of pairs: per step the last one counts. */
static void flush_notes(struct match *m)
{
	for (uint32_t i = 0; m->step_notes && i < m->n.grid.n; i++) {
		const struct pair_note *p = &m->step_notes[i];
		if (!p->any)
			continue;
		static const struct histogram some;
		struct elem a = { 0, p->a_hist ? &some : NULL }, b = { 0, p->b_hist ? &some : NULL };
		struct elem_result res = { .collision = p->collision, .reconciled = p->reconciled && !p->collision };
		if (p->fault != ELEM_OK)
			elem_note_fault(&m->n, m->op, a, b, p->fault);
		else
			elem_note_flags(&m->n, m->op, &res);
	}
}

static int match_next(struct node *n, struct row *ret, struct err *err)
{
	struct match *m = (struct match *)n;
	int rc = m->started ? 0 : start(m, err);
	if (rc)
		return rc;
	do {
		node_rewind(n);
		if (!m->ended && !m->next_one && !m->fill_cur) {
			rc = advance(m, err);
			if (rc < 0 || rc == NODE_LEFT)
				return rc;
			m->ended = rc == 0;
		}
		if (m->next_one)
			rc = pair_current(m, ret, err);
		else if (m->fill_cur)
			rc = match_fill_one(m, ret, err);
		else
			rc = match_fill_many(m, ret, err);
		if (rc < 0)
			return rc;
		if (rc == MATCH_END) {
			flush_notes(m);
			return 0;
		}
		rc = eval_work(n->ev, n->grid.n, err);
		if (rc)
			return rc;
	} while (row_is_empty(ret, n->grid.n));
	return 1;
}

static void match_close(struct node *n)
{
	struct match *m = (struct match *)n;
	sig_map_fini(&m->map);
	arena_fini(&m->arena);
	table_fini(&m->ones);
	table_fini(&m->manys);
	labels_builder_fini(&m->builder);
}

static const struct node_ops match_ops = { match_next, match_close, "operator" };

static void set_sides(struct match *m, struct node *lhs, struct node *rhs)
{
	bool swapped = m->mt->card == PROMQL_ONE_TO_MANY;
	m->many = swapped ? rhs : lhs;
	m->one = swapped ? lhs : rhs;
	/* Upstream does not swap the fill values with the sides. */
	m->has_fill_one = m->mt->has_fill_rhs;
	m->has_fill_many = m->mt->has_fill_lhs;
	m->fill_one = m->mt->fill_rhs;
	m->fill_many = m->mt->fill_lhs;
	m->fills = m->has_fill_one || m->has_fill_many;
	m->matched_needed = m->fills;
}

int match_new(struct eval *ev, const struct promql_expr *e, struct node *lhs, struct node *rhs, struct node **ret,
	      struct err *err)
{
	struct match *m = node_new(ev, sizeof(*m), &match_ops, e, lhs->grid, err);
	if (!m)
		return -err->code;
	*ret = &m->n;
	m->op = e->binary.op;
	m->as_bool = e->binary.return_bool;
	m->mt = &e->binary.matching;
	set_sides(m, lhs, rhs);
	arena_init(&m->arena, ev->arena->budget);
	table_init(&m->ones, ev, lhs->grid.n);
	table_init(&m->manys, ev, lhs->grid.n);
	m->scratch = eval_column(ev, lhs->grid.n);
	if (!m->scratch)
		return eval_oom(ev, err);
	m->n.left = lhs;
	m->dup.step = lhs->grid.n;
	bool one_to_one = m->mt->card == PROMQL_ONE_TO_ONE;
	m->distinct = m->many->unique && !m->fills &&
		      (one_to_one ? !m->mt->on && m->mt->labels.n == 0 : m->mt->include.n == 0);
	m->n.unique = m->distinct;
	int rc = sig_rule_init(&m->rule, ev, &m->mt->labels, m->mt->on, err);
	if (rc || m->distinct)
		return rc;
	rc = merge_new(ev, &m->n, MERGE_STEPS, ret, err);
	if (!rc && m->mt->include.n == 0)
		(*ret)->unique = op_drops_name(m->op) || m->as_bool;
	else if (!rc)
		(*ret)->unique = false;
	return rc;
}
