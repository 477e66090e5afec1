/* YAML documents: parsed, walked in full, asked for every type. */
#include "text/yaml.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Asks a node for every type; the tree's own count says how many there are at most. */
static size_t walk(struct ynode *n, unsigned depth)
{
	struct err err;
	struct str s;
	bool b;
	int64_t i;
	uint64_t u;
	double d;
	CHECK(depth <= 64);
	if (ynode_str(n, &s, &err) == 0)
		CHECK(s.p[s.n] == '\0');
	(void)ynode_bool(n, &b, &err);
	(void)ynode_i64(n, &i, &err);
	(void)ynode_u64(n, &u, &err);
	(void)ynode_double(n, &d, &err);
	(void)ynode_duration_ms(n, &i, &err);
	(void)ynode_goduration_ns(n, &i, &err);
	(void)ynode_size(n, &u, &err);
	size_t nodes = 1;
	for (uint32_t k = 0; n->kind == YNODE_LIST && k < n->n; k++)
		nodes += walk(n->items[k], depth + 1);
	for (uint32_t k = 0; n->kind == YNODE_MAP && k < n->n; k++)
		nodes += walk(n->pairs[k].value, depth + 1);
	CHECK(nodes <= n->size);
	return nodes;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct yaml_limits limits = { .nodes = 2000 };
	struct ydoc *d;
	struct err err = ERR_NONE;
	int rc = ydoc_parse(str_mem(data, size), "fuzz.yaml", &limits, &d, &err);
	if (rc < 0) {
		CHECK(rc == -err.code && err.msg[0]);
		return 0;
	}
	CHECK(walk(ydoc_root(d), 1) <= 2000);
	(void)ynode_unused(ydoc_root(d), &err);
	ynode_use_all(ydoc_root(d));
	CHECK(ynode_unused(ydoc_root(d), &err) == 0);
	ydoc_free(d);
	return 0;
}
