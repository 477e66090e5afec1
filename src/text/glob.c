#include "text/glob.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/vec.h"

#include <stdlib.h>

/* The next rune of *s, which is cut off; a malformed byte counts as U+FFFD. */
static uint32_t next_rune(struct str *s)
{
	unsigned char c = (unsigned char)s->p[0];
	size_t n = c < 0x80 ? 1 : c < 0xe0 ? 2 : c < 0xf0 ? 3 : 4;
	if (n > s->n || !str_is_utf8(str_mem(s->p, n))) {
		*s = str_mem(s->p + 1, s->n - 1);
		return 0xfffd;
	}
	uint32_t r = n == 1 ? c : c & (0xffu >> (n + 1));
	for (size_t i = 1; i < n; i++)
		r = r << 6 | ((unsigned char)s->p[i] & 0x3f);
	*s = str_mem(s->p + n, s->n - n);
	return r;
}

/* One end of a range in a class. False when malformed. */
static bool class_rune(struct str *p, uint32_t *ret)
{
	if (p->n == 0 || p->p[0] == '-' || p->p[0] == ']')
		return false;
	if (p->p[0] == '\\') {
		*p = str_mem(p->p + 1, p->n - 1);
		if (p->n == 0)
			return false;
	}
	*ret = next_rune(p);
	return p->n > 0; /* a class must be closed */
}

/* Reads a class, *p after its '['. False when malformed; *ret_in says whether `r` is in it. */
static bool class_match(struct str *p, uint32_t r, bool *ret_in)
{
	bool negated = p->n && p->p[0] == '^', in = false;
	if (negated)
		*p = str_mem(p->p + 1, p->n - 1);
	for (size_t ranges = 0;; ranges++) {
		if (p->n && p->p[0] == ']' && ranges > 0)
			break;
		uint32_t lo, hi;
		if (!class_rune(p, &lo))
			return false;
		hi = lo;
		if (p->p[0] == '-') {
			*p = str_mem(p->p + 1, p->n - 1);
			if (!class_rune(p, &hi))
				return false;
		}
		in |= lo <= r && r <= hi;
	}
	*p = str_mem(p->p + 1, p->n - 1);
	*ret_in = in != negated;
	return true;
}

bool text_glob_valid(struct str p)
{
	while (p.n) {
		char c = p.p[0];
		p = str_mem(p.p + 1, p.n - 1);
		bool in;
		if (c == '[' && !class_match(&p, 0, &in))
			return false;
		if (c == '\\') {
			if (p.n == 0)
				return false;
			next_rune(&p);
		}
	}
	return true;
}

/* Matches one pattern element other than '*' against the head of *s; both are cut. The pattern is valid. */
static bool one_match(struct str *p, struct str *s)
{
	if (s->n == 0)
		return false;
	char c = p->p[0];
	struct str rest = str_mem(p->p + 1, p->n - 1);
	uint32_t r = next_rune(s);
	bool in = true;
	switch (c) {
	case '[':
		class_match(&rest, r, &in);
		break;
	case '?':
		in = r != '/';
		break;
	case '\\':
		in = next_rune(&rest) == r;
		break;
	default:
		rest = *p;
		in = next_rune(&rest) == r;
		break;
	}
	*p = rest;
	return in;
}

/* Greedy with one point of return: only the last '*' seen can need to take more. */
static bool match(struct str p, struct str s)
{
	struct str star_p = { 0 }, star_s = { 0 };
	bool star = false;
	while (p.n || s.n) {
		if (p.n && p.p[0] == '*') {
			p = str_mem(p.p + 1, p.n - 1);
			star = true;
			star_p = p;
			star_s = s;
			continue;
		}
		if (p.n && one_match(&p, &s))
			continue;
		if (!star || star_s.n == 0 || star_s.p[0] == '/')
			return false;
		next_rune(&star_s);
		p = star_p;
		s = star_s;
	}
	return true;
}

int text_glob_match(struct str pattern, struct str name, bool *ret, struct err *err)
{
	if (!text_glob_valid(pattern))
		return err_set(err, ERR_INVALID_ARGUMENT, "syntax error in pattern \"%.*s\"", STR_ARG(pattern));
	*ret = match(pattern, name);
	return 0;
}

/* Whether `s` holds any of * ? [ \ and so is a pattern rather than a name. */
static bool text_glob_is_pattern(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (s.p[i] && strchr("*?[\\", s.p[i]))
			return true;
	return false;
}

/* --- files ---------------------------------------------------------------------- */

struct paths {
	VEC(char *) v;
};

/* Adds the entries of `dir` that match one path element. */
static void match_dir(const char *dir, struct str element, struct paths *out)
{
	char **names;
	size_t n;
	if (file_list(dir[0] ? dir : ".", &names, &n, NULL) < 0)
		return;
	const char *slash = dir[0] && dir[strlen(dir) - 1] != '/' ? "/" : "";
	for (size_t i = 0; i < n; i++)
		if (match(element, str_c(names[i])))
			*vec_push(&out->v) = xasprintf("%s%s%s", dir, slash, names[i]);
	file_list_free(names, n);
}

/* Appends a literal element to `dir` if such a file exists. */
static void add_literal(const char *dir, struct str element, struct paths *out)
{
	const char *slash = dir[0] && dir[strlen(dir) - 1] != '/' ? "/" : "";
	char *path = xasprintf("%s%s%.*s", dir, slash, STR_ARG(element));
	if (file_exists(path))
		*vec_push(&out->v) = path;
	else
		free(path);
}

static void paths_fini(struct paths *p)
{
	for (size_t i = 0; i < p->v.n; i++)
		free(p->v.p[i]);
	vec_fini(&p->v);
}

static int by_bytes(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

int text_glob_files(const char *pattern, char ***ret_paths, size_t *ret_n, struct err *err)
{
	struct str rest = str_c(pattern);
	if (!text_glob_valid(rest))
		return err_set(err, ERR_INVALID_ARGUMENT, "syntax error in pattern \"%s\"", pattern);
	struct paths now = { 0 };
	*vec_push(&now.v) = xstrdup(pattern[0] == '/' ? "/" : "");
	while (rest.p) {
		struct str element = str_cut(&rest, '/');
		if (element.n == 0)
			continue;
		struct paths next = { 0 };
		for (size_t i = 0; i < now.v.n; i++) {
			if (text_glob_is_pattern(element))
				match_dir(now.v.p[i], element, &next);
			else
				add_literal(now.v.p[i], element, &next);
		}
		paths_fini(&now);
		now = next;
	}
	if (now.v.n)
		qsort(now.v.p, now.v.n, sizeof(char *), by_bytes);
	*ret_paths = now.v.p;
	*ret_n = now.v.n;
	return 0;
}
