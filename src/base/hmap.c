#include "base/hmap.h"

#include "base/mem.h"

#include <stdlib.h>

#define FIRST_SLOTS 16

/* Tables of that many slots grow in steps: so many slots of the old one are moved with each addition. */
#define LARGE_SLOTS 4096
#define MOVE_SLOTS 8

/* The value of a slot of the old table that was removed: searches go on behind it. */
static char removed;

void hmap_fini(struct hmap *m)
{
	mem_free_later(m->slots, m->slots ? (m->mask + 1) * sizeof(*m->slots) : 0);
	free(m->old);
	*m = (struct hmap){ 0 };
}

/* The slot of the old table that holds the value, or NULL. */
static struct hmap_slot *find_old(const struct hmap *m, uint64_t hash, hmap_eq_fn *eq, const void *key)
{
	for (size_t i = hash & m->old_mask; m->old[i].value; i = (i + 1) & m->old_mask)
		if (i >= m->old_at && m->old[i].hash == hash && m->old[i].value != &removed && eq(m->old[i].value, key))
			return &m->old[i];
	return NULL;
}

void *hmap_find(const struct hmap *m, uint64_t hash, hmap_eq_fn *eq, const void *key)
{
	if (m->n == 0)
		return NULL;
	for (size_t i = hash & m->mask; m->slots[i].value; i = (i + 1) & m->mask)
		if (m->slots[i].hash == hash && eq(m->slots[i].value, key))
			return m->slots[i].value;
	struct hmap_slot *s = m->old ? find_old(m, hash, eq, key) : NULL;
	return s ? s->value : NULL;
}

static void place(struct hmap *m, struct hmap_slot s)
{
	size_t i = s.hash & m->mask;
	while (m->slots[i].value)
		i = (i + 1) & m->mask;
	m->slots[i] = s;
}

/* Moves what is in the next slots of the old table. */
static void move_some(struct hmap *m, size_t slots)
{
	for (; m->old_at <= m->old_mask && slots; m->old_at++, slots--) {
		struct hmap_slot s = m->old[m->old_at];
		if (s.value && s.value != &removed)
			place(m, s);
	}
	if (m->old_at <= m->old_mask)
		return;
	mem_free_later(m->old, (m->old_mask + 1) * sizeof(*m->old));
	m->old = NULL;
}

static void grow(struct hmap *m)
{
	if (m->old)
		move_some(m, SIZE_MAX);
	m->old = m->slots;
	m->old_mask = m->mask;
	m->old_at = 0;
	size_t n = m->old ? (m->old_mask + 1) * 2 : FIRST_SLOTS;
	m->slots = xcalloc(n, sizeof(*m->slots));
	m->mask = n - 1;
	if (m->old && m->old_mask < LARGE_SLOTS)
		move_some(m, SIZE_MAX);
}

void hmap_add(struct hmap *m, uint64_t hash, void *value)
{
	if (!m->slots || (m->n + 1) * 4 > (m->mask + 1) * 3)
		grow(m);
	if (m->old)
		move_some(m, MOVE_SLOTS);
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
	struct hmap_slot *s = m->old ? find_old(m, hash, eq, key) : NULL;
	if (!s)
		return NULL;
	void *v = s->value;
	s->value = &removed;
	m->n--;
	return v;
}

/* Positions are those of the slots, then those of the old table. */
void *hmap_next(const struct hmap *m, size_t *pos)
{
	size_t n = m->slots ? m->mask + 1 : 0, n_old = m->old ? m->old_mask + 1 : 0;
	while (*pos < n) {
		void *v = m->slots[(*pos)++].value;
		if (v)
			return v;
	}
	while (*pos < n + n_old) {
		size_t i = (*pos)++ - n;
		if (i >= m->old_at && m->old[i].value && m->old[i].value != &removed)
			return m->old[i].value;
	}
	return NULL;
}
