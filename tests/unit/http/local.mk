HTTP_TESTS = tests/unit/http/test_h2_guard
check_PROGRAMS += $(HTTP_TESTS)
tests_unit_http_test_h2_guard_LDADD = $(HTTP_LIBS) $(CMOCKA_LIBS)
