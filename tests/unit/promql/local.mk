PROMQL_TESTS = \
	tests/unit/promql/lang/test_ast_json \
	tests/unit/promql/lang/test_lex tests/unit/promql/lang/test_literal \
	tests/unit/promql/lang/test_parser tests/unit/promql/lang/test_printer \
	tests/unit/promql/lang/test_series_desc
check_PROGRAMS += $(PROMQL_TESTS)
EXTRA_DIST += tests/unit/promql/lang/cases.h
tests_unit_promql_lang_test_lex_LDADD = $(PROMQL_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)
tests_unit_promql_lang_test_literal_LDADD = $(PROMQL_LIBS) $(CMOCKA_LIBS)
tests_unit_promql_lang_test_parser_LDADD = $(PROMQL_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)
tests_unit_promql_lang_test_printer_LDADD = $(PROMQL_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)
tests_unit_promql_lang_test_series_desc_LDADD = $(PROMQL_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)

# evaluation
PROMQL_EVAL_TESTS = tests/unit/promql/test_depth tests/unit/promql/test_engine tests/unit/promql/math/test_gomath \
	tests/unit/promql/math/test_lanes tests/unit/promql/eval/test_profile tests/unit/promql/vector/test_scalar \
	tests/unit/promql/eval/test_share \
	tests/unit/promql/test_slices tests/unit/promql/test_vectors
check_PROGRAMS += $(PROMQL_EVAL_TESTS)
EXTRA_DIST += tests/unit/promql/rig.h tests/unit/promql/sample.h
tests_unit_promql_test_depth_LDADD = $(PROMQL_LIBS) $(CMOCKA_LIBS) -lpthread
tests_unit_promql_test_engine_LDADD = $(PROMQL_LIBS) $(CMOCKA_LIBS)
tests_unit_promql_lang_test_ast_json_LDADD = $(PROMQL_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)
tests_unit_promql_math_test_gomath_LDADD = $(PROMQL_LIBS) $(CMOCKA_LIBS)
# It compiles lanes.c again, to choose the instruction set.
tests_unit_promql_math_test_lanes_CFLAGS = $(AM_CFLAGS) -ffp-contract=off
tests_unit_promql_math_test_lanes_LDADD = $(PROMQL_LIBS) $(CMOCKA_LIBS)
tests_unit_promql_eval_test_profile_LDADD = $(PROMQL_LIBS) $(CMOCKA_LIBS)
tests_unit_promql_vector_test_scalar_LDADD = $(PROMQL_LIBS) $(CMOCKA_LIBS)
tests_unit_promql_eval_test_share_LDADD = $(PROMQL_LIBS) $(CMOCKA_LIBS)
tests_unit_promql_test_slices_LDADD = $(PROMQL_LIBS) $(CMOCKA_LIBS)
tests_unit_promql_test_vectors_LDADD = $(PROMQL_LIBS) $(JANSSON_LIBS) $(CMOCKA_LIBS)
