/*
 * bench/rw.h - remote write 1.0 as the load programs send it: messages made by hand, one blocking connection each.
 *
 * Nothing here suspends; memory is of the heap.
 */
#ifndef BENCH_RW_H
#define BENCH_RW_H

#include "base/strbuf.h"

#include <stddef.h>

/* Adds field `field` of protobuf wire type `type`. */
void rw_put_tag(struct strbuf *b, unsigned field, unsigned type);

/* Adds a varint field. */
void rw_put_varint(struct strbuf *b, unsigned field, uint64_t v);

/* Adds a double field. */
void rw_put_double(struct strbuf *b, unsigned field, double v);

/* Adds a field of bytes or of a message. */
void rw_put_bytes(struct strbuf *b, unsigned field, const void *p, size_t n);

/* Adds a label to a TimeSeries. */
void rw_put_label(struct strbuf *b, const char *name, const char *value);

/* Connects over TCP; -1 with errno set. */
int rw_dial(const char *host, const char *port);

/* POSTs a snappy body and returns the HTTP status, -1 on a broken connection. Prints the answer unless it is 2xx. */
int rw_post(int fd, const char *host, const char *path, struct str body);

#endif
