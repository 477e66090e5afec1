/* gzip and zlib decoders: never over the limit, whatever comes in. */
#include "codec/gzip.h"

#include "base/assert.h"

#define LIMIT (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf out = { 0 };
	struct str in = str_mem(data, size);
	for (int f = GZIP_GZIP; f <= GZIP_ZLIB; f++) {
		strbuf_reset(&out);
		int rc = codec_gzip_uncompress(in, (enum gzip_format)f, LIMIT, &out, NULL);
		CHECK(rc == 0 || rc == -ERR_INVALID_ARGUMENT || rc == -ERR_RESOURCE_EXHAUSTED);
		CHECK(out.n <= LIMIT);
	}
	strbuf_fini(&out);
	return 0;
}
