#include "api/tenant.h"

#include "base/compiler.h"
#include "labels/matcher.h"
#include "net/conn.h"

#include <string.h>

/* --- who -------------------------------------------------------------------------------- */

static int of_cert(struct http_req *req, const char *name, struct str *ret, struct err *err)
{
	enum conn_cert_field field;
	char buf[256];
	if (!conn_cert_field_parse(name, &field))
		return err_set(err, ERR_INVALID_ARGUMENT, "tls client cert field requested is not supported");
	if (http_req_aborted(req) || !req->conn || !conn_peer_cert_field(req->conn, field, buf, sizeof(buf)))
		return err_set(err, ERR_INVALID_ARGUMENT, "could not get %s field from client cert", name);
	*ret = str_c(arena_strdup(&req->arena, buf));
	return ret->p ? 0 : arena_err(&req->arena, err);
}

int api_tenant_of(const struct api_prom_config *cfg, struct http_req *req, struct str *ret, struct err *err)
{
	struct str t = { NULL, 0 };
	if (cfg->tenant_cert_field) {
		int rc = of_cert(req, cfg->tenant_cert_field, &t, err);
		if (rc)
			return rc;
	} else {
		if (cfg->tenant_header)
			t = http_req_header(req, cfg->tenant_header);
		if (t.n == 0)
			t = http_req_header(req, "thanos-tenant");
		if (t.n == 0)
			t = str_c(cfg->default_tenant ? cfg->default_tenant : "default-tenant");
	}
	if (t.n == 0 || (str_index(t, '/') >= 0 && t.n > 1))
		return err_set(err, ERR_INVALID_ARGUMENT, "tenant name not valid");
	*ret = t;
	return 0;
}

/* --- enforcement ------------------------------------------------------------------------ */

/* The tenant's matcher goes first: that of a selector's name stays last. */
static int enforce_selector(struct promql_selector *s, const struct promql_matcher *own, struct arena *a,
			    struct err *err)
{
	struct promql_matcher *p = arena_array(a, s->n_matchers + 1, sizeof(*p));
	size_t n = 0;
	if (!p)
		return arena_err(a, err);
	p[n++] = *own;
	for (size_t i = 0; i < s->n_matchers; i++)
		if (!str_eq(s->matchers[i].name, own->name))
			p[n++] = s->matchers[i];
	s->matchers = p;
	s->n_matchers = n;
	return 0;
}

/* Down the left side of chains of operators in a loop, for these are long. */
static int enforce_tree(struct promql_expr *e, const struct promql_matcher *own, struct arena *a, struct err *err)
{
	for (; e->kind == PROMQL_BINARY; e = e->binary.lhs) {
		int rc = enforce_tree(e->binary.rhs, own, a, err);
		if (rc)
			return rc;
	}
	if (e->kind == PROMQL_SELECTOR)
		return enforce_selector(&e->selector, own, a, err);
	struct promql_expr **child;
	for (size_t i = 0; (child = promql_expr_child(e, i)) != NULL; i++) {
		int rc = *child ? enforce_tree(*child, own, a, err) : 0;
		if (rc)
			return rc;
	}
	return 0;
}

int api_tenant_enforce(struct promql_expr *e, const char *name, struct str tenant, struct arena *a, struct err *err)
{
	struct matcher *m;
	int rc = matcher_compile_in(a, MATCH_EQ, str_c(name), tenant, &m, err);
	if (rc)
		return rc;
	struct promql_matcher own = { .type = PROMQL_MATCH_EQ, .name = m->name, .value = m->value, .compiled = m };
	return enforce_tree(e, &own, a, err);
}

int api_tenant_enforce_matchers(struct api_matchers *m, const char *name, struct str tenant, struct arena *a,
				struct err *err)
{
	struct matcher **p = arena_array(a, m->n + 1, sizeof(*p));
	size_t n = 0;
	if (!p)
		return arena_err(a, err);
	int rc = matcher_compile_in(a, MATCH_EQ, str_c(name), tenant, &p[n++], err);
	for (size_t i = 0; i < m->n; i++)
		if (!str_eq_c(m->p[i]->name, name))
			p[n++] = m->p[i];
	*m = (struct api_matchers){ p, n };
	return rc;
}
