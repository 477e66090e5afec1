/* Series: the slab, the table of keys, making and freeing. */
#include "tsdb/head_int.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/mem.h"
#include "codec/varint.h"

#include <stdlib.h>

_Static_assert(sizeof(struct head_series) == 128, "two cache lines");

/* --- keys ------------------------------------------------------------------------- */

static struct key_shard *shard_of(const struct head *h, struct hash128 key)
{
	return (struct key_shard *)(uintptr_t)&h->shards[key.hi >> 56];
}

/* 32 bits of a key that have nothing to do with its shard. They order the slots of a shard. */
static uint32_t tag_of(struct hash128 key)
{
	return (uint32_t)(key.lo >> 32);
}

static uint32_t home(const struct key_shard *sh, uint32_t tag)
{
	return (uint32_t)((uint64_t)tag * sh->cap >> 32);
}

static bool same_key(struct hash128 a, struct hash128 b)
{
	return a.lo == b.lo && a.hi == b.hi;
}

/* What no labels hash to, nor anybody asks for who has none to hash. */
static const struct hash128 no_key = { UINT64_MAX, UINT64_MAX };

static struct key_alias *alias_at(const struct head *h, uint32_t i)
{
	return &h->aliases.p[i >> ALIAS_PAGE_BITS][i & ((1u << ALIAS_PAGE_BITS) - 1)];
}

static void shard_put(struct key_shard *sh, struct key_slot slot)
{
	uint32_t i = home(sh, slot.tag);
	while (sh->slots[i].name)
		i = i + 1 == sh->cap ? 0 : i + 1;
	sh->slots[i] = slot;
}

static void shard_resize(struct key_shard *sh, uint32_t cap)
{
	struct key_slot *old = sh->slots;
	uint32_t n = sh->cap;
	sh->slots = xcalloc(cap, sizeof(*sh->slots));
	sh->cap = cap;
	for (uint32_t i = 0; i < n; i++) {
		if (old[i].name)
			shard_put(sh, old[i]);
	}
	free(old);
}

static void key_add(struct head *h, struct hash128 key, uint32_t name)
{
	struct key_shard *sh = shard_of(h, key);
	if ((uint64_t)(sh->n + 1) * 5 > (uint64_t)sh->cap * 4)
		shard_resize(sh, sh->cap < 8 ? 8 : sh->cap + sh->cap / 3);
	shard_put(sh, (struct key_slot){ tag_of(key), name });
	sh->n++;
}

/* The series that a slot names, if this is the key of one that is there. */
static struct head_series *named(const struct head *h, uint32_t name, struct hash128 key)
{
	if (UNLIKELY(name & KEY_ALIAS)) {
		const struct key_alias *a = alias_at(h, name & ~KEY_ALIAS);
		return same_key(a->key, key) ? head_by_id(h, a->id) : NULL;
	}
	uint32_t id = name - 1;
	struct head_slab *slab = h->slabs[id >> SLAB_BITS];
	/* The series itself is not touched here. */
	return same_key(slab->key[id & (SLAB_SERIES - 1)], key) ? &slab->s[id & (SLAB_SERIES - 1)] : NULL;
}

struct head_series *head_find(const struct head *h, struct hash128 key)
{
	const struct key_shard *sh = shard_of(h, key);
	uint32_t tag = tag_of(key);
	if (sh->cap == 0)
		return NULL;
	for (uint32_t i = home(sh, tag);; i = i + 1 == sh->cap ? 0 : i + 1) {
		struct key_slot slot = sh->slots[i];
		if (!slot.name)
			return NULL;
		struct head_series *s = slot.tag == tag ? named(h, slot.name, key) : NULL;
		if (s)
			return s;
	}
}

void head_key_forget(struct head *h, uint32_t id)
{
	h->slabs[id >> SLAB_BITS]->key[id & (SLAB_SERIES - 1)] = no_key;
}

/* Whether the series of a slot is gone; an alias is free then. */
static bool slot_dead(struct head *h, struct key_slot slot)
{
	if (!(slot.name & KEY_ALIAS))
		return !head_by_id(h, slot.name - 1);
	uint32_t i = slot.name & ~KEY_ALIAS;
	struct key_alias *a = alias_at(h, i);
	if (head_by_id(h, a->id))
		return false;
	*a = (struct key_alias){ .id = UINT32_MAX, .next = h->free_alias };
	h->free_alias = i + 1;
	return true;
}

void head_shard_sweep(struct head *h, struct key_shard *sh)
{
	uint32_t live = 0;
	for (uint32_t i = 0; i < sh->cap; i++) {
		if (sh->slots[i].name && slot_dead(h, sh->slots[i]))
			sh->slots[i].name = 0;
		live += sh->slots[i].name != 0;
	}
	if (live == sh->n)
		return;
	sh->n = live;
	shard_resize(sh, MAX(8u, live + live / 3 + 2)); /* closes the holes */
}

void head_keys_fini(struct head *h)
{
	for (size_t i = 0; i < KEY_SHARDS; i++)
		free(h->shards[i].slots);
	for (size_t i = 0; i < h->aliases.n; i++)
		free(h->aliases.p[i]);
	vec_fini(&h->aliases);
}

uint64_t head_keys_memory(const struct head *h)
{
	uint64_t n = h->aliases.n * sizeof(struct key_alias) << ALIAS_PAGE_BITS;
	for (size_t i = 0; i < KEY_SHARDS; i++)
		n += h->shards[i].cap * sizeof(struct key_slot);
	return n;
}

void head_series_alias(struct head *h, struct hash128 key, struct head_series *s)
{
	if ((s->app.spare[SPARE_FLAGS] & SERIES_ALIAS_MASK) >= 2 * SERIES_ALIAS || head_find(h, key))
		return;
	uint32_t i = h->free_alias ? h->free_alias - 1 : h->n_aliases++;
	if (h->free_alias)
		h->free_alias = alias_at(h, i)->next;
	else if (i >> ALIAS_PAGE_BITS >= h->aliases.n)
		*vec_push(&h->aliases) = xcalloc(1u << ALIAS_PAGE_BITS, sizeof(struct key_alias));
	*alias_at(h, i) = (struct key_alias){ .key = key, .id = s->id };
	s->app.spare[SPARE_FLAGS] += SERIES_ALIAS;
	key_add(h, key, i | KEY_ALIAS);
}

/* --- looking up ----------------------------------------------------------------------- */

static void fetch_slots(const struct head *h, const struct hash128 *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct key_shard *sh = shard_of(h, keys[i]);
		if (sh->cap)
			__builtin_prefetch(&sh->slots[home(sh, tag_of(keys[i]))]);
	}
}

static void fetch_keys(const struct head *h, const struct hash128 *keys, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		const struct key_shard *sh = shard_of(h, keys[i]);
		uint32_t name = sh->cap ? sh->slots[home(sh, tag_of(keys[i]))].name : 0;
		if (name && !(name & KEY_ALIAS))
			__builtin_prefetch(&h->slabs[(name - 1) >> SLAB_BITS]->key[(name - 1) & (SLAB_SERIES - 1)]);
		else if (name)
			__builtin_prefetch(alias_at(h, name & ~KEY_ALIAS));
	}
}

/* By the table alone. */
static void find_some(const struct head *h, const struct hash128 *keys, size_t n, struct head_series **ret)
{
	fetch_slots(h, keys, n);
	fetch_keys(h, keys, n);
	for (size_t i = 0; i < n; i++)
		ret[i] = head_find(h, keys[i]);
}

/* The id that came after `id` the last time; one that no series has where that is not known. */
static ALWAYS_INLINE uint32_t next_of(const struct head *h, uint32_t id)
{
	const struct head_slab *slab = h->slabs[id >> SLAB_BITS];
	return LIKELY(slab != NULL) ? slab->next[id & (SLAB_SERIES - 1)] : UINT32_MAX;
}

/* The place of `id`, if its key is this one. */
static ALWAYS_INLINE struct head_series *with_key(const struct head *h, uint32_t id, struct hash128 key)
{
	struct head_slab *slab = LIKELY(id >> SLAB_BITS < h->n_slabs) ? h->slabs[id >> SLAB_BITS] : NULL;
	return LIKELY(slab && same_key(slab->key[id & (SLAB_SERIES - 1)], key)) ? &slab->s[id & (SLAB_SERIES - 1)]
										: NULL;
}

/* Of the slab behind that of the last series, where most of the next batch is, what looking up and appending touch. */
static void fetch_next_slab(const struct head *h)
{
	uint32_t at = (h->last_found >> SLAB_BITS) + 1;
	const struct head_slab *slab = at < h->n_slabs ? h->slabs[at] : NULL;
	for (size_t i = offsetof(struct head_slab, ref); slab && i < sizeof(*slab); i += 64)
		__builtin_prefetch((const char *)slab + i);
	for (size_t i = 0; slab && i < SLAB_SERIES; i++)
		__builtin_prefetch(&slab->s[i].app, 1);
}

/*
 * Senders send their series in the same order each time. So the series that came after the last one the last time is tried first:
 * its place is known and, mostly, beside the last one's, while the table of keys is wide and met anywhere.
 */
static void guess_some(struct head *h, const struct hash128 *keys, size_t n, struct head_series **ret)
{
	size_t bad = 0;
	for (size_t i = 0; i < n; i++) {
		uint32_t last = h->last_found, id = next_of(h, last);
		ret[i] = with_key(h, id, keys[i]);
		if (UNLIKELY(!ret[i])) {
			if (bad++ == 0) /* the rest may be others too */
				fetch_slots(h, keys + i, n - i);
			ret[i] = head_find(h, keys[i]);
			if (!ret[i])
				continue;
			id = ret[i]->id;
			if (h->slabs[last >> SLAB_BITS])
				h->slabs[last >> SLAB_BITS]->next[last & (SLAB_SERIES - 1)] = id;
		}
		h->last_found = id;
	}
	if (n > HEAD_LOOKUP_MAX / 2)
		fetch_next_slab(h);
	if (bad > n - bad && bad > 1)
		h->no_guesses = GUESS_PAUSE;
}

/* An open chunk that holds so many bits back stores them with the next sample, if that is not a short one. */
#define STORE_SOON 44

void head_lookup(struct head *h, const struct hash128 *keys, size_t n, struct head_series **ret)
{
	CHECK(n <= HEAD_LOOKUP_MAX);
	if (h->no_guesses || h->n_slabs == 0) {
		h->no_guesses -= h->no_guesses > 0;
		find_some(h, keys, n, ret);
	} else {
		guess_some(h, keys, n, ret);
	}
	for (size_t i = 0; i < n; i++) {
		if (ret[i])
			__builtin_prefetch(&ret[i]->app, 1);
	}
	for (size_t i = 0; i < n; i++) {
		if (ret[i] && ret[i]->app.acc_n >= STORE_SOON)
			__builtin_prefetch((const void *)((uintptr_t)ret[i]->app.buf + ret[i]->app.pos), 1);
	}
}

struct hash128 head_key(struct labels l, struct strbuf *scratch)
{
	strbuf_reset(scratch);
	for (size_t i = 0; i < l.n; i++) {
		struct str name = l.p[i].name, value = l.p[i].value;
		size_t inner = 2 + varint_size(name.n) + name.n + varint_size(value.n) + value.n;
		uint8_t *start = (uint8_t *)strbuf_reserve(scratch, inner + 1 + VARINT_MAX), *p = start;
		*p++ = 0x0a;
		p = varint_put(p, inner);
		*p++ = 0x0a;
		p = varint_put(p, name.n);
		p = (uint8_t *)memcpy(p, name.p, name.n) + name.n;
		*p++ = 0x12;
		p = varint_put(p, value.n);
		if (value.n)
			memcpy(p, value.p, value.n);
		scratch->n += (size_t)(p + value.n - start);
	}
	return hash_bytes128(scratch->n ? scratch->p : "", scratch->n);
}

/* --- series ------------------------------------------------------------------------- */

/* A zeroed place for the next id. */
static struct head_series *slab_place(struct head *h)
{
	uint32_t slab = h->next_id >> SLAB_BITS;
	if (slab >= h->n_slabs) {
		uint32_t n = MAX(16u, h->n_slabs * 2);
		h->slabs = xreallocarray(h->slabs, n, sizeof(*h->slabs));
		memset(h->slabs + h->n_slabs, 0, (n - h->n_slabs) * sizeof(*h->slabs));
		h->n_slabs = n;
	}
	if (!h->slabs[slab]) {
		h->slabs[slab] = aligned_alloc(64, sizeof(**h->slabs));
		CHECK(h->slabs[slab]);
		memset(h->slabs[slab], 0, sizeof(**h->slabs));
		for (uint32_t i = 0; i < SLAB_SERIES; i++) {
			h->slabs[slab]->key[i] = no_key;
			h->slabs[slab]->next[i] = (slab << SLAB_BITS) + i + 1;
		}
	}
	return &h->slabs[slab]->s[h->next_id & (SLAB_SERIES - 1)];
}

/* The symbol of `s` with a reference: `near` if that is its, which saves the search. */
static uint32_t take_symbol(struct head *h, struct str s, uint32_t near)
{
	if (near != SYM_NONE && str_eq(symtab_get(h->symtab, near), s))
		return symtab_ref_again(h->symtab, near);
	uint32_t sym = symtab_ref(h->symtab, s);
	CHECK(sym != SYM_NONE);
	return sym;
}

/* Symbols of all names and values, with a reference each. Most are those of the series made before. */
static uint32_t *take_symbols(struct head *h, struct labels l, uint32_t id)
{
	uint32_t *pairs = xmalloc(l.n * 2 * sizeof(*pairs));
	const struct head_series *near = id ? head_by_id(h, id - 1) : NULL;
	for (size_t i = 0; i < l.n; i++) {
		bool both = near && i < near->n_labels;
		pairs[2 * i] = take_symbol(h, l.p[i].name, both ? near->labels[2 * i] : SYM_NONE);
		pairs[2 * i + 1] = take_symbol(h, l.p[i].value, both ? near->labels[2 * i + 1] : SYM_NONE);
	}
	return pairs;
}

struct head_series *head_series_new(struct head *h, struct hash128 key, struct labels l, uint64_t ref, struct err *err)
{
	if (h->next_id == KEY_ALIAS - 2 || l.n > UINT16_MAX) {
		err_set(err, ERR_RESOURCE_EXHAUSTED,
			l.n > UINT16_MAX ? "series has %zu labels" : "head has used all series numbers (%zu)",
			l.n > UINT16_MAX ? l.n : (size_t)h->next_id);
		return NULL;
	}
	struct head_series *s = slab_place(h);
	s->id = h->next_id++;
	ref = ref ? ref : h->next_ref;
	h->next_ref = MAX(h->next_ref, ref + 1);
	s->n_labels = (uint16_t)l.n;
	s->labels = take_symbols(h, l, s->id);
	s->app.t = INT64_MIN;
	head_postings_add(&h->postings, s->id, s->labels, l.n);
	struct head_slab *slab = h->slabs[s->id >> SLAB_BITS];
	uint8_t place = s->id & (SLAB_SERIES - 1);
	s->app.spare[SPARE_PLACE] = place;
	slab->ref[place] = ref;
	slab->key[place] = key;
	key_add(h, key, s->id + 1);
	h->n_series++;
	h->n_created++;
	return s;
}

void head_series_fini(struct head *h, struct head_series *s)
{
	for (size_t i = 0; i < 2u * s->n_labels; i++)
		symtab_unref(h->symtab, s->labels[i]);
	free(s->labels);
	for (uint32_t i = 0; i < s->n_closed; i++) {
		if (!s->closed[i].in_file)
			head_chunk_free(&s->closed[i]);
	}
	free(s->closed);
	piece_free(s->app.buf);
	hist_app_free(s->hist);
	head_ooo_free(s);
	memset(s, 0, sizeof(*s));
}

int head_series_get(struct head *h, struct hash128 key, struct labels l, struct head_series **ret, bool *ret_created,
		    struct err *err)
{
	*ret = head_find(h, key);
	if (ret_created)
		*ret_created = false;
	if (*ret)
		return 0;
	if (!h->writable)
		return err_set(err, ERR_UNAVAILABLE, "the write-ahead log of %s cannot be written now", h->dir);
	if (h->cfg.max_series && h->n_series >= h->cfg.max_series)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "head holds %llu series, the limit",
			       (unsigned long long)h->n_series);
	*ret = head_series_new(h, key, l, 0, err);
	if (!*ret)
		return -ERR_RESOURCE_EXHAUSTED;
	record_add_series(&h->wal.series, series_ref(*ret), l);
	if (ret_created)
		*ret_created = true;
	return 0;
}

uint32_t head_series_id(const struct head_series *s)
{
	return s->id;
}

struct labels head_series_labels(const struct head *h, const struct head_series *s, struct label *dst)
{
	for (size_t i = 0; i < s->n_labels; i++) {
		dst[i].name = symtab_get(h->symtab, s->labels[2 * i]);
		dst[i].value = symtab_get(h->symtab, s->labels[2 * i + 1]);
	}
	return (struct labels){ dst, s->n_labels };
}
