# The query API's handlers over series in memory, on loopback.
noinst_LIBRARIES += tests/api/librig.a
tests_api_librig_a_SOURCES = tests/api/rig.c tests/api/rig.h
API_RIG_LIBS = tests/api/librig.a $(PROMQLTEST_LIBS) $(API_LIBS) $(CMOCKA_LIBS)

API_TESTS = tests/api/test_api tests/api/test_federate tests/api/test_read tests/api/test_replay
check_PROGRAMS += $(API_TESTS)
tests_api_test_api_LDADD = $(API_RIG_LIBS)
tests_api_test_federate_LDADD = $(API_RIG_LIBS)
tests_api_test_read_LDADD = $(API_RIG_LIBS)
tests_api_test_replay_LDADD = $(API_RIG_LIBS) $(JANSSON_LIBS)
