#include "unit/receive/rig.h"

#include "receive/db_internal.h"

#include <errno.h>
#include <stdatomic.h>

#define T0 1700000000000ll

/* --- a disk that refuses ---------------------------------------------------------------------- */

/* Calls are made on offload threads. */
static atomic_int full, syncs_to_fail, failed, syncs;

static ssize_t failing_write(int fd, const void *buf, size_t n)
{
	if (atomic_load(&full)) {
		atomic_fetch_add(&failed, 1);
		errno = ENOSPC;
		return -1;
	}
	return sys_real.write(fd, buf, n);
}

static ssize_t failing_pwrite(int fd, const void *buf, size_t n, off_t off)
{
	if (atomic_load(&full)) {
		atomic_fetch_add(&failed, 1);
		errno = ENOSPC;
		return -1;
	}
	return sys_real.pwrite(fd, buf, n, off);
}

static ssize_t failing_writev(int fd, const struct iovec *iov, int n)
{
	if (atomic_load(&full)) {
		atomic_fetch_add(&failed, 1);
		errno = ENOSPC;
		return -1;
	}
	return sys_real.writev(fd, iov, n);
}

static int failing_fdatasync(int fd)
{
	if (atomic_load(&syncs_to_fail) > 0) {
		atomic_fetch_sub(&syncs_to_fail, 1);
		atomic_fetch_add(&failed, 1);
		errno = EIO;
		return -1;
	}
	atomic_fetch_add(&syncs, 1);
	return sys_real.fdatasync(fd);
}

static struct sys_ops failing_ops(void)
{
	struct sys_ops ops = sys_real;
	ops.write = failing_write;
	ops.pwrite = failing_pwrite;
	ops.writev = failing_writev;
	ops.fdatasync = failing_fdatasync;
	atomic_store(&failed, 0);
	return ops;
}

static int co_put(struct rig *rig, int i)
{
	struct strbuf b = { 0 };
	rig_add(&b, "__name__=m,a=1", T0 + i * 1000, i);
	return co_rig_write(rig, &b, NULL);
}

/* Sends until it is taken; how often it was refused. */
static int co_put_until_taken(struct rig *rig, int i)
{
	for (int n = 0; n < 100; n++) {
		int status = co_put(rig, i);
		if (status == 200)
			return n;
		assert_int_equal(status, 503);
		co_sleep_ms(20, NULL);
	}
	fail_msg("refused for two seconds");
	return 0;
}

static void co_expect_first(struct rig *rig, int n)
{
	struct strbuf want = { 0 };
	strbuf_add_c(&want, "{__name__=\"m\", a=\"1\", replica=\"r0\", tenant_id=\"default-tenant\"}");
	for (int i = 0; i < n; i++)
		strbuf_printf(&want, " %lld:%d", T0 + i * 1000, i);
	strbuf_add_ch(&want, '\n');
	co_rig_expect(rig, MATCH_EQ, "a", "1", T0, T0 + 100000, want.p);
	strbuf_fini(&want);
}

static void co_full_disk(struct rig *rig)
{
	assert_int_equal(co_put(rig, 0), 200);
	atomic_store(&full, 1);
	assert_int_equal(co_put(rig, 1), 503);
	assert_int_equal(co_put(rig, 1), 503);
	assert_true(atomic_load(&failed) > 0);
	/* Reading goes on; so does the next write once there is room again, without a restart. */
	char *got = co_rig_strings(rig, "a", (struct label_request){ 0 });
	assert_string_equal(got, "1");
	free(got);
	atomic_store(&full, 0);
	(void)co_put_until_taken(rig, 1);
	assert_int_equal(co_put(rig, 2), 200);
	co_expect_first(rig, 3);
	rig_stop(rig);
	rig_start(rig);
	co_expect_first(rig, 3);
}

static void test_full_disk_is_503_and_recovers(void **state)
{
	struct sys_ops ops = failing_ops();
	struct rig rig;
	rig_init(&rig);
	sys = &ops;
	rig_run(&rig, co_full_disk);
	sys = &sys_real;
}

static size_t wal_segments(struct rig *rig)
{
	char *dir = xasprintf("%s/default-tenant/wal", rig->dir), **names;
	size_t n;
	assert_int_equal(file_list(dir, &names, &n, NULL), 0);
	file_list_free(names, n);
	free(dir);
	return n;
}

static void co_failed_sync(struct rig *rig)
{
	assert_int_equal(co_put(rig, 0), 200);
	assert_int_equal(wal_segments(rig), 1);
	atomic_store(&syncs_to_fail, 1);
	(void)co_put_until_taken(rig, 1);
	assert_int_equal(atomic_load(&failed), 1);
	/* The file is not trusted again: what it held since its last good sync is in a new one. */
	assert_int_equal(wal_segments(rig), 2);
	assert_int_equal(co_put(rig, 2), 200);
	co_expect_first(rig, 3);
	rig_stop(rig);
	rig_start(rig);
	co_expect_first(rig, 3);
}

static void test_a_failed_sync_loses_nothing(void **state)
{
	struct sys_ops ops = failing_ops();
	struct rig rig;
	rig_init(&rig);
	sys = &ops;
	rig_run(&rig, co_failed_sync);
	sys = &sys_real;
}

static void co_sync_interval(struct rig *rig)
{
	assert_int_equal(co_put(rig, 0), 200);
	int before = atomic_load(&syncs);
	for (int i = 1; i < 20; i++)
		assert_int_equal(co_put(rig, i), 200);
	assert_int_equal(atomic_load(&syncs), before); /* acknowledged without */
	for (int i = 0; i < 200 && atomic_load(&syncs) == before; i++)
		co_sleep_ms(10, NULL);
	assert_true(atomic_load(&syncs) > before); /* though nothing was written since */
	before = atomic_load(&syncs);
	assert_int_equal(co_put(rig, 20), 200);
	rig_stop(rig);
	assert_true(atomic_load(&syncs) > before);
	rig_start(rig);
	co_expect_first(rig, 21);
}

static void test_an_interval_ends_with_a_sync_though_nobody_writes(void **state)
{
	struct sys_ops ops = failing_ops();
	struct rig rig;
	rig_init(&rig);
	sys = &ops;
	rig.cfg.sync = (struct wal_sync_policy){ .when = WAL_SYNC_INTERVAL, .interval_ms = 400 };
	rig_run(&rig, co_sync_interval);
	sys = &sys_real;
}

/* --- clients that go ------------------------------------------------------------------------------ */

static size_t views_open(struct rig *rig)
{
	struct receive_db *db;
	assert_int_equal(co_receive_dbs_get(rig->receive->dbs, STR("default-tenant"), &db, NULL), 0);
	size_t n = db->views[0] + db->views[1];
	receive_dbs_put(rig->receive->dbs, db);
	return n;
}

static void co_client_goes(struct rig *rig)
{
	const struct wire_matcher m = { MATCH_EQ, STR("__name__"), STR("big") };
	const struct series_request req = { .mint = T0, .maxt = T0 + 10000000, .matchers = &m, .n_matchers = 1 };
	for (int at = 0; at < 1500; at += 300) {
		struct strbuf b = { 0 };
		for (int i = at; i < at + 300; i++) {
			char labels[64];
			snprintf(labels, sizeof(labels), "__name__=big,i=%04d", i);
			rig_add_values(&b, labels, T0, 977, i * 1.1, 200, true);
		}
		assert_int_equal(co_rig_write(rig, &b, NULL), 200);
	}
	struct strbuf msg = { 0 };
	series_request_write(&req, &msg);
	struct grpc_part part = grpc_part_copy(strbuf_str(&msg));
	for (int i = 0; i < 3; i++) {
		struct grpc_stream *st;
		struct str frame;
		struct err e;
		bool end;
		must(co_grpc_stream_open(rig->channel, "/thanos.Store/Series", NULL, &part, 1, &st, &e), &e);
		must(co_grpc_recv(st, &frame, &end, &e), &e);
		assert_false(end);
		co_sleep_ms(20, NULL);
		assert_int_equal(views_open(rig), 1); /* 2 MB do not fit into what may be on the way */
		grpc_stream_close(st);
		for (int k = 0; k < 100 && views_open(rig); k++)
			co_sleep_ms(1, NULL);
		assert_int_equal(views_open(rig), 0);
	}
	strbuf_fini(&msg);
}

static void test_readers_of_a_client_that_goes_are_closed(void **state)
{
	struct rig rig;
	rig_init(&rig);
	rig_run(&rig, co_client_goes);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_full_disk_is_503_and_recovers),
		cmocka_unit_test(test_a_failed_sync_loses_nothing),
		cmocka_unit_test(test_an_interval_ends_with_a_sync_though_nobody_writes),
		cmocka_unit_test(test_readers_of_a_client_that_goes_are_closed),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
