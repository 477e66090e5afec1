/*
 * grpc/message.h - a message to send, in parts.
 *
 * grpc/ works on byte messages; who encodes them (series/wire for the hot
 * ones, protobuf-c for the rest, grpc/pb.h) hands over one or more parts that
 * follow each other on the wire.  A part is either copied during the call, or
 * referenced until it has been written to the connection.
 */
#ifndef GRPC_MESSAGE_H
#define GRPC_MESSAGE_H

#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

/* Called once when the bytes of a referenced part are no longer needed: sent, or dropped with the stream. */
typedef void grpc_release_fn(void *arg);

/*
 * A run of bytes of a message. With `release` NULL the bytes are copied before the sending function returns. Else they
 * must stay unchanged until release(arg) runs, which happens exactly once, also when the send fails; it may run inside
 * the send or from the loop, so it must not suspend.
 */
struct grpc_part {
	const void *p;
	size_t n;
	grpc_release_fn *release;
	void *arg;
};

/* A part that is copied. */
static inline struct grpc_part grpc_part_copy(struct str s)
{
	return (struct grpc_part){ .p = s.p, .n = s.n };
}

/* A part that is referenced until release(arg). */
static inline struct grpc_part grpc_part_ref(struct str s, grpc_release_fn *release, void *arg)
{
	return (struct grpc_part){ .p = s.p, .n = s.n, .release = release, .arg = arg };
}

/* How messages are compressed on the wire. */
enum grpc_encoding {
	GRPC_IDENTITY, /* not at all */
	GRPC_GZIP,     /* "gzip", RFC 1952 */
	GRPC_SNAPPY,   /* "snappy", the framed format, as upstream's registered compressor */
};

/* One metadata entry. Keys are lower case; values of "-bin" keys are the decoded bytes. */
struct grpc_metadata {
	struct str key, value;
};

#endif
