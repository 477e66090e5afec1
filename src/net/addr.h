/*
 * net/addr.h - addresses of listeners and peers, as text and as sockaddr.
 *
 * Texts: "host:port", "1.2.3.4:port", "[v6]:port", ":port" (all interfaces),
 * "unix:/path" and "unix:@abstract".
 */
#ifndef NET_ADDR_H
#define NET_ADDR_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/socket.h>

/* Longest host name kept, with its terminating zero (RFC 1035: 253 characters). */
#define ADDR_HOST_MAX 256

/* Longest text that sockaddr_text writes, with its terminating zero. */
#define ADDR_TEXT_MAX 128

/* A parsed address; the host may still be a name. A plain value. */
struct addr {
	bool is_unix;
	char host[ADDR_HOST_MAX]; /* without brackets; "" is all interfaces; the path of a Unix socket */
	uint16_t port;            /* 0 for Unix sockets, and "any free port" for listeners */
};

/* A socket address ready for the kernel. A plain value. */
struct sockaddr_any {
	struct sockaddr_storage ss;
	socklen_t len;
};

/* Reads a text as described above. `default_port` is taken where none is given; -1 makes the port required. INVALID_ARGUMENT. */
int addr_parse(struct str text, int default_port, struct addr *ret, struct err *err);

/* Splits "host:port" or "[v6]:port" as Go's net.SplitHostPort; the pieces point into `text`. false when there is no port. */
bool addr_split(struct str text, struct str *ret_host, struct str *ret_port);

/* Whether the host is a literal IPv4 or IPv6 address, empty, or a Unix path: nothing has to be looked up. */
bool addr_is_literal(const struct addr *a);

/* The socket address of a literal `a`. FAILED_PRECONDITION when its host is a name: look it up with net/dns.h. */
int addr_resolve_literal(const struct addr *a, struct sockaddr_any *ret, struct err *err);

/* The socket address of the literal IP `ip` (C string) with `port`; false when it is none. */
bool sockaddr_from_ip(const char *ip, uint16_t port, struct sockaddr_any *ret);

/* Writes "1.2.3.4:80", "[::1]:80", "unix:/path" or "@" for unnamed peers of Unix sockets. Returns `buf`. */
const char *sockaddr_text(const struct sockaddr_any *a, char buf[ADDR_TEXT_MAX]);

/* The port of an IP address, 0 for others. */
uint16_t sockaddr_port(const struct sockaddr_any *a);

#endif
