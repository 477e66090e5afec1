/* Both snappy decoders: never over the limit, what was decoded survives a round trip, and blocks are what libsnappy makes of them. */
#include "codec/snappy.h"

#include "base/assert.h"

#include <snappy-c.h>
#include <stdlib.h>

#define LIMIT (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Our decoder of blocks against libsnappy's. */
static void compare(const uint8_t *data, size_t size)
{
	size_t n;
	if (codec_snappy_size(str_mem(data, size), LIMIT, &n, NULL) != 0)
		return;
	struct strbuf ours = { 0 };
	char *theirs = malloc(n + 1);
	size_t len = n;
	bool good = snappy_uncompress((const char *)data, size, theirs, &len) == SNAPPY_OK && len == n;
	CHECK((codec_snappy_uncompress_add(str_mem(data, size), LIMIT, &ours, NULL) == 0) == good);
	CHECK(!good || str_eq(strbuf_str(&ours), str_mem(theirs, n)));
	strbuf_fini(&ours);
	free(theirs);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	compare(data, size);
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
