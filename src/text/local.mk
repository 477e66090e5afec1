EXTRA_DIST += src/text/duration.h src/text/env.h src/text/float.h src/text/glob.h \
	src/text/json_read.h src/text/json_write.h src/text/size.h src/text/ulid.h src/text/yaml.h
