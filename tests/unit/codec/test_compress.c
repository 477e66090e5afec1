#include "codec/gzip.h"
#include "codec/zstd.h"

#include "unit/unit.h"

#include <zstd.h>

/* The two codecs behind one shape, so that both take the same tests. */
struct codec {
	const char *name;
	int (*compress)(struct str in, struct strbuf *out);
	int (*uncompress)(struct str in, uint64_t limit, struct strbuf *out, struct err *err);
};

static int gz_compress(struct str in, struct strbuf *out)
{
	return codec_gzip_compress(in, GZIP_GZIP, 6, out, NULL);
}

static int gz_uncompress(struct str in, uint64_t limit, struct strbuf *out, struct err *err)
{
	return codec_gzip_uncompress(in, GZIP_GZIP, limit, out, err);
}

static int zlib_compress(struct str in, struct strbuf *out)
{
	return codec_gzip_compress(in, GZIP_ZLIB, 1, out, NULL);
}

static int zlib_uncompress(struct str in, uint64_t limit, struct strbuf *out, struct err *err)
{
	return codec_gzip_uncompress(in, GZIP_ZLIB, limit, out, err);
}

static int z_compress(struct str in, struct strbuf *out)
{
	return codec_zstd_compress(in, 3, out, NULL);
}

static const struct codec codecs[] = {
	{ "gzip", gz_compress, gz_uncompress },
	{ "zlib", zlib_compress, zlib_uncompress },
	{ "zstd", z_compress, codec_zstd_uncompress },
};
#define N_CODECS (sizeof(codecs) / sizeof(*codecs))

static struct strbuf sample_text(size_t n)
{
	struct strbuf b = { 0 };
	for (unsigned i = 0; b.n < n; i++)
		strbuf_printf(&b, "[%u,\"%u\"],", 1700000000 + i * 15, i * 2654435761u);
	b.n = n;
	return b;
}

static void test_round_trip_at_exactly_the_limit(void **state)
{
	size_t sizes[] = { 0, 1, 4095, 4096, 4097, 8192, 100000, 1000000 };
	for (size_t c = 0; c < N_CODECS; c++)
		for (size_t i = 0; i < sizeof(sizes) / sizeof(*sizes); i++) {
			struct strbuf in = sample_text(sizes[i]), z = { 0 }, out = { 0 };
			assert_int_equal(codecs[c].compress(str_mem(in.p, in.n), &z), 0);
			assert_int_equal(codecs[c].uncompress(strbuf_str(&z), in.n, &out, NULL), 0);
			assert_true(str_eq(strbuf_str(&out), str_mem(in.p, in.n)));
			if (in.n) {
				out.n = 0;
				assert_int_equal(codecs[c].uncompress(strbuf_str(&z), in.n - 1, &out, NULL),
						 -ERR_RESOURCE_EXHAUSTED);
				assert_int_equal(out.n, in.n - 1);
			}
			strbuf_fini(&in);
			strbuf_fini(&z);
			strbuf_fini(&out);
		}
}

static void test_bombs_stop_at_the_limit(void **state)
{
	size_t n = 64 << 20;
	char *zeros = calloc(n, 1);
	for (size_t c = 0; c < N_CODECS; c++) {
		struct strbuf z = { 0 }, out = { 0 };
		struct err err = ERR_NONE;
		assert_int_equal(codecs[c].compress(str_mem(zeros, n), &z), 0);
		assert_int_equal(codecs[c].uncompress(strbuf_str(&z), 1 << 20, &out, &err), -ERR_RESOURCE_EXHAUSTED);
		assert_true(out.n <= 1 << 20);
		assert_true(out.cap <= 2 << 20);
		assert_non_null(strstr(err.msg, "1048576"));
		strbuf_fini(&z);
		strbuf_fini(&out);
	}
	free(zeros);
}

static void test_cut_at_every_byte_is_refused(void **state)
{
	for (size_t c = 0; c < N_CODECS; c++) {
		struct strbuf in = sample_text(3000), z = { 0 }, out = { 0 };
		assert_int_equal(codecs[c].compress(strbuf_str(&in), &z), 0);
		for (size_t n = 0; n < z.n; n++) {
			out.n = 0;
			if (codecs[c].uncompress(str_mem(z.p, n), 1 << 20, &out, NULL) != -ERR_INVALID_ARGUMENT)
				fail_msg("%s: %zu of %zu bytes were accepted", codecs[c].name, n, z.n);
		}
		strbuf_fini(&in);
		strbuf_fini(&z);
		strbuf_fini(&out);
	}
}

static void test_flipped_bits_never_give_other_data(void **state)
{
	for (size_t c = 0; c < N_CODECS; c++) {
		struct strbuf in = sample_text(1500), z = { 0 }, out = { 0 };
		assert_int_equal(codecs[c].compress(strbuf_str(&in), &z), 0);
		for (size_t i = 0; i < z.n * 8; i++) {
			z.p[i / 8] = (char)(z.p[i / 8] ^ 1 << i % 8);
			out.n = 0;
			int rc = codecs[c].uncompress(strbuf_str(&z), 1 << 20, &out, NULL);
			if (rc == 0 && !str_eq(strbuf_str(&out), strbuf_str(&in)))
				fail_msg("%s: bit %zu changes the data unnoticed", codecs[c].name, i);
			z.p[i / 8] = (char)(z.p[i / 8] ^ 1 << i % 8);
		}
		strbuf_fini(&in);
		strbuf_fini(&z);
		strbuf_fini(&out);
	}
}

static void test_concatenated_streams(void **state)
{
	struct strbuf z = { 0 }, out = { 0 };
	assert_int_equal(gz_compress(STR("one "), &z), 0);
	assert_int_equal(gz_compress(STR("two"), &z), 0);
	assert_int_equal(gz_uncompress(strbuf_str(&z), 7, &out, NULL), 0);
	assert_string_equal(out.p, "one two");
	out.n = 0;
	assert_int_equal(gz_uncompress(strbuf_str(&z), 6, &out, NULL), -ERR_RESOURCE_EXHAUSTED);
	strbuf_add_c(&z, "rubbish");
	out.n = 0;
	assert_int_equal(gz_uncompress(strbuf_str(&z), 100, &out, NULL), -ERR_INVALID_ARGUMENT);
	strbuf_reset(&z);
	assert_int_equal(z_compress(STR("one "), &z), 0);
	strbuf_add(&z, "\x50\x2a\x4d\x18\x03\x00\x00\x00xyz", 11); /* a skippable frame */
	assert_int_equal(z_compress(STR("two"), &z), 0);
	out.n = 0;
	assert_int_equal(codec_zstd_uncompress(strbuf_str(&z), 7, &out, NULL), 0);
	assert_string_equal(out.p, "one two");
	strbuf_add_c(&z, "rubbish");
	out.n = 0;
	assert_int_equal(codec_zstd_uncompress(strbuf_str(&z), 100, &out, NULL), -ERR_INVALID_ARGUMENT);
	/* zlib streams do not concatenate. */
	strbuf_reset(&z);
	assert_int_equal(zlib_compress(STR("one"), &z), 0);
	strbuf_add_c(&z, "x");
	assert_int_equal(zlib_uncompress(strbuf_str(&z), 100, &out, NULL), -ERR_INVALID_ARGUMENT);
	strbuf_fini(&z);
	strbuf_fini(&out);
}

static void test_zstd_windows_are_capped(void **state)
{
	char z[256];
	struct strbuf out = { 0 };
	ZSTD_CCtx *c = ZSTD_createCCtx();
	ZSTD_CCtx_setParameter(c, ZSTD_c_windowLog, 27);
	ZSTD_CCtx_setParameter(c, ZSTD_c_contentSizeFlag, 0);
	/* Streamed, so that the encoder cannot shrink the window to the content. */
	ZSTD_inBuffer in = { "hello", 5, 0 };
	ZSTD_outBuffer o = { z, sizeof(z), 0 };
	ZSTD_compressStream2(c, &o, &in, ZSTD_e_flush);
	ZSTD_compressStream2(c, &o, &in, ZSTD_e_end);
	ZSTD_freeCCtx(c);
	assert_int_equal(codec_zstd_uncompress(str_mem(z, o.pos), 100, &out, NULL), -ERR_RESOURCE_EXHAUSTED);
	/* A header alone that asks for 2^41 bytes. */
	assert_int_equal(codec_zstd_uncompress(STR("\x28\xb5\x2f\xfd\x00\xff\x01\x00\x00"), 100, &out, NULL),
			 -ERR_RESOURCE_EXHAUSTED);
	strbuf_fini(&out);
}

static void test_gzip_writer_streams(void **state)
{
	struct gzip_writer *w = gzip_writer_new(GZIP_GZIP, 5);
	struct strbuf in = sample_text(200000), z = { 0 }, out = { 0 };
	for (int round = 0; round < 2; round++) { /* the writer can be used again */
		strbuf_reset(&z);
		for (size_t i = 0; i < in.n; i += 7000)
			assert_int_equal(gzip_writer_write(w, str_mem(in.p + i, MIN(in.n - i, (size_t)7000)), &z, NULL),
					 0);
		size_t before = z.n;
		assert_int_equal(gzip_writer_flush(w, &z, NULL), 0);
		assert_true(z.n > before);
		assert_int_equal(gzip_writer_end(w, &z, NULL), 0);
		out.n = 0;
		assert_int_equal(gz_uncompress(strbuf_str(&z), in.n, &out, NULL), 0);
		assert_true(str_eq(strbuf_str(&in), strbuf_str(&out)));
	}
	z.n = 0;
	z.limit = 1000;
	assert_int_equal(gzip_writer_write(w, strbuf_str(&in), &z, NULL), -ERR_RESOURCE_EXHAUSTED);
	gzip_writer_free(w);
	strbuf_fini(&in);
	strbuf_fini(&z);
	strbuf_fini(&out);
}

static void test_zstd_writer_streams(void **state)
{
	struct zstd_writer *w = zstd_writer_new(1);
	struct strbuf in = sample_text(200000), z = { 0 }, out = { 0 };
	for (int round = 0; round < 2; round++) {
		strbuf_reset(&z);
		for (size_t i = 0; i < in.n; i += 7000)
			assert_int_equal(zstd_writer_write(w, str_mem(in.p + i, MIN(in.n - i, (size_t)7000)), &z, NULL),
					 0);
		size_t before = z.n;
		assert_int_equal(zstd_writer_flush(w, &z, NULL), 0);
		assert_true(z.n > before);
		assert_int_equal(zstd_writer_end(w, &z, NULL), 0);
		out.n = 0;
		assert_int_equal(codec_zstd_uncompress(strbuf_str(&z), in.n, &out, NULL), 0);
		assert_true(str_eq(strbuf_str(&in), strbuf_str(&out)));
	}
	zstd_writer_free(w);
	strbuf_fini(&in);
	strbuf_fini(&z);
	strbuf_fini(&out);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_round_trip_at_exactly_the_limit),
		cmocka_unit_test(test_bombs_stop_at_the_limit),
		cmocka_unit_test(test_cut_at_every_byte_is_refused),
		cmocka_unit_test(test_flipped_bits_never_give_other_data),
		cmocka_unit_test(test_concatenated_streams),
		cmocka_unit_test(test_zstd_windows_are_capped),
		cmocka_unit_test(test_gzip_writer_streams),
		cmocka_unit_test(test_zstd_writer_streams),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
