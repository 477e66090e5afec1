#include "base/file.h"

#include "base/sys.h"
#include "unit/unit.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

static char dir[] = "/tmp/thanos-test-file-XXXXXX";

static int set_up(void **state)
{
	return mkdtemp(dir) ? 0 : -1;
}

static int tear_down(void **state)
{
	return file_remove_all(dir, NULL);
}

static void test_atomic_write_reads_back(void **state)
{
	char path[128];
	snprintf(path, sizeof(path), "%s/a/b", dir);
	struct err e;
	assert_int_equal(file_mkdir_all(path, &e), 0);
	snprintf(path, sizeof(path), "%s/a/b/f", dir);
	assert_int_equal(file_write_atomic(path, "hello", 5, &e), 0);
	struct strbuf b = { 0 };
	assert_int_equal(file_read_all(path, 5, &b, &e), 0);
	assert_string_equal(b.p, "hello");
	strbuf_reset(&b);
	assert_int_equal(file_read_all(path, 4, &b, &e), -ERR_RESOURCE_EXHAUSTED);
	strbuf_fini(&b);
	assert_int_equal(file_read_all("/nonexistent", 4, &b, &e), -ERR_NOT_FOUND);
	strbuf_fini(&b);
}

static ssize_t full_disk(int fd, const void *p, size_t n)
{
	errno = ENOSPC;
	return -1;
}

static void test_failed_atomic_write_leaves_the_old_file(void **state)
{
	char path[128];
	struct err e;
	snprintf(path, sizeof(path), "%s/keep", dir);
	assert_int_equal(file_write_atomic(path, "old", 3, &e), 0);
	struct sys_ops broken = sys_real;
	broken.write = full_disk;
	sys = &broken;
	assert_int_equal(file_write_atomic(path, "new", 3, &e), -ERR_RESOURCE_EXHAUSTED);
	sys = &sys_real;
	struct strbuf b = { 0 };
	assert_int_equal(file_read_all(path, 10, &b, &e), 0);
	assert_string_equal(b.p, "old");
	strbuf_fini(&b);
	char **names;
	size_t n;
	assert_int_equal(file_list(dir, &names, &n, &e), 0);
	assert_string_equal(names[n - 1], "keep");
	file_list_free(names, n);
}

static void test_remove_all_does_not_follow_links(void **state)
{
	char victim[128], tree[128], link[160];
	struct err e;
	snprintf(victim, sizeof(victim), "%s/victim", dir);
	snprintf(tree, sizeof(tree), "%s/tree", dir);
	snprintf(link, sizeof(link), "%s/link", tree);
	assert_int_equal(file_mkdir_all(victim, &e), 0);
	assert_int_equal(file_mkdir_all(tree, &e), 0);
	assert_int_equal(symlink(victim, link), 0);
	assert_int_equal(file_remove_all(tree, &e), 0);
	assert_false(file_exists(tree));
	assert_true(file_exists(victim));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_atomic_write_reads_back),
		cmocka_unit_test(test_failed_atomic_write_leaves_the_old_file),
		cmocka_unit_test(test_remove_all_does_not_follow_links),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
