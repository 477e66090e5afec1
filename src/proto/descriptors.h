/*
 * proto/descriptors.h - the .proto files of our services, compiled, for gRPC reflection.
 *
 * The bytes are those of google.protobuf.FileDescriptorProto, embedded at
 * build time.
 */
#ifndef PROTO_DESCRIPTORS_H
#define PROTO_DESCRIPTORS_H

#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>

/* One file. Everything points to static memory. */
struct proto_file {
	struct str bytes; /* FileDescriptorProto */
	struct str name;  /* "proto/store.proto" */
	struct str package;
};

/* Walks all files: *pos starts at 0; false at the end. */
bool proto_file_next(size_t *pos, struct proto_file *ret);

/* The file called `name`; false for none. */
bool proto_file_by_name(struct str name, struct proto_file *ret);

/*
 * The file that defines a message, enum, service or method by its full name:
 * "thanos.Store", "thanos.Store.Series", "thanos.LabelMatcher.Type"; false for none.
 */
bool proto_file_by_symbol(struct str symbol, struct proto_file *ret);

/*
 * Walks the files that `f` imports: *pos starts at 0; false at the end.
 */
bool proto_file_import_next(const struct proto_file *f, size_t *pos, struct proto_file *ret);

#endif
