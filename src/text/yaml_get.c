#include "text/yaml.h"

#include "base/compiler.h"
#include "base/strbuf.h"
#include "text/duration.h"
#include "text/float.h"
#include "text/size.h"

#include <math.h>
#include <stdio.h>
#include <string.h>

/* --- where and what ------------------------------------------------------------------ */

/* Appends the way from the root to `n`: "a.b[2].c". */
static void add_path(struct strbuf *b, const struct ynode *n)
{
	const struct ynode *p = n->parent;
	if (!p)
		return;
	add_path(b, p);
	for (uint32_t i = 0; p->kind == YNODE_LIST && i < p->n; i++)
		if (p->items[i] == n)
			strbuf_printf(b, "[%u]", i);
	for (uint32_t i = 0; p->kind == YNODE_MAP && i < p->n; i++) {
		if (p->pairs[i].value != n || p->pairs[i].merged)
			continue;
		if (b->n)
			strbuf_add_ch(b, '.');
		strbuf_add_str(b, p->pairs[i].key);
	}
}

int ynode_err(const struct ynode *n, struct err *err, const char *fmt, ...)
{
	struct strbuf b = { 0 };
	va_list ap;
	va_start(ap, fmt);
	strbuf_printf(&b, "%s:%u: ", ydoc_file(n->doc), n->line);
	size_t before = b.n;
	struct strbuf path = { .limit = 200 };
	add_path(&path, n);
	if (path.n)
		strbuf_printf(&b, "key \"%s\": ", path.p);
	strbuf_vprintf(&b, fmt, ap);
	va_end(ap);
	int rc = err_set(err, ERR_INVALID_ARGUMENT, "%s", b.n > before ? b.p : "invalid");
	strbuf_fini(&path);
	strbuf_fini(&b);
	return rc;
}

/* How a node that was not wanted reads. */
static const char *shown(const struct ynode *n, char buf[64])
{
	switch (n->kind) {
	case YNODE_NULL:
		return "nothing";
	case YNODE_LIST:
		return "a list";
	case YNODE_MAP:
		return "a map";
	default:
		snprintf(buf, 64, "\"%.40s%s\"", n->scalar.p, n->scalar.n > 40 ? "..." : "");
		return buf;
	}
}

static int want(const struct ynode *n, const char *what, struct err *err)
{
	char buf[64];
	return ynode_err(n, err, "want %s, got %s", what, shown(n, buf));
}

/* --- what was read ------------------------------------------------------------------- */

int ynode_unused(const struct ynode *n, struct err *err)
{
	int rc = 0;
	for (uint32_t i = 0; n->kind == YNODE_LIST && i < n->n && rc == 0; i++)
		rc = ynode_unused(n->items[i], err);
	for (uint32_t i = 0; n->kind == YNODE_MAP && i < n->n && rc == 0; i++) {
		const struct ypair *p = &n->pairs[i];
		if (p->used) {
			rc = ynode_unused(p->value, err);
			continue;
		}
		struct strbuf path = { .limit = 200 };
		add_path(&path, n);
		rc = err_set(err, ERR_INVALID_ARGUMENT, "%s:%u: unknown key \"%s%s%.*s\"", ydoc_file(n->doc), p->line,
			     path.n ? path.p : "", path.n ? "." : "", STR_ARG(p->key));
		strbuf_fini(&path);
	}
	return rc;
}

void ynode_use_all(struct ynode *n)
{
	for (uint32_t i = 0; n->kind == YNODE_LIST && i < n->n; i++)
		ynode_use_all(n->items[i]);
	for (uint32_t i = 0; n->kind == YNODE_MAP && i < n->n; i++) {
		n->pairs[i].used = true;
		ynode_use_all(n->pairs[i].value);
	}
}

struct ynode *ynode_get(struct ynode *map, const char *key)
{
	for (uint32_t i = 0; map->kind == YNODE_MAP && i < map->n; i++) {
		struct ypair *p = &map->pairs[i];
		if (!str_eq_c(p->key, key))
			continue;
		p->used = true;
		return p->value->kind == YNODE_NULL ? NULL : p->value;
	}
	return NULL;
}

int ynode_want_map(const struct ynode *n, struct err *err)
{
	return n->kind == YNODE_MAP || n->kind == YNODE_NULL ? 0 : want(n, "a map", err);
}

int ynode_want_list(const struct ynode *n, struct err *err)
{
	return n->kind == YNODE_LIST || n->kind == YNODE_NULL ? 0 : want(n, "a list", err);
}

/* --- scalars --------------------------------------------------------------------------- */

int ynode_str(const struct ynode *n, struct str *ret, struct err *err)
{
	if (n->kind == YNODE_LIST || n->kind == YNODE_MAP)
		return want(n, "a string", err);
	*ret = n->kind == YNODE_NULL ? STR("") : n->scalar;
	return 0;
}

/* Whether `s` is one of the words, as it is, capitalised or in upper case (YAML 1.1 takes these three). */
static bool is_word(struct str s, const char *const *words)
{
	for (; *words; words++) {
		if (!str_eq_nocase(s, str_c(*words)))
			continue;
		size_t upper = 0;
		for (size_t i = 0; i < s.n; i++)
			upper += s.p[i] >= 'A' && s.p[i] <= 'Z';
		return upper == 0 || upper == s.n || (upper == 1 && s.p[0] <= 'Z');
	}
	return false;
}

int ynode_bool(const struct ynode *n, bool *ret, struct err *err)
{
	static const char *const yes[] = { "true", "yes", "on", "y", NULL };
	static const char *const no[] = { "false", "no", "off", "n", NULL };
	bool plain = n->kind == YNODE_SCALAR && !n->quoted;
	bool is_yes = plain && is_word(n->scalar, yes);
	if (!is_yes && !(plain && is_word(n->scalar, no)))
		return want(n, "true or false", err);
	*ret = is_yes;
	return 0;
}

/* The base that a prefix names; *s is cut after it. */
static int cut_base(struct str *s)
{
	if (s->n < 2 || s->p[0] != '0')
		return 10;
	char c = (char)(s->p[1] | 32);
	int base = c == 'x' ? 16 : c == 'o' ? 8 : c == 'b' ? 2 : 0;
	size_t cut = base ? 2 : 1;
	*s = str_mem(s->p + cut, s->n - cut);
	return base ? base : 8;
}

/* A whole number with sign, base prefix and '_'. */
static bool whole_number(struct str s, bool *ret_negative, uint64_t *ret)
{
	*ret_negative = s.n && s.p[0] == '-';
	if (s.n && (s.p[0] == '-' || s.p[0] == '+'))
		s = str_mem(s.p + 1, s.n - 1);
	uint64_t base = (uint64_t)cut_base(&s), v = 0;
	size_t digits = 0;
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (c == '_')
			continue;
		uint64_t d = c >= '0' && c <= '9'                 ? (uint64_t)(c - '0')
			     : (c | 32) >= 'a' && (c | 32) <= 'f' ? (uint64_t)((c | 32) - 'a' + 10)
								  : 99;
		if (d >= base || __builtin_mul_overflow(v, base, &v) || __builtin_add_overflow(v, d, &v))
			return false;
		digits++;
	}
	*ret = v;
	return digits > 0;
}

/* A whole number in any form, "1e3" as well. */
static bool scalar_number(const struct ynode *n, bool *ret_negative, uint64_t *ret)
{
	if (n->kind != YNODE_SCALAR || n->quoted)
		return false;
	if (whole_number(n->scalar, ret_negative, ret))
		return true;
	double d;
	if (!text_parse_double(n->scalar, &d) || !(fabs(d) < 9e18) || d != floor(d))
		return false;
	*ret_negative = d < 0;
	*ret = (uint64_t)fabs(d);
	return true;
}

int ynode_i64(const struct ynode *n, int64_t *ret, struct err *err)
{
	bool negative;
	uint64_t v;
	if (!scalar_number(n, &negative, &v) || v > (uint64_t)INT64_MAX + negative)
		return want(n, "a whole number", err);
	*ret = negative ? (int64_t)(0 - v) : (int64_t)v;
	return 0;
}

int ynode_u64(const struct ynode *n, uint64_t *ret, struct err *err)
{
	bool negative;
	uint64_t v;
	if (!scalar_number(n, &negative, &v) || (negative && v))
		return want(n, "a whole number, not negative", err);
	*ret = v;
	return 0;
}

int ynode_double(const struct ynode *n, double *ret, struct err *err)
{
	if (n->kind == YNODE_SCALAR && !n->quoted) {
		struct str s = n->scalar;
		bool negative;
		uint64_t v;
		if (str_eq_nocase(s, STR(".inf")) || str_eq_nocase(s, STR("+.inf")))
			return *ret = INFINITY, 0;
		if (str_eq_nocase(s, STR("-.inf")))
			return *ret = -INFINITY, 0;
		if (str_eq_nocase(s, STR(".nan")))
			return *ret = NAN, 0;
		if (text_parse_double(s, ret))
			return 0;
		if (whole_number(s, &negative, &v))
			return *ret = negative ? -(double)v : (double)v, 0;
	}
	return want(n, "a number", err);
}

int ynode_duration_ms(const struct ynode *n, int64_t *ret_ms, struct err *err)
{
	if (n->kind != YNODE_SCALAR || text_duration_parse(n->scalar, ret_ms, NULL) < 0)
		return want(n, "a duration such as 15d or 1h30m", err);
	return 0;
}

int ynode_goduration_ns(const struct ynode *n, int64_t *ret_ns, struct err *err)
{
	if (n->kind == YNODE_SCALAR &&
	    (text_goduration_parse(n->scalar, ret_ns, NULL) == 0 || ynode_i64(n, ret_ns, NULL) == 0))
		return 0;
	return want(n, "a duration such as 30s or 1m30s", err);
}

int ynode_size(const struct ynode *n, uint64_t *ret_bytes, struct err *err)
{
	if (n->kind == YNODE_SCALAR &&
	    (text_size_parse(n->scalar, ret_bytes, NULL) == 0 || ynode_u64(n, ret_bytes, NULL) == 0))
		return 0;
	return want(n, "a size such as 512MiB", err);
}

/* --- keys of a map ----------------------------------------------------------------------- */

int ynode_get_str(struct ynode *map, const char *key, struct str *io, struct err *err)
{
	const struct ynode *n = ynode_get(map, key);
	return n ? ynode_str(n, io, err) : 0;
}

int ynode_get_bool(struct ynode *map, const char *key, bool *io, struct err *err)
{
	const struct ynode *n = ynode_get(map, key);
	return n ? ynode_bool(n, io, err) : 0;
}

int ynode_get_i64(struct ynode *map, const char *key, int64_t *io, struct err *err)
{
	const struct ynode *n = ynode_get(map, key);
	return n ? ynode_i64(n, io, err) : 0;
}

int ynode_get_u64(struct ynode *map, const char *key, uint64_t *io, struct err *err)
{
	const struct ynode *n = ynode_get(map, key);
	return n ? ynode_u64(n, io, err) : 0;
}

int ynode_get_double(struct ynode *map, const char *key, double *io, struct err *err)
{
	const struct ynode *n = ynode_get(map, key);
	return n ? ynode_double(n, io, err) : 0;
}

int ynode_get_duration_ms(struct ynode *map, const char *key, int64_t *io_ms, struct err *err)
{
	const struct ynode *n = ynode_get(map, key);
	return n ? ynode_duration_ms(n, io_ms, err) : 0;
}

int ynode_get_goduration_ns(struct ynode *map, const char *key, int64_t *io_ns, struct err *err)
{
	const struct ynode *n = ynode_get(map, key);
	return n ? ynode_goduration_ns(n, io_ns, err) : 0;
}

int ynode_get_size(struct ynode *map, const char *key, uint64_t *io_bytes, struct err *err)
{
	const struct ynode *n = ynode_get(map, key);
	return n ? ynode_size(n, io_bytes, err) : 0;
}

int ynode_get_map(struct ynode *map, const char *key, struct ynode **ret, struct err *err)
{
	*ret = ynode_get(map, key);
	return *ret ? ynode_want_map(*ret, err) : 0;
}

int ynode_get_list(struct ynode *map, const char *key, struct ynode **ret, struct err *err)
{
	*ret = ynode_get(map, key);
	return *ret ? ynode_want_list(*ret, err) : 0;
}
