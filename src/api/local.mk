EXTRA_DIST += src/api/backend.h src/api/param.h src/api/prom.h src/api/reply.h src/api/result.h src/api/status.h
