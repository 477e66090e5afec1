#include "labels/labels.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/short.h"

#include <stdlib.h>
#define XXH_STATIC_LINKING_ONLY /* for a hash state on the stack */
#include <xxhash.h>

/* Prometheus' separator in hashed label sets; never part of UTF-8. */
#define SEP '\xff'
/* Label sets up to this many bytes are hashed from one buffer on the stack. */
#define HASH_BUF 1024

static inline bool same(struct str a, struct str b)
{
	return a.n == b.n && (a.p == b.p || short_eq(a.p, b.p, a.n));
}

int labels_cmp(struct labels a, struct labels b)
{
	size_t n = MIN(a.n, b.n);
	for (size_t i = 0; i < n; i++) {
		if (!same(a.p[i].name, b.p[i].name))
			return str_cmp(a.p[i].name, b.p[i].name);
		if (!same(a.p[i].value, b.p[i].value))
			return str_cmp(a.p[i].value, b.p[i].value);
	}
	return (a.n > b.n) - (a.n < b.n);
}

bool labels_eq(struct labels a, struct labels b)
{
	if (a.n != b.n)
		return false;
	for (size_t i = 0; i < a.n; i++) {
		if (!same(a.p[i].name, b.p[i].name) || !same(a.p[i].value, b.p[i].value))
			return false;
	}
	return true;
}

/* Index of `name`, or -1. */
static ptrdiff_t labels_index(struct labels l, struct str name)
{
	size_t lo = 0, hi = l.n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = str_cmp(l.p[mid].name, name);
		if (d == 0)
			return (ptrdiff_t)mid;
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return -1;
}

struct str labels_get(struct labels l, struct str name)
{
	ptrdiff_t i = labels_index(l, name);
	return i < 0 ? (struct str){ NULL, 0 } : l.p[i].value;
}

bool labels_has(struct labels l, struct str name)
{
	return labels_index(l, name) >= 0;
}

size_t labels_bytes(struct labels l)
{
	size_t n = 0;
	for (size_t i = 0; i < l.n; i++)
		n += l.p[i].name.n + l.p[i].value.n;
	return n;
}

/* --- hashes ------------------------------------------------------------------- */

static char *put_part(char *at, struct str s)
{
	if (s.n)
		memcpy(at, s.p, s.n);
	at[s.n] = SEP;
	return at + s.n + 1;
}

static bool names_have(const struct str *names, size_t n, struct str name)
{
	size_t lo = 0, hi = n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = str_cmp(names[mid], name);
		if (d == 0)
			return true;
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	return false;
}

/* A choice of labels by name; `all` takes every one. */
struct label_choice {
	bool all, on;
	const struct str *names;
	size_t n;
};

static bool choice_takes(const struct label_choice *c, struct str name)
{
	if (c->all)
		return true;
	if (names_have(c->names, c->n, name))
		return c->on;
	return !c->on && !str_eq(name, LABEL_METRIC_NAME);
}

/* Hashes piece by piece what does not fit the buffer. */
static uint64_t hash_long(struct labels l, const struct label_choice *c)
{
	XXH64_state_t st;
	XXH64_reset(&st, 0);
	for (size_t i = 0; i < l.n; i++) {
		if (!choice_takes(c, l.p[i].name))
			continue;
		XXH64_update(&st, l.p[i].name.n ? l.p[i].name.p : "", l.p[i].name.n);
		XXH64_update(&st, "\xff", 1);
		XXH64_update(&st, l.p[i].value.n ? l.p[i].value.p : "", l.p[i].value.n);
		XXH64_update(&st, "\xff", 1);
	}
	return XXH64_digest(&st);
}

static uint64_t hash_chosen(struct labels l, const struct label_choice *c)
{
	char buf[HASH_BUF], *at = buf;
	for (size_t i = 0; i < l.n; i++) {
		const struct label *lb = &l.p[i];
		if (!choice_takes(c, lb->name))
			continue;
		if (lb->name.n >= HASH_BUF || lb->value.n >= HASH_BUF ||
		    (size_t)(at - buf) + lb->name.n + lb->value.n + 2 > HASH_BUF)
			return hash_long(l, c);
		at = put_part(put_part(at, lb->name), lb->value);
	}
	return hash_xx64(buf, (size_t)(at - buf));
}

uint64_t labels_hash(struct labels l)
{
	return hash_chosen(l, &(struct label_choice){ .all = true });
}

uint64_t labels_hash_on(struct labels l, bool on, const struct str *names, size_t n_names)
{
	return hash_chosen(l, &(struct label_choice){ .on = on, .names = names, .n = n_names });
}

/* All labels with separators, in `buf` when they fit, else in a heap block stored in *heap. */
static struct str flatten(struct labels l, char *buf, char **heap)
{
	size_t n = labels_bytes(l) + 2 * l.n;
	char *p = n <= HASH_BUF ? buf : (*heap = xmalloc(n));
	char *at = p;
	for (size_t i = 0; i < l.n; i++)
		at = put_part(put_part(at, l.p[i].name), l.p[i].value);
	return str_mem(p, n);
}

uint64_t labels_hash_keyed(struct labels l)
{
	char buf[HASH_BUF], *heap = NULL;
	uint64_t h = hash_str(flatten(l, buf, &heap));
	free(heap);
	return h;
}

struct hash128 labels_hash128(struct labels l)
{
	char buf[HASH_BUF], *heap = NULL;
	struct str s = flatten(l, buf, &heap);
	struct hash128 h = hash_bytes128(s.p, s.n);
	free(heap);
	return h;
}

/* --- checks ------------------------------------------------------------------- */

static enum labels_fault label_fault(const struct label *prev, const struct label *cur)
{
	if (cur->name.n == 0)
		return LABELS_EMPTY_NAME;
	if (cur->value.n == 0)
		return LABELS_EMPTY_VALUE;
	if (prev) {
		int d = str_cmp(prev->name, cur->name);
		if (d >= 0)
			return d == 0 ? LABELS_DUPLICATE : LABELS_UNSORTED;
	}
	if (!str_is_utf8(cur->name) || !str_is_utf8(cur->value))
		return LABELS_BAD_UTF8;
	return LABELS_OK;
}

enum labels_fault labels_check(struct labels l, size_t *ret_at)
{
	for (size_t i = 0; i < l.n; i++) {
		enum labels_fault f = label_fault(i ? &l.p[i - 1] : NULL, &l.p[i]);
		if (f != LABELS_OK) {
			if (ret_at)
				*ret_at = i;
			return f;
		}
	}
	return LABELS_OK;
}

static bool is_name_start(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_';
}

/* [a-zA-Z_][a-zA-Z0-9_]*, with ':' as a letter where `colon`. */
static bool legacy_name(struct str s, bool colon)
{
	for (size_t i = 0; i < s.n; i++) {
		char c = s.p[i];
		if (!is_name_start(c) && !(i > 0 && c >= '0' && c <= '9') && !(colon && c == ':'))
			return false;
	}
	return s.n > 0;
}

bool label_name_valid(struct str s, enum label_names rule)
{
	if (rule == LABEL_NAMES_LEGACY)
		return legacy_name(s, false);
	return s.n > 0 && str_is_utf8(s);
}

bool metric_name_valid(struct str s, enum label_names rule)
{
	if (rule == LABEL_NAMES_LEGACY)
		return legacy_name(s, true);
	return s.n > 0 && str_is_utf8(s);
}

/* --- printing ----------------------------------------------------------------- */

void label_name_print(struct str name, struct strbuf *b)
{
	if (legacy_name(name, false))
		strbuf_add_str(b, name);
	else
		strbuf_add_quoted(b, name);
}

void labels_print(struct labels l, struct strbuf *b)
{
	strbuf_add_ch(b, '{');
	for (size_t i = 0; i < l.n; i++) {
		if (i)
			strbuf_add_c(b, ", ");
		label_name_print(l.p[i].name, b);
		strbuf_add_ch(b, '=');
		strbuf_add_quoted(b, l.p[i].value);
	}
	strbuf_add_ch(b, '}');
}

void labels_print_series(struct labels l, struct strbuf *b)
{
	struct str metric = labels_get(l, LABEL_METRIC_NAME);
	bool plain = legacy_name(metric, true);
	if (plain)
		strbuf_add_str(b, metric);
	if (plain && l.n == 1)
		return;
	strbuf_add_ch(b, '{');
	const char *comma = "";
	if (metric.n && !plain) {
		strbuf_add_quoted(b, metric);
		comma = ", ";
	}
	for (size_t i = 0; i < l.n; i++) {
		if (str_eq(l.p[i].name, LABEL_METRIC_NAME))
			continue;
		strbuf_add_c(b, comma);
		comma = ", ";
		label_name_print(l.p[i].name, b);
		strbuf_add_ch(b, '=');
		strbuf_add_quoted(b, l.p[i].value);
	}
	strbuf_add_ch(b, '}');
}
