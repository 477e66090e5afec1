noinst_LIBRARIES += src/base/libbase.a
src_base_libbase_a_SOURCES = \
	src/base/arena.c src/base/arena.h \
	src/base/assert.c src/base/assert.h \
	src/base/compiler.h \
	src/base/err.c src/base/err.h \
	src/base/file.c src/base/file.h \
	src/base/gosort.c src/base/gosort.h \
	src/base/hash.c src/base/hash.h \
	src/base/hmap.c src/base/hmap.h \
	src/base/list.h \
	src/base/log.c src/base/log.h \
	src/base/mem.c src/base/mem.h \
	src/base/pause.h \
	src/base/pieces.c src/base/pieces.h \
	src/base/short.h \
	src/base/sort.c src/base/sort.h \
	src/base/str.c src/base/str.h \
	src/base/strbuf.c src/base/strbuf.h \
	src/base/sys.c src/base/sys.h \
	src/base/vec.c src/base/vec.h

BASE_LIBS = src/base/libbase.a $(XXHASH_LIBS) $(UTF8PROC_LIBS)
