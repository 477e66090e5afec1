/*
 * tsdb/meta.h - meta.json: what a block is.
 *
 * Prometheus' fields and the "thanos" section. Unknown keys are ignored when
 * read; version must be 1. Written as Go does: keys in order, tabs, empty
 * members left out. Strings and arrays lie in an arena or are borrowed.
 */
#ifndef TSDB_META_H
#define TSDB_META_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "labels/labels.h"
#include "text/ulid.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* File name in a block directory. */
#define META_FILE "meta.json"

/* Largest meta.json that is read, in bytes. */
#define META_BYTES_MAX (16u << 20)

/* What is in the block. */
struct meta_stats {
	uint64_t samples, float_samples, histogram_samples, series, chunks, tombstones;
};

/* A block that this one was made of. */
struct meta_parent {
	struct ulid ulid;
	int64_t mint, maxt;
};

/* How the block came to be. */
struct meta_compaction {
	int level;
	struct ulid *sources; /* level 1 blocks whose data are in it */
	size_t n_sources;
	struct meta_parent *parents; /* blocks it was compacted from */
	size_t n_parents;
	struct str *hints; /* e.g. "from-out-of-order" */
	size_t n_hints;
	bool deletable, failed;
};

/* A file of the block as uploaded. */
struct meta_file {
	struct str rel_path;
	uint64_t size_bytes;        /* 0: not written */
	struct str hash_func, hash; /* "SHA256" and hex digits; empty: no hash */
};

/* The "thanos" section. */
struct meta_thanos {
	int version;           /* 0 is left out and means 1 */
	struct labels labels;  /* external labels */
	int64_t resolution_ms; /* 0, 300000 or 3600000 */
	struct str source;     /* "sidecar", "receive", "compactor", ... */
	struct str *segment_files;
	size_t n_segment_files;
	struct meta_file *files;
	size_t n_files;
	struct str rewrites;                      /* JSON array as it was read, or empty */
	struct str extensions;                    /* JSON value as it was read, or empty */
	uint64_t series_max_size, chunk_max_size; /* bytes; 0 unknown */
	struct str upload_time;                   /* RFC 3339; empty is written as Go's zero time */
};

/* A meta.json. Zero-initialised plus ulid and times is a valid start. */
struct block_meta {
	struct ulid ulid;
	int64_t mint, maxt; /* ms; samples have mint <= t < maxt */
	struct meta_stats stats;
	struct meta_compaction compaction;
	bool has_thanos;
	struct meta_thanos thanos;
};

/* Reads the text of a meta.json into `a`. INVALID_ARGUMENT naming the key, RESOURCE_EXHAUSTED. */
int block_meta_parse(struct str text, struct arena *a, struct block_meta *ret, struct err *err) MUST_CHECK;

/* Appends the text: ends in a newline when there is a thanos section, as Thanos writes it; without, as Prometheus does. */
void block_meta_print(const struct block_meta *m, struct strbuf *out);

/* Reads `dir`/meta.json. NOT_FOUND when missing. */
int block_meta_read(const char *dir, struct arena *a, struct block_meta *ret, struct err *err) MUST_CHECK;

/* Writes `dir`/meta.json, all of it or nothing. */
int block_meta_write(const char *dir, const struct block_meta *m, struct err *err) MUST_CHECK;

#endif
