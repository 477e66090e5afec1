CHUNK_TESTS = tests/unit/chunk/test_xor
check_PROGRAMS += $(CHUNK_TESTS)
CHUNK_TEST_LIBS = $(CHUNK_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS) -lm
tests_unit_chunk_test_xor_LDADD = $(CHUNK_TEST_LIBS)
EXTRA_DIST += tests/unit/chunk/vectors.h tests/golden/tsdb/chunks.json
