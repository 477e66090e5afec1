/* Accept headers of federation, times, durations, truth values, limits and escaped names of requests. */
#include "api/expfmt.h"
#include "api/param.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_mem(data, size);
	struct err err = ERR_NONE;
	struct arena a;
	int64_t v = 0;
	uint64_t n;
	bool b;
	if (api_time_parse(in, &v, &err) == 0)
		CHECK(v >= API_TIME_MIN && v <= API_TIME_MAX);
	else
		CHECK(err.code == ERR_INVALID_ARGUMENT && err.msg[0]);
	(void)api_duration_parse(in, &v, &err);
	(void)api_bool_parse(in, &b, &err);
	if (api_limit_parse(in, &n, &err) == 0)
		CHECK(n <= INT64_MAX);
	arena_init(&a, NULL);
	struct str name = api_name_unescape(&a, in);
	CHECK(name.n <= in.n);
	arena_fini(&a);
	char type[EXPFMT_TYPE_MAX];
	CHECK(*expfmt_content_type(expfmt_negotiate(in), type));
	return 0;
}
