#include "labels/matcher.h"

#include "base/hash.h"
#include "base/hmap.h"
#include "base/mem.h"
#include "labels/pattern.h"
#include "labels/regex.h"

#include <stdlib.h>

/* Memory for reading an expression; one that needs more is left to the automaton. */
#define READ_BUDGET ((uint64_t)4 << 20)
/* Sets from this size on are looked up by hash. */
#define HASHED_SET_MIN 8

/* What was found out about an expression. */
struct matcher_re {
	struct budget budget;
	struct arena arena; /* pattern and values */
	bool read;          /* `pattern` holds */
	struct pattern pattern;
	struct regex *regex;    /* NULL where the pattern alone decides */
	struct budget *charged; /* with the automaton's memory; NULL: none */
	struct str *values;     /* sorted set, NULL where it is not finite */
	size_t n_values;
	struct hmap by_hash; /* of values, if there are many */
};

/* --- compiling ------------------------------------------------------------------ */

static int str_order(const void *a, const void *b)
{
	return str_cmp(*(const struct str *)a, *(const struct str *)b);
}

static bool str_is(const void *value, const void *key)
{
	return str_eq(*(const struct str *)value, *(const struct str *)key);
}

/* Turns plain alternatives into a sorted set. False where memory for it is missing. */
static bool re_collect(struct matcher_re *re)
{
	const struct pattern *p = &re->pattern;
	struct str *v = arena_array(&re->arena, p->n, sizeof(*v));
	if (!v)
		return false;
	for (size_t i = 0; i < p->n; i++)
		v[i] = p->seqs[i].n ? p->seqs[i].p[0].lit : (struct str){ "", 0 };
	qsort(v, p->n, sizeof(*v), str_order);
	size_t n = 1;
	for (size_t i = 1; i < p->n; i++) {
		if (!str_eq(v[i], v[n - 1]))
			v[n++] = v[i];
	}
	re->values = v;
	re->n_values = n;
	for (size_t i = 0; n >= HASHED_SET_MIN && i < n; i++)
		hmap_add(&re->by_hash, hash_str(v[i]), &v[i]);
	return true;
}

static void re_free(struct matcher_re *re)
{
	if (!re)
		return;
	hmap_fini(&re->by_hash);
	if (re->charged)
		budget_give(re->charged, regex_memory(re->regex));
	regex_free(re->regex);
	arena_fini(&re->arena);
	budget_fini(&re->budget);
	free(re);
}

static int re_new(struct str expr, regex_compile_fn *compile, struct matcher_re **ret, struct err *err)
{
	if (expr.n > REGEX_MAX_PATTERN)
		return err_set(err, ERR_INVALID_ARGUMENT, "regular expression of %zu bytes is too long (%zu at most)",
			       expr.n, REGEX_MAX_PATTERN);
	struct matcher_re *re = xcalloc(1, sizeof(*re));
	budget_init(&re->budget, NULL, "matcher", READ_BUDGET);
	arena_init(&re->arena, &re->budget);
	const struct pattern *p = &re->pattern;
	re->read = pattern_read(expr, &re->arena, &re->pattern);
	bool decided = re->read && p->exact && !p->fold;
	if (decided && p->plain)
		decided = re_collect(re);
	if (!decided) {
		int rc = compile(expr, &re->regex, err);
		if (rc < 0) {
			re_free(re);
			return rc;
		}
	}
	*ret = re;
	return 0;
}

static int check_type(enum matcher_type type, struct err *err)
{
	if ((unsigned)type > MATCH_NRE)
		return err_set(err, ERR_INVALID_ARGUMENT, "unknown label matcher type %d", (int)type);
	return 0;
}

/* Fills a matcher whose memory (struct, then both strings) is there. */
static int matcher_fill(struct matcher *m, regex_compile_fn *compile, enum matcher_type type, struct str name,
			struct str value, struct err *err)
{
	char *bytes = (char *)(m + 1);
	if (name.n)
		memcpy(bytes, name.p, name.n);
	if (value.n)
		memcpy(bytes + name.n, value.p, value.n);
	*m = (struct matcher){
		.type = type,
		.name = str_mem(bytes, name.n),
		.value = str_mem(bytes + name.n, value.n),
	};
	if (type == MATCH_RE || type == MATCH_NRE)
		return re_new(m->value, compile, &m->re, err);
	return 0;
}

int matcher_compile(enum matcher_type type, struct str name, struct str value, struct matcher **ret, struct err *err)
{
	int rc = check_type(type, err);
	if (rc < 0)
		return rc;
	struct matcher *m = xmalloc(sizeof(*m) + name.n + value.n);
	rc = matcher_fill(m, regex_compile, type, name, value, err);
	if (rc < 0) {
		free(m);
		return rc;
	}
	*ret = m;
	return 0;
}

static void re_cleanup(void *arg)
{
	re_free(arg);
}

/* Counts the automaton's memory. */
static int charge(struct matcher_re *re, struct arena *a, struct err *err)
{
	if (!re->regex || !a->budget)
		return 0;
	if (!budget_take(a->budget, regex_memory(re->regex)))
		return budget_err(a->budget, err);
	re->charged = a->budget;
	return 0;
}

int matcher_compile_in(struct arena *a, enum matcher_type type, struct str name, struct str value, struct matcher **ret,
		       struct err *err)
{
	return matcher_compile_by(regex_compile, a, type, name, value, ret, err);
}

int matcher_compile_by(regex_compile_fn *compile, struct arena *a, enum matcher_type type, struct str name,
		       struct str value, struct matcher **ret, struct err *err)
{
	int rc = check_type(type, err);
	if (rc < 0)
		return rc;
	struct matcher *m = arena_alloc(a, sizeof(*m) + name.n + value.n);
	if (!m)
		return arena_err(a, err);
	rc = matcher_fill(m, compile, type, name, value, err);
	if (rc < 0)
		return rc;
	if (m->re && !arena_on_fini(a, re_cleanup, m->re)) {
		re_free(m->re);
		return arena_err(a, err);
	}
	if (m->re && (rc = charge(m->re, a, err)) != 0)
		return rc;
	*ret = m;
	return 0;
}

void matcher_free(struct matcher *m)
{
	if (m)
		re_free(m->re);
	free(m);
}

/* --- matching ------------------------------------------------------------------- */

static bool set_has(const struct matcher_re *re, struct str s)
{
	if (re->n_values >= HASHED_SET_MIN)
		return hmap_find(&re->by_hash, hash_str(s), str_is, &s) != NULL;
	for (size_t i = 0; i < re->n_values; i++) {
		if (str_eq(re->values[i], s))
			return true;
	}
	return false;
}

static bool re_matches(const struct matcher_re *re, struct str s)
{
	if (re->values)
		return set_has(re, s);
	if (re->read) {
		enum pat_result r = pattern_match(&re->pattern, s);
		if (r != PAT_ASK)
			return r == PAT_YES;
	}
	return regex_match(re->regex, s);
}

bool matcher_matches(const struct matcher *m, struct str value)
{
	switch (m->type) {
	case MATCH_EQ:
		return str_eq(m->value, value);
	case MATCH_NEQ:
		return !str_eq(m->value, value);
	case MATCH_RE:
		return re_matches(m->re, value);
	default:
		return !re_matches(m->re, value);
	}
}

bool matcher_matches_all(const struct matcher *m)
{
	if (m->type != MATCH_RE || !m->re->read || !m->re->pattern.exact)
		return false;
	const struct pattern *p = &m->re->pattern;
	for (size_t i = 0; i < p->n; i++) {
		if (p->seqs[i].n == 1 && !p->seqs[i].p[0].lit.p && !p->seqs[i].p[0].min)
			return true;
	}
	return false;
}

bool matchers_match(struct matcher *const *m, size_t n, struct labels l)
{
	for (size_t i = 0; i < n; i++) {
		if (!matcher_matches(m[i], labels_get(l, m[i]->name)))
			return false;
	}
	return true;
}

/* --- for planners --------------------------------------------------------------- */

const struct str *matcher_set_values(const struct matcher *m, size_t *ret_n)
{
	*ret_n = 0;
	if (!m->re) {
		*ret_n = 1;
		return &m->value;
	}
	*ret_n = m->re->values ? m->re->n_values : 0;
	return m->re->values;
}

struct str matcher_prefix(const struct matcher *m)
{
	if (!m->re)
		return m->value;
	return m->re->read ? m->re->pattern.prefix : (struct str){ "", 0 };
}

const char *matcher_type_str(enum matcher_type t)
{
	static const char *const text[] = { "=", "!=", "=~", "!~" };
	return text[t];
}

void matcher_print(const struct matcher *m, struct strbuf *b)
{
	label_name_print(m->name, b);
	strbuf_add_c(b, matcher_type_str(m->type));
	strbuf_add_quoted(b, m->value);
}

void matchers_print(struct matcher *const *m, size_t n, struct strbuf *b)
{
	strbuf_add_ch(b, '{');
	for (size_t i = 0; i < n; i++) {
		if (i)
			strbuf_add_ch(b, ',');
		matcher_print(m[i], b);
	}
	strbuf_add_ch(b, '}');
}
