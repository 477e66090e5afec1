QUERY_TESTS = tests/unit/query/test_active \
	tests/unit/query/test_below \
	tests/unit/query/test_cost \
	tests/unit/query/test_endpoints \
	tests/unit/query/test_explain \
	tests/unit/query/test_fan_in \
	tests/unit/query/test_fanout \
	tests/unit/query/test_grpc \
	tests/unit/query/test_http \
	tests/unit/query/test_replay \
	tests/unit/query/test_source
check_PROGRAMS += $(QUERY_TESTS)
EXTRA_DIST += tests/unit/query/rig.h tests/unit/query/tower.h tests/unit/query/web.h
tests_unit_query_test_endpoints_SOURCES = tests/unit/query/test_endpoints.c tests/unit/net/certs.h
tests_unit_query_test_endpoints_LDADD = $(QUERY_LIBS) $(CMOCKA_LIBS)
tests_unit_query_test_fan_in_LDADD = $(QUERY_LIBS) $(CMOCKA_LIBS)
tests_unit_query_test_fanout_LDADD = $(QUERY_LIBS) $(CMOCKA_LIBS)
tests_unit_query_test_grpc_LDADD = $(QUERY_LIBS) $(CMOCKA_LIBS)
tests_unit_query_test_source_LDADD = $(QUERY_LIBS) $(CMOCKA_LIBS)
tests_unit_query_test_http_LDADD = $(QUERY_LIBS) $(CMOCKA_LIBS)
tests_unit_query_test_active_LDADD = $(QUERY_LIBS) $(CMOCKA_LIBS)
tests_unit_query_test_explain_LDADD = $(QUERY_LIBS) $(CMOCKA_LIBS)
tests_unit_query_test_replay_LDADD = $(QUERY_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)
tests_unit_query_test_below_LDADD = $(QUERY_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)
tests_unit_query_test_cost_LDADD = $(QUERY_LIBS) $(CMOCKA_LIBS)
