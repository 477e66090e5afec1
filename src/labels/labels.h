/*
 * labels/labels.h - label sets: the identity of a series.
 *
 * A `struct labels` is a borrowed view: an array of name/value pairs sorted by
 * name, names unique, values not empty (an empty value is the same as no
 * label). Nothing here owns the bytes unless it says so. Order, hash and
 * printed form are those of Prometheus (model/labels).
 */
#ifndef LABELS_LABELS_H
#define LABELS_LABELS_H

#include "base/arena.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/hash.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* The label that holds the metric's name, and others with a meaning of their own. */
#define LABEL_METRIC_NAME STR("__name__")
#define LABEL_BUCKET STR("le")
#define LABEL_QUANTILE STR("quantile")
#define LABEL_ALERT_NAME STR("alertname")

/* One name/value pair. */
struct label {
	struct str name, value;
};

/* A sorted label set. {NULL, 0} is the empty set. */
struct labels {
	const struct label *p;
	size_t n;
};

/* Which characters a name may have. */
enum label_names {
	LABEL_NAMES_UTF8,   /* any non-empty UTF-8; Prometheus 3's default */
	LABEL_NAMES_LEGACY, /* [a-zA-Z_][a-zA-Z0-9_]*, and ':' in metric names */
};

/* --- reading ---------------------------------------------------------------- */

/* Prometheus' labels.Compare: pair by pair, name first, then value; fewer labels first. <0, 0, >0. */
int labels_cmp(struct labels a, struct labels b);

/* Whether both hold the same pairs. */
bool labels_eq(struct labels a, struct labels b);

/* The value of `name`; the empty string ({NULL, 0}) where it is missing. Binary search. */
struct str labels_get(struct labels l, struct str name);

/* Whether `name` is there, with any value. */
bool labels_has(struct labels l, struct str name);

/*
 * XXH64 over name 0xff value 0xff of every label: Prometheus' Labels.Hash in
 * its slice form. The same everywhere, so it may be sent and compared between
 * processes.
 */
uint64_t labels_hash(struct labels l);

/*
 * labels_hash of the labels whose names are in `names` (on = true) or are
 * not (on = false; then __name__ is left out as well): Prometheus'
 * HashForLabels and HashWithoutLabels. `names` are sorted.
 */
uint64_t labels_hash_on(struct labels l, bool on, const struct str *names, size_t n_names);

/* Keyed 64-bit hash, different in every process. Never store or send it. */
uint64_t labels_hash_keyed(struct labels l);

/* Keyed 128-bit hash; collisions can be taken as impossible. Never store or send it. */
struct hash128 labels_hash128(struct labels l);

/* Bytes of all names and values. */
size_t labels_bytes(struct labels l);

/* Why a label set is refused. */
enum labels_fault {
	LABELS_OK,
	LABELS_EMPTY_NAME,  /* a name of no bytes */
	LABELS_EMPTY_VALUE, /* a value of no bytes */
	LABELS_UNSORTED,    /* a name is less than the one before */
	LABELS_DUPLICATE,   /* a name equals the one before */
	LABELS_BAD_UTF8,    /* a name or value is not UTF-8 */
};

/* Checks order, uniqueness, emptiness and UTF-8; `*ret_at` (may be NULL) gets the index of the first bad label. */
enum labels_fault labels_check(struct labels l, size_t *ret_at);

/* --- printing --------------------------------------------------------------- */

/* Appends `{a="b", c="d"}`; names that are not legacy names are quoted. */
void labels_print(struct labels l, struct strbuf *b);

/* Appends the form of a series: `up{job="x"}`, `{job="x"}`, `{"my metric", job="x"}`; a lone name without braces. */
void labels_print_series(struct labels l, struct strbuf *b);

/* Appends a label name, quoted unless it is a legacy label name. */
void label_name_print(struct str name, struct strbuf *b);

/* --- names ------------------------------------------------------------------ */

/* Whether `s` is a label name under the rule. */
bool label_name_valid(struct str s, enum label_names rule);

/* Whether `s` is a metric name under the rule. */
bool metric_name_valid(struct str s, enum label_names rule);

/* --- copies ----------------------------------------------------------------- */

/* Copies pairs and bytes into `a`. RESOURCE_EXHAUSTED over budget. */
int labels_copy(struct labels l, struct arena *a, struct labels *ret, struct err *err);

/* Copies pairs and bytes into one heap block; free(ret) frees all. */
struct labels *labels_dup(struct labels l) MUST_CHECK;

/* Sorts pairs by name in place (stable). Duplicates stay; labels_check finds them. */
void label_sort(struct label *p, size_t n);

/*
 * The union of two sets, `over` winning where both have a name: how external
 * labels are put on a series. Pairs go into `a`, bytes stay where they are.
 */
int labels_merge(struct labels base, struct labels over, struct arena *a, struct labels *ret, struct err *err);

/*
 * `l` without the `n` given names (sorted). Pairs go into `a`, or `*ret` is
 * `l` itself where nothing has to go.
 */
int labels_without(struct labels l, const struct str *names, size_t n, struct arena *a, struct labels *ret,
		   struct err *err);

/* --- packed form -------------------------------------------------------------- */

/*
 * One block of bytes for storage: per label name and value, each with its
 * length before it (one byte; 255 and three bytes little-endian from 255 on).
 * Sets with equal pairs have equal bytes.
 */

/* Longest name or value that can be packed. */
#define LABELS_PACK_MAX_STR ((size_t)0xffffff)

/* Bytes that labels_pack writes. */
size_t labels_pack_size(struct labels l);

/* Writes the packed form to `dst`, which has labels_pack_size bytes. Every string is at most LABELS_PACK_MAX_STR. */
void labels_pack(struct labels l, char *dst);

/* The value of `name` in a packed block, empty where it is missing. */
struct str labels_packed_get(struct str block, struct str name);

/* Number of labels in a packed block. */
size_t labels_packed_count(struct str block);

/* Gives pairs (in `a`) that point into `block`. */
int labels_unpack(struct str block, struct arena *a, struct labels *ret, struct err *err);

#endif
