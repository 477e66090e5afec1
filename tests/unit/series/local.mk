SERIES_TESTS = tests/unit/series/test_dedup tests/unit/series/test_merge
check_PROGRAMS += $(SERIES_TESTS)
tests_unit_series_test_dedup_LDADD = $(SERIES_LIBS) $(CMOCKA_LIBS)
tests_unit_series_test_merge_LDADD = $(SERIES_LIBS) $(CMOCKA_LIBS)
