#include "receive/limits.h"

#include "base/hash.h"
#include "base/hmap.h"
#include "base/mem.h"
#include "text/yaml.h"

#include <stdlib.h>

/* A tenant that has limits of its own. */
struct named_limits {
	struct str name; /* in the document */
	struct tenant_limits limits;
};

struct receive_limits {
	struct ydoc *doc;
	uint32_t concurrency;
	struct tenant_limits defaults;
	struct hmap tenants;
};

static int read_limits(struct ynode *n, struct tenant_limits *io, struct err *err)
{
	struct ynode *request = NULL;
	int rc = ynode_want_map(n, err);
	if (rc == 0)
		rc = ynode_get_map(n, "request", &request, err);
	if (rc == 0 && request)
		rc = ynode_get_u64(request, "size_bytes_limit", &io->size_bytes, err);
	if (rc == 0 && request)
		rc = ynode_get_u64(request, "series_limit", &io->series, err);
	if (rc == 0 && request)
		rc = ynode_get_u64(request, "samples_limit", &io->samples, err);
	if (rc == 0)
		rc = ynode_get_u64(n, "head_series_limit", &io->head_series, err);
	return rc;
}

static int read_tenants(struct receive_limits *l, struct ynode *map, struct err *err)
{
	for (uint32_t i = 0; map && i < map->n; i++) {
		struct named_limits *t = xcalloc(1, sizeof(*t));
		map->pairs[i].used = true;
		t->name = map->pairs[i].key;
		t->limits = l->defaults;
		hmap_add(&l->tenants, hash_str(t->name), t);
		int rc = read_limits(map->pairs[i].value, &t->limits, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

static int read_global(struct receive_limits *l, struct ynode *map, struct err *err)
{
	uint64_t concurrency = 0;
	int rc = map ? ynode_get_u64(map, "max_concurrency", &concurrency, err) : 0;
	/* The address that upstream polls for active series; here each head counts its own. */
	struct ynode *unused = NULL;
	static const char *const polled[] = { "meta_monitoring_url", "meta_monitoring_http_client",
					      "meta_monitoring_limit_query" };
	for (size_t i = 0; rc == 0 && map && i < sizeof(polled) / sizeof(*polled); i++)
		if ((unused = ynode_get(map, polled[i])))
			ynode_use_all(unused);
	l->concurrency = concurrency > UINT32_MAX ? UINT32_MAX : (uint32_t)concurrency;
	return rc;
}

static int read_write(struct receive_limits *l, struct ynode *write, struct err *err)
{
	struct ynode *global = NULL, *defaults = NULL, *tenants = NULL;
	int rc = ynode_get_map(write, "global", &global, err);
	if (rc == 0)
		rc = ynode_get_map(write, "default", &defaults, err);
	if (rc == 0)
		rc = ynode_get_map(write, "tenants", &tenants, err);
	if (rc == 0)
		rc = read_global(l, global, err);
	if (rc == 0 && defaults)
		rc = read_limits(defaults, &l->defaults, err);
	return rc != 0 ? rc : read_tenants(l, tenants, err);
}

int receive_limits_parse(struct str text, const char *file, struct receive_limits **ret, struct err *err)
{
	struct receive_limits *l = xcalloc(1, sizeof(*l));
	struct ynode *write = NULL;
	int rc = ydoc_parse(text, file, NULL, &l->doc, err);
	if (rc == 0)
		rc = ynode_want_map(ydoc_root(l->doc), err);
	if (rc == 0)
		rc = ynode_get_map(ydoc_root(l->doc), "write", &write, err);
	if (rc == 0 && write)
		rc = read_write(l, write, err);
	if (rc == 0)
		rc = ynode_unused(ydoc_root(l->doc), err);
	if (rc != 0)
		receive_limits_free(l);
	else
		*ret = l;
	return rc;
}

void receive_limits_free(struct receive_limits *l)
{
	if (!l)
		return;
	size_t pos = 0;
	struct named_limits *t;
	while ((t = hmap_next(&l->tenants, &pos)))
		free(t);
	hmap_fini(&l->tenants);
	ydoc_free(l->doc);
	free(l);
}

static bool named(const void *limits, const void *name)
{
	return str_eq(((const struct named_limits *)limits)->name, *(const struct str *)name);
}

struct tenant_limits receive_limits_of(const struct receive_limits *l, struct str tenant)
{
	if (!l)
		return (struct tenant_limits){ 0 };
	const struct named_limits *t = hmap_find(&l->tenants, hash_str(tenant), named, &tenant);
	return t ? t->limits : l->defaults;
}

bool receive_limits_next(const struct receive_limits *l, size_t *io_pos, struct str *ret_tenant,
			 struct tenant_limits *ret)
{
	const struct named_limits *t = l ? hmap_next(&l->tenants, io_pos) : NULL;
	if (!t)
		return false;
	*ret_tenant = t->name;
	*ret = t->limits;
	return true;
}

struct tenant_limits receive_limits_default(const struct receive_limits *l)
{
	return l ? l->defaults : (struct tenant_limits){ 0 };
}

uint32_t receive_limits_concurrency(const struct receive_limits *l)
{
	return l ? l->concurrency : 0;
}
