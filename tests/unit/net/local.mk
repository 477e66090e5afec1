NET_TESTS = tests/unit/net/test_addr tests/unit/net/test_conn tests/unit/net/test_dns
check_PROGRAMS += $(NET_TESTS)
tests_unit_net_test_addr_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
tests_unit_net_test_conn_SOURCES = tests/unit/net/test_conn.c tests/unit/net/certs.h
tests_unit_net_test_conn_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
tests_unit_net_test_dns_LDADD = $(NET_LIBS) $(CMOCKA_LIBS)
