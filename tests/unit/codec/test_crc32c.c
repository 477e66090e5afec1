#include "unit/unit.h"

#include "codec/crc32c.h"
#include "codec/crc32c_table.h"

/* Bit by bit, straight from the polynomial. */
static uint32_t slow_crc(uint32_t crc, const uint8_t *p, size_t n)
{
	uint32_t c = ~crc;
	for (size_t i = 0; i < n; i++) {
		c ^= p[i];
		for (int k = 0; k < 8; k++)
			c = c >> 1 ^ (c & 1 ? 0x82f63b78 : 0);
	}
	return ~c;
}

static void test_known_values(void **state)
{
	/* RFC 3720, appendix B.4. */
	uint8_t zeros[32] = { 0 }, ones[32], up[32];
	memset(ones, 0xff, sizeof(ones));
	for (int i = 0; i < 32; i++)
		up[i] = (uint8_t)i;
	assert_int_equal(crc32c(0, zeros, 32), 0x8a9136aa);
	assert_int_equal(crc32c(0, ones, 32), 0x62a8ab43);
	assert_int_equal(crc32c(0, up, 32), 0x46dd794e);
	assert_int_equal(crc32c(0, "123456789", 9), 0xe3069283);
	assert_int_equal(crc32c(0, "", 0), 0);
}

static void test_table_follows_from_polynomial(void **state)
{
	for (int k = 0; k < 8; k++)
		for (int b = 0; b < 256; b++) {
			uint8_t bytes[8] = { (uint8_t)b };
			assert_int_equal(crc32c_table[k][b], ~slow_crc(0xffffffff, bytes, (size_t)k + 1));
		}
}

static void test_every_path_agrees_at_every_length_and_offset(void **state)
{
	size_t max = 3 * 1024 * 2 + 3 * 128 * 2 + 23;
	uint8_t *buf = malloc(max + 8);
	uint32_t seed = 1;
	for (size_t i = 0; i < max + 8; i++)
		buf[i] = (uint8_t)((seed = seed * 1664525 + 1013904223) >> 24);
	for (size_t n = 0; n <= max; n += n < 800 ? 1 : 61) {
		const uint8_t *p = buf + n % 8;
		uint32_t want = slow_crc(0, p, n);
		assert_int_equal(crc32c(0, p, n), want);
		assert_int_equal(crc32c_portable(0, p, n), want);
	}
	free(buf);
}

static void test_continues_where_it_stopped(void **state)
{
	uint8_t buf[5000];
	for (size_t i = 0; i < sizeof(buf); i++)
		buf[i] = (uint8_t)(i * 7);
	uint32_t whole = crc32c(0, buf, sizeof(buf));
	for (size_t cut = 0; cut <= sizeof(buf); cut += 97)
		assert_int_equal(crc32c(crc32c(0, buf, cut), buf + cut, sizeof(buf) - cut), whole);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_known_values),
		cmocka_unit_test(test_table_follows_from_polynomial),
		cmocka_unit_test(test_every_path_agrees_at_every_length_and_offset),
		cmocka_unit_test(test_continues_where_it_stopped),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
