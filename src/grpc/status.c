#include "grpc/status.h"

#include "base/compiler.h"
#include "base/err.h"

#include <stdio.h>

void grpc_message_encode(struct strbuf *out, const char *msg)
{
	for (const unsigned char *p = (const unsigned char *)msg; *p; p++) {
		if (*p >= 0x20 && *p <= 0x7e && *p != '%')
			strbuf_add_ch(out, (char)*p);
		else
			strbuf_printf(out, "%%%02X", *p);
	}
}

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'A' && c <= 'F')
		return c - 'A' + 10;
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return -1;
}

void grpc_message_decode(struct str in, char *buf, size_t size)
{
	size_t o = 0;
	for (size_t i = 0; i < in.n && o + 1 < size; i++) {
		if (in.p[i] == '%' && i + 2 < in.n && hex_digit(in.p[i + 1]) >= 0 && hex_digit(in.p[i + 2]) >= 0) {
			buf[o++] = (char)(hex_digit(in.p[i + 1]) << 4 | hex_digit(in.p[i + 2]));
			i += 2;
		} else {
			buf[o++] = in.p[i];
		}
	}
	buf[o] = '\0';
}

bool grpc_status_parse(struct str s, int *ret_code)
{
	uint64_t v;
	if (!str_to_u64(s, &v))
		return false;
	*ret_code = v <= ERR_UNAUTHENTICATED ? (int)v : ERR_UNKNOWN;
	return true;
}

int grpc_status_of_http(struct str status)
{
	static const struct {
		const char *http;
		int code;
	} map[] = {
		{ "400", ERR_INTERNAL },      { "401", ERR_UNAUTHENTICATED }, { "403", ERR_PERMISSION_DENIED },
		{ "404", ERR_UNIMPLEMENTED }, { "429", ERR_UNAVAILABLE },     { "502", ERR_UNAVAILABLE },
		{ "503", ERR_UNAVAILABLE },   { "504", ERR_UNAVAILABLE },
	};
	for (size_t i = 0; i < ARRAY_LEN(map); i++)
		if (str_eq_c(status, map[i].http))
			return map[i].code;
	return ERR_UNKNOWN;
}

int grpc_status_of_reset(uint32_t h2_code)
{
	switch (h2_code) {
	case 0x7:
		return ERR_UNAVAILABLE; /* REFUSED_STREAM */
	case 0x8:
		return ERR_CANCELLED; /* CANCEL */
	case 0xb:
		return ERR_RESOURCE_EXHAUSTED; /* ENHANCE_YOUR_CALM */
	case 0xc:
		return ERR_PERMISSION_DENIED; /* INADEQUATE_SECURITY */
	default:
		return ERR_INTERNAL;
	}
}

/* Nanoseconds of a unit; 0 for no unit. */
static int64_t unit_ns(char c)
{
	switch (c) {
	case 'H':
		return 3600LL * 1000000000;
	case 'M':
		return 60LL * 1000000000;
	case 'S':
		return 1000000000;
	case 'm':
		return 1000000;
	case 'u':
		return 1000;
	case 'n':
		return 1;
	default:
		return 0;
	}
}

bool grpc_timeout_parse(struct str s, int64_t *ret_ms)
{
	uint64_t v;
	if (s.n < 2 || s.n > 9 || !str_to_u64(str_mem(s.p, s.n - 1), &v))
		return false;
	int64_t unit = unit_ns(s.p[s.n - 1]);
	if (unit == 0)
		return false;
	if (unit >= 1000000)
		*ret_ms = (int64_t)v * (unit / 1000000);
	else
		*ret_ms = ((int64_t)v * unit + 999999) / 1000000;
	return true;
}

const char *grpc_timeout_format(int64_t ms, char buf[GRPC_TIMEOUT_MAX])
{
	static const struct {
		int64_t ms;
		char unit;
	} units[] = { { 1, 'm' }, { 1000, 'S' }, { 60 * 1000, 'M' }, { 3600 * 1000, 'H' } };
	ms = MAX(ms, 1);
	size_t i = 0;
	while (i + 1 < ARRAY_LEN(units) && ms / units[i].ms > 99999998)
		i++;
	int64_t v = MIN(ms / units[i].ms + (ms % units[i].ms != 0), 99999999);
	snprintf(buf, GRPC_TIMEOUT_MAX, "%lld%c", (long long)v, units[i].unit);
	return buf;
}
