#include "unit/receive/rig.h"

#include "proto/info.pb-c.h"
#include "grpc/pb.h"

#include <sys/wait.h>

#define MINUTE 60000ll
#define RANGE (10 * MINUTE)
#define STEP 15000ll
#define T0 (1700000150000ll / RANGE * RANGE) /* begins a range */
#define SERIES 20

/* --- what the tests share ------------------------------------------------------------------ */

/* Writes `n` samples of every series from time `t` on; values are (t - T0) / STEP + 1000 * series. */
static void co_write(struct rig *rig, int64_t t, size_t n, int want)
{
	for (size_t at = 0; at < n; at += 40) {
		struct strbuf b = { 0 };
		for (int i = 0; i < SERIES; i++) {
			char labels[64];
			snprintf(labels, sizeof(labels), "__name__=m,i=%02d", i);
			int64_t from = t + (int64_t)at * STEP;
			rig_add_run(&b, labels, from, STEP, (double)((from - T0) / STEP + 1000 * i), MIN(n - at, 40));
		}
		assert_int_equal(co_rig_write(rig, &b, "acme"), want);
	}
}

/* Counts all samples of `name` in [mint, maxt]; rig_print checks that what is there twice is the same. */
static size_t co_count(struct rig *rig, int64_t mint, int64_t maxt)
{
	const struct wire_matcher m = { MATCH_EQ, STR("__name__"), STR("m") };
	struct series_request req = { .mint = mint, .maxt = maxt, .matchers = &m, .n_matchers = 1, .batch_size = 16 };
	struct rig_result r;
	co_rig_series(rig, &req, &r);
	must(-r.code, &r.err);
	size_t n = r.samples;
	assert_true(r.series <= SERIES);
	rig_result_fini(&r);
	return n;
}

static struct receive_db *co_db(struct rig *rig)
{
	struct receive_db *db;
	struct err e;
	must(co_receive_dbs_get(rig->receive->dbs, STR("acme"), &db, &e), &e);
	return db;
}

static struct receive_db_stats co_maintain(struct rig *rig)
{
	struct receive_db *db = co_db(rig);
	struct receive_db_stats st;
	struct err e;
	must(co_receive_db_maintain(db, &e), &e);
	receive_db_stats(db, &st);
	receive_dbs_put(rig->receive->dbs, db);
	return st;
}

static int64_t co_info_min_time(struct rig *rig)
{
	Thanos__Info__InfoRequest req = THANOS__INFO__INFO_REQUEST__INIT;
	Thanos__Info__InfoResponse *resp;
	struct arena a;
	struct err e;
	arena_init(&a, NULL);
	must(co_grpc_unary_pb(rig->channel, "/thanos.info.Info/Info", NULL, &req,
			      &thanos__info__info_response__descriptor, &a, (void **)&resp, &e),
	     &e);
	int64_t t = resp->store->min_time;
	arena_fini(&a);
	return t;
}

static void init(struct rig *rig)
{
	rig_init(rig);
	rig->cfg.head.chunk_range_ms = RANGE;
}

/* Runs promtool on the tenant's directory; its output, or NULL where there is no promtool. */
static char *promtool(struct rig *rig, const char *command)
{
	if (system("command -v promtool > /dev/null") != 0)
		return NULL;
	char *line = xasprintf("promtool tsdb %s %s/acme 2>&1", command, rig->dir);
	FILE *f = popen(line, "r");
	struct strbuf out = { 0 };
	char buf[4096];
	size_t n;
	assert_non_null(f);
	while ((n = fread(buf, 1, sizeof(buf), f)) > 0)
		strbuf_add(&out, buf, n);
	int status = pclose(f);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("%s: %s", line, out.p);
	free(line);
	strbuf_add(&out, "", 0);
	return strbuf_steal(&out);
}

static size_t count_lines(const char *text, const char *with)
{
	size_t n = 0;
	for (const char *p = text; (p = strstr(p, with)); p += strlen(with))
		n++;
	return n;
}

/* --- cutting ---------------------------------------------------------------------------------- */

#define SAMPLES 500 /* of each series: over two hours */

static void co_cut(struct rig *rig)
{
	co_write(rig, T0, SAMPLES, 200);
	assert_int_equal(co_count(rig, T0, INT64_MAX), SERIES * SAMPLES);
	struct receive_db_stats st = co_maintain(rig);
	assert_int_equal(st.compactions, 11); /* of 125 minutes the last range and a half stay in the head */
	assert_int_equal(st.blocks, 11);
	assert_int_equal(st.compactions_failed, 0);
	assert_int_equal(st.checkpoints_failed, 0);
	assert_int_equal(co_count(rig, T0, INT64_MAX), SERIES * SAMPLES);
	assert_int_equal(co_count(rig, T0 + 3 * RANGE - STEP, T0 + 3 * RANGE), 2 * SERIES);
	assert_int_equal(co_info_min_time(rig), T0);
	co_rig_expect_strings(rig, NULL, ((struct label_request){ .start = T0, .end = T0 + 1 }),
			      "__name__,i,replica,tenant_id");
	const struct wire_matcher m = { MATCH_RE, STR("i"), STR("0[1-3]") };
	co_rig_expect_strings(rig, "i",
			      ((struct label_request){ .start = T0, .end = T0 + 1, .matchers = &m, .n_matchers = 1 }),
			      "01,02,03");
	/* After the cut more comes in, and what is too old is refused. */
	co_write(rig, T0 + SAMPLES * STEP, 10, 200);
	co_write(rig, T0 - 10 * STEP, 1, 409);
	assert_int_equal(co_count(rig, INT64_MIN, INT64_MAX), SERIES * (SAMPLES + 10));
	rig_stop(rig);
	rig_start(rig);
	assert_int_equal(co_count(rig, INT64_MIN, INT64_MAX), SERIES * (SAMPLES + 10));
	assert_int_equal(co_info_min_time(rig), T0);
}

static void check_promtool(struct rig *rig)
{
	char *list = promtool(rig, "list");
	if (!list)
		return;
	assert_true(count_lines(list, "\n") >= 12); /* a header and 11 blocks */
	char *dump = promtool(rig, "dump");
	assert_int_equal(count_lines(dump, "\n"), SERIES * (SAMPLES + 10));
	char *analyze = promtool(rig, "analyze");
	assert_non_null(strstr(analyze, "Series: 20"));
	free(list);
	free(dump);
	free(analyze);
}

static void co_cut_and_promtool(struct rig *rig)
{
	co_cut(rig);
	rig_stop(rig);
	check_promtool(rig);
	rig_start(rig);
}

static void test_blocks_are_cut_and_answer_with_the_head(void **state)
{
	struct rig rig;
	init(&rig);
	rig_run(&rig, co_cut_and_promtool);
}

/* --- reading while blocks are cut ------------------------------------------------------------------ */

struct watcher {
	struct rig *rig;
	size_t want, rounds;
	bool stop, ended;
};

/* Reads everything again and again: no sample may be missing at any moment. */
static void watch(void *arg)
{
	struct watcher *w = arg;
	while (!w->stop) {
		assert_int_equal(co_count(w->rig, INT64_MIN, INT64_MAX), w->want);
		w->rounds++;
	}
	w->ended = true;
}

/* Writes without a pause, so that there is always a commit under way. */
static void load(void *arg)
{
	struct watcher *w = arg;
	while (!w->stop) {
		struct strbuf b = { 0 };
		rig_add(&b, "__name__=load", T0 + SAMPLES * STEP + (int64_t)w->rounds++, 1);
		assert_int_equal(co_rig_write(w->rig, &b, "acme"), 200);
	}
	w->ended = true;
}

/* Segments of a log directory of the tenant. */
static size_t count_files(struct rig *rig, const char *sub)
{
	char *dir = xasprintf("%s/acme/%s", rig->dir, sub), **names;
	size_t n = 0;
	if (file_exists(dir)) {
		assert_int_equal(file_list(dir, &names, &n, NULL), 0);
		file_list_free(names, n);
	}
	free(dir);
	return n;
}

static void co_read_while_cutting(struct rig *rig)
{
	size_t want = SERIES * (SAMPLES + 60);
	co_write(rig, T0, SAMPLES, 200);
	co_write(rig, T0 + (SAMPLES - 60) * STEP - 7000, 60, 200); /* out of order */
	struct watcher w[4] = { { .rig = rig, .want = want } };
	for (size_t i = 0; i < 4; i++) {
		w[i] = w[0];
		fiber_start(rig->reactor, "watch", i < 2 ? watch : load, &w[i]);
	}
	struct receive_db_stats st = co_maintain(rig);
	assert_true(st.compactions >= 12);
	assert_true(st.checkpoints >= 12);
	for (size_t i = 0; i < 4; i++) {
		w[i].stop = true;
		while (!w[i].ended)
			co_sleep_ms(1, NULL);
		assert_true(w[i].rounds > 1);
	}
	struct receive_db *db = co_db(rig);
	assert_false(head_ooo_due(receive_db_head(db)));
	receive_dbs_put(rig->receive->dbs, db);
	assert_in_range(count_files(rig, "wbl"), 0, 1); /* what blocks hold was deleted */
	assert_int_equal(co_count(rig, INT64_MIN, INT64_MAX), want);
	/* What comes out of order later is older than what the head was truncated to. */
	co_write(rig, T0 + 40 * STEP + 7000, 10, 200);
	want += SERIES * 10;
	assert_int_equal(co_count(rig, INT64_MIN, INT64_MAX), want);
	rig_stop(rig);
	rig_start(rig);
	assert_int_equal(co_count(rig, INT64_MIN, INT64_MAX), want);
}

static void test_no_sample_is_missing_while_blocks_are_cut(void **state)
{
	struct rig rig;
	init(&rig);
	rig.cfg.head.ooo_window_ms = 120 * MINUTE;
	rig_run(&rig, co_read_while_cutting);
}

/* --- retention, quarantine ---------------------------------------------------------------------------- */

static void co_retention_time(struct rig *rig)
{
	co_write(rig, T0, SAMPLES, 200);
	struct receive_db_stats st = co_maintain(rig);
	assert_int_equal(st.blocks, 3);
	assert_int_equal(st.time_retentions, 8);
	assert_int_equal(co_info_min_time(rig), T0 + 8 * RANGE);
	assert_int_equal(co_count(rig, INT64_MIN, INT64_MAX), SERIES * (SAMPLES - 8 * 40));
}

static void test_retention_by_time(void **state)
{
	struct rig rig;
	init(&rig);
	rig.cfg.retention_ms = 3 * RANGE;
	rig_run(&rig, co_retention_time);
}

static void co_retention_bytes(struct rig *rig)
{
	co_write(rig, T0, SAMPLES, 200);
	struct receive_db_stats st = co_maintain(rig);
	assert_true(st.size_retentions > 0);
	assert_int_equal(st.blocks + st.size_retentions, 11);
	assert_true(st.block_bytes <= 15000);
	assert_true(co_count(rig, INT64_MIN, INT64_MAX) >= SERIES * (SAMPLES - 440));
}

static void test_retention_by_bytes(void **state)
{
	struct rig rig;
	init(&rig);
	rig.cfg.retention_bytes = 15000;
	rig_run(&rig, co_retention_bytes);
}

/* Writes garbage over the end of the first block's index. */
static void damage_first_block(struct rig *rig)
{
	char *dir = xasprintf("%s/acme", rig->dir), **names;
	size_t n;
	assert_int_equal(file_list(dir, &names, &n, NULL), 0);
	char *path = xasprintf("%s/%s/index", dir, names[0]);
	FILE *f = fopen(path, "r+b");
	assert_non_null(f);
	fseek(f, -30, SEEK_END);
	fwrite("garbage", 1, 7, f);
	fclose(f);
	free(path);
	file_list_free(names, n);
	free(dir);
}

static void co_quarantine(struct rig *rig)
{
	co_write(rig, T0, SAMPLES, 200);
	(void)co_maintain(rig);
	rig_stop(rig);
	damage_first_block(rig);
	rig_start(rig);
	assert_int_equal(co_count(rig, INT64_MIN, INT64_MAX), SERIES * (SAMPLES - 40));
	char *path = xasprintf("%s/acme/quarantine", rig->dir), **names;
	size_t n;
	assert_int_equal(file_list(path, &names, &n, NULL), 0);
	assert_int_equal(n, 1);
	file_list_free(names, n);
	free(path);
}

static void test_a_damaged_block_is_set_aside_and_the_others_answer(void **state)
{
	struct rig rig;
	init(&rig);
	rig_run(&rig, co_quarantine);
}

/* --- time passes ---------------------------------------------------------------------------------------- */

static int64_t ahead_ns;

static int64_t shifted_wall_ns(void)
{
	return sys_real.wall_ns() + ahead_ns;
}

static void co_idle(struct rig *rig)
{
	int64_t now = sys_now_ms() / RANGE * RANGE;
	struct strbuf b = { 0 };
	rig_add_run(&b, "__name__=m,i=1", now - RANGE, STEP, 1, 30);
	assert_int_equal(co_rig_write(rig, &b, "acme"), 200);
	assert_int_equal(co_maintain(rig).blocks, 0);
	ahead_ns = 5 * RANGE * 1000000;
	assert_true(co_maintain(rig).blocks > 0);
	struct receive_db *db = co_db(rig);
	struct head_stats st;
	head_stats(receive_db_head(db), &st);
	assert_int_equal(st.series, 0);
	assert_false(receive_db_expired(db));
	receive_dbs_put(rig->receive->dbs, db);
	assert_int_equal(co_count(rig, INT64_MIN, INT64_MAX), 30);
	/* A tenant that nobody writes to for longer than the retention goes, with its directory. */
	char *dir = xasprintf("%s/acme", rig->dir);
	co_receive_dbs_prune(rig->receive->dbs);
	assert_true(file_exists(dir));
	ahead_ns = 200 * MINUTE * 1000000;
	co_receive_dbs_prune(rig->receive->dbs);
	assert_false(file_exists(dir));
	assert_int_equal(co_count(rig, INT64_MIN, INT64_MAX), 0);
	/* And comes back with its next write. */
	co_write(rig, T0, 1, 200);
	assert_true(file_exists(dir));
	assert_int_equal(co_count(rig, INT64_MIN, INT64_MAX), SERIES);
	free(dir);
}

static void test_idle_tenants_are_cut_and_pruned(void **state)
{
	struct sys_ops ops = sys_real;
	struct rig rig;
	ops.wall_ns = shifted_wall_ns;
	sys = &ops;
	init(&rig);
	rig.cfg.retention_ms = 120 * MINUTE;
	rig_run(&rig, co_idle);
	sys = &sys_real;
	ahead_ns = 0;
}

static void co_future(struct rig *rig)
{
	int64_t now = sys_now_ms();
	struct strbuf b = { 0 }, c = { 0 };
	struct http_client_resp resp = { 0 };
	rig_add(&b, "__name__=m,i=1", now + 60 * MINUTE, 1);
	assert_int_equal(co_rig_send(rig, &b, "acme", NULL, 0, &resp), 409);
	assert_non_null(strstr(resp.body.p, "too far in future"));
	http_client_resp_fini(&resp);
	rig_add(&c, "__name__=m,i=1", now + 2 * MINUTE, 1);
	assert_int_equal(co_rig_write(rig, &c, "acme"), 200);
	assert_int_equal(co_count(rig, INT64_MIN, INT64_MAX), 1);
}

static void test_samples_too_far_in_the_future_are_refused(void **state)
{
	struct rig rig;
	init(&rig);
	rig.cfg.head.max_future_ms = 5 * MINUTE;
	rig_run(&rig, co_future);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_blocks_are_cut_and_answer_with_the_head),
		cmocka_unit_test(test_no_sample_is_missing_while_blocks_are_cut),
		cmocka_unit_test(test_retention_by_time),
		cmocka_unit_test(test_retention_by_bytes),
		cmocka_unit_test(test_a_damaged_block_is_set_aside_and_the_others_answer),
		cmocka_unit_test(test_idle_tenants_are_cut_and_pruned),
		cmocka_unit_test(test_samples_too_far_in_the_future_are_refused),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
