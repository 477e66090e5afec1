/*
 * http/http1.h - a strict reader of HTTP/1.0 and 1.1 requests (RFC 9112).
 *
 * What two readers could understand differently is refused, so that nothing
 * can be smuggled past a proxy in front: duplicate or odd Content-Length,
 * Content-Length with Transfer-Encoding, any coding but exactly "chunked",
 * folded lines, bare CR or LF, space before the colon, control bytes, a
 * missing or second Host, odd versions, overlong or odd chunk sizes, framing
 * fields in trailers. All of it is 400, after which the connection must be closed.
 *
 * Pure functions over bytes: no connection, no memory, no suspension.
 */
#ifndef HTTP_HTTP1_H
#define HTTP_HTTP1_H

#include "base/str.h"
#include "http/http.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Most header fields that a struct http1_head holds. */
#define HTTP1_FIELDS_MAX 256

/* Most bytes of a chunk-size line, with extensions, and of all extensions of a body. */
#define HTTP1_CHUNK_LINE_MAX 256
#define HTTP1_CHUNK_EXT_MAX 4096

/* Most bytes and fields of the trailers. */
#define HTTP1_TRAILERS_MAX 8192
#define HTTP1_TRAILER_FIELDS_MAX 32

/* Limits of a request's head. */
struct http1_limits {
	size_t max_target;       /* bytes of the target: 414 above */
	size_t max_header_bytes; /* all fields: 431 above */
	size_t max_fields;       /* at most HTTP1_FIELDS_MAX: 431 above */
};

/* How far a head was searched for its end. Zero-initialise per request. */
struct http1_scan {
	size_t pos;        /* bytes looked at */
	size_t line_start; /* of the present line */
	bool first_done;   /* the request line has ended */
};

/* What a scan found. */
enum http1_found { HTTP1_MORE, HTTP1_COMPLETE, HTTP1_BAD };

/*
 * Looks for the end of the head in the first `n` bytes at `p`, going on where the last call ended. COMPLETE: *ret_len is the head's length with
 * its empty line. BAD: *ret_status and *ret_why (static) say what to answer: 400, 414, 431.
 */
enum http1_found http1_scan_head(struct http1_scan *s, const struct http1_limits *lim, const char *p, size_t n,
				 size_t *ret_len, int *ret_status, const char **ret_why);

/* A parsed head; all pieces point into the bytes parsed. */
struct http1_head {
	struct str method, target;
	struct str path_query;  /* the target without scheme and authority of an absolute form */
	struct str host;        /* of the absolute form, else the Host field */
	int version;            /* 10 or 11 */
	int64_t content_length; /* -1: none given */
	bool chunked;
	bool keep_alive; /* the client wants to go on */
	bool expect_continue;
	struct http_header fields[HTTP1_FIELDS_MAX];
	size_t n_fields;
};

/* Parses a complete head of `n` bytes. Returns 0, or the status to answer with the reason (static) in *ret_why. */
int http1_parse_head(const char *p, size_t n, const struct http1_limits *lim, struct http1_head *ret,
		     const char **ret_why);

/* The decoder of a chunked body. Zero-initialise. Members are private. */
struct http1_chunks {
	int state;
	uint64_t left; /* of the present chunk, or the size read so far */
	unsigned digits;
	size_t line;    /* bytes of the present line */
	size_t ext;     /* bytes of all extensions */
	size_t trailer; /* bytes of the trailers */
	unsigned fields;
	char name[32]; /* start of a trailer's name, lower case */
	size_t name_len;
	const char *why; /* of HTTP1_BAD */
};

/*
 * Takes bytes of a chunked body: *ret_used of the `n` at `p` were taken, and of those *ret_data (within `p`) are body
 * bytes. MORE: call again with what follows (also at once, when *ret_used < n). COMPLETE: body and
 * trailers have ended. BAD: answer 400 and close.
 */
enum http1_found http1_chunks_feed(struct http1_chunks *d, const char *p, size_t n, size_t *ret_used,
				   struct str *ret_data);

#endif
