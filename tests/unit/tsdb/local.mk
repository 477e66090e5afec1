TSDB_TESTS = \
	tests/unit/tsdb/test_block \
	tests/unit/tsdb/test_block_labels \
	tests/unit/tsdb/test_chunks \
	tests/unit/tsdb/test_head \
	tests/unit/tsdb/test_head_damage \
	tests/unit/tsdb/test_head_gather \
	tests/unit/tsdb/test_head_golden \
	tests/unit/tsdb/test_head_order \
	tests/unit/tsdb/test_head_postings \
	tests/unit/tsdb/test_head_promtool \
	tests/unit/tsdb/test_head_random \
	tests/unit/tsdb/test_index \
	tests/unit/tsdb/test_local_blocks \
	tests/unit/tsdb/test_meta \
	tests/unit/tsdb/test_postings \
	tests/unit/tsdb/test_record \
	tests/unit/tsdb/test_select \
	tests/unit/tsdb/test_tombstones \
	tests/unit/tsdb/test_wal
check_PROGRAMS += $(TSDB_TESTS)
TSDB_TEST_LIBS = $(TSDB_LIBS) $(JANSSON_LIBS) $(OPENSSL_LIBS) $(ZLIB_LIBS) $(CMOCKA_LIBS)
tests_unit_tsdb_test_block_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_block_labels_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_chunks_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_head_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_head_damage_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_head_postings_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_head_order_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_head_gather_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_head_golden_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_head_promtool_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_head_random_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_index_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_local_blocks_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_meta_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_postings_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_record_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_select_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_tombstones_LDADD = $(TSDB_TEST_LIBS)
tests_unit_tsdb_test_wal_LDADD = $(TSDB_TEST_LIBS)
EXTRA_DIST += tests/unit/tsdb/head_test.h tests/unit/tsdb/tsdb_test.h \
	tests/golden/tsdb/db_default tests/golden/tsdb/db_default.expected.json.gz \
	tests/golden/tsdb/db_ooo tests/golden/tsdb/db_ooo.expected.json.gz \
	tests/golden/tsdb/db_st tests/golden/tsdb/db_st.expected.json.gz \
	tests/golden/tsdb/db_zstd_snapshot tests/golden/tsdb/db_zstd_snapshot.expected.json.gz \
	tests/golden/tsdb/records.json \
	tests/golden/tsdb/wal_fragments_none tests/golden/tsdb/wal_fragments_none.expected.json \
	tests/golden/tsdb/wal_fragments_snappy tests/golden/tsdb/wal_fragments_snappy.expected.json \
	tests/golden/tsdb/wal_fragments_zstd tests/golden/tsdb/wal_fragments_zstd.expected.json

EXTRA_DIST += tests/unit/tsdb/golden.h \
	tests/golden/tsdb/db_default tests/golden/tsdb/db_default.expected.json.gz \
	tests/golden/tsdb/db_st tests/golden/tsdb/db_st.expected.json.gz tests/golden/tsdb/thanos
