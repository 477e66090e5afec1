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

static uint32_t home(const struct key_shard *sh, uint64_t lo)
{
	return (uint32_t)((lo >> 32) * sh->cap >> 32);
}

static void shard_put(struct key_shard *sh, struct key_slot slot)
{
	uint32_t i = home(sh, slot.lo);
	while (sh->slots[i].s)
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
		if (old[i].s)
			shard_put(sh, old[i]);
	}
	free(old);
}

static void key_add(struct head *h, struct hash128 key, struct head_series *s)
{
	struct key_shard *sh = shard_of(h, key);
	if ((uint64_t)(sh->n + 1) * 5 > (uint64_t)sh->cap * 4)
		shard_resize(sh, sh->cap < 8 ? 8 : sh->cap + sh->cap / 3);
	shard_put(sh, (struct key_slot){ key.lo, key.hi, s });
	sh->n++;
}

struct head_series *head_find(const struct head *h, struct hash128 key)
{
	const struct key_shard *sh = shard_of(h, key);
	if (sh->cap == 0)
		return NULL;
	for (uint32_t i = home(sh, key.lo);; i = i + 1 == sh->cap ? 0 : i + 1) {
		const struct key_slot *slot = &sh->slots[i];
		if (!slot->s)
			return NULL;
		/* A removed series keeps its slot until the table is swept. Else the series itself is not touched here. */
		if (slot->lo == key.lo && slot->hi == key.hi && (!h->dead_keys || slot->s->labels))
			return slot->s;
	}
}

void head_shard_sweep(struct key_shard *sh)
{
	uint32_t live = 0;
	for (uint32_t i = 0; i < sh->cap; i++)
		live += sh->slots[i].s && sh->slots[i].s->labels;
	if (live == sh->n)
		return;
	for (uint32_t i = 0; i < sh->cap; i++) {
		if (sh->slots[i].s && !sh->slots[i].s->labels)
			sh->slots[i].s = NULL;
	}
	sh->n = live;
	shard_resize(sh, MAX(8u, live + live / 3 + 2)); /* closes the holes */
}

void head_lookup(struct head *h, const struct hash128 *keys, size_t n, struct head_series **ret)
{
	CHECK(n <= HEAD_LOOKUP_MAX);
	for (size_t i = 0; i < n; i++) {
		const struct key_shard *sh = shard_of(h, keys[i]);
		if (sh->cap)
			__builtin_prefetch(&sh->slots[home(sh, keys[i].lo)]);
	}
	for (size_t i = 0; i < n; i++) {
		ret[i] = head_find(h, keys[i]);
		if (ret[i]) {
			__builtin_prefetch(&ret[i]->app, 1);
			__builtin_prefetch(&ret[i]->next_at);
		}
	}
	for (size_t i = 0; i < n; i++) {
		if (ret[i])
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

void head_series_alias(struct head *h, struct hash128 key, struct head_series *s)
{
	if ((s->app.spare[SPARE_FLAGS] & SERIES_ALIAS_MASK) >= 2 * SERIES_ALIAS || head_find(h, key))
		return;
	s->app.spare[SPARE_FLAGS] += SERIES_ALIAS;
	key_add(h, key, s);
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
		size_t size = SLAB_SERIES * sizeof(struct head_series);
		h->slabs[slab] = aligned_alloc(64, size);
		CHECK(h->slabs[slab]);
		memset(h->slabs[slab], 0, size);
	}
	return &h->slabs[slab][h->next_id & (SLAB_SERIES - 1)];
}

/* Symbols of all names and values, with a reference each. */
static uint32_t *take_symbols(struct head *h, struct labels l)
{
	uint32_t *pairs = xmalloc(l.n * 2 * sizeof(*pairs));
	for (size_t i = 0; i < l.n; i++) {
		pairs[2 * i] = symtab_ref(h->symtab, l.p[i].name);
		pairs[2 * i + 1] = symtab_ref(h->symtab, l.p[i].value);
		CHECK(pairs[2 * i] != SYM_NONE && pairs[2 * i + 1] != SYM_NONE);
	}
	return pairs;
}

struct head_series *head_series_new(struct head *h, struct hash128 key, struct labels l, uint64_t ref, struct err *err)
{
	if (h->next_id == UINT32_MAX - 1 || l.n > UINT16_MAX) {
		err_set(err, ERR_RESOURCE_EXHAUSTED,
			l.n > UINT16_MAX ? "series has %zu labels" : "head has used all series numbers (%zu)",
			l.n > UINT16_MAX ? l.n : (size_t)h->next_id);
		return NULL;
	}
	struct head_series *s = slab_place(h);
	s->id = h->next_id++;
	s->ref = ref ? ref : h->next_ref;
	h->next_ref = MAX(h->next_ref, s->ref + 1);
	s->n_labels = (uint16_t)l.n;
	s->labels = take_symbols(h, l);
	s->app.t = INT64_MIN;
	head_postings_add(&h->postings, s->id, s->labels, l.n);
	key_add(h, key, s);
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
			free(s->closed[i].bytes);
	}
	free(s->closed);
	free(s->app.buf);
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
	record_add_series(&h->wal.series, (*ret)->ref, l);
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
