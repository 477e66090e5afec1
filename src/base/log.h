/*
 * base/log.h - structured log lines on standard error.
 *
 *	log_info(lg, "listening", log_s("address", addr), log_i("port", port));
 *
 * Formats: logfmt as go-kit writes it (ts, caller, level, then name, component, msg and the
 * fields), json, journald (sd-daemon prefixes).  Library folders do not log;
 * a component logs an error once, where it is handled.  Writing never blocks
 * for long: lines are short and a full pipe drops the line and counts it.
 */
#ifndef BASE_LOG_H
#define BASE_LOG_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

/* Severities, lowest first. */
enum log_level { LOG_DEBUG, LOG_INFO, LOG_WARN, LOG_ERROR };

/* Encodings of a line. */
enum log_format { LOG_LOGFMT, LOG_JSON, LOG_JOURNALD };

/* A logger. A plain value that the component owns. */
struct logger {
	int fd;               /* where lines go; 2 by default */
	enum log_level level; /* lowest severity written */
	enum log_format format;
	const char *name;      /* debug.name; NULL for none */
	const char *component; /* e.g. "receive"; NULL for none */
	uint64_t dropped;      /* lines lost because fd did not take them */
};

/* One field: a key and a typed value. Made by the functions below. */
struct log_kv {
	const char *key; /* NULL ends a list */
	enum { LOG_KV_STR, LOG_KV_INT, LOG_KV_UINT, LOG_KV_DOUBLE, LOG_KV_BOOL } kind;
	union {
		struct str s;
		int64_t i;
		uint64_t u;
		double d;
		bool b;
	};
};

/* A field with a C string (NULL is written as ""). */
static inline struct log_kv log_s(const char *key, const char *s)
{
	return (struct log_kv){ .key = key, .kind = LOG_KV_STR, .s = str_c(s) };
}

/* A field with a byte string. */
static inline struct log_kv log_str(const char *key, struct str s)
{
	return (struct log_kv){ .key = key, .kind = LOG_KV_STR, .s = s };
}

/* A field with a signed number. */
static inline struct log_kv log_i(const char *key, int64_t i)
{
	return (struct log_kv){ .key = key, .kind = LOG_KV_INT, .i = i };
}

/* A field with an unsigned number. */
static inline struct log_kv log_u(const char *key, uint64_t u)
{
	return (struct log_kv){ .key = key, .kind = LOG_KV_UINT, .u = u };
}

/* A field with a floating point number. */
static inline struct log_kv log_d(const char *key, double d)
{
	return (struct log_kv){ .key = key, .kind = LOG_KV_DOUBLE, .d = d };
}

/* A field with a truth value. */
static inline struct log_kv log_b(const char *key, bool b)
{
	return (struct log_kv){ .key = key, .kind = LOG_KV_BOOL, .b = b };
}

/* The field err="<message>" of an error. */
static inline struct log_kv log_err(const struct err *e)
{
	return log_s("err", e->msg);
}

/* Reads "debug", "info", "warn" or "error"; false on anything else. */
bool log_level_parse(const char *s, enum log_level *ret);

/* Reads "logfmt", "json" or "journald"; false on anything else. */
bool log_format_parse(const char *s, enum log_format *ret);

/* Writes one line; used through the macros. `kv` ends with a NULL key. */
void log_write(struct logger *lg, enum log_level level, const char *file, int line, const char *msg,
	       const struct log_kv *kv);

#define log_at(lg, lvl, msg, ...) \
	((lvl) < (lg)->level ? (void)0 \
			     : log_write((lg), (lvl), __FILE__, __LINE__, (msg), \
					 (struct log_kv[]){ __VA_ARGS__ __VA_OPT__(, ){ .key = NULL } }))
#define log_debug(lg, msg, ...) log_at(lg, LOG_DEBUG, msg __VA_OPT__(, ) __VA_ARGS__)
#define log_info(lg, msg, ...) log_at(lg, LOG_INFO, msg __VA_OPT__(, ) __VA_ARGS__)
#define log_warn(lg, msg, ...) log_at(lg, LOG_WARN, msg __VA_OPT__(, ) __VA_ARGS__)
#define log_error(lg, msg, ...) log_at(lg, LOG_ERROR, msg __VA_OPT__(, ) __VA_ARGS__)

#endif
