#include "discovery/discovery.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/vec.h"
#include "discovery/endpoint_yaml.h"
#include "discovery/file_sd.h"
#include "loop/fiber.h"
#include "loop/offload.h"
#include "loop/reactor.h"
#include "metrics/metrics.h"
#include "net/dns.h"

#include <stdlib.h>
#include <string.h>

/* Largest endpoint YAML. */
#define YAML_MAX_BYTES (4u << 20)

/* A dynamic name that is looked up. */
struct lookup {
	char *name;
	struct dns_provider *provider;
	bool wanted;         /* by the present list */
	int64_t resolved_ms; /* 0: never */
	struct err failed;
};

struct discovery {
	struct reactor *r;
	struct dns_resolver *dns;
	struct arena arena; /* of what flags said */
	VEC(struct endpoint_spec) flags;
	struct endpoint_client client; /* of the flags */
	int64_t dns_interval_ms;

	char *sd_file;
	int64_t sd_reload_ms, sd_read_ms;
	struct strbuf sd_text; /* what `yaml` was read from */
	struct endpoint_yaml *yaml;
	struct file_sd *files;

	VEC(struct lookup *) lookups;
	uint64_t past_lookups, past_failures; /* of names that are gone */

	struct arena snapshot;
	struct discovery_target *targets;
	size_t n_targets;

	struct metrics_registry *reg;
	struct counter *duplicates;
	struct metrics_vec *results;
};

/* --- construction ----------------------------------------------------------------- */

static int add_flags(struct discovery *d, const struct discovery_names *names, bool strict, bool group, struct err *err)
{
	for (size_t i = 0; i < names->n; i++) {
		struct endpoint_spec s = { .strict = strict, .group = group, .client = ENDPOINT_CLIENT_UNSET };
		s.address = arena_strdup(&d->arena, names->p[i]);
		if (!s.address)
			return arena_err(&d->arena, err);
		if (!strpbrk(s.address, ":+"))
			return err_set(err, ERR_INVALID_ARGUMENT,
				       "Address \"%s\" is not of <host>:<port> format or a valid DNS query.",
				       s.address);
		int rc = endpoint_spec_check(&s, err);
		if (rc != 0)
			return rc;
		*vec_push(&d->flags) = s;
	}
	return 0;
}

static uint64_t count(const struct discovery *d, bool failures)
{
	uint64_t sum = failures ? d->past_failures : d->past_lookups;
	for (size_t i = 0; i < d->lookups.n; i++) {
		uint64_t lookups, failed;
		dns_provider_stats(d->lookups.p[i]->provider, &lookups, &failed);
		sum += failures ? failed : lookups;
	}
	return sum;
}

static double read_lookups(void *arg)
{
	return (double)count(arg, false);
}

static double read_failures(void *arg)
{
	return (double)count(arg, true);
}

/* Registers a counter of look-ups and one of failures with this prefix. */
static void register_dns(struct discovery *d, const char *prefix)
{
	char *name = xasprintf("%s_dns_lookups_total", prefix);
	metrics_counter_fn(d->reg, name, "The number of DNS lookups resolutions attempts", read_lookups, d);
	free(name);
	name = xasprintf("%s_dns_failures_total", prefix);
	metrics_counter_fn(d->reg, name, "The number of DNS lookup failures", read_failures, d);
	free(name);
}

/* The names that upstream's code has, and those that its dashboards still ask for. */
static void register_metrics(struct discovery *d, const char *component)
{
	char *prefix = xasprintf("thanos_%s_endpoints", component);
	register_dns(d, prefix);
	char *name = xasprintf("%s_dns_provider_results", prefix);
	d->results = metrics_gauge_vec(d->reg, name, "The number of resolved endpoints for each configured address",
				       METRICS_LABELS("addr"));
	free(name);
	free(prefix);
	prefix = xasprintf("thanos_%s_%s_apis", component, strcmp(component, "rule") == 0 ? "query" : "store");
	register_dns(d, prefix);
	free(prefix);
	name = xasprintf("thanos_%s_duplicated_endpoint_addresses_total", component);
	d->duplicates = metrics_counter(
		d->reg, name,
		"The number of times a duplicated endpoint addresses is detected from the different configs");
	free(name);
}

static int add_yaml(struct discovery *d, const struct discovery_config *cfg, struct err *err)
{
	if (cfg->sd_config_file && *cfg->sd_config_file) {
		d->sd_file = xstrdup(cfg->sd_config_file);
		d->sd_reload_ms = cfg->sd_config_reload_ms;
		d->sd_read_ms = reactor_now_ms(d->r);
		int rc = file_read_all(d->sd_file, YAML_MAX_BYTES, &d->sd_text, err);
		if (rc != 0)
			return err_prefix(err, "endpoint.sd-config-file");
	} else if (cfg->sd_config) {
		strbuf_add_c(&d->sd_text, cfg->sd_config);
	}
	const char *name = d->sd_file ? d->sd_file : "endpoint.sd-config";
	return endpoint_yaml_parse(strbuf_str(&d->sd_text), name, &d->yaml, err);
}

struct discovery *discovery_new(struct reactor *r, struct dns_resolver *dns, const struct discovery_config *cfg,
				struct metrics_registry *reg, struct err *err)
{
	struct discovery *d = xcalloc(1, sizeof(*d));
	d->r = r;
	d->dns = dns;
	d->reg = reg;
	d->dns_interval_ms = cfg->dns_interval_ms;
	arena_init(&d->arena, NULL);
	arena_init(&d->snapshot, NULL);
	d->client = endpoint_client_copy(cfg->client, &d->arena);
	if (cfg->sd_files.n)
		d->files = file_sd_new(cfg->sd_files.p, cfg->sd_files.n, cfg->sd_files_interval_ms);
	if (reg)
		register_metrics(d, cfg->component ? cfg->component : "query");
	int rc = add_flags(d, &cfg->endpoints, false, false, err);
	if (rc == 0)
		rc = add_flags(d, &cfg->endpoint_groups, false, true, err);
	if (rc == 0)
		rc = add_flags(d, &cfg->endpoints_strict, true, false, err);
	if (rc == 0)
		rc = add_flags(d, &cfg->endpoint_groups_strict, true, true, err);
	if (rc == 0)
		rc = add_yaml(d, cfg, err);
	if (rc == 0)
		return d;
	discovery_free(d);
	return NULL;
}

static void lookup_free(struct discovery *d, struct lookup *l)
{
	uint64_t lookups, failures;
	dns_provider_stats(l->provider, &lookups, &failures);
	d->past_lookups += lookups;
	d->past_failures += failures;
	if (d->results)
		metrics_vec_remove(d->results, METRICS_LABELS(l->name));
	dns_provider_free(l->provider);
	free(l->name);
	free(l);
}

void discovery_free(struct discovery *d)
{
	if (!d)
		return;
	for (size_t i = 0; i < d->lookups.n; i++)
		lookup_free(d, d->lookups.p[i]);
	vec_fini(&d->lookups);
	if (d->reg)
		metrics_off_collect(d->reg, d);
	file_sd_free(d->files);
	endpoint_yaml_free(d->yaml);
	strbuf_fini(&d->sd_text);
	free(d->sd_file);
	vec_fini(&d->flags);
	arena_fini(&d->arena);
	arena_fini(&d->snapshot);
	free(d);
}

/* --- the endpoint YAML, again ------------------------------------------------------ */

/* A file to be read on the pool. */
struct reading {
	const char *path;
	struct strbuf text;
};

static int read_file(void *arg, struct err *err)
{
	struct reading *r = arg;
	return file_read_all(r->path, YAML_MAX_BYTES, &r->text, err);
}

static int co_reload_yaml(struct discovery *d, struct err *err)
{
	int64_t now_ms = reactor_now_ms(d->r);
	if (!d->sd_file || now_ms - d->sd_read_ms < d->sd_reload_ms)
		return 0;
	d->sd_read_ms = now_ms;
	struct reading job = { .path = d->sd_file };
	struct endpoint_yaml *y;
	int rc = co_offload("endpoint config", read_file, &job, err);
	if (rc == 0 && !str_eq(strbuf_str(&job.text), strbuf_str(&d->sd_text)) &&
	    (rc = endpoint_yaml_parse(strbuf_str(&job.text), d->sd_file, &y, err)) == 0) {
		endpoint_yaml_free(d->yaml);
		d->yaml = y;
		struct strbuf old = d->sd_text;
		d->sd_text = job.text;
		job.text = old;
	}
	strbuf_fini(&job.text);
	return rc;
}

/* --- names ------------------------------------------------------------------------- */

static struct lookup *lookup_of(struct discovery *d, const char *name)
{
	for (size_t i = 0; i < d->lookups.n; i++)
		if (strcmp(d->lookups.p[i]->name, name) == 0)
			return d->lookups.p[i];
	struct lookup *l = xcalloc(1, sizeof(*l));
	l->name = xstrdup(name);
	l->provider = dns_provider_new(d->dns);
	*vec_push(&d->lookups) = l;
	return l;
}

/* Looks one name up; suspends. */
static void resolve_main(void *arg)
{
	struct lookup *l = arg;
	const char *name = l->name;
	(void)co_dns_provider_resolve(l->provider, &name, 1, &l->failed);
}

/* Forgets names that nobody wants any more. */
static void drop_unwanted(struct discovery *d)
{
	size_t kept = 0;
	for (size_t i = 0; i < d->lookups.n; i++) {
		if (d->lookups.p[i]->wanted)
			d->lookups.p[kept++] = d->lookups.p[i];
		else
			lookup_free(d, d->lookups.p[i]);
	}
	d->lookups.n = kept;
}

/* Looks up the names that are due, all at the same time. */
static int co_resolve(struct discovery *d, struct err *err)
{
	int64_t now_ms = reactor_now_ms(d->r);
	struct fiber_group g;
	fiber_group_init(&g);
	for (size_t i = 0; i < d->lookups.n; i++) {
		struct lookup *l = d->lookups.p[i];
		l->failed = ERR_NONE;
		if (l->resolved_ms && now_ms - l->resolved_ms < d->dns_interval_ms)
			continue;
		l->resolved_ms = now_ms;
		fiber_group_start(&g, "discovery lookup", resolve_main, l);
	}
	int rc = co_fiber_group_join(&g, err);
	for (size_t i = 0; i < d->lookups.n; i++) {
		struct lookup *l = d->lookups.p[i];
		if (d->results)
			gauge_set(metrics_gauge_with(d->results, METRICS_LABELS(l->name)),
				  (double)dns_provider_count(l->provider, l->name));
		if (l->failed.code && rc == 0)
			rc = err_set(err, (enum err_code)l->failed.code, "%s", l->failed.msg);
	}
	return rc;
}

/* --- the list ------------------------------------------------------------------------ */

/* All entries in upstream's order, files last. */
struct entries {
	VEC(struct endpoint_spec) v;
};

/* Every address counts as a spec of its own with its settings resolved. */
static void gather(struct discovery *d, struct entries *e)
{
	struct endpoint_client unset = ENDPOINT_CLIENT_UNSET;
	const struct endpoint_client *def = &d->yaml->defaults;
	struct endpoint_client global = endpoint_client_is_silent(def) ? endpoint_client_resolve(&unset, &d->client)
								       : endpoint_client_resolve(def, &unset);
	const struct {
		const struct endpoint_spec *p;
		size_t n;
	} lists[] = { { d->yaml->specs, d->yaml->n_specs }, { d->flags.p, d->flags.n } };
	for (size_t k = 0; k < ARRAY_LEN(lists); k++) {
		for (size_t i = 0; i < lists[k].n; i++) {
			struct endpoint_spec *s = vec_push(&e->v);
			*s = lists[k].p[i];
			s->client = endpoint_client_resolve(&lists[k].p[i].client, &global);
		}
	}
	size_t n = 0;
	const char **files = d->files ? file_sd_targets(d->files, &n) : NULL;
	for (size_t i = 0; i < n; i++)
		*vec_push(&e->v) = (struct endpoint_spec){ .address = files[i], .client = global };
	free(files);
}

static bool is_looked_up(const struct endpoint_spec *s)
{
	return !s->group && endpoint_is_dynamic(str_c(s->address));
}

/* Notes which names are wanted now. */
static void want_names(struct discovery *d, const struct entries *e)
{
	for (size_t i = 0; i < d->lookups.n; i++)
		d->lookups.p[i]->wanted = false;
	for (size_t i = 0; i < e->v.n; i++)
		if (is_looked_up(&e->v.p[i]))
			lookup_of(d, e->v.p[i].address)->wanted = true;
	drop_unwanted(d);
}

/* A target of the new snapshot. The snapshot is unlimited, so copies succeed. */
static struct discovery_target target_of(struct discovery *d, const struct endpoint_spec *s, const char *address)
{
	struct discovery_target t = { .spec = *s };
	t.spec.client = endpoint_client_copy(s->client, &d->snapshot);
	t.spec.address = arena_strdup(&d->snapshot, address);
	t.name = s->group ? arena_printf(&d->snapshot, "thanos:///%s", address) : t.spec.address;
	return t;
}

/* By name; equal names in the order of their entries (number `order`). */
struct ordered {
	struct discovery_target t;
	size_t order;
};

static int by_name(const void *a, const void *b)
{
	const struct ordered *x = a, *y = b;
	int d = strcmp(x->t.name, y->t.name);
	return d != 0 ? d : (x->order > y->order) - (x->order < y->order);
}

/* Sorted targets, the last of each name. */
static void take_last(struct discovery *d, struct ordered *o, size_t n)
{
	if (n)
		qsort(o, n, sizeof(*o), by_name);
	d->targets = arena_array(&d->snapshot, n + 1, sizeof(*d->targets));
	d->n_targets = 0;
	for (size_t i = 0; i < n; i++) {
		bool last = i + 1 == n || strcmp(o[i].t.name, o[i + 1].t.name) != 0;
		if (last)
			d->targets[d->n_targets++] = o[i].t;
		else if (d->duplicates)
			counter_inc(d->duplicates);
	}
}

/* Makes the list anew from entries and look-ups. */
static void rebuild(struct discovery *d, const struct entries *e)
{
	VEC(struct ordered) out = { 0 };
	arena_fini(&d->snapshot);
	for (size_t pass = 0; pass < 2; pass++) {
		for (size_t i = 0; i < e->v.n; i++) {
			const struct endpoint_spec *s = &e->v.p[i];
			size_t n = 1;
			const char **addrs = NULL;
			if (is_looked_up(s) != (pass == 1))
				continue;
			if (pass == 1)
				addrs = dns_provider_addresses(lookup_of(d, s->address)->provider, &n);
			for (size_t k = 0; k < n; k++) {
				struct ordered *o = vec_push(&out);
				*o = (struct ordered){ target_of(d, s, addrs ? addrs[k] : s->address), out.n };
			}
			free(addrs);
		}
	}
	take_last(d, out.p, out.n);
	vec_fini(&out);
}

int co_discovery_refresh(struct discovery *d, struct err *err)
{
	struct err later;
	int rc = co_reload_yaml(d, err);
	if (d->files) {
		int rc2 = co_file_sd_refresh(d->files, rc == 0 ? err : &later);
		rc = rc != 0 ? rc : rc2;
	}
	struct entries e = { 0 };
	gather(d, &e);
	want_names(d, &e);
	int rc2 = co_resolve(d, rc == 0 ? err : &later);
	rc = rc != 0 ? rc : rc2;
	rebuild(d, &e);
	vec_fini(&e.v);
	return rc;
}

const struct discovery_target *discovery_targets(struct discovery *d, size_t *ret_n)
{
	*ret_n = d->n_targets;
	return d->targets;
}
