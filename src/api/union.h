/*
 * api/union.h - the series of several selectors, each once, sorted. Private to api/.
 */
#ifndef API_UNION_H
#define API_UNION_H

#include "api/backend.h"

/* One selector's series. */
struct union_set {
	void *set;
	struct promql_series cur;
	bool live; /* cur holds a series */
};

/* A union. Zero it; end it with api_union_close. */
struct api_union {
	struct promql_source src;
	struct union_set *sets;
	size_t n;
	struct union_set *min; /* the one whose series was given out last */
};

/* Opens a select for each of `m`. Sets lie in `a`. Suspends. */
int co_api_union_open(struct api_union *u, const struct promql_source *src, const struct api_matchers *m, size_t n,
		      const struct promql_hints *hints, struct arena *a, struct err *err);

/* The next series, valid until the next call: 1, 0 at the end, or an error. Suspends. */
int co_api_union_next(struct api_union *u, struct promql_series *ret, struct err *err);

/* Closes all selects. */
void api_union_close(struct api_union *u);

#endif
