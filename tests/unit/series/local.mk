SERIES_TESTS = \
	tests/unit/series/test_dedup tests/unit/series/test_dedup_vectors tests/unit/series/test_merge \
	tests/unit/series/test_overlap \
	tests/unit/series/test_encode tests/unit/series/test_wire_read \
	tests/unit/series/test_wire_series tests/unit/series/test_wire_write
check_PROGRAMS += $(SERIES_TESTS)
tests_unit_series_test_dedup_LDADD = $(SERIES_LIBS) $(CMOCKA_LIBS)
tests_unit_series_test_dedup_vectors_LDADD = $(SERIES_LIBS) $(CODEC_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)
tests_unit_series_test_encode_LDADD = $(SERIES_LIBS) $(CMOCKA_LIBS)
tests_unit_series_test_merge_LDADD = $(SERIES_LIBS) $(CMOCKA_LIBS)
tests_unit_series_test_overlap_LDADD = $(SERIES_LIBS) $(CMOCKA_LIBS)
tests_unit_series_test_wire_read_LDADD = $(SERIES_LIBS) $(CMOCKA_LIBS)
tests_unit_series_test_wire_series_LDADD = $(SERIES_LIBS) $(CMOCKA_LIBS)
tests_unit_series_test_wire_write_LDADD = $(SERIES_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)
EXTRA_DIST += tests/golden/remote/remote.json tests/golden/series/dedup_vectors.json.gz
