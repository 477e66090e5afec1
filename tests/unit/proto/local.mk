PROTO_TESTS = \
	tests/unit/proto/test_descriptors tests/unit/proto/test_scan tests/unit/proto/test_wire
check_PROGRAMS += $(PROTO_TESTS)
tests_unit_proto_test_descriptors_LDADD = $(PROTO_LIBS) $(CMOCKA_LIBS)
tests_unit_proto_test_scan_LDADD = $(PROTO_LIBS) $(CMOCKA_LIBS)
tests_unit_proto_test_wire_LDADD = $(PROTO_LIBS) $(CMOCKA_LIBS)
