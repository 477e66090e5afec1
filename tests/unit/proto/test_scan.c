#include "proto/scan.h"

#include "proto/info.pb-c.h"
#include "proto/metadata.pb-c.h"
#include "proto/store.pb-c.h"
#include "proto/wire.h"
#include "unit/unit.h"

static int scan(const ProtobufCMessageDescriptor *d, const char *bytes, size_t n, struct err *e)
{
	*e = ERR_NONE;
	return proto_scan(str_mem(bytes, n), d, NULL, e);
}
#define SCAN(d, lit) scan(&(d), lit, sizeof(lit) - 1, &e)

static void test_broken_messages_are_refused(void **state)
{
	struct err e;
	assert_int_equal(SCAN(thanos__label__descriptor, "\x0a\x01"
							 "a\x12\x01"
							 "b"),
			 0);
	assert_int_equal(SCAN(thanos__label__descriptor, "\x0a\x05"
							 "a"),
			 -ERR_INVALID_ARGUMENT);
	assert_int_equal(SCAN(thanos__label__descriptor, "\x0a\x01\xff"), -ERR_INVALID_ARGUMENT);
	assert_string_equal(e.msg, "proto: thanos.Label.name: invalid UTF-8");
	assert_int_equal(SCAN(thanos__label__descriptor, "\x0a\x03"
							 "a\0b"),
			 -ERR_INVALID_ARGUMENT);
	assert_int_equal(SCAN(thanos__label__descriptor, "\x08\x01"), -ERR_INVALID_ARGUMENT);
	assert_string_equal(e.msg, "proto: thanos.Label.name: wrong wireType");
	assert_int_equal(SCAN(thanos__label__descriptor, "\x98\x06\x01"), 0); /* unknown field 99 */
	assert_int_equal(SCAN(thanos__label__descriptor, "\x9b\x06\x9c\x06"), -ERR_INVALID_ARGUMENT); /* group */
	/* Packed and unpacked aggregates of a SeriesRequest. */
	assert_int_equal(SCAN(thanos__series_request__descriptor, "\x2a\x02\x01\x02\x28\x03"), 0);
	assert_int_equal(SCAN(thanos__series_request__descriptor, "\x2a\x02\x01\x82"), -ERR_INVALID_ARGUMENT);
}

static void test_limits_hold(void **state)
{
	struct err e = ERR_NONE;
	struct proto_limits l = { .max_bytes = 100, .max_depth = 2, .max_fields = 4 };
	const ProtobufCMessageDescriptor *d = &thanos__series_request__descriptor;
	char big[101] = { 0 };
	assert_int_equal(proto_scan(str_mem(big, 101), d, &l, &e), -ERR_RESOURCE_EXHAUSTED);
	assert_int_equal(proto_scan(STR("\x1a\0\x1a\0\x1a\0\x1a\0"), d, &l, &e), 0);
	assert_int_equal(proto_scan(STR("\x1a\0\x1a\0\x1a\0\x1a\0\x1a\0"), d, &l, &e), -ERR_RESOURCE_EXHAUSTED);
	assert_int_equal(proto_scan(STR("\x2a\x05\1\1\1\1\1"), d, &l, &e), -ERR_RESOURCE_EXHAUSTED);
	/* query_hints{func{}} is three deep. */
	assert_int_equal(proto_scan(STR("\x62\0"), d, &l, &e), 0);
	assert_int_equal(proto_scan(STR("\x62\2\x12\0"), d, &l, &e), -ERR_INVALID_ARGUMENT);
}

static void test_unpacked_messages_live_in_the_arena(void **state)
{
	struct arena a;
	struct err e = ERR_NONE;
	struct strbuf b = { 0 };
	Thanos__Info__InfoResponse in = THANOS__INFO__INFO_RESPONSE__INIT, *out;
	Thanos__Info__StoreInfo store = THANOS__INFO__STORE_INFO__INIT;
	in.componenttype = (char *)"receive";
	in.store = &store;
	store.min_time = -7;
	proto_pack(&in, &b);
	arena_init(&a, NULL);
	assert_int_equal(
		proto_unpack(strbuf_str(&b), &thanos__info__info_response__descriptor, NULL, &a, (void **)&out, &e), 0);
	assert_string_equal(out->componenttype, "receive");
	assert_int_equal(out->store->min_time, -7);
	assert_null(out->rules);
	arena_fini(&a);
	strbuf_fini(&b);
}

static void test_amplification_is_stopped_by_the_budget(void **state)
{
	struct budget budget;
	struct arena a;
	struct err e = ERR_NONE;
	struct strbuf b = { 0 };
	void *out;
	for (int i = 0; i < 100000; i++)
		wire_put_str(&b, 3, STR("")); /* empty matchers */
	budget_init(&budget, NULL, "request", 1 << 20);
	arena_init(&a, &budget);
	assert_int_equal(proto_unpack(strbuf_str(&b), &thanos__series_request__descriptor, NULL, &a, &out, &e),
			 -ERR_RESOURCE_EXHAUSTED);
	arena_fini(&a);
	assert_true(budget.peak <= 1 << 20);
	budget_fini(&budget);
	strbuf_fini(&b);
}

static void test_maps_survive(void **state)
{
	struct arena a;
	struct err e = ERR_NONE;
	struct strbuf b = { 0 };
	Thanos__MetricMetadata *out;
	size_t entry = wire_open(&b, 1);
	wire_put_str(&b, 1, STR("up"));
	size_t value = wire_open(&b, 2);
	size_t meta = wire_open(&b, 2);
	wire_put_str(&b, 1, STR("gauge"));
	wire_close(&b, meta);
	wire_close(&b, value);
	wire_close(&b, entry);
	arena_init(&a, NULL);
	assert_int_equal(
		proto_unpack(strbuf_str(&b), &thanos__metric_metadata__descriptor, NULL, &a, (void **)&out, &e), 0);
	assert_int_equal(out->n_metadata, 1);
	assert_string_equal(out->metadata[0]->key, "up");
	assert_string_equal(out->metadata[0]->value->metas[0]->type, "gauge");
	arena_fini(&a);
	strbuf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_broken_messages_are_refused),
		cmocka_unit_test(test_limits_hold),
		cmocka_unit_test(test_unpacked_messages_live_in_the_arena),
		cmocka_unit_test(test_amplification_is_stopped_by_the_budget),
		cmocka_unit_test(test_maps_survive),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
