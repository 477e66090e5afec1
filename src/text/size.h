/*
 * text/size.h - byte counts as text, as Thanos reads and prints them.
 *
 * alecthomas/units Base2Bytes: decimal numbers with a unit, one after the
 * other: "512MiB", "1.5GB", "1GiB512MiB". KB and KiB are both 1024; the unit
 * is required, except for "0".
 */
#ifndef TEXT_SIZE_H
#define TEXT_SIZE_H

#include "base/err.h"
#include "base/str.h"

#include <stddef.h>
#include <stdint.h>

/* Room for a printed size, with the terminating zero. */
#define TEXT_SIZE_MAX 64

/* Reads a size, not negative, below 8 EiB. INVALID_ARGUMENT otherwise. */
int text_size_parse(struct str s, uint64_t *ret_bytes, struct err *err);

/* Writes `bytes` as Base2Bytes.String() does ("1KiB512B", "0B"), as a C string; returns its length. */
size_t text_size_format(char out[TEXT_SIZE_MAX], uint64_t bytes);

#endif
