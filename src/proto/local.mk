# Code of the messages in /proto is made here by protoc-c, in the build folder only. Included as "proto/store.pb-c.h".
PROTO_FILES = \
	proto/any.proto \
	proto/duration.proto \
	proto/exemplars.proto \
	proto/health.proto \
	proto/hints.proto \
	proto/info.proto \
	proto/labels.proto \
	proto/metadata.proto \
	proto/prompb.proto \
	proto/query.proto \
	proto/reflection.proto \
	proto/reflection_alpha.proto \
	proto/rules.proto \
	proto/status.proto \
	proto/store.proto \
	proto/targets.proto \
	proto/timestamp.proto \
	proto/types.proto \
	proto/writev2.proto
PROTO_C = \
	src/proto/any.pb-c.c \
	src/proto/duration.pb-c.c \
	src/proto/exemplars.pb-c.c \
	src/proto/health.pb-c.c \
	src/proto/hints.pb-c.c \
	src/proto/info.pb-c.c \
	src/proto/labels.pb-c.c \
	src/proto/metadata.pb-c.c \
	src/proto/prompb.pb-c.c \
	src/proto/query.pb-c.c \
	src/proto/reflection.pb-c.c \
	src/proto/reflection_alpha.pb-c.c \
	src/proto/rules.pb-c.c \
	src/proto/status.pb-c.c \
	src/proto/store.pb-c.c \
	src/proto/targets.pb-c.c \
	src/proto/timestamp.pb-c.c \
	src/proto/types.pb-c.c \
	src/proto/writev2.pb-c.c
PROTO_H = \
	src/proto/any.pb-c.h \
	src/proto/duration.pb-c.h \
	src/proto/exemplars.pb-c.h \
	src/proto/health.pb-c.h \
	src/proto/hints.pb-c.h \
	src/proto/info.pb-c.h \
	src/proto/labels.pb-c.h \
	src/proto/metadata.pb-c.h \
	src/proto/prompb.pb-c.h \
	src/proto/query.pb-c.h \
	src/proto/reflection.pb-c.h \
	src/proto/reflection_alpha.pb-c.h \
	src/proto/rules.pb-c.h \
	src/proto/status.pb-c.h \
	src/proto/store.pb-c.h \
	src/proto/targets.pb-c.h \
	src/proto/timestamp.pb-c.h \
	src/proto/types.pb-c.h \
	src/proto/writev2.pb-c.h
EXTRA_DIST += $(PROTO_FILES)
BUILT_SOURCES += $(PROTO_H)
CLEANFILES += $(PROTO_C) $(PROTO_H) src/proto/descriptor_set.bin src/proto/descriptor_set.c

src/proto/%.pb-c.c src/proto/%.pb-c.h: $(srcdir)/proto/%.proto
	$(AM_V_GEN)$(MKDIR_P) src/proto && $(PROTOC_C) -I$(srcdir) --c_out=src $<

src/proto/descriptor_set.c: $(PROTO_FILES)
	$(AM_V_GEN)$(MKDIR_P) src/proto && \
	(cd $(srcdir) && $(PROTOC_C) -I. --descriptor_set_out=$(abs_top_builddir)/src/proto/descriptor_set.bin $(PROTO_FILES)) && \
	{ echo '#include "proto/descriptor_set.h"'; \
	  echo 'const unsigned char proto_descriptor_set[] = {'; \
	  od -An -v -tu1 src/proto/descriptor_set.bin | sed 's/[0-9][0-9]*/&,/g'; \
	  echo '};'; \
	  echo 'const size_t proto_descriptor_set_size = sizeof(proto_descriptor_set);'; } > $@.tmp && mv $@.tmp $@

# Generated code is not ours to warn about.
noinst_LIBRARIES += src/proto/libprotogen.a src/proto/libproto.a
nodist_src_proto_libprotogen_a_SOURCES = $(PROTO_C) $(PROTO_H) src/proto/descriptor_set.c
src_proto_libprotogen_a_SOURCES =
src_proto_libprotogen_a_CFLAGS = $(AM_CFLAGS) -w

src_proto_libproto_a_SOURCES = \
	src/proto/descriptors.c src/proto/descriptors.h src/proto/descriptor_set.h \
	src/proto/scan.c src/proto/scan.h \
	src/proto/wire.c src/proto/wire.h

PROTO_LIBS = src/proto/libproto.a src/proto/libprotogen.a $(CODEC_LIBS) $(BASE_LIBS) $(PROTOBUF_C_LIBS)
