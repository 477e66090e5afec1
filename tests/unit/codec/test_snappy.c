#include "codec/snappy.h"

#include "codec/varint.h"

#include "unit/unit.h"

/* Text that compresses somewhat. */
static struct strbuf sample_text(size_t n)
{
	struct strbuf b = { 0 };
	for (unsigned i = 0; b.n < n; i++)
		strbuf_printf(&b, "metric_%u{instance=\"host-%u\"} %u\n", i % 17, i % 5, i * 2654435761u);
	b.n = n;
	return b;
}

static void test_block_round_trip(void **state)
{
	size_t sizes[] = { 0, 1, 60, 1000, 65536, 65537, 300000 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct strbuf in = sample_text(sizes[i]), z = { 0 }, out = { 0 };
		struct arena a;
		struct str got;
		arena_init(&a, NULL);
		assert_int_equal(codec_snappy_compress_add(str_mem(in.p, in.n), &z, NULL), 0);
		assert_true(z.n <= codec_snappy_bound(in.n));
		assert_int_equal(codec_snappy_uncompress(strbuf_str(&z), in.n, &a, &got, NULL), 0);
		assert_true(str_eq(got, strbuf_str(&in)));
		assert_int_equal(codec_snappy_uncompress_add(strbuf_str(&z), in.n, &out, NULL), 0);
		assert_true(str_eq(strbuf_str(&out), strbuf_str(&in)));
		arena_fini(&a);
		strbuf_fini(&in);
		strbuf_fini(&z);
		strbuf_fini(&out);
	}
}

static void test_fragments_make_one_block(void **state)
{
	struct strbuf in = sample_text(300000), z = { 0 }, out = { 0 };
	enc_uvarint(&z, in.n);
	for (size_t at = 0, n = 1; at < in.n; at += n, n = n * 7 % 65536 + 1) {
		n = n < in.n - at ? n : in.n - at;
		char *p = strbuf_reserve(&z, codec_snappy_bound(n));
		z.n += codec_snappy_fragment(in.p + at, n, p);
	}
	assert_int_equal(codec_snappy_uncompress_add(strbuf_str(&z), in.n, &out, NULL), 0);
	assert_true(str_eq(strbuf_str(&out), strbuf_str(&in)));
	strbuf_fini(&in);
	strbuf_fini(&z);
	strbuf_fini(&out);
}

static void test_declared_size_is_checked_before_memory_is_taken(void **state)
{
	/* Six bytes that claim 4 GiB. */
	struct budget budget;
	struct arena a;
	struct str got;
	budget_init(&budget, NULL, "request", 1000);
	arena_init(&a, &budget);
	struct str bomb = STR("\xff\xff\xff\xff\x0f\x00");
	assert_int_equal(codec_snappy_uncompress(bomb, 32 << 20, &a, &got, NULL), -ERR_RESOURCE_EXHAUSTED);
	assert_int_equal(budget.peak, 0);
	assert_int_equal(budget.refused, 0);
	/* Within the limit, but more than six bytes can give. */
	assert_int_equal(codec_snappy_uncompress(bomb, UINT64_MAX, &a, &got, NULL), -ERR_INVALID_ARGUMENT);
	assert_int_equal(budget.refused, 0);
	arena_fini(&a);
	budget_fini(&budget);
}

static void test_one_byte_over_the_limit_is_refused(void **state)
{
	struct strbuf in = sample_text(1001), z = { 0 }, out = { 0 };
	size_t n;
	assert_int_equal(codec_snappy_compress_add(strbuf_str(&in), &z, NULL), 0);
	assert_int_equal(codec_snappy_uncompress_add(strbuf_str(&z), 1000, &out, NULL), -ERR_RESOURCE_EXHAUSTED);
	assert_int_equal(codec_snappy_size(strbuf_str(&z), 1001, &n, NULL), 0);
	assert_int_equal(n, 1001);
	out.limit = 100;
	assert_int_equal(codec_snappy_uncompress_add(strbuf_str(&z), 2000, &out, NULL), -ERR_RESOURCE_EXHAUSTED);
	strbuf_fini(&in);
	strbuf_fini(&z);
	strbuf_fini(&out);
}

static void test_highest_possible_ratio_is_accepted(void **state)
{
	/* All one byte: nearly all copies of 64 bytes. */
	struct strbuf z = { 0 }, out = { 0 };
	size_t n = 1 << 20;
	char *zeros = calloc(n, 1);
	assert_int_equal(codec_snappy_compress_add(str_mem(zeros, n), &z, NULL), 0);
	assert_int_equal(codec_snappy_uncompress_add(strbuf_str(&z), n, &out, NULL), 0);
	assert_int_equal(out.n, n);
	free(zeros);
	strbuf_fini(&z);
	strbuf_fini(&out);
}

static void test_corrupt_blocks_are_refused(void **state)
{
	static const struct {
		const char *p;
		size_t n;
	} bad[] = {
		{ "", 0 },     /* no length */
		{ "\x80", 1 }, /* half a length */
		{ "\x04\x0c"
		  "ab",
		  4 }, /* literal longer than the input */
		{ "\x08\x04"
		  "ab"
		  "\x01\x00\x00",
		  7 }, /* copy with offset 0 */
		{ "\x08\x04"
		  "ab"
		  "\x15\x09",
		  6 }, /* copy from before the beginning */
		{ "\x02\x0c"
		  "abcd",
		  6 }, /* more than declared */
		{ "\x05\x0c"
		  "abcd",
		  6 }, /* less than declared */
		{ "\xff\xff\xff\xff\xff\x0f"
		  "a",
		  7 }, /* length over 32 bits */
	};
	for (size_t i = 0; i < sizeof(bad) / sizeof(*bad); i++) {
		struct strbuf out = { 0 };
		struct err err = ERR_NONE;
		if (codec_snappy_uncompress_add(str_mem(bad[i].p, bad[i].n), 1 << 20, &out, &err) !=
		    -ERR_INVALID_ARGUMENT)
			fail_msg("case %zu was accepted", i);
		assert_int_equal(out.n, 0);
		strbuf_fini(&out);
	}
}

static void test_block_cut_at_every_byte_is_refused(void **state)
{
	struct strbuf in = sample_text(2000), z = { 0 }, out = { 0 };
	assert_int_equal(codec_snappy_compress_add(strbuf_str(&in), &z, NULL), 0);
	for (size_t n = 0; n < z.n; n++) {
		char *cut = malloc(n + 1); /* of its own, so that sanitizers see overruns */
		memcpy(cut, z.p, n);
		assert_int_equal(codec_snappy_uncompress_add(str_mem(cut, n), 1 << 20, &out, NULL),
				 -ERR_INVALID_ARGUMENT);
		free(cut);
	}
	strbuf_fini(&in);
	strbuf_fini(&z);
	strbuf_fini(&out);
}

static void test_frame_round_trip(void **state)
{
	size_t sizes[] = { 0, 1, 1000, 65536, 65537, 300000 };
	for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
		struct strbuf in = sample_text(sizes[i]), z = { 0 }, out = { 0 };
		assert_int_equal(codec_snappy_frame_compress(str_mem(in.p, in.n), &z, NULL), 0);
		assert_int_equal(codec_snappy_frame_uncompress(str_mem(z.p, z.n), in.n, &out, NULL), 0);
		assert_true(str_eq(strbuf_str(&out), strbuf_str(&in)));
		if (in.n) {
			out.n = 0;
			assert_int_equal(codec_snappy_frame_uncompress(strbuf_str(&z), in.n - 1, &out, NULL),
					 -ERR_RESOURCE_EXHAUSTED);
			/* Two streams after each other are one. */
			assert_int_equal(codec_snappy_frame_compress(strbuf_str(&in), &z, NULL), 0);
			out.n = 0;
			assert_int_equal(codec_snappy_frame_uncompress(strbuf_str(&z), 2 * in.n, &out, NULL), 0);
			assert_int_equal(out.n, 2 * in.n);
		}
		strbuf_fini(&in);
		strbuf_fini(&z);
		strbuf_fini(&out);
	}
}

static void test_frame_bytes_follow_the_format(void **state)
{
	/* "abcd" does not compress: one raw chunk with its masked checksum. */
	static const char want[] = "\xff\x06\x00\x00sNaPpY\x01\x08\x00\x00\xa9\x28\x0a\x0b"
				   "abcd";
	struct strbuf z = { 0 };
	assert_int_equal(codec_snappy_frame_compress(STR("abcd"), &z, NULL), 0);
	assert_int_equal(z.n, sizeof(want) - 1);
	assert_memory_equal(z.p, want, 14);
	assert_memory_equal(z.p + 18, "abcd", 4);
	strbuf_fini(&z);
}

static void test_frame_damage_is_found(void **state)
{
	struct strbuf in = sample_text(3000), z = { 0 }, out = { 0 };
	assert_int_equal(codec_snappy_frame_compress(strbuf_str(&in), &z, NULL), 0);
	for (size_t n = 0; n < z.n; n++) {
		int rc = codec_snappy_frame_uncompress(str_mem(z.p, n), 1 << 20, &out, NULL);
		/* Nothing, and the identifier alone, are whole streams. */
		assert_int_equal(rc, n == 0 || n == 10 ? 0 : -ERR_INVALID_ARGUMENT);
	}
	for (size_t i = 0; i < z.n; i++)
		for (int bit = 0; bit < 8; bit++) {
			z.p[i] = (char)(z.p[i] ^ 1 << bit);
			out.n = 0;
			int rc = codec_snappy_frame_uncompress(strbuf_str(&z), 1 << 20, &out, NULL);
			/* A flipped type byte can make a chunk one that is to be skipped. */
			if (rc == 0 && i != 10)
				fail_msg("bit %d of byte %zu was not noticed", bit, i);
			z.p[i] = (char)(z.p[i] ^ 1 << bit);
		}
	strbuf_fini(&in);
	strbuf_fini(&z);
	strbuf_fini(&out);
}

static void test_frame_chunk_types(void **state)
{
	struct strbuf out = { 0 };
	/* Padding and reserved skippable chunks carry nothing. */
	assert_int_equal(codec_snappy_frame_uncompress(STR("\xff\x06\x00\x00sNaPpY\xfe\x02\x00\x00xx\x80\x01\x00\x00y"),
						       10, &out, NULL),
			 0);
	assert_int_equal(out.n, 0);
	assert_int_equal(codec_snappy_frame_uncompress(STR("\xff\x06\x00\x00sNaPpY\x02\x01\x00\x00y"), 10, &out, NULL),
			 -ERR_INVALID_ARGUMENT);
	assert_int_equal(codec_snappy_frame_uncompress(STR("\x01\x04\x00\x00\x00\x00\x00\x00"), 10, &out, NULL),
			 -ERR_INVALID_ARGUMENT);
	assert_int_equal(codec_snappy_frame_uncompress(STR("\xff\x06\x00\x00sNaPpX"), 10, &out, NULL),
			 -ERR_INVALID_ARGUMENT);
	/* A chunk that declares 4 GiB uncompressed. */
	assert_int_equal(codec_snappy_frame_uncompress(
				 STR("\xff\x06\x00\x00sNaPpY\x00\x0a\x00\x00\x00\x00\x00\x00\xff\xff\xff\xff\x0f\x00"),
				 UINT64_MAX, &out, NULL),
			 -ERR_INVALID_ARGUMENT);
	strbuf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_block_round_trip),
		cmocka_unit_test(test_fragments_make_one_block),
		cmocka_unit_test(test_declared_size_is_checked_before_memory_is_taken),
		cmocka_unit_test(test_one_byte_over_the_limit_is_refused),
		cmocka_unit_test(test_highest_possible_ratio_is_accepted),
		cmocka_unit_test(test_corrupt_blocks_are_refused),
		cmocka_unit_test(test_block_cut_at_every_byte_is_refused),
		cmocka_unit_test(test_frame_round_trip),
		cmocka_unit_test(test_frame_bytes_follow_the_format),
		cmocka_unit_test(test_frame_damage_is_found),
		cmocka_unit_test(test_frame_chunk_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
