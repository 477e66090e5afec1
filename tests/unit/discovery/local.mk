check_PROGRAMS += tests/unit/discovery/test_discovery
tests_unit_discovery_test_discovery_LDADD = $(DISCOVERY_LIBS) $(CMOCKA_LIBS)
