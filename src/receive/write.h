/*
 * receive/write.h - a write request, whatever it came by: decoded, limited,
 * relabelled, given to the tenants it is for, committed.
 */
#ifndef RECEIVE_WRITE_H
#define RECEIVE_WRITE_H

#include "base/err.h"
#include "base/strbuf.h"
#include "receive/append.h"
#include "receive/dbs.h"
#include "receive/limits.h"

#include <stdint.h>

struct relabel_rules;

/* What writing needs. Plain values, borrowed. */
struct receive_writer {
	struct receive_dbs *dbs;
	const struct relabel_rules *relabel; /* NULL: none */
	struct str split_label;              /* empty: off */
	const struct receive_limits *limits; /* NULL: none */
};

/* A request. */
struct write_request {
	enum write_kind kind;
	struct str body;   /* uncompressed protobuf */
	struct str tenant; /* of series that do not name their own */
	bool require_name; /* remote write 2.0: every series has a metric name */
	struct budget *budget;
};

/* What became of it. Zero-initialise; fini frees. */
struct write_result {
	enum append_answer answer;
	struct append_tally tally;
	uint64_t series;    /* in the request */
	struct strbuf text; /* what was refused and why; empty when all was stored */
	const char
		*limit; /* name of the request limit that it met, as in thanos_receive_write_limits_hit; NULL: none */
	uint64_t over;  /* by how much */
};

/* Frees what the result holds. */
void write_result_fini(struct write_result *r);

/*
 * Stores a request and waits until what was stored is safe. 0 with the
 * answer in *ret (parts may have been refused); or, with nothing acknowledged: INVALID_ARGUMENT for a body or
 * tenant that is none, OUT_OF_RANGE over a request limit (413), RESOURCE_EXHAUSTED over memory, UNAVAILABLE when a TSDB cannot be
 * opened or the disk refuses. Suspends.
 */
int co_receive_write(const struct receive_writer *w, const struct write_request *req, struct write_result *ret,
		     struct err *err);

#endif
