/*
 * receive/names.h - label names and values of a tenant's head and blocks.
 */
#ifndef RECEIVE_NAMES_H
#define RECEIVE_NAMES_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "labels/matcher.h"
#include "receive/view.h"

#include <stddef.h>

/* Distinct strings on the way to one sorted list; they are copied to the arena. Start with { .a = arena }. */
struct name_set {
	struct arena *a;
	struct str *p;
	size_t n, cap;
	size_t sorted; /* private: p[0..sorted) are sorted and distinct */
};

/* Adds a copy of a string. RESOURCE_EXHAUSTED. */
int name_set_add(struct name_set *s, struct str v, struct err *err);

/* Sorts, drops repeats, and keeps the first `limit` (0: all). */
void name_set_finish(struct name_set *s, int64_t limit);

/*
 * Adds the names of labels of series that pass the matchers (label empty),
 * or the values of `label` among them. Suspends (it yields).
 */
int co_receive_names(const struct receive_view *v, struct str label, struct matcher *const *m, size_t n_m,
		     struct name_set *out, struct err *err);

#endif
