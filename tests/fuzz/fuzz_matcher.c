/* A pattern, a zero byte, a text: shortcuts and automaton must agree. */
#include "labels/matcher.h"
#include "labels/regex.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str rest = str_mem(data, size), pattern = size ? str_cut(&rest, '\0') : STR("");
	struct matcher *m = NULL;
	struct regex *re = NULL;
	struct err e;
	if (pattern.n > 1000)
		return 0; /* a long list of values may be too much for the automaton alone */
	int rc = matcher_compile(MATCH_RE, STR("l"), pattern, &m, &e);
	int rc2 = regex_compile(pattern, &re, &e);
	if (rc == 0 && rc2 == 0 && str_is_utf8(rest)) {
		bool want = regex_match(re, rest);
		if (matcher_matches(m, rest) != want)
			abort();
		if (want && !str_has_prefix(rest, matcher_prefix(m)))
			abort();
	}
	/* What one takes the other takes too. */
	if ((rc == 0) != (rc2 == 0))
		abort();
	if (rc2 == 0) {
		struct strbuf out = { .limit = 1 << 16 };
		regex_replace(re, rest, pattern, &out);
		strbuf_fini(&out);
	}
	matcher_free(m);
	regex_free(re);
	return 0;
}
