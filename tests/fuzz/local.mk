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

check_PROGRAMS += $(FUZZ_TARGETS)
