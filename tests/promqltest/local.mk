# The runner of PromQL test scripts, its tests, and the check that runs all scripts.
noinst_LIBRARIES += tests/promqltest/libpromqltest.a
tests_promqltest_libpromqltest_a_SOURCES = \
	tests/promqltest/compare.c tests/promqltest/compare.h \
	tests/promqltest/nhcb.c tests/promqltest/nhcb.h \
	tests/promqltest/run.c tests/promqltest/run.h \
	tests/promqltest/script.c tests/promqltest/script.h \
	tests/promqltest/store.c tests/promqltest/store.h

PROMQLTEST_LIBS = tests/promqltest/libpromqltest.a $(PROMQL_LIBS)

PROMQLTEST_TESTS = tests/promqltest/test_script tests/promqltest/test_selftest
check_PROGRAMS += $(PROMQLTEST_TESTS)
tests_promqltest_test_selftest_LDADD = $(PROMQLTEST_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)
tests_promqltest_test_script_LDADD = $(PROMQLTEST_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)
noinst_PROGRAMS += tests/promqltest/promqltest
tests_promqltest_promqltest_SOURCES = tests/promqltest/main.c
tests_promqltest_promqltest_LDADD = $(PROMQLTEST_LIBS)
# It needs scripts to run, so it is no test by itself: tests/promqltest/check runs it.
dist_check_SCRIPTS += tests/promqltest/check
EXTRA_DIST += tests/promqltest/passing
