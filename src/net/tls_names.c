#include "net/tls_names.h"

#include "base/compiler.h"

#include <openssl/ssl.h>
#include <stdio.h>
#include <string.h>

struct name_pair {
	const char *go, *openssl; /* "" is known and needs no entry */
};

static const struct name_pair ciphers[] = {
	{ "TLS_RSA_WITH_RC4_128_SHA", "RC4-SHA" },
	{ "TLS_RSA_WITH_3DES_EDE_CBC_SHA", "DES-CBC3-SHA" },
	{ "TLS_RSA_WITH_AES_128_CBC_SHA", "AES128-SHA" },
	{ "TLS_RSA_WITH_AES_256_CBC_SHA", "AES256-SHA" },
	{ "TLS_RSA_WITH_AES_128_CBC_SHA256", "AES128-SHA256" },
	{ "TLS_RSA_WITH_AES_128_GCM_SHA256", "AES128-GCM-SHA256" },
	{ "TLS_RSA_WITH_AES_256_GCM_SHA384", "AES256-GCM-SHA384" },
	{ "TLS_ECDHE_ECDSA_WITH_RC4_128_SHA", "ECDHE-ECDSA-RC4-SHA" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA", "ECDHE-ECDSA-AES128-SHA" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_CBC_SHA", "ECDHE-ECDSA-AES256-SHA" },
	{ "TLS_ECDHE_RSA_WITH_RC4_128_SHA", "ECDHE-RSA-RC4-SHA" },
	{ "TLS_ECDHE_RSA_WITH_3DES_EDE_CBC_SHA", "ECDHE-RSA-DES-CBC3-SHA" },
	{ "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA", "ECDHE-RSA-AES128-SHA" },
	{ "TLS_ECDHE_RSA_WITH_AES_256_CBC_SHA", "ECDHE-RSA-AES256-SHA" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_CBC_SHA256", "ECDHE-ECDSA-AES128-SHA256" },
	{ "TLS_ECDHE_RSA_WITH_AES_128_CBC_SHA256", "ECDHE-RSA-AES128-SHA256" },
	{ "TLS_ECDHE_RSA_WITH_AES_128_GCM_SHA256", "ECDHE-RSA-AES128-GCM-SHA256" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_128_GCM_SHA256", "ECDHE-ECDSA-AES128-GCM-SHA256" },
	{ "TLS_ECDHE_RSA_WITH_AES_256_GCM_SHA384", "ECDHE-RSA-AES256-GCM-SHA384" },
	{ "TLS_ECDHE_ECDSA_WITH_AES_256_GCM_SHA384", "ECDHE-ECDSA-AES256-GCM-SHA384" },
	{ "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-RSA-CHACHA20-POLY1305" },
	{ "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305_SHA256", "ECDHE-ECDSA-CHACHA20-POLY1305" },
	{ "TLS_ECDHE_RSA_WITH_CHACHA20_POLY1305", "ECDHE-RSA-CHACHA20-POLY1305" },
	{ "TLS_ECDHE_ECDSA_WITH_CHACHA20_POLY1305", "ECDHE-ECDSA-CHACHA20-POLY1305" },
	{ "TLS_AES_128_GCM_SHA256", "" },
	{ "TLS_AES_256_GCM_SHA384", "" },
	{ "TLS_CHACHA20_POLY1305_SHA256", "" },
};

static const struct name_pair curves[] = {
	{ "CurveP256", "P-256" },
	{ "CurveP384", "P-384" },
	{ "CurveP521", "P-521" },
	{ "X25519", "X25519" },
};

bool tls_version_parse(const char *text, int *ret)
{
	static const char *const plain[] = { "1.0", "1.1", "1.2", "1.3" };
	static const char *const named[] = { "TLS10", "TLS11", "TLS12", "TLS13" };
	for (size_t i = 0; i < ARRAY_LEN(plain); i++) {
		if (strcmp(text, plain[i]) == 0 || strcmp(text, named[i]) == 0) {
			*ret = TLS1_VERSION + (int)i;
			return true;
		}
	}
	return false;
}

static const char *translate(const struct name_pair *pairs, size_t n, const char *go)
{
	for (size_t i = 0; i < n; i++)
		if (strcmp(pairs[i].go, go) == 0)
			return pairs[i].openssl;
	return NULL;
}

/* Joins the translated names with ':'. */
static int join(const struct name_pair *pairs, size_t n_pairs, const struct tls_names *names, const char *kind,
		char *buf, size_t size, struct err *err)
{
	size_t used = 0;
	buf[0] = 0;
	for (size_t i = 0; i < names->n; i++) {
		const char *s = translate(pairs, n_pairs, names->p[i]);
		if (!s)
			return err_set(err, ERR_INVALID_ARGUMENT, "invalid TLS %s: %s", kind, names->p[i]);
		if (!*s)
			continue;
		int k = snprintf(buf + used, size - used, "%s%s", used ? ":" : "", s);
		if (k < 0 || (size_t)k >= size - used)
			return err_set(err, ERR_INVALID_ARGUMENT, "the list of TLS %ss is too long", kind);
		used += (size_t)k;
	}
	return 0;
}

int tls_cipher_list(const struct tls_names *names, char *buf, size_t size, struct err *err)
{
	return join(ciphers, ARRAY_LEN(ciphers), names, "cipher suite", buf, size, err);
}

int tls_curve_list(const struct tls_names *names, char *buf, size_t size, struct err *err)
{
	return join(curves, ARRAY_LEN(curves), names, "curve", buf, size, err);
}
