#include "grpc/metadata.h"

#include "base/mem.h"

#include <stdlib.h>
#include <string.h>

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

static bool is_binary(struct str key)
{
	return str_has_suffix(key, STR("-bin"));
}

static int base64_value(char c)
{
	const char *d = c ? strchr(base64_digits, c) : NULL;
	return d ? (int)(d - base64_digits) : -1;
}

/* Decodes in.n * 3 / 4 bytes at most; -1 when it is no base64. */
static ptrdiff_t base64_decode(struct str in, char *out)
{
	while (in.n > 0 && in.p[in.n - 1] == '=')
		in.n--;
	if (in.n % 4 == 1)
		return -1;
	uint32_t acc = 0;
	unsigned bits = 0;
	size_t o = 0;
	for (size_t i = 0; i < in.n; i++) {
		int v = base64_value(in.p[i]);
		if (v < 0)
			return -1;
		acc = (acc << 6 | (uint32_t)v) & 0xffffff;
		bits += 6;
		if (bits >= 8) {
			bits -= 8;
			out[o++] = (char)(acc >> bits);
		}
	}
	return (ptrdiff_t)o;
}

static void base64_encode(struct strbuf *out, struct str in)
{
	uint32_t acc = 0;
	unsigned bits = 0;
	for (size_t i = 0; i < in.n; i++) {
		acc = acc << 8 | (uint8_t)in.p[i];
		for (bits += 8; bits >= 6; bits -= 6)
			strbuf_add_ch(out, base64_digits[acc >> (bits - 6) & 63]);
	}
	if (bits > 0)
		strbuf_add_ch(out, base64_digits[acc << (6 - bits) & 63]);
}

/* Fields of the protocol, which are not the application's. */
static bool is_reserved(struct str key)
{
	static const char *const names[] = {
		"te", "content-type", "user-agent", "host", "connection", "content-length"
	};
	if (key.n == 0 || key.p[0] == ':' || str_has_prefix(key, STR("grpc-")))
		return true;
	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (str_eq_c(key, names[i]))
			return true;
	return false;
}

static bool is_status(struct str key)
{
	return str_eq_c(key, "grpc-status") || str_eq_c(key, "grpc-message") ||
	       str_eq_c(key, "grpc-status-details-bin");
}

static void metas_from(struct grpc_metas *m, const struct h2_fields *f, bool status)
{
	grpc_metas_fini(m);
	size_t bytes = 0;
	for (size_t i = 0; i < f->n; i++)
		bytes += f->p[i].name.n + f->p[i].value.n;
	m->p = xcalloc(f->n, sizeof(*m->p));
	m->text = xmalloc(bytes);
	char *o = m->text;
	for (size_t i = 0; i < f->n; i++) {
		struct str key = f->p[i].name, value = f->p[i].value;
		if (is_reserved(key) && !(status && is_status(key)))
			continue;
		struct grpc_metadata *e = &m->p[m->n];
		e->key = str_mem(memcpy(o, key.p, key.n), key.n);
		o += key.n;
		ptrdiff_t n = (ptrdiff_t)value.n;
		if (is_binary(key))
			n = base64_decode(value, o);
		else if (value.n > 0)
			memcpy(o, value.p, value.n);
		if (n < 0)
			continue;
		e->value = str_mem(o, (size_t)n);
		o += n;
		m->n++;
	}
}

void grpc_metas_from(struct grpc_metas *m, const struct h2_fields *f)
{
	metas_from(m, f, false);
}

void grpc_metas_from_trailers(struct grpc_metas *m, const struct h2_fields *f)
{
	metas_from(m, f, true);
}

void grpc_metas_fini(struct grpc_metas *m)
{
	free(m->p);
	free(m->text);
	*m = (struct grpc_metas){ 0 };
}

struct str grpc_metas_get(const struct grpc_metas *m, const char *key)
{
	for (size_t i = 0; i < m->n; i++)
		if (str_eq_c(m->p[i].key, key))
			return m->p[i].value;
	return (struct str){ NULL, 0 };
}

static bool key_char(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '_' || c == '-' || c == '.';
}

int grpc_metadata_check(struct str key, struct str value, struct err *err)
{
	for (size_t i = 0; i < key.n; i++)
		if (!key_char(key.p[i]))
			return err_set(err, ERR_INVALID_ARGUMENT,
				       "metadata key \"%.*s\": only a-z 0-9 _ - . are allowed", STR_ARG(key));
	if (is_reserved(key))
		return err_set(err, ERR_INVALID_ARGUMENT, "metadata key \"%.*s\" is reserved", STR_ARG(key));
	for (size_t i = 0; i < value.n && !is_binary(key); i++)
		if (value.p[i] < 0x20 || value.p[i] > 0x7e)
			return err_set(err, ERR_INVALID_ARGUMENT,
				       "metadata \"%.*s\": value is not printable ASCII (use a -bin key)",
				       STR_ARG(key));
	return 0;
}

void grpc_metadata_encode(struct strbuf *out, struct str key, struct str value)
{
	if (is_binary(key))
		base64_encode(out, value);
	else
		strbuf_add_str(out, value);
}
