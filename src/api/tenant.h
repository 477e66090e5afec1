/*
 * api/tenant.h - whose request it is, and queries held to that tenant's
 * series.
 *
 * Source: thanos pkg/tenancy; selectors as prom-label-proxy changes them: matchers
 * on the tenant's label are taken out, the tenant's own is put in.
 */
#ifndef API_TENANT_H
#define API_TENANT_H

#include "api/backend.h"
#include "api/prom.h"
#include "base/err.h"
#include "base/str.h"
#include "http/req.h"
#include "promql/lang/ast.h"

/*
 * The tenant of a request, by certificate, headers or default; checked. In the request's arena or
 * borrowed from it. INVALID_ARGUMENT. To be called before anything suspends.
 */
int api_tenant_of(const struct api_prom_config *cfg, struct http_req *req, struct str *ret, struct err *err);

/* Holds all selectors of a tree to series with label `name` = `tenant`. The tree is changed; memory is from `a`. */
int api_tenant_enforce(struct promql_expr *e, const char *name, struct str tenant, struct arena *a, struct err *err);

/* Holds a list of matchers to the tenant: a new list in `a`. */
int api_tenant_enforce_matchers(struct api_matchers *m, const char *name, struct str tenant, struct arena *a,
				struct err *err);

#endif
