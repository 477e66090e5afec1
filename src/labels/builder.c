#include "labels/builder.h"

#include "base/mem.h"

#include <stdlib.h>

void labels_builder_fini(struct labels_builder *b)
{
	free(b->p);
	*b = (struct labels_builder){ 0 };
}

static void builder_reserve(struct labels_builder *b, size_t n)
{
	if (b->cap >= n)
		return;
	b->cap = MAX(n, b->cap * 2);
	b->p = xreallocarray(b->p, b->cap, sizeof(*b->p));
}

void labels_builder_reset(struct labels_builder *b, struct labels base)
{
	/* `base` may be this builder's own result. */
	if (base.n && base.p == b->p) {
		b->n = base.n;
	} else {
		builder_reserve(b, base.n + 4);
		if (base.n)
			memcpy(b->p, base.p, base.n * sizeof(*b->p));
		b->n = base.n;
	}
	b->n_base = b->n;
	b->dirty = false;
}

/* The entry called `name`, deleted or not: by halves in the base, one by one after it. */
static struct label *builder_find(const struct labels_builder *b, struct str name)
{
	size_t lo = 0, hi = b->n_base;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		int d = str_cmp(b->p[mid].name, name);
		if (d == 0)
			return &b->p[mid];
		if (d < 0)
			lo = mid + 1;
		else
			hi = mid;
	}
	for (size_t i = b->n_base; i < b->n; i++) {
		if (str_eq(b->p[i].name, name))
			return &b->p[i];
	}
	return NULL;
}

void labels_builder_set(struct labels_builder *b, struct str name, struct str value)
{
	struct label *l = builder_find(b, name);
	if (l) {
		l->value = value;
		b->dirty |= value.n == 0;
		return;
	}
	if (value.n == 0)
		return;
	builder_reserve(b, b->n + 1);
	b->p[b->n++] = (struct label){ name, value };
	b->dirty = true;
}

void labels_builder_del(struct labels_builder *b, struct str name)
{
	labels_builder_set(b, name, (struct str){ NULL, 0 });
}

void labels_builder_keep(struct labels_builder *b, const struct str *names, size_t n)
{
	for (size_t i = 0; i < b->n; i++) {
		bool named = false;
		for (size_t j = 0; j < n && !named; j++)
			named = str_eq(b->p[i].name, names[j]);
		if (!named) {
			b->p[i].value = (struct str){ NULL, 0 };
			b->dirty = true;
		}
	}
}

struct str labels_builder_get(const struct labels_builder *b, struct str name)
{
	struct label *l = builder_find(b, name);
	return l ? l->value : (struct str){ NULL, 0 };
}

struct labels labels_builder_labels(struct labels_builder *b)
{
	if (b->dirty) {
		size_t n = 0;
		for (size_t i = 0; i < b->n; i++) {
			if (b->p[i].value.n)
				b->p[n++] = b->p[i];
		}
		label_sort(b->p, n);
		b->n = b->n_base = n;
		b->dirty = false;
	}
	return (struct labels){ b->p, b->n };
}
