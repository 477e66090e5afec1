#include "base/gosort.h"

#include "unit/unit.h"

#include "base/mem.h"

struct item {
	uint32_t key, id;
};

/* How the keys compare, and what they are. */
enum kind { PLAIN, CONTRADICTING, FALLING };

static bool plain_less(void *arg, const void *px, const void *py)
{
	const struct item *x = px, *y = py;
	(void)arg;
	return x->key < y->key;
}

/* Multiples of seven are less than nothing, and nothing is less than they are. */
static bool contradicting_less(void *arg, const void *px, const void *py)
{
	const struct item *x = px, *y = py;
	return x->key % 7 != 0 && y->key % 7 != 0 && plain_less(arg, px, py);
}

/* A hash of the order that `n` items with keys below `m` end up in. */
static uint32_t order_of(enum kind kind, uint32_t n, uint32_t m)
{
	struct item *items = xcalloc(n, sizeof(*items));
	void **p = xcalloc(n, sizeof(*p));
	uint32_t x = 1, hash = 2166136261u;
	for (uint32_t i = 0; i < n; i++) {
		x = x * 1664525 + 1013904223;
		items[i] = (struct item){ kind == FALLING ? (n - i) / m : (x >> 8) % m, i };
		p[i] = &items[i];
	}
	gosort(p, n, kind == CONTRADICTING ? contradicting_less : plain_less, NULL);
	for (uint32_t i = 0; i < n; i++) {
		const struct item *it = p[i];
		hash = (hash ^ it->id) * 16777619;
		if (kind != CONTRADICTING && i > 0)
			assert_true(((const struct item *)p[i - 1])->key <= it->key);
	}
	free(items);
	free(p);
	return hash;
}

/* Recorded from Go 1.26's slices.SortFunc. */
static void test_equals_and_contradictions_end_up_where_go_has_them(void **state)
{
	static const struct {
		enum kind kind;
		uint32_t n, m, hash;
	} rows[] = {
		{ PLAIN, 13, 3, 0x9b516989 },           { PLAIN, 50, 50, 0xf2611536 },
		{ PLAIN, 5000, 3, 0xa971fd15 },         { PLAIN, 5000, 100000, 0x42bf15fb },
		{ CONTRADICTING, 5, 50, 0x10cf2a85 },   { CONTRADICTING, 12, 50, 0xdbf7f8c5 },
		{ CONTRADICTING, 13, 50, 0xda357e69 },  { CONTRADICTING, 51, 50, 0x64fef2aa },
		{ CONTRADICTING, 200, 50, 0x7dacfc1f }, { CONTRADICTING, 1000, 3, 0x1c21c6fd },
		{ CONTRADICTING, 5000, 50, 0xd134a37 }, { FALLING, 50, 3, 0xc26f5f84 },
		{ FALLING, 200, 3, 0xa10d6513 },        { FALLING, 1000, 50, 0xd91bd405 },
	};
	(void)state;
	for (size_t i = 0; i < ARRAY_LEN(rows); i++)
		if (order_of(rows[i].kind, rows[i].n, rows[i].m) != rows[i].hash)
			fail_msg("row %zu", i);
}

static void test_nothing_and_one_are_sorted(void **state)
{
	struct item one = { 1, 1 };
	void *p[] = { &one };
	(void)state;
	gosort(p, 0, plain_less, NULL);
	gosort(p, 1, plain_less, NULL);
	assert_ptr_equal(p[0], &one);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_equals_and_contradictions_end_up_where_go_has_them),
		cmocka_unit_test(test_nothing_and_one_are_sorted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
