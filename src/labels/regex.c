#include "labels/regex.h"

#include "base/mem.h"
#include "labels/re2_shim.h"

#include <stdlib.h>
#include <utf8proc.h>

/* Group numbers from here on are taken as names, as in Go. */
#define GROUP_NUMBER_LIMIT 100000000

/* Program that most patterns fit into, in bytes; what matching may cache goes with it. */
#define SMALL_PROGRAM (REGEX_MAX_PROGRAM / 12)

/* Patterns up to this length that repeat nothing compile quickly. */
#define QUICK_PATTERN 48

struct regex {
	struct re2_shim *re;
	size_t max_program; /* that it was compiled with */
};

int regex_compile(struct str pattern, struct regex **ret, struct err *err)
{
	char msg[ERR_MSG_MAX];
	if (pattern.n > REGEX_MAX_PATTERN)
		return err_set(err, ERR_INVALID_ARGUMENT, "regular expression of %zu bytes is too long (%zu at most)",
			       pattern.n, REGEX_MAX_PATTERN);
	bool too_large = false;
	size_t max = SMALL_PROGRAM;
	struct re2_shim *re = re2_shim_new(pattern, max, msg, sizeof(msg), &too_large);
	if (!re && too_large)
		re = re2_shim_new(pattern, max = REGEX_MAX_PROGRAM, msg, sizeof(msg), &too_large);
	if (!re)
		return err_set(err, ERR_INVALID_ARGUMENT, "%s", msg);
	*ret = xmalloc(sizeof(**ret));
	**ret = (struct regex){ re, max };
	return 0;
}

bool regex_is_costly(struct str pattern)
{
	return pattern.n > QUICK_PATTERN || str_index(pattern, '{') >= 0;
}

uint64_t regex_memory(const struct regex *re)
{
	return re2_shim_memory(re->max_program);
}

void regex_free(struct regex *re)
{
	if (re)
		re2_shim_free(re->re);
	free(re);
}

bool regex_match(const struct regex *re, struct str s)
{
	return re2_shim_match(re->re, s, NULL, 0);
}

size_t regex_groups(const struct regex *re)
{
	size_t n = re2_shim_groups(re->re) + 1;
	return MIN(n, REGEX_MAX_GROUPS);
}

bool regex_submatch(const struct regex *re, struct str s, struct str *groups, size_t n)
{
	return re2_shim_match(re->re, s, groups, n);
}

/* Bytes of the first character of `s` if Go's regexp takes it as part of a group name, else 0. */
static size_t name_char(struct str s)
{
	utf8proc_int32_t c;
	utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)s.p, (utf8proc_ssize_t)s.n, &c);
	if (n <= 0)
		return 0;
	if (c == '_')
		return 1;
	switch (utf8proc_category(c)) {
	case UTF8PROC_CATEGORY_LU:
	case UTF8PROC_CATEGORY_LL:
	case UTF8PROC_CATEGORY_LT:
	case UTF8PROC_CATEGORY_LM:
	case UTF8PROC_CATEGORY_LO:
	case UTF8PROC_CATEGORY_ND:
		return (size_t)n;
	default:
		return 0;
	}
}

/* The group's name at the '$' that begins `s`, and the bytes it takes with its '$'; 0 where it is malformed. */
static size_t template_name(struct str s, struct str *ret_name)
{
	bool brace = s.n > 1 && s.p[1] == '{';
	size_t start = brace ? 2 : 1, i = start, step;
	while (i < s.n && (step = name_char(str_mem(s.p + i, s.n - i))) > 0)
		i += step;
	if (i == start || start > s.n)
		return 0;
	*ret_name = str_mem(s.p + start, i - start);
	if (!brace)
		return i;
	return i < s.n && s.p[i] == '}' ? i + 1 : 0;
}

/* The number of a group given by digits without leading zeros; false for a name. */
static bool group_number(struct str name, size_t *ret)
{
	uint64_t v;
	if (name.n > 1 && name.p[0] == '0')
		return false;
	if (name.p[0] < '0' || name.p[0] > '9' || !str_to_u64(name, &v) || v >= GROUP_NUMBER_LIMIT)
		return false;
	*ret = (size_t)v;
	return true;
}

void regex_expand(const struct regex *re, struct str tmpl, const struct str *groups, size_t n, struct strbuf *out)
{
	while (tmpl.n) {
		ptrdiff_t at = str_index(tmpl, '$');
		if (at < 0)
			break;
		strbuf_add(out, tmpl.p, (size_t)at);
		tmpl = str_mem(tmpl.p + at, tmpl.n - (size_t)at);
		size_t took = 1, g = 0;
		struct str name;
		if (tmpl.n > 1 && tmpl.p[1] == '$') {
			strbuf_add_ch(out, '$');
			took = 2;
		} else if ((took = template_name(tmpl, &name)) > 0) {
			if (!group_number(name, &g) && (g = re2_shim_group(re->re, name)) == 0)
				g = n;
			if (g < n && groups[g].p)
				strbuf_add_str(out, groups[g]);
		} else {
			strbuf_add_ch(out, '$');
			took = 1;
		}
		tmpl = str_mem(tmpl.p + took, tmpl.n - took);
	}
	strbuf_add_str(out, tmpl);
}

bool regex_replace(const struct regex *re, struct str s, struct str tmpl, struct strbuf *out)
{
	struct str groups[REGEX_MAX_GROUPS];
	size_t n = regex_groups(re);
	if (!regex_submatch(re, s, groups, n))
		return false;
	regex_expand(re, tmpl, groups, n, out);
	return true;
}
