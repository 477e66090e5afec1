TEXT_TESTS = \
	tests/unit/text/test_duration tests/unit/text/test_float tests/unit/text/test_glob \
	tests/unit/text/test_json tests/unit/text/test_misc tests/unit/text/test_yaml
check_PROGRAMS += $(TEXT_TESTS)
tests_unit_text_test_duration_LDADD = $(TEXT_LIBS) $(CMOCKA_LIBS)
tests_unit_text_test_float_LDADD = $(TEXT_LIBS) $(CMOCKA_LIBS)
tests_unit_text_test_glob_LDADD = $(TEXT_LIBS) $(CMOCKA_LIBS)
tests_unit_text_test_json_LDADD = $(TEXT_LIBS) $(CMOCKA_LIBS)
tests_unit_text_test_misc_LDADD = $(TEXT_LIBS) $(CMOCKA_LIBS)
tests_unit_text_test_yaml_LDADD = $(TEXT_LIBS) $(CMOCKA_LIBS)
