# Fuzz targets. With --enable-fuzzers (clang) each is a libFuzzer program; without,
# tests/fuzz/replay.c runs the seeds of tests/fuzz/corpus/<name>/ through it.
#
# A target adds: its program to FUZZ_TARGETS, its _SOURCES (with $(FUZZ_MAIN)) and its _LDADD.
if FUZZERS
FUZZ_MAIN =
else
FUZZ_MAIN = tests/fuzz/replay.c
endif
FUZZ_TARGETS =

FUZZ_TARGETS += tests/fuzz/fuzz_chunk
tests_fuzz_fuzz_chunk_SOURCES = tests/fuzz/fuzz_chunk.c $(FUZZ_MAIN)
tests_fuzz_fuzz_chunk_LDADD = $(CHUNK_LIBS)
tests_fuzz_fuzz_chunk_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

check_PROGRAMS += $(FUZZ_TARGETS)
