#include "base/str.h"
#include "cmd/options.h"
#include "labels/labels.h"

#include <string.h>

/* Undoes Go quoting ("..." with \\ \" \n \t); false on anything else. */
static bool unquote(struct str s, struct strbuf *out)
{
	if (s.n < 2 || s.p[0] != '"' || s.p[s.n - 1] != '"')
		return false;
	for (size_t i = 1; i < s.n - 1; i++) {
		char c = s.p[i];
		if (c == '"' || c == '\n')
			return false;
		if (c == '\\') {
			static const char from[] = "\\\"nt", to[] = "\\\"\n\t";
			const char *at = ++i < s.n - 1 ? memchr(from, s.p[i], 4) : NULL;
			if (!at)
				return false;
			c = to[at - from];
		}
		strbuf_add_ch(out, c);
	}
	return true;
}

static int read_label(const char *flag, const char *text, struct arena *a, struct label *ret, struct err *err)
{
	struct str value = str_c(text);
	struct str name = str_cut(&value, '=');
	struct strbuf b = { 0 };
	int rc = 0;
	if (!label_name_valid(name, LABEL_NAMES_LEGACY) || !unquote(value, &b))
		rc = err_set(err, ERR_INVALID_ARGUMENT, "--%s: want name=\"value\", got %s", flag, text);
	if (rc == 0) {
		ret->name = str_mem(arena_memdup(a, name.p, name.n), name.n);
		ret->value = str_mem(arena_memdup(a, b.p, b.n), b.n);
		if (!ret->name.p || !ret->value.p)
			rc = arena_err(a, err);
	}
	strbuf_fini(&b);
	return rc;
}

int options_labels(const char *flag, const struct option_list *in, struct arena *a, struct label **ret, size_t *ret_n,
		   struct err *err)
{
	*ret_n = in->n;
	*ret = arena_array(a, in->n, sizeof(**ret));
	if (!*ret)
		return arena_err(a, err);
	int rc = 0;
	for (size_t i = 0; i < in->n && rc == 0; i++)
		rc = read_label(flag, in->p[i], a, &(*ret)[i], err);
	return rc;
}
