/*
 * promqltest/store.h - the series that scripts load, as a source for queries.
 *
 * Behaves as the database under upstream's tests where queries can see it:
 * histograms go through real chunks, so that their counter reset hints come
 * back as a reader of chunks gives them; repeated samples are dropped, older
 * ones refused; a float staleness marker after a histogram becomes a
 * histogram one.
 */
#ifndef PROMQLTEST_STORE_H
#define PROMQLTEST_STORE_H

#include "promql/engine.h"
#include "promqltest/script.h"

/* Series in memory. */
struct store;

/* An empty store. */
struct store *store_new(void);

/* Frees it. NULL is fine. */
void store_free(struct store *s);

/* Drops all series. */
void store_clear(struct store *s);

/* Adds the series of a load command. NULL, or a message in `a`. */
const char *store_load(struct store *s, const struct script_cmd *c, struct arena *a);

/* The store as a source of samples; series come in the order they were first loaded. */
struct promql_source store_source(struct store *s);

#endif
