#include "cmd/options.h"

#include "base/file.h"
#include "base/str.h"
#include "cmd/options_internal.h"
#include "text/duration.h"
#include "text/env.h"
#include "text/float.h"
#include "text/size.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CONTENT_BYTES (16 * 1024 * 1024)

/* --- walking the rows --------------------------------------------------------- */

bool option_next(const struct option_command *cmd, struct option_at *at)
{
	if (!at->row) {
		*at = (struct option_at){ .group = 0, .i = 0, .index = 0 };
	} else {
		at->i++;
		at->index++;
	}
	while (at->group < cmd->n_groups && at->i >= cmd->groups[at->group].rows->n) {
		at->group++;
		at->i = 0;
	}
	if (at->group == cmd->n_groups)
		return false;
	const struct option_group *g = &cmd->groups[at->group];
	at->row = &g->rows->p[at->i];
	at->offset = g->base + at->row->offset;
	return true;
}

bool option_find(const struct option_command *cmd, struct str name, struct option_at *ret)
{
	for (struct option_at at = { 0 }; option_next(cmd, &at);) {
		if (str_eq_c(name, at.row->name)) {
			*ret = at;
			return true;
		}
	}
	return false;
}

/* --- values -------------------------------------------------------------------- */

static bool among(struct str v, const char *choices)
{
	struct str rest = str_c(choices);
	while (rest.p)
		if (str_eq(str_cut(&rest, '|'), v))
			return true;
	return false;
}

static int set_list(struct option_list *l, struct str v, struct arena *a, struct err *err)
{
	const char **p = arena_array(a, l->n + 1, sizeof(*p));
	char *copy = arena_memdup(a, v.p, v.n);
	if (!p || !copy)
		return arena_err(a, err);
	if (l->n)
		memcpy(p, l->p, l->n * sizeof(*p));
	p[l->n] = copy;
	l->p = p;
	l->n++;
	return 0;
}

static int set_duration(int64_t *ret_ms, struct str v, struct err *err)
{
	int64_t ns;
	if (text_anyduration_parse(v, &ns, NULL) != 0)
		return err_set(err, ERR_INVALID_ARGUMENT, "want a duration such as 15d or 1h30m, got \"%.*s\"",
			       STR_ARG(v));
	if (ns < 0)
		return err_set(err, ERR_INVALID_ARGUMENT, "want a duration that is not negative, got \"%.*s\"",
			       STR_ARG(v));
	*ret_ms = ns / 1000000;
	return 0;
}

static int set_bytes(uint64_t *ret, struct str v, struct err *err)
{
	if (str_to_u64(v, ret) || text_size_parse(v, ret, NULL) == 0)
		return 0;
	return err_set(err, ERR_INVALID_ARGUMENT, "want a size such as 512MiB, got \"%.*s\"", STR_ARG(v));
}

static int set_bool(bool *ret, struct str v, struct err *err)
{
	*ret = str_eq_c(v, "true");
	if (*ret || str_eq_c(v, "false"))
		return 0;
	return err_set(err, ERR_INVALID_ARGUMENT, "want true or false, got \"%.*s\"", STR_ARG(v));
}

int option_set(const struct option *row, void *field, struct str v, struct arena *a, struct err *err)
{
	if (row->choices && !among(v, row->choices))
		return err_set(err, ERR_INVALID_ARGUMENT, "want one of %s, got \"%.*s\"",
			       row->choices[0] == '|' ? row->choices + 1 : row->choices, STR_ARG(v));
	switch (row->kind) {
	case OPTION_STRING: {
		char *copy = arena_memdup(a, v.p, v.n);
		*(const char **)field = copy;
		return copy ? 0 : arena_err(a, err);
	}
	case OPTION_BOOL:
		return set_bool(field, v, err);
	case OPTION_INT:
		if (str_to_i64(v, field))
			return 0;
		return err_set(err, ERR_INVALID_ARGUMENT, "want a whole number, got \"%.*s\"", STR_ARG(v));
	case OPTION_FLOAT:
		if (text_parse_double(v, field))
			return 0;
		return err_set(err, ERR_INVALID_ARGUMENT, "want a number, got \"%.*s\"", STR_ARG(v));
	case OPTION_DURATION:
		return set_duration(field, v, err);
	case OPTION_BYTES:
		return set_bytes(field, v, err);
	case OPTION_LIST:
		return set_list(field, v, a, err);
	}
	UNREACHABLE("option kind");
}

void *option_field(const struct options_result *r, const struct option_at *at)
{
	return (char *)r->config + at->offset;
}

static int set_default(const struct option *row, void *field, struct arena *a, struct err *err)
{
	struct str rest = str_c(row->def);
	int rc = 0;
	if (row->kind != OPTION_LIST)
		return rest.p ? option_set(row, field, rest, a, err) : 0;
	while (rest.p && rc == 0)
		rc = option_set(row, field, str_cut(&rest, ','), a, err);
	return rc;
}

int options_init(struct options_result *ret, const struct option_command *cmd, struct arena *a, struct err *err)
{
	size_t n = 0;
	for (struct option_at at = { 0 }; option_next(cmd, &at);)
		n++;
	*ret = (struct options_result){ .config = arena_zalloc(a, cmd->config_size),
					.given = arena_array(a, n, sizeof(bool)) };
	if (!ret->config || !ret->given)
		return arena_err(a, err);
	for (struct option_at at = { 0 }; option_next(cmd, &at);) {
		int rc = set_default(at.row, option_field(ret, &at), a, err);
		if (rc != 0)
			return err_prefix(err, "--%s: default", at.row->name);
	}
	return 0;
}

int option_note_given(struct options_result *r, const struct option_at *at, struct arena *a, struct err *err)
{
	bool first = !r->given[at->index];
	r->given[at->index] = true;
	if (!first || !(at->row->flags & OPTION_DEPRECATED))
		return 0;
	return option_warn(r, a, err, "--%s is deprecated; use --%s", at->row->name, at->row->note);
}

int option_warn(struct options_result *r, struct arena *a, struct err *err, const char *fmt, ...)
{
	struct err text;
	va_list ap;
	va_start(ap, fmt);
	err_vset(&text, ERR_OK, fmt, ap);
	va_end(ap);
	return set_list(&r->warnings, str_c(text.msg), a, err);
}

/* --- final checks -------------------------------------------------------------------- */

/* Whether a field holds what the row's default says. */
static bool is_default(const struct option *row, const void *field)
{
	struct arena a;
	arena_init(&a, NULL);
	union {
		const char *s;
		bool b;
		int64_t i;
		uint64_t u;
		double d;
		struct option_list l;
	} want = { .l = { 0 } };
	set_default(row, &want, &a, NULL);
	const char *s;
	bool same = false;
	switch (row->kind) {
	case OPTION_STRING:
		s = *(const char *const *)field;
		same = strcmp(s ? s : "", want.s ? want.s : "") == 0;
		break;
	case OPTION_BOOL:
		same = *(const bool *)field == want.b;
		break;
	case OPTION_FLOAT:
		same = *(const double *)field == want.d;
		break;
	case OPTION_INT:
	case OPTION_DURATION:
	case OPTION_BYTES:
		same = *(const int64_t *)field == want.i;
		break;
	case OPTION_LIST:
		same = ((const struct option_list *)field)->n == want.l.n;
		break;
	}
	arena_fini(&a);
	return same;
}

int options_check(const struct options_result *r, const struct option_command *cmd, struct err *err)
{
	for (struct option_at at = { 0 }; option_next(cmd, &at);)
		if (at.row->flags & OPTION_LATER && !is_default(at.row, option_field(r, &at)))
			return err_set(err, ERR_FAILED_PRECONDITION,
				       "--%s: %s is not in this build yet; leave the option out", at.row->name,
				       at.row->note);
	return 0;
}

int options_path_or_content(const char *name, const char *path, const char *content, struct arena *a, const char **ret,
			    struct err *err)
{
	bool from_file = path && *path;
	struct strbuf raw = { 0 }, text = { .limit = MAX_CONTENT_BYTES };
	*ret = NULL;
	if (!from_file && (!content || !*content))
		return 0;
	if (from_file && content && *content)
		return err_set(err, ERR_INVALID_ARGUMENT, "both --%s and --%s-file are set; give one", name, name);
	int rc = from_file ? file_read_all(path, MAX_CONTENT_BYTES, &raw, err) : 0;
	if (rc == 0)
		rc = text_env_expand(from_file ? strbuf_str(&raw) : str_c(content), &text, getenv, err);
	if (rc != 0)
		err_prefix(err, "--%s%s", name, from_file ? "-file" : "");
	else if (!(*ret = arena_memdup(a, text.p, text.n)))
		rc = arena_err(a, err);
	strbuf_fini(&raw);
	strbuf_fini(&text);
	return rc;
}
