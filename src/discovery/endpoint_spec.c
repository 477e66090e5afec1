#include "discovery/endpoint_spec.h"

#include "base/arena.h"

#include <string.h>

/* Equality of two strings that may be missing. */
static bool same(const char *a, const char *b)
{
	return a == b || (a && b && strcmp(a, b) == 0);
}

/* A copy of a string that may be missing. */
static const char *keep(struct arena *a, const char *s)
{
	return s ? arena_strdup(a, s) : NULL;
}

struct endpoint_client endpoint_client_copy(struct endpoint_client c, struct arena *a)
{
	c.cert_file = keep(a, c.cert_file);
	c.key_file = keep(a, c.key_file);
	c.ca_file = keep(a, c.ca_file);
	c.min_version = keep(a, c.min_version);
	c.server_name = keep(a, c.server_name);
	c.compression = keep(a, c.compression);
	return c;
}

bool endpoint_client_eq(const struct endpoint_client *a, const struct endpoint_client *b)
{
	return a->tls == b->tls && a->skip_verify == b->skip_verify && same(a->cert_file, b->cert_file) &&
	       same(a->key_file, b->key_file) && same(a->ca_file, b->ca_file) && same(a->min_version, b->min_version) &&
	       same(a->server_name, b->server_name) && same(a->compression, b->compression);
}

bool endpoint_client_is_silent(const struct endpoint_client *c)
{
	return c->tls == ENDPOINT_UNSET && c->skip_verify == ENDPOINT_UNSET && !c->cert_file && !c->key_file &&
	       !c->ca_file && !c->min_version && (!c->server_name || !*c->server_name);
}

/* Whether something is said that only makes sense with TLS. */
static bool implies_tls(const struct endpoint_client *c)
{
	return c->cert_file || c->key_file || c->ca_file || c->skip_verify != ENDPOINT_UNSET;
}

/* Fills the gaps of `c` from `from` (may be NULL), then with the defaults. The server name is never inherited. */
static void fill(struct endpoint_client *c, const struct endpoint_client *from)
{
	static const struct endpoint_client none = { .tls = ENDPOINT_UNSET, .skip_verify = ENDPOINT_UNSET };
	if (!from)
		from = &none;
	if (c->tls == ENDPOINT_UNSET)
		c->tls = implies_tls(c) ? ENDPOINT_YES : from->tls == ENDPOINT_YES ? ENDPOINT_YES : ENDPOINT_NO;
	if (c->skip_verify == ENDPOINT_UNSET)
		c->skip_verify = from->skip_verify == ENDPOINT_YES ? ENDPOINT_YES : ENDPOINT_NO;
	if (!c->cert_file)
		c->cert_file = from->cert_file;
	if (!c->key_file)
		c->key_file = from->key_file;
	if (!c->ca_file)
		c->ca_file = from->ca_file;
	if (!c->min_version)
		c->min_version = from->min_version ? from->min_version : "1.3";
	if (!c->compression || !*c->compression)
		c->compression = "none";
}

struct endpoint_client endpoint_client_resolve(const struct endpoint_client *own, const struct endpoint_client *global)
{
	bool silent = endpoint_client_is_silent(own);
	struct endpoint_client c = silent ? *global : *own;
	if (own->compression && *own->compression)
		c.compression = own->compression;
	fill(&c, silent || own->tls != ENDPOINT_UNSET ? NULL : global);
	return c;
}

bool endpoint_is_dynamic(struct str address)
{
	return str_index(address, '+') >= 0;
}

int endpoint_spec_check(const struct endpoint_spec *s, struct err *err)
{
	if (s->strict && endpoint_is_dynamic(str_c(s->address)))
		return err_set(
			err, ERR_INVALID_ARGUMENT,
			"%s is a dynamically specified endpoint i.e. it uses SD and that is not permitted under strict mode.",
			s->address);
	const char *c = s->client.compression;
	if (c && *c && strcmp(c, "none") != 0 && strcmp(c, "snappy") != 0)
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "endpoint %s: invalid compression: %s, must be 'none' or 'snappy'", s->address, c);
	return 0;
}
