CHUNK_TESTS = tests/unit/chunk/test_aggr tests/unit/chunk/test_hist tests/unit/chunk/test_histogram tests/unit/chunk/test_xor \
	tests/unit/chunk/test_xor2
check_PROGRAMS += $(CHUNK_TESTS)
CHUNK_TEST_LIBS = $(CHUNK_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)
tests_unit_chunk_test_aggr_LDADD = $(CHUNK_TEST_LIBS)
tests_unit_chunk_test_hist_LDADD = $(CHUNK_TEST_LIBS)
tests_unit_chunk_test_histogram_LDADD = $(CHUNK_TEST_LIBS)
tests_unit_chunk_test_xor_LDADD = $(CHUNK_TEST_LIBS)
tests_unit_chunk_test_xor2_LDADD = $(CHUNK_TEST_LIBS)
EXTRA_DIST += tests/unit/chunk/vectors.h tests/golden/tsdb/chunks.json
