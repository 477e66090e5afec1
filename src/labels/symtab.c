#include "labels/symtab.h"

#include "base/assert.h"
#include "base/hash.h"
#include "base/mem.h"
#include "base/vec.h"

#include <stdlib.h>

/* Entries live in pages, so that growing never copies them. */
#define PAGE_BITS 12
#define PAGE_ENTRIES (1u << PAGE_BITS)
/* The hash table is cut in shards that grow one at a time: no long pause. */
#define SHARD_BITS 8
#define SHARDS (1u << SHARD_BITS)
#define SHARD_MIN_SLOTS 8u
/* Strings up to CLASS_MAX bytes share slabs, in steps of CLASS_STEP; longer ones are their own malloc. */
#define CLASS_STEP 8
#define CLASS_MAX 256
#define CLASSES (CLASS_MAX / CLASS_STEP)
#define SLAB_BYTES ((size_t)64 << 10)

/* A string; a free entry has refs == 0 and links to the next free one through len. */
struct entry {
	char *p;
	uint32_t len;
	uint32_t refs;
};

/* A slot of a shard: 32 bits of the hash and the entry's number, SYM_NONE when free. */
struct slot {
	uint32_t tag;
	uint32_t sym;
};

struct shard {
	struct slot *slots;
	uint32_t mask; /* slots - 1; 0 when there are none */
	uint32_t n;
};

/* A freed piece of a slab. */
struct piece {
	struct piece *next;
};

/* Pieces of one size. */
struct size_class {
	struct piece *freed;
	char *pos, *end;
};

struct symtab {
	struct shard shards[SHARDS];
	VEC(struct entry *) pages;
	uint32_t limit; /* entries in use or free are 1 .. limit - 1 */
	uint32_t free_entry;
	struct size_class classes[CLASSES];
	VEC(char *) slabs;
	struct symtab_stats stats;
};

struct symtab *symtab_new(void)
{
	struct symtab *t = xcalloc(1, sizeof(*t));
	t->limit = 1;
	t->stats.memory_bytes = sizeof(*t);
	return t;
}

static struct entry *entry_at(const struct symtab *t, uint32_t sym)
{
	return &t->pages.p[sym >> PAGE_BITS][sym & (PAGE_ENTRIES - 1)];
}

/* --- string memory -------------------------------------------------------------- */

static char *slab_piece(struct symtab *t, struct size_class *c, size_t size)
{
	if (c->freed) {
		struct piece *f = c->freed;
		c->freed = f->next;
		return (char *)f;
	}
	if ((size_t)(c->end - c->pos) < size) {
		c->pos = xmalloc(SLAB_BYTES);
		c->end = c->pos + SLAB_BYTES;
		*vec_push(&t->slabs) = c->pos;
		t->stats.memory_bytes += SLAB_BYTES;
	}
	char *p = c->pos;
	c->pos += size;
	return p;
}

static size_t class_of(size_t len)
{
	return len ? (len - 1) / CLASS_STEP : 0;
}

static char *string_new(struct symtab *t, struct str s)
{
	char *p;
	if (s.n > CLASS_MAX) {
		p = xmalloc(s.n);
		t->stats.memory_bytes += s.n;
	} else {
		size_t c = class_of(s.n);
		p = slab_piece(t, &t->classes[c], (c + 1) * CLASS_STEP);
	}
	if (s.n)
		memcpy(p, s.p, s.n);
	return p;
}

static void string_free(struct symtab *t, char *p, size_t len)
{
	if (len > CLASS_MAX) {
		free(p);
		t->stats.memory_bytes -= len;
		return;
	}
	struct size_class *c = &t->classes[class_of(len)];
	struct piece *f = (struct piece *)p;
	f->next = c->freed;
	c->freed = f;
}

void symtab_free(struct symtab *t)
{
	if (!t)
		return;
	for (uint32_t sym = 1; sym < t->limit; sym++) {
		struct entry *e = entry_at(t, sym);
		if (e->refs && e->len > CLASS_MAX)
			free(e->p);
	}
	for (size_t i = 0; i < t->slabs.n; i++)
		free(t->slabs.p[i]);
	for (size_t i = 0; i < t->pages.n; i++)
		free(t->pages.p[i]);
	for (size_t i = 0; i < SHARDS; i++)
		free(t->shards[i].slots);
	vec_fini(&t->slabs);
	vec_fini(&t->pages);
	free(t);
}

/* --- hash table ----------------------------------------------------------------- */

static struct shard *shard_of(const struct symtab *t, uint64_t hash)
{
	return (struct shard *)&t->shards[hash >> (64 - SHARD_BITS)];
}

/* The slot that holds `s`, or NULL. */
static struct slot *slot_find(const struct symtab *t, uint64_t hash, struct str s)
{
	struct shard *sh = shard_of(t, hash);
	if (!sh->slots)
		return NULL;
	uint32_t tag = (uint32_t)hash;
	for (uint32_t i = tag & sh->mask;; i = (i + 1) & sh->mask) {
		struct slot *sl = &sh->slots[i];
		if (sl->sym == SYM_NONE)
			return NULL;
		if (sl->tag != tag)
			continue;
		struct entry *e = entry_at(t, sl->sym);
		if (e->len == s.n && (s.n == 0 || memcmp(e->p, s.p, s.n) == 0))
			return sl;
	}
}

static void slot_put(struct shard *sh, struct slot new)
{
	uint32_t i = new.tag & sh->mask;
	while (sh->slots[i].sym != SYM_NONE)
		i = (i + 1) & sh->mask;
	sh->slots[i] = new;
}

static void shard_add(struct symtab *t, struct shard *sh, struct slot new)
{
	uint32_t slots = sh->slots ? sh->mask + 1 : 0;
	if ((uint64_t)(sh->n + 1) * 4 > (uint64_t)slots * 3) {
		struct shard bigger = { .n = sh->n };
		uint32_t want = slots ? slots * 2 : SHARD_MIN_SLOTS;
		bigger.slots = xcalloc(want, sizeof(*bigger.slots));
		bigger.mask = want - 1;
		for (uint32_t i = 0; i < slots; i++) {
			if (sh->slots[i].sym != SYM_NONE)
				slot_put(&bigger, sh->slots[i]);
		}
		free(sh->slots);
		t->stats.memory_bytes += (uint64_t)(want - slots) * sizeof(*bigger.slots);
		*sh = bigger;
	}
	slot_put(sh, new);
	sh->n++;
}

/* Removes a slot and moves later ones of its run back, so that no search stops early. */
static void shard_remove(struct shard *sh, struct slot *sl)
{
	uint32_t hole = (uint32_t)(sl - sh->slots);
	for (uint32_t i = (hole + 1) & sh->mask; sh->slots[i].sym != SYM_NONE; i = (i + 1) & sh->mask) {
		uint32_t home = sh->slots[i].tag & sh->mask;
		if (((i - home) & sh->mask) >= ((i - hole) & sh->mask)) {
			sh->slots[hole] = sh->slots[i];
			hole = i;
		}
	}
	sh->slots[hole].sym = SYM_NONE;
	sh->n--;
}

/* --- entries -------------------------------------------------------------------- */

static uint32_t entry_new(struct symtab *t)
{
	if (t->free_entry) {
		uint32_t sym = t->free_entry;
		t->free_entry = entry_at(t, sym)->len;
		return sym;
	}
	if (t->limit == UINT32_MAX)
		return SYM_NONE;
	if ((t->limit >> PAGE_BITS) >= t->pages.n) {
		*vec_push(&t->pages) = xcalloc(PAGE_ENTRIES, sizeof(struct entry));
		t->stats.memory_bytes += PAGE_ENTRIES * sizeof(struct entry);
	}
	return t->limit++;
}

uint32_t symtab_ref(struct symtab *t, struct str s)
{
	uint64_t hash = hash_str(s);
	struct slot *sl = slot_find(t, hash, s);
	if (sl)
		return symtab_ref_again(t, sl->sym);
	if (s.n > UINT32_MAX)
		return SYM_NONE;
	uint32_t sym = entry_new(t);
	if (sym == SYM_NONE)
		return SYM_NONE;
	*entry_at(t, sym) = (struct entry){ string_new(t, s), (uint32_t)s.n, 1 };
	shard_add(t, shard_of(t, hash), (struct slot){ (uint32_t)hash, sym });
	t->stats.strings++;
	t->stats.string_bytes += s.n;
	return sym;
}

uint32_t symtab_ref_again(struct symtab *t, uint32_t sym)
{
	struct entry *e = entry_at(t, sym);
	CHECK(e->refs > 0 && e->refs < UINT32_MAX);
	e->refs++;
	return sym;
}

void symtab_unref(struct symtab *t, uint32_t sym)
{
	struct entry *e = entry_at(t, sym);
	CHECK(e->refs > 0);
	if (--e->refs)
		return;
	struct str s = str_mem(e->p, e->len);
	uint64_t hash = hash_str(s);
	struct slot *sl = slot_find(t, hash, s);
	CHECK(sl);
	shard_remove(shard_of(t, hash), sl);
	t->stats.strings--;
	t->stats.string_bytes -= s.n;
	string_free(t, e->p, s.n);
	*e = (struct entry){ .len = t->free_entry };
	t->free_entry = sym;
}

uint32_t symtab_find(const struct symtab *t, struct str s)
{
	struct slot *sl = slot_find(t, hash_str(s), s);
	return sl ? sl->sym : SYM_NONE;
}

struct str symtab_get(const struct symtab *t, uint32_t sym)
{
	const struct entry *e = entry_at(t, sym);
	return str_mem(e->p, e->len);
}

uint32_t symtab_refs(const struct symtab *t, uint32_t sym)
{
	return entry_at(t, sym)->refs;
}

uint32_t symtab_limit(const struct symtab *t)
{
	return t->limit;
}

struct symtab_stats symtab_stats(const struct symtab *t)
{
	return t->stats;
}
