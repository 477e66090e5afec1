/* The figures of TSDBs that dashboards know from Prometheus: their names, and what they say after known work. */
#include "unit/receive/rig.h"

#include "metrics/expose.h"

#define MINUTE 60000ll
#define RANGE (10 * MINUTE)
#define STEP 15000ll
#define T0 (1700000150000ll / RANGE * RANGE) /* begins a range */
#define SERIES 20
#define SAMPLES 120 /* three ranges */

static void co_write(struct rig *rig, int64_t t, size_t n, int want)
{
	struct strbuf b = { 0 };
	for (int i = 0; i < SERIES; i++) {
		char labels[64];
		snprintf(labels, sizeof(labels), "__name__=m,i=%02d", i);
		rig_add_run(&b, labels, t, STEP, (double)i, n);
	}
	assert_int_equal(co_rig_write(rig, &b, "acme"), want);
}

static void co_maintain(struct rig *rig)
{
	struct receive_db *db;
	struct err e;
	must(co_receive_dbs_get(rig->receive->dbs, STR("acme"), &db, &e), &e);
	must(co_receive_db_maintain(db, &e), &e);
	receive_dbs_put(rig->receive->dbs, db);
}

/* Names as in prometheus/tsdb, less those of what is not here (receive/tsdb_metrics.h). */
static const struct {
	const char *name, *type;
} names[] = {
	{ "blocks_loaded", "gauge" },
	{ "checkpoint_creations_failed_total", "counter" },
	{ "checkpoint_creations_total", "counter" },
	{ "compaction_duration_seconds", "histogram" },
	{ "compaction_populating_block", "gauge" },
	{ "compactions_failed_total", "counter" },
	{ "compactions_total", "counter" },
	{ "compactions_triggered_total", "counter" },
	{ "data_replay_duration_seconds", "gauge" },
	{ "exemplar_exemplars_appended_total", "counter" },
	{ "exemplar_exemplars_in_storage", "gauge" },
	{ "exemplar_last_exemplars_timestamp_seconds", "gauge" },
	{ "exemplar_max_exemplars", "gauge" },
	{ "exemplar_out_of_order_exemplars_total", "counter" },
	{ "exemplar_series_with_exemplars_in_storage", "gauge" },
	{ "head_chunks", "gauge" },
	{ "head_chunks_created_total", "counter" },
	{ "head_chunks_removed_total", "counter" },
	{ "head_chunks_storage_size_bytes", "gauge" },
	{ "head_gc_duration_seconds", "summary" },
	{ "head_max_time", "gauge" },
	{ "head_min_time", "gauge" },
	{ "head_out_of_order_samples_appended_total", "counter" },
	{ "head_samples_appended_total", "counter" },
	{ "head_series", "gauge" },
	{ "head_series_created_total", "counter" },
	{ "head_series_removed_total", "counter" },
	{ "head_truncations_total", "counter" },
	{ "lowest_timestamp", "gauge" },
	{ "mmap_chunk_corruptions_total", "counter" },
	{ "mmap_chunks_total", "counter" },
	{ "out_of_bound_samples_total", "counter" },
	{ "out_of_order_samples_total", "counter" },
	{ "out_of_order_wbl_completed_pages_total", "counter" },
	{ "out_of_order_wbl_page_flushes_total", "counter" },
	{ "out_of_order_wbl_record_part_writes_total", "counter" },
	{ "out_of_order_wbl_record_parts_bytes_written_total", "counter" },
	{ "out_of_order_wbl_segment_current", "gauge" },
	{ "out_of_order_wbl_storage_size_bytes", "gauge" },
	{ "reloads_failures_total", "counter" },
	{ "reloads_total", "counter" },
	{ "retention_limit_bytes", "gauge" },
	{ "retention_limit_seconds", "gauge" },
	{ "sample_ooo_delta", "histogram" },
	{ "size_retentions_total", "counter" },
	{ "storage_blocks_bytes", "gauge" },
	{ "time_retentions_total", "counter" },
	{ "too_old_samples_total", "counter" },
	{ "wal_completed_pages_total", "counter" },
	{ "wal_corruptions_total", "counter" },
	{ "wal_fsync_duration_seconds", "summary" },
	{ "wal_page_flushes_total", "counter" },
	{ "wal_record_bytes_saved_total", "counter" },
	{ "wal_record_part_writes_total", "counter" },
	{ "wal_record_parts_bytes_written_total", "counter" },
	{ "wal_replay_unknown_refs_total", "counter" },
	{ "wal_segment_current", "gauge" },
	{ "wal_storage_size_bytes", "gauge" },
	{ "wal_truncate_duration_seconds", "summary" },
	{ "wal_truncations_failed_total", "counter" },
	{ "wal_truncations_total", "counter" },
	{ "wal_writes_failed_total", "counter" },
	{ "wbl_replay_unknown_refs_total", "counter" },
};

/* Each has its type, a help text, and a line for the tenant. */
static void check_names(const char *text)
{
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		char *type = xasprintf("\n# TYPE prometheus_tsdb_%s %s\n", names[i].name, names[i].type);
		char *help = xasprintf("# HELP prometheus_tsdb_%s ", names[i].name);
		const char *at = strstr(text, type), *said = strstr(text, help);
		if (!at || !said)
			fail_msg("missing: %s", type);
		assert_true(said[strlen(help)] != '\n');
		const char *end = strstr(at + 1, "\n# ");
		const char *tenant = strstr(at, "tenant=\"acme\"");
		if (!tenant || (end && tenant > end))
			fail_msg("not of the tenant: %s", names[i].name);
		free(type);
		free(help);
	}
}

static double value_of(const char *text, const char *series)
{
	char *line = xasprintf("\nprometheus_tsdb_%s ", series);
	const char *at = strstr(text, line);
	if (!at)
		fail_msg("missing: %s", series);
	double v = strtod(at + strlen(line), NULL);
	free(line);
	return v;
}

static struct strbuf exposed(struct rig *rig)
{
	struct strbuf text = { 0 };
	metrics_expose(rig->metrics, METRICS_TEXT, &text);
	check_names(text.p);
	return text;
}

#define OF(name) (value_of(text.p, name "{tenant=\"acme\"}"))

static void co_figures(struct rig *rig)
{
	co_write(rig, T0, SAMPLES, 200);
	struct strbuf text = exposed(rig);
	assert_true(OF("head_series") == SERIES);
	assert_true(value_of(text.p, "head_samples_appended_total{tenant=\"acme\",type=\"float\"}") ==
		    SERIES * SAMPLES);
	assert_true(OF("head_truncations_total") == 0);
	assert_true(OF("wal_page_flushes_total") >= 1);
	assert_true(OF("wal_record_part_writes_total") >= 2);
	assert_true(OF("wal_storage_size_bytes") >= OF("wal_record_parts_bytes_written_total"));
	assert_true(value_of(text.p, "wal_record_bytes_saved_total{tenant=\"acme\",compression=\"snappy\"}") > 0);
	strbuf_fini(&text);
	co_maintain(rig);
	text = exposed(rig);
	assert_true(OF("head_truncations_total") > 0);
	assert_true(OF("compactions_triggered_total") == 1);
	assert_true(OF("compaction_duration_seconds_count") >= OF("head_truncations_total"));
	assert_true(OF("compaction_populating_block") == 0);
	assert_true(OF("head_gc_duration_seconds_count") > 0);
	assert_true(OF("wal_truncations_total") > 0);
	assert_true(OF("reloads_total") > 0);
	assert_true(OF("head_chunks_created_total") == OF("head_chunks") + OF("head_chunks_removed_total"));
	assert_true(OF("head_chunks_removed_total") > 0);
	strbuf_fini(&text);
}

static void test_names_and_figures(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.cfg.head.chunk_range_ms = RANGE;
	rig.cfg.head.compression = HEAD_COMPRESS_SNAPPY;
	rig_run(&rig, co_figures);
}

static void co_late(struct rig *rig)
{
	co_write(rig, T0, SAMPLES, 200);
	co_write(rig, T0 + 9 * MINUTE + 1, 1, 200); /* late by 20 minutes and 45 seconds, less a millisecond */
	struct strbuf text = exposed(rig);
	assert_true(value_of(text.p, "head_out_of_order_samples_appended_total{tenant=\"acme\",type=\"float\"}") ==
		    SERIES);
	assert_true(value_of(text.p, "sample_ooo_delta_bucket{tenant=\"acme\",le=\"600\"}") == 0);
	assert_true(value_of(text.p, "sample_ooo_delta_bucket{tenant=\"acme\",le=\"1800\"}") == SERIES);
	assert_true(OF("sample_ooo_delta_count") == SERIES);
	double late = (119 * STEP - 9 * MINUTE - 1) / 1000.0 * SERIES;
	assert_true(OF("sample_ooo_delta_sum") > late - 0.001 && OF("sample_ooo_delta_sum") < late + 0.001);
	assert_true(OF("out_of_order_wbl_storage_size_bytes") > 0);
	strbuf_fini(&text);
}

static void test_how_late_samples_were(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig.cfg.head.chunk_range_ms = 6 * RANGE;
	rig.cfg.head.ooo_window_ms = 60 * MINUTE;
	rig_run(&rig, co_late);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_names_and_figures),
		cmocka_unit_test(test_how_late_samples_were),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
