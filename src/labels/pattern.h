/*
 * labels/pattern.h - what a regular expression means without an automaton.
 * Private to labels/.
 *
 * A pattern is read as alternatives, each a sequence of literal texts and
 * gaps ("any characters, at least `min`"). What the reader does not know
 * becomes a gap that is not exact: the sequences then match at least
 * what the expression matches, which is still a filter to run before it.
 */
#ifndef LABELS_PATTERN_H
#define LABELS_PATTERN_H

#include "base/arena.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A literal text, or a gap (lit.p == NULL). */
struct pat_item {
	struct str lit;
	uint8_t min;  /* gap: characters at least, 0 or 1 */
	bool inexact; /* gap: stands for something narrower */
};

/* One alternative; literals and gaps take turns. No items: the empty text. */
struct pat_seq {
	struct pat_item *p;
	size_t n;
	bool closed; /* cut short with an inexact gap at its end */
};

/* The meaning of an expression. */
struct pattern {
	struct pat_seq *seqs;
	size_t n;
	bool fold;         /* ASCII letters match either case; literals are in lower case */
	bool exact;        /* matches exactly what the expression matches; it need not be compiled */
	bool plain;        /* every sequence is one literal or empty */
	struct str prefix; /* every match begins so; empty when fold */
};

/* How a text fares. */
enum pat_result { PAT_NO, PAT_YES, PAT_ASK /* only the expression can tell */ };

/*
 * Reads an expression; false where nothing can be said about it. Memory is
 * taken from `a`, whose budget bounds the work; false too when that is used
 * up. The result may point into `expr`.
 */
bool pattern_read(struct str expr, struct arena *a, struct pattern *ret);

/* Matches the whole of `s`. */
enum pat_result pattern_match(const struct pattern *p, struct str s);

#endif
