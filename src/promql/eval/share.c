/* Parts evaluated once for several users. */
#include "promql/eval/share.h"

#include "promql/eval/analyse.h"
#include "promql/eval/trace.h"

struct share_reader {
	struct node n; /* its input, the part or a plan of its own, is n.left */
	struct share *share;
	struct share_reader *next; /* share.readers list */
	struct node *sink;
	share_sink_fn *feed;
	size_t at; /* rows had so far */
	bool fed;  /* gets each row from whoever drives the part */
	bool own;  /* evaluates the part anew */
	bool done; /* had the end */
};

/* ---- keeping ---- */

/* Whether somebody else will need what `r` gets now. */
static bool others_wait(const struct share *s, const struct share_reader *r)
{
	for (const struct share_reader *o = s->readers; o; o = o->next)
		if (o != r && !o->fed && !o->own && !o->done)
			return true;
	return false;
}

/* Whether somebody else has had rows, so that it cannot begin anew. */
static bool others_begun(const struct share *s, const struct share_reader *r)
{
	for (const struct share_reader *o = s->readers; o; o = o->next)
		if (o != r && !o->fed && !o->own && !o->done && o->at)
			return true;
	return false;
}

static bool too_much(const struct share *s, const struct row *r)
{
	const struct eval *ev = s->child->ev;
	uint64_t row = row_samples(r, s->child->grid.n);
	return s->kept.arena.bytes > SHARE_MAX_BYTES || ev->held + row > ev->opts.max_samples / 2;
}

static int keep(struct share *s, const struct share_reader *r, const struct row *row, struct err *err)
{
	if (too_much(s, row) && !others_begun(s, r)) {
		s->keeping = false;
		table_fini(&s->kept);
		return 0;
	}
	return table_add(&s->kept, row, NULL, err);
}

/* Frees what is kept once nobody needs it. */
static void leave(struct share *s, struct share_reader *r)
{
	r->done = true;
	if (s->keeping && !others_wait(s, r)) {
		s->keeping = false;
		table_fini(&s->kept);
	}
}

/* ---- driving ---- */

/* The first row is there: says who gets rows as they come, and whether they are kept. */
static void begin(struct share *s, struct share_reader *r)
{
	for (struct share_reader *o = s->readers; o; o = o->next)
		o->fed = o != r && o->sink;
	s->keeping = others_wait(s, r);
}

/* Hands a row to all that get it as it comes. */
static int feed(struct share *s, const struct share_reader *r, const struct row *row, struct err *err)
{
	int rc = 0;
	for (struct share_reader *o = s->readers; o && !rc; o = o->next) {
		if (o == r || !o->fed)
			continue;
		o->at++;
		rc = o->feed(o->sink, row, err);
	}
	return rc;
}

/* The next row of the part itself. */
static int drive(struct share *s, struct share_reader *r, struct row *ret, struct err *err)
{
	int rc = node_left(&r->n, ret);
	if (rc < 0 || rc == NODE_LEFT)
		return rc;
	if (s->n == 0)
		begin(s, r);
	if (rc == 0) {
		s->ended = true;
		leave(s, r);
		return 0;
	}
	s->n++;
	r->at++;
	rc = feed(s, r, ret, err);
	if (!rc && s->keeping)
		rc = keep(s, r, ret, err);
	return rc ? rc : 1;
}

/* ---- what was kept ---- */

static int replay(struct share *s, struct share_reader *r, struct row *ret, struct err *err)
{
	const struct trow *t = s->kept.p[r->at++];
	struct node *n = &r->n;
	*ret = (struct row){ t->labels, t->drop_name, n->v, NULL };
	memcpy(n->v, t->v, n->grid.n * sizeof(*n->v));
	if (t->h) {
		ret->h = node_hists(n);
		if (!ret->h)
			return eval_oom(n->ev, err);
		memcpy(ret->h, t->h, n->grid.n * sizeof(*ret->h));
	}
	int rc = eval_work(n->ev, n->grid.n, err);
	return rc ? rc : 1;
}

/* Plans the part for one reader alone. */
static int begin_own(struct share *s, struct share_reader *r, struct err *err)
{
	struct eval *ev = r->n.ev;
	if (r->at)
		return err_set(err, ERR_INTERNAL, "rows of a shared part were not kept");
	struct node *before = ev->first;
	ev->no_sharing = true;
	int rc = s->plan(ev, r->n.expr, s->place, &r->n.left, err);
	ev->no_sharing = false;
	for (struct node *n = ev->first; n != before; n = n->next) {
		n->moved = r->n.moved;
		n->moved_id = r->n.moved_id;
	}
	r->own = true;
	return rc;
}

static int reader_next(struct node *n, struct row *ret, struct err *err)
{
	struct share_reader *r = (struct share_reader *)n;
	struct share *s = r->share;
	if (!r->own && r->at < s->n) {
		if (s->keeping)
			return replay(s, r, ret, err);
		int rc = begin_own(s, r, err);
		if (rc)
			return rc;
	}
	if (r->own)
		return node_left(n, ret);
	if (!s->ended)
		return drive(s, r, ret, err);
	if (!r->done)
		leave(s, r);
	return 0;
}

static void reader_close(struct node *n)
{
	table_fini(&((struct share_reader *)n)->share->kept);
}

static const struct node_ops reader_ops = { reader_next, reader_close, "shared", NODE_SCOPE_SHARED, true };

/* ---- making ---- */

static bool is_reader(const struct node *n)
{
	return n->ops == &reader_ops || (n->trace && n->trace->ops == &reader_ops);
}

/* Lets notes of a part tell of an equal part `by` bytes and `ids` ids further on, unless they tell of a later one. */
static void move(struct share *s, uint32_t by, uint32_t ids)
{
	for (struct node *n = s->newest; n != s->before; n = n->next) {
		if (by <= n->moved)
			continue;
		n->moved = by;
		n->moved_id = ids;
		if (!is_reader(n))
			continue;
		struct share *inner = ((struct share_reader *)n)->share;
		if (inner != s)
			move(inner, n->expr->pos.start + by - inner->expr->pos.start,
			     n->expr->id + ids - inner->expr->id);
	}
}

struct share *share_new(struct eval *ev, const struct promql_expr *e, const void *place, share_plan_fn *plan,
			struct node *child, struct node *before, struct err *err)
{
	struct share *s = arena_zalloc(ev->arena, sizeof(*s));
	if (!s) {
		eval_oom(ev, err);
		return NULL;
	}
	s->class = info_of(ev, e)->class;
	s->expr = e;
	s->place = place;
	s->plan = plan;
	s->child = child;
	s->newest = ev->first;
	s->before = before;
	table_init(&s->kept, ev, child->grid.n);
	s->next = ev->shares;
	ev->shares = s;
	return s;
}

int share_reader_new(struct share *s, const struct promql_expr *e, struct node **ret, struct err *err)
{
	struct share_reader *r = node_new(s->child->ev, sizeof(*r), &reader_ops, e, s->child->grid, err);
	if (!r)
		return -err->code;
	r->share = s;
	r->n.left = s->child;
	r->n.unique = s->child->unique;
	r->n.both = s->child->both;
	r->next = s->readers;
	s->readers = r;
	if (e->pos.start > s->expr->pos.start)
		move(s, e->pos.start - s->expr->pos.start, e->id - s->expr->id);
	*ret = &r->n;
	return 0;
}

bool share_is_first(const struct node *n)
{
	return n->expr == ((const struct share_reader *)n)->share->expr;
}

void share_set_tally(struct node *n, struct tally *t)
{
	((struct share_reader *)n)->share->tally = t;
}

struct tally *share_tally_for(const struct share *s, const struct tally *t, uint64_t *ret_n)
{
	*ret_n = 0;
	for (const struct share_reader *r = s->readers; r && s->tally; r = r->next)
		*ret_n += r->n.tally == t;
	return s->tally;
}

void share_set_sink(struct node *reader, struct node *sink, share_sink_fn *fn)
{
	if (!is_reader(reader))
		return;
	struct share_reader *r = (struct share_reader *)reader;
	r->sink = sink;
	r->feed = fn;
}
