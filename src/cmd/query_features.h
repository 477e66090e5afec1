/*
 * cmd/query_features.h - --enable-feature of thanos query.
 *
 * Parts of PromQL have the names that Prometheus 3.14 has for them (cmd/prometheus/main.go), and are off where upstream's
 * thanos query has them off. Names that once meant something are accepted and have no effect.
 */
#ifndef CMD_QUERY_FEATURES_H
#define CMD_QUERY_FEATURES_H

#include "cmd/options.h"

/* What can be enabled. */
struct query_features {
	bool experimental_functions; /* promql-experimental-functions */
	bool extended_ranges;        /* promql-extended-range-selectors: anchored, smoothed */
	bool fill_modifiers;         /* promql-binop-fill-modifiers: fill, fill_left, fill_right */
	bool delayed_name_removal;   /* promql-delayed-name-removal */
	bool type_and_unit;          /* type-and-unit-labels */
};

/*
 * Reads names, several of them separated by commas. What is enabled is logged at info; what has no effect, or has never
 * meant anything, at warn.
 */
struct query_features query_features_read(const struct option_list *names, struct logger *lg);

#endif
