#include "config.h"

#include "base/mem.h"
#include "base/pieces.h"

#include "unit/unit.h"

#include <pthread.h>
#include <stdlib.h>

#define N 100000

struct held {
	unsigned char *p;
	size_t n;
};

static uint64_t next(uint64_t *seed)
{
	*seed = *seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return *seed >> 33;
}

static void check(const struct held *h, size_t i)
{
	for (size_t k = 0; k < h->n; k++)
		assert_int_equal(h->p[k], (unsigned char)(i + k));
}

static void fill(struct held *h, size_t i, size_t n)
{
	h->p = piece_new(n);
	h->n = n;
	assert_int_equal((uintptr_t)h->p % 8, 0);
	for (size_t k = 0; k < n; k++)
		h->p[k] = (unsigned char)(i + k);
}

/* Random sizes come and go; nobody writes into another's bytes. */
static void *churn(void *arg)
{
	uint64_t seed = (uintptr_t)arg;
	struct held *h = xcalloc(500, sizeof(*h));
	for (size_t round = 0; round < N / 5; round++) {
		size_t i = next(&seed) % 500;
		if (h[i].p)
			check(&h[i], i);
		piece_free(h[i].p);
		h[i].p = NULL;
		if (next(&seed) % 4)
			fill(&h[i], i, 1 + next(&seed) % (round % 3 ? 200 : PIECE_MAX));
	}
	for (size_t i = 0; i < 500; i++) {
		if (h[i].p)
			check(&h[i], i);
		piece_free(h[i].p);
	}
	free(h);
	return NULL;
}

static void test_pieces_do_not_overlap(void **state)
{
	pthread_t t;
	assert_int_equal(pthread_create(&t, NULL, churn, (void *)1), 0);
	churn((void *)2);
	assert_int_equal(pthread_join(t, NULL), 0);
	piece_free(NULL);
}

#ifndef TH_SANITIZERS
/* All grow by a step one after the other, again and again: what the first leave is used by the later ones. */
static void test_memory_follows_what_grows(void **state)
{
	struct held *h = xcalloc(N, sizeof(*h));
	uint64_t used, kept;
	for (size_t i = 0; i < N; i++)
		fill(&h[i], i, 64);
	for (size_t size = 96; size <= 512; size += 32) {
		for (size_t i = 0; i < N; i++) {
			struct held old = h[i];
			fill(&h[i], i, size);
			piece_free(old.p);
		}
		piece_stats(&used, &kept);
		assert_true(used <= N * size * 21 / 20 + 65536);
		assert_true(used + kept <= N * size * 21 / 20 + 2 * (1 << 20));
	}
	for (size_t i = 0; i < N; i++) {
		check(&h[i], i);
		piece_free(h[i].p);
	}
	piece_stats(&used, &kept);
	assert_int_equal(used, 0);
	free(h);
}
#endif

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_pieces_do_not_overlap),
#ifndef TH_SANITIZERS
		cmocka_unit_test(test_memory_follows_what_grows),
#endif
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
