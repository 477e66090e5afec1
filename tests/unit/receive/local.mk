RECEIVE_TESTS = tests/unit/receive/test_blocks tests/unit/receive/test_faults tests/unit/receive/test_limits \
	tests/unit/receive/test_order tests/unit/receive/test_receive tests/unit/receive/test_services tests/unit/receive/test_tenant \
	tests/unit/receive/test_tsdb_metrics
check_PROGRAMS += $(RECEIVE_TESTS)
tests_unit_receive_test_blocks_SOURCES = tests/unit/receive/test_blocks.c tests/unit/receive/rig.h
tests_unit_receive_test_blocks_LDADD = $(RECEIVE_LIBS) $(CMOCKA_LIBS)
tests_unit_receive_test_faults_SOURCES = tests/unit/receive/test_faults.c tests/unit/receive/rig.h
tests_unit_receive_test_faults_LDADD = $(RECEIVE_LIBS) $(CMOCKA_LIBS)
tests_unit_receive_test_limits_LDADD = $(RECEIVE_LIBS) $(CMOCKA_LIBS)
tests_unit_receive_test_order_SOURCES = tests/unit/receive/test_order.c tests/unit/receive/rig.h
tests_unit_receive_test_order_LDADD = $(RECEIVE_LIBS) $(CMOCKA_LIBS)
tests_unit_receive_test_receive_SOURCES = tests/unit/receive/test_receive.c tests/unit/receive/rig.h
tests_unit_receive_test_receive_LDADD = $(RECEIVE_LIBS) $(CMOCKA_LIBS)
tests_unit_receive_test_tenant_LDADD = $(RECEIVE_LIBS) $(CMOCKA_LIBS)
tests_unit_receive_test_services_SOURCES = tests/unit/receive/test_services.c tests/unit/receive/rig.h
tests_unit_receive_test_services_LDADD = $(RECEIVE_LIBS) $(CMOCKA_LIBS)
tests_unit_receive_test_tsdb_metrics_SOURCES = tests/unit/receive/test_tsdb_metrics.c tests/unit/receive/rig.h
tests_unit_receive_test_tsdb_metrics_LDADD = $(RECEIVE_LIBS) $(CMOCKA_LIBS)
