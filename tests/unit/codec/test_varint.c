#include "unit/unit.h"

#include "codec/varint.h"

static const uint64_t values[] = {
	0,
	1,
	127,
	128,
	300,
	16383,
	16384,
	2097151,
	2097152,
	(1ull << 28) - 1,
	1ull << 28,
	(1ull << 35) - 1,
	1ull << 35,
	(1ull << 42) - 1,
	1ull << 49,
	1ull << 56,
	(1ull << 63) - 1,
	1ull << 63,
	UINT64_MAX,
};

static void test_varint_round_trip(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(values); i++) {
		uint8_t buf[VARINT_MAX + 10] = { 0 };
		uint8_t *e = varint_put(buf, values[i]);
		assert_int_equal(e - buf, varint_size(values[i]));
		uint64_t v;
		assert_ptr_equal(varint_get(buf, e, &v), e);
		assert_true(v == values[i]);
		/* With room behind it another path reads it. */
		assert_ptr_equal(varint_get(buf, buf + sizeof(buf), &v), e);
		assert_true(v == values[i]);
		for (const uint8_t *cut = buf; cut < e; cut++)
			assert_null(varint_get(buf, cut, &v));
	}
}

static void test_varint_bytes_are_those_of_go(void **state)
{
	uint8_t buf[VARINT_MAX];
	assert_int_equal(varint_put(buf, 300) - buf, 2);
	assert_memory_equal(buf, "\xac\x02", 2);
	assert_int_equal(varint_put_signed(buf, -65) - buf, 2);
	assert_memory_equal(buf, "\x81\x01", 2);
}

static void test_varint_over_64_bits_is_refused(void **state)
{
	uint64_t v;
	const uint8_t ten[] = { 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x02, 0 };
	assert_null(varint_get(ten, ten + 11, &v));
	const uint8_t eleven[] = { 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0 };
	assert_null(varint_get(eleven, eleven + 11, &v));
	/* Overlong zero within ten bytes is accepted, as by Go. */
	const uint8_t overlong[] = { 0x80, 0x80, 0x00 };
	assert_ptr_equal(varint_get(overlong, overlong + 3, &v), overlong + 3);
	assert_true(v == 0);
}

static void test_zigzag(void **state)
{
	const int64_t s[] = { 0, -1, 1, -2, INT64_MAX, INT64_MIN };
	const uint64_t u[] = { 0, 1, 2, 3, UINT64_MAX - 1, UINT64_MAX };
	for (size_t i = 0; i < ARRAY_LEN(s); i++) {
		assert_true(zigzag_enc(s[i]) == u[i]);
		assert_true(zigzag_dec(u[i]) == s[i]);
		uint8_t buf[VARINT_MAX];
		int64_t v;
		uint8_t *e = varint_put_signed(buf, s[i]);
		assert_ptr_equal(varint_get_signed(buf, e, &v), e);
		assert_true(v == s[i]);
	}
}

static void test_fixed_width(void **state)
{
	uint8_t b[8];
	be16_put(b, 0x0102);
	assert_memory_equal(b, "\x01\x02", 2);
	assert_int_equal(be16_get(b), 0x0102);
	be32_put(b, 0x01020304);
	assert_memory_equal(b, "\x01\x02\x03\x04", 4);
	assert_int_equal(be32_get(b), 0x01020304);
	be64_put(b, 0x0102030405060708);
	assert_memory_equal(b, "\x01\x02\x03\x04\x05\x06\x07\x08", 8);
	assert_true(be64_get(b) == 0x0102030405060708);
	le32_put(b, 0x01020304);
	assert_memory_equal(b, "\x04\x03\x02\x01", 4);
	assert_int_equal(le32_get(b), 0x01020304);
	le64_put(b, 0x0102030405060708);
	assert_memory_equal(b, "\x08\x07\x06\x05\x04\x03\x02\x01", 8);
	assert_true(le64_get(b) == 0x0102030405060708);
}

static void test_cursor_reads_what_enc_wrote(void **state)
{
	struct strbuf b = { 0 };
	strbuf_add_ch(&b, 7);
	enc_uvarint(&b, 1234567);
	enc_varint(&b, -42);
	enc_be32(&b, 0xdeadbeef);
	enc_be64(&b, 0x1122334455667788);
	enc_uvarint_str(&b, STR("name"));
	struct decbuf d = decbuf_make(b.p, b.n);
	assert_int_equal(decbuf_u8(&d), 7);
	assert_int_equal(decbuf_uvarint(&d), 1234567);
	assert_int_equal(decbuf_varint(&d), -42);
	assert_int_equal(decbuf_be32(&d), 0xdeadbeef);
	assert_true(decbuf_be64(&d) == 0x1122334455667788);
	struct str s = decbuf_uvarint_str(&d);
	assert_true(str_eq_c(s, "name"));
	assert_int_equal(decbuf_left(&d), 0);
	assert_false(d.failed);
	strbuf_fini(&b);
}

static void test_cursor_failure_sticks(void **state)
{
	const uint8_t bytes[] = { 1, 2, 3, 4, 5 };
	struct decbuf d = decbuf_make(bytes, sizeof(bytes));
	assert_int_equal(decbuf_be32(&d), 0x01020304);
	assert_int_equal(decbuf_be32(&d), 0);
	assert_true(d.failed);
	assert_int_equal(decbuf_left(&d), 0);
	assert_int_equal(decbuf_u8(&d), 0);
	assert_null(decbuf_take(&d, 0));
	assert_int_equal(decbuf_uvarint(&d), 0);
	assert_true(d.failed);
}

static void test_cursor_refuses_lengths_beyond_the_end(void **state)
{
	uint8_t bytes[VARINT_MAX + 2] = { 0 };
	uint8_t *e = varint_put(bytes, UINT64_MAX);
	struct decbuf d = decbuf_make(bytes, (size_t)(e - bytes) + 2);
	struct str s = decbuf_uvarint_str(&d);
	assert_int_equal(s.n, 0);
	assert_true(d.failed);
	const uint8_t five[] = { 5 };
	d = decbuf_make(five, 1);
	assert_int_equal(decbuf_uvarint_max(&d, 4), 0);
	assert_true(d.failed);
	d = decbuf_make(NULL, 0);
	assert_int_equal(decbuf_left(&d), 0);
	assert_int_equal(decbuf_be16(&d), 0);
	assert_true(d.failed);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_varint_round_trip),
		cmocka_unit_test(test_varint_bytes_are_those_of_go),
		cmocka_unit_test(test_varint_over_64_bits_is_refused),
		cmocka_unit_test(test_zigzag),
		cmocka_unit_test(test_fixed_width),
		cmocka_unit_test(test_cursor_reads_what_enc_wrote),
		cmocka_unit_test(test_cursor_failure_sticks),
		cmocka_unit_test(test_cursor_refuses_lengths_beyond_the_end),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
