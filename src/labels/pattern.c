#include "labels/pattern.h"

/* Alternatives that come from multiplying out; more and the rest becomes a gap. */
#define EXPAND_MAX 256
/* Items of a sequence. */
#define ITEMS_MAX 64
/* Nesting of groups. */
#define DEPTH_MAX 100
/* Alternatives that are tried one by one; more of them are the automaton's work. */
#define SEQS_TRIED_MAX 32
/* Longest text that is folded to lower case for a comparison. */
#define FOLD_MAX 512

/* Alternatives under construction. */
struct seqs {
	struct pat_seq *p;
	size_t n, cap;
};

struct reader {
	const char *p, *end;
	struct arena *a;
	bool fold;
	int depth;
};

static bool read_alternation(struct reader *r, struct seqs *ret);

/* --- building ---------------------------------------------------------------------- */

static bool seqs_add(struct reader *r, struct seqs *s, struct pat_seq q)
{
	if (s->n == s->cap) {
		size_t cap = s->cap ? s->cap * 2 : 2;
		struct pat_seq *p = arena_array(r->a, cap, sizeof(*p));
		if (!p)
			return false;
		if (s->n)
			memcpy(p, s->p, s->n * sizeof(*p));
		s->p = p;
		s->cap = cap;
	}
	s->p[s->n++] = q;
	return true;
}

/* One alternative of one item. */
static bool seqs_item(struct reader *r, struct pat_item it, struct seqs *ret)
{
	struct pat_item *p = arena_alloc(r->a, sizeof(*p));
	if (!p)
		return false;
	*p = it;
	*ret = (struct seqs){ 0 };
	return seqs_add(r, ret, (struct pat_seq){ .p = p, .n = 1 });
}

static bool seqs_gap(struct reader *r, uint8_t min, bool inexact, struct seqs *ret)
{
	return seqs_item(r, (struct pat_item){ .min = min, .inexact = inexact }, ret);
}

/* A literal; in fold mode lower-cased, and a gap where it is not ASCII. */
static bool seqs_literal(struct reader *r, struct str s, struct seqs *ret)
{
	char *p = arena_memdup(r->a, s.p, s.n);
	if (!p)
		return false;
	for (size_t i = 0; r->fold && i < s.n; i++) {
		if ((unsigned char)p[i] >= 0x80)
			return seqs_gap(r, 1, true, ret);
		if (p[i] >= 'A' && p[i] <= 'Z')
			p[i] = (char)(p[i] + 32);
	}
	return seqs_item(r, (struct pat_item){ .lit = { p, s.n } }, ret);
}

/* Two neighbouring gaps as one; both demanding a character is more than `min` can say, hence inexact. */
static struct pat_item join_gaps(struct pat_item a, struct pat_item b)
{
	return (struct pat_item){
		.min = a.min | b.min,
		.inexact = a.inexact || b.inexact || (a.min && b.min),
	};
}

/* x followed by y. */
static bool seq_concat(struct reader *r, const struct pat_seq *x, const struct pat_seq *y, struct pat_seq *ret)
{
	*ret = *x;
	if (x->closed || y->n == 0)
		return true;
	struct pat_item *p = arena_array(r->a, x->n + y->n + 1, sizeof(*p));
	if (!p)
		return false;
	if (x->n)
		memcpy(p, x->p, x->n * sizeof(*p));
	size_t n = x->n, from = 0;
	if (n && p[n - 1].lit.p && y->p[0].lit.p) {
		struct str a = p[n - 1].lit, b = y->p[0].lit;
		char *t = arena_alloc(r->a, a.n + b.n);
		if (!t)
			return false;
		memcpy(t, a.p, a.n);
		memcpy(t + a.n, b.p, b.n);
		p[n - 1].lit = str_mem(t, a.n + b.n);
		from = 1;
	} else if (n && !p[n - 1].lit.p && !y->p[0].lit.p) {
		p[n - 1] = join_gaps(p[n - 1], y->p[0]);
		from = 1;
	}
	memcpy(p + n, y->p + from, (y->n - from) * sizeof(*p));
	*ret = (struct pat_seq){ .p = p, .n = n + y->n - from, .closed = y->closed };
	if (ret->n >= ITEMS_MAX && !ret->closed) {
		struct pat_item gap = { .inexact = true };
		if (p[ret->n - 1].lit.p)
			p[ret->n++] = gap;
		else
			p[ret->n - 1] = join_gaps(p[ret->n - 1], gap);
		ret->closed = true;
	}
	return true;
}

/* Every alternative of *x followed by every one of y, into *x. */
static bool seqs_concat(struct reader *r, struct seqs *x, const struct seqs *y)
{
	struct seqs gap, out = { 0 };
	if (x->n * y->n > EXPAND_MAX && y->n > 1) {
		if (!seqs_gap(r, 0, true, &gap))
			return false;
		y = &gap;
	}
	for (size_t i = 0; i < x->n; i++) {
		for (size_t j = 0; j < y->n; j++) {
			struct pat_seq q;
			if (!seq_concat(r, &x->p[i], &y->p[j], &q) || !seqs_add(r, &out, q))
				return false;
		}
	}
	*x = out;
	return true;
}

/* --- reading ----------------------------------------------------------------------- */

static bool at(const struct reader *r, char c)
{
	return r->p < r->end && *r->p == c;
}

static bool take(struct reader *r, char c)
{
	if (!at(r, c))
		return false;
	r->p++;
	return true;
}

/* Bytes of the UTF-8 character at the cursor; the expression was checked to be UTF-8. */
static size_t char_len(const struct reader *r)
{
	unsigned char c = (unsigned char)*r->p;
	return c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
}

/* What stands behind a backslash. */
enum escape { ESC_BAD, ESC_CHAR, ESC_CLASS, ESC_WIDTHLESS };

static enum escape escape_kind(char c, char *ret)
{
	static const char controls[][2] = { { 'a', '\a' }, { 'f', '\f' }, { 't', '\t' },
					    { 'n', '\n' }, { 'r', '\r' }, { 'v', '\v' } };
	for (size_t i = 0; i < ARRAY_LEN(controls); i++) {
		if (c == controls[i][0]) {
			*ret = controls[i][1];
			return ESC_CHAR;
		}
	}
	if (c && strchr("dDwWsS", c))
		return ESC_CLASS;
	if (c && strchr("bBAz", c))
		return ESC_WIDTHLESS;
	bool punct =
		(c >= '!' && c <= '/') || (c >= ':' && c <= '@') || (c >= '[' && c <= '`') || (c >= '{' && c <= '~');
	*ret = c;
	return punct ? ESC_CHAR : ESC_BAD;
}

/* A class of single ASCII characters as alternatives; `members` is a bitmap of 128. */
static bool class_seqs(struct reader *r, const bool *members, struct seqs *ret)
{
	*ret = (struct seqs){ 0 };
	for (int c = 0; c < 128; c++) {
		char ch = (char)c;
		struct seqs one;
		if (!members[c])
			continue;
		if (!seqs_literal(r, str_mem(&ch, 1), &one) || !seqs_add(r, ret, one.p[0]))
			return false;
	}
	return true;
}

/* A member of a class: its code in *ret, -1 for what is not a single ASCII character. False: give up. */
static bool class_member(struct reader *r, int *ret)
{
	if (r->p == r->end)
		return false;
	*ret = -1;
	if (at(r, '[') && r->p + 1 < r->end && r->p[1] == ':')
		return false;
	if ((unsigned char)*r->p >= 0x80) {
		r->p += char_len(r);
		return true;
	}
	if (!take(r, '\\')) {
		*ret = *r->p++;
		return true;
	}
	char c;
	if (r->p == r->end)
		return false;
	enum escape e = escape_kind(*r->p++, &c);
	if (e == ESC_CHAR)
		*ret = c;
	return e == ESC_CHAR || e == ESC_CLASS;
}

/* What follows '['. */
static bool read_class(struct reader *r, struct seqs *ret)
{
	bool members[128] = { false };
	bool known = !take(r, '^');
	for (bool first = true; first || !at(r, ']'); first = false) {
		int lo, hi;
		if (!class_member(r, &lo))
			return false;
		hi = lo;
		if (at(r, '-') && r->p + 1 < r->end && r->p[1] != ']') {
			r->p++;
			if (!class_member(r, &hi) || lo < 0 || hi < lo)
				return false;
		}
		if (lo < 0)
			known = false;
		for (int c = lo; known && c <= hi; c++)
			members[c] = true;
	}
	r->p++;
	return known ? class_seqs(r, members, ret) : seqs_gap(r, 1, true, ret);
}

/* What follows '('. Groups with a name or flags are left to the automaton. */
static bool read_group(struct reader *r, struct seqs *ret)
{
	if (take(r, '?') && !take(r, ':'))
		return false;
	if (r->depth == DEPTH_MAX)
		return false;
	r->depth++;
	if (!read_alternation(r, ret) || !take(r, ')'))
		return false;
	r->depth--;
	return true;
}

/* What follows a backslash. */
static bool read_escape(struct reader *r, struct seqs *ret)
{
	char c;
	if (r->p == r->end)
		return false;
	switch (escape_kind(*r->p++, &c)) {
	case ESC_CHAR:
		return seqs_literal(r, str_mem(&c, 1), ret);
	case ESC_CLASS:
		return seqs_gap(r, 1, true, ret);
	case ESC_WIDTHLESS:
		return seqs_gap(r, 0, true, ret);
	default:
		return false;
	}
}

/* {n}, {n,}, {n,m} at the cursor, which moves behind it; *ret_min is n. False: the '{' is a literal or an error. */
static bool read_count(struct reader *r, int *ret_min)
{
	const char *p = r->p + 1;
	int n = 0, digits = 0;
	for (; p < r->end && *p >= '0' && *p <= '9' && digits < 5; p++, digits++)
		n = n * 10 + (*p - '0');
	if (digits == 0)
		return false;
	if (p < r->end && *p == ',') {
		p++;
		while (p < r->end && *p >= '0' && *p <= '9')
			p++;
	}
	if (p == r->end || *p != '}')
		return false;
	r->p = p + 1;
	*ret_min = n;
	return true;
}

/* x repeated: what stays is the first round, if there is one, and a gap. */
static bool seqs_repeat(struct reader *r, struct seqs *x, bool at_least_once)
{
	struct seqs gap;
	if (!seqs_gap(r, 0, true, &gap))
		return false;
	if (!at_least_once) {
		*x = gap;
		return true;
	}
	return seqs_concat(r, x, &gap);
}

/* x? : the empty text or x. */
static bool seqs_optional(struct reader *r, struct seqs *x)
{
	struct seqs out = { 0 };
	if (!seqs_add(r, &out, (struct pat_seq){ 0 }))
		return false;
	for (size_t i = 0; i < x->n; i++) {
		if (!seqs_add(r, &out, x->p[i]))
			return false;
	}
	*x = out;
	return true;
}

static bool at_repeat(const struct reader *r)
{
	return at(r, '*') || at(r, '+') || at(r, '?') || at(r, '{');
}

/* The repetition operator behind an atom, if any. `dot`: the atom is '.'. */
static bool read_repeat(struct reader *r, bool dot, struct seqs *x)
{
	int min = 0;
	if (r->p == r->end)
		return true;
	char op = *r->p;
	if (op == '*' || op == '+' || op == '?')
		r->p++;
	else if (op != '{')
		return true;
	else if (!read_count(r, &min))
		return false;
	take(r, '?');
	if (at_repeat(r))
		return false;
	if (dot && (op == '*' || op == '+'))
		return seqs_gap(r, op == '+', false, x);
	if (op == '?' && !dot)
		return seqs_optional(r, x);
	return seqs_repeat(r, x, op == '+' || (op == '{' && min > 0));
}

/* Whether a character stands for itself. */
static bool is_plain(char c)
{
	return c == '\0' || !strchr("\\.+*?()|[]{}^$", c);
}

/* A run of plain characters, but not the last one if a repetition operator follows it. */
static bool read_run(struct reader *r, struct seqs *ret)
{
	const char *start = r->p, *last = r->p;
	while (r->p < r->end && is_plain(*r->p)) {
		last = r->p;
		r->p += char_len(r);
	}
	if (at_repeat(r) && last > start)
		r->p = last;
	return seqs_literal(r, str_mem(start, (size_t)(r->p - start)), ret);
}

/* One atom with its repetition. */
static bool read_atom(struct reader *r, struct seqs *ret)
{
	char c = *r->p;
	bool ok;
	if (is_plain(c)) {
		ok = read_run(r, ret);
	} else {
		r->p++;
		if (c == '\\')
			ok = read_escape(r, ret);
		else if (c == '(')
			ok = read_group(r, ret);
		else if (c == '[')
			ok = read_class(r, ret);
		else if (c == '.')
			ok = seqs_gap(r, 1, true, ret);
		else if (c == '^' || c == '$')
			ok = seqs_gap(r, 0, true, ret);
		else
			ok = false;
	}
	return ok && read_repeat(r, c == '.', ret);
}

static bool read_concat(struct reader *r, struct seqs *ret)
{
	*ret = (struct seqs){ 0 };
	if (!seqs_add(r, ret, (struct pat_seq){ 0 }))
		return false;
	while (r->p < r->end && *r->p != '|' && *r->p != ')') {
		struct seqs atom;
		if (!read_atom(r, &atom) || !seqs_concat(r, ret, &atom))
			return false;
	}
	return true;
}

static bool read_alternation(struct reader *r, struct seqs *ret)
{
	if (!read_concat(r, ret))
		return false;
	while (take(r, '|')) {
		struct seqs more;
		if (!read_concat(r, &more))
			return false;
		for (size_t i = 0; i < more.n; i++) {
			if (!seqs_add(r, ret, more.p[i]))
				return false;
		}
	}
	return true;
}

/* --- the whole --------------------------------------------------------------------- */

static struct str seq_head(const struct pat_seq *q)
{
	return q->n && q->p[0].lit.p ? q->p[0].lit : (struct str){ "", 0 };
}

/* What all sequences begin with. */
static struct str common_prefix(const struct pattern *p)
{
	struct str common = seq_head(&p->seqs[0]);
	for (size_t i = 1; i < p->n && common.n; i++) {
		struct str h = seq_head(&p->seqs[i]);
		size_t n = 0;
		while (n < common.n && n < h.n && common.p[n] == h.p[n])
			n++;
		common.n = n;
	}
	return common;
}

/* Alternatives without any other operator, however many; the literals are borrowed. False for other expressions. */
static bool read_plain(struct str expr, struct arena *a, struct seqs *ret)
{
	size_t n = 1;
	for (size_t i = 0; i < expr.n; i++) {
		if (expr.p[i] == '|')
			n++;
		else if (!is_plain(expr.p[i]))
			return false;
	}
	struct pat_seq *q = arena_array(a, n, sizeof(*q));
	struct pat_item *it = arena_array(a, n, sizeof(*it));
	if (!q || !it)
		return false;
	struct str rest = expr.n ? expr : STR("");
	for (size_t i = 0; i < n; i++) {
		it[i].lit = str_cut(&rest, '|');
		q[i] = (struct pat_seq){ .p = &it[i], .n = it[i].lit.n > 0 };
	}
	*ret = (struct seqs){ .p = q, .n = n };
	return true;
}

bool pattern_read(struct str expr, struct arena *a, struct pattern *ret)
{
	if (expr.n == 0)
		expr = STR("");
	struct reader r = { .p = expr.p, .end = expr.p + expr.n, .a = a };
	struct seqs s;
	if (str_has_prefix(expr, STR("(?i)"))) {
		r.fold = true;
		r.p += 4;
	}
	/* As upstream, which compiles no alternatives of literals: they may be any bytes. */
	if (!read_plain(expr, a, &s) && (!str_is_utf8(expr) || !read_alternation(&r, &s) || r.p != r.end))
		return false;
	*ret = (struct pattern){ .seqs = s.p, .n = s.n, .fold = r.fold, .exact = true, .plain = true };
	for (size_t i = 0; i < s.n; i++) {
		ret->plain &= s.p[i].n == 0 || (s.p[i].n == 1 && s.p[i].p[0].lit.p);
		for (size_t j = 0; j < s.p[i].n; j++)
			ret->exact &= !s.p[i].p[j].inexact;
	}
	if (!ret->fold)
		ret->prefix = common_prefix(ret);
	if (!ret->plain && ret->n > SEQS_TRIED_MAX) {
		ret->n = 0;
		ret->exact = false;
	}
	return true;
}

/* Steps over one character, or fails at the end. */
static bool skip_char(struct str s, size_t *pos, size_t end)
{
	if (*pos >= end)
		return false;
	++*pos;
	while (*pos < end && ((unsigned char)s.p[*pos] & 0xc0) == 0x80)
		++*pos;
	return true;
}

/*
 * Literals at both ends are fixed; those between are looked for from left to
 * right, each as early as can be, which leaves most for the rest.
 */
static bool seq_match(const struct pat_seq *q, struct str s)
{
	size_t i = 0, n = q->n, pos = 0, end = s.n;
	if (n && q->p[0].lit.p) {
		if (!str_has_prefix(s, q->p[0].lit))
			return false;
		pos = q->p[0].lit.n;
		i = 1;
	}
	if (i == n)
		return pos == end;
	if (q->p[n - 1].lit.p) {
		struct str tail = q->p[--n].lit;
		if (end - pos < tail.n || memcmp(s.p + end - tail.n, tail.p, tail.n) != 0)
			return false;
		end -= tail.n;
	}
	for (; i < n; i++) {
		if (!q->p[i].lit.p) {
			if (q->p[i].min && !skip_char(s, &pos, end))
				return false;
			continue;
		}
		ptrdiff_t found = str_find(str_mem(s.p + pos, end - pos), q->p[i].lit);
		if (found < 0)
			return false;
		pos += (size_t)found + q->p[i].lit.n;
	}
	return true;
}

/* Lower-cases ASCII text into `buf`; false for anything else. */
static bool fold_text(struct str s, char *buf)
{
	if (s.n > FOLD_MAX)
		return false;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if ((unsigned char)c >= 0x80)
			return false;
		buf[i] = c >= 'A' && c <= 'Z' ? (char)(c + 32) : c;
	}
	return true;
}

enum pat_result pattern_match(const struct pattern *p, struct str s)
{
	char buf[FOLD_MAX];
	if (s.n == 0)
		s = STR("");
	if (p->n == 0)
		return PAT_ASK;
	if (p->fold) {
		if (!fold_text(s, buf))
			return PAT_ASK;
		s.p = buf;
	}
	for (size_t i = 0; i < p->n; i++) {
		if (seq_match(&p->seqs[i], s))
			return p->exact ? PAT_YES : PAT_ASK;
	}
	return PAT_NO;
}
