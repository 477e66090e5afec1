/* JSON text: parsed within limits; any bytes written as a string read back as text. */
#include "text/json_read.h"
#include "text/json_write.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_mem(data, size);
	json_t *j;
	if (text_json_parse(in, &(struct json_limits){ .values = 5000 }, &j, NULL) == 0)
		json_decref(j);
	for (unsigned flags = 0; flags <= JSONW_HTML; flags++) {
		struct strbuf b = { 0 };
		jsonw_add_quoted(&b, in, flags);
		CHECK(text_json_parse(strbuf_str(&b), NULL, &j, NULL) == 0);
		CHECK(json_is_string(j));
		if (str_is_utf8(in))
			CHECK(str_eq(str_mem(json_string_value(j), json_string_length(j)), in));
		json_decref(j);
		strbuf_fini(&b);
	}
	return 0;
}
