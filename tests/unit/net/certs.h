/* Makes certificates for tests: a CA, and what it signs. */
#ifndef TESTS_UNIT_NET_CERTS_H
#define TESTS_UNIT_NET_CERTS_H

#include <openssl/evp.h>
#include <openssl/pem.h>
#include <openssl/x509v3.h>
#include <stdio.h>

struct test_cert {
	EVP_PKEY *key;
	X509 *cert;
};

/* A certificate with CN `cn`, O "test org", signed by `ca` (NULL: by itself), valid for localhost and 127.0.0.1. */
static inline struct test_cert test_cert_new(const char *cn, const struct test_cert *ca)
{
	static long serial = 1;
	struct test_cert t = { EVP_EC_gen("P-256"), X509_new() };
	X509_set_version(t.cert, 2);
	ASN1_INTEGER_set(X509_get_serialNumber(t.cert), serial++);
	X509_gmtime_adj(X509_getm_notBefore(t.cert), -3600);
	X509_gmtime_adj(X509_getm_notAfter(t.cert), 86400);
	X509_set_pubkey(t.cert, t.key);
	X509_NAME *name = X509_get_subject_name(t.cert);
	X509_NAME_add_entry_by_txt(name, "O", MBSTRING_UTF8, (const unsigned char *)"test org", -1, -1, 0);
	X509_NAME_add_entry_by_txt(name, "CN", MBSTRING_UTF8, (const unsigned char *)cn, -1, -1, 0);
	X509_set_issuer_name(t.cert, ca ? X509_get_subject_name(ca->cert) : name);
	X509V3_CTX ctx;
	X509V3_set_ctx(&ctx, ca ? ca->cert : t.cert, t.cert, NULL, NULL, 0);
	X509_EXTENSION *ext =
		X509V3_EXT_conf_nid(NULL, &ctx, NID_basic_constraints, ca ? "CA:FALSE" : "critical,CA:TRUE");
	X509_add_ext(t.cert, ext, -1);
	X509_EXTENSION_free(ext);
	ext = X509V3_EXT_conf_nid(NULL, &ctx, NID_subject_alt_name, "DNS:localhost,IP:127.0.0.1");
	X509_add_ext(t.cert, ext, -1);
	X509_EXTENSION_free(ext);
	X509_sign(t.cert, ca ? ca->key : t.key, EVP_sha256());
	return t;
}

static inline void test_cert_write(const struct test_cert *t, const char *cert_path, const char *key_path)
{
	FILE *f = fopen(cert_path, "w");
	PEM_write_X509(f, t->cert);
	fclose(f);
	if (!key_path)
		return;
	f = fopen(key_path, "w");
	PEM_write_PrivateKey(f, t->key, NULL, NULL, 0, NULL, NULL);
	fclose(f);
}

static inline void test_cert_free(struct test_cert *t)
{
	EVP_PKEY_free(t->key);
	X509_free(t->cert);
}

#endif
