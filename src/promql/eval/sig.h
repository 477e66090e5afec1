/*
 * promql/eval/sig.h - the part of a label set that vector matching or grouping looks at.
 */
#ifndef PROMQL_SIG_H
#define PROMQL_SIG_H

#include "promql/eval/eval.h"

/* Which labels count: the named ones, or all but them and __name__. */
struct sig_rule {
	const struct str *names; /* sorted, distinct */
	size_t n_names;
	bool on; /* on or by; else ignoring or without */
};

/* A rule from label names as written; the names are copied, sorted, into the query's arena. */
int sig_rule_init(struct sig_rule *r, struct eval *ev, const struct promql_labels *names, bool on, struct err *err);

/* The labels of `l` that count, in the node's label buffer (valid until it is used again). */
int sig_labels(const struct sig_rule *r, struct node *n, struct labels l, struct labels *ret, struct err *err);

/* Whether `name` is among the rule's names. */
bool sig_names(const struct sig_rule *r, struct str name);

/* What has one signature. Its first members; larger structs follow it. */
struct sig_entry {
	struct hash128 hash;
};

/* Entries by signature. Zero-initialised is empty. */
struct sig_map {
	struct hmap map;
};

/* Signature hash of a label set. */
int sig_hash(const struct sig_rule *r, struct node *n, struct labels l, struct hash128 *ret, struct err *err);

/* The entry with this hash, or NULL. */
void *sig_find(const struct sig_map *m, struct hash128 h);

/* Adds an entry whose hash is set. */
void sig_add(struct sig_map *m, struct sig_entry *e);

/* Frees the index, not the entries. */
void sig_map_fini(struct sig_map *m);

#endif
