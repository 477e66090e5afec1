#include "net/addr.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdio.h>
#include <string.h>
#include <sys/un.h>

bool addr_split(struct str text, struct str *ret_host, struct str *ret_port)
{
	ptrdiff_t colon = -1;
	for (size_t i = 0; i < text.n; i++)
		if (text.p[i] == ':')
			colon = (ptrdiff_t)i;
	if (colon < 0)
		return false;
	struct str host = { text.p, (size_t)colon };
	if (host.n > 0 && host.p[0] == '[') {
		if (host.p[host.n - 1] != ']')
			return false;
		host.p++;
		host.n -= 2;
	} else if (str_index(host, ':') >= 0) {
		return false;
	}
	*ret_host = host;
	*ret_port = str_mem(text.p + colon + 1, text.n - (size_t)colon - 1);
	return true;
}

/* Without a port, "[v6]" loses its brackets and a bare IPv6 address stands. */
static struct str bare_host(struct str text)
{
	if (text.n > 2 && text.p[0] == '[' && text.p[text.n - 1] == ']')
		return str_mem(text.p + 1, text.n - 2);
	return text;
}

static int keep_host(struct addr *a, struct str host, struct str text, struct err *err)
{
	if (host.n >= sizeof(a->host) || (host.n && memchr(host.p, 0, host.n)))
		return err_set(err, ERR_INVALID_ARGUMENT, "address \"%.100s\": the host is too long or not text",
			       text.n ? text.p : "");
	if (host.n)
		memcpy(a->host, host.p, host.n);
	a->host[host.n] = 0;
	return 0;
}

int addr_parse(struct str text, int default_port, struct addr *ret, struct err *err)
{
	*ret = (struct addr){ 0 };
	if (str_has_prefix(text, STR("unix:"))) {
		ret->is_unix = true;
		struct str path = { text.p + 5, text.n - 5 };
		if (path.n == 0 || path.n >= sizeof(((struct sockaddr_un *)0)->sun_path))
			return err_set(err, ERR_INVALID_ARGUMENT,
				       "address \"%.*s\": unix: takes a path of 1 to 107 bytes", STR_ARG(text));
		return keep_host(ret, path, text, err);
	}
	struct str host, port;
	uint64_t n = 0;
	if (!addr_split(text, &host, &port)) {
		if (default_port < 0)
			return err_set(err, ERR_INVALID_ARGUMENT,
				       "address \"%.*s\": missing port in address (host:port)", STR_ARG(text));
		host = bare_host(text);
		n = (uint64_t)default_port;
	} else if (!str_to_u64(port, &n) || n > 65535) {
		return err_set(err, ERR_INVALID_ARGUMENT, "address \"%.*s\": the port is not a number up to 65535",
			       STR_ARG(text));
	}
	ret->port = (uint16_t)n;
	return keep_host(ret, host, text, err);
}

bool sockaddr_from_ip(const char *ip, uint16_t port, struct sockaddr_any *ret)
{
	memset(ret, 0, sizeof(*ret));
	struct sockaddr_in *v4 = (struct sockaddr_in *)&ret->ss;
	struct sockaddr_in6 *v6 = (struct sockaddr_in6 *)&ret->ss;
	if (inet_pton(AF_INET, ip, &v4->sin_addr) == 1) {
		v4->sin_family = AF_INET;
		v4->sin_port = htons(port);
		ret->len = sizeof(*v4);
		return true;
	}
	if (inet_pton(AF_INET6, ip, &v6->sin6_addr) == 1) {
		v6->sin6_family = AF_INET6;
		v6->sin6_port = htons(port);
		ret->len = sizeof(*v6);
		return true;
	}
	return false;
}

bool addr_is_literal(const struct addr *a)
{
	struct sockaddr_any sa;
	return a->is_unix || !a->host[0] || sockaddr_from_ip(a->host, 0, &sa);
}

static void unix_sockaddr(const char *path, struct sockaddr_any *ret)
{
	memset(ret, 0, sizeof(*ret));
	struct sockaddr_un *un = (struct sockaddr_un *)&ret->ss;
	size_t n = strnlen(path, sizeof(un->sun_path) - 1);
	un->sun_family = AF_UNIX;
	memcpy(un->sun_path, path, n);
	ret->len = (socklen_t)(offsetof(struct sockaddr_un, sun_path) + n + 1);
	if (path[0] == '@') {
		un->sun_path[0] = 0;
		ret->len--;
	}
}

int addr_resolve_literal(const struct addr *a, struct sockaddr_any *ret, struct err *err)
{
	if (a->is_unix) {
		unix_sockaddr(a->host, ret);
		return 0;
	}
	if (sockaddr_from_ip(a->host[0] ? a->host : "::", a->port, ret))
		return 0;
	return err_set(err, ERR_FAILED_PRECONDITION, "\"%s\" is not an IP address", a->host);
}

static const char *unix_text(const struct sockaddr_any *a, char buf[ADDR_TEXT_MAX])
{
	const struct sockaddr_un *un = (const struct sockaddr_un *)&a->ss;
	size_t head = offsetof(struct sockaddr_un, sun_path);
	size_t n = a->len > head ? a->len - head : 0;
	if (n == 0)
		strcpy(buf, "@");
	else if (un->sun_path[0] == 0)
		snprintf(buf, ADDR_TEXT_MAX, "unix:@%.*s", (int)(n - 1), un->sun_path + 1);
	else
		snprintf(buf, ADDR_TEXT_MAX, "unix:%.*s", (int)n, un->sun_path);
	return buf;
}

const char *sockaddr_text(const struct sockaddr_any *a, char buf[ADDR_TEXT_MAX])
{
	char ip[INET6_ADDRSTRLEN];
	const struct sockaddr_in *v4 = (const struct sockaddr_in *)&a->ss;
	const struct sockaddr_in6 *v6 = (const struct sockaddr_in6 *)&a->ss;
	if (a->ss.ss_family == AF_UNIX)
		return unix_text(a, buf);
	if (a->ss.ss_family == AF_INET) {
		inet_ntop(AF_INET, &v4->sin_addr, ip, sizeof(ip));
		snprintf(buf, ADDR_TEXT_MAX, "%s:%u", ip, ntohs(v4->sin_port));
	} else if (IN6_IS_ADDR_V4MAPPED(&v6->sin6_addr)) {
		inet_ntop(AF_INET, &v6->sin6_addr.s6_addr[12], ip, sizeof(ip));
		snprintf(buf, ADDR_TEXT_MAX, "%s:%u", ip, ntohs(v6->sin6_port));
	} else {
		inet_ntop(AF_INET6, &v6->sin6_addr, ip, sizeof(ip));
		snprintf(buf, ADDR_TEXT_MAX, "[%s]:%u", ip, ntohs(v6->sin6_port));
	}
	return buf;
}

uint16_t sockaddr_port(const struct sockaddr_any *a)
{
	if (a->ss.ss_family == AF_INET)
		return ntohs(((const struct sockaddr_in *)&a->ss)->sin_port);
	if (a->ss.ss_family == AF_INET6)
		return ntohs(((const struct sockaddr_in6 *)&a->ss)->sin6_port);
	return 0;
}
