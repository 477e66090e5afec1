#include "labels/relabel_yaml.h"

#include "base/mem.h"

#include <stdlib.h>

/* A copy of *s in the rules' arena, which has no budget and so cannot refuse. */
static void own(struct relabel_rules *r, struct str *s)
{
	char *p = arena_memdup(&r->arena, s->n ? s->p : "", s->n);
	*s = str_mem(p, s->n);
}

static int read_sources(struct relabel_rules *r, struct ynode *map, struct relabel_rule *rule, struct err *err)
{
	struct ynode *list = NULL;
	int rc = ynode_get_list(map, "source_labels", &list, err);
	if (rc < 0 || !list)
		return rc;
	struct str *p = arena_array(&r->arena, list->n, sizeof(*p));
	for (uint32_t i = 0; i < list->n; i++) {
		if ((rc = ynode_str(list->items[i], &p[i], err)) < 0)
			return rc;
		if (!label_name_valid(p[i], rule->names))
			return ynode_err(list->items[i], err, "\"%.*s\" is not a valid label name", STR_ARG(p[i]));
		own(r, &p[i]);
	}
	rule->source_labels = p;
	rule->n_source_labels = list->n;
	return 0;
}

static int read_action(struct ynode *map, struct relabel_rule *rule, uint32_t actions, struct err *err)
{
	struct str name = str_c(relabel_action_name(rule->action));
	int rc = ynode_get_str(map, "action", &name, err);
	if (rc < 0)
		return rc;
	if (!relabel_action_parse(name, &rule->action))
		return ynode_err(map, err, "unknown relabel action \"%.*s\"", STR_ARG(name));
	if (actions && !(actions & 1u << rule->action))
		return ynode_err(map, err, "relabel action \"%s\" is not supported here",
				 relabel_action_name(rule->action));
	return 0;
}

static int read_rule(struct relabel_rules *r, struct ynode *map, struct relabel_rule *rule, uint32_t actions,
		     struct err *err)
{
	int rc;
	if ((rc = ynode_want_map(map, err)) < 0 || (rc = read_action(map, rule, actions, err)) < 0 ||
	    (rc = read_sources(r, map, rule, err)) < 0 ||
	    (rc = ynode_get_str(map, "separator", &rule->separator, err)) < 0 ||
	    (rc = ynode_get_str(map, "regex", &rule->pattern, err)) < 0 ||
	    (rc = ynode_get_u64(map, "modulus", &rule->modulus, err)) < 0 ||
	    (rc = ynode_get_str(map, "target_label", &rule->target_label, err)) < 0 ||
	    (rc = ynode_get_str(map, "replacement", &rule->replacement, err)) < 0 || (rc = ynode_unused(map, err)) < 0)
		return rc;
	own(r, &rule->separator);
	own(r, &rule->pattern);
	own(r, &rule->target_label);
	own(r, &rule->replacement);
	struct err why = ERR_NONE;
	rc = relabel_rule_init(rule, &why);
	return rc < 0 ? ynode_err(map, err, "%s", why.msg) : 0;
}

/*
 * Reads a list of rules (a null node is an empty list). `names` says which label
 * names are valid; `actions` is a set of allowed actions, bit 1 << action, 0 for
 * all. Nothing points into the document afterwards. INVALID_ARGUMENT names
 * file and line.
 */
static int relabel_rules_read(struct ynode *list, enum label_names names, uint32_t actions, struct relabel_rules **ret,
			      struct err *err)
{
	int rc = ynode_want_list(list, err);
	if (rc < 0)
		return rc;
	struct relabel_rules *r = xcalloc(1, sizeof(*r));
	arena_init(&r->arena, NULL);
	uint32_t n = list->kind == YNODE_LIST ? list->n : 0;
	r->p = arena_array(&r->arena, n, sizeof(*r->p));
	for (uint32_t i = 0; i < n; i++) {
		r->p[i] = relabel_rule_default();
		r->p[i].names = names;
		rc = read_rule(r, list->items[i], &r->p[i], actions, err);
		if (rc < 0) {
			relabel_rules_free(r);
			return rc;
		}
		r->n++;
	}
	*ret = r;
	return 0;
}

int relabel_rules_parse(struct str text, const char *file, enum label_names names, uint32_t actions,
			struct relabel_rules **ret, struct err *err)
{
	struct ydoc *doc = NULL;
	int rc = ydoc_parse(text, file, NULL, &doc, err);
	if (rc < 0)
		return rc;
	rc = relabel_rules_read(ydoc_root(doc), names, actions, ret, err);
	ydoc_free(doc);
	return rc;
}

void relabel_rules_free(struct relabel_rules *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		relabel_rule_fini(&r->p[i]);
	arena_fini(&r->arena);
	free(r);
}
