# Measurements: built and run by `make bench`, never by `make check`.
BENCHES = tests/bench/bench_chunk tests/bench/bench_wire
EXTRA_PROGRAMS += $(BENCHES)

tests_bench_bench_chunk_LDADD = $(CHUNK_LIBS)
tests_bench_bench_wire_LDADD = $(SERIES_LIBS)

.PHONY: bench
bench: $(BENCHES)
	@for b in $(BENCHES); do echo "== $$b"; ./$$b || exit 1; done
