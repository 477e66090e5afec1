/*
 * net/tls_names.h - Go's names of TLS versions, cipher suites and curves, as
 * flags and web configs write them, put into OpenSSL's.
 */
#ifndef NET_TLS_NAMES_H
#define NET_TLS_NAMES_H

#include "net/tls.h"

/* Reads "1.2" or "TLS12" to OpenSSL's number; false on anything else. */
bool tls_version_parse(const char *text, int *ret);

/* OpenSSL's cipher list of Go's suite names; those of TLS 1.3 are accepted and skipped. INVALID_ARGUMENT for unknown names. */
int tls_cipher_list(const struct tls_names *names, char *buf, size_t size, struct err *err);

/* OpenSSL's group list of Go's curve names. INVALID_ARGUMENT for unknown names. */
int tls_curve_list(const struct tls_names *names, char *buf, size_t size, struct err *err);

#endif
