/*
 * receive/limits.h - what a tenant may send (--receive.limits-config).
 *
 *	write:
 *	  global: {max_concurrency: 30}
 *	  default:
 *	    request: {size_bytes_limit: 1024, series_limit: 1000, samples_limit: 10}
 *	    head_series_limit: 1000
 *	  tenants:
 *	    acme: {request: {...}, head_series_limit: 5}
 *
 * 0 (or a missing key) is no limit; a tenant's missing keys take the default's.
 */
#ifndef RECEIVE_LIMITS_H
#define RECEIVE_LIMITS_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stdint.h>

struct receive_limits;

/* Limits of a tenant; 0 is none. */
struct tenant_limits {
	uint64_t size_bytes;  /* of a compressed body */
	uint64_t series;      /* of a request */
	uint64_t samples;     /* of a request */
	uint64_t head_series; /* active in the head */
};

/* Reads a config file's text; `file` names it in errors, which say line, key and what would be right. */
int receive_limits_parse(struct str text, const char *file, struct receive_limits **ret, struct err *err);

/* Frees limits. NULL is fine. */
void receive_limits_free(struct receive_limits *l);

/* The limits of a tenant; no limits where `l` is NULL. */
struct tenant_limits receive_limits_of(const struct receive_limits *l, struct str tenant);

/*
 * Goes over the tenants that have limits of their own: false at the end. Start with *io_pos = 0; *ret_tenant lies in `l`.
 */
bool receive_limits_next(const struct receive_limits *l, size_t *io_pos, struct str *ret_tenant,
			 struct tenant_limits *ret);

/* Limits of a tenant that has none of its own. */
struct tenant_limits receive_limits_default(const struct receive_limits *l);

/* Requests that may be served at a time; 0 is no limit. */
uint32_t receive_limits_concurrency(const struct receive_limits *l);

#endif
