noinst_LIBRARIES += src/text/libtext.a
src_text_libtext_a_SOURCES = \
	src/text/duration.c src/text/duration.h \
	src/text/env.c src/text/env.h \
	src/text/float.c src/text/float.h src/text/float_column.c src/text/float_digits.h src/text/float_shim.cc src/text/float_shim.h src/text/float_table.h \
	src/text/glob.c src/text/glob.h \
	src/text/json_read.c src/text/json_read.h \
	src/text/json_write.c src/text/json_write.h \
	src/text/size.c src/text/size.h \
	src/text/ulid.c src/text/ulid.h \
	src/text/yaml.c src/text/yaml.h src/text/yaml_get.c

TEXT_LIBS = src/text/libtext.a $(BASE_LIBS) $(YAML_LIBS) $(JANSSON_LIBS) -lstdc++ -lm
