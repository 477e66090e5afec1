#include "text/float_shim.h"

#include <charconv>
#include <system_error>

int float_shim_read(const char *p, const char *end, bool hex, double *ret)
{
	auto fmt = hex ? std::chars_format::hex : std::chars_format::general;
	auto r = std::from_chars(p, end, *ret, fmt);
	if (r.ptr != end)
		return -1;
	if (r.ec == std::errc::result_out_of_range)
		return 1;
	return r.ec == std::errc() ? 0 : -1;
}

char *float_shim_print(char *out, double v)
{
	return std::to_chars(out, out + 32, v, std::chars_format::scientific).ptr;
}
