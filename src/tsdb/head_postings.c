#include "tsdb/head_postings.h"

#include "base/compiler.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Pairs looked at together, so that their slots are fetched at the same time. */
#define ADD_BATCH 32

void head_postings_fini(struct head_postings *p)
{
	for (size_t i = 0; i < p->n_lists; i++) {
		if (p->lists[i].cap)
			free(p->lists[i].p);
	}
	for (size_t i = 0; i < p->names.n; i++)
		vec_fini(&p->names.p[i].lists);
	vec_fini(&p->names);
	free(p->lists);
	free(p->slots);
	free(p->name_slots);
	p->lists = NULL;
	p->slots = p->name_slots = NULL;
	p->n_name_slots = 0;
	p->n_lists = p->cap_lists = p->n_slots = 0;
	p->n_ids = 0;
}

/* Symbols are small dense numbers: mixing spreads them. */
static uint32_t pair_hash(uint32_t name, uint32_t value)
{
	uint64_t x = ((uint64_t)name << 32 | value) * 0x9E3779B97F4A7C15ULL;
	return (uint32_t)(x >> 32) ^ (uint32_t)x >> 7;
}

/* The slot of the pair, or the free one where it belongs. */
static uint32_t *find_slot(const struct head_postings *p, uint32_t name, uint32_t value)
{
	uint32_t mask = p->n_slots - 1;
	for (uint32_t i = pair_hash(name, value) & mask;; i = (i + 1) & mask) {
		uint32_t at = p->slots[i];
		if (at == 0)
			return &p->slots[i];
		const struct posting_list *l = &p->lists[at - 1];
		if (l->value == value && l->name == name)
			return &p->slots[i];
	}
}

static void rehash(struct head_postings *p, uint32_t n_slots)
{
	free(p->slots);
	p->slots = xcalloc(n_slots, sizeof(*p->slots));
	p->n_slots = n_slots;
	for (size_t i = 0; i < p->n_lists; i++)
		*find_slot(p, p->lists[i].name, p->lists[i].value) = (uint32_t)i + 1;
}

/* The slot of a name, or the free one where it belongs. */
static uint32_t *name_slot(const struct head_postings *p, uint32_t name)
{
	uint32_t mask = p->n_name_slots - 1;
	for (uint32_t i = pair_hash(name, 0) & mask;; i = (i + 1) & mask) {
		uint32_t at = p->name_slots[i];
		if (at == 0 || p->names.p[at - 1].name == name)
			return &p->name_slots[i];
	}
}

static void rehash_names(struct head_postings *p, uint32_t n_slots)
{
	free(p->name_slots);
	p->name_slots = xcalloc(n_slots, sizeof(*p->name_slots));
	p->n_name_slots = n_slots;
	for (size_t i = 0; i < p->names.n; i++)
		*name_slot(p, p->names.p[i].name) = (uint32_t)i + 1;
}

static struct posting_name *name_entry(const struct head_postings *p, uint32_t name)
{
	uint32_t at = p->n_name_slots ? *name_slot(p, name) : 0;
	return at ? &p->names.p[at - 1] : NULL;
}

static struct posting_name *name_make(struct head_postings *p, uint32_t name)
{
	struct posting_name *e = name_entry(p, name);
	if (e)
		return e;
	if ((p->names.n + 1) * 2 > p->n_name_slots)
		rehash_names(p, p->n_name_slots ? p->n_name_slots * 2 : 32);
	e = vec_push(&p->names);
	*e = (struct posting_name){ .name = name };
	*name_slot(p, name) = (uint32_t)p->names.n;
	return e;
}

/* A new empty list for the pair, entered under its name. */
static struct posting_list *new_list(struct head_postings *p, uint32_t name, uint32_t value, uint32_t *slot)
{
	if (p->n_lists == p->cap_lists)
		p->lists = vec_grow_(p->lists, &p->cap_lists, p->n_lists + 1, sizeof(*p->lists));
	*vec_push(&name_make(p, name)->lists) = (uint32_t)p->n_lists;
	*slot = (uint32_t)p->n_lists + 1;
	struct posting_list *l = &p->lists[p->n_lists++];
	*l = (struct posting_list){ .name = name, .value = value };
	return l;
}

/* Room for more ids; an old array may still be read, so it is retired. */
static void grow(struct head_postings *p, struct posting_list *l)
{
	uint32_t cap = l->cap ? l->cap + l->cap / 4 + 4 : 6;
	uint32_t *ids = xmalloc(cap * sizeof(*ids));
	memcpy(ids, posting_ids(l), l->n * sizeof(*ids));
	if (l->cap)
		p->retire(p->retire_arg, l->p);
	l->p = ids;
	p->cap_ids += cap - l->cap;
	l->cap = cap;
}

static void push(struct head_postings *p, struct posting_list *l, uint32_t id)
{
	if (l->n == (l->cap ? l->cap : POSTINGS_INLINE))
		grow(p, l);
	(l->cap ? l->p : l->in)[l->n++] = id;
	p->n_ids++;
}

static void add_some(struct head_postings *p, uint32_t id, const uint32_t *pairs, size_t n)
{
	size_t found[ADD_BATCH]; /* numbers: new_list may move the array */
	for (size_t i = 0; i < n; i++)
		__builtin_prefetch(&p->slots[pair_hash(pairs[2 * i], pairs[2 * i + 1]) & (p->n_slots - 1)]);
	for (size_t i = 0; i < n; i++) {
		uint32_t at = p->slots[pair_hash(pairs[2 * i], pairs[2 * i + 1]) & (p->n_slots - 1)];
		if (at)
			__builtin_prefetch(&p->lists[at - 1]);
	}
	for (size_t i = 0; i < n; i++) {
		uint32_t *slot = find_slot(p, pairs[2 * i], pairs[2 * i + 1]);
		struct posting_list *l =
			*slot ? &p->lists[*slot - 1] : new_list(p, pairs[2 * i], pairs[2 * i + 1], slot);
		if (l->cap)
			__builtin_prefetch(&l->p[l->n], 1);
		found[i] = (size_t)(l - p->lists);
	}
	for (size_t i = 0; i < n; i++)
		push(p, &p->lists[found[i]], id);
}

void head_postings_add(struct head_postings *p, uint32_t id, const uint32_t *pairs, size_t n)
{
	while (n) {
		size_t some = MIN(n, (size_t)ADD_BATCH);
		if ((p->n_lists + some) * 4 > (uint64_t)p->n_slots * 3)
			rehash(p, p->n_slots ? p->n_slots * 2 : 64);
		add_some(p, id, pairs, some);
		pairs += 2 * some;
		n -= some;
	}
}

const struct posting_list *head_postings_find(const struct head_postings *p, uint32_t name, uint32_t value)
{
	if (p->n_slots == 0)
		return NULL;
	uint32_t at = *find_slot(p, name, value);
	return at ? &p->lists[at - 1] : NULL;
}

const struct posting_name *head_postings_name(const struct head_postings *p, uint32_t name)
{
	return name_entry(p, name);
}

void head_postings_sweep(struct head_postings *p, size_t i, bool (*dead)(void *arg, uint32_t id), void *arg)
{
	struct posting_list *l = &p->lists[i];
	const uint32_t *ids = posting_ids(l);
	uint32_t live = 0;
	for (uint32_t k = 0; k < l->n; k++)
		live += !dead(arg, ids[k]);
	if (live == l->n)
		return;
	struct posting_list old = *l;
	l->cap = live > POSTINGS_INLINE ? live : 0;
	p->cap_ids -= old.cap - l->cap;
	uint32_t *to = l->cap ? xmalloc(live * sizeof(*to)) : l->in;
	uint32_t n = 0;
	for (uint32_t k = 0; k < old.n; k++) {
		uint32_t id = posting_ids(&old)[k];
		if (!dead(arg, id))
			to[n++] = id;
	}
	if (l->cap)
		l->p = to;
	l->n = n;
	p->n_ids -= old.n - n;
	if (old.cap)
		p->retire(p->retire_arg, old.p);
}

void head_postings_compact(struct head_postings *p)
{
	size_t n = 0;
	for (size_t i = 0; i < p->names.n; i++)
		p->names.p[i].lists.n = 0;
	for (size_t i = 0; i < p->n_lists; i++) {
		struct posting_list *l = &p->lists[i];
		if (l->n == 0)
			continue;
		*vec_push(&name_entry(p, l->name)->lists) = (uint32_t)n;
		p->lists[n++] = *l;
	}
	p->n_lists = n;
	size_t names = 0;
	for (size_t i = 0; i < p->names.n; i++) {
		if (p->names.p[i].lists.n)
			p->names.p[names++] = p->names.p[i];
		else
			vec_fini(&p->names.p[i].lists);
	}
	p->names.n = names;
	rehash_names(p, p->n_name_slots ? p->n_name_slots : 32);
	uint32_t slots = 64;
	while ((uint64_t)slots * 3 < n * 4 + 64)
		slots *= 2;
	rehash(p, slots);
}

uint64_t head_postings_memory(const struct head_postings *p)
{
	uint64_t names = 0;
	for (size_t i = 0; i < p->names.n; i++)
		names += p->names.p[i].lists.cap * sizeof(uint32_t);
	return p->cap_ids * sizeof(uint32_t) + names + p->cap_lists * sizeof(*p->lists) +
	       (uint64_t)p->n_slots * sizeof(*p->slots) + p->names.cap * sizeof(*p->names.p);
}
