/*
 * proto/descriptor_set.h - the embedded FileDescriptorSet. Private to proto/.
 */
#ifndef PROTO_DESCRIPTOR_SET_H
#define PROTO_DESCRIPTOR_SET_H

#include <stddef.h>

/* Bytes that the build makes of /proto. */
extern const unsigned char proto_descriptor_set[];
extern const size_t proto_descriptor_set_size;

#endif
