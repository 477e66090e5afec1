#include "http/router.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/hmap.h"
#include "base/list.h"
#include "base/mem.h"
#include "base/vec.h"

#include <stdlib.h>
#include <string.h>

/* A route with its handler's argument. */
struct entry {
	const struct http_route *route;
	void *arg;
	struct entry *next; /* other methods of the same literal path */
};

/* Literal paths are looked up by hash; patterns are few and tried in order. */
struct http_router {
	char *prefix;
	struct hmap literals; /* first struct entry of each path */
	VEC(struct entry *) patterns;
};

static bool is_pattern(const char *p)
{
	return strchr(p, ':') || strchr(p, '*');
}

static bool entry_has_path(const void *value, const void *key)
{
	const struct entry *e = value;
	const struct str *path = key;
	return str_eq_c(*path, e->route->pattern);
}

struct http_router *http_router_new(void)
{
	struct http_router *r = xcalloc(1, sizeof(*r));
	r->prefix = xstrdup("");
	return r;
}

void http_router_free(struct http_router *r)
{
	if (!r)
		return;
	size_t pos = 0;
	struct entry *e;
	while ((e = hmap_next(&r->literals, &pos))) {
		while (e) {
			struct entry *next = e->next;
			free(e);
			e = next;
		}
	}
	for (size_t i = 0; i < r->patterns.n; i++)
		free(r->patterns.p[i]);
	vec_fini(&r->patterns);
	hmap_fini(&r->literals);
	free(r->prefix);
	free(r);
}

void http_router_set_prefix(struct http_router *r, const char *prefix)
{
	struct str p = str_trim(str_c(prefix));
	while (p.n && p.p[0] == '/')
		p.p++, p.n--;
	while (p.n && p.p[p.n - 1] == '/')
		p.n--;
	free(r->prefix);
	r->prefix = p.n ? xasprintf("/%.*s", STR_ARG(p)) : xstrdup("");
}

const char *http_router_prefix(const struct http_router *r)
{
	return r->prefix;
}

static void add_literal(struct http_router *r, struct entry *e)
{
	struct str path = str_c(e->route->pattern);
	struct entry *first = hmap_find(&r->literals, hash_str(path), entry_has_path, &path);
	if (!first) {
		hmap_add(&r->literals, hash_str(path), e);
		return;
	}
	e->next = first->next;
	first->next = e;
}

void http_router_add(struct http_router *r, const struct http_route *routes, size_t n, void *arg)
{
	for (size_t i = 0; i < n; i++) {
		CHECK(routes[i].pattern[0] == '/' && routes[i].handler);
		struct entry *e = xcalloc(1, sizeof(*e));
		e->route = &routes[i];
		e->arg = arg;
		if (is_pattern(routes[i].pattern))
			*vec_push(&r->patterns) = e;
		else
			add_literal(r, e);
	}
}

/* GET routes serve HEAD as well. */
static unsigned serves(const struct http_route *route)
{
	return route->methods | (route->methods & HTTP_GET ? HTTP_HEAD : 0);
}

/* Matches one pattern; false, with the parameters undefined, when it does not fit. */
static bool fits(const char *pattern, struct str path, struct http_match *m)
{
	struct str pat = { pattern + 1, strlen(pattern) - 1 };
	if (path.n == 0 || path.p[0] != '/')
		return false;
	path.p++, path.n--;
	m->n_params = 0;
	while (pat.p) {
		struct str want = str_cut(&pat, '/');
		if (want.n && want.p[0] == '*') {
			m->params[m->n_params++] = (struct http_param){ str_mem(want.p + 1, want.n - 1), path };
			return path.p != NULL;
		}
		if (!path.p)
			return false;
		struct str have = str_cut(&path, '/');
		if (want.n && want.p[0] == ':') {
			CHECK(m->n_params < HTTP_PATH_PARAMS);
			if (have.n == 0)
				return false;
			m->params[m->n_params++] = (struct http_param){ str_mem(want.p + 1, want.n - 1), have };
		} else if (!str_eq(want, have)) {
			return false;
		}
	}
	return !path.p;
}

/* Takes the entry if it serves the method, else notes which it serves; OPTIONS, which all paths have, makes none known. */
static bool take(struct http_match *m, const struct entry *e, enum http_method method)
{
	if (!(serves(e->route) & method)) {
		m->allowed |= serves(e->route) & ~(unsigned)HTTP_OPTIONS;
		return false;
	}
	m->route = e->route;
	m->arg = e->arg;
	return true;
}

static bool find(const struct http_router *r, enum http_method method, struct str path, struct http_match *m)
{
	*m = (struct http_match){ 0 };
	for (const struct entry *e = hmap_find(&r->literals, hash_str(path), entry_has_path, &path); e; e = e->next)
		if (take(m, e, method))
			return true;
	for (size_t i = 0; i < r->patterns.n; i++)
		if (fits(r->patterns.p[i]->route->pattern, path, m) && take(m, r->patterns.p[i], method))
			return true;
	m->n_params = 0;
	return false;
}

/* Whether the path is known with its final '/' added or taken away. */
static bool known_toggled(const struct http_router *r, enum http_method method, struct str path)
{
	struct http_match m;
	char buf[1024];
	if (path.n > 1 && path.p[path.n - 1] == '/')
		return find(r, method, str_mem(path.p, path.n - 1), &m);
	if (path.n == 0 || path.n + 1 > sizeof(buf))
		return false;
	memcpy(buf, path.p, path.n);
	buf[path.n] = '/';
	return find(r, method, str_mem(buf, path.n + 1), &m);
}

void http_router_match(const struct http_router *r, enum http_method m, struct str path, struct http_match *ret)
{
	if (find(r, m, path, ret) || ret->allowed)
		return;
	ret->redirect = known_toggled(r, m, path);
}

void http_router_match_root(const struct http_router *r, enum http_method m, struct str path, struct http_match *ret)
{
	if (!find(r, m, path, ret) || !ret->route->at_root)
		*ret = (struct http_match){ 0 };
}

bool http_router_strip(const struct http_router *r, struct str *path)
{
	struct str prefix = str_c(r->prefix);
	if (prefix.n == 0)
		return true;
	if (!str_has_prefix(*path, prefix))
		return false;
	struct str rest = { path->p + prefix.n, path->n - prefix.n };
	if (rest.n > 0 && rest.p[0] != '/')
		return false;
	*path = rest.n ? rest : STR("/");
	return true;
}
