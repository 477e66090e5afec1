/* A Content-Type up to the first newline, then a body: what is read lies in the body. */
#include "http/multipart.h"

#include "base/assert.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str body = str_mem((const char *)data, size);
	struct str type = str_cut(&body, '\n');
	struct http_params ps = { 0 };
	struct budget b;
	struct arena a;
	budget_init(&b, NULL, "fuzz", 1 << 20);
	arena_init(&a, &b);
	struct str boundary = http_multipart_boundary(type);
	int rc = http_multipart_parse(&ps, &a, body.p ? body : STR(""), boundary, NULL);
	CHECK(rc <= 0);
	for (size_t i = 0; i < ps.n; i++) {
		struct str v = ps.p[i].value;
		CHECK(v.n == 0 || (v.p >= body.p && v.p + v.n <= body.p + body.n));
	}
	arena_fini(&a);
	budget_fini(&b);
	return 0;
}
