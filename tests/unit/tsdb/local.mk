TSDB_TESTS = tests/unit/tsdb/test_record tests/unit/tsdb/test_wal
check_PROGRAMS += $(TSDB_TESTS)
TSDB_TEST_LIBS = $(TSDB_LIBS) $(JANSSON_LIBS) $(OPENSSL_LIBS) $(CMOCKA_LIBS)
tests_unit_tsdb_test_record_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_wal_LDADD = $(TSDB_TEST_LIBS)
EXTRA_DIST += tests/unit/tsdb/tsdb_test.h \
	tests/golden/tsdb/records.json \
	tests/golden/tsdb/wal_fragments_none tests/golden/tsdb/wal_fragments_none.expected.json \
	tests/golden/tsdb/wal_fragments_snappy tests/golden/tsdb/wal_fragments_snappy.expected.json \
	tests/golden/tsdb/wal_fragments_zstd tests/golden/tsdb/wal_fragments_zstd.expected.json
