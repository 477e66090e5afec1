/*
 * api/status.h - what every component says about itself under
 * /api/v1/status: flags, runtimeinfo, buildinfo; and OPTIONS of all paths.
 */
#ifndef API_STATUS_H
#define API_STATUS_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct http_router;
struct reactor;

/* A flag and its value as text, secrets taken out. */
struct api_flag {
	const char *name, *value;
	const char *const *items; /* of a repeatable flag, which `value` has joined with commas; NULL: it is none */
	size_t n_items;
	bool is_text; /* YAML has to quote it; not a number, a truth value, a duration or a size */
};

/* What is told. Strings and lists are borrowed for good; NULL is an empty text. */
struct api_status {
	bool disable_cors;
	const struct api_flag *flags;
	size_t n_flags;
	const char *role; /* of the process, for /api/v1/status/config: "query" */
	const char *version, *revision, *branch, *build_user, *build_date;
	/* Filled in by api_status_init. */
	int64_t start_ms;
	char cwd[512];
};

/* Notes start time and working directory. */
void api_status_init(struct api_status *s);

/* Adds the routes; `s` outlives them. */
void api_status_add_routes(struct api_status *s, struct http_router *r);

#endif
