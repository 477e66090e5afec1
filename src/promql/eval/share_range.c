/* Range selectors read once for several users. */
#include "promql/eval/share_range.h"

#include "promql/eval/analyse.h"
#include "promql/eval/share.h"
#include "promql/eval/trace.h"

struct range_reader {
	struct node n; /* never pulled */
	struct matrix m;
	struct share_range *share;
	struct range_reader *next; /* share_range.readers list */
	struct matrix *own;        /* reads anew */
	size_t at;                 /* series had so far */
	bool done;                 /* had the end */
};

/* ---- keeping ---- */

/* Whether somebody else will need what `r` gets now; with `begun`, somebody who had series already. */
static bool others_wait(const struct share_range *s, const struct range_reader *r, bool begun)
{
	for (const struct range_reader *o = s->readers; o; o = o->next)
		if (o != r && !o->own && !o->done && (o->at || !begun))
			return true;
	return false;
}

static void forget(struct share_range *s, struct eval *ev)
{
	s->keeping = false;
	eval_release(ev, s->held);
	s->held = 0;
	arena_fini(&s->arena);
}

static int copy_hists(struct arena *a, const struct samples *in, struct samples *ret, struct err *err)
{
	const struct histogram **h = arena_array(a, in->nh, sizeof(*h));
	ret->ht = (void *)arena_memdup(a, in->ht, in->nh * sizeof(*in->ht));
	if (!h || !ret->ht)
		return arena_err(a, err);
	for (size_t i = 0; i < in->nh; i++) {
		int rc = eval_hist_copy(in->h[i], a, &h[i], err);
		if (rc)
			return rc;
	}
	ret->h = h;
	return 0;
}

static int copy(struct arena *a, const struct samples *in, struct samples *ret, struct err *err)
{
	*ret = (struct samples){ .drop_name = in->drop_name, .n = in->n, .nh = in->nh };
	int rc = labels_copy(in->labels, a, &ret->labels, err);
	if (rc)
		return rc;
	if (in->n) {
		ret->t = (void *)arena_memdup(a, in->t, in->n * sizeof(*in->t));
		ret->v = (void *)arena_memdup(a, in->v, in->n * sizeof(*in->v));
		if (!ret->t || !ret->v)
			return arena_err(a, err);
	}
	return in->nh ? copy_hists(a, in, ret, err) : 0;
}

static int keep(struct share_range *s, const struct range_reader *r, const struct samples *in, struct err *err)
{
	struct eval *ev = r->n.ev;
	uint64_t k = in->n;
	for (size_t i = 0; i < in->nh; i++)
		k += hist_samples(in->h[i]);
	if ((s->arena.bytes > SHARE_MAX_BYTES || ev->held + k > ev->opts.max_samples / 2) && !others_wait(s, r, true)) {
		forget(s, ev);
		return 0;
	}
	if (s->n > s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 16;
		struct samples *p = arena_array(&s->arena, cap, sizeof(*p));
		if (!p)
			return arena_err(&s->arena, err);
		if (s->n > 1)
			memcpy(p, s->kept, (s->n - 1) * sizeof(*p));
		s->kept = p;
		s->cap = cap;
	}
	s->held += k;
	int rc = eval_hold(ev, k, err);
	return rc ? rc : copy(&s->arena, in, &s->kept[s->n - 1], err);
}

/* ---- reading ---- */

static int drive(struct share_range *s, struct range_reader *r, struct samples *ret, struct err *err)
{
	int rc = matrix_next(s->inner, ret, err);
	if (rc < 0)
		return rc;
	if (rc == 0) {
		s->ended = r->done = true;
		return 0;
	}
	if (s->n == 0)
		s->keeping = others_wait(s, r, false);
	s->n++;
	r->at++;
	rc = s->keeping ? keep(s, r, ret, err) : 0;
	return rc ? rc : 1;
}

static int begin_own(struct share_range *s, struct range_reader *r, struct err *err)
{
	struct eval *ev = r->n.ev;
	const struct range_args *a = &s->args;
	if (r->at)
		return err_set(err, ERR_INTERNAL, "samples of a shared selector were not kept");
	ev->no_sharing = true;
	int rc = matrix_selector_new(ev, r->n.expr, a->grid, a->win, a->counts_only, &a->hints, &r->own, err);
	ev->no_sharing = false;
	return rc;
}

static int reader_next(struct matrix *m, struct samples *ret, struct err *err)
{
	struct range_reader *r = CONTAINER_OF(m, struct range_reader, m);
	struct share_range *s = r->share;
	if (!r->own && r->at < s->n) {
		if (s->keeping) {
			*ret = s->kept[r->at++];
			int rc = eval_work(r->n.ev, ret->n + 8 * ret->nh, err);
			return rc ? rc : 1;
		}
		int rc = begin_own(s, r, err);
		if (rc)
			return rc;
	}
	if (r->own)
		return matrix_next(r->own, ret, err);
	if (!s->ended)
		return drive(s, r, ret, err);
	r->done = true;
	if (s->keeping && !others_wait(s, r, false))
		forget(s, r->n.ev);
	return 0;
}

static void reader_close(struct node *n)
{
	arena_fini(&((struct range_reader *)n)->share->arena);
}

static const struct node_ops reader_node_ops = { NULL, reader_close, "shared", NODE_SCOPE_SAME, true };
static const struct matrix_ops reader_ops = { reader_next };

/* ---- making ---- */

struct share_range *share_range_new(struct eval *ev, const struct range_args *args, const void *place, struct err *err)
{
	struct share_range *s = arena_zalloc(ev->arena, sizeof(*s));
	if (!s) {
		eval_oom(ev, err);
		return NULL;
	}
	s->class = info_of(ev, args->e)->class;
	s->place = place;
	s->args = *args;
	arena_init(&s->arena, ev->arena->budget);
	if (matrix_selector_new(ev, args->e, args->grid, args->win, args->counts_only, &args->hints, &s->inner, err))
		return NULL;
	s->next = ev->ranges;
	ev->ranges = s;
	return s;
}

int share_range_reader_new(struct share_range *s, const struct promql_expr *e, struct matrix **ret, struct err *err)
{
	struct range_reader *r = node_new_bare(s->inner->node->ev, sizeof(*r), &reader_node_ops, e, s->args.grid, err);
	if (!r)
		return -err->code;
	r->m = *s->inner;
	r->m.ops = &reader_ops;
	r->m.expr = e;
	r->share = s;
	r->next = s->readers;
	s->readers = r;
	trace_matrix(&r->m, &r->n);
	*ret = &r->m;
	return 0;
}
