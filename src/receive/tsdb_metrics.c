#include "receive/tsdb_metrics.h"

#include "base/arena.h"
#include "base/assert.h"
#include "base/compiler.h"
#include "metrics/metrics.h"
#include "receive/dbs.h"
#include "tsdb/head.h"
#include "tsdb/wal.h"

#include <string.h>

/* What a tenant's figures are taken from. */
struct source {
	struct head_stats head;
	struct receive_db_stats db;
	const struct receive_db_config *cfg;
};

/* --- numbers ------------------------------------------------------------------------------ */

/* Declares `static double name(const struct source *s)` that returns an expression. */
#define FIGURE(name, expr) \
	static double name(const struct source *s) \
	{ \
		return (double)(expr); \
	}

FIGURE(series, s->head.series)
FIGURE(created, s->head.series_created)
FIGURE(removed, s->head.series_removed)
FIGURE(chunks, s->head.chunks)
FIGURE(chunks_created, s->head.chunks + s->head.chunks_removed)
FIGURE(chunks_removed, s->head.chunks_removed)
FIGURE(chunks_filed, s->head.chunks_filed)
FIGURE(chunk_files, s->head.chunk_file_bytes)
FIGURE(chunk_corruptions, s->db.replay.chunk_corruptions)
FIGURE(floats, s->head.samples)
FIGURE(histograms, s->head.histograms)
FIGURE(ooo_floats, s->head.ooo_samples - s->head.ooo_histograms)
FIGURE(ooo_histograms, s->head.ooo_histograms)
FIGURE(min_time, s->head.min_time)
FIGURE(max_time, s->head.max_time)
FIGURE(truncations, s->db.truncations)
FIGURE(exemplars, s->head.exemplars)
FIGURE(exemplars_appended, s->head.exemplars_appended)
FIGURE(exemplars_max, s->cfg->head.max_exemplars)
FIGURE(exemplars_out_of_order, s->head.refused[HEAD_EXEMPLAR_OUT_OF_ORDER])
FIGURE(exemplar_series, s->head.exemplar_series)
FIGURE(oldest_exemplar, (double)s->head.oldest_exemplar / 1000)
FIGURE(bounds_floats, s->head.refused[HEAD_OUT_OF_BOUNDS] - s->head.refused_histograms[HEAD_OUT_OF_BOUNDS])
FIGURE(order_floats, s->head.refused[HEAD_OUT_OF_ORDER] - s->head.refused_histograms[HEAD_OUT_OF_ORDER])
FIGURE(order_histograms, s->head.refused_histograms[HEAD_OUT_OF_ORDER])
FIGURE(old_floats, s->head.refused[HEAD_TOO_OLD] - s->head.refused_histograms[HEAD_TOO_OLD])
FIGURE(blocks, s->db.blocks)
FIGURE(block_bytes, s->db.block_bytes)
FIGURE(reloads, s->db.reloads)
FIGURE(reloads_failed, s->db.reloads_failed)
FIGURE(compactions, s->db.compactions)
FIGURE(compactions_failed, s->db.compactions_failed)
FIGURE(compactions_triggered, s->db.compactions_triggered)
FIGURE(cutting, s->db.cutting)
FIGURE(checkpoints, s->db.checkpoints)
FIGURE(checkpoints_failed, s->db.checkpoints_failed)
FIGURE(log_truncations, s->db.log_truncation.n)
FIGURE(time_retentions, s->db.time_retentions)
FIGURE(size_retentions, s->db.size_retentions)
FIGURE(commits_failed, s->db.commits_failed)
FIGURE(corruptions, s->db.replay.corruptions)
FIGURE(replay, (double)s->db.replay_ms / 1000)
FIGURE(lowest, s->db.min_time)
FIGURE(retention_bytes, s->cfg->retention_bytes)
FIGURE(retention_seconds, (double)s->cfg->retention_ms / 1000)
FIGURE(saved, s->head.wal.saved_bytes)

/* Likewise for what both logs have: wal_name and wbl_name. */
#define LOG_FIGURE(name, expr) \
	static double log_##name(const struct head_log_stats *l) \
	{ \
		return (double)(expr); \
	} \
	FIGURE(wal_##name, log_##name(&s->head.wal)) \
	FIGURE(wbl_##name, log_##name(&s->head.wbl))

LOG_FIGURE(bytes, l->bytes)
LOG_FIGURE(segment, l->segment)
LOG_FIGURE(pages, l->bytes / WAL_PAGE)
LOG_FIGURE(writes, l->writes)
LOG_FIGURE(parts, l->parts)
LOG_FIGURE(part_bytes, l->part_bytes)

FIGURE(unknown_samples, s->db.replay.unknown[0][HEAD_UNKNOWN_SAMPLES])
FIGURE(unknown_histograms, s->db.replay.unknown[0][HEAD_UNKNOWN_HISTOGRAMS])
FIGURE(unknown_exemplars, s->db.replay.unknown[0][HEAD_UNKNOWN_EXEMPLARS])
FIGURE(unknown_tombstones, s->db.replay.unknown[0][HEAD_UNKNOWN_TOMBSTONES])
FIGURE(wbl_unknown_samples, s->db.replay.unknown[1][HEAD_UNKNOWN_SAMPLES])
FIGURE(wbl_unknown_histograms, s->db.replay.unknown[1][HEAD_UNKNOWN_HISTOGRAMS])
FIGURE(wbl_unknown_markers, s->db.replay.unknown[1][HEAD_UNKNOWN_MARKERS])

/* --- sums and distributions ---------------------------------------------------------------- */

static struct summary of_times(struct receive_db_times t)
{
	return (struct summary){ t.n, (double)t.ns / 1e9 };
}

static void commits(const struct source *s, struct summary *ret)
{
	*ret = (struct summary){ (uint64_t)s->db.commits, (double)s->db.commit_ns / 1e9 };
}

static void gc(const struct source *s, struct summary *ret)
{
	*ret = of_times(s->db.gc);
}

static void log_truncation(const struct source *s, struct summary *ret)
{
	*ret = of_times(s->db.log_truncation);
}

static void cut_times(const struct source *s, struct metrics_histogram *ret)
{
	memcpy(ret->buckets, s->db.cut_times.n, sizeof(s->db.cut_times.n));
	ret->sum = s->db.cut_times.sum_s;
}

static void delays(const struct source *s, struct metrics_histogram *ret)
{
	memcpy(ret->buckets, s->head.ooo_delays.n, sizeof(s->head.ooo_delays.n));
	ret->sum = s->head.ooo_delays.sum_s;
}

/* Bounds of upstream's tsdb/compact.go. */
static const double cut_bounds[RECEIVE_DB_CUT_BOUNDS] = {
	1, 2, 4, 8, 16, 32, 64, 128, 256, 512, 1024, 2048, 4096, 8192
};

/* --- the table --------------------------------------------------------------------------------- */

#define TSDB "prometheus_tsdb_"
#define HEAD TSDB "head_"
#define EXEMPLAR TSDB "exemplar_"
#define WAL TSDB "wal_"
#define WBL TSDB "out_of_order_wbl_"

/*
 * One figure: `number`, `sum` or `spread` reads it. Names that end in _total are counters. With `label` the figure has that label
 * beside the tenant; figures of one name follow each other.
 */
static const struct figure {
	const char *name, *help;
	double (*number)(const struct source *s);
	const char *label, *value;
	void (*sum)(const struct source *s, struct summary *ret);
	void (*spread)(const struct source *s, struct metrics_histogram *ret);
	const double *bounds;
	size_t n_bounds;
} figures[] = {
	{ HEAD "series", "Series in the head.", series },
	{ HEAD "series_created_total", "Series created in the head.", created },
	{ HEAD "series_removed_total", "Series removed from the head.", removed },
	{ HEAD "chunks", "Chunks in the head.", chunks },
	{ HEAD "chunks_created_total", "Chunks begun in the head, or read from its files at start.", chunks_created },
	{ HEAD "chunks_removed_total", "Chunks removed from the head.", chunks_removed },
	{ HEAD "chunks_storage_size_bytes", "Size of the files of closed chunks.", chunk_files },
	{ HEAD "samples_appended_total", "Samples appended.", floats, "type", "float" },
	{ HEAD "samples_appended_total", "Samples appended.", histograms, "type", "histogram" },
	{ HEAD "out_of_order_samples_appended_total", "Samples appended out of order.", ooo_floats, "type", "float" },
	{ HEAD "out_of_order_samples_appended_total", "Samples appended out of order.", ooo_histograms, "type",
	  "histogram" },
	{ HEAD "min_time", "Time of the oldest sample in the head, ms.", min_time },
	{ HEAD "max_time", "Time of the newest sample in the head, ms.", max_time },
	{ HEAD "truncations_total", "Times that the head gave up samples which a block holds.", truncations },
	{ HEAD "gc_duration_seconds", "Time spent freeing what the head gave up, by truncation.", .sum = gc },
	{ TSDB "mmap_chunks_total", "Chunks of the head written to files, which are mapped.", chunks_filed },
	{ TSDB "mmap_chunk_corruptions_total", "Damaged places found in files of chunks.", chunk_corruptions },
	{ EXEMPLAR "exemplars_in_storage", "Exemplars held.", exemplars },
	{ EXEMPLAR "exemplars_appended_total", "Exemplars appended.", exemplars_appended },
	{ EXEMPLAR "max_exemplars", "Most exemplars held.", exemplars_max },
	{ EXEMPLAR "out_of_order_exemplars_total", "Exemplars refused as out of order.", exemplars_out_of_order },
	{ EXEMPLAR "series_with_exemplars_in_storage", "Series of which exemplars are held.", exemplar_series },
	{ EXEMPLAR "last_exemplars_timestamp_seconds", "Time of the exemplar that is given up next.", oldest_exemplar },
	{ TSDB "out_of_order_samples_total", "Samples refused as out of order.", order_floats, "type", "float" },
	{ TSDB "out_of_order_samples_total", "Samples refused as out of order.", order_histograms, "type",
	  "histogram" },
	{ TSDB "out_of_bound_samples_total", "Samples refused as out of bounds.", bounds_floats, "type", "float" },
	{ TSDB "too_old_samples_total", "Samples refused as older than the window.", old_floats, "type", "float" },
	{ TSDB "sample_ooo_delta", "By how many seconds samples out of order were late.", .spread = delays,
	  .bounds = head_delay_bounds, .n_bounds = HEAD_DELAYS },
	{ TSDB "blocks_loaded", "Blocks loaded.", blocks },
	{ TSDB "storage_blocks_bytes", "Bytes of all blocks.", block_bytes },
	{ TSDB "reloads_total", "Times that the set of blocks was read from disk.", reloads },
	{ TSDB "reloads_failures_total", "Times that reading the set of blocks failed.", reloads_failed },
	{ TSDB "compactions_total", "Cuts of the head into blocks.", compactions },
	{ TSDB "compactions_failed_total", "Cuts that failed.", compactions_failed },
	{ TSDB "compactions_triggered_total", "Times that cuts were due.", compactions_triggered },
	{ TSDB "compaction_populating_block", "1 while a block is being cut.", cutting },
	{ TSDB "compaction_duration_seconds", "Time that cuts took.", .spread = cut_times, .bounds = cut_bounds,
	  .n_bounds = RECEIVE_DB_CUT_BOUNDS },
	{ TSDB "checkpoint_creations_total", "Checkpoints of the log.", checkpoints },
	{ TSDB "checkpoint_creations_failed_total", "Checkpoints that failed.", checkpoints_failed },
	{ TSDB "time_retentions_total", "Blocks deleted for their age.", time_retentions },
	{ TSDB "size_retentions_total", "Blocks deleted for the size of all.", size_retentions },
	{ TSDB "data_replay_duration_seconds", "Time that opening took.", replay },
	{ TSDB "lowest_timestamp", "Time of the oldest sample in blocks and head, ms.", lowest },
	{ TSDB "retention_limit_bytes", "Most bytes of blocks kept; 0 is no limit.", retention_bytes },
	{ TSDB "retention_limit_seconds", "Age up to which blocks are kept; 0 is no limit.", retention_seconds },
	{ WAL "writes_failed_total", "Commits to the log that failed.", commits_failed },
	{ WAL "corruptions_total", "Damaged places found in log and chunk files.", corruptions },
	{ WAL "fsync_duration_seconds", "Duration of commits to the log: write and, by --tsdb.wal-sync, sync.",
	  .sum = commits },
	{ WAL "truncations_total", "Times that the log was shortened, or was to be.", log_truncations },
	{ WAL "truncations_failed_total", "Times that shortening the log failed.", checkpoints_failed },
	{ WAL "truncate_duration_seconds", "Time that shortening the log took.", .sum = log_truncation },
	{ WAL "storage_size_bytes", "Bytes written to the write-ahead log.", wal_bytes },
	{ WAL "segment_current", "Number of the log's segment that is written to.", wal_segment },
	{ WAL "completed_pages_total", "Pages of the log filled.", wal_pages },
	{ WAL "page_flushes_total", "Writes to the log.", wal_writes },
	{ WAL "record_part_writes_total", "Parts of records written, of which a page has at least one.", wal_parts },
	{ WAL "record_parts_bytes_written_total", "Bytes of parts of records with their headers.", wal_part_bytes },
	{ WAL "record_bytes_saved_total", "Bytes of records that compression saved.", saved, "compression", NULL },
	{ WAL "replay_unknown_refs_total", "Elements of the log whose series was not there.", unknown_samples, "type",
	  "samples" },
	{ WAL "replay_unknown_refs_total", "", unknown_histograms, "type", "histograms" },
	{ WAL "replay_unknown_refs_total", "", unknown_exemplars, "type", "exemplars" },
	{ WAL "replay_unknown_refs_total", "", unknown_tombstones, "type", "tombstones" },
	{ TSDB "wbl_replay_unknown_refs_total",
	  "Elements of the log of what is out of order whose series was not there.", wbl_unknown_samples, "type",
	  "samples" },
	{ TSDB "wbl_replay_unknown_refs_total", "", wbl_unknown_histograms, "type", "histograms" },
	{ TSDB "wbl_replay_unknown_refs_total", "", wbl_unknown_markers, "type", "mmap_markers" },
	{ WBL "storage_size_bytes", "Bytes written to the log of what is out of order.", wbl_bytes },
	{ WBL "segment_current", "Number of its segment that is written to.", wbl_segment },
	{ WBL "completed_pages_total", "Pages of it filled.", wbl_pages },
	{ WBL "page_flushes_total", "Writes to it.", wbl_writes },
	{ WBL "record_part_writes_total", "Parts of records written to it.", wbl_parts },
	{ WBL "record_parts_bytes_written_total", "Bytes of parts of its records with their headers.", wbl_part_bytes },
};

_Static_assert(ARRAY_LEN(figures) <= TSDB_METRICS_MAX, "room for every row");

static bool is_counter(const struct figure *f)
{
	return str_has_suffix(str_c(f->name), STR("_total"));
}

/* The value of the label beside the tenant. */
static const char *label_value(const struct figure *f, const struct source *s)
{
	static const char *const compressions[] = { "none", "snappy", "zstd" };
	return f->value ? f->value : compressions[s->cfg->head.compression];
}

/* Sets one figure of one tenant. */
static void set_figure(struct metrics_vec *v, const struct figure *f, const char *tenant, const struct source *s)
{
	const char *const *values = f->label ? METRICS_LABELS(tenant, label_value(f, s)) : METRICS_LABELS(tenant);
	if (f->sum)
		f->sum(s, metrics_summary_with(v, values));
	else if (f->spread)
		f->spread(s, metrics_histogram_with(v, values));
	else if (is_counter(f))
		metrics_counter_with(v, values)->v = f->number(s);
	else
		gauge_set(metrics_gauge_with(v, values), f->number(s));
}

/* Before every exposition: the figures of all tenants that are open. */
static void refresh(void *arg)
{
	struct tsdb_metrics *m = arg;
	struct receive_db **dbs;
	struct arena a;
	size_t n = 0;
	arena_init(&a, NULL);
	for (size_t f = 0; f < ARRAY_LEN(figures); f++)
		metrics_vec_clear(m->vec[f]);
	if (receive_dbs_all(m->dbs, &a, &dbs, &n, NULL) != 0)
		n = 0;
	for (size_t i = 0; i < n; i++) {
		struct source s = { .cfg = receive_db_config(dbs[i]) };
		head_stats(receive_db_head(dbs[i]), &s.head);
		receive_db_stats(dbs[i], &s.db);
		for (size_t f = 0; f < ARRAY_LEN(figures); f++)
			set_figure(m->vec[f], &figures[f], receive_db_tenant(dbs[i]), &s);
		receive_dbs_put(m->dbs, dbs[i]);
	}
	arena_fini(&a);
}

static struct metrics_vec *new_vec(struct metrics_registry *reg, const struct figure *f)
{
	const char *const *labels = f->label ? METRICS_LABELS("tenant", f->label) : METRICS_LABELS("tenant");
	if (f->sum)
		return metrics_summary_vec(reg, f->name, f->help, labels);
	if (f->spread)
		return metrics_histogram_vec(reg, f->name, f->help, labels, f->bounds, f->n_bounds);
	return is_counter(f) ? metrics_counter_vec(reg, f->name, f->help, labels)
			     : metrics_gauge_vec(reg, f->name, f->help, labels);
}

void tsdb_metrics_init(struct tsdb_metrics *m, struct metrics_registry *reg, struct receive_dbs *dbs)
{
	m->dbs = dbs;
	for (size_t f = 0; f < ARRAY_LEN(figures); f++)
		m->vec[f] = new_vec(reg, &figures[f]);
	metrics_on_collect(reg, refresh, m);
}

void tsdb_metrics_fini(struct tsdb_metrics *m, struct metrics_registry *reg)
{
	metrics_off_collect(reg, m);
}
