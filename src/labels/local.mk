noinst_LIBRARIES += src/labels/liblabels.a
src_labels_liblabels_a_SOURCES = \
	src/labels/builder.c src/labels/builder.h \
	src/labels/labels.c src/labels/labels.h \
	src/labels/labels_copy.c \
	src/labels/symtab.c src/labels/symtab.h

LABELS_LIBS = src/labels/liblabels.a $(BASE_LIBS)
