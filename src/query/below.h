/*
 * query/below.h - the endpoints of a querier below, in the analysis of a query above it.
 *
 * A querier that analyses a query says so in the metadata of its Series calls (BELOW_ASK: "1"). A querier that is asked so tells in a
 * trailer (BELOW_TELL) what its own endpoints had to do with the call: the JSON list that stands in an analysis under `fanout`, with
 * what those told in turn. Other programs know neither: they ask for nothing and tell nothing, and nothing else of the call changes.
 */
#ifndef QUERY_BELOW_H
#define QUERY_BELOW_H

#include "base/str.h"
#include "base/strbuf.h"

#include <stddef.h>

struct fanout_peer;
struct jsonw;

#define BELOW_ASK "thanos-analyze"
#define BELOW_TELL "thanos-fanout-bin"

/* Most bytes of a trailer; a client reads 16 KiB of them, encoded. */
#define BELOW_TEXT_MAX 8192

/* Writes endpoints as the elements of a list: upstream's keys of an analysis first, then ours; what they told themselves is checked, and left out where it is broken. */
void below_write(struct jsonw *w, const struct fanout_peer *peers, size_t n);

/*
 * The trailer's text for these endpoints, appended to `out`. Where not all of them fit, the first ones are told and the others counted in a
 * last element that has only the name "[<n> more endpoints]".
 */
void below_tell(const struct fanout_peer *peers, size_t n, struct strbuf *out);

/* Writes what an endpoint told, as a member `fanout`; nothing when it is not such a list. The text is from outside. */
void below_write_told(struct jsonw *w, struct str text);

#endif
