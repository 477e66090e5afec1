QUERY_TESTS = tests/unit/query/test_fanout
check_PROGRAMS += $(QUERY_TESTS)
EXTRA_DIST += tests/unit/query/rig.h
tests_unit_query_test_fanout_LDADD = $(QUERY_LIBS) $(CMOCKA_LIBS)
