/*
 * text/json_write.h - a streaming writer of JSON.
 *
 * Bytes go to a strbuf. When it holds more than `flush_at` bytes between two
 * values the flush callback gets it, sends it and empties it, so an answer
 * of any size needs a small buffer. The callback belongs to the writer's
 * owner and may wait; without one everything collects in the strbuf, whose
 * limit bounds it. Errors stick; jsonw_finish reports the first.
 *
 * Commas are put by the writer. Keys are not checked for being unique.
 *
 * Escaping: always '"', '\' and control characters (\n \r \t by name, the
 * others as \u00xx, as jsoniter does); invalid UTF-8 becomes U+FFFD. JSONW_HTML writes < > & U+2028 U+2029 as \u003c...: encoding/json's
 * way and jsoniter's compatible one, which the Prometheus and Thanos APIs use for everything (errors,
 * rules, metadata, string results, targets, label names and values lists)
 * except the `metric` objects of query results, which are written raw.
 */
#ifndef TEXT_JSON_WRITE_H
#define TEXT_JSON_WRITE_H

#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Escape < > & and U+2028 U+2029. */
#define JSONW_HTML 1u

/* Deepest nesting of objects and arrays; a writer going deeper is a bug. */
#define JSONW_DEPTH 128

/* Sends what `out` holds and empties it (strbuf_reset). 0, or a negated code that ends the writing. */
typedef int jsonw_flush_fn(void *arg, struct strbuf *out, struct err *err);

/* A writer. Members are private. */
struct jsonw {
	struct strbuf *out;
	jsonw_flush_fn *flush;
	void *arg;
	size_t flush_at;
	unsigned flags;
	unsigned depth;
	bool comma;     /* the next value or key needs one before it */
	struct err err; /* the first failure */
};

/* Prepares a writer that appends to `out`; JSONW_* flags. */
void jsonw_init(struct jsonw *w, struct strbuf *out, unsigned flags);

/* Has `flush` called whenever `out` holds at least `flush_at` bytes. */
void jsonw_set_flush(struct jsonw *w, jsonw_flush_fn *flush, void *arg, size_t flush_at);

/* Changes the flags for what follows. */
void jsonw_set_flags(struct jsonw *w, unsigned flags);

/* Whether writing failed; the rest is then dropped, so long loops should stop. */
bool jsonw_failed(const struct jsonw *w);

/* Flushes the rest, if there is a callback. Returns the first failure; everything opened must be closed. */
int jsonw_finish(struct jsonw *w, struct err *err);

/* Opens an object: '{'. */
void jsonw_object_begin(struct jsonw *w);

/* Closes it. */
void jsonw_object_end(struct jsonw *w);

/* Opens an array: '['. */
void jsonw_array_begin(struct jsonw *w);

/* Closes it. */
void jsonw_array_end(struct jsonw *w);

/* The key of the next value. */
void jsonw_key(struct jsonw *w, const char *key);

/* The key of the next value. */
void jsonw_key_str(struct jsonw *w, struct str key);

/* A string. */
void jsonw_str(struct jsonw *w, struct str s);

/* A string. */
void jsonw_cstr(struct jsonw *w, const char *s);

/* A whole number. */
void jsonw_i64(struct jsonw *w, int64_t v);

/* A whole number. */
void jsonw_u64(struct jsonw *w, uint64_t v);

/* true or false. */
void jsonw_bool(struct jsonw *w, bool v);

/* null. */
void jsonw_null(struct jsonw *w);

/* A number as encoding/json writes it (TEXT_FLOAT_GOJSON); NaN and infinities, which JSON lacks, become null. */
void jsonw_double(struct jsonw *w, double v);

/* A sample value as the query API writes it: a string, "1.5", "NaN", "1e+21". */
void jsonw_sample_value(struct jsonw *w, double v);

/* A sample's time as the query API writes it: 61.500. */
void jsonw_seconds(struct jsonw *w, int64_t t_ms);

/* [t,"v"]: one sample of a query result, in one go. */
void jsonw_sample(struct jsonw *w, int64_t t_ms, double v);

/* A time as it is written between two values, with the end of the one: "],[t," */
struct jsonw_time {
	int64_t t_ms;
	uint8_t n;
	char text[39];
};

/* Fills in a time. */
void jsonw_time_set(struct jsonw_time *ret, int64_t t_ms);

/* Samples of a query result: times and values begin at `t_ms` and `v` and lie `stride` bytes apart each. */
struct jsonw_samples {
	const int64_t *t_ms;
	const double *v;
	size_t stride, n;
};

/*
 * [t,"v"],[t,"v"] ...: what so many calls of jsonw_sample write. `times` are n_times ascending times, prepared once for many
 * series; samples at other times are written too. Stops when writing failed. A
 * strbuf with a limit is full 14 KiB before it.
 */
void jsonw_samples(struct jsonw *w, const struct jsonw_samples *s, const struct jsonw_time *times, size_t n_times);

/* A value that is JSON already. */
void jsonw_raw(struct jsonw *w, struct str json);

/* Key and string. */
static inline void jsonw_kv_cstr(struct jsonw *w, const char *key, const char *s)
{
	jsonw_key(w, key);
	jsonw_cstr(w, s);
}

/* Key and string. */
static inline void jsonw_kv_str(struct jsonw *w, const char *key, struct str s)
{
	jsonw_key(w, key);
	jsonw_str(w, s);
}

/* Key and whole number. */
static inline void jsonw_kv_i64(struct jsonw *w, const char *key, int64_t v)
{
	jsonw_key(w, key);
	jsonw_i64(w, v);
}

/* Key and whole number. */
static inline void jsonw_kv_u64(struct jsonw *w, const char *key, uint64_t v)
{
	jsonw_key(w, key);
	jsonw_u64(w, v);
}

/* Key and truth value. */
static inline void jsonw_kv_bool(struct jsonw *w, const char *key, bool v)
{
	jsonw_key(w, key);
	jsonw_bool(w, v);
}

/* Key and duration in Go's text, "1.5s". */
void jsonw_kv_goduration(struct jsonw *w, const char *key, int64_t ns);

/* Key and number. */
static inline void jsonw_kv_double(struct jsonw *w, const char *key, double v)
{
	jsonw_key(w, key);
	jsonw_double(w, v);
}

/* Appends `s` to `b` as a JSON string with its quotes; JSONW_* flags. */
void jsonw_add_quoted(struct strbuf *b, struct str s, unsigned flags);

#endif
