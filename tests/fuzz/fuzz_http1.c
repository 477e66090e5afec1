/*
 * A request's head and, where it says so, its chunked body: read whole and in
 * pieces (the first byte says how long), which must come to the same. What is
 * accepted must hold to the rules that keep requests from being smuggled.
 */
#include "http/http1.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const struct http1_limits limits = { 2000, 4000, 20 };

/* The outcome of reading a head in pieces of `step` bytes: 0 (and its length) or a status, -1 for none yet. */
static int read_head(const char *p, size_t n, size_t step, struct http1_head *h, size_t *ret_len)
{
	struct http1_scan scan = { 0 };
	const char *why = NULL;
	int status = 0;
	size_t have = 0;
	while (have < n) {
		have = have + step < n ? have + step : n;
		enum http1_found f = http1_scan_head(&scan, &limits, p, have, ret_len, &status, &why);
		if (f == HTTP1_BAD)
			return status;
		if (f == HTTP1_COMPLETE)
			return http1_parse_head(p, *ret_len, &limits, h, &why);
	}
	return -1;
}

static void check_head(const char *p, size_t len, const struct http1_head *h)
{
	struct http_headers all = { (struct http_header *)h->fields, h->n_fields, 0 };
	if (memchr(p, 0, len) || len < 4 || memcmp(p + len - 4, "\r\n\r\n", 4) != 0)
		abort();
	for (size_t i = 0; i < len; i++)
		if (p[i] == '\n' && (i == 0 || p[i - 1] != '\r'))
			abort();
	if (h->version == 11 && http_headers_count(&all, "host") != 1)
		abort();
	if (http_headers_count(&all, "content-length") > 1 || http_headers_count(&all, "transfer-encoding") > 1)
		abort();
	if (h->chunked && (h->content_length >= 0 || h->version != 11))
		abort();
	for (size_t i = 0; i < h->n_fields; i++)
		if (!http_is_token(h->fields[i].name) || !http_is_field_value(h->fields[i].value))
			abort();
}

/* Reads a chunked body in pieces; the sum of its bytes, and where it ended. */
static enum http1_found read_body(const char *p, size_t n, size_t step, uint64_t *ret_sum, size_t *ret_end)
{
	struct http1_chunks d = { 0 };
	size_t at = 0;
	enum http1_found f = HTTP1_MORE;
	*ret_sum = 0;
	while (at < n && f == HTTP1_MORE) {
		size_t used, k = n - at < step ? n - at : step;
		struct str s;
		f = http1_chunks_feed(&d, p + at, k, &used, &s);
		for (size_t i = 0; i < s.n; i++)
			*ret_sum = *ret_sum * 31 + (uint8_t)s.p[i];
		if (f == HTTP1_MORE && used == 0)
			abort();
		at += used;
	}
	*ret_end = at;
	return f;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	if (size < 2)
		return 0;
	size_t step = data[0] % 16u + 1, len = 0, len2 = 0;
	/* An exact copy, so that reading past the end is seen. */
	size_t n = size - 1;
	char *p = malloc(n);
	memcpy(p, data + 1, n);
	struct http1_head h, h2;
	int status = read_head(p, n, n, &h, &len), status2 = read_head(p, n, step, &h2, &len2);
	if ((status == 0) != (status2 == 0) || (status == 0 && len != len2))
		abort();
	if (status == 0) {
		check_head(p, len, &h);
		uint64_t sum, sum2;
		size_t end, end2;
		enum http1_found f = read_body(p + len, n - len, n, &sum, &end);
		enum http1_found f2 = read_body(p + len, n - len, step, &sum2, &end2);
		if (f != f2 || (f == HTTP1_COMPLETE && (sum != sum2 || end != end2)))
			abort();
	}
	free(p);
	return 0;
}
