#include "tsdb/head_postings.h"

#include "base/assert.h"
#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

/* Pairs looked at together, so that their slots are fetched at the same time. */
#define ADD_BATCH 32

#define PAGE_LISTS (1u << POSTINGS_PAGE_BITS)
#define SHARD_MIN_SLOTS 16u

_Static_assert(sizeof(struct posting_list) == 32, "two to a cache line");

static bool in_segments(const struct posting_list *l)
{
	return l->cap > HEAD_POSTINGS_SEGMENT;
}

/* Frees the memory of a list from segment number `from` on; through `retire` where readers may hold it. */
static void drop_ids(struct head_postings *p, struct posting_list *l, uint32_t from, bool retire)
{
	void (*drop)(void *arg, void *mem) = p->retire;
	if (!l->cap)
		return;
	for (uint32_t i = from; in_segments(l) && i * HEAD_POSTINGS_SEGMENT < l->n; i++) {
		if (retire)
			drop(p->retire_arg, l->segments[i]);
		else
			free(l->segments[i]);
	}
	if (retire)
		drop(p->retire_arg, l->p);
	else
		free(l->p);
}

static void unref_symbols(struct head_postings *p, const struct posting_list *l)
{
	symtab_unref(p->symtab, l->name);
	if (l->value != SYM_NONE)
		symtab_unref(p->symtab, l->value);
}

void head_postings_fini(struct head_postings *p)
{
	head_postings_sweep_begin(p);
	(void)head_postings_reuse(p, SIZE_MAX);
	for (uint32_t i = 1; i < p->limit; i++) {
		struct posting_list *l = head_postings_at(p, i);
		if (l->n == 0)
			continue; /* it went before */
		unref_symbols(p, l);
		if (l->value != SYM_NONE)
			drop_ids(p, l, 0, false);
	}
	for (size_t i = 0; i < p->pages.n; i++)
		free(p->pages.p[i]);
	vec_fini(&p->pages);
	for (size_t i = 0; i < POSTINGS_SHARDS; i++)
		free(p->shards[i].slots);
	*p = (struct head_postings){ .symtab = p->symtab, .retire = p->retire, .retire_arg = p->retire_arg };
}

/* --- the table of pairs -------------------------------------------------------------- */

/* Symbols are small dense numbers: mixing spreads them. */
static uint64_t pair_hash(uint32_t name, uint32_t value)
{
	uint64_t x = ((uint64_t)name << 32 | value) * 0x9E3779B97F4A7C15ULL;
	x = (x ^ x >> 32) * 0xD6E8FEB86659FD93ULL;
	return x ^ x >> 32;
}

static struct posting_shard *shard_of(const struct head_postings *p, uint64_t hash)
{
	return (struct posting_shard *)(uintptr_t)&p->shards[hash >> 56];
}

static void slot_put(struct posting_shard *sh, struct posting_slot s)
{
	uint32_t i = s.tag & sh->mask;
	while (sh->slots[i].number)
		i = (i + 1) & sh->mask;
	sh->slots[i] = s;
}

static void shard_add(struct head_postings *p, uint64_t hash, uint32_t number)
{
	struct posting_shard *sh = shard_of(p, hash);
	uint32_t n_slots = sh->slots ? sh->mask + 1 : 0;
	if ((uint64_t)(sh->n + 1) * 4 > (uint64_t)n_slots * 3) {
		struct posting_shard bigger = { .mask = (n_slots ? n_slots * 2 : SHARD_MIN_SLOTS) - 1, .n = sh->n };
		bigger.slots = xcalloc((size_t)bigger.mask + 1, sizeof(*bigger.slots));
		for (uint32_t i = 0; i < n_slots; i++)
			if (sh->slots[i].number)
				slot_put(&bigger, sh->slots[i]);
		free(sh->slots);
		p->n_slots += bigger.mask + 1 - n_slots;
		*sh = bigger;
	}
	slot_put(sh, (struct posting_slot){ (uint32_t)hash, number });
	sh->n++;
}

/* Removes a list from its shard and moves later slots of its run back, so that no search stops early. */
static void shard_remove(struct head_postings *p, uint32_t number)
{
	const struct posting_list *l = head_postings_at(p, number);
	uint64_t hash = pair_hash(l->name, l->value);
	struct posting_shard *sh = shard_of(p, hash);
	uint32_t hole = (uint32_t)hash & sh->mask;
	while (sh->slots[hole].number != number)
		hole = (hole + 1) & sh->mask;
	for (uint32_t i = (hole + 1) & sh->mask; sh->slots[i].number; i = (i + 1) & sh->mask) {
		uint32_t home = sh->slots[i].tag & sh->mask;
		if (((i - home) & sh->mask) >= ((i - hole) & sh->mask)) {
			sh->slots[hole] = sh->slots[i];
			hole = i;
		}
	}
	sh->slots[hole].number = 0;
	sh->n--;
}

static uint32_t find(const struct head_postings *p, uint64_t hash, uint32_t name, uint32_t value)
{
	const struct posting_shard *sh = shard_of(p, hash);
	if (!sh->slots)
		return 0;
	for (uint32_t i = (uint32_t)hash & sh->mask;; i = (i + 1) & sh->mask) {
		const struct posting_slot *s = &sh->slots[i];
		if (!s->number)
			return 0;
		if (s->tag != (uint32_t)hash)
			continue;
		const struct posting_list *l = head_postings_at(p, s->number);
		if (l->value == value && l->name == name)
			return s->number;
	}
}

uint32_t head_postings_number(const struct head_postings *p, uint32_t name, uint32_t value)
{
	return find(p, pair_hash(name, value), name, value);
}

const struct posting_list *head_postings_find(const struct head_postings *p, uint32_t name, uint32_t value)
{
	uint32_t number = head_postings_number(p, name, value);
	return number ? head_postings_at(p, number) : NULL;
}

const struct posting_list *head_postings_name(const struct head_postings *p, uint32_t name)
{
	return head_postings_find(p, name, SYM_NONE);
}

/* --- making and removing lists ---------------------------------------------------------- */

/* A number whose place is free. */
static uint32_t take_number(struct head_postings *p)
{
	uint32_t number = p->free;
	if (number) {
		p->free = head_postings_at(p, number)->in[1];
		return number;
	}
	p->limit += p->limit == 0; /* 0 means none */
	CHECK(p->limit < UINT32_MAX);
	if (p->limit >> POSTINGS_PAGE_BITS >= p->pages.n)
		*vec_push(&p->pages) = xcalloc(PAGE_LISTS, sizeof(struct posting_list));
	return p->limit++;
}

/* A new entry in the table. */
static uint32_t new_entry(struct head_postings *p, uint64_t hash, uint32_t name, uint32_t value)
{
	uint32_t number = take_number(p);
	*head_postings_at(p, number) = (struct posting_list){ .name = name, .value = value };
	symtab_ref_again(p->symtab, name);
	if (value != SYM_NONE)
		symtab_ref_again(p->symtab, value);
	shard_add(p, hash, number);
	return number;
}

static uint32_t name_make(struct head_postings *p, uint32_t name)
{
	uint64_t hash = pair_hash(name, SYM_NONE);
	uint32_t number = find(p, hash, name, SYM_NONE);
	if (number)
		return number;
	number = new_entry(p, hash, name, SYM_NONE);
	if (p->first_name)
		head_postings_at(p, p->first_name)->last_name = number;
	head_postings_at(p, number)->next_name = p->first_name;
	p->first_name = number;
	p->n_names++;
	return number;
}

/* A new empty list for the pair, the last one of its name. */
static uint32_t new_list(struct head_postings *p, uint64_t hash, uint32_t name, uint32_t value)
{
	uint32_t of = name_make(p, name), number = new_entry(p, hash, name, value);
	struct posting_list *l = head_postings_at(p, number), *e = head_postings_at(p, of);
	l->last = e->last;
	if (e->last)
		head_postings_at(p, e->last)->next = number;
	else
		e->next = number;
	e->last = number;
	e->n++;
	p->n_pairs++;
	return number;
}

/* Keeps number and symbols until nobody walks; and what a walk needs to go on, `next` and next_name. */
static void put_emptied(struct head_postings *p, uint32_t number)
{
	struct posting_list *l = head_postings_at(p, number);
	l->n = l->cap = 0;
	l->in[1] = p->emptied;
	p->emptied = number;
}

static void remove_name(struct head_postings *p, uint32_t number)
{
	struct posting_list *e = head_postings_at(p, number);
	shard_remove(p, number);
	if (e->last_name)
		head_postings_at(p, e->last_name)->next_name = e->next_name;
	else
		p->first_name = e->next_name;
	if (e->next_name)
		head_postings_at(p, e->next_name)->last_name = e->last_name;
	p->n_names--;
	put_emptied(p, number);
}

static void remove_list(struct head_postings *p, uint32_t number)
{
	struct posting_list *l = head_postings_at(p, number);
	uint32_t of = head_postings_number(p, l->name, SYM_NONE);
	struct posting_list *e = head_postings_at(p, of);
	shard_remove(p, number);
	*(l->last ? &head_postings_at(p, l->last)->next : &e->next) = l->next;
	*(l->next ? &head_postings_at(p, l->next)->last : &e->last) = l->last;
	e->n--;
	p->n_pairs--;
	put_emptied(p, number);
	if (e->n == 0)
		remove_name(p, of);
}

bool head_postings_reuse(struct head_postings *p, size_t budget)
{
	for (; p->emptied && budget; budget--) {
		uint32_t number = p->emptied;
		struct posting_list *l = head_postings_at(p, number);
		unref_symbols(p, l);
		p->emptied = l->in[1];
		l->in[1] = p->free;
		p->free = number;
	}
	return !p->emptied;
}

/* --- ids ----------------------------------------------------------------------------------- */

/* Room for more ids in one array; the old one may still be read, so it is retired. */
static void grow_array(struct head_postings *p, struct posting_list *l)
{
	uint32_t cap = l->cap ? l->cap + l->cap / 4 + 4 : 6;
	cap = MIN(cap, HEAD_POSTINGS_SEGMENT);
	uint32_t *ids = xmalloc(cap * sizeof(*ids)), n;
	memcpy(ids, posting_run(l, 0, &n), l->n * sizeof(*ids));
	if (l->cap)
		p->retire(p->retire_arg, l->p);
	l->p = ids;
	p->cap_ids += cap - l->cap;
	l->cap = cap;
}

/* Begins another segment; a full array becomes the first one. */
static void grow_segments(struct head_postings *p, struct posting_list *l)
{
	if (l->n == l->cap) {
		uint32_t n = l->cap / HEAD_POSTINGS_SEGMENT,
			 more = MIN(MAX(n * 2, 4u), UINT32_MAX / HEAD_POSTINGS_SEGMENT);
		uint32_t **segments = xmalloc(more * sizeof(*segments));
		CHECK(more > n);
		if (in_segments(l)) {
			memcpy(segments, l->segments, n * sizeof(*segments));
			p->retire(p->retire_arg, l->segments);
		} else {
			segments[0] = l->p;
		}
		l->segments = segments;
		l->cap = more * HEAD_POSTINGS_SEGMENT;
	}
	l->segments[l->n / HEAD_POSTINGS_SEGMENT] = xmalloc(HEAD_POSTINGS_SEGMENT * sizeof(uint32_t));
	p->cap_ids += HEAD_POSTINGS_SEGMENT;
}

static void push(struct head_postings *p, struct posting_list *l, uint32_t id)
{
	if (l->cap > HEAD_POSTINGS_SEGMENT || l->n == HEAD_POSTINGS_SEGMENT) {
		if (l->n % HEAD_POSTINGS_SEGMENT == 0)
			grow_segments(p, l);
		l->segments[l->n / HEAD_POSTINGS_SEGMENT][l->n % HEAD_POSTINGS_SEGMENT] = id;
		l->n++;
		return;
	}
	if (l->n == (l->cap ? l->cap : POSTINGS_INLINE))
		grow_array(p, l);
	(l->cap ? l->p : l->in)[l->n++] = id;
}

/* Where the next id of a list goes. */
static void prefetch_end(const struct posting_list *l)
{
	if (in_segments(l) && l->n % HEAD_POSTINGS_SEGMENT)
		__builtin_prefetch(&l->segments[l->n / HEAD_POSTINGS_SEGMENT][l->n % HEAD_POSTINGS_SEGMENT], 1);
	else if (l->cap && !in_segments(l))
		__builtin_prefetch(&l->p[l->n], 1);
}

static void add_some(struct head_postings *p, uint32_t id, const uint32_t *pairs, size_t n)
{
	uint64_t hash[ADD_BATCH];
	uint32_t number[ADD_BATCH];
	for (size_t i = 0; i < n; i++) {
		hash[i] = pair_hash(pairs[2 * i], pairs[2 * i + 1]);
		const struct posting_shard *sh = shard_of(p, hash[i]);
		if (sh->slots)
			__builtin_prefetch(&sh->slots[(uint32_t)hash[i] & sh->mask]);
	}
	for (size_t i = 0; i < n; i++) {
		const struct posting_shard *sh = shard_of(p, hash[i]);
		uint32_t first = sh->slots ? sh->slots[(uint32_t)hash[i] & sh->mask].number : 0;
		if (first)
			__builtin_prefetch(head_postings_at(p, first), 1);
	}
	for (size_t i = 0; i < n; i++) {
		number[i] = find(p, hash[i], pairs[2 * i], pairs[2 * i + 1]);
		if (!number[i])
			number[i] = new_list(p, hash[i], pairs[2 * i], pairs[2 * i + 1]);
		else
			prefetch_end(head_postings_at(p, number[i]));
	}
	for (size_t i = 0; i < n; i++)
		push(p, head_postings_at(p, number[i]), id);
	p->n_ids += n;
}

void head_postings_add(struct head_postings *p, uint32_t id, const uint32_t *pairs, size_t n)
{
	while (n) {
		size_t some = MIN(n, (size_t)ADD_BATCH);
		add_some(p, id, pairs, some);
		pairs += 2 * some;
		n -= some;
	}
}

/* --- removing ids ------------------------------------------------------------------------------ */

void head_postings_sweep_begin(struct head_postings *p)
{
	struct posting_sweep *s = &p->sweep;
	if (s->copying) {
		uint32_t n = s->out.n;
		p->cap_ids -= in_segments(&s->out)
				      ? ((n - 1) / HEAD_POSTINGS_SEGMENT + 1 - s->shared) * HEAD_POSTINGS_SEGMENT
				      : s->out.cap;
		drop_ids(p, &s->out, s->shared, false);
	}
	*s = (struct posting_sweep){ .number = 1 };
}

/* The first id that goes was met: the others so far are the beginning of a new list. Full segments are in both. */
static void begin_copy(struct head_postings *p, const struct posting_list *l)
{
	struct posting_sweep *s = &p->sweep;
	s->copying = true;
	s->out = (struct posting_list){ .n = 0 };
	s->shared = in_segments(l) ? s->at / HEAD_POSTINGS_SEGMENT : 0;
	if (s->shared) {
		s->out.segments = xmalloc((l->cap / HEAD_POSTINGS_SEGMENT) * sizeof(*l->segments));
		memcpy(s->out.segments, l->segments, s->shared * sizeof(*l->segments));
		s->out.n = s->shared * HEAD_POSTINGS_SEGMENT;
		s->out.cap = l->cap;
	}
	for (uint32_t i = s->out.n; i < s->at; i++)
		push(p, &s->out, posting_at(l, i));
}

/* The new list takes the place of the old one. */
static void end_copy(struct head_postings *p, struct posting_list *l)
{
	struct posting_sweep *s = &p->sweep;
	struct posting_list old = *l;
	p->n_ids -= old.n - s->out.n;
	p->cap_ids -= in_segments(&old) ? ((old.n - 1) / HEAD_POSTINGS_SEGMENT + 1 - s->shared) * HEAD_POSTINGS_SEGMENT
					: old.cap;
	l->n = s->out.n;
	l->cap = s->out.cap;
	memcpy(l->in, s->out.in, sizeof(l->in));
	s->copying = false;
	drop_ids(p, &old, s->shared, true);
	if (l->n == 0)
		remove_list(p, s->number);
}

/* Looks at some ids of a list; returns how many. */
static size_t sweep_some(struct head_postings *p, struct posting_list *l, size_t budget,
			 bool (*dead)(void *arg, uint32_t id), void *arg)
{
	struct posting_sweep *s = &p->sweep;
	uint32_t n, from = s->at;
	const uint32_t *ids = posting_run(l, s->at, &n);
	n = (uint32_t)MIN((size_t)n, budget);
	for (uint32_t i = 0; i < n; i++, s->at++) {
		bool is_dead = dead(arg, ids[i]);
		if (is_dead && !s->copying)
			begin_copy(p, l);
		if (!is_dead && s->copying)
			push(p, &s->out, ids[i]);
	}
	return s->at - from;
}

bool head_postings_sweep(struct head_postings *p, size_t budget, bool (*dead)(void *arg, uint32_t id), void *arg)
{
	struct posting_sweep *s = &p->sweep;
	for (size_t work = 0; s->number < p->limit; s->number++) {
		struct posting_list *l = head_postings_at(p, s->number);
		while (l->value != SYM_NONE && s->at < l->n && work < budget)
			work += sweep_some(p, l, budget - work, dead, arg);
		if (work >= budget && l->value != SYM_NONE && s->at < l->n)
			return false;
		if (s->copying)
			end_copy(p, l);
		s->at = 0;
		if (++work >= budget) {
			s->number++;
			return s->number >= p->limit;
		}
	}
	return true;
}

uint64_t head_postings_memory(const struct head_postings *p)
{
	return p->cap_ids * sizeof(uint32_t) + p->n_slots * sizeof(struct posting_slot) +
	       p->pages.n * PAGE_LISTS * sizeof(struct posting_list);
}
