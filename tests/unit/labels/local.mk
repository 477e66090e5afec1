LABELS_TESTS = \
	tests/unit/labels/test_labels tests/unit/labels/test_matcher \
	tests/unit/labels/test_regex tests/unit/labels/test_relabel \
	tests/unit/labels/test_symtab
check_PROGRAMS += $(LABELS_TESTS)
tests_unit_labels_test_labels_LDADD = $(LABELS_LIBS) $(CMOCKA_LIBS)
tests_unit_labels_test_matcher_LDADD = $(LABELS_LIBS) $(CMOCKA_LIBS)
tests_unit_labels_test_regex_LDADD = $(LABELS_LIBS) $(CMOCKA_LIBS)
tests_unit_labels_test_symtab_LDADD = $(LABELS_LIBS) $(CMOCKA_LIBS)
tests_unit_labels_test_relabel_LDADD = $(LABELS_LIBS) $(CMOCKA_LIBS)
