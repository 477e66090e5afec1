# Measurements: built and run by `make bench`, never by `make check`.
BENCHES = tests/bench/bench_grpc tests/bench/bench_chunk tests/bench/bench_wire
BENCHES += tests/bench/bench_text
BENCHES += tests/bench/bench_api
BENCHES += tests/bench/bench_http
BENCHES += tests/bench/bench_promql
BENCHES += tests/bench/bench_block
BENCHES += tests/bench/bench_head
BENCHES += tests/bench/bench_fanout
EXTRA_PROGRAMS += $(BENCHES) tests/bench/load_write tests/bench/load_w10

tests_bench_bench_api_LDADD = $(API_LIBS) -lm
tests_bench_bench_grpc_LDADD = $(GRPC_LIBS)
tests_bench_bench_block_LDADD = $(TSDB_LIBS)
tests_bench_bench_fanout_LDADD = $(QUERY_LIBS)
tests_bench_bench_http_LDADD = $(HTTP_LIBS)
tests_bench_bench_chunk_LDADD = $(CHUNK_LIBS)
tests_bench_bench_head_LDADD = $(TSDB_LIBS)
tests_bench_bench_wire_LDADD = $(SERIES_LIBS)

tests_bench_bench_promql_LDADD = $(PROMQL_LIBS)
tests_bench_load_write_SOURCES = tests/bench/load_write.c tests/bench/rw.c tests/bench/rw.h
tests_bench_load_write_LDADD = $(CODEC_LIBS) -lpthread
tests_bench_load_w10_SOURCES = tests/bench/load_w10.c tests/bench/rw.c tests/bench/rw.h
tests_bench_load_w10_LDADD = $(CODEC_LIBS)
tests_bench_bench_text_LDADD = $(CODEC_LIBS) $(METRICS_LIBS) -lm

EXTRA_DIST += tests/bench/ingest tests/bench/w10

.PHONY: bench
bench: $(BENCHES) thanos$(EXEEXT) tests/bench/load_write tests/bench/load_w10
	@for b in $(BENCHES); do echo "== $$b"; ./$$b || exit 1; done
	@echo "== ingest, against prometheus"; builddir=. $(srcdir)/tests/bench/ingest && builddir=. $(srcdir)/tests/bench/ingest --sync --pairs 1
	@echo "== PromQL, against a Prometheus 3"; builddir=. $(srcdir)/tests/bench/w10
