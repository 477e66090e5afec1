CMD_TESTS = tests/unit/cmd/test_options
check_PROGRAMS += $(CMD_TESTS)
tests_unit_cmd_test_options_LDADD = $(CMD_LIBS) $(CMOCKA_LIBS)
