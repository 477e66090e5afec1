/* The zstd decoder: never over the limit, whatever comes in. */
#include "codec/zstd.h"

#include "base/assert.h"

#define LIMIT (1u << 20)

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf out = { 0 };
	int rc = codec_zstd_uncompress(str_mem(data, size), LIMIT, &out, NULL);
	CHECK(rc == 0 || rc == -ERR_INVALID_ARGUMENT || rc == -ERR_RESOURCE_EXHAUSTED);
	CHECK(out.n <= LIMIT);
	strbuf_fini(&out);
	return 0;
}
