#include "base/file.h"
#include "base/str.h"
#include "base/vec.h"
#include "cmd/options_internal.h"

#include <stdlib.h>
#include <string.h>

#define MAX_ARGS_FILE (1024 * 1024)
#define MAX_ARGS_DEPTH 4

struct reader {
	struct options_result *r;
	const struct option_command *cmd;
	struct arena *a;
	VEC(struct str) args; /* after @file expansion */
	size_t next;
};

static int expand(struct reader *rd, struct str arg, int depth, struct err *err);

/* Adds the lines of a file as arguments; empty lines and those that begin with # do not count. */
static int expand_file(struct reader *rd, const char *path, int depth, struct err *err)
{
	struct strbuf b = { 0 };
	int rc = depth < MAX_ARGS_DEPTH ? file_read_all(path, MAX_ARGS_FILE, &b, err)
					: err_set(err, ERR_INVALID_ARGUMENT, "@%s: files nest too deeply", path);
	struct str rest = strbuf_str(&b);
	while (rc == 0 && rest.n) {
		struct str line = str_trim(str_cut(&rest, '\n'));
		if (line.n == 0 || line.p[0] == '#')
			continue;
		char *copy = arena_memdup(rd->a, line.p, line.n);
		rc = copy ? expand(rd, str_mem(copy, line.n), depth + 1, err) : arena_err(rd->a, err);
	}
	strbuf_fini(&b);
	return rc;
}

static int expand(struct reader *rd, struct str arg, int depth, struct err *err)
{
	if (arg.n > 1 && arg.p[0] == '@')
		return expand_file(rd, arg.p + 1, depth, err);
	*vec_push(&rd->args) = arg;
	return 0;
}

/* Number of single-character edits between two names, up to a small limit: for "did you mean". */
static unsigned distance(struct str a, struct str b)
{
	unsigned row[128];
	if (a.n >= ARRAY_LEN(row) || b.n >= ARRAY_LEN(row))
		return ARRAY_LEN(row);
	for (size_t j = 0; j <= b.n; j++)
		row[j] = (unsigned)j;
	for (size_t i = 1; i <= a.n; i++) {
		unsigned diagonal = row[0];
		row[0] = (unsigned)i;
		for (size_t j = 1; j <= b.n; j++) {
			unsigned change = diagonal + (a.p[i - 1] != b.p[j - 1]);
			diagonal = row[j];
			row[j] = MIN(change, MIN(row[j], row[j - 1]) + 1);
		}
	}
	return row[b.n];
}

static int unknown_flag(const struct reader *rd, struct str name, struct err *err)
{
	const char *best = NULL;
	unsigned least = 4;
	for (struct option_at at = { 0 }; option_next(rd->cmd, &at);) {
		unsigned d = distance(name, str_c(at.row->name));
		if (d < least) {
			least = d;
			best = at.row->name;
		}
	}
	if (best)
		return err_set(err, ERR_INVALID_ARGUMENT, "unknown long flag '--%.*s', did you mean '--%s'?",
			       STR_ARG(name), best);
	return err_set(err, ERR_INVALID_ARGUMENT, "unknown long flag '--%.*s', try --help", STR_ARG(name));
}

static const struct option_retired *find_retired(const struct option_command *cmd, struct str name)
{
	for (size_t i = 0; i < cmd->n_retired; i++)
		if (str_eq_c(name, cmd->retired[i].name))
			return &cmd->retired[i];
	return NULL;
}

/* Sets `row` from a flag, once unless it is a list; the first value of a list replaces default and file. */
static int set_from_flag(struct reader *rd, const struct option_at *at, bool *given, struct str v, struct err *err)
{
	if (given[at->index] && at->row->kind != OPTION_LIST)
		return err_set(err, ERR_INVALID_ARGUMENT, "flag '%s' cannot be repeated", at->row->name);
	if (!given[at->index] && at->row->kind == OPTION_LIST)
		*(struct option_list *)option_field(rd->r, at) = (struct option_list){ 0 };
	given[at->index] = true;
	int rc = option_set(at->row, option_field(rd->r, at), v, rd->a, err);
	return rc != 0 ? err_prefix(err, "--%s", at->row->name) : option_note_given(rd->r, at, rd->a, err);
}

/* Finds the row of a flag, also through --no-x and retired names. 1 found, 0 ignore it. */
static int resolve(struct reader *rd, struct str name, struct option_at *ret, bool *ret_no, struct err *err)
{
	*ret_no = false;
	if (option_find(rd->cmd, name, ret))
		return 1;
	if (str_has_prefix(name, STR("no-")) && option_find(rd->cmd, str_mem(name.p + 3, name.n - 3), ret) &&
	    ret->row->kind == OPTION_BOOL) {
		*ret_no = true;
		return 1;
	}
	const struct option_retired *old = find_retired(rd->cmd, name);
	if (!old)
		return unknown_flag(rd, name, err);
	int rc =
		option_warn(rd->r, rd->a, err, old->now ? "--%s was replaced by --%s" : "--%s has no effect any more%s",
			    old->name, old->now ? old->now : "");
	if (rc != 0)
		return rc;
	if (old->now)
		CHECK(option_find(rd->cmd, str_c(old->now), ret));
	return old->now ? 1 : 0;
}

/* Whether the next argument is there and can be a value: not a flag itself. */
static bool value_follows(const struct reader *rd)
{
	return rd->next < rd->args.n && !str_has_prefix(rd->args.p[rd->next], STR("--"));
}

/* Reads one --name or --name=value. */
static int read_flag(struct reader *rd, struct str arg, bool *given, struct err *err)
{
	struct str value = str_mem(arg.p + 2, arg.n - 2);
	struct str name = str_cut(&value, '=');
	struct option_at at;
	bool no;
	int rc = resolve(rd, name, &at, &no, err);
	if (rc < 0)
		return rc;
	bool is_bool = rc == 1 && at.row->kind == OPTION_BOOL;
	if (is_bool && value.p)
		return err_set(err, ERR_INVALID_ARGUMENT, "--%.*s takes no value; write --%s or --no-%s", STR_ARG(name),
			       at.row->name, at.row->name);
	if (is_bool)
		return set_from_flag(rd, &at, given, no ? STR("false") : STR("true"), err);
	if (!value.p && value_follows(rd))
		value = rd->args.p[rd->next++];
	if (rc == 0)
		return 0;
	if (!value.p)
		return err_set(err, ERR_INVALID_ARGUMENT, "expected argument for flag '--%.*s'", STR_ARG(name));
	return set_from_flag(rd, &at, given, value, err);
}

/* The flags that every command has. Returns whether `arg` was one. */
static bool read_common(struct reader *rd, struct str arg)
{
	static const struct {
		const char *flag;
		enum options_action action;
	} actions[] = {
		{ "--help", OPTIONS_HELP },           { "-h", OPTIONS_HELP },
		{ "--help-long", OPTIONS_HELP_LONG }, { "--help-man", OPTIONS_HELP_MAN },
		{ "--version", OPTIONS_VERSION },
	};
	for (size_t i = 0; i < ARRAY_LEN(actions); i++) {
		if (str_eq_c(arg, actions[i].flag)) {
			rd->r->action = actions[i].action;
			return true;
		}
	}
	if (str_has_prefix(arg, STR("--config.file="))) {
		rd->r->config_file = arg.p + strlen("--config.file=");
		return true;
	}
	if (str_eq_c(arg, "--config.file") && rd->next < rd->args.n) {
		rd->r->config_file = rd->args.p[rd->next++].p;
		return true;
	}
	return false;
}

static int read_all(struct reader *rd, bool *given, struct err *err)
{
	while (rd->next < rd->args.n) {
		struct str arg = rd->args.p[rd->next++];
		if (read_common(rd, arg))
			continue;
		if (arg.n < 3 || arg.p[0] != '-' || arg.p[1] != '-')
			return err_set(err, ERR_INVALID_ARGUMENT, "unexpected %.*s", STR_ARG(arg));
		int rc = read_flag(rd, arg, given, err);
		if (rc != 0)
			return rc;
	}
	return 0;
}

int options_read_args(struct options_result *r, const struct option_command *cmd, int argc, char *const *argv,
		      struct arena *a, struct err *err)
{
	struct reader rd = { .r = r, .cmd = cmd, .a = a };
	size_t rows = 0;
	for (struct option_at at = { 0 }; option_next(cmd, &at);)
		rows++;
	bool *given = arena_array(a, rows, sizeof(bool));
	int rc = given ? 0 : arena_err(a, err);
	for (int i = 0; i < argc && rc == 0; i++)
		rc = expand(&rd, str_c(argv[i]), 0, err);
	if (rc == 0)
		rc = read_all(&rd, given, err);
	vec_fini(&rd.args);
	return rc;
}
