/*
 * labels/relabel_yaml.h - relabelling rules from YAML: a list of Prometheus'
 * relabel_config, keys checked strictly.
 */
#ifndef LABELS_RELABEL_YAML_H
#define LABELS_RELABEL_YAML_H

#include "base/err.h"
#include "labels/relabel.h"
#include "text/yaml.h"

#include <stddef.h>
#include <stdint.h>

/* Rules with their memory. Read p and n. */
struct relabel_rules {
	struct relabel_rule *p;
	size_t n;
	struct arena arena;
};

/* Reads a whole document. `file` names it in errors. */
int relabel_rules_parse(struct str text, const char *file, enum label_names names, uint32_t actions,
			struct relabel_rules **ret, struct err *err);

/* Frees the rules. NULL is fine. */
void relabel_rules_free(struct relabel_rules *r);

#endif
