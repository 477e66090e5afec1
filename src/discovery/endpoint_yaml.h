/*
 * discovery/endpoint_yaml.h - the endpoint YAML (--endpoint.sd-config).
 *
 *	default_client_config: <client>
 *	endpoints:
 *	- address: host:port, or with a prefix dns+ dnssrv+ dnssrvnoa+
 *	  strict: false
 *	  group: false
 *	  client_config: <client>
 *	client = {tls_config: {enabled, insecure_skip_verify, cert_file, key_file, ca_file, min_version}, server_name,
 *	          compression: none|snappy}
 *
 * Keys that are not known are ignored, as upstream does.
 */
#ifndef DISCOVERY_ENDPOINT_YAML_H
#define DISCOVERY_ENDPOINT_YAML_H

#include "base/arena.h"
#include "base/err.h"
#include "discovery/endpoint_spec.h"

#include <stddef.h>

/* What a file says. Strings lie in its arena. */
struct endpoint_yaml {
	struct arena arena;
	struct endpoint_client defaults;
	struct endpoint_spec *specs;
	size_t n_specs;
};

/* Reads a document; `file` names it in errors. INVALID_ARGUMENT with file and line, or what endpoint_spec_check finds. */
int endpoint_yaml_parse(struct str text, const char *file, struct endpoint_yaml **ret, struct err *err);

/* Frees it. NULL is fine. */
void endpoint_yaml_free(struct endpoint_yaml *y);

#endif
