/* Relabelling rules as YAML, applied to a few labels. */
#include "labels/relabel_yaml.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct relabel_rules *r = NULL;
	struct err e;
	if (size > 4096 || relabel_rules_parse(str_mem(data, size), "fuzz", LABEL_NAMES_UTF8, 0, &r, &e) < 0)
		return 0;
	struct label l[] = { { STR("__name__"), STR("up") }, { STR("a"), STR("foo-bar") }, { STR("b"), STR("1") } };
	struct labels_builder b = { 0 };
	struct budget budget;
	struct arena a;
	bool keep;
	budget_init(&budget, NULL, "fuzz", 1 << 20);
	arena_init(&a, &budget);
	labels_builder_reset(&b, (struct labels){ l, 3 });
	relabel_apply(r->p, r->n, &b, &a, &keep, &e);
	labels_builder_labels(&b);
	labels_builder_fini(&b);
	arena_fini(&a);
	budget_fini(&budget);
	relabel_rules_free(r);
	return 0;
}
