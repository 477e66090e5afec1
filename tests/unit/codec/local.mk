CODEC_TESTS = \
	tests/unit/codec/test_compress tests/unit/codec/test_crc32c tests/unit/codec/test_snappy \
	tests/unit/codec/test_varint
check_PROGRAMS += $(CODEC_TESTS)
tests_unit_codec_test_compress_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
tests_unit_codec_test_crc32c_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
tests_unit_codec_test_snappy_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
tests_unit_codec_test_varint_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
