/*
 * labels/matcher.h - tests on the value of one label: =, !=, =~, !~.
 *
 * A matcher is a heap object with its strings in it; matcher_compile_in ties
 * it to an arena instead, which frees it. Regular expressions are anchored
 * (labels/regex.h). Compiling finds what is really a set of values, a prefix,
 * a suffix or a substring, so that most expressions never run an automaton;
 * the results are the same either way. A missing label is matched as the
 * empty string.
 */
#ifndef LABELS_MATCHER_H
#define LABELS_MATCHER_H

#include "base/arena.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "labels/labels.h"
#include "labels/regex.h"

#include <stdbool.h>
#include <stddef.h>

/* The numbers are those of the wire (thanos.LabelMatcher, prometheus.LabelMatcher). */
enum matcher_type {
	MATCH_EQ = 0,
	MATCH_NEQ = 1,
	MATCH_RE = 2,
	MATCH_NRE = 3,
};

struct matcher_re;

/* A matcher. Read the first three members only. */
struct matcher {
	enum matcher_type type;
	struct str name, value; /* value: the text, or the pattern */
	struct matcher_re *re;  /* NULL unless MATCH_RE or MATCH_NRE */
};

/* Makes a matcher with copies of both strings. INVALID_ARGUMENT for a bad pattern or type. */
int matcher_compile(enum matcher_type type, struct str name, struct str value, struct matcher **ret, struct err *err);

/* Most matchers of one selector or request: what compiles lists of them refuses more. */
#define MATCHERS_MAX 1000

/* As matcher_compile; `a` frees it. The memory of an automaton counts against its budget. */
int matcher_compile_in(struct arena *a, enum matcher_type type, struct str name, struct str value, struct matcher **ret,
		       struct err *err);

/* As matcher_compile_in; an automaton, where one is needed, is made by `compile`. Suspends when that does. */
int matcher_compile_by(regex_compile_fn *compile, struct arena *a, enum matcher_type type, struct str name,
		       struct str value, struct matcher **ret, struct err *err);

/* Frees a matcher of matcher_compile. NULL is fine. */
void matcher_free(struct matcher *m);

/* Whether `value` passes. */
bool matcher_matches(const struct matcher *m, struct str value);

/* Whether a series without the label passes. */
static inline bool matcher_matches_empty(const struct matcher *m)
{
	return matcher_matches(m, (struct str){ NULL, 0 });
}

/* Whether the matcher lets every value pass (=~ ".*"). */
bool matcher_matches_all(const struct matcher *m);

/*
 * The finite set of values that the pattern of a =~ or !~ matcher, or the
 * value of a = or != matcher, stands for: sorted, unique. `*ret_n` is 0 and
 * the result NULL where the set is not finite or too large (over 256 unless
 * it was written out as plain alternatives). For != and !~ these are the values that
 * do NOT pass.
 */
const struct str *matcher_set_values(const struct matcher *m, size_t *ret_n);

/*
 * Bytes with which every value that the pattern (or the text of = and !=)
 * stands for begins; may be empty. For != and !~ as above.
 */
struct str matcher_prefix(const struct matcher *m);

/* Whether all matchers pass on a label set. */
bool matchers_match(struct matcher *const *m, size_t n, struct labels l);

/* The operator's text: "=", "!=", "=~", "!~". */
const char *matcher_type_str(enum matcher_type t);

/* Appends `name="value"` with its operator, quoted as Prometheus does. */
void matcher_print(const struct matcher *m, struct strbuf *b);

/* Appends `{a="b",c=~"d"}`: Thanos' form for logs and errors, without spaces. */
void matchers_print(struct matcher *const *m, size_t n, struct strbuf *b);

#endif
