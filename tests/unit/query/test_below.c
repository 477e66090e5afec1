/* What a querier below tells of its endpoints: written, cut to size, and read from whoever it may be. */
#include "unit/unit.h"

#include "base/mem.h"
#include "query/below.h"
#include "query/fanout.h"
#include "text/json_read.h"
#include "text/json_write.h"

#include <stdio.h>
#include <string.h>

/* What is written for one endpoint that told this. */
static const char *told(const char *text)
{
	static char got[65536];
	struct strbuf b = { 0 };
	struct jsonw w;
	jsonw_init(&w, &b, 0);
	jsonw_object_begin(&w);
	below_write_told(&w, str_c(text));
	jsonw_object_end(&w);
	assert_int_equal(jsonw_finish(&w, NULL), 0);
	snprintf(got, sizeof(got), "%s", b.p);
	strbuf_fini(&b);
	return got;
}

static void test_only_what_is_known_is_passed_on(void **state)
{
	assert_string_equal(
		told("[{\"endpointAddr\":\"a:1\",\"series\":3,\"evil\":{\"x\":1},\"duration\":\"1ms\",\"samples\":7}]"),
		"{\"fanout\":[{\"endpointAddr\":\"a:1\",\"duration\":\"1ms\",\"series\":3,\"samples\":7}]}");
	assert_string_equal(
		told("[{\"endpointAddr\":5,\"series\":-1,\"chunks\":1.5,\"bytesProcessed\":\"9\",\"failed\":1},7,\"x\",[]]"),
		"{\"fanout\":[{}]}");
	assert_string_equal(told("[{\"failed\":true,\"fanout\":[{\"endpointAddr\":\"b\"}]}]"),
			    "{\"fanout\":[{\"failed\":true,\"fanout\":[{\"endpointAddr\":\"b\"}]}]}");
	assert_string_equal(told("[{\"fanout\":{\"endpointAddr\":\"b\"}}]"), "{\"fanout\":[{}]}");
	assert_string_equal(told("[]"), "{\"fanout\":[]}");
}

static void test_what_is_no_list_is_left_out(void **state)
{
	static const char *const broken[] = { "", "x", "{}", "{\"fanout\":[]}", "null", "\"a\"", "[{]", "[1", "\xff" };
	for (size_t i = 0; i < ARRAY_LEN(broken); i++)
		assert_string_equal(told(broken[i]), "{}");
	char *large = xmalloc(BELOW_TEXT_MAX + 16);
	memset(large, ' ', BELOW_TEXT_MAX + 15);
	large[0] = '[';
	large[BELOW_TEXT_MAX + 14] = ']';
	large[BELOW_TEXT_MAX + 15] = 0;
	assert_string_equal(told(large), "{}");
	free(large);
}

static void test_depth_ends(void **state)
{
	/* Four queriers below each other are told of; five and more are not believed at all. */
	assert_string_equal(told("[{\"fanout\":[{\"fanout\":[{\"fanout\":[{\"endpointAddr\":\"d\"}]}]}]}]"),
			    "{\"fanout\":[{\"fanout\":[{\"fanout\":[{\"fanout\":[{\"endpointAddr\":\"d\"}]}]}]}]}");
	assert_string_equal(told("[{\"fanout\":[{\"fanout\":[{\"fanout\":[{\"fanout\":[{}]}]}]}]}]"),
			    "{\"fanout\":[{\"fanout\":[{\"fanout\":[{\"fanout\":[{}]}]}]}]}");
	char deep[8000];
	size_t n = 0;
	while (n < 7000)
		n += (size_t)snprintf(deep + n, sizeof(deep) - n, "[{\"fanout\":");
	assert_string_equal(told(deep), "{}");
}

static void test_endpoints_that_do_not_fit_are_counted(void **state)
{
	enum { MANY = 1000 };
	struct fanout_peer *peers = xcalloc(MANY, sizeof(*peers));
	struct strbuf b = { 0 };
	json_t *list;
	for (size_t i = 0; i < MANY; i++)
		peers[i] = (struct fanout_peer){ .name = "store.example:10901", .series = i, .duration_ns = 1500 };
	peers[0].told = STR("[{\"endpointAddr\":\"below\"}]");
	below_tell(peers, MANY, &b);
	assert_true(b.n <= BELOW_TEXT_MAX);
	assert_int_equal(text_json_parse(strbuf_str(&b), NULL, &list, NULL), 0);
	size_t n = json_array_size(list);
	assert_true(n > 10 && n < 200);
	char more[64];
	snprintf(more, sizeof(more), "[%zu more endpoints]", MANY - (n - 1));
	assert_string_equal(json_string_value(json_object_get(json_array_get(list, n - 1), "endpointAddr")), more);
	assert_non_null(json_object_get(json_array_get(list, 0), "fanout"));
	json_decref(list);
	strbuf_reset(&b);
	below_tell(peers, 2, &b);
	assert_string_equal(
		b.p,
		"[{\"endpointAddr\":\"store.example:10901\",\"duration\":\"1.5\xc2\xb5s\",\"bytesProcessed\":0,\"numResponses\":0,"
		"\"series\":0,\"chunks\":0,\"samples\":0,\"firstResponse\":\"0s\",\"waitTime\":\"0s\","
		"\"fanout\":[{\"endpointAddr\":\"below\"}]},"
		"{\"endpointAddr\":\"store.example:10901\",\"duration\":\"1.5\xc2\xb5s\",\"bytesProcessed\":0,\"numResponses\":0,"
		"\"series\":1,\"chunks\":0,\"samples\":0,\"firstResponse\":\"0s\",\"waitTime\":\"0s\"}]");
	strbuf_fini(&b);
	free(peers);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_only_what_is_known_is_passed_on),
		cmocka_unit_test(test_what_is_no_list_is_left_out),
		cmocka_unit_test(test_depth_ends),
		cmocka_unit_test(test_endpoints_that_do_not_fit_are_counted),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
