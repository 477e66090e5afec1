noinst_LIBRARIES += src/discovery/libdiscovery.a
src_discovery_libdiscovery_a_SOURCES = \
	src/discovery/discovery.c src/discovery/discovery.h \
	src/discovery/endpoint_yaml.c src/discovery/endpoint_yaml.h \
	src/discovery/file_sd.c src/discovery/file_sd.h \
	src/discovery/endpoint_spec.c src/discovery/endpoint_spec.h

DISCOVERY_LIBS = src/discovery/libdiscovery.a $(LABELS_LIBS) $(NET_LIBS) $(LOOP_LIBS) $(METRICS_LIBS) $(TEXT_LIBS)
