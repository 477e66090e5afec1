noinst_LIBRARIES += src/net/libnet.a
src_net_libnet_a_SOURCES = \
	src/net/addr.c src/net/addr.h \
	src/net/conn.c src/net/conn.h src/net/conn_internal.h \
	src/net/conn_plain.c \
	src/net/conn_tls.c \
	src/net/connect.c \
	src/net/dns.c src/net/dns.h \
	src/net/dns_provider.c \
	src/net/listener.c src/net/listener.h \
	src/net/metrics.c src/net/metrics.h \
	src/net/tls.c src/net/tls.h \
	src/net/tls_names.c src/net/tls_names.h

NET_LIBS = src/net/libnet.a $(LOOP_LIBS) $(METRICS_LIBS) $(TEXT_LIBS) $(OPENSSL_LIBS) $(CARES_LIBS) $(BASE_LIBS)
