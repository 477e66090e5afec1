/*
 * labels/relabel.h - relabelling rules, as Prometheus' relabel_config.
 *
 * Rules are read once (labels/relabel_yaml.h), checked once and applied to
 * label builders. Strings that a rule makes live in the caller's arena.
 */
#ifndef LABELS_RELABEL_H
#define LABELS_RELABEL_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "labels/builder.h"
#include "labels/matcher.h"
#include "labels/regex.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a rule does. */
enum relabel_action {
	RELABEL_REPLACE,
	RELABEL_KEEP,
	RELABEL_DROP,
	RELABEL_KEEPEQUAL,
	RELABEL_DROPEQUAL,
	RELABEL_HASHMOD,
	RELABEL_LABELMAP,
	RELABEL_LABELDROP,
	RELABEL_LABELKEEP,
	RELABEL_LOWERCASE,
	RELABEL_UPPERCASE,
	RELABEL_ACTIONS, /* how many there are */
};

/* The pattern of a rule that gives none. */
#define RELABEL_DEFAULT_PATTERN STR("(.*)")

/* One rule. Strings are borrowed from whoever made it. */
struct relabel_rule {
	enum relabel_action action;
	const struct str *source_labels;
	size_t n_source_labels;
	struct str separator;
	struct str pattern;    /* the regular expression's text */
	struct matcher *match; /* of the pattern; made by relabel_rule_init, freed by relabel_rule_fini */
	struct regex *regex;   /* likewise; only where groups are needed */
	uint64_t modulus;
	struct str target_label;
	struct str replacement;
	enum label_names names; /* which label names count as valid */
};

/* The defaults: replace, separator ";", regex "(.*)", replacement "$1". No regex is compiled yet. */
struct relabel_rule relabel_rule_default(void);

/* Compiles the pattern and checks that the members fit the action; INVALID_ARGUMENT says what does not. */
int relabel_rule_init(struct relabel_rule *r, struct err *err);

/* Frees the compiled pattern. */
void relabel_rule_fini(struct relabel_rule *r);

/* The action called `name` (any case); false for none. */
bool relabel_action_parse(struct str name, enum relabel_action *ret);

/* The name of an action as written in YAML. */
const char *relabel_action_name(enum relabel_action a);

/*
 * Applies `n` rules in order. `*ret_keep` says whether the series stays.
 * New strings are allocated in `a`; RESOURCE_EXHAUSTED over its budget.
 */
int relabel_apply(const struct relabel_rule *rules, size_t n, struct labels_builder *b, struct arena *a, bool *ret_keep,
		  struct err *err);

#endif
