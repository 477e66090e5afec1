LOOP_TESTS = \
	tests/unit/loop/test_chan tests/unit/loop/test_fiber tests/unit/loop/test_gate \
	tests/unit/loop/test_offload tests/unit/loop/test_reactor
check_PROGRAMS += $(LOOP_TESTS)
tests_unit_loop_test_chan_LDADD = $(LOOP_LIBS) $(CMOCKA_LIBS)
tests_unit_loop_test_fiber_LDADD = $(LOOP_LIBS) $(CMOCKA_LIBS)
tests_unit_loop_test_gate_LDADD = $(LOOP_LIBS) $(CMOCKA_LIBS)
tests_unit_loop_test_offload_LDADD = $(LOOP_LIBS) $(CMOCKA_LIBS)
tests_unit_loop_test_reactor_LDADD = $(LOOP_LIBS) $(CMOCKA_LIBS)
