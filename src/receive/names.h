/*
 * receive/names.h - label names and values of a tenant's head and blocks.
 */
#ifndef RECEIVE_NAMES_H
#define RECEIVE_NAMES_H

#include "base/arena.h"
#include "base/err.h"
#include "base/pause.h"
#include "base/str.h"
#include "labels/matcher.h"
#include "receive/view.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Distinct strings on the way to one sorted list. Members but the first two are private. Start with name_set_init. */
struct name_set {
	struct str *p; /* after co_name_set_finish: sorted and distinct */
	size_t n;
	struct arena *a;
	struct str *more; /* to be merged into p */
	size_t n_more, cap_more;
	bool unsorted; /* `more` is */
	struct pause pause;
};

/* An empty set whose strings come from `a`. */
void name_set_init(struct name_set *s, struct arena *a);

/* Adds a copy of a string. RESOURCE_EXHAUSTED. Suspends: it yields now and then. */
int co_name_set_add(struct name_set *s, struct str v, struct err *err);

/* Adds `n` strings that are sorted and distinct and live as long as the arena. Likewise. */
int co_name_set_merge(struct name_set *s, const struct str *v, size_t n, struct err *err);

/* Makes the list, at most `limit` strings (0: all). Likewise. */
int co_name_set_finish(struct name_set *s, int64_t limit, struct err *err);

/*
 * Adds the names of labels of series that pass the matchers (label empty),
 * or the values of `label` among them. Suspends (it yields).
 */
int co_receive_names(const struct receive_view *v, struct str label, struct matcher *const *m, size_t n_m,
		     struct name_set *out, struct err *err);

#endif
