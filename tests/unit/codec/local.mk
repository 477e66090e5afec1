CODEC_TESTS = \
	tests/unit/codec/test_crc32c tests/unit/codec/test_varint
check_PROGRAMS += $(CODEC_TESTS)
tests_unit_codec_test_crc32c_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
tests_unit_codec_test_varint_LDADD = $(CODEC_LIBS) $(CMOCKA_LIBS)
