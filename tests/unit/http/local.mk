HTTP_TESTS = \
	tests/unit/http/test_client \
	tests/unit/http/test_common \
	tests/unit/http/test_h2_guard \
	tests/unit/http/test_h2_server \
	tests/unit/http/test_http \
	tests/unit/http/test_http1 \
	tests/unit/http/test_multipart \
	tests/unit/http/test_router \
	tests/unit/http/test_server \
	tests/unit/http/test_web_config
check_PROGRAMS += $(HTTP_TESTS)
tests_unit_http_test_client_SOURCES = tests/unit/http/test_client.c tests/unit/net/certs.h
tests_unit_http_test_client_LDADD = $(HTTP_LIBS) $(CMOCKA_LIBS)
tests_unit_http_test_common_SOURCES = tests/unit/http/test_common.c tests/unit/http/peer.h
tests_unit_http_test_common_LDADD = $(HTTP_LIBS) $(CMOCKA_LIBS)
tests_unit_http_test_h2_guard_LDADD = $(HTTP_LIBS) $(CMOCKA_LIBS)
tests_unit_http_test_h2_server_LDADD = $(HTTP_LIBS) $(CMOCKA_LIBS)
tests_unit_http_test_http_LDADD = $(HTTP_LIBS) $(CMOCKA_LIBS)
tests_unit_http_test_http1_SOURCES = tests/unit/http/test_http1.c tests/unit/http/bad_heads.h
tests_unit_http_test_http1_LDADD = $(HTTP_LIBS) $(CMOCKA_LIBS)
tests_unit_http_test_multipart_LDADD = $(HTTP_LIBS) $(CMOCKA_LIBS)
tests_unit_http_test_router_LDADD = $(HTTP_LIBS) $(CMOCKA_LIBS)
tests_unit_http_test_server_SOURCES = tests/unit/http/test_server.c tests/unit/http/bad_heads.h tests/unit/http/peer.h
tests_unit_http_test_server_LDADD = $(HTTP_LIBS) $(CMOCKA_LIBS)
tests_unit_http_test_web_config_SOURCES = tests/unit/http/test_web_config.c tests/unit/http/peer.h tests/unit/net/certs.h
tests_unit_http_test_web_config_LDADD = $(HTTP_LIBS) $(CMOCKA_LIBS)
