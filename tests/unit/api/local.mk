API_UNIT_TESTS = tests/unit/api/test_journal tests/unit/api/test_param tests/unit/api/test_result
check_PROGRAMS += $(API_UNIT_TESTS)
tests_unit_api_test_journal_LDADD = $(API_LIBS) $(CMOCKA_LIBS)
tests_unit_api_test_param_LDADD = $(API_LIBS) $(CMOCKA_LIBS)
tests_unit_api_test_result_LDADD = $(API_LIBS) $(CMOCKA_LIBS)
