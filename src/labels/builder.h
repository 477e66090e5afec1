/*
 * labels/builder.h - changes to a label set, sorted once at the end.
 *
 * A builder starts from a base set and takes changes. It borrows all strings;
 * they live until the result was copied or is no longer used. It is meant to
 * be reused: reset keeps its memory, so that relabelling allocates nothing
 * per series.
 */
#ifndef LABELS_BUILDER_H
#define LABELS_BUILDER_H

#include "labels/labels.h"

/* A builder. Zero-initialised is ready; members are private. */
struct labels_builder {
	struct label *p; /* base pairs (sorted), then added ones; an empty value is a deleted label */
	size_t n, cap;
	size_t n_base;
	bool dirty; /* something was added or deleted since the last sort */
};

/* Frees the builder's memory. */
void labels_builder_fini(struct labels_builder *b);

/* Starts over from `base` (sorted, unique). */
void labels_builder_reset(struct labels_builder *b, struct labels base);

/* Sets a label; an empty value deletes it. */
void labels_builder_set(struct labels_builder *b, struct str name, struct str value);

/* Deletes a label, if it is there. */
void labels_builder_del(struct labels_builder *b, struct str name);

/* Deletes every label but the named ones. */
void labels_builder_keep(struct labels_builder *b, const struct str *names, size_t n);

/* The current value of `name`, empty where it is missing. */
struct str labels_builder_get(const struct labels_builder *b, struct str name);

/*
 * The result, sorted, without empty values. The pairs belong to the builder
 * and are valid until the next call that changes it; the builder may be
 * changed further.
 */
struct labels labels_builder_labels(struct labels_builder *b);

#endif
