/* Any bytes as a WAL record. */
#include "fuzz/record_walk.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	record_walk(str_mem(data, size));
	return 0;
}
