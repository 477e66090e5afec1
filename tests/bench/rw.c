#include "rw.h"

#include "codec/varint.h"

#include <netdb.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

void rw_put_tag(struct strbuf *b, unsigned field, unsigned type)
{
	strbuf_add_ch(b, (char)(field << 3 | type));
}

void rw_put_varint(struct strbuf *b, unsigned field, uint64_t v)
{
	uint8_t bytes[VARINT_MAX];
	rw_put_tag(b, field, 0);
	strbuf_add(b, bytes, (size_t)(varint_put(bytes, v) - bytes));
}

void rw_put_double(struct strbuf *b, unsigned field, double v)
{
	uint8_t bytes[8];
	uint64_t bits;
	memcpy(&bits, &v, sizeof(bits));
	le64_put(bytes, bits);
	rw_put_tag(b, field, 1);
	strbuf_add(b, bytes, sizeof(bytes));
}

void rw_put_bytes(struct strbuf *b, unsigned field, const void *p, size_t n)
{
	uint8_t v[VARINT_MAX];
	rw_put_tag(b, field, 2);
	strbuf_add(b, v, (size_t)(varint_put(v, n) - v));
	strbuf_add(b, p, n);
}

void rw_put_label(struct strbuf *b, const char *name, const char *value)
{
	struct strbuf l = { 0 };
	rw_put_bytes(&l, 1, name, strlen(name));
	rw_put_bytes(&l, 2, value, strlen(value));
	rw_put_bytes(b, 1, l.p, l.n);
	strbuf_fini(&l);
}

int rw_dial(const char *host, const char *port)
{
	struct addrinfo hints = { .ai_socktype = SOCK_STREAM }, *ai;
	if (getaddrinfo(host, port, &hints, &ai) != 0)
		return -1;
	int fd = socket(ai->ai_family, ai->ai_socktype, 0), one = 1;
	if (fd >= 0 && connect(fd, ai->ai_addr, ai->ai_addrlen) != 0) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(ai);
	if (fd >= 0)
		setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof(one));
	return fd;
}

static int send_all(int fd, const char *p, size_t n)
{
	while (n) {
		ssize_t put = send(fd, p, n, MSG_NOSIGNAL);
		if (put <= 0)
			return -1;
		p += put;
		n -= (size_t)put;
	}
	return 0;
}

/* Reads one response; bodies are short and come with a length. Returns the status, -1 on a broken connection. */
static int read_response(int fd)
{
	char buf[16384];
	size_t n = 0;
	for (;;) {
		ssize_t got = recv(fd, buf + n, sizeof(buf) - 1 - n, 0);
		if (got <= 0)
			return -1;
		n += (size_t)got;
		buf[n] = '\0';
		char *end = strstr(buf, "\r\n\r\n");
		if (!end)
			continue;
		int status = atoi(buf + strlen("HTTP/1.1 "));
		char *cl = strcasestr(buf, "\r\ncontent-length:");
		size_t body = cl && cl < end ? strtoul(cl + strlen("\r\ncontent-length:"), NULL, 10) : 0;
		if (n >= (size_t)(end + 4 - buf) + body) {
			if (status / 100 != 2)
				fprintf(stderr, "status %d: %s\n", status, end + 4);
			return status;
		}
	}
}

int rw_post(int fd, const char *host, const char *path, struct str body)
{
	struct strbuf head = { 0 };
	strbuf_printf(&head,
		      "POST %s HTTP/1.1\r\nHost: %s\r\nContent-Type: application/x-protobuf\r\n"
		      "Content-Encoding: snappy\r\nX-Prometheus-Remote-Write-Version: 0.1.0\r\n"
		      "User-Agent: bench\r\nContent-Length: %zu\r\n\r\n",
		      path, host, body.n);
	strbuf_add_str(&head, body);
	int rc = send_all(fd, head.p, head.n);
	strbuf_fini(&head);
	return rc == 0 ? read_response(fd) : -1;
}
