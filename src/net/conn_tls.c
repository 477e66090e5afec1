#include "net/conn_internal.h"

#include "base/assert.h"
#include "base/mem.h"
#include "net/tls.h"

#include <arpa/inet.h>
#include <errno.h>
#include <event2/buffer.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/* Plaintext of one full TLS record. */
#define RECORD 16384

/* Bytes written to one connection before others have their turn. */
#define WRITE_TURN_MAX (512 * 1024)

/* --- opening ----------------------------------------------------------------------- */

/* Has the peer's certificate checked against `name`, a DNS name or an IP address. */
static int expect_name(SSL *ssl, const char *name, struct err *err)
{
	unsigned char ip[16];
	bool is_ip = inet_pton(AF_INET, name, ip) == 1 || inet_pton(AF_INET6, name, ip) == 1;
	int ok;
	if (is_ip)
		ok = X509_VERIFY_PARAM_set1_ip_asc(SSL_get0_param(ssl), name);
	else
		ok = SSL_set1_host(ssl, name) && SSL_set_tlsext_host_name(ssl, name);
	if (!ok)
		return err_set(err, ERR_INVALID_ARGUMENT, "\"%s\" cannot be a TLS server name", name);
	return 0;
}

/* The literal address without its port, for certificates that name addresses. */
static int expect_peer_address(struct conn *c, struct err *err)
{
	struct str host, port;
	char name[ADDR_TEXT_MAX];
	if (!addr_split(str_c(c->peer_text), &host, &port))
		return 0;
	snprintf(name, sizeof(name), "%.*s", STR_ARG(host));
	return expect_name(c->ssl, name, err);
}

int conn_tls_init(struct conn *c, struct tls_ctx *t, bool client, const char *server_name, struct err *err)
{
	c->ssl = tls_ctx_session(t, err);
	if (c->stats)
		tls_ctx_reloads(t, &c->stats->tls_reloads, &c->stats->tls_reload_failures);
	if (!c->ssl)
		return -err->code;
	c->tls = tls_ctx_ref(t);
	CHECK(SSL_set_fd(c->ssl, c->fd) == 1);
	c->tls_client = client;
	if (!client) {
		SSL_set_accept_state(c->ssl);
		return 0;
	}
	SSL_set_connect_state(c->ssl);
	return server_name && *server_name ? expect_name(c->ssl, server_name, err) : expect_peer_address(c, err);
}

/* What a failed OpenSSL call waits for, or its error. */
static enum conn_io result_of(struct conn *c, int rc, const char *what, struct err *err)
{
	int e = errno;
	char text[256];
	switch (SSL_get_error(c->ssl, rc)) {
	case SSL_ERROR_WANT_READ:
		return CONN_IO_WANT_READ;
	case SSL_ERROR_WANT_WRITE:
		return CONN_IO_WANT_WRITE;
	case SSL_ERROR_ZERO_RETURN:
		return CONN_IO_EOF;
	case SSL_ERROR_SYSCALL:
		if (e == 0)
			return CONN_IO_EOF;
		err_sys(err, e, "%s %s", what, c->peer_text);
		return CONN_IO_ERROR;
	default:
		break;
	}
	long verify = SSL_get_verify_result(c->ssl);
	if (!c->tls_ready && c->tls_client && verify != X509_V_OK)
		err_set(err, ERR_UNAVAILABLE, "%s %s: certificate: %s", what, c->peer_text,
			X509_verify_cert_error_string(verify));
	else
		err_set(err, ERR_UNAVAILABLE, "%s %s: %s", what, c->peer_text, tls_error_text(text, sizeof(text)));
	return CONN_IO_ERROR;
}

static enum conn_io tls_open(struct conn *c, struct err *err)
{
	enum conn_io io = conn_plain_ops.open(c, err);
	if (io != CONN_IO_DONE)
		return io;
	ERR_clear_error();
	errno = 0;
	int rc = SSL_do_handshake(c->ssl);
	if (rc == 1) {
		c->tls_ready = true;
		c->more_buffered = SSL_has_pending(c->ssl);
		if (c->stats)
			c->stats->tls_handshakes++;
		return CONN_IO_DONE;
	}
	io = result_of(c, rc, "TLS handshake with", err);
	if (io == CONN_IO_EOF) {
		err_set(err, ERR_UNAVAILABLE, "TLS handshake with %s: connection closed", c->peer_text);
		io = CONN_IO_ERROR;
	}
	if (io == CONN_IO_ERROR && c->stats)
		c->stats->tls_failures++;
	return io;
}

/* --- bytes ------------------------------------------------------------------------- */

static enum conn_io tls_read(struct conn *c, size_t max, size_t *ret_n, struct err *err)
{
	char buf[RECORD];
	ERR_clear_error();
	errno = 0;
	int n = SSL_read(c->ssl, buf, (int)MIN(max, sizeof(buf)));
	if (n <= 0)
		return result_of(c, n, "read from", err);
	CHECK(evbuffer_add(c->in, buf, (size_t)n) == 0);
	*ret_n += (size_t)n;
	return CONN_IO_DONE;
}

/* The first bytes of the output in one piece; small pieces are joined, so that records are not. */
static struct str first_piece(struct evbuffer *out)
{
	size_t all = evbuffer_get_length(out);
	struct evbuffer_iovec v;
	CHECK(evbuffer_peek(out, -1, NULL, &v, 1) >= 1);
	if (v.iov_len < RECORD / 4 && v.iov_len < all) {
		size_t n = MIN(all, (size_t)RECORD);
		return str_mem(evbuffer_pullup(out, (ev_ssize_t)n), n);
	}
	return str_mem(v.iov_base, MIN(v.iov_len, (size_t)RECORD));
}

static enum conn_io tls_write(struct conn *c, size_t *ret_n, struct err *err)
{
	while (evbuffer_get_length(c->out) > 0 && *ret_n < WRITE_TURN_MAX) {
		struct str s = first_piece(c->out);
		ERR_clear_error();
		errno = 0;
		int n = SSL_write(c->ssl, s.p, (int)s.n);
		if (n <= 0) {
			enum conn_io io = result_of(c, n, "write to", err);
			if (io == CONN_IO_EOF) {
				err_set(err, ERR_UNAVAILABLE, "write to %s: connection closed", c->peer_text);
				io = CONN_IO_ERROR;
			}
			return io;
		}
		evbuffer_drain(c->out, (size_t)n);
		*ret_n += (size_t)n;
	}
	return evbuffer_get_length(c->out) ? CONN_IO_WANT_WRITE : CONN_IO_DONE;
}

/* Sends close_notify; when it does not go out at once the FIN must do. */
static enum conn_io tls_shutdown(struct conn *c, struct err *err)
{
	ERR_clear_error();
	SSL_shutdown(c->ssl);
	ERR_clear_error();
	return conn_plain_ops.shutdown(c, err);
}

static void tls_fini(struct conn *c)
{
	if (c->ssl)
		SSL_free(c->ssl);
	c->ssl = NULL;
	tls_ctx_unref(c->tls);
	c->tls = NULL;
}

const struct conn_ops conn_tls_ops = { tls_open, tls_read, tls_write, NULL, tls_shutdown, tls_fini, NULL };

/* --- who is there -------------------------------------------------------------------- */

struct str conn_alpn(const struct conn *c)
{
	const unsigned char *p = NULL;
	unsigned n = 0;
	if (c->ssl)
		SSL_get0_alpn_selected(c->ssl, &p, &n);
	return str_mem(p, n);
}

const char *conn_peer_subject(struct conn *c)
{
	if (c->subject)
		return c->subject;
	X509 *cert = c->ssl ? SSL_get0_peer_certificate(c->ssl) : NULL;
	BIO *bio = cert ? BIO_new(BIO_s_mem()) : NULL;
	if (bio && X509_NAME_print_ex(bio, X509_get_subject_name(cert), 0, XN_FLAG_RFC2253) >= 0) {
		char *p;
		long n = BIO_get_mem_data(bio, &p);
		c->subject = xstrndup(p, n > 0 ? (size_t)n : 0);
	} else {
		c->subject = xstrdup("");
	}
	BIO_free(bio);
	return c->subject;
}

bool conn_cert_field_parse(const char *name, enum conn_cert_field *ret)
{
	static const char *const names[] = {
		[CONN_CERT_CN] = "commonName", [CONN_CERT_O] = "organization", [CONN_CERT_OU] = "organizationalUnit"
	};
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (strcmp(names[i], name) != 0)
			continue;
		*ret = (enum conn_cert_field)i;
		return true;
	}
	return false;
}

bool conn_peer_cert_field(const struct conn *c, enum conn_cert_field field, char *buf, size_t size)
{
	static const int nids[] = { NID_commonName, NID_organizationName, NID_organizationalUnitName };
	X509 *cert = c->ssl ? SSL_get0_peer_certificate(c->ssl) : NULL;
	if (!cert)
		return false;
	X509_NAME *name = X509_get_subject_name(cert);
	int at = X509_NAME_get_index_by_NID(name, nids[field], -1);
	if (at < 0)
		return false;
	unsigned char *utf8 = NULL;
	int n = ASN1_STRING_to_UTF8(&utf8, X509_NAME_ENTRY_get_data(X509_NAME_get_entry(name, at)));
	bool fits = n >= 0 && (size_t)n < size && !memchr(utf8, 0, (size_t)n);
	if (fits) {
		memcpy(buf, utf8, (size_t)n);
		buf[n] = 0;
	}
	OPENSSL_free(utf8);
	return fits;
}
