/*
 * text/yaml.h - YAML documents as a tree of nodes that know where they stand.
 *
 * libyaml's event API below, limits of our own: bytes, depth and nodes,
 * counting what aliases and merge keys would expand to. Duplicate keys are
 * errors; keys are scalars. `<<` merges maps (keys written out win).
 *
 * Reading a tree marks what was read, so that ynode_unused can name the
 * first key that nobody asked for. Errors say where and what would be right:
 *
 *	store.yaml:12: key "retention.raw": want a duration such as 15d, got "3x"
 *
 * The ynode_get_* functions take a map and a key and leave *io alone when
 * the key is missing or null, so a default is what was there before.
 * Everything returned is borrowed from the document.
 */
#ifndef TEXT_YAML_H
#define TEXT_YAML_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a document may be; 0 takes the default. */
struct yaml_limits {
	size_t bytes; /* of text; 4 MiB */
	size_t depth; /* of nesting; 64 */
	size_t nodes; /* scalars, lists and maps after expansion of aliases; 200 000 */
};

/* What a node is. Plain "", ~ and null are YNODE_NULL. */
enum ynode_kind { YNODE_NULL, YNODE_SCALAR, YNODE_LIST, YNODE_MAP };

struct ynode;

/* One key of a map. */
struct ypair {
	struct str key;
	uint32_t line; /* where the key is */
	bool used;     /* somebody asked for it */
	bool merged;   /* came through `<<` */
	struct ynode *value;
};

/* A node. Members are readable. */
struct ynode {
	enum ynode_kind kind;
	bool quoted;       /* scalar: in quotes or a block, so never null, bool or number by its look */
	uint32_t line;     /* from 1 */
	uint32_t n;        /* of items or pairs */
	uint32_t size;     /* nodes in the expanded subtree */
	uint32_t height;   /* levels below it; 0 for a scalar */
	struct str scalar; /* its text; a zero byte follows */
	union {
		struct ynode **items; /* list */
		struct ypair *pairs;  /* map, in order of the file */
	};
	const struct ynode *parent; /* NULL at the root; where it was written, for aliased nodes */
	const struct ydoc *doc;
};

struct ydoc;

/*
 * Parses one document. `file` names it in errors (copied). *ret is freed with
 * ydoc_free and holds copies of everything. INVALID_ARGUMENT when malformed
 * or there is more than one document, RESOURCE_EXHAUSTED over a limit.
 * limits may be NULL.
 */
int ydoc_parse(struct str text, const char *file, const struct yaml_limits *limits, struct ydoc **ret, struct err *err);

/* Frees a document and all its nodes; NULL is fine. */
void ydoc_free(struct ydoc *d);

/* The root; a YNODE_NULL node for an empty document. */
struct ynode *ydoc_root(const struct ydoc *d);

/* The name of the file, as it was given. */
const char *ydoc_file(const struct ydoc *d);

/* Fills `err` with INVALID_ARGUMENT and "file:line: key \"path\": <text>". Returns the negated code. */
int ynode_err(const struct ynode *n, struct err *err, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* The first key of all maps below `n` that nobody asked for is an error naming it; 0 when all were read. */
int ynode_unused(const struct ynode *n, struct err *err);

/* Marks everything below `n` as read: for parts that are passed on as they are. */
void ynode_use_all(struct ynode *n);

/* The value of `key` in a map, marked read; NULL when it is missing, null, or `map` is no map. */
struct ynode *ynode_get(struct ynode *map, const char *key);

/* Error unless `n` is a map (or null, which counts as an empty one). */
int ynode_want_map(const struct ynode *n, struct err *err);

/* Error unless `n` is a list (or null, which counts as an empty one). */
int ynode_want_list(const struct ynode *n, struct err *err);

/* --- values of one node ---------------------------------------------------------- */

/* The text of a scalar, whatever its type; null gives "". A zero byte follows. */
int ynode_str(const struct ynode *n, struct str *ret, struct err *err);

/* true/false, yes/no, on/off, y/n as YAML 1.1. */
int ynode_bool(const struct ynode *n, bool *ret, struct err *err);

/* A whole number: decimal, 0x, 0o, 0b, '_' between digits. */
int ynode_i64(const struct ynode *n, int64_t *ret, struct err *err);

/* As ynode_i64, not negative. */
int ynode_u64(const struct ynode *n, uint64_t *ret, struct err *err);

/* A number, also .inf and .nan. */
int ynode_double(const struct ynode *n, double *ret, struct err *err);

/* A Prometheus duration ("15d"), in ms. */
int ynode_duration_ms(const struct ynode *n, int64_t *ret_ms, struct err *err);

/* A Go duration ("1m30s"), or a whole number of ns, in ns. */
int ynode_goduration_ns(const struct ynode *n, int64_t *ret_ns, struct err *err);

/* A size ("512MiB"), or a whole number of bytes. */
int ynode_size(const struct ynode *n, uint64_t *ret_bytes, struct err *err);

/* --- values of a map's key; *io is kept when it is missing or null ---------------- */

/* The text of a scalar. */
int ynode_get_str(struct ynode *map, const char *key, struct str *io, struct err *err);

/* A truth value. */
int ynode_get_bool(struct ynode *map, const char *key, bool *io, struct err *err);

/* A whole number. */
int ynode_get_i64(struct ynode *map, const char *key, int64_t *io, struct err *err);

/* A whole number, not negative. */
int ynode_get_u64(struct ynode *map, const char *key, uint64_t *io, struct err *err);

/* A number. */
int ynode_get_double(struct ynode *map, const char *key, double *io, struct err *err);

/* A Prometheus duration, in ms. */
int ynode_get_duration_ms(struct ynode *map, const char *key, int64_t *io_ms, struct err *err);

/* A Go duration, in ns. */
int ynode_get_goduration_ns(struct ynode *map, const char *key, int64_t *io_ns, struct err *err);

/* A size in bytes. */
int ynode_get_size(struct ynode *map, const char *key, uint64_t *io_bytes, struct err *err);

/* A map; *ret is NULL when missing or null. */
int ynode_get_map(struct ynode *map, const char *key, struct ynode **ret, struct err *err);

/* A list; *ret is NULL when missing or null. */
int ynode_get_list(struct ynode *map, const char *key, struct ynode **ret, struct err *err);

#endif
