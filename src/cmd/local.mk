# The option reader is an archive of its own, for its tests; the program is in the top Makefile.am.
noinst_LIBRARIES += src/cmd/libcmd.a
src_cmd_libcmd_a_SOURCES = \
	src/cmd/common_options.c src/cmd/common_options.h \
	src/cmd/options.c src/cmd/options.h \
	src/cmd/options_args.c \
	src/cmd/options_help.c \
	src/cmd/options_internal.h \
	src/cmd/options_labels.c \
	src/cmd/options_yaml.c \
	src/cmd/query_options.c src/cmd/query_options.h \
	src/cmd/receive_options.c src/cmd/receive_options.h

CMD_LIBS = src/cmd/libcmd.a $(LABELS_LIBS) $(TEXT_LIBS) $(BASE_LIBS)
