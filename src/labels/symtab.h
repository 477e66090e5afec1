/*
 * labels/symtab.h - every distinct string once, named by a 32-bit number.
 *
 * For the head: label names and values are kept once, with a count of their
 * users. Per distinct string it costs about 30 bytes besides the string,
 * which lies in a size class. The bytes of a string never move, so a struct
 * str from symtab_get stays valid until its last reference is given back.
 * Numbers are reused after that.
 */
#ifndef LABELS_SYMTAB_H
#define LABELS_SYMTAB_H

#include "base/compiler.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

struct symtab;

/* Not a reference; the number 0 is never given out. */
#define SYM_NONE 0u

/* What a table holds. */
struct symtab_stats {
	uint64_t strings;      /* distinct strings now */
	uint64_t string_bytes; /* their lengths summed */
	uint64_t memory_bytes; /* memory taken for everything */
};

/* An empty table. */
struct symtab *symtab_new(void) MUST_CHECK;

/* Frees the table and all strings. NULL is fine. */
void symtab_free(struct symtab *t);

/*
 * The number of `s`, added if it is new (the bytes are copied), with one more
 * reference. SYM_NONE only when 2^32 - 1 strings are held or `s` is 4 GiB long.
 */
uint32_t symtab_ref(struct symtab *t, struct str s) MUST_CHECK;

/* One more reference to a string that has one. Returns `sym`. */
uint32_t symtab_ref_again(struct symtab *t, uint32_t sym);

/* Gives a reference back; the last one frees the string. */
void symtab_unref(struct symtab *t, uint32_t sym);

/* The number of `s` without a new reference, or SYM_NONE. */
uint32_t symtab_find(const struct symtab *t, struct str s);

/* The string of a number that has a reference. O(1). */
struct str symtab_get(const struct symtab *t, uint32_t sym);

/* How many references a string has. */
uint32_t symtab_refs(const struct symtab *t, uint32_t sym);

/* One above the largest number given out so far: numbers index arrays of this length. */
uint32_t symtab_limit(const struct symtab *t);

/* The figures of the table. */
struct symtab_stats symtab_stats(const struct symtab *t);

#endif
