/*
 * The head: making series, steady ingest with WAL, memory per series, selecting, label calls, replay.
 * Shape: 200,000 series of 10 labels (263 bytes), integer counters every 15 s.
 * All times are CPU times. Usage: bench_head [series] [rounds], or bench_head replay series rounds dir times: what a
 * first run leaves in `dir` is replayed again and again.
 */
#include "base/file.h"
#include "base/mem.h"
#include "codec/varint.h"
#include "labels/matcher.h"
#include "tsdb/head.h"

#include <stdio.h>
#include <stdlib.h>
#include <time.h>
#include <unistd.h>

#define REQUEST 2000
#define START 1700000000000

struct job {
	size_t n_series, rounds;
	struct hash128 *keys;
	char dir[64];
	struct head *h;
};

static void must(int rc, const struct err *e)
{
	if (rc < 0) {
		fprintf(stderr, "%s\n", e->msg);
		exit(1);
	}
}

/* CPU time: the machine may be busy. */
static double now_s(void)
{
	struct timespec t;
	clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
	return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double rss_bytes(void)
{
	long total, rss = 0;
	FILE *f = fopen("/proc/self/statm", "r");
	if (!f || fscanf(f, "%ld %ld", &total, &rss) != 2)
		exit(1);
	fclose(f);
	return (double)rss * (double)sysconf(_SC_PAGESIZE);
}

/* The labels of series i; strings are overwritten by the next call. */
static struct labels make_labels(size_t i)
{
	static char metric[64], cpu[16], instance[64], pod[64];
	static struct label p[10];
	snprintf(metric, sizeof(metric), "node_benchmark_metric_number_%03zu_total", i % 200);
	snprintf(cpu, sizeof(cpu), "%zu", i / 200 % 64);
	snprintf(instance, sizeof(instance), "ip-10-0-%zu.eu-central-1.compute:9100", i / 12800);
	snprintf(pod, sizeof(pod), "node-exporter-%05zu", i / 12800);
	const struct label l[10] = {
		{ STR("__name__"), str_c(metric) },         { STR("cluster"), STR("production-eu-central-1a") },
		{ STR("container"), STR("node-exporter") }, { STR("cpu"), str_c(cpu) },
		{ STR("endpoint"), STR("https-metrics") },  { STR("instance"), str_c(instance) },
		{ STR("job"), STR("node_exporter") },       { STR("mode"), STR("user") },
		{ STR("namespace"), STR("monitoring") },    { STR("pod"), str_c(pod) },
	};
	memcpy(p, l, sizeof(l));
	return (struct labels){ p, 10 };
}

static void commit(struct head *h)
{
	struct err e;
	struct head_commit *c = head_commit_begin(h);
	if (!c)
		return;
	int rc = head_commit_run(c, false, &e);
	head_commit_end(h, c, rc);
	must(rc, &e);
}

static void flush(struct head *h)
{
	struct err e;
	struct head_flush *f = head_flush_begin(h, UINT64_MAX);
	if (!f)
		return;
	int rc = head_flush_run(f, &e);
	head_flush_end(h, f, rc);
	must(rc, &e);
}

static void open_head(struct job *j)
{
	struct err e;
	struct head_config cfg = { .dir = j->dir, .compression = HEAD_COMPRESS_SNAPPY, .never_sync = true };
	must(head_open(&j->h, &cfg, NULL, NULL, NULL, &e), &e);
}

static void create_some(struct job *j, size_t at, const struct labels *l, size_t n, struct strbuf *scratch)
{
	struct err e;
	for (size_t i = 0; i < n; i++) {
		struct head_series *s;
		j->keys[at + i] = head_key(l[i], scratch);
		must(head_series_get(j->h, j->keys[at + i], l[i], &s, NULL, &e), &e);
	}
	commit(j->h);
}

static void create(struct job *j)
{
	struct strbuf scratch = { 0 };
	struct arena a;
	double spent = 0;
	arena_init(&a, NULL);
	for (size_t at = 0; at < j->n_series; at += REQUEST) {
		struct arena_mark m = arena_mark(&a);
		struct labels *l = arena_array(&a, REQUEST, sizeof(*l));
		size_t n = j->n_series - at < REQUEST ? j->n_series - at : REQUEST;
		for (size_t i = 0; l && i < n; i++)
			must(labels_copy(make_labels(at + i), &a, &l[i], NULL), NULL);
		double t = now_s();
		create_some(j, at, l, n, &scratch);
		spent += now_s() - t;
		arena_rewind(&a, m);
	}
	printf("create series          %7.3f us/series\n", spent / (double)j->n_series * 1e6);
	strbuf_fini(&scratch);
	arena_fini(&a);
}

/* One request: REQUEST series from `at` on. */
static void request(struct job *j, size_t at, int64_t t)
{
	size_t end = at + REQUEST < j->n_series ? at + REQUEST : j->n_series;
	head_batch_begin(j->h, t);
	for (size_t i = at; i < end; i += HEAD_LOOKUP_MAX) {
		struct head_series *s[HEAD_LOOKUP_MAX];
		size_t n = end - i < HEAD_LOOKUP_MAX ? end - i : HEAD_LOOKUP_MAX;
		head_lookup(j->h, &j->keys[i], n, s);
		for (size_t k = 0; k < n; k++) {
			double v = (double)((t - START) / 15000 * 7 + (int64_t)(i + k) % 100);
			if (head_append(j->h, s[k], t, v) != HEAD_OK)
				exit(1);
		}
	}
}

static void ingest(struct job *j)
{
	double in_memory = 0, logged = 0, flushed = 0;
	for (size_t round = 0; round < j->rounds; round++) {
		int64_t t = START + (int64_t)round * 15000;
		for (size_t at = 0; at < j->n_series; at += REQUEST) {
			double t0 = now_s();
			request(j, at, t);
			double t1 = now_s();
			commit(j->h);
			logged += now_s() - t1;
			in_memory += t1 - t0;
		}
		double t0 = now_s();
		flush(j->h);
		flushed += now_s() - t0;
	}
	double n = (double)j->n_series * (double)j->rounds;
	printf("steady: lookup, append %7.1f ns/sample\n", in_memory / n * 1e9);
	printf("steady: WAL            %7.1f ns/sample\n", logged / n * 1e9);
	printf("steady: chunk files    %7.1f ns/sample\n", flushed / n * 1e9);
	printf("steady: all            %7.1f ns/sample\n", (in_memory + logged + flushed) / n * 1e9);
}

/* Prints what one call took, the best of some. */
static void timed(const char *what, struct job *j, struct matcher **m, size_t n_m, const char *label)
{
	double best = 1e9;
	size_t n = 0;
	for (int i = 0; i < 5; i++) {
		struct err e;
		struct arena a;
		struct str *names;
		uint32_t *ids;
		arena_init(&a, NULL);
		struct head_reader *r = head_reader_open(j->h, INT64_MIN, INT64_MAX);
		double t = now_s();
		if (!label)
			must(head_reader_select(r, m, n_m, false, &a, &ids, &n, &e), &e);
		else if (*label)
			must(head_reader_label_values(r, str_c(label), m, n_m, &a, &names, &n, &e), &e);
		else
			must(head_reader_label_names(r, m, n_m, &a, &names, &n, &e), &e);
		t = now_s() - t;
		best = t < best ? t : best;
		head_reader_close(r);
		arena_fini(&a);
	}
	printf("%-38s %8.1f us, %zu found\n", what, best * 1e6, n);
}

static struct matcher *matcher(enum matcher_type type, const char *name, const char *value)
{
	struct matcher *m;
	struct err e;
	must(matcher_compile(type, str_c(name), str_c(value), &m, &e), &e);
	return m;
}

static void reads(struct job *j)
{
	struct matcher *all = matcher(MATCH_EQ, "mode", "user"), *cpu = matcher(MATCH_EQ, "cpu", "7"),
		       *re = matcher(MATCH_RE, "__name__", ".*_1.*"), *not = matcher(MATCH_NEQ, "cpu", "7"),
		       *one = matcher(MATCH_EQ, "__name__", "node_benchmark_metric_number_007_total");
	timed("select: all", j, &all, 1, NULL);
	timed("select: all, one of 64", j, (struct matcher *[]){ all, cpu }, 2, NULL);
	timed("select: all, one of 64, one of 200", j, (struct matcher *[]){ all, cpu, one }, 3, NULL);
	timed("select: all, expression", j, (struct matcher *[]){ all, re }, 2, NULL);
	timed("select: all but one of 64", j, (struct matcher *[]){ all, not }, 2, NULL);
	timed("label values, 200", j, NULL, 0, "__name__");
	timed("label values, 200, of all that match", j, &all, 1, "__name__");
	timed("label values, 200, of a 64th", j, &cpu, 1, "__name__");
	timed("label values, 200, of 16", j, (struct matcher *[]){ one, cpu }, 2, "__name__");
	timed("label names of all that match", j, &all, 1, "");
	timed("label names of a 64th", j, &cpu, 1, "");
	struct matcher *const made[] = { all, cpu, re, not, one };
	for (size_t i = 0; i < ARRAY_LEN(made); i++)
		matcher_free(made[i]);
}

static void replay(struct job *j)
{
	double n = (double)j->n_series * (double)j->rounds, t = now_s();
	open_head(j);
	t = now_s() - t;
	struct head_stats st;
	head_stats(j->h, &st);
	printf("replay, with series    %7.1f ns/sample, %.2f s, %llu series\n", t / n * 1e9, t,
	       (unsigned long long)st.series);
	head_close(j->h);
}

/* As a crash leaves it early: no chunk files, all from the log. */
static void replay_log_only(struct job *j)
{
	char path[96];
	snprintf(path, sizeof(path), "%s/chunks_head", j->dir);
	must(file_remove_all(path, NULL), NULL);
	printf("without chunk files: ");
	replay(j);
}

/* The log is made if it is not there; then only replays, for profiles and comparisons. */
static int only_replay(char **argv)
{
	struct job j = { .n_series = strtoul(argv[2], NULL, 10), .rounds = strtoul(argv[3], NULL, 10) };
	snprintf(j.dir, sizeof(j.dir), "%s", argv[4]);
	if (!file_exists(j.dir)) {
		j.keys = xcalloc(j.n_series, sizeof(*j.keys));
		open_head(&j);
		create(&j);
		ingest(&j);
		head_close(j.h);
		free(j.keys);
	}
	for (unsigned long i = strtoul(argv[5], NULL, 10); i > 0; i--)
		replay(&j);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 6 && strcmp(argv[1], "replay") == 0)
		return only_replay(argv);
	struct job j = { .n_series = argc > 1 ? strtoul(argv[1], NULL, 10) : 200000,
			 .rounds = argc > 2 ? strtoul(argv[2], NULL, 10) : 60,
			 .dir = "/tmp/bench-head-XXXXXX" };
	struct head_stats st;
	if (!mkdtemp(j.dir))
		return 1;
	j.keys = xcalloc(j.n_series, sizeof(*j.keys));
	memset(j.keys, 1, j.n_series * sizeof(*j.keys));
	open_head(&j);
	double before = rss_bytes();
	create(&j);
	printf("RSS after creation     %7.0f bytes/series\n", (rss_bytes() - before) / (double)j.n_series);
	ingest(&j);
	head_stats(j.h, &st);
	printf("RSS after ingest       %7.0f bytes/series\n", (rss_bytes() - before) / (double)j.n_series);
	printf("WAL                    %7.2f bytes/sample, chunk files %.2f\n",
	       (double)st.wal_bytes / (double)st.samples, (double)st.chunk_file_bytes / (double)st.samples);
	reads(&j);
	head_close(j.h);
	replay(&j);
	replay_log_only(&j);
	free(j.keys);
	must(file_remove_all(j.dir, NULL), NULL);
	return 0;
}
