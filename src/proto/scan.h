/*
 * proto/scan.h - control messages from outside, unpacked within limits.
 *
 * protobuf-c itself neither limits depth nor counts, and an empty element of
 * two bytes becomes an object of a hundred. So a message is scanned first
 * (depth, number of fields, length, UTF-8), then unpacked into the
 * request's arena, whose budget bounds the memory. Hot messages (writes,
 * series frames) are not unpacked at all: series/wire_*.h.
 */
#ifndef PROTO_SCAN_H
#define PROTO_SCAN_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"

#include <protobuf-c/protobuf-c.h>
#include <stddef.h>
#include <stdint.h>

/* What a message may be. */
struct proto_limits {
	size_t max_bytes;    /* of the whole message */
	uint32_t max_depth;  /* of messages in messages; at most 64 is used */
	uint64_t max_fields; /* in all, elements of packed fields counted one by one */
};

/* 16 MiB, depth 64, a million fields. */
extern const struct proto_limits proto_limits_default;

/*
 * Checks the bytes of a message of type `desc`: well-formed, within the
 * limits (NULL: the default ones), strings UTF-8 without zero bytes (protobuf-c
 * would cut them there), known fields with their wire type. INVALID_ARGUMENT,
 * or RESOURCE_EXHAUSTED where it is only too large.
 */
int proto_scan(struct str msg, const ProtobufCMessageDescriptor *desc, const struct proto_limits *limits,
	       struct err *err);

/*
 * Scans and unpacks a message into `a`. The result is valid as long as the
 * arena; it is never freed by protobuf-c. RESOURCE_EXHAUSTED over budget.
 *
 *	Thanos__InfoResponse *r;
 *	rc = proto_unpack(body, &thanos__info__info_response__descriptor, NULL, a, (void **)&r, err);
 */
int proto_unpack(struct str msg, const ProtobufCMessageDescriptor *desc, const struct proto_limits *limits,
		 struct arena *a, void **ret, struct err *err);

/* Appends the bytes of a message. The strbuf's limit holds. */
void proto_pack(const void *message, struct strbuf *b);

#endif
