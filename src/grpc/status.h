/*
 * grpc/status.h - status codes and timeouts as they stand in headers.
 *
 * Formats: grpc/doc/PROTOCOL-HTTP2.md; mappings: grpc/doc/http-grpc-status-mapping.md and the "Errors" table of the former.
 */
#ifndef GRPC_STATUS_H
#define GRPC_STATUS_H

#include "base/str.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stdint.h>

/* Appends a message percent-encoded: bytes outside 0x20..0x7E and '%' become %XX. */
void grpc_message_encode(struct strbuf *out, const char *msg);

/* Writes a percent-encoded message as text; malformed escapes stay as they are. At most size - 1 bytes and a zero byte. */
void grpc_message_decode(struct str in, char *buf, size_t size);

/* Reads grpc-status: 0 to 16; anything else that is a number is UNKNOWN; false when it is no number. */
bool grpc_status_parse(struct str s, int *ret_code);

/* The code for an HTTP status of a response without grpc-status. */
int grpc_status_of_http(struct str status);

/* The code for a stream that the peer reset with this HTTP/2 error code. */
int grpc_status_of_reset(uint32_t h2_code);

/* Reads grpc-timeout ("100m": up to 8 digits, then one of H M S m u n), rounded up to ms; false when malformed. */
bool grpc_timeout_parse(struct str s, int64_t *ret_ms);

/* Room for grpc_timeout_format. */
#define GRPC_TIMEOUT_MAX 24

/* Writes `ms` (at least 1) as grpc-timeout, rounded up where 8 digits do not hold it. Returns buf. */
const char *grpc_timeout_format(int64_t ms, char buf[GRPC_TIMEOUT_MAX]);

#endif
