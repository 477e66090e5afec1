/*
 * grpc/metadata.h - application metadata between header fields and entries.
 *
 * Values of keys ending in "-bin" are base64 on the wire (with or without padding) and bytes here.
 */
#ifndef GRPC_METADATA_H
#define GRPC_METADATA_H

#include "base/err.h"
#include "base/strbuf.h"
#include "grpc/message.h"
#include "http/h2.h"

#include <stdbool.h>
#include <stddef.h>

/* Entries with the memory that they lie in. Zero-initialised is empty. */
struct grpc_metas {
	struct grpc_metadata *p;
	size_t n;
	char *text;
};

/* Copies the application's entries of a header block: no pseudo-header, no "grpc-" fields, nor HTTP's own. Values of "-bin" keys that are no base64 are left out. */
void grpc_metas_from(struct grpc_metas *m, const struct h2_fields *f);

/* As grpc_metas_from, with the fields grpc-status, grpc-message and grpc-status-details-bin too. */
void grpc_metas_from_trailers(struct grpc_metas *m, const struct h2_fields *f);

/* Frees the entries. */
void grpc_metas_fini(struct grpc_metas *m);

/* The first value of a key; {NULL, 0} where absent. */
struct str grpc_metas_get(const struct grpc_metas *m, const char *key);

/* Checks that an application may send this entry: INVALID_ARGUMENT for reserved or malformed keys and for values that are not printable ASCII (unless "-bin"). */
int grpc_metadata_check(struct str key, struct str value, struct err *err);

/* Appends a value as it goes on the wire. */
void grpc_metadata_encode(struct strbuf *out, struct str key, struct str value);

#endif
