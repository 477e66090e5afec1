#include "query/endpoint_info.h"

#include "base/mem.h"
#include "grpc/client.h"
#include "grpc/pb.h"
#include "loop/fiber.h"
#include "net/tls.h"
#include "proto/info.pb-c.h"

#include <stdlib.h>
#include <string.h>

/* Most bytes of one answer, unpacked. */
#define INFO_MAX_BYTES (256u << 20)

struct endpoint_info *endpoint_info_ref(struct endpoint_info *i)
{
	i->refs++;
	return i;
}

void endpoint_info_unref(struct endpoint_info *i)
{
	if (!i || --i->refs > 0)
		return;
	grpc_channel_unref(i->channel);
	tls_ctx_unref(i->tls);
	arena_fini(&i->arena);
	free(i);
}

static struct endpoint_info *info_new(const struct endpoint_peer *p)
{
	struct endpoint_info *i = xcalloc(1, sizeof(*i));
	i->refs = 1;
	arena_init(&i->arena, NULL);
	i->name = arena_strdup(&i->arena, p->name);
	i->strict = p->strict;
	i->group = p->group;
	i->component = "unknown-store-api";
	i->mint = INT64_MIN;
	i->maxt = INT64_MAX;
	i->channel = grpc_channel_ref(p->channel);
	i->tls = p->tls ? tls_ctx_ref(p->tls) : NULL;
	return i;
}

struct endpoint_info *endpoint_info_assume(const struct endpoint_peer *p)
{
	struct endpoint_info *i = info_new(p);
	i->apis = ENDPOINT_STORE;
	return i;
}

/* The names that upstream knows (component.FromString). */
static const char *component_of(const char *said)
{
	static const char *const known[] = { "query", "rule", "sidecar", "store", "receive", "debug" };
	for (size_t i = 0; i < ARRAY_LEN(known); i++)
		if (strcmp(said, known[i]) == 0)
			return known[i];
	return "unknown-store-api";
}

/* A label set of the message, copied; sorted here, for peers are not trusted to have done it. */
static int copy_set(const Thanos__ZLabelSet *z, struct arena *a, struct labels *ret, struct err *err)
{
	size_t n = z ? z->n_labels : 0;
	struct label *p = arena_array(a, n + 1, sizeof(*p));
	if (!p)
		return arena_err(a, err);
	size_t kept = 0;
	for (size_t i = 0; i < n; i++) {
		struct label l = { str_c(z->labels[i]->name), str_c(z->labels[i]->value) };
		if (!l.name.n || !l.value.n)
			continue;
		p[kept++] = l;
	}
	label_sort(p, kept);
	if (labels_check((struct labels){ p, kept }, NULL) != LABELS_OK)
		return err_set(err, ERR_INVALID_ARGUMENT, "Info names a label twice");
	return labels_copy((struct labels){ p, kept }, a, ret, err);
}

static int take_label_sets(struct endpoint_info *i, const Thanos__Info__InfoResponse *r, struct err *err)
{
	struct labels *sets = arena_array(&i->arena, r->n_label_sets + 1, sizeof(*sets));
	if (!sets)
		return arena_err(&i->arena, err);
	for (size_t k = 0; k < r->n_label_sets; k++) {
		int rc = copy_set(r->label_sets[k], &i->arena, &sets[i->n_label_sets], err);
		if (rc != 0)
			return rc;
		i->n_label_sets += sets[i->n_label_sets].n > 0;
	}
	i->label_sets = sets;
	return 0;
}

static int take_store(struct endpoint_info *i, const Thanos__Info__StoreInfo *s, struct err *err)
{
	i->mint = s->min_time;
	i->maxt = s->max_time;
	i->supports_sharding = s->supports_sharding;
	i->supports_without_replica_labels = s->supports_without_replica_labels;
	struct endpoint_tsdb *t = arena_array(&i->arena, s->n_tsdb_infos + 1, sizeof(*t));
	if (!t)
		return arena_err(&i->arena, err);
	for (size_t k = 0; k < s->n_tsdb_infos; k++) {
		const Thanos__Info__TSDBInfo *from = s->tsdb_infos[k];
		t[k].mint = from->min_time;
		t[k].maxt = from->max_time;
		int rc = copy_set(from->labels, &i->arena, &t[k].labels, err);
		if (rc != 0)
			return rc;
	}
	i->tsdbs = t;
	i->n_tsdbs = s->n_tsdb_infos;
	return 0;
}

static int take(struct endpoint_info *i, const Thanos__Info__InfoResponse *r, struct err *err)
{
	i->answered = true;
	i->component = component_of(r->componenttype);
	i->apis = (r->store ? ENDPOINT_STORE : 0) | (r->rules ? ENDPOINT_RULES : 0) |
		  (r->metric_metadata ? ENDPOINT_METADATA : 0) | (r->targets ? ENDPOINT_TARGETS : 0) |
		  (r->exemplars ? ENDPOINT_EXEMPLARS : 0) | (r->query ? ENDPOINT_QUERY : 0) |
		  (r->status ? ENDPOINT_STATUS : 0);
	int rc = take_label_sets(i, r, err);
	return rc == 0 && r->store ? take_store(i, r->store, err) : rc;
}

int co_endpoint_info_ask(const struct endpoint_peer *p, int64_t timeout_ms, struct endpoint_info **ret, struct err *err)
{
	Thanos__Info__InfoRequest req = THANOS__INFO__INFO_REQUEST__INIT;
	Thanos__Info__InfoResponse *resp;
	struct grpc_call_opts opts = { .wait_for_ready = true, .timeout_ms = timeout_ms };
	struct budget limit;
	struct arena a;
	budget_init(&limit, fiber_budget(), "info", INFO_MAX_BYTES);
	arena_init(&a, &limit);
	opts.budget = &limit;
	int rc = co_grpc_unary_pb(p->channel, "/thanos.info.Info/Info", &opts, &req,
				  &thanos__info__info_response__descriptor, &a, (void **)&resp, err);
	if (rc == -ERR_UNIMPLEMENTED)
		rc = err_set(err, ERR_FAILED_PRECONDITION,
			     "cannot obtain metadata: neither info nor store client found");
	if (rc == 0) {
		struct endpoint_info *i = info_new(p);
		rc = take(i, resp, err);
		if (rc == 0)
			*ret = i;
		else
			endpoint_info_unref(i);
	}
	arena_fini(&a);
	budget_fini(&limit);
	return rc;
}

static int by_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

void endpoint_label_sets_print(const struct labels *sets, size_t n, struct strbuf *b)
{
	char **texts = xcalloc(n, sizeof(*texts));
	for (size_t i = 0; i < n; i++) {
		struct strbuf one = { 0 };
		labels_print(sets[i], &one);
		texts[i] = strbuf_steal(&one);
	}
	if (n)
		qsort(texts, n, sizeof(*texts), by_text);
	for (size_t i = 0; i < n; i++) {
		if (i)
			strbuf_add_ch(b, ',');
		strbuf_add_c(b, texts[i]);
		free(texts[i]);
	}
	free(texts);
}
