/*
 * Requests that two readers could understand differently, or that are just
 * wrong. Each must be answered with 400 and the connection be closed, and
 * nothing after it be served. Lengths are given since some hold NUL bytes.
 */
#ifndef TESTS_UNIT_HTTP_BAD_HEADS_H
#define TESTS_UNIT_HTTP_BAD_HEADS_H

#include "base/compiler.h"
#include "base/str.h"

#define SMUGGLED "GET /smuggled HTTP/1.1\r\nHost: a\r\n\r\n"
#define POST "POST /echo HTTP/1.1\r\nHost: a\r\n"
#define V(text) \
	{ \
		text, sizeof(text) - 1 \
	}

/* Complete heads that are refused. */
static const struct str bad_heads[] = {
	/* Content-Length */
	V(POST "Content-Length: 5\r\nContent-Length: 6\r\n\r\nhello"),
	V(POST "Content-Length: 5\r\nContent-Length: 5\r\n\r\nhello"),
	V(POST "Content-Length: 5, 5\r\n\r\nhello"),
	V(POST "Content-Length: 5 5\r\n\r\nhello"),
	V(POST "Content-Length: +5\r\n\r\nhello"),
	V(POST "Content-Length: -5\r\n\r\nhello"),
	V(POST "Content-Length: 0x5\r\n\r\nhello"),
	V(POST "Content-Length: 5a\r\n\r\nhello"),
	V(POST "Content-Length: \r\n\r\nhello"),
	V(POST "Content-Length: 5.0\r\n\r\nhello"),
	V(POST "Content-Length: 99999999999999999999\r\n\r\nhello"),
	V(POST "Content-Length: 18446744073709551621\r\n\r\nhello"),
	/* Transfer-Encoding */
	V(POST "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED),
	V(POST "Transfer-Encoding: chunked\r\nContent-Length: 5\r\n\r\n0\r\n\r\n" SMUGGLED),
	V(POST "Transfer-Encoding: gzip, chunked\r\n\r\n0\r\n\r\n" SMUGGLED),
	V(POST "Transfer-Encoding: xchunked\r\n\r\n0\r\n\r\n" SMUGGLED),
	V(POST "Transfer-Encoding: chunked, chunked\r\n\r\n0\r\n\r\n" SMUGGLED),
	V(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n" SMUGGLED),
	V(POST "Transfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n" SMUGGLED),
	V(POST "Transfer-Encoding: identity\r\n\r\n" SMUGGLED),
	V(POST "Transfer-Encoding: \"chunked\"\r\n\r\n0\r\n\r\n" SMUGGLED),
	V(POST "Transfer-Encoding: chunked;q=1\r\n\r\n0\r\n\r\n" SMUGGLED),
	V(POST "Transfer-Encoding:\x0b"
	       "chunked\r\n\r\n0\r\n\r\n" SMUGGLED),
	V(POST "Transfer-Encoding:\r\n\r\n0\r\n\r\n" SMUGGLED),
	V("POST /echo HTTP/1.0\r\nHost: a\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\n"),
	V(POST "Transfer-Encoding : chunked\r\n\r\n0\r\n\r\n" SMUGGLED),
	/* lines and names */
	V(POST "X: a\r\n b\r\n\r\n"),
	V(POST "X: a\r\n\tb\r\n\r\n"),
	V("GET / HTTP/1.1\r\n Host: a\r\n\r\n"),
	V("GET / HTTP/1.1\nHost: a\n\n"),
	V("GET / HTTP/1.1\r\nHost: a\n\r\n"),
	V("GET / HTTP/1.1\r\nHost: a\r\nX: b\n\r\n"),
	V("GET / HTTP/1.1\r\nHost: a\r\n\n"),
	V("GET / HTTP/1.1\r\nHost: a\rX: b\r\n\r\n"),
	V("GET / HTTP/1.1\r\nHost : a\r\n\r\n"),
	V("GET / HTTP/1.1\r\nHost\t: a\r\n\r\n"),
	V("GET / HTTP/1.1\r\nHost: a\r\n: b\r\n\r\n"),
	V("GET / HTTP/1.1\r\nHost: a\r\nno colon\r\n\r\n"),
	V("GET / HTTP/1.1\r\nHost: a\r\nX Y: b\r\n\r\n"),
	V("GET / HTTP/1.1\r\nHost: a\r\nX(Y): b\r\n\r\n"),
	V("GET / HTTP/1.1\r\nHost: a\r\nX\xc3\xa4: b\r\n\r\n"),
	V("GET / HTTP/1.1\r\nHost: a\r\nX: b\0c\r\n\r\n"),
	V("GET / HTTP/1.1\r\nHost: a\r\nX\0: b\r\n\r\n"),
	V("GET / HTTP/1.1\r\nHost: a\r\nX: b\x01\r\n\r\n"),
	V("GET / HTTP/1.1\r\nHost: a\r\nX: b\x7f\r\n\r\n"),
	/* Host */
	V("GET / HTTP/1.1\r\n\r\n"),
	V("GET / HTTP/1.1\r\nHost: a\r\nHost: b\r\n\r\n"),
	V("GET / HTTP/1.1\r\nHost: a\r\nHost: a\r\n\r\n"),
	V("GET / HTTP/1.1\r\nHost: a b\r\n\r\n"),
	V("GET / HTTP/1.1\r\nHost: a/b\r\n\r\n"),
	V("GET / HTTP/1.1\r\nHost: u@a\r\n\r\n"),
	V("GET / HTTP/1.1\r\nHost: a,b\r\n\r\n"),
	/* request lines */
	V("GET / HTTP/9.9\r\nHost: a\r\n\r\n"),
	V("GET / HTTP/2.0\r\nHost: a\r\n\r\n"),
	V("GET / HTTP/1.10\r\nHost: a\r\n\r\n"),
	V("GET / HTTP/1.2\r\nHost: a\r\n\r\n"),
	V("GET / HTTP/1\r\nHost: a\r\n\r\n"),
	V("GET / http/1.1\r\nHost: a\r\n\r\n"),
	V("GET / HTTP/1.1 \r\nHost: a\r\n\r\n"),
	V("GET  / HTTP/1.1\r\nHost: a\r\n\r\n"),
	V("GET /  HTTP/1.1\r\nHost: a\r\n\r\n"),
	V("GET\t/ HTTP/1.1\r\nHost: a\r\n\r\n"),
	V(" GET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	V("\r\nGET / HTTP/1.1\r\nHost: a\r\n\r\n"),
	V("GET /\r\n\r\n"),
	V("GET\r\n\r\n"),
	V("/ HTTP/1.1\r\nHost: a\r\n\r\n"),
	V("G@T / HTTP/1.1\r\nHost: a\r\n\r\n"),
	V("GET /a b HTTP/1.1\r\nHost: a\r\n\r\n"),
	V("GET /a#b HTTP/1.1\r\nHost: a\r\n\r\n"),
	V("GET /a\x01 HTTP/1.1\r\nHost: a\r\n\r\n"),
	V("GET /a\0b HTTP/1.1\r\nHost: a\r\n\r\n"),
	V("GET a HTTP/1.1\r\nHost: a\r\n\r\n"),
	V("GET * HTTP/1.1\r\nHost: a\r\n\r\n"),
	V("GET ftp://a/b HTTP/1.1\r\nHost: a\r\n\r\n"),
	V("GET http:/// HTTP/1.1\r\nHost: a\r\n\r\n"),
	V("CONNECT a:80 HTTP/1.1\r\nHost: a\r\n\r\n"),
	V("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"),
};

/* Chunked bodies that are refused, after their head. */
static const struct str bad_chunks[] = {
	V("FFFFFFFFFFFFFFFF\r\nhello\r\n0\r\n\r\n"),
	V("80000000\r\nhello\r\n0\r\n\r\n"),
	V("10000000000000005\r\nhello\r\n0\r\n\r\n"),
	V("00000000000000005\r\nhello\r\n0\r\n\r\n"),
	V("0x5\r\nhello\r\n0\r\n\r\n"),
	V("+5\r\nhello\r\n0\r\n\r\n"),
	V("-5\r\nhello\r\n0\r\n\r\n"),
	V(" 5\r\nhello\r\n0\r\n\r\n"),
	V("5 \r\nhello\r\n0\r\n\r\n"),
	V("5 5\r\nhello\r\n0\r\n\r\n"),
	V("\r\nhello\r\n0\r\n\r\n"),
	V("5\nhello\r\n0\r\n\r\n"),
	V("5\rhello\r\n0\r\n\r\n"),
	V("5\r\nhello\n0\r\n\r\n"),
	V("5\r\nhello0\r\n\r\n"),
	V("5\r\nhelloX\r\n0\r\n\r\n"),
	V("g\r\nhello\r\n0\r\n\r\n"),
	V("5;a\nhello\r\n0\r\n\r\n"),
	V("5;a\x01=b\r\nhello\r\n0\r\n\r\n"),
	V("5;a\0\r\nhello\r\n0\r\n\r\n"),
	V("0\n\r\n"),
	V("0\r\n\n"),
	V("0\r\nX: a\n\r\n"),
	V("0\r\n folded\r\n\r\n"),
	V("0\r\nno colon\r\n\r\n"),
	V("0\r\n: b\r\n\r\n"),
	V("0\r\nX : b\r\n\r\n"),
	V("0\r\nX: a\0\r\n\r\n"),
	V("0\r\nContent-Length: 5\r\n\r\n"),
	V("0\r\nTransfer-Encoding: chunked\r\n\r\n"),
	V("0\r\nHOST: b\r\n\r\n"),
	V("0\r\nAuthorization: b\r\n\r\n"),
};

#define CHUNKED_HEAD POST "Transfer-Encoding: chunked\r\n\r\n"

#endif
