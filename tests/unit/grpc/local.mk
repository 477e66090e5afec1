GRPC_TESTS = \
	tests/unit/grpc/test_call tests/unit/grpc/test_channel tests/unit/grpc/test_floods tests/unit/grpc/test_framing \
	tests/unit/grpc/test_hostile_server tests/unit/grpc/test_inbox \
	tests/unit/grpc/test_interop tests/unit/grpc/test_status
check_PROGRAMS += $(GRPC_TESTS)
EXTRA_DIST += tests/unit/grpc/interop.py
tests_unit_grpc_test_call_SOURCES = tests/unit/grpc/test_call.c tests/unit/grpc/rig.h
tests_unit_grpc_test_call_LDADD = $(GRPC_LIBS) $(CMOCKA_LIBS)
tests_unit_grpc_test_channel_SOURCES = tests/unit/grpc/test_channel.c tests/unit/grpc/rig.h
tests_unit_grpc_test_channel_LDADD = $(GRPC_LIBS) $(CMOCKA_LIBS)
tests_unit_grpc_test_floods_SOURCES = tests/unit/grpc/test_floods.c tests/unit/grpc/raw.h tests/unit/grpc/rig.h
tests_unit_grpc_test_floods_LDADD = $(GRPC_LIBS) $(CMOCKA_LIBS)
tests_unit_grpc_test_framing_SOURCES = tests/unit/grpc/test_framing.c tests/unit/grpc/raw.h tests/unit/grpc/rig.h
tests_unit_grpc_test_framing_LDADD = $(GRPC_LIBS) $(CMOCKA_LIBS)
tests_unit_grpc_test_inbox_LDADD = $(GRPC_LIBS) $(CMOCKA_LIBS)
tests_unit_grpc_test_interop_SOURCES = tests/unit/grpc/test_interop.c tests/unit/grpc/rig.h tests/unit/net/certs.h
tests_unit_grpc_test_interop_LDADD = $(GRPC_LIBS) $(CMOCKA_LIBS)
tests_unit_grpc_test_status_LDADD = $(GRPC_LIBS) $(CMOCKA_LIBS)
tests_unit_grpc_test_hostile_server_SOURCES = tests/unit/grpc/test_hostile_server.c tests/unit/grpc/raw.h tests/unit/grpc/rig.h
tests_unit_grpc_test_hostile_server_LDADD = $(GRPC_LIBS) $(CMOCKA_LIBS)
