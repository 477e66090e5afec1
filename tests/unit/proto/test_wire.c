#include "proto/wire.h"

#include "proto/store.pb-c.h"
#include "unit/unit.h"

static const char *fault_of(const char *bytes, size_t n)
{
	struct wire w = wire_begin(str_mem(bytes, n));
	struct wire_field f;
	while (wire_next(&w, &f))
		;
	return w.fault;
}
#define FAULT(lit) fault_of(lit, sizeof(lit) - 1)

static void test_malformed_bytes_are_named(void **state)
{
	assert_null(FAULT(""));
	assert_null(FAULT("\x08\x96\x01"));
	assert_string_equal(FAULT("\x08"), "unexpected EOF");
	assert_string_equal(FAULT("\x08\x80"), "unexpected EOF");
	assert_string_equal(FAULT("\x08\xff\xff\xff\xff\xff\xff\xff\xff\xff\xff\x01"), "integer overflow");
	assert_string_equal(FAULT("\x0a\x05"
				  "abc"),
			    "unexpected EOF");
	assert_string_equal(FAULT("\x0a\xff\xff\xff\xff\xff\xff\xff\xff\x7f"), "unexpected EOF");
	assert_string_equal(FAULT("\x00\x01"), "illegal tag");
	assert_string_equal(FAULT("\x80\x80\x80\x80\x80\x01\x01"), "illegal tag");
	assert_string_equal(FAULT("\x0b\x0c"), "illegal wireType");
	assert_string_equal(FAULT("\x0e"), "illegal wireType");
	assert_string_equal(FAULT("\x09"
				  "1234567"),
			    "unexpected EOF");
	assert_string_equal(FAULT("\x0d"
				  "123"),
			    "unexpected EOF");
	assert_null(FAULT("\x0d"
			  "1234"));
}

static void test_what_is_written_protobuf_c_reads(void **state)
{
	struct strbuf b = { 0 };
	wire_put_int_opt(&b, 1, -5);
	wire_put_int_opt(&b, 2, 0);
	size_t m = wire_open(&b, 12);
	wire_put_int_opt(&b, 1, 1000);
	size_t g = wire_open(&b, 4);
	wire_put_bool_opt(&b, 1, true);
	for (int i = 0; i < 50; i++)
		wire_put_str(&b, 3, STR("label"));
	wire_close(&b, g);
	wire_close(&b, m);
	wire_put_str(&b, 14, STR("replica"));
	Thanos__SeriesRequest *r = thanos__series_request__unpack(NULL, b.n, (uint8_t *)b.p);
	assert_non_null(r);
	assert_int_equal(r->min_time, -5);
	assert_int_equal(r->query_hints->step_millis, 1000);
	assert_true(r->query_hints->grouping->by);
	assert_int_equal(r->query_hints->grouping->n_labels, 50);
	assert_string_equal(r->without_replica_labels[0], "replica");
	thanos__series_request__free_unpacked(r, NULL);
	strbuf_fini(&b);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_malformed_bytes_are_named),
		cmocka_unit_test(test_what_is_written_protobuf_c_reads),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
