BASE_TESTS = \
	tests/unit/base/test_arena tests/unit/base/test_err tests/unit/base/test_file \
	tests/unit/base/test_hmap tests/unit/base/test_list tests/unit/base/test_log tests/unit/base/test_mem tests/unit/base/test_pieces \
	tests/unit/base/test_gosort tests/unit/base/test_short tests/unit/base/test_sort tests/unit/base/test_str tests/unit/base/test_strbuf
check_PROGRAMS += $(BASE_TESTS)
tests_unit_base_test_arena_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_base_test_err_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_base_test_file_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_base_test_hmap_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_base_test_list_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_base_test_log_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_base_test_pieces_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_base_test_short_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_base_test_mem_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_base_test_gosort_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_base_test_sort_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_base_test_str_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
tests_unit_base_test_strbuf_LDADD = $(BASE_LIBS) $(CMOCKA_LIBS)
