/* Labels as JSON, Accept headers of federation, times, durations, truth values, limits and escaped names of requests. */
#include "api/expfmt.h"
#include "api/param.h"

#include "api/result.h"
#include "base/assert.h"
#include "text/json_read.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Whatever a label holds, what is written is JSON; text that is UTF-8 reads back the same. */
static void try_json(struct str in)
{
	struct strbuf b = { 0 };
	struct label l = { STR("l"), in };
	struct jsonw w;
	struct err err;
	json_t *o;
	jsonw_init(&w, &b, JSONW_HTML);
	api_write_labels(&w, (struct labels){ &l, 1 });
	CHECK(jsonw_finish(&w, &err) == 0);
	if (str_is_utf8(in)) {
		CHECK(text_json_parse(strbuf_str(&b), NULL, &o, &err) == 0);
		const json_t *v = json_object_get(o, "l");
		CHECK(str_eq(str_mem(json_string_value(v), json_string_length(v)), in));
		json_decref(o);
	}
	strbuf_fini(&b);
}

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
	try_json(in);
	arena_init(&a, NULL);
	struct str name = api_name_unescape(&a, in);
	CHECK(name.n <= in.n);
	arena_fini(&a);
	char type[EXPFMT_TYPE_MAX];
	CHECK(*expfmt_content_type(expfmt_negotiate(in), type));
	return 0;
}
