# Measurements: built and run by `make bench`, never by `make check`.
BENCHES = tests/bench/bench_chunk tests/bench/bench_wire
EXTRA_PROGRAMS += $(BENCHES) tests/bench/load_write

tests_bench_bench_chunk_LDADD = $(CHUNK_LIBS)
tests_bench_bench_wire_LDADD = $(SERIES_LIBS)

tests_bench_load_write_LDADD = $(CODEC_LIBS) -lpthread

.PHONY: bench
bench: $(BENCHES)
	@for b in $(BENCHES); do echo "== $$b"; ./$$b || exit 1; done
