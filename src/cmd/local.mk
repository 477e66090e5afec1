# The option reader is an archive of its own, for its tests.
noinst_LIBRARIES += src/cmd/libcmd.a
src_cmd_libcmd_a_SOURCES = \
	src/cmd/common_options.c src/cmd/common_options.h \
	src/cmd/options.c src/cmd/options.h \
	src/cmd/options_args.c \
	src/cmd/options_help.c \
	src/cmd/options_internal.h \
	src/cmd/options_labels.c \
	src/cmd/options_yaml.c \
	src/cmd/query_features.c src/cmd/query_features.h \
	src/cmd/query_options.c src/cmd/query_options.h \
	src/cmd/receive_options.c src/cmd/receive_options.h

CMD_LIBS = src/cmd/libcmd.a $(LABELS_LIBS) $(TEXT_LIBS) $(BASE_LIBS)

bin_PROGRAMS += thanos
thanos_SOURCES = \
	src/cmd/app.c src/cmd/app.h \
	src/cmd/main.c \
	src/cmd/options_list.c \
	src/cmd/query.c src/cmd/query.h \
	src/cmd/receive.c src/cmd/receive.h \
	src/cmd/request_log.c src/cmd/request_log.h \
	src/cmd/version.c src/cmd/version.h
thanos_LDADD = src/cmd/libcmd.a $(RECEIVE_LIBS) $(QUERY_LIBS) $(TEXT_LIBS)

# Example configurations, and a manual page per command, made from its options.
thanosconfdir = $(sysconfdir)/thanos
dist_thanosconf_DATA = conf/query.yaml conf/receive.yaml
if RUNNABLE
man1_MANS = thanos-query.1 thanos-receive.1
CLEANFILES += $(man1_MANS)
thanos-query.1: thanos$(EXEEXT)
	$(AM_V_GEN)$(EMULATOR) ./thanos$(EXEEXT) query --help-man > $@.tmp && mv $@.tmp $@
thanos-receive.1: thanos$(EXEEXT)
	$(AM_V_GEN)$(EMULATOR) ./thanos$(EXEEXT) receive --help-man > $@.tmp && mv $@.tmp $@
endif
