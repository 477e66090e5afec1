CMD_TESTS = tests/unit/cmd/test_options tests/unit/cmd/test_query_features
check_PROGRAMS += $(CMD_TESTS)
tests_unit_cmd_test_options_LDADD = $(CMD_LIBS) $(CMOCKA_LIBS)
tests_unit_cmd_test_query_features_LDADD = $(CMD_LIBS) $(CMOCKA_LIBS)
