#include "base/file.h"
#include "base/str.h"
#include "cmd/options_internal.h"
#include "text/yaml.h"

#include <stdlib.h>
#include <string.h>

#define MAX_CONFIG_BYTES (1024 * 1024)

static int load(const char *path, struct ydoc **ret, struct err *err)
{
	struct strbuf b = { 0 };
	int rc = file_read_all(path, MAX_CONFIG_BYTES, &b, err);
	if (rc == 0)
		rc = ydoc_parse(strbuf_str(&b), path, NULL, ret, err);
	strbuf_fini(&b);
	if (rc == 0 && (rc = ynode_want_map(ydoc_root(*ret), err)) != 0)
		ydoc_free(*ret);
	return rc;
}

/* Wording of an error of option_set at a node: keeps code and text, adds place and key. */
static int at_node(const struct ynode *n, struct err *err)
{
	struct err cause = *err;
	return ynode_err(n, err, "%s", cause.msg);
}

static int set_scalar(struct options_result *r, const struct option_at *at, const struct ynode *n, struct arena *a,
		      struct err *err)
{
	struct str v;
	bool b;
	int rc = at->row->kind == OPTION_BOOL ? ynode_bool(n, &b, err) : ynode_str(n, &v, err);
	if (rc != 0)
		return rc;
	if (at->row->kind == OPTION_BOOL)
		v = b ? STR("true") : STR("false");
	struct err cause;
	rc = option_set(at->row, option_field(r, at), v, a, &cause);
	if (rc == 0)
		return 0;
	if (err)
		*err = cause;
	return err ? at_node(n, err) : rc;
}

static int set_value(struct options_result *r, const struct option_at *at, struct ynode *n, struct arena *a,
		     struct err *err)
{
	int rc = option_note_given(r, at, a, err);
	if (rc != 0)
		return rc;
	if (at->row->kind != OPTION_LIST)
		return set_scalar(r, at, n, a, err);
	*(struct option_list *)option_field(r, at) = (struct option_list){ 0 };
	if (n->kind == YNODE_SCALAR)
		return set_scalar(r, at, n, a, err);
	rc = ynode_want_list(n, err);
	for (uint32_t i = 0; rc == 0 && i < n->n; i++)
		rc = set_scalar(r, at, n->items[i], a, err);
	return rc;
}

/* The key of `name` below `map`: "a.b.c" as written, or a map at each dot. */
static struct ynode *find_key(struct ynode *map, const char *name)
{
	struct ynode *n = ynode_get(map, name);
	for (const char *dot = strchr(name, '.'); !n && dot; dot = strchr(dot + 1, '.')) {
		char head[128];
		size_t len = (size_t)(dot - name);
		if (len >= sizeof(head))
			break;
		memcpy(head, name, len);
		head[len] = '\0';
		struct ynode *below = ynode_get(map, head);
		if (below && below->kind == YNODE_MAP)
			n = find_key(below, dot + 1);
	}
	return n;
}

static int check_role(struct ynode *root, const struct option_command *cmd, struct err *err)
{
	struct str role = { 0 };
	int rc = ynode_get_str(root, "role", &role, err);
	if (rc != 0 || role.n == 0 || str_eq_c(role, cmd->name))
		return rc;
	return ynode_err(ynode_get(root, "role"), err, "this is a file for `thanos %.*s`, not `thanos %s`",
			 STR_ARG(role), cmd->name);
}

int options_read_yaml(struct options_result *r, const struct option_command *cmd, const char *path, struct arena *a,
		      struct err *err)
{
	struct ydoc *doc;
	int rc = load(path, &doc, err);
	if (rc != 0)
		return rc;
	struct ynode *root = ydoc_root(doc);
	rc = check_role(root, cmd, err);
	for (struct option_at at = { 0 }; rc == 0 && option_next(cmd, &at);) {
		struct ynode *n = find_key(root, at.row->name);
		if (n)
			rc = set_value(r, &at, n, a, err);
	}
	if (rc == 0)
		rc = ynode_unused(root, err);
	ydoc_free(doc);
	return rc;
}

int options_yaml_role(const char *path, struct arena *a, const char **ret_role, struct err *err)
{
	struct ydoc *doc;
	int rc = load(path, &doc, err);
	if (rc != 0)
		return rc;
	struct str role = { 0 };
	rc = ynode_get_str(ydoc_root(doc), "role", &role, err);
	if (rc == 0 && role.n == 0)
		rc = err_set(err, ERR_INVALID_ARGUMENT,
			     "%s: key \"role\" is missing; say which component to run, such as role: query", path);
	if (rc == 0 && !(*ret_role = arena_memdup(a, role.p, role.n)))
		rc = arena_err(a, err);
	ydoc_free(doc);
	return rc;
}
