#include "promql/lang/series_hist.h"

/* --- literals ------------------------------------------------------------------ */

/* What was read of a literal; `seen` has a bit per key. */
struct literal {
	struct histogram h;
	int32_t offset[2];
	double *buckets[2]; /* positive, negative */
	uint32_t n[2];
	unsigned seen;
};

/* Keys, by token. */
static const char *key_name(enum promql_tok t)
{
	static const char *const names[] = {
		"sum",       "count",    "schema",     "offset",        "n_offset",           "buckets",
		"n_buckets", "z_bucket", "z_bucket_w", "custom_values", "counter_reset_hint",
	};
	return t >= TOK_SUM_DESC && t <= TOK_COUNTER_RESET_HINT_DESC ? names[t - TOK_SUM_DESC] : NULL;
}

static bool parse_number(struct parser *p, bool sign_allowed, double *ret)
{
	bool minus = sign_allowed && parser_peek(p) == TOK_SUB;
	if (minus)
		parser_take(p);
	if (parser_peek(p) != TOK_NUMBER)
		return parser_unexpected(p);
	struct promql_token tok = parser_take(p);
	*ret = parser_number(p, &tok);
	if (minus)
		*ret = -*ret;
	return true;
}

static bool parse_int(struct parser *p, int32_t *ret)
{
	double v;
	if (!parse_number(p, true, &v))
		return false;
	if (v >= INT32_MIN && v <= INT32_MAX && v == (double)(int32_t)v) {
		*ret = (int32_t)v;
		return true;
	}
	parser_complain(p, parser_tok_pos(&p->tok), "not a 32-bit whole number in histogram");
	p->stop = true;
	return false;
}

/* [1 2 3] */
static bool parse_list(struct parser *p, double **ret, uint32_t *ret_n)
{
	uint32_t n = 0, cap = 0;
	double *v = NULL;
	if (!parser_expect(p, TOK_LEFT_BRACKET))
		return false;
	do {
		if (n == cap) {
			double *bigger = arena_array(p->arena, cap ? cap * 2 : 8, sizeof(double));
			if (!bigger)
				return parser_oom(p);
			if (n)
				memcpy(bigger, v, n * sizeof(double));
			v = bigger;
			cap = cap ? cap * 2 : 8;
		}
		if (!parse_number(p, true, &v[n++]))
			return false;
		if (parser_peek(p) == TOK_SPACE)
			parser_take(p);
		else
			break;
	} while (parser_peek(p) != TOK_RIGHT_BRACKET);
	*ret = v;
	*ret_n = n;
	return parser_expect(p, TOK_RIGHT_BRACKET);
}

static bool parse_hint(struct parser *p, uint8_t *ret)
{
	switch (parser_peek(p)) {
	case TOK_UNKNOWN_COUNTER_RESET:
		*ret = HIST_HINT_UNKNOWN;
		break;
	case TOK_COUNTER_RESET:
		*ret = HIST_HINT_RESET;
		break;
	case TOK_NOT_COUNTER_RESET:
		*ret = HIST_HINT_NOT_RESET;
		break;
	case TOK_GAUGE_TYPE:
		*ret = HIST_HINT_GAUGE;
		break;
	default:
		return parser_unexpected(p);
	}
	parser_take(p);
	return true;
}

static bool parse_value(struct parser *p, enum promql_tok key, struct literal *l)
{
	double *bounds;
	switch (key) {
	case TOK_SUM_DESC:
		return parse_number(p, true, &l->h.sum);
	case TOK_COUNT_DESC:
		return parse_number(p, true, &l->h.count_f);
	case TOK_SCHEMA_DESC:
		return parse_int(p, &l->h.schema);
	case TOK_OFFSET_DESC:
		return parse_int(p, &l->offset[0]);
	case TOK_NEGATIVE_OFFSET_DESC:
		return parse_int(p, &l->offset[1]);
	case TOK_BUCKETS_DESC:
		return parse_list(p, &l->buckets[0], &l->n[0]);
	case TOK_NEGATIVE_BUCKETS_DESC:
		return parse_list(p, &l->buckets[1], &l->n[1]);
	case TOK_ZERO_BUCKET_DESC:
		return parse_number(p, true, &l->h.zero_count_f);
	case TOK_ZERO_BUCKET_WIDTH_DESC:
		return parse_number(p, false, &l->h.zero_threshold);
	case TOK_CUSTOM_VALUES_DESC:
		if (!parse_list(p, &bounds, &l->h.n_bounds))
			return false;
		l->h.bounds = bounds;
		return true;
	default:
		return parse_hint(p, &l->h.hint);
	}
}

/* key:value */
static bool parse_pair(struct parser *p, struct literal *l)
{
	enum promql_tok key = parser_peek(p);
	const char *name = key_name(key);
	if (!name)
		return parser_unexpected(p);
	unsigned bit = 1u << (key - TOK_SUM_DESC);
	parser_take(p);
	if (!parser_expect(p, TOK_COLON) || !parse_value(p, key, l))
		return false;
	if (l->seen & bit)
		parser_complain(p, (struct promql_pos){ 0, 0 }, "duplicate key \"%s\" in histogram", name);
	l->seen |= bit;
	return true;
}

/* The pairs and the closing braces. */
static bool parse_pairs(struct parser *p, struct literal *l)
{
	if (parser_peek(p) == TOK_SPACE) {
		parser_take(p);
		return parser_expect(p, TOK_CLOSE_HIST);
	}
	while (parser_peek(p) != TOK_CLOSE_HIST) {
		if (!parse_pair(p, l))
			return false;
		p->catch->where = "histogram description";
		p->catch->expected = "histogram description key, e.g. buckets:[5 10 7]";
		if (parser_peek(p) == TOK_SPACE)
			parser_take(p);
		else if (parser_peek(p) != TOK_CLOSE_HIST)
			return parser_unexpected(p);
	}
	return parser_expect(p, TOK_CLOSE_HIST);
}

/* One span for `n` buckets from `offset` on; NULL for none and, with `stop`, when memory is out. */
static const struct hist_span *one_span(struct parser *p, int32_t offset, uint32_t n)
{
	if (n == 0)
		return NULL;
	struct hist_span *s = arena_alloc(p->arena, sizeof(*s));
	if (!s)
		return parser_oom(p);
	*s = (struct hist_span){ offset, n };
	return s;
}

const struct histogram *series_hist_parse(struct parser *p, bool *ret_hint_set)
{
	struct literal l = { .h = { .is_float = true } };
	struct parser_catch c = { .up = p->catch, .where = "series values" };
	p->catch = &c;
	bool good = parser_expect(p, TOK_OPEN_HIST) && parse_pairs(p, &l);
	p->catch = c.up;
	if (!good)
		return NULL;
	l.h.pos_spans = one_span(p, l.offset[0], l.n[0]);
	l.h.neg_spans = one_span(p, l.offset[1], l.n[1]);
	l.h.n_pos_spans = l.n[0] > 0;
	l.h.n_neg_spans = l.n[1] > 0;
	l.h.pos_counts = l.buckets[0];
	l.h.neg_counts = l.buckets[1];
	l.h.n_pos = l.n[0];
	l.h.n_neg = l.n[1];
	*ret_hint_set = l.seen & (1u << (TOK_COUNTER_RESET_HINT_DESC - TOK_SUM_DESC));
	struct histogram *h = p->stop ? NULL : arena_alloc(p->arena, sizeof(*h));
	if (!h)
		return parser_oom(p);
	*h = l.h;
	return h;
}

/* --- arithmetic ---------------------------------------------------------------- */

/* One side's buckets, one by one. */
struct walk {
	const struct hist_span *span, *end;
	const double *count;
	uint32_t left; /* in the current span */
	int32_t index;
	int shift; /* how many times the resolution is halved */
};

static struct walk walk_begin(const struct hist_span *spans, uint32_t n, const double *counts, int shift)
{
	return (struct walk){ .span = spans, .end = n ? spans + n : spans, .count = counts, .shift = shift };
}

/* The next bucket at the wanted resolution, buckets that fall together added up. False at the end. */
static bool walk_next(struct walk *w, int32_t *ret_index, double *ret_count)
{
	bool any = false;
	for (;;) {
		while (w->left == 0) {
			if (w->span == w->end)
				return any;
			w->index += w->span->offset;
			w->left = w->span++->length;
		}
		int32_t index = w->shift ? ((w->index - 1) >> w->shift) + 1 : w->index;
		if (any && index != *ret_index)
			return true;
		*ret_count = any ? *ret_count + *w->count : *w->count;
		*ret_index = index;
		any = true;
		w->count++;
		w->index++;
		w->left--;
	}
}

/* One side of a histogram being built. */
struct side {
	struct hist_span *spans;
	double *counts;
	uint32_t n_spans, n;
	int32_t next_index;
};

static void side_add(struct side *s, int32_t index, double count)
{
	if (s->n_spans == 0 || index != s->next_index)
		s->spans[s->n_spans++] = (struct hist_span){ index - s->next_index, 0 };
	s->spans[s->n_spans - 1].length++;
	s->counts[s->n++] = count;
	s->next_index = index + 1;
}

/* Merges two sides, the second times `sign`. False when memory is out. */
static bool merge_sides(struct walk a, struct walk b, size_t most, double sign, struct arena *ar, struct side *ret)
{
	int32_t ai = 0, bi = 0;
	double ac = 0, bc = 0;
	ret->spans = arena_array(ar, most + 1, sizeof(*ret->spans));
	ret->counts = arena_array(ar, most + 1, sizeof(*ret->counts));
	if (!ret->spans || !ret->counts)
		return false;
	bool has_a = walk_next(&a, &ai, &ac), has_b = walk_next(&b, &bi, &bc);
	while (has_a || has_b) {
		bool take_a = has_a && (!has_b || ai <= bi);
		bool take_b = has_b && (!has_a || bi <= ai);
		int32_t index = take_a ? ai : bi;
		side_add(ret, index, (take_a ? ac : 0) + (take_b ? sign * bc : 0));
		if (take_a)
			has_a = walk_next(&a, &ai, &ac);
		if (take_b)
			has_b = walk_next(&b, &bi, &bc);
	}
	return true;
}

/* Why the two cannot be combined, or NULL. Zero buckets of different width are not combined here. */
static const char *mismatch(const struct histogram *h, const struct histogram *inc, struct arena *a)
{
	if (h->schema > inc->schema) {
		const char *msg = arena_printf(a, "error combining histograms: cannot merge from schema %d to %d",
					       inc->schema, h->schema);
		return msg ? msg : "";
	}
	if (hist_is_custom(h) != hist_is_custom(inc))
		return "cannot apply this operation on histograms with a mix of exponential and custom "
		       "bucket schemas";
	if (h->n_bounds != inc->n_bounds ||
	    (h->n_bounds && memcmp(h->bounds, inc->bounds, h->n_bounds * sizeof(double)) != 0))
		return "cannot step custom buckets with different bounds";
	if (h->zero_threshold != inc->zero_threshold && inc->zero_threshold != 0)
		return "cannot step zero buckets of different width";
	return NULL;
}

static uint8_t combined_hint(uint8_t a, uint8_t b)
{
	if (a == b)
		return a;
	return a == HIST_HINT_GAUGE || b == HIST_HINT_GAUGE ? HIST_HINT_GAUGE : HIST_HINT_UNKNOWN;
}

const struct histogram *series_hist_combine(const struct histogram *h, const struct histogram *inc, bool subtract,
					    struct arena *a, const char **ret_msg)
{
	*ret_msg = mismatch(h, inc, a);
	if (*ret_msg)
		return NULL;
	double sign = subtract ? -1 : 1;
	int shift = inc->schema - h->schema;
	struct side pos = { 0 }, neg = { 0 };
	if (!merge_sides(walk_begin(h->pos_spans, h->n_pos_spans, h->pos_counts, 0),
			 walk_begin(inc->pos_spans, inc->n_pos_spans, inc->pos_counts, shift),
			 (size_t)h->n_pos + inc->n_pos, sign, a, &pos) ||
	    !merge_sides(walk_begin(h->neg_spans, h->n_neg_spans, h->neg_counts, 0),
			 walk_begin(inc->neg_spans, inc->n_neg_spans, inc->neg_counts, shift),
			 (size_t)h->n_neg + inc->n_neg, sign, a, &neg))
		return NULL;
	struct histogram *r = arena_alloc(a, sizeof(*r));
	if (!r)
		return NULL;
	*r = *h;
	r->hint = combined_hint(h->hint, inc->hint);
	r->sum += sign * inc->sum;
	r->count_f += sign * inc->count_f;
	r->zero_count_f += sign * inc->zero_count_f;
	r->pos_spans = pos.spans;
	r->n_pos_spans = pos.n_spans;
	r->pos_counts = pos.counts;
	r->n_pos = pos.n;
	r->neg_spans = neg.spans;
	r->n_neg_spans = neg.n_spans;
	r->neg_counts = neg.counts;
	r->n_neg = neg.n;
	return r;
}
