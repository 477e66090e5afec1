#include "cmd/options_internal.h"

#include "api/status.h"
#include "text/duration.h"

#include <inttypes.h>

static const char *list_text(const struct option_list *l, struct arena *a)
{
	struct strbuf b = { 0 };
	for (size_t i = 0; i < l->n; i++) {
		strbuf_add_c(&b, i ? "," : "");
		strbuf_add_c(&b, l->p[i]);
	}
	char *s = arena_memdup(a, b.p, b.n);
	strbuf_fini(&b);
	return s;
}

/* A value as text; NULL over budget. */
static const char *value_text(const struct option *row, const void *field, struct arena *a)
{
	char buf[TEXT_DURATION_MAX];
	const char *s;
	switch (row->kind) {
	case OPTION_STRING:
		s = *(const char *const *)field;
		return s ? s : "";
	case OPTION_BOOL:
		return *(const bool *)field ? "true" : "false";
	case OPTION_INT:
		return arena_printf(a, "%" PRId64, *(const int64_t *)field);
	case OPTION_FLOAT:
		return arena_printf(a, "%g", *(const double *)field);
	case OPTION_DURATION:
		if (row->flags & OPTION_GO_TIME)
			text_goduration_format(buf, *(const int64_t *)field * 1000000);
		else
			text_duration_format(buf, *(const int64_t *)field);
		return arena_strdup(a, buf);
	case OPTION_BYTES:
		return arena_printf(a, "%" PRIu64, *(const uint64_t *)field);
	case OPTION_LIST:
		return list_text(field, a);
	}
	UNREACHABLE("option kind");
}

int options_list(const struct options_result *r, const struct option_command *cmd, struct arena *a,
		 struct api_flag **ret, size_t *ret_n, struct err *err)
{
	size_t n = 0;
	for (struct option_at at = { 0 }; option_next(cmd, &at);)
		n++;
	*ret = arena_array(a, n, sizeof(**ret));
	*ret_n = n;
	if (!*ret)
		return arena_err(a, err);
	for (struct option_at at = { 0 }; option_next(cmd, &at);) {
		struct api_flag *f = &(*ret)[at.index];
		f->name = at.row->name;
		f->is_text = at.row->kind == OPTION_STRING;
		if (at.row->kind == OPTION_LIST) {
			const struct option_list *l = option_field(r, &at);
			f->items = l->p;
			f->n_items = l->n;
		}
		f->value = value_text(at.row, option_field(r, &at), a);
		if (!f->value)
			return arena_err(a, err);
	}
	return 0;
}
