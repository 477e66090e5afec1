/*
 * http/web_config_internal.h - the web configuration as read from its file
 * (web_settings.c) and as applied (web_config.c).
 */
#ifndef HTTP_WEB_CONFIG_INTERNAL_H
#define HTTP_WEB_CONFIG_INTERNAL_H

#include "base/hash.h"
#include "http/web_config.h"
#include "loop/gate.h"
#include "net/tls.h"

#include <stdint.h>

struct ydoc;

/* Most users and headers of a file. */
#define WEB_USERS_MAX 1000
#define WEB_HEADERS_MAX 16

/* Outcomes kept, of each kind. */
#define WEB_CACHE_MAX 256

/* A user and his bcrypt hash. */
struct web_user {
	const char *name, *hash;
};

/* A header set on every response. */
struct web_header {
	const char *name, *value;
};

/* What a file says. Strings are its document's, unless owned below. */
struct web_settings {
	unsigned refs;
	struct ydoc *doc;
	bool has_tls, http2;
	struct tls_config tls;
	char *owned[3]; /* joined paths */
	const char *ciphers[TLS_NAMES_MAX], *curves[TLS_NAMES_MAX], *sans[TLS_NAMES_MAX];
	struct web_user *users;
	size_t n_users;
	struct web_header headers[WEB_HEADERS_MAX];
	size_t n_headers;
	uint64_t burst;
	int64_t interval_ms; /* 0: no rate limit */
};

/* What tells one version of a file from another. */
struct web_stamp {
	int64_t mtime_ns, size;
	uint64_t ino;
};

/* A ring of keys. */
struct web_cache {
	struct hash128 keys[WEB_CACHE_MAX];
	size_t n; /* added so far */
};

/* A web configuration in force. */
struct web_config {
	char *path;
	struct web_settings *s;
	struct web_stamp stamp;
	int64_t checked_ms;
	struct tls_ctx *tls;
	struct gate gate; /* one bcrypt at a time */
	struct web_cache good, bad;
	double tokens;
	int64_t refilled_ms;
};

/* Reads a file; *ret begins with one reference. */
int web_settings_load(const char *path, struct web_settings **ret, struct err *err);

/* Gives a reference back; the last frees. NULL is allowed. */
void web_settings_unref(struct web_settings *s);

/* The user of that name, or NULL. Looks at all of them, whichever it is. */
const struct web_user *web_settings_user(const struct web_settings *s, struct str name);

/* Reads a file's stamp; all zero when it is not there. */
void web_stamp_read(const char *path, struct web_stamp *s);

#endif
