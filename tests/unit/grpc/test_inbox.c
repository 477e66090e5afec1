#include "grpc/inbox.h"

#include "unit/unit.h"

static size_t put_message(uint8_t *out, uint8_t flag, size_t n, uint8_t fill)
{
	out[0] = flag;
	out[1] = (uint8_t)(n >> 24);
	out[2] = (uint8_t)(n >> 16);
	out[3] = (uint8_t)(n >> 8);
	out[4] = (uint8_t)n;
	memset(out + 5, fill, n);
	return n + 5;
}

static void test_messages_come_out_however_they_arrive(void **state)
{
	static uint8_t bytes[200000];
	size_t n = 0;
	for (int i = 0; i < 100; i++)
		n += put_message(bytes + n, i % 2, (size_t)(i * 17 % 1500), (uint8_t)i);
	for (size_t piece = 1; piece < 4000; piece = piece * 3 + 1) {
		struct budget b;
		struct grpc_inbox in;
		budget_init(&b, NULL, "test", BUDGET_UNLIMITED);
		grpc_inbox_init(&in, &b, 2000);
		int got = 0;
		size_t credit = 0;
		for (size_t at = 0; at < n; at += piece) {
			size_t k = piece < n - at ? piece : n - at;
			assert_int_equal(grpc_inbox_push(&in, bytes + at, k, NULL), 0);
			for (;;) {
				struct str m;
				bool coded, found;
				assert_int_equal(grpc_inbox_next(&in, &m, &coded, &found, NULL), 0);
				credit += grpc_inbox_credit(&in, false);
				if (!found)
					break;
				assert_int_equal(m.n, got * 17 % 1500);
				assert_int_equal(coded, got % 2);
				for (size_t j = 0; j < m.n; j++)
					assert_int_equal((uint8_t)m.p[j], got);
				got++;
			}
		}
		assert_int_equal(got, 100);
		assert_int_equal(credit, n);
		grpc_inbox_fini(&in);
		assert_int_equal(b.used, 0);
	}
}

static void test_view_stays_while_more_arrives(void **state)
{
	static uint8_t bytes[70000];
	struct grpc_inbox in;
	struct str m;
	bool coded, found;
	grpc_inbox_init(&in, NULL, 100000);
	size_t n = put_message(bytes, 0, 3000, 7);
	assert_int_equal(grpc_inbox_push(&in, bytes, n, NULL), 0);
	assert_int_equal(grpc_inbox_next(&in, &m, &coded, &found, NULL), 0);
	assert_true(found);
	for (int i = 0; i < 20; i++) {
		n = put_message(bytes, 0, 60000, 9);
		assert_int_equal(grpc_inbox_push(&in, bytes, n, NULL), 0);
	}
	for (size_t j = 0; j < m.n; j++)
		assert_int_equal((uint8_t)m.p[j], 7);
	for (int i = 0; i < 20; i++) {
		assert_int_equal(grpc_inbox_next(&in, &m, &coded, &found, NULL), 0);
		assert_true(found && m.n == 60000 && m.p[59999] == 9);
	}
	grpc_inbox_fini(&in);
}

static void test_window_is_given_back_only_as_messages_are_taken(void **state)
{
	uint8_t bytes[512];
	struct grpc_inbox in;
	struct str m;
	bool coded, found;
	grpc_inbox_init(&in, NULL, 1000);
	size_t n = put_message(bytes, 0, 100, 1);
	put_message(bytes + n, 0, 200, 2);
	assert_int_equal(grpc_inbox_push(&in, bytes, n + 50, NULL), 0);
	assert_int_equal(grpc_inbox_credit(&in, true), 0);
	assert_int_equal(grpc_inbox_next(&in, &m, &coded, &found, NULL), 0);
	assert_int_equal(grpc_inbox_credit(&in, false), 105);
	assert_int_equal(grpc_inbox_credit(&in, false), 0);
	assert_int_equal(grpc_inbox_credit(&in, true), 50);
	assert_int_equal(grpc_inbox_push(&in, bytes + n + 50, 155, NULL), 0);
	assert_int_equal(grpc_inbox_credit(&in, true), 0);
	assert_int_equal(grpc_inbox_next(&in, &m, &coded, &found, NULL), 0);
	assert_true(found);
	assert_int_equal(grpc_inbox_credit(&in, true), 155);
	grpc_inbox_fini(&in);
}

static void test_bad_prefixes_are_refused_before_their_bytes(void **state)
{
	static const struct {
		uint8_t p[5];
		int code;
	} bad[] = { { { 0, 0xff, 0xff, 0xff, 0xff }, -ERR_RESOURCE_EXHAUSTED },
		    { { 0, 0, 0, 4, 1 }, -ERR_RESOURCE_EXHAUSTED },
		    { { 2, 0, 0, 0, 1 }, -ERR_INTERNAL },
		    { { 0x80, 0, 0, 0, 0 }, -ERR_INTERNAL } };
	for (size_t i = 0; i < 4; i++) {
		struct grpc_inbox in;
		struct str m;
		bool coded, found;
		struct err e;
		grpc_inbox_init(&in, NULL, 1024);
		assert_int_equal(grpc_inbox_push(&in, bad[i].p, 5, NULL), 0);
		assert_true(grpc_inbox_ready(&in));
		assert_int_equal(grpc_inbox_next(&in, &m, &coded, &found, &e), bad[i].code);
		grpc_inbox_fini(&in);
	}
}

static void test_memory_is_what_arrived_and_within_budget(void **state)
{
	static uint8_t bytes[20000];
	struct budget b;
	struct grpc_inbox in;
	struct err e;
	budget_init(&b, NULL, "call", 30000);
	grpc_inbox_init(&in, &b, UINT32_MAX);
	put_message(bytes, 0, 0, 0);
	bytes[1] = 0x7f; /* claims 2 GiB */
	assert_int_equal(grpc_inbox_push(&in, bytes, 5, NULL), 0);
	assert_true(b.used < 10000);
	assert_int_equal(grpc_inbox_push(&in, bytes, 9000, &e), 0);
	assert_int_equal(grpc_inbox_push(&in, bytes, 20000, &e), -ERR_RESOURCE_EXHAUSTED);
	grpc_inbox_fini(&in);
	budget_fini(&b);
}

static void test_only_messages_above_the_window_count(void **state)
{
	static uint8_t bytes[20000];
	struct budget b, w;
	struct grpc_inbox in;
	budget_init(&b, NULL, "query", 0);
	budget_init(&w, NULL, "all", 1 << 20);
	grpc_inbox_init(&in, &b, 100000);
	grpc_inbox_set_window(&in, 4096, &w);
	size_t n = put_message(bytes, 0, 16000, 7);
	assert_int_equal(grpc_inbox_push(&in, bytes, 4096, NULL), 0);
	assert_true(w.used >= 4096);
	assert_int_equal(grpc_inbox_push(&in, bytes + 4096, n - 4096, &(struct err){ 0 }), -ERR_RESOURCE_EXHAUSTED);
	b.limit = 1 << 20;
	assert_int_equal(grpc_inbox_push(&in, bytes + 4096, n - 4096, NULL), 0);
	assert_true(b.used >= n);
	grpc_inbox_fini(&in);
	budget_fini(&b);
	budget_fini(&w);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_messages_come_out_however_they_arrive),
		cmocka_unit_test(test_only_messages_above_the_window_count),
		cmocka_unit_test(test_view_stays_while_more_arrives),
		cmocka_unit_test(test_window_is_given_back_only_as_messages_are_taken),
		cmocka_unit_test(test_bad_prefixes_are_refused_before_their_bytes),
		cmocka_unit_test(test_memory_is_what_arrived_and_within_budget),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
