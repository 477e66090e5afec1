/*
 * grpc/encoding.h - compression of messages: names, choice, coding.
 *
 * Large messages are coded on the offload pool, so these suspend.
 */
#ifndef GRPC_ENCODING_H
#define GRPC_ENCODING_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "grpc/message.h"

#include <stdbool.h>
#include <stdint.h>

/* What we say in grpc-accept-encoding. */
#define GRPC_ACCEPT_ENCODING "identity,gzip,snappy"

/* The name on the wire. */
const char *grpc_encoding_name(enum grpc_encoding e);

/* Reads a name; "" is identity. False when it is unknown. */
bool grpc_encoding_parse(struct str name, enum grpc_encoding *ret);

/* Whether a grpc-accept-encoding list names `e`. Identity is always accepted. */
bool grpc_encoding_accepted(struct str list, enum grpc_encoding e);

/*
 * Uncompresses a message of at most `limit` bytes. *ret points into `out` (emptied before), whose bytes are charged to `budget`:
 * the caller gives back *ret_charged when it frees them. RESOURCE_EXHAUSTED over the limit or budget, INTERNAL when corrupt.
 */
int co_grpc_decode(struct str in, enum grpc_encoding e, uint64_t limit, struct budget *budget, struct strbuf *out,
		   uint64_t *ret_charged, struct str *ret, struct err *err);

/* Appends the compressed message, prefix and flag included, to `out`. */
int co_grpc_encode(struct str in, enum grpc_encoding e, struct strbuf *out, struct err *err);

/* Writes the five bytes before a message. INTERNAL over 4 GiB. */
int grpc_prefix_write(uint8_t out[5], bool compressed, uint64_t n, struct err *err);

#endif
