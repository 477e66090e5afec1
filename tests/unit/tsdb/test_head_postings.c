/* The table of label pairs against a model: lists of all sizes, removal a few at a time while lists grow and are walked. */
#include "tsdb/head_postings.h"

#include "base/mem.h"

#include "unit/unit.h"

#include <stdio.h>
#include <stdlib.h>

static uint64_t seed = 11;

static unsigned rnd(unsigned n)
{
	seed = seed * 6364136223846793005u + 1442695040888963407u;
	return (unsigned)(seed >> 33) % n;
}

#define IDS 60000
#define NAMES 5

/* Value number of name k of a series: one that all have, one of two, of 50, of 5000, and one of its own or of few. */
static unsigned value_of(unsigned id, unsigned k)
{
	static const unsigned kinds[NAMES - 1] = { 1, 2, 50, 5000 };
	return k < NAMES - 1 ? id * 2654435761u % kinds[k] : id % 3 ? id : id % 7;
}

struct rig {
	struct symtab *symtab;
	struct head_postings p;
	bool dead[IDS];
	uint32_t n;      /* ids given out */
	VEC(void *) old; /* retired, as long as somebody reads */
	bool reading;
};

static void retire(void *arg, void *p)
{
	struct rig *r = arg;
	if (r->reading)
		*vec_push(&r->old) = p;
	else
		free(p);
}

static void let_go(struct rig *r)
{
	for (size_t i = 0; i < r->old.n; i++)
		free(r->old.p[i]);
	vec_fini(&r->old);
	r->reading = false;
}

static struct str name_text(unsigned k, char buf[16])
{
	snprintf(buf, 16, "name%u", k);
	return str_c(buf);
}

static struct str value_text(unsigned k, unsigned v, char buf[16])
{
	snprintf(buf, 16, "%u-%u", k, v);
	return str_c(buf);
}

static void add(struct rig *r, uint32_t n)
{
	for (; n > 0 && r->n < IDS; n--) {
		uint32_t pairs[2 * NAMES], id = r->n++;
		char buf[16];
		for (unsigned k = 0; k < NAMES; k++) {
			pairs[2 * k] = symtab_ref(r->symtab, name_text(k, buf));
			pairs[2 * k + 1] = symtab_ref(r->symtab, value_text(k, value_of(id, k), buf));
		}
		head_postings_add(&r->p, id, pairs, NAMES);
		for (unsigned k = 0; k < 2 * NAMES; k++) /* lists keep their symbols by themselves */
			symtab_unref(r->symtab, pairs[k]);
	}
}

static bool is_dead(void *arg, uint32_t id)
{
	return ((struct rig *)arg)->dead[id];
}

/* The list of a pair is that of the model: ids that live, or, before a sweep, also others. */
static void check_list(struct rig *r, unsigned k, unsigned v, bool swept)
{
	char buf[16];
	uint32_t name = symtab_find(r->symtab, name_text(k, buf));
	uint32_t value = symtab_find(r->symtab, value_text(k, v, buf));
	const struct posting_list *l = name && value ? head_postings_find(&r->p, name, value) : NULL;
	uint32_t at = 0, run = 0, met = 0;
	const uint32_t *ids = NULL;
	for (uint32_t id = 0; id < r->n; id++) {
		if (value_of(id, k) != v || (r->dead[id] && swept))
			continue;
		bool there = l && at < l->n && posting_at(l, at) == id;
		assert_true(there || r->dead[id]);
		if (!there)
			continue;
		if (met == run) {
			ids = posting_run(l, at, &run);
			met = 0;
		}
		assert_int_equal(ids[met++], id);
		at++;
	}
	assert_int_equal(at, l ? l->n : 0);
	assert_true(!l || l->n > 0);
}

static void check_some(struct rig *r, bool swept)
{
	check_list(r, 0, 0, swept);
	check_list(r, 1, 1, swept);
	for (unsigned i = 0; i < 6; i++) {
		check_list(r, 2, rnd(50), swept);
		check_list(r, 3, rnd(5000), swept);
		check_list(r, 4, i < 3 ? i : rnd(IDS), swept);
	}
}

/* Names lead to pairs, pairs to names, and the counts agree. */
static void check_chains(struct rig *r)
{
	uint32_t names = 0, pairs = 0;
	uint64_t ids = 0;
	for (uint32_t i = r->p.first_name; i; i = head_postings_at(&r->p, i)->next_name, names++) {
		const struct posting_list *e = head_postings_at(&r->p, i);
		uint32_t n = 0, last = 0;
		assert_ptr_equal(head_postings_name(&r->p, e->name), e);
		for (uint32_t k = e->next; k; last = k, k = head_postings_at(&r->p, k)->next, n++) {
			const struct posting_list *l = head_postings_at(&r->p, k);
			assert_int_equal(l->name, e->name);
			assert_int_equal(l->last, last);
			assert_int_equal(head_postings_number(&r->p, l->name, l->value), k);
			ids += l->n;
		}
		assert_int_equal(e->last, last);
		assert_int_equal(e->n, n);
		pairs += n;
	}
	assert_int_equal(names, r->p.n_names);
	assert_int_equal(pairs, r->p.n_pairs);
	assert_int_equal(ids, r->p.n_ids);
}

static void kill_some(struct rig *r, uint32_t from, uint32_t to, unsigned share)
{
	for (uint32_t id = from; id < to; id++)
		r->dead[id] |= rnd(100) < share;
}

static struct rig *rig_new(void)
{
	struct rig *r = xcalloc(1, sizeof(*r));
	r->symtab = symtab_new();
	r->p.symtab = r->symtab;
	r->p.retire = retire;
	r->p.retire_arg = r;
	return r;
}

static void rig_free(struct rig *r)
{
	let_go(r);
	head_postings_fini(&r->p);
	assert_int_equal(symtab_stats(r->symtab).strings, 0);
	assert_int_equal(head_postings_memory(&r->p), 0);
	symtab_free(r->symtab);
	free(r);
}

static void test_lists_of_all_sizes_hold_what_was_added(void **state)
{
	struct rig *r = rig_new();
	for (int i = 0; i < 12; i++) {
		add(r, IDS / 12);
		check_some(r, true);
	}
	check_chains(r);
	rig_free(r);
}

static void test_removal_a_few_at_a_time_while_lists_grow(void **state)
{
	struct rig *r = rig_new();
	add(r, IDS / 3);
	for (unsigned round = 0; round < 12; round++) {
		/* All of the first, some of the rest: long lists share what comes before the first that goes. */
		kill_some(r, r->n * 2 / 3, r->n, 100);
		kill_some(r, r->n / 2, r->n * 2 / 3, 10);
		if (round == 6)
			kill_some(r, 0, r->n, 100);
		head_postings_sweep_begin(&r->p);
		while (!head_postings_sweep(&r->p, 1 + rnd(3000), is_dead, r))
			add(r, rnd(20));
		check_some(r, true);
		check_chains(r);
		while (!head_postings_reuse(&r->p, 100))
			add(r, 1);
		add(r, IDS / 30);
		check_some(r, true);
		check_chains(r);
	}
	rig_free(r);
}

static void test_a_removal_that_begins_again_loses_nothing(void **state)
{
	struct rig *r = rig_new();
	add(r, IDS / 2);
	for (unsigned round = 0; round < 8; round++) {
		kill_some(r, 0, r->n, 5);
		head_postings_sweep_begin(&r->p);
		for (unsigned i = 0; i < 1 + round * 5; i++)
			(void)head_postings_sweep(&r->p, 997, is_dead, r);
		check_some(r, false);
	}
	head_postings_sweep_begin(&r->p);
	while (!head_postings_sweep(&r->p, 5000, is_dead, r))
		;
	check_some(r, true);
	check_chains(r);
	rig_free(r);
}

/* Somebody walks the lists of a name, and reads a long list, while all else goes on. */
static void test_a_walk_goes_on_over_lists_that_go(void **state)
{
	struct rig *r = rig_new();
	char buf[16];
	add(r, IDS / 2);
	r->reading = true;
	uint32_t all = r->n, met = 0;
	struct posting_list copy = *head_postings_find(&r->p, symtab_find(r->symtab, name_text(0, buf)),
						       symtab_find(r->symtab, value_text(0, 0, buf)));
	uint32_t i = head_postings_name(&r->p, symtab_find(r->symtab, name_text(4, buf)))->next;
	kill_some(r, 0, r->n, 100);
	r->dead[r->n - 1] = r->dead[5000] = false;
	head_postings_sweep_begin(&r->p);
	for (; i; i = head_postings_at(&r->p, i)->next) {
		const struct posting_list *l = head_postings_at(&r->p, i);
		met += l->n > 0 && !r->dead[posting_at(l, l->n - 1)];
		(void)head_postings_sweep(&r->p, 7, is_dead, r);
		add(r, rnd(50) == 0);
	}
	while (!head_postings_sweep(&r->p, 1000, is_dead, r))
		;
	assert_true(met >= 2);
	assert_int_equal(copy.n, all);
	for (uint32_t k = 0; k < copy.n; k++)
		assert_int_equal(posting_at(&copy, k), k);
	check_some(r, true);
	check_chains(r);
	rig_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_lists_of_all_sizes_hold_what_was_added),
		cmocka_unit_test(test_removal_a_few_at_a_time_while_lists_grow),
		cmocka_unit_test(test_a_removal_that_begins_again_loses_nothing),
		cmocka_unit_test(test_a_walk_goes_on_over_lists_that_go),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
