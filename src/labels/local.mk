noinst_LIBRARIES += src/labels/liblabels.a
src_labels_liblabels_a_SOURCES = \
	src/labels/builder.c src/labels/builder.h \
	src/labels/labels.c src/labels/labels.h \
	src/labels/labels_copy.c \
	src/labels/matcher.c src/labels/matcher.h \
	src/labels/pattern.c src/labels/pattern.h \
	src/labels/re2_shim.cc src/labels/re2_shim.h \
	src/labels/regex.c src/labels/regex.h \
	src/labels/relabel.c src/labels/relabel.h \
	src/labels/relabel_yaml.c src/labels/relabel_yaml.h \
	src/labels/symtab.c src/labels/symtab.h

LABELS_LIBS = src/labels/liblabels.a $(TEXT_LIBS) $(BASE_LIBS) $(OPENSSL_LIBS) $(RE2_LIBS) -lstdc++
