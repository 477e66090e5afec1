/*
 * net/tls.h - TLS settings of servers and clients, from files that may change.
 *
 * A context holds certificate, key and CAs as loaded from their files. The
 * files are looked at again (mtime, at most once per second) when a new
 * connection begins; a changed set that does not load, as while it is
 * half-written, leaves the old one in use. TLS 1.2 and 1.3 by default; no
 * renegotiation, no compression.
 */
#ifndef NET_TLS_H
#define NET_TLS_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct ssl_st;
struct tls_ctx;

/* Most names of ciphers, curves and ALPN protocols in a list. */
#define TLS_NAMES_MAX 32

/* Whether clients must show a certificate; the names are those of Go's tls.ClientAuthType. */
enum tls_client_auth {
	TLS_CLIENT_AUTH_DEFAULT, /* required and verified when a client CA is set, else none */
	TLS_NO_CLIENT_CERT,
	TLS_REQUEST_CLIENT_CERT,
	TLS_REQUIRE_ANY_CLIENT_CERT,
	TLS_VERIFY_CLIENT_CERT_IF_GIVEN,
	TLS_REQUIRE_AND_VERIFY_CLIENT_CERT,
};

/* A list of C strings; borrowed. */
struct tls_names {
	const char *const *p;
	size_t n;
};

/* Settings, as the flags and YAML keys give them. NULL and zero members mean unset. Copied by tls_ctx_new_*. */
struct tls_config {
	const char *cert_file, *key_file;
	const char *ca_file;                     /* server: client CA; client: roots (system's when unset) */
	const char *cert_pem, *key_pem, *ca_pem; /* inline alternatives to the files */
	const char *min_version;                 /* "1.0".."1.3" or "TLS10".."TLS13"; default "1.2" */
	const char *max_version;
	struct tls_names ciphers; /* Go names, e.g. TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256; TLS 1.3's are always on */
	struct tls_names curves;  /* CurveP256 CurveP384 CurveP521 X25519 */
	struct tls_names alpn;    /* in order of preference, e.g. h2, http/1.1 */
	enum tls_client_auth client_auth;
	struct tls_names allowed_sans; /* server: a client certificate must hold one of these alternative names */
	bool skip_verify;              /* client: accept any certificate */
	bool prefer_server_ciphers;
};

/*
 * A server context. With neither certificate nor key: *ret is NULL and the result 0 (plaintext), unless a client CA
 * is set. INVALID_ARGUMENT with upstream's words for a key without certificate and the like (pkg/tls/options.go).
 */
int tls_ctx_new_server(const struct tls_config *cfg, struct tls_ctx **ret, struct err *err);

/* A client context. Certificate and key go together. */
int tls_ctx_new_client(const struct tls_config *cfg, struct tls_ctx **ret, struct err *err);

/* Takes another reference. */
struct tls_ctx *tls_ctx_ref(struct tls_ctx *t);

/* Gives a reference back; the last frees. NULL is allowed. */
void tls_ctx_unref(struct tls_ctx *t);

/* A new OpenSSL session object of the present certificates, after looking for changed files. For net/conn.c. */
struct ssl_st *tls_ctx_session(struct tls_ctx *t, struct err *err);

/* Reloads so far, and changes that could not be loaded; for metrics. */
void tls_ctx_reloads(const struct tls_ctx *t, uint64_t *ret_done, uint64_t *ret_failed);

/* The last error of OpenSSL's queue as text, which is emptied. */
const char *tls_error_text(char *buf, size_t size);

#endif
