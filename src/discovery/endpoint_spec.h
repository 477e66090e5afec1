/*
 * discovery/endpoint_spec.h - what is known about an endpoint before it was
 * ever spoken to: its address, and how to connect.
 *
 * Settings come from three places: the entry itself, default_client_config of
 * the same file, the --grpc-client-* flags. Merging is upstream's
 * (cmd/thanos/endpointset.go).
 */
#ifndef DISCOVERY_ENDPOINT_SPEC_H
#define DISCOVERY_ENDPOINT_SPEC_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

struct arena;

/* A truth value that may be missing. */
enum endpoint_flag { ENDPOINT_UNSET = -1, ENDPOINT_NO = 0, ENDPOINT_YES = 1 };

/* How to connect; strings are NULL where unset. A plain value that borrows its strings. */
struct endpoint_client {
	enum endpoint_flag tls, skip_verify;
	const char *cert_file, *key_file, *ca_file;
	const char *min_version; /* of TLS, "1.0".."1.3" */
	const char *server_name;
	const char *compression; /* "none" or "snappy" */
};

/* Settings with nothing set. */
#define ENDPOINT_CLIENT_UNSET ((struct endpoint_client){ .tls = ENDPOINT_UNSET, .skip_verify = ENDPOINT_UNSET })

/* One endpoint. Strings are borrowed from whoever gives it out. */
struct endpoint_spec {
	const char *address; /* "host:port", or a name with a prefix (net/dns.h) */
	bool strict;         /* queried whether it answers or not */
	bool group;          /* all addresses behind the name are the same endpoint, asked in turn */
	struct endpoint_client client;
};

/* The settings with their strings copied into `a`, which has no limit. */
struct endpoint_client endpoint_client_copy(struct endpoint_client c, struct arena *a);

/* Whether two settings are the same, string by string. */
bool endpoint_client_eq(const struct endpoint_client *a, const struct endpoint_client *b);

/* Whether nothing is said about TLS, so that the settings above hold as they are. */
bool endpoint_client_is_silent(const struct endpoint_client *c);

/*
 * The settings in force for an entry with `own` settings under the `global`
 * ones: global as a whole where nothing of own is about TLS; own with its gaps filled from
 * global where it does not say whether TLS is on (naming a file or skip_verify turns it on); own alone
 * where it does. The result has no gaps but for file names and server name.
 */
struct endpoint_client endpoint_client_resolve(const struct endpoint_client *own, const struct endpoint_client *global);

/* Whether the address is looked up: it has a prefix such as dns+ or dnssrv+. */
bool endpoint_is_dynamic(struct str address);

/* INVALID_ARGUMENT for a strict dynamic address or a compression that is not known, in upstream's words. */
int endpoint_spec_check(const struct endpoint_spec *s, struct err *err);

#endif
