#include "cmd/query_features.h"

#include "base/str.h"

#include <stddef.h>

#define PERMANENT "This option for --enable-feature is now permanently enabled and therefore a no-op."
#define IGNORED "This option for --enable-feature is now permanently deprecated and therefore ignored."
#define NOTHING SIZE_MAX

struct feature {
	const char *name;
	size_t offset; /* of what it sets, or NOTHING */
	const char *msg;
};

static const struct feature features[] = {
	{ "promql-experimental-functions", offsetof(struct query_features, experimental_functions),
	  "Experimental PromQL functions enabled." },
	{ "promql-extended-range-selectors", offsetof(struct query_features, extended_ranges),
	  "Experimental PromQL extended range selectors enabled." },
	{ "promql-binop-fill-modifiers", offsetof(struct query_features, fill_modifiers),
	  "Experimental PromQL binary operator fill modifiers enabled." },
	{ "promql-delayed-name-removal", offsetof(struct query_features, delayed_name_removal),
	  "Experimental PromQL delayed name removal enabled." },
	{ "type-and-unit-labels", offsetof(struct query_features, type_and_unit),
	  "Experimental type and unit labels enabled" },
	{ "promql-duration-expr", NOTHING, PERMANENT },
	{ "promql-at-modifier", NOTHING, PERMANENT },
	{ "promql-negative-offset", NOTHING, PERMANENT },
	{ "query-pushdown", NOTHING, IGNORED },
};

static const struct feature *find(struct str name)
{
	for (size_t i = 0; i < ARRAY_LEN(features); i++)
		if (str_eq(name, str_c(features[i].name)))
			return &features[i];
	return NULL;
}

static void enable(struct str name, struct query_features *ret, struct logger *lg)
{
	const struct feature *f = find(name);
	if (f && f->offset != NOTHING) {
		*(bool *)((char *)ret + f->offset) = true;
		log_info(lg, f->msg, log_str("option", name));
	} else {
		log_warn(lg, f ? f->msg : "Unknown option for --enable-feature", log_str("option", name));
	}
}

struct query_features query_features_read(const struct option_list *names, struct logger *lg)
{
	struct query_features ret = { false };
	for (size_t i = 0; i < names->n; i++) {
		struct str rest = str_c(names->p[i]);
		while (rest.p) {
			struct str name = str_cut(&rest, ',');
			if (name.n)
				enable(name, &ret, lg);
		}
	}
	return ret;
}
