#include "text/size.h"

#include "base/compiler.h"
#include "text/float.h"

#include <inttypes.h>
#include <stdbool.h>
#include <stdio.h>

static const char prefixes[] = "KMGTPE";

/* Bytes in a unit: "B", or a prefix with "iB" or "B". 0 when unknown. */
static uint64_t unit_bytes(struct str u)
{
	if (str_eq_c(u, "B"))
		return 1;
	if (u.n < 2)
		return 0;
	struct str tail = str_mem(u.p + 1, u.n - 1);
	ptrdiff_t i = str_index(str_c(prefixes), u.p[0]);
	if (i < 0 || !(str_eq_c(tail, "B") || str_eq_c(tail, "iB")))
		return 0;
	return 1ull << (10 * (i + 1));
}

static bool in_number(char c)
{
	return (c >= '0' && c <= '9') || c == '.';
}

/* Cuts one number with its unit off *rest and adds it to *sum. */
static bool size_part(struct str *rest, double *sum, bool *ret_iec)
{
	size_t n = 0, u;
	while (n < rest->n && in_number(rest->p[n]))
		n++;
	for (u = n; u < rest->n && !in_number(rest->p[u]);)
		u++;
	struct str unit = str_mem(rest->p + n, u - n);
	uint64_t bytes = unit_bytes(unit);
	double v;
	if (n == 0 || bytes == 0 || !text_parse_double(str_mem(rest->p, n), &v))
		return false;
	*sum += v * (double)bytes;
	if (unit.n > 1)
		ret_iec[unit.n == 3] = true;
	*rest = str_mem(rest->p + u, rest->n - u);
	return true;
}

int text_size_parse(struct str s, uint64_t *ret_bytes, struct err *err)
{
	struct str rest = s;
	double sum = 0;
	bool iec[2] = { false, false }; /* saw KB, saw KiB: not both in one size */
	if (s.n && s.p[0] == '+')
		rest = str_mem(s.p + 1, s.n - 1);
	if (str_eq_c(rest, "0")) {
		*ret_bytes = 0;
		return 0;
	}
	bool ok = rest.n > 0;
	while (ok && rest.n)
		ok = size_part(&rest, &sum, iec);
	if (!ok || (iec[0] && iec[1]))
		return err_set(err, ERR_INVALID_ARGUMENT, "\"%.*s\" is not a size (try 512MiB or 1GB)", STR_ARG(s));
	if (!(sum < 9223372036854775808.0))
		return err_set(err, ERR_INVALID_ARGUMENT, "size \"%.*s\" is out of range", STR_ARG(s));
	*ret_bytes = (uint64_t)sum;
	return 0;
}

size_t text_size_format(char out[TEXT_SIZE_MAX], uint64_t bytes)
{
	size_t n = 0;
	if (bytes == 0)
		return (size_t)snprintf(out, TEXT_SIZE_MAX, "0B");
	for (int i = 6; i >= 0; i--) {
		uint64_t v = bytes >> (10 * i);
		if (i < 6)
			v &= 1023;
		if (v == 0)
			continue;
		char unit[4] = "B";
		if (i)
			snprintf(unit, sizeof(unit), "%ciB", prefixes[i - 1]);
		n += (size_t)snprintf(out + n, TEXT_SIZE_MAX - n, "%" PRIu64 "%s", v, unit);
	}
	return n;
}
