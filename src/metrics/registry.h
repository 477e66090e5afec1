/*
 * metrics/registry.h - how a registry is laid out.
 *
 * Private to metrics/: registry.c fills it, expose.c writes it out.
 */
#ifndef METRICS_REGISTRY_H
#define METRICS_REGISTRY_H

#include "base/hmap.h"
#include "base/vec.h"
#include "metrics/metrics.h"

/* Kinds of families, as TYPE lines name them. */
enum metrics_kind { METRICS_COUNTER, METRICS_GAUGE, METRICS_HISTOGRAM, METRICS_SUMMARY };

/* One set of label values and its number. */
struct child {
	char **values;         /* as many as the family has labels */
	metrics_read_fn *read; /* when set, the value is read(arg) */
	void *arg;
	union {
		struct counter counter;
		struct gauge gauge;
		struct metrics_histogram histogram;
		struct summary summary;
	};
};

/* A family: all metrics of one name. */
struct metrics_vec {
	struct metrics_registry *registry;
	enum metrics_kind kind;
	char *name, *help;
	char *unit; /* NULL for none */
	char *labels[METRICS_LABELS_MAX];
	size_t n_labels;
	double *upper; /* histogram bounds */
	size_t n_upper;
	VEC(struct child *) children;
	bool sorted; /* children are in order of their values */
	struct hmap by_values;
	size_t limit;
	struct child *spare; /* what callers past the limit count into */
};

/* A hook before expositions. */
struct collect_hook {
	metrics_collect_fn *fn;
	void *arg;
};

struct metrics_registry {
	VEC(struct metrics_vec *) families; /* sorted by name */
	VEC(struct collect_hook) hooks;
	uint64_t dropped;
};

/* Puts the children in order of their label values. */
void metrics_vec_sort(struct metrics_vec *v);

#endif
