/*
 * codec/crc32c.h - CRC-32C (Castagnoli, polynomial 0x1EDC6F41 reflected), as
 * Go's hash/crc32 with the Castagnoli table: WAL records, chunks, index
 * sections, snappy frames.
 *
 * The hardware's instruction is used where there is one (x86-64: chosen at
 * run time); results are identical.
 */
#ifndef CODEC_CRC32C_H
#define CODEC_CRC32C_H

#include <stddef.h>
#include <stdint.h>

/*
 * The checksum of the bytes that gave `crc` followed by `n` bytes at `p`.
 * Start with 0: crc32c(0, "123456789", 9) is 0xE3069283.
 */
uint32_t crc32c(uint32_t crc, const void *p, size_t n);

/* As crc32c in portable C; for tests and for machines without the instruction. */
uint32_t crc32c_portable(uint32_t crc, const void *p, size_t n);

#endif
