noinst_LIBRARIES += src/http/libhttp.a
src_http_libhttp_a_SOURCES = \
	src/http/h2.h src/http/h2_internal.h \
	src/http/h2_guard.c src/http/h2_guard.h \
	src/http/h2_ng.c \
	src/http/h2_session.c \
	src/http/h2_stream.c

HTTP_LIBS = src/http/libhttp.a $(NET_LIBS) $(NGHTTP2_LIBS) $(CODEC_LIBS)
