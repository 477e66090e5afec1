#include "net/tls.h"

#include "base/assert.h"
#include "base/mem.h"
#include "base/sys.h"
#include "net/tls_names.h"

#include <arpa/inet.h>
#include <openssl/err.h>
#include <openssl/pem.h>
#include <openssl/ssl.h>
#include <openssl/x509v3.h>
#include <stdlib.h>
#include <string.h>

/* How often changed files are looked for. */
#define CHECK_EVERY_MS 1000

/* What tells one version of a file from another. */
struct stamp {
	int64_t mtime_ns, size;
	uint64_t ino;
};

struct tls_ctx {
	unsigned refs;
	bool client;
	struct tls_config cfg; /* own copies of all strings */
	char *names[4][TLS_NAMES_MAX];
	unsigned char alpn[512];
	unsigned alpn_len;
	SSL_CTX *ctx;
	struct stamp stamps[3]; /* certificate, key, CA, as loaded */
	int64_t checked_ms;
	uint64_t reloads, reload_failures;
};

const char *tls_error_text(char *buf, size_t size)
{
	unsigned long e = ERR_peek_last_error();
	const char *reason = ERR_reason_error_string(e);
	snprintf(buf, size, "%s", reason ? reason : e ? ERR_error_string(e, NULL) : "unknown TLS error");
	ERR_clear_error();
	return buf;
}

/* --- loading ------------------------------------------------------------------------- */

static void read_stamp(const char *path, struct stamp *s)
{
	struct stat st;
	*s = (struct stamp){ 0 };
	if (path && sys->stat(path, &st) == 0)
		*s = (struct stamp){ st.st_mtim.tv_sec * 1000000000ll + st.st_mtim.tv_nsec, st.st_size, st.st_ino };
}

static void read_stamps(const struct tls_config *cfg, struct stamp s[3])
{
	read_stamp(cfg->cert_file, &s[0]);
	read_stamp(cfg->key_file, &s[1]);
	read_stamp(cfg->ca_file, &s[2]);
}

static int load_failed(struct err *err, const char *what, const char *path)
{
	char text[256];
	unsigned long first = ERR_peek_error();
	if (ERR_SYSTEM_ERROR(first)) {
		ERR_clear_error();
		return err_sys(err, ERR_GET_REASON(first), "%s %s", what, path ? path : "(inline)");
	}
	return err_set(err, ERR_INVALID_ARGUMENT, "%s %s: %s", what, path ? path : "(inline)",
		       tls_error_text(text, sizeof(text)));
}

static bool use_inline_cert(SSL_CTX *ctx, const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	X509 *cert = PEM_read_bio_X509_AUX(bio, NULL, NULL, NULL);
	bool ok = cert && SSL_CTX_use_certificate(ctx, cert) == 1;
	X509_free(cert);
	X509 *extra;
	while (ok && (extra = PEM_read_bio_X509(bio, NULL, NULL, NULL)))
		ok = SSL_CTX_add0_chain_cert(ctx, extra) == 1;
	BIO_free(bio);
	if (ok)
		ERR_clear_error();
	return ok;
}

static bool use_inline_key(SSL_CTX *ctx, const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	EVP_PKEY *key = PEM_read_bio_PrivateKey(bio, NULL, NULL, NULL);
	bool ok = key && SSL_CTX_use_PrivateKey(ctx, key) == 1;
	EVP_PKEY_free(key);
	BIO_free(bio);
	return ok;
}

static int load_pair(SSL_CTX *ctx, const struct tls_config *c, struct err *err)
{
	if (!c->cert_file && !c->cert_pem)
		return 0;
	if (c->cert_file ? SSL_CTX_use_certificate_chain_file(ctx, c->cert_file) != 1
			 : !use_inline_cert(ctx, c->cert_pem))
		return load_failed(err, "server credentials: certificate", c->cert_file);
	if (c->key_file ? SSL_CTX_use_PrivateKey_file(ctx, c->key_file, SSL_FILETYPE_PEM) != 1
			: !use_inline_key(ctx, c->key_pem))
		return load_failed(err, "server credentials: key", c->key_file);
	if (SSL_CTX_check_private_key(ctx) != 1)
		return load_failed(err, "server credentials: key does not fit the certificate", c->key_file);
	return 0;
}

/* Adds inline CA certificates to the store, and to the list shown to clients. */
static bool use_inline_ca(SSL_CTX *ctx, const char *pem)
{
	BIO *bio = BIO_new_mem_buf(pem, -1);
	bool any = false;
	X509 *cert;
	while ((cert = PEM_read_bio_X509(bio, NULL, NULL, NULL))) {
		any = X509_STORE_add_cert(SSL_CTX_get_cert_store(ctx), cert) == 1;
		SSL_CTX_add_client_CA(ctx, cert);
		X509_free(cert);
	}
	BIO_free(bio);
	ERR_clear_error();
	return any;
}

static int load_ca(SSL_CTX *ctx, const struct tls_config *c, bool client, struct err *err)
{
	if (c->ca_file) {
		if (SSL_CTX_load_verify_locations(ctx, c->ca_file, NULL) != 1)
			return load_failed(err, "CA file", c->ca_file);
		STACK_OF(X509_NAME) *names = client ? NULL : SSL_load_client_CA_file(c->ca_file);
		if (names)
			SSL_CTX_set_client_CA_list(ctx, names);
	} else if (c->ca_pem) {
		if (!use_inline_ca(ctx, c->ca_pem))
			return load_failed(err, "CA", NULL);
	} else if (client) {
		SSL_CTX_set_default_verify_paths(ctx);
	}
	return 0;
}

/* --- settings -------------------------------------------------------------------------- */

static int set_versions(SSL_CTX *ctx, const struct tls_config *c, struct err *err)
{
	int lo = TLS1_2_VERSION, hi = 0;
	if (c->min_version && !tls_version_parse(c->min_version, &lo))
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "invalid TLS version: %s, valid values are 1.0, 1.1, 1.2, 1.3", c->min_version);
	if (c->max_version && !tls_version_parse(c->max_version, &hi))
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "invalid TLS version: %s, valid values are 1.0, 1.1, 1.2, 1.3", c->max_version);
	if (hi && hi < lo)
		return err_set(err, ERR_INVALID_ARGUMENT, "TLS versions: the highest is below the lowest");
	/* OpenSSL 3 allows TLS 1.0 and 1.1 only at security level 0. */
	if (lo < TLS1_2_VERSION)
		SSL_CTX_set_security_level(ctx, 0);
	SSL_CTX_set_min_proto_version(ctx, lo);
	SSL_CTX_set_max_proto_version(ctx, hi);
	return 0;
}

static int set_names(SSL_CTX *ctx, const struct tls_config *c, struct err *err)
{
	char list[2048];
	if (c->ciphers.n > 0) {
		if (tls_cipher_list(&c->ciphers, list, sizeof(list), err))
			return -err->code;
		if (list[0] && SSL_CTX_set_cipher_list(ctx, list) != 1)
			return load_failed(err, "TLS ciphers", list);
	}
	if (c->curves.n > 0) {
		if (tls_curve_list(&c->curves, list, sizeof(list), err))
			return -err->code;
		if (SSL_CTX_set1_groups_list(ctx, list) != 1)
			return load_failed(err, "TLS curves", list);
	}
	return 0;
}

/* The text of an alternative name; false for kinds that are not compared. */
static bool san_text(const GENERAL_NAME *g, char *buf, size_t size)
{
	int type;
	const ASN1_STRING *s = GENERAL_NAME_get0_value(g, &type);
	const unsigned char *p = ASN1_STRING_get0_data(s);
	int n = ASN1_STRING_length(s);
	if (type == GEN_IPADD)
		return (n == 4 || n == 16) && inet_ntop(n == 4 ? AF_INET : AF_INET6, p, buf, (socklen_t)size);
	if ((type != GEN_DNS && type != GEN_EMAIL && type != GEN_URI) || n < 0 || (size_t)n >= size ||
	    memchr(p, 0, (size_t)n))
		return false;
	memcpy(buf, p, (size_t)n);
	buf[n] = 0;
	return true;
}

static bool has_allowed_san(X509 *cert, const struct tls_names *allowed)
{
	bool found = false;
	char text[512];
	GENERAL_NAMES *names = X509_get_ext_d2i(cert, NID_subject_alt_name, NULL, NULL);
	for (int i = 0; names && i < sk_GENERAL_NAME_num(names); i++) {
		if (!san_text(sk_GENERAL_NAME_value(names, i), text, sizeof(text)))
			continue;
		for (size_t k = 0; k < allowed->n; k++)
			found |= strcmp(text, allowed->p[k]) == 0;
	}
	GENERAL_NAMES_free(names);
	return found;
}

/* Called for each certificate of the client's chain, the client's own last (depth 0). */
static int check_client(int ok, X509_STORE_CTX *store)
{
	const SSL *ssl = X509_STORE_CTX_get_ex_data(store, SSL_get_ex_data_X509_STORE_CTX_idx());
	const struct tls_ctx *t = SSL_CTX_get_app_data(SSL_get_SSL_CTX(ssl));
	enum tls_client_auth auth = t->cfg.client_auth;
	if (auth == TLS_REQUEST_CLIENT_CERT || auth == TLS_REQUIRE_ANY_CLIENT_CERT)
		ok = 1;
	if (ok && t->cfg.allowed_sans.n && X509_STORE_CTX_get_error_depth(store) == 0 &&
	    !has_allowed_san(X509_STORE_CTX_get_current_cert(store), &t->cfg.allowed_sans)) {
		X509_STORE_CTX_set_error(store, X509_V_ERR_APPLICATION_VERIFICATION);
		ok = 0;
	}
	return ok;
}

static void set_verification(SSL_CTX *ctx, const struct tls_config *c, bool client)
{
	enum tls_client_auth auth = c->client_auth;
	if (client) {
		SSL_CTX_set_verify(ctx, c->skip_verify ? SSL_VERIFY_NONE : SSL_VERIFY_PEER, NULL);
		return;
	}
	if (auth == TLS_CLIENT_AUTH_DEFAULT)
		auth = c->ca_file || c->ca_pem ? TLS_REQUIRE_AND_VERIFY_CLIENT_CERT : TLS_NO_CLIENT_CERT;
	switch (auth) {
	case TLS_REQUEST_CLIENT_CERT:
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, check_client);
		break;
	case TLS_REQUIRE_ANY_CLIENT_CERT:
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, check_client);
		break;
	case TLS_VERIFY_CLIENT_CERT_IF_GIVEN:
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER, check_client);
		break;
	case TLS_REQUIRE_AND_VERIFY_CLIENT_CERT:
		SSL_CTX_set_verify(ctx, SSL_VERIFY_PEER | SSL_VERIFY_FAIL_IF_NO_PEER_CERT, check_client);
		break;
	default:
		SSL_CTX_set_verify(ctx, SSL_VERIFY_NONE, NULL);
	}
}

/* The server's choice: its own first protocol that the client offers. */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
		       unsigned in_len, void *arg)
{
	struct tls_ctx *t = arg;
	if (SSL_select_next_proto((unsigned char **)out, out_len, t->alpn, t->alpn_len, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	return SSL_TLSEXT_ERR_OK;
}

static void set_alpn(SSL_CTX *ctx, struct tls_ctx *t)
{
	if (t->alpn_len == 0)
		return;
	if (t->client)
		SSL_CTX_set_alpn_protos(ctx, t->alpn, t->alpn_len);
	else
		SSL_CTX_set_alpn_select_cb(ctx, choose_alpn, t);
}

/* A new OpenSSL context of the files as they are now; NULL with the error. */
static SSL_CTX *build(struct tls_ctx *t, struct err *err)
{
	SSL_CTX *ctx = SSL_CTX_new(t->client ? TLS_client_method() : TLS_server_method());
	CHECK(ctx);
	SSL_CTX_set_options(ctx, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_IGNORE_UNEXPECTED_EOF);
	if (t->cfg.prefer_server_ciphers)
		SSL_CTX_set_options(ctx, SSL_OP_CIPHER_SERVER_PREFERENCE);
	SSL_CTX_set_mode(ctx, SSL_MODE_ENABLE_PARTIAL_WRITE | SSL_MODE_ACCEPT_MOVING_WRITE_BUFFER |
				      SSL_MODE_RELEASE_BUFFERS);
	static const unsigned char session_context[] = "thanos";
	SSL_CTX_set_session_id_context(ctx, session_context, sizeof(session_context) - 1);
	SSL_CTX_set_app_data(ctx, t);
	set_verification(ctx, &t->cfg, t->client);
	set_alpn(ctx, t);
	if (set_versions(ctx, &t->cfg, err) || set_names(ctx, &t->cfg, err) || load_pair(ctx, &t->cfg, err) ||
	    load_ca(ctx, &t->cfg, t->client, err)) {
		SSL_CTX_free(ctx);
		return NULL;
	}
	return ctx;
}

/* --- contexts ---------------------------------------------------------------------------- */

static const char *copy(const char *s)
{
	return s && *s ? xstrdup(s) : NULL;
}

static int copy_names(struct tls_ctx *t, int i, const struct tls_names *from, struct tls_names *to, struct err *err)
{
	if (from->n > TLS_NAMES_MAX)
		return err_set(err, ERR_INVALID_ARGUMENT, "more than %d names in a TLS list", TLS_NAMES_MAX);
	for (size_t k = 0; k < from->n; k++)
		t->names[i][k] = xstrdup(from->p[k]);
	to->p = (const char *const *)t->names[i];
	to->n = from->n;
	return 0;
}

/* ALPN's wire form: each name after its length. */
static int pack_alpn(struct tls_ctx *t, struct err *err)
{
	for (size_t i = 0; i < t->cfg.alpn.n; i++) {
		size_t n = strlen(t->cfg.alpn.p[i]);
		if (n == 0 || n > 255 || t->alpn_len + 1 + n > sizeof(t->alpn))
			return err_set(err, ERR_INVALID_ARGUMENT, "ALPN: bad protocol name \"%s\"", t->cfg.alpn.p[i]);
		t->alpn[t->alpn_len++] = (unsigned char)n;
		memcpy(t->alpn + t->alpn_len, t->cfg.alpn.p[i], n);
		t->alpn_len += (unsigned)n;
	}
	return 0;
}

static int copy_config(struct tls_ctx *t, const struct tls_config *cfg, struct err *err)
{
	t->cfg = *cfg;
	t->cfg.cert_file = copy(cfg->cert_file);
	t->cfg.key_file = copy(cfg->key_file);
	t->cfg.ca_file = copy(cfg->ca_file);
	t->cfg.cert_pem = copy(cfg->cert_pem);
	t->cfg.key_pem = copy(cfg->key_pem);
	t->cfg.ca_pem = copy(cfg->ca_pem);
	t->cfg.min_version = copy(cfg->min_version);
	t->cfg.max_version = copy(cfg->max_version);
	t->cfg.ciphers.n = t->cfg.curves.n = t->cfg.alpn.n = t->cfg.allowed_sans.n = 0;
	if (copy_names(t, 0, &cfg->ciphers, &t->cfg.ciphers, err) ||
	    copy_names(t, 1, &cfg->curves, &t->cfg.curves, err) || copy_names(t, 2, &cfg->alpn, &t->cfg.alpn, err) ||
	    copy_names(t, 3, &cfg->allowed_sans, &t->cfg.allowed_sans, err))
		return -err->code;
	return pack_alpn(t, err);
}

static int new_ctx(const struct tls_config *cfg, bool client, struct tls_ctx **ret, struct err *err)
{
	struct tls_ctx *t = xcalloc(1, sizeof(*t));
	t->refs = 1;
	t->client = client;
	t->checked_ms = sys_mono_ms();
	int rc = copy_config(t, cfg, err);
	if (rc == 0) {
		read_stamps(&t->cfg, t->stamps);
		t->ctx = build(t, err);
		rc = t->ctx ? 0 : -err->code;
	}
	if (rc) {
		tls_ctx_unref(t);
		return rc;
	}
	*ret = t;
	return 0;
}

static bool given(const char *file, const char *pem)
{
	return (file && *file) || (pem && *pem);
}

int tls_ctx_new_server(const struct tls_config *cfg, struct tls_ctx **ret, struct err *err)
{
	bool cert = given(cfg->cert_file, cfg->cert_pem), key = given(cfg->key_file, cfg->key_pem);
	*ret = NULL;
	if (!cert && !key) {
		if (given(cfg->ca_file, cfg->ca_pem))
			return err_set(err, ERR_INVALID_ARGUMENT,
				       "when a client CA is used a server key and certificate must also be provided");
		return 0;
	}
	if (!cert || !key)
		return err_set(err, ERR_INVALID_ARGUMENT, "both server key and certificate must be provided");
	return new_ctx(cfg, false, ret, err);
}

int tls_ctx_new_client(const struct tls_config *cfg, struct tls_ctx **ret, struct err *err)
{
	*ret = NULL;
	if (given(cfg->cert_file, cfg->cert_pem) != given(cfg->key_file, cfg->key_pem))
		return err_set(err, ERR_INVALID_ARGUMENT, "both client key and certificate must be provided");
	return new_ctx(cfg, true, ret, err);
}

struct tls_ctx *tls_ctx_ref(struct tls_ctx *t)
{
	if (t)
		t->refs++;
	return t;
}

void tls_ctx_unref(struct tls_ctx *t)
{
	if (!t || --t->refs > 0)
		return;
	const char *const owned[] = { t->cfg.cert_file, t->cfg.key_file, t->cfg.ca_file,     t->cfg.cert_pem,
				      t->cfg.key_pem,   t->cfg.ca_pem,   t->cfg.min_version, t->cfg.max_version };
	for (size_t i = 0; i < ARRAY_LEN(owned); i++)
		free((char *)owned[i]);
	for (size_t i = 0; i < ARRAY_LEN(t->names); i++)
		for (size_t k = 0; k < TLS_NAMES_MAX; k++)
			free(t->names[i][k]);
	SSL_CTX_free(t->ctx);
	free(t);
}

/* Loads changed files; what does not load is tried again at the next look. */
static void look_for_changes(struct tls_ctx *t)
{
	int64_t now = sys_mono_ms();
	if (now - t->checked_ms < CHECK_EVERY_MS)
		return;
	t->checked_ms = now;
	struct stamp s[3];
	read_stamps(&t->cfg, s);
	if (memcmp(s, t->stamps, sizeof(s)) == 0)
		return;
	struct err err;
	SSL_CTX *fresh = build(t, &err);
	if (!fresh) {
		t->reload_failures++;
		return;
	}
	SSL_CTX_free(t->ctx);
	t->ctx = fresh;
	memcpy(t->stamps, s, sizeof(s));
	t->reloads++;
}

struct ssl_st *tls_ctx_session(struct tls_ctx *t, struct err *err)
{
	look_for_changes(t);
	SSL *ssl = SSL_new(t->ctx);
	if (!ssl)
		err_set(err, ERR_RESOURCE_EXHAUSTED, "no memory for a TLS session");
	return ssl;
}

void tls_ctx_reloads(const struct tls_ctx *t, uint64_t *ret_done, uint64_t *ret_failed)
{
	*ret_done = t->reloads;
	*ret_failed = t->reload_failures;
}
