/* What an endpoint tells of the endpoints below it: whatever it is, what is written is JSON with a list or nothing in it. */
#include "query/below.h"

#include "base/assert.h"
#include "text/json_read.h"
#include "text/json_write.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct strbuf b = { 0 };
	struct jsonw w;
	json_t *o;
	jsonw_init(&w, &b, 0);
	jsonw_object_begin(&w);
	below_write_told(&w, str_mem((const char *)data, size));
	jsonw_object_end(&w);
	CHECK(jsonw_finish(&w, NULL) == 0);
	CHECK(text_json_parse(strbuf_str(&b), NULL, &o, NULL) == 0);
	CHECK(json_is_object(o) && json_object_size(o) <= 1);
	json_decref(o);
	strbuf_fini(&b);
	return 0;
}
