GRPC_TESTS = tests/unit/grpc/test_call tests/unit/grpc/test_inbox tests/unit/grpc/test_status
check_PROGRAMS += $(GRPC_TESTS)
tests_unit_grpc_test_call_SOURCES = tests/unit/grpc/test_call.c tests/unit/grpc/rig.h
tests_unit_grpc_test_call_LDADD = $(GRPC_LIBS) $(CMOCKA_LIBS)
tests_unit_grpc_test_inbox_LDADD = $(GRPC_LIBS) $(CMOCKA_LIBS)
tests_unit_grpc_test_status_LDADD = $(GRPC_LIBS) $(CMOCKA_LIBS)
