#include "discovery/endpoint_yaml.h"

#include "base/mem.h"
#include "text/yaml.h"

#include <stdlib.h>

/* A key's text copied into `a`; *ret is kept when it is missing. */
static int get_str(struct ynode *map, const char *key, struct arena *a, const char **ret, struct err *err)
{
	struct str s = { NULL, 0 };
	int rc = ynode_get_str(map, key, &s, err);
	if (rc != 0 || !s.p)
		return rc;
	*ret = arena_memdup(a, s.p, s.n);
	return *ret ? 0 : arena_err(a, err);
}

static int get_flag(struct ynode *map, const char *key, enum endpoint_flag *ret, struct err *err)
{
	struct ynode *n = ynode_get(map, key);
	bool b;
	if (!n)
		return 0;
	int rc = ynode_bool(n, &b, err);
	if (rc == 0)
		*ret = b ? ENDPOINT_YES : ENDPOINT_NO;
	return rc;
}

static int read_tls(struct ynode *map, struct arena *a, struct endpoint_client *c, struct err *err)
{
	int rc = get_flag(map, "enabled", &c->tls, err);
	if (rc == 0)
		rc = get_flag(map, "insecure_skip_verify", &c->skip_verify, err);
	if (rc == 0)
		rc = get_str(map, "cert_file", a, &c->cert_file, err);
	if (rc == 0)
		rc = get_str(map, "key_file", a, &c->key_file, err);
	if (rc == 0)
		rc = get_str(map, "ca_file", a, &c->ca_file, err);
	if (rc == 0)
		rc = get_str(map, "min_version", a, &c->min_version, err);
	return rc;
}

static int read_client(struct ynode *parent, const char *key, struct arena *a, struct endpoint_client *c,
		       struct err *err)
{
	struct ynode *map = NULL, *tls = NULL;
	*c = ENDPOINT_CLIENT_UNSET;
	int rc = ynode_get_map(parent, key, &map, err);
	if (rc != 0 || !map)
		return rc;
	rc = ynode_get_map(map, "tls_config", &tls, err);
	if (rc == 0 && tls)
		rc = read_tls(tls, a, c, err);
	if (rc == 0)
		rc = get_str(map, "server_name", a, &c->server_name, err);
	if (rc == 0)
		rc = get_str(map, "compression", a, &c->compression, err);
	return rc;
}

static int read_spec(struct ynode *n, struct arena *a, struct endpoint_spec *s, struct err *err)
{
	struct str service_config = { NULL, 0 };
	int rc = ynode_want_map(n, err);
	if (rc == 0)
		rc = get_str(n, "address", a, &s->address, err);
	if (rc == 0)
		rc = ynode_get_bool(n, "strict", &s->strict, err);
	if (rc == 0)
		rc = ynode_get_bool(n, "group", &s->group, err);
	if (rc == 0)
		rc = ynode_get_str(n, "service_config", &service_config, err);
	if (rc == 0)
		rc = read_client(n, "client_config", a, &s->client, err);
	if (rc != 0)
		return rc;
	if (!s->address || !*s->address)
		return ynode_err(n, err, "an endpoint needs an address");
	if (service_config.n && !s->group)
		return err_set(err, ERR_INVALID_ARGUMENT, "%s service_config is only valid for endpoint groups.",
			       s->address);
	return endpoint_spec_check(s, err);
}

static int read_all(struct ynode *root, struct endpoint_yaml *y, struct err *err)
{
	struct ynode *list = NULL;
	int rc = ynode_want_map(root, err);
	if (rc == 0)
		rc = read_client(root, "default_client_config", &y->arena, &y->defaults, err);
	if (rc == 0)
		rc = ynode_get_list(root, "endpoints", &list, err);
	if (rc != 0 || !list)
		return rc;
	y->specs = arena_array(&y->arena, list->n, sizeof(*y->specs));
	if (!y->specs)
		return arena_err(&y->arena, err);
	for (uint32_t i = 0; rc == 0 && i < list->n; i++)
		rc = read_spec(list->items[i], &y->arena, &y->specs[y->n_specs++], err);
	return rc;
}

int endpoint_yaml_parse(struct str text, const char *file, struct endpoint_yaml **ret, struct err *err)
{
	struct ydoc *doc;
	int rc = ydoc_parse(text, file, NULL, &doc, err);
	if (rc != 0)
		return rc;
	struct endpoint_yaml *y = xcalloc(1, sizeof(*y));
	arena_init(&y->arena, NULL);
	rc = read_all(ydoc_root(doc), y, err);
	ydoc_free(doc);
	if (rc == 0)
		*ret = y;
	else
		endpoint_yaml_free(y);
	return rc;
}

void endpoint_yaml_free(struct endpoint_yaml *y)
{
	if (!y)
		return;
	arena_fini(&y->arena);
	free(y);
}
