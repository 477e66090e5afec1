RECEIVE_TESTS = tests/unit/receive/test_limits tests/unit/receive/test_tenant
check_PROGRAMS += $(RECEIVE_TESTS)
tests_unit_receive_test_limits_LDADD = $(RECEIVE_LIBS) $(CMOCKA_LIBS)
tests_unit_receive_test_tenant_LDADD = $(RECEIVE_LIBS) $(CMOCKA_LIBS)
