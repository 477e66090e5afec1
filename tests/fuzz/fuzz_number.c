/* Numbers, durations, sizes, ULIDs and globs: what was read prints to something that reads the same. */
#include "text/duration.h"
#include "text/float.h"
#include "text/glob.h"
#include "text/size.h"
#include "text/ulid.h"

#include "base/assert.h"

#include <math.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void check_double(struct str in)
{
	char out[TEXT_FLOAT_MAX];
	double v, back;
	if (!text_parse_double(in, &v))
		return;
	for (int style = TEXT_FLOAT_F; style <= TEXT_FLOAT_GOJSON; style++) {
		size_t n = text_float(out, v, (enum text_float_style)style);
		CHECK(n <= sizeof(out));
		CHECK(text_parse_double(str_mem(out, n), &back));
		CHECK(memcmp(&v, &back, sizeof(v)) == 0 || isnan(v));
	}
}

static void check_durations(struct str in)
{
	char out[TEXT_DURATION_MAX];
	int64_t v, back;
	if (text_duration_parse(in, &v, NULL) == 0) {
		CHECK(v >= 0);
		size_t n = text_duration_format(out, v);
		CHECK(text_duration_parse(str_mem(out, n), &back, NULL) == 0 && back == v);
	}
	if (text_goduration_parse(in, &v, NULL) == 0) {
		size_t n = text_goduration_format(out, v);
		CHECK(text_goduration_parse(str_mem(out, n), &back, NULL) == 0 && back == v);
	}
}

static void check_size(struct str in)
{
	char out[TEXT_SIZE_MAX];
	uint64_t v, back;
	if (text_size_parse(in, &v, NULL) < 0)
		return;
	size_t n = text_size_format(out, v);
	/* Reading adds in floating point: exact below 2^53. */
	CHECK(text_size_parse(str_mem(out, n), &back, NULL) == 0 || v >= 1ull << 53);
	CHECK(v >= 1ull << 53 || back == v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str in = str_mem(data, size);
	struct ulid u, back;
	char text[ULID_LEN + 1];
	bool m;
	check_double(in);
	check_durations(in);
	check_size(in);
	if (ulid_parse(in, &u)) {
		ulid_format(&u, text);
		CHECK(ulid_parse(str_c(text), &back) && ulid_cmp(&u, &back) == 0);
	}
	struct str rest = in, pattern = str_cut(&rest, '\n');
	int rc = text_glob_match(pattern, rest, &m, NULL);
	CHECK((rc == 0) == text_glob_valid(pattern));
	return 0;
}
