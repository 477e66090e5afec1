/*
 * text/float_shim.h - libstdc++'s std::from_chars (fast_float) behind a C name.
 *
 * Private to text/float.c and its test, which also compares printing with std::to_chars.
 */
#ifndef TEXT_FLOAT_SHIM_H
#define TEXT_FLOAT_SHIM_H

#include <stdbool.h>

#ifdef __cplusplus
extern "C" {
#endif

/*
 * Reads [p, end), an unsigned decimal (or, with `hex`, a hexadecimal without
 * "0x") float. Returns 0 when all of it was read, 1 when it is out of range
 * either way (*ret is untouched), -1 when malformed.
 */
int float_shim_read(const char *p, const char *end, bool hex, double *ret);

/* Writes the shortest digits of a finite positive double as "d.ddde+dd" to `out` (32 bytes); returns the end. */
char *float_shim_print(char *out, double v);

#ifdef __cplusplus
}
#endif

#endif
