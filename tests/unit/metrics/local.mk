METRICS_TESTS = tests/unit/metrics/test_expose tests/unit/metrics/test_process tests/unit/metrics/test_registry
check_PROGRAMS += $(METRICS_TESTS)
tests_unit_metrics_test_expose_LDADD = $(METRICS_LIBS) $(CMOCKA_LIBS)
tests_unit_metrics_test_process_LDADD = $(METRICS_LIBS) $(CMOCKA_LIBS)
tests_unit_metrics_test_registry_LDADD = $(METRICS_LIBS) $(CMOCKA_LIBS)
