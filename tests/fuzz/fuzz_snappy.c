/* Both snappy decoders: never over the limit, and what was decoded survives a round trip. */
#include "codec/snappy.h"

#include "base/assert.h"

#define LIMIT (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf out = { 0 }, z = { 0 }, again = { 0 };
	struct str in = str_mem(data, size);
	int block = codec_snappy_uncompress_add(in, LIMIT, &out, NULL);
	CHECK(out.n <= LIMIT);
	if (block == 0) {
		CHECK(codec_snappy_compress_add(str_mem(out.p ? out.p : "", out.n), &z, NULL) == 0);
		CHECK(codec_snappy_uncompress_add(strbuf_str(&z), LIMIT, &again, NULL) == 0);
		CHECK(str_eq(strbuf_str(&out), strbuf_str(&again)));
	}
	strbuf_reset(&out);
	strbuf_reset(&z);
	strbuf_reset(&again);
	int frame = codec_snappy_frame_uncompress(in, LIMIT, &out, NULL);
	CHECK(out.n <= LIMIT);
	if (frame == 0) {
		CHECK(codec_snappy_frame_compress(strbuf_str(&out), &z, NULL) == 0);
		CHECK(codec_snappy_frame_uncompress(str_mem(z.p, z.n), LIMIT, &again, NULL) == 0);
		CHECK(str_eq(strbuf_str(&out), strbuf_str(&again)));
	}
	strbuf_fini(&out);
	strbuf_fini(&z);
	strbuf_fini(&again);
	return 0;
}
