# Measurements: built and run by `make bench`, never by `make check`.
BENCHES = tests/bench/bench_chunk
EXTRA_PROGRAMS += $(BENCHES)

tests_bench_bench_chunk_LDADD = $(CHUNK_LIBS)

.PHONY: bench
bench: $(BENCHES)
	@for b in $(BENCHES); do echo "== $$b"; ./$$b || exit 1; done
