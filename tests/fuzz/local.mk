# Fuzz targets. With --enable-fuzzers (clang) each is a libFuzzer program, and `make fuzz-smoke` fuzzes each for
# FUZZ_SECONDS; without, tests/fuzz/replay.c runs the seeds of tests/fuzz/corpus/<name>/ through it.
#
# A target adds: its program to FUZZ_TARGETS, its _SOURCES (with $(FUZZ_MAIN)) and its _LDADD.
if FUZZERS
FUZZ_MAIN =
else
FUZZ_MAIN = tests/fuzz/replay.c
endif
FUZZ_TARGETS =

FUZZ_TARGETS += tests/fuzz/fuzz_api_param
tests_fuzz_fuzz_api_param_SOURCES = tests/fuzz/fuzz_api_param.c $(FUZZ_MAIN)
tests_fuzz_fuzz_api_param_LDADD = $(API_LIBS) $(JANSSON_LIBS)
tests_fuzz_fuzz_api_param_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_gzip
tests_fuzz_fuzz_gzip_SOURCES = tests/fuzz/fuzz_gzip.c $(FUZZ_MAIN)
tests_fuzz_fuzz_gzip_LDADD = $(CODEC_LIBS)
tests_fuzz_fuzz_gzip_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_json
tests_fuzz_fuzz_json_SOURCES = tests/fuzz/fuzz_json.c $(FUZZ_MAIN)
tests_fuzz_fuzz_json_LDADD = $(TEXT_LIBS)
tests_fuzz_fuzz_json_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_number
tests_fuzz_fuzz_number_SOURCES = tests/fuzz/fuzz_number.c $(FUZZ_MAIN)
tests_fuzz_fuzz_number_LDADD = $(TEXT_LIBS)
tests_fuzz_fuzz_number_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_promql_eval
tests_fuzz_fuzz_promql_eval_SOURCES = tests/fuzz/fuzz_promql_eval.c $(FUZZ_MAIN)
tests_fuzz_fuzz_promql_eval_LDADD = $(PROMQL_LIBS)
tests_fuzz_fuzz_promql_eval_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_read
tests_fuzz_fuzz_read_SOURCES = tests/fuzz/fuzz_read.c $(FUZZ_MAIN)
tests_fuzz_fuzz_read_LDADD = $(SERIES_LIBS)
tests_fuzz_fuzz_read_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_snappy
tests_fuzz_fuzz_snappy_SOURCES = tests/fuzz/fuzz_snappy.c $(FUZZ_MAIN)
tests_fuzz_fuzz_snappy_LDADD = $(CODEC_LIBS)
tests_fuzz_fuzz_snappy_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_yaml
tests_fuzz_fuzz_yaml_SOURCES = tests/fuzz/fuzz_yaml.c $(FUZZ_MAIN)
tests_fuzz_fuzz_yaml_LDADD = $(TEXT_LIBS)
tests_fuzz_fuzz_yaml_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_zstd
tests_fuzz_fuzz_zstd_SOURCES = tests/fuzz/fuzz_zstd.c $(FUZZ_MAIN)
tests_fuzz_fuzz_zstd_LDADD = $(CODEC_LIBS)
tests_fuzz_fuzz_zstd_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_chunk
tests_fuzz_fuzz_chunk_SOURCES = tests/fuzz/fuzz_chunk.c $(FUZZ_MAIN)
tests_fuzz_fuzz_chunk_LDADD = $(CHUNK_LIBS)
tests_fuzz_fuzz_chunk_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_block_files tests/fuzz/fuzz_index
tests_fuzz_fuzz_block_files_SOURCES = tests/fuzz/fuzz_block_files.c $(FUZZ_MAIN)
tests_fuzz_fuzz_block_files_LDADD = $(TSDB_LIBS)
tests_fuzz_fuzz_block_files_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_index_SOURCES = tests/fuzz/fuzz_index.c $(FUZZ_MAIN)
tests_fuzz_fuzz_index_LDADD = $(TSDB_LIBS)
tests_fuzz_fuzz_index_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_head_chunks tests/fuzz/fuzz_record tests/fuzz/fuzz_wal
tests_fuzz_fuzz_head_chunks_SOURCES = tests/fuzz/fuzz_head_chunks.c $(FUZZ_MAIN)
tests_fuzz_fuzz_head_chunks_LDADD = $(TSDB_LIBS)
tests_fuzz_fuzz_head_chunks_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_record_SOURCES = tests/fuzz/fuzz_record.c tests/fuzz/record_walk.h $(FUZZ_MAIN)
tests_fuzz_fuzz_record_LDADD = $(TSDB_LIBS)
tests_fuzz_fuzz_record_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_wal_SOURCES = tests/fuzz/fuzz_wal.c tests/fuzz/record_walk.h $(FUZZ_MAIN)
tests_fuzz_fuzz_wal_LDADD = $(TSDB_LIBS)
tests_fuzz_fuzz_wal_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_matcher
tests_fuzz_fuzz_matcher_SOURCES = tests/fuzz/fuzz_matcher.c $(FUZZ_MAIN)
tests_fuzz_fuzz_matcher_LDADD = $(LABELS_LIBS)
tests_fuzz_fuzz_matcher_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_relabel
tests_fuzz_fuzz_relabel_SOURCES = tests/fuzz/fuzz_relabel.c $(FUZZ_MAIN)
tests_fuzz_fuzz_relabel_LDADD = $(LABELS_LIBS)
tests_fuzz_fuzz_relabel_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_store
tests_fuzz_fuzz_store_SOURCES = tests/fuzz/fuzz_store.c $(FUZZ_MAIN)
tests_fuzz_fuzz_store_LDADD = $(SERIES_LIBS)
tests_fuzz_fuzz_store_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_write
tests_fuzz_fuzz_write_SOURCES = tests/fuzz/fuzz_write.c $(FUZZ_MAIN)
tests_fuzz_fuzz_write_LDADD = $(SERIES_LIBS)
tests_fuzz_fuzz_write_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_promql
tests_fuzz_fuzz_promql_SOURCES = tests/fuzz/fuzz_promql.c $(FUZZ_MAIN)
tests_fuzz_fuzz_promql_LDADD = $(PROMQL_LIBS)
tests_fuzz_fuzz_promql_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_grpc_inbox tests/fuzz/fuzz_h2
tests_fuzz_fuzz_grpc_inbox_SOURCES = tests/fuzz/fuzz_grpc_inbox.c $(FUZZ_MAIN)
tests_fuzz_fuzz_grpc_inbox_LDADD = $(GRPC_LIBS)
tests_fuzz_fuzz_grpc_inbox_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)
tests_fuzz_fuzz_h2_SOURCES = tests/fuzz/fuzz_h2.c $(FUZZ_MAIN)
tests_fuzz_fuzz_h2_LDADD = $(GRPC_LIBS)
tests_fuzz_fuzz_h2_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_http1
tests_fuzz_fuzz_http1_SOURCES = tests/fuzz/fuzz_http1.c $(FUZZ_MAIN)
tests_fuzz_fuzz_http1_LDADD = $(HTTP_LIBS)
tests_fuzz_fuzz_http1_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_multipart
tests_fuzz_fuzz_multipart_SOURCES = tests/fuzz/fuzz_multipart.c $(FUZZ_MAIN)
tests_fuzz_fuzz_multipart_LDADD = $(HTTP_LIBS)
tests_fuzz_fuzz_multipart_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_below
tests_fuzz_fuzz_below_SOURCES = tests/fuzz/fuzz_below.c $(FUZZ_MAIN)
tests_fuzz_fuzz_below_LDADD = $(QUERY_LIBS) $(JANSSON_LIBS)
tests_fuzz_fuzz_below_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

FUZZ_TARGETS += tests/fuzz/fuzz_endpoints
tests_fuzz_fuzz_endpoints_SOURCES = tests/fuzz/fuzz_endpoints.c $(FUZZ_MAIN)
tests_fuzz_fuzz_endpoints_LDADD = $(DISCOVERY_LIBS)
tests_fuzz_fuzz_endpoints_LDFLAGS = $(AM_LDFLAGS) $(FUZZ_LDFLAGS)

if FUZZERS
# As tests they would fuzz for ever; tests/fuzz/smoke runs every seed once.
noinst_PROGRAMS += $(FUZZ_TARGETS)
TESTS += tests/fuzz/smoke
else
check_PROGRAMS += $(FUZZ_TARGETS)
endif
EXTRA_DIST += tests/fuzz/smoke

FUZZ_SECONDS = 5
.PHONY: fuzz-smoke
fuzz-smoke: $(FUZZ_TARGETS)
	srcdir=$(srcdir) $(srcdir)/tests/fuzz/smoke --seconds $(FUZZ_SECONDS)
