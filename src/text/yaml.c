#include "text/yaml.h"

#include "base/arena.h"
#include "base/hash.h"
#include "base/hmap.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/vec.h"

#include <stdlib.h>
#include <yaml.h>

#define DEFAULT_BYTES (4u << 20)
#define DEFAULT_DEPTH 64
#define DEFAULT_NODES 200000

struct ydoc {
	struct arena arena;
	char *file;
	struct ynode *root;
};

/* A node that aliases can name. */
struct anchor {
	struct str name;
	struct ynode *node; /* NULL while the node is being read */
};

/* Parsing: the event in hand and what was read so far. */
struct build {
	yaml_parser_t parser;
	yaml_event_t ev;
	bool has_ev;
	struct ydoc *doc;
	struct yaml_limits limits;
	size_t nodes, depth;
	VEC(struct ynode *) items; /* of all open lists, innermost last */
	VEC(struct ypair) pairs;   /* of all open maps */
	struct hmap anchors;
	struct err *err;
};

static int build_node(struct build *b, const struct ynode *parent, struct ynode **ret);

/* --- events ------------------------------------------------------------------------ */

static int syntax_err(struct build *b)
{
	const yaml_parser_t *p = &b->parser;
	const char *context = p->context ? p->context : "";
	return err_set(b->err, ERR_INVALID_ARGUMENT, "%s:%zu: %s%s%s", b->doc->file, p->problem_mark.line + 1, context,
		       *context ? ": " : "", p->problem ? p->problem : "not YAML");
}

static int event_err(struct build *b, enum err_code code, const char *text)
{
	return err_set(b->err, code, "%s:%zu: %s", b->doc->file, b->ev.start_mark.line + 1, text);
}

static int next_event(struct build *b)
{
	if (b->has_ev)
		yaml_event_delete(&b->ev);
	b->has_ev = false;
	if (!yaml_parser_parse(&b->parser, &b->ev))
		return syntax_err(b);
	b->has_ev = true;
	return 0;
}

/* --- nodes ------------------------------------------------------------------------- */

static int count_nodes(struct build *b, size_t n)
{
	b->nodes += n;
	if (b->nodes > b->limits.nodes)
		return event_err(b, ERR_RESOURCE_EXHAUSTED, "too many YAML nodes (aliases count as what they repeat)");
	return 0;
}

static int check_depth(struct build *b, size_t height)
{
	if (b->depth + height > b->limits.depth)
		return event_err(b, ERR_RESOURCE_EXHAUSTED, "YAML nested too deep");
	return 0;
}

static int copy_str(struct build *b, const void *p, size_t n, struct str *ret)
{
	char *q = arena_memdup(&b->doc->arena, p, n);
	if (!q)
		return arena_err(&b->doc->arena, b->err);
	*ret = str_mem(q, n);
	return 0;
}

static int new_node(struct build *b, enum ynode_kind kind, const struct ynode *parent, struct ynode **ret)
{
	int rc = count_nodes(b, 1);
	if (rc < 0)
		return rc;
	struct ynode *n = arena_zalloc(&b->doc->arena, sizeof(*n));
	if (!n)
		return arena_err(&b->doc->arena, b->err);
	n->kind = kind;
	n->line = (uint32_t)b->ev.start_mark.line + 1;
	n->size = 1;
	n->parent = parent;
	n->doc = b->doc;
	*ret = n;
	return 0;
}

/* Adds a finished child's figures to its parent's. */
static void account_child(struct ynode *n, const struct ynode *child)
{
	n->size += child->size;
	if (n->height < child->height + 1)
		n->height = child->height + 1;
}

static bool anchor_eq(const void *value, const void *key)
{
	return str_eq(((const struct anchor *)value)->name, *(const struct str *)key);
}

/* Remembers a node under its anchor, if it has one. *ret is NULL without. A later one of the same name wins. */
static int add_anchor(struct build *b, const yaml_char_t *name, struct anchor **ret)
{
	*ret = NULL;
	if (!name)
		return 0;
	struct anchor *a = arena_zalloc(&b->doc->arena, sizeof(*a));
	if (!a)
		return arena_err(&b->doc->arena, b->err);
	int rc = copy_str(b, name, strlen((const char *)name), &a->name);
	if (rc < 0)
		return rc;
	uint64_t h = hash_str(a->name);
	hmap_remove(&b->anchors, h, anchor_eq, &a->name);
	hmap_add(&b->anchors, h, a);
	*ret = a;
	return 0;
}

static int build_alias(struct build *b, struct ynode **ret)
{
	struct str name = str_c((const char *)b->ev.data.alias.anchor);
	struct anchor *a = hmap_find(&b->anchors, hash_str(name), anchor_eq, &name);
	if (!a)
		return event_err(b, ERR_INVALID_ARGUMENT, "alias of an unknown anchor");
	if (!a->node)
		return event_err(b, ERR_INVALID_ARGUMENT, "alias inside the node that it names");
	int rc = count_nodes(b, a->node->size);
	if (rc == 0)
		rc = check_depth(b, a->node->height);
	*ret = a->node;
	return rc;
}

static bool is_null_text(struct str s)
{
	return s.n == 0 || str_eq_c(s, "~") || str_eq_c(s, "null") || str_eq_c(s, "Null") || str_eq_c(s, "NULL");
}

/* What a tag says: 's' string, 'n' null, 'o' other scalar, 'l' list, 'm' map; 0 none or "!", -1 unknown. */
static int tag_meaning(const yaml_char_t *tag)
{
	static const struct {
		const char *name;
		int meaning;
	} tags[] = {
		{ YAML_STR_TAG, 's' },   { YAML_NULL_TAG, 'n' },      { YAML_BOOL_TAG, 'o' }, { YAML_INT_TAG, 'o' },
		{ YAML_FLOAT_TAG, 'o' }, { YAML_TIMESTAMP_TAG, 's' }, { YAML_SEQ_TAG, 'l' },  { YAML_MAP_TAG, 'm' },
	};
	if (!tag || strcmp((const char *)tag, "!") == 0)
		return 0;
	for (size_t i = 0; i < ARRAY_LEN(tags); i++)
		if (strcmp((const char *)tag, tags[i].name) == 0)
			return tags[i].meaning;
	return -1;
}

static int build_scalar(struct build *b, const struct ynode *parent, struct ynode **ret)
{
	int tag = tag_meaning(b->ev.data.scalar.tag);
	if (tag < 0 || tag == 'l' || tag == 'm')
		return event_err(b, ERR_INVALID_ARGUMENT, "a scalar cannot have this tag");
	struct ynode *n;
	struct anchor *a;
	int rc = new_node(b, YNODE_SCALAR, parent, &n);
	if (rc == 0)
		rc = copy_str(b, b->ev.data.scalar.value, b->ev.data.scalar.length, &n->scalar);
	if (rc == 0)
		rc = add_anchor(b, b->ev.data.scalar.anchor, &a);
	if (rc < 0)
		return rc;
	n->quoted = tag == 's' || (tag == 0 && b->ev.data.scalar.style != YAML_PLAIN_SCALAR_STYLE);
	if (tag == 'n' || (!n->quoted && tag == 0 && is_null_text(n->scalar)))
		n->kind = YNODE_NULL;
	if (a)
		a->node = n;
	*ret = n;
	return 0;
}

static int build_list(struct build *b, const struct ynode *parent, struct ynode **ret)
{
	int tag = tag_meaning(b->ev.data.sequence_start.tag);
	if (tag != 0 && tag != 'l')
		return event_err(b, ERR_INVALID_ARGUMENT, "a list cannot have this tag");
	struct ynode *n;
	struct anchor *a;
	size_t base = b->items.n;
	int rc = new_node(b, YNODE_LIST, parent, &n);
	if (rc == 0)
		rc = add_anchor(b, b->ev.data.sequence_start.anchor, &a);
	while (rc == 0) {
		struct ynode *item;
		rc = next_event(b);
		if (rc == 0 && b->ev.type == YAML_SEQUENCE_END_EVENT)
			break;
		if (rc == 0)
			rc = build_node(b, n, &item);
		if (rc == 0) {
			account_child(n, item);
			*vec_push(&b->items) = item;
		}
	}
	if (rc < 0)
		return rc;
	n->n = (uint32_t)(b->items.n - base);
	n->items = arena_array(&b->doc->arena, n->n, sizeof(*n->items));
	if (!n->items)
		return arena_err(&b->doc->arena, b->err);
	if (n->n)
		memcpy(n->items, b->items.p + base, n->n * sizeof(*n->items));
	b->items.n = base;
	if (a)
		a->node = n;
	*ret = n;
	return 0;
}

/* --- maps -------------------------------------------------------------------------- */

static bool pair_eq(const void *value, const void *key)
{
	return str_eq(((const struct ypair *)value)->key, *(const struct str *)key);
}

/* Reads one "key: value" onto b->pairs; the event in hand is the key. */
static int build_pair(struct build *b, struct ynode *map)
{
	struct ypair pair = { .line = (uint32_t)b->ev.start_mark.line + 1 };
	if (b->ev.type != YAML_SCALAR_EVENT)
		return event_err(b, ERR_INVALID_ARGUMENT, "the key of a map must be a scalar");
	pair.merged = b->ev.data.scalar.style == YAML_PLAIN_SCALAR_STYLE &&
		      strcmp((const char *)b->ev.data.scalar.value, "<<") == 0;
	int rc = copy_str(b, b->ev.data.scalar.value, b->ev.data.scalar.length, &pair.key);
	if (rc == 0)
		rc = next_event(b);
	if (rc == 0)
		rc = build_node(b, map, &pair.value);
	if (rc == 0) {
		account_child(map, pair.value);
		*vec_push(&b->pairs) = pair;
	}
	return rc;
}

/* Adds a pair to the finished map. One that is there already wins over a merged one, else is an error. */
static int map_add(struct build *b, struct ynode *map, struct hmap *seen, const struct ypair *pair, bool merged)
{
	uint64_t h = hash_str(pair->key);
	const struct ypair *old = hmap_find(seen, h, pair_eq, &pair->key);
	if (old && merged)
		return 0;
	if (old)
		return err_set(b->err, ERR_INVALID_ARGUMENT, "%s:%u: key \"%.*s\" is already there on line %u",
			       b->doc->file, pair->line, STR_ARG(pair->key), old->line);
	struct ypair *slot = &map->pairs[map->n++];
	*slot = *pair;
	slot->merged = merged;
	hmap_add(seen, h, slot);
	return 0;
}

static int merge_err(struct build *b, const struct ypair *pair)
{
	return err_set(b->err, ERR_INVALID_ARGUMENT, "%s:%u: \"<<\" wants a map or a list of maps", b->doc->file,
		       pair->line);
}

/* The maps that the value of a "<<" names: one, or the items of a list. */
static size_t merge_sources(const struct ypair *pair, struct ynode *const **ret)
{
	*ret = pair->value->kind == YNODE_LIST ? pair->value->items : &pair->value;
	return pair->value->kind == YNODE_LIST ? pair->value->n : 1;
}

/* Pairs that the merge keys among `in` bring at most; checked, and counted as nodes. */
static int merged_room(struct build *b, const struct ypair *in, size_t n, size_t *ret)
{
	*ret = 0;
	for (size_t i = 0; i < n; i++) {
		struct ynode *const *maps;
		size_t count = in[i].merged ? merge_sources(&in[i], &maps) : 0;
		for (size_t k = 0; k < count; k++) {
			if (maps[k]->kind != YNODE_MAP)
				return merge_err(b, &in[i]);
			*ret += maps[k]->n;
			int rc = count_nodes(b, maps[k]->size);
			if (rc < 0)
				return rc;
		}
	}
	return 0;
}

static int fill_map(struct build *b, struct ynode *map, struct hmap *seen, const struct ypair *in, size_t n)
{
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		if (!in[i].merged)
			rc = map_add(b, map, seen, &in[i], false);
	for (size_t i = 0; i < n && rc == 0; i++) {
		struct ynode *const *maps;
		size_t count = in[i].merged ? merge_sources(&in[i], &maps) : 0;
		for (size_t k = 0; k < count; k++)
			for (uint32_t j = 0; j < maps[k]->n && rc == 0; j++) {
				struct ypair pair = maps[k]->pairs[j];
				pair.used = false;
				rc = map_add(b, map, seen, &pair, true);
				map->size += pair.value->size;
			}
	}
	return rc;
}

/* Turns the pairs read into the map's own, with merge keys resolved. */
static int finish_map(struct build *b, struct ynode *map, size_t base)
{
	size_t n = b->pairs.n - base, extra;
	const struct ypair *in = n ? b->pairs.p + base : NULL;
	int rc = merged_room(b, in, n, &extra);
	if (rc < 0)
		return rc;
	map->pairs = arena_array(&b->doc->arena, n + extra, sizeof(*map->pairs));
	if (!map->pairs)
		return arena_err(&b->doc->arena, b->err);
	struct hmap seen = { 0 };
	rc = fill_map(b, map, &seen, in, n);
	hmap_fini(&seen);
	b->pairs.n = base;
	return rc;
}

static int build_map(struct build *b, const struct ynode *parent, struct ynode **ret)
{
	int tag = tag_meaning(b->ev.data.mapping_start.tag);
	if (tag != 0 && tag != 'm')
		return event_err(b, ERR_INVALID_ARGUMENT, "a map cannot have this tag");
	struct ynode *n;
	struct anchor *a;
	size_t base = b->pairs.n;
	int rc = new_node(b, YNODE_MAP, parent, &n);
	if (rc == 0)
		rc = add_anchor(b, b->ev.data.mapping_start.anchor, &a);
	while (rc == 0) {
		rc = next_event(b);
		if (rc == 0 && b->ev.type == YAML_MAPPING_END_EVENT)
			break;
		if (rc == 0)
			rc = build_pair(b, n);
	}
	if (rc == 0)
		rc = finish_map(b, n, base);
	if (rc < 0)
		return rc;
	if (a)
		a->node = n;
	*ret = n;
	return 0;
}

/* Reads the node that the event in hand begins, up to its last event. */
static int build_node(struct build *b, const struct ynode *parent, struct ynode **ret)
{
	int rc = check_depth(b, 1);
	if (rc < 0)
		return rc;
	b->depth++;
	switch (b->ev.type) {
	case YAML_ALIAS_EVENT:
		rc = build_alias(b, ret);
		break;
	case YAML_SCALAR_EVENT:
		rc = build_scalar(b, parent, ret);
		break;
	case YAML_SEQUENCE_START_EVENT:
		rc = build_list(b, parent, ret);
		break;
	case YAML_MAPPING_START_EVENT:
		rc = build_map(b, parent, ret);
		break;
	default:
		rc = event_err(b, ERR_INTERNAL, "unexpected YAML event");
		break;
	}
	b->depth--;
	return rc;
}

/* --- documents ---------------------------------------------------------------------- */

static int build_document(struct build *b)
{
	int rc = next_event(b); /* stream start */
	if (rc == 0)
		rc = next_event(b);
	if (rc < 0)
		return rc;
	if (b->ev.type == YAML_STREAM_END_EVENT)
		return new_node(b, YNODE_NULL, NULL, &b->doc->root);
	rc = next_event(b); /* past the document's start */
	if (rc == 0)
		rc = build_node(b, NULL, &b->doc->root);
	if (rc == 0)
		rc = next_event(b); /* document end */
	if (rc == 0)
		rc = next_event(b);
	if (rc == 0 && b->ev.type != YAML_STREAM_END_EVENT)
		rc = event_err(b, ERR_INVALID_ARGUMENT, "only one YAML document is allowed");
	return rc;
}

static void build_fini(struct build *b)
{
	if (b->has_ev)
		yaml_event_delete(&b->ev);
	yaml_parser_delete(&b->parser);
	vec_fini(&b->items);
	vec_fini(&b->pairs);
	hmap_fini(&b->anchors);
}

int ydoc_parse(struct str text, const char *file, const struct yaml_limits *limits, struct ydoc **ret, struct err *err)
{
	struct build b = { .err = err };
	if (limits)
		b.limits = *limits;
	b.limits.bytes = b.limits.bytes ? b.limits.bytes : DEFAULT_BYTES;
	b.limits.depth = b.limits.depth ? b.limits.depth : DEFAULT_DEPTH;
	b.limits.nodes = b.limits.nodes ? b.limits.nodes : DEFAULT_NODES;
	if (text.n > b.limits.bytes)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: YAML of %zu bytes, %zu at most", file, text.n,
			       b.limits.bytes);
	if (!yaml_parser_initialize(&b.parser))
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: no memory for the parser", file);
	yaml_parser_set_input_string(&b.parser, (const yaml_char_t *)(text.p ? text.p : ""), text.n);
	yaml_parser_set_encoding(&b.parser, YAML_UTF8_ENCODING);
	b.doc = xcalloc(1, sizeof(*b.doc));
	b.doc->file = xstrdup(file);
	arena_init(&b.doc->arena, NULL);
	int rc = build_document(&b);
	build_fini(&b);
	if (rc < 0) {
		ydoc_free(b.doc);
		return rc;
	}
	*ret = b.doc;
	return 0;
}

void ydoc_free(struct ydoc *d)
{
	if (!d)
		return;
	arena_fini(&d->arena);
	free(d->file);
	free(d);
}

struct ynode *ydoc_root(const struct ydoc *d)
{
	return d->root;
}

const char *ydoc_file(const struct ydoc *d)
{
	return d->file;
}
