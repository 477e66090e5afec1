#include "base/hmap.h"

#include "base/mem.h"

#include <stdlib.h>

#define FIRST_SLOTS 16

void hmap_fini(struct hmap *m)
{
	free(m->slots);
	*m = (struct hmap){ 0 };
}

void *hmap_find(const struct hmap *m, uint64_t hash, hmap_eq_fn *eq, const void *key)
{
	if (m->n == 0)
		return NULL;
	for (size_t i = hash & m->mask; m->slots[i].value; i = (i + 1) & m->mask)
		if (m->slots[i].hash == hash && eq(m->slots[i].value, key))
			return m->slots[i].value;
	return NULL;
}

static void place(struct hmap *m, struct hmap_slot s)
{
	size_t i = s.hash & m->mask;
	while (m->slots[i].value)
		i = (i + 1) & m->mask;
	m->slots[i] = s;
}

static void grow(struct hmap *m)
{
	struct hmap old = *m;
	size_t n = old.slots ? (old.mask + 1) * 2 : FIRST_SLOTS;
	m->slots = xcalloc(n, sizeof(*m->slots));
	m->mask = n - 1;
	for (size_t i = 0; old.slots && i <= old.mask; i++)
		if (old.slots[i].value)
			place(m, old.slots[i]);
	free(old.slots);
}

void hmap_add(struct hmap *m, uint64_t hash, void *value)
{
	if (!m->slots || (m->n + 1) * 4 > (m->mask + 1) * 3)
		grow(m);
	place(m, (struct hmap_slot){ hash, value });
	m->n++;
}

/* Moves back every value whose probe sequence passed over the freed slot (Knuth 6.4, algorithm R). */
static void close_gap(struct hmap *m, size_t gap)
{
	for (size_t i = (gap + 1) & m->mask; m->slots[i].value; i = (i + 1) & m->mask) {
		size_t home = m->slots[i].hash & m->mask;
		if (((i - home) & m->mask) < ((i - gap) & m->mask))
			continue;
		m->slots[gap] = m->slots[i];
		gap = i;
	}
	m->slots[gap] = (struct hmap_slot){ 0, NULL };
}

void *hmap_remove(struct hmap *m, uint64_t hash, hmap_eq_fn *eq, const void *key)
{
	if (m->n == 0)
		return NULL;
	for (size_t i = hash & m->mask; m->slots[i].value; i = (i + 1) & m->mask) {
		if (m->slots[i].hash != hash || !eq(m->slots[i].value, key))
			continue;
		void *v = m->slots[i].value;
		close_gap(m, i);
		m->n--;
		return v;
	}
	return NULL;
}

void *hmap_next(const struct hmap *m, size_t *pos)
{
	while (m->slots && *pos <= m->mask) {
		void *v = m->slots[(*pos)++].value;
		if (v)
			return v;
	}
	return NULL;
}
