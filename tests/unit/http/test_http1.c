#include "http/http1.h"

#include "unit/http/bad_heads.h"
#include "unit/unit.h"

static const struct http1_limits limits = { 1000, 2000, 10 };

/* Scans and parses, giving the bytes one by one or at once; 0 or the status. */
static int read_head(struct str text, size_t step, struct http1_head *head, size_t *ret_len)
{
	struct http1_scan scan = { 0 };
	const char *why = NULL;
	int status = 0;
	for (size_t n = step ? step : text.n; n <= text.n; n += step ? step : 1) {
		/* An exact copy, so that reading past it is seen. */
		char *copy = malloc(n);
		memcpy(copy, text.p, n);
		enum http1_found found = http1_scan_head(&scan, &limits, copy, n, ret_len, &status, &why);
		if (found == HTTP1_COMPLETE)
			status = http1_parse_head(text.p, *ret_len, &limits, head, &why);
		free(copy);
		if (found != HTTP1_MORE) {
			assert_true(status == 0 || why);
			return status;
		}
	}
	return -1;
}

static void test_plain_request_is_parsed(void **state)
{
	static const char text[] = "GET /a%20b?x=1 HTTP/1.1\r\nHost: h:80\r\nX-Y:  v w \t\r\nEmpty:\r\n\r\nbody";
	for (size_t step = 0; step <= 3; step++) {
		struct http1_head h;
		size_t len;
		assert_int_equal(read_head(str_mem(text, sizeof(text) - 1), step, &h, &len), 0);
		assert_int_equal(len, sizeof(text) - 1 - 4);
		assert_true(str_eq_c(h.method, "GET"));
		assert_true(str_eq_c(h.path_query, "/a%20b?x=1"));
		assert_true(str_eq_c(h.host, "h:80"));
		assert_int_equal(h.version, 11);
		assert_int_equal(h.content_length, -1);
		assert_true(h.keep_alive);
		assert_int_equal(h.n_fields, 3);
		assert_true(str_eq_c(h.fields[1].value, "v w"));
		assert_int_equal(h.fields[2].value.n, 0);
	}
}

static void test_absolute_form_gives_host_and_path(void **state)
{
	struct http1_head h;
	size_t len;
	assert_int_equal(read_head(STR("GET http://real:1/p?q HTTP/1.1\r\nHost: other\r\n\r\n"), 0, &h, &len), 0);
	assert_true(str_eq_c(h.host, "real:1"));
	assert_true(str_eq_c(h.path_query, "/p?q"));
	assert_int_equal(read_head(STR("GET HTTP://real HTTP/1.1\r\nHost: other\r\n\r\n"), 0, &h, &len), 0);
	assert_true(str_eq_c(h.path_query, "/"));
}

static void test_connection_and_expect_are_understood(void **state)
{
	struct http1_head h;
	size_t len;
	assert_int_equal(read_head(STR("GET / HTTP/1.0\r\n\r\n"), 0, &h, &len), 0);
	assert_false(h.keep_alive);
	assert_int_equal(read_head(STR("GET / HTTP/1.0\r\nConnection: Keep-Alive\r\n\r\n"), 0, &h, &len), 0);
	assert_true(h.keep_alive);
	assert_int_equal(read_head(STR("GET / HTTP/1.1\r\nHost:\r\nConnection: x, Close\r\n\r\n"), 0, &h, &len), 0);
	assert_false(h.keep_alive);
	assert_int_equal(
		read_head(STR("POST / HTTP/1.1\r\nHost: a\r\nExpect: 100-Continue\r\nContent-Length: 007\r\n\r\n"), 0,
			  &h, &len),
		0);
	assert_true(h.expect_continue);
	assert_int_equal(h.content_length, 7);
	assert_int_equal(read_head(STR("POST / HTTP/1.1\r\nHost: a\r\nExpect: x\r\n\r\n"), 0, &h, &len), 417);
	assert_int_equal(
		read_head(STR("POST / HTTP/1.1\r\nHost: a\r\nTransfer-Encoding: Chunked\r\n\r\n"), 0, &h, &len), 0);
	assert_true(h.chunked);
}

static void test_bad_heads_are_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bad_heads); i++) {
		for (size_t step = 0; step <= 1; step++) {
			struct http1_head h;
			size_t len;
			int status = read_head(bad_heads[i], step, &h, &len);
			if (status != 400)
				fail_msg("%zu, step %zu: %d for %s", i, step, status, bad_heads[i].p);
		}
	}
}

static void test_limits_of_the_head_hold(void **state)
{
	char text[8000];
	struct http1_head h;
	size_t len;
	int n = snprintf(text, sizeof(text), "GET /%01001d HTTP/1.1\r\nHost: a\r\n\r\n", 0);
	assert_int_equal(read_head(str_mem(text, (size_t)n), 0, &h, &len), 414);
	assert_int_equal(read_head(str_mem(text, (size_t)n), 1, &h, &len), 414);
	memset(text, 'a', sizeof(text));
	assert_int_equal(read_head(str_mem(text, sizeof(text)), 1, &h, &len), 414);
	n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\nX: %02001d\r\n\r\n", 0);
	assert_int_equal(read_head(str_mem(text, (size_t)n), 0, &h, &len), 431);
	n = snprintf(text, sizeof(text), "GET / HTTP/1.1\r\nHost: a\r\n");
	for (int i = 0; i < 10; i++)
		n += snprintf(text + n, sizeof(text) - (size_t)n, "X: %d\r\n", i);
	n += snprintf(text + n, sizeof(text) - (size_t)n, "\r\n");
	assert_int_equal(read_head(str_mem(text, (size_t)n), 0, &h, &len), 431);
}

/* Feeds a chunked body in pieces of `step` bytes; the body goes to `out`. */
static enum http1_found feed(struct str text, size_t step, char *out, size_t *ret_n, size_t *ret_used)
{
	struct http1_chunks d = { 0 };
	size_t at = 0;
	*ret_n = 0;
	while (at < text.n) {
		size_t used, n = MIN(step, text.n - at);
		struct str data;
		enum http1_found f = http1_chunks_feed(&d, text.p + at, n, &used, &data);
		memcpy(out + *ret_n, data.p ? data.p : "", data.n);
		*ret_n += data.n;
		at += used;
		*ret_used = at;
		if (f != HTTP1_MORE)
			return f;
		assert_true(used > 0);
	}
	return HTTP1_MORE;
}

static void test_chunks_are_joined_and_end_where_they_end(void **state)
{
	static const char text[] = "5\r\nhello\r\n000A;x=\"y\"\r\n0123456789\r\n0;last\r\nX-Sum: 1\r\nY:\r\n\r\nGET";
	for (size_t step = 1; step < sizeof(text); step++) {
		char out[64];
		size_t n, used;
		assert_int_equal(feed(str_mem(text, sizeof(text) - 1), step, out, &n, &used), HTTP1_COMPLETE);
		assert_int_equal(n, 15);
		assert_memory_equal(out, "hello0123456789", 15);
		assert_int_equal(used, sizeof(text) - 1 - 3);
	}
}

static void test_bad_chunks_are_refused(void **state)
{
	for (size_t i = 0; i < ARRAY_LEN(bad_chunks); i++) {
		for (size_t step = 1; step <= 64; step += 63) {
			char out[64];
			size_t n, used;
			if (feed(bad_chunks[i], step, out, &n, &used) != HTTP1_BAD)
				fail_msg("%zu, step %zu: accepted %s", i, step, bad_chunks[i].p);
		}
	}
}

static void test_limits_of_chunk_extensions_and_trailers_hold(void **state)
{
	static char text[20000];
	char out[8192];
	size_t n, used;
	int len = snprintf(text, sizeof(text), "1;%0300d\r\nx\r\n0\r\n\r\n", 0);
	assert_int_equal(feed(str_mem(text, (size_t)len), 64, out, &n, &used), HTTP1_BAD);
	len = 0;
	for (int i = 0; i < 50; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "1;%0100d\r\nx\r\n", 0);
	assert_int_equal(feed(str_mem(text, (size_t)len), 64, out, &n, &used), HTTP1_BAD);
	len = snprintf(text, sizeof(text), "0\r\n");
	for (int i = 0; i < 40; i++)
		len += snprintf(text + len, sizeof(text) - (size_t)len, "X: y\r\n");
	assert_int_equal(feed(str_mem(text, (size_t)len), 64, out, &n, &used), HTTP1_BAD);
	len = snprintf(text, sizeof(text), "0\r\nX: %09000d\r\n\r\n", 0);
	assert_int_equal(feed(str_mem(text, (size_t)len), 64, out, &n, &used), HTTP1_BAD);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_plain_request_is_parsed),
		cmocka_unit_test(test_absolute_form_gives_host_and_path),
		cmocka_unit_test(test_connection_and_expect_are_understood),
		cmocka_unit_test(test_bad_heads_are_refused),
		cmocka_unit_test(test_limits_of_the_head_hold),
		cmocka_unit_test(test_chunks_are_joined_and_end_where_they_end),
		cmocka_unit_test(test_bad_chunks_are_refused),
		cmocka_unit_test(test_limits_of_chunk_extensions_and_trailers_hold),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
