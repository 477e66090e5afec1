noinst_LIBRARIES += src/http/libhttp.a
src_http_libhttp_a_SOURCES = \
	src/http/client.c src/http/client.h src/http/client_internal.h \
	src/http/client_setup.c \
	src/http/common.c src/http/common.h \
	src/http/encode.c \
	src/http/h2.h src/http/h2_internal.h \
	src/http/h2_guard.c src/http/h2_guard.h \
	src/http/h2_ng.c \
	src/http/h2_server.c src/http/h2_server.h \
	src/http/h2_session.c \
	src/http/h2_stream.c \
	src/http/http.c src/http/http.h \
	src/http/http1.c src/http/http1.h \
	src/http/multipart.c src/http/multipart.h \
	src/http/http1_conn.c \
	src/http/internal.h \
	src/http/metrics.c src/http/metrics.h \
	src/http/probe.c src/http/probe.h \
	src/http/req.c src/http/req.h \
	src/http/resp.c \
	src/http/router.c src/http/router.h \
	src/http/server.c src/http/server.h \
	src/http/transport.h \
	src/http/web_config.c src/http/web_config.h src/http/web_config_internal.h \
	src/http/web_settings.c

HTTP_LIBS = src/http/libhttp.a $(NET_LIBS) $(CODEC_LIBS) $(METRICS_LIBS) $(TEXT_LIBS) $(NGHTTP2_LIBS) \
	$(CURL_LIBS) $(CRYPT_LIBS) $(BASE_LIBS)
