#include "text/env.h"

#include <ctype.h>
#include <stdbool.h>

#define NAME_MAX_LEN 255

/* Length of the name in "$(name)" at the start of `s`; 0 when it is something else. */
static size_t reference_at(struct str s)
{
	size_t i = 2;
	if (s.n < 4 || s.p[0] != '$' || s.p[1] != '(')
		return 0;
	while (i < s.n && (isalnum((unsigned char)s.p[i]) || s.p[i] == '_'))
		i++;
	return i < s.n && s.p[i] == ')' ? i - 2 : 0;
}

int text_env_expand(struct str in, struct strbuf *out, text_env_fn *lookup, struct err *err)
{
	for (size_t i = 0; i < in.n;) {
		size_t n = reference_at(str_mem(in.p + i, in.n - i));
		if (n == 0) {
			strbuf_add_ch(out, in.p[i++]);
			continue;
		}
		char name[NAME_MAX_LEN + 1] = "";
		if (n <= NAME_MAX_LEN)
			memcpy(name, in.p + i + 2, n);
		const char *value = name[0] ? lookup(name) : NULL;
		if (!value)
			return err_set(err, ERR_INVALID_ARGUMENT,
				       "found reference to unset environment variable \"%.*s\"", (int)n, in.p + i + 2);
		strbuf_add_c(out, value);
		i += n + 3;
	}
	if (out->overflow)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "configuration is over %zu bytes after expanding $(VAR)",
			       out->limit);
	return 0;
}
