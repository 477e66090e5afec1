/* Helpers of the tests of tsdb/: scratch directories, golden files, failing system calls. */
#ifndef TESTS_UNIT_TSDB_TSDB_TEST_H
#define TESTS_UNIT_TSDB_TSDB_TEST_H

#include "base/err.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/sys.h"

#include "unit/unit.h"

#include <errno.h>
#include <unistd.h>

/* A new scratch directory, on the heap; scratch_fini removes it. */
static inline char *scratch_new(void)
{
	const char *tmp = getenv("TMPDIR");
	char *dir = xasprintf("%s/tsdb-test-XXXXXX", tmp ? tmp : "/tmp");
	assert_non_null(mkdtemp(dir));
	return dir;
}

static inline void scratch_fini(char *dir)
{
	assert_int_equal(file_remove_all(dir, NULL), 0);
	free(dir);
}

/* A path under tests/golden/tsdb, on the heap. */
static inline char *golden_path(const char *name)
{
	const char *src = getenv("srcdir");
	return xasprintf("%s/tests/golden/tsdb/%s", src ? src : ".", name);
}

static inline struct strbuf slurp(const char *path)
{
	struct strbuf b = { 0 };
	assert_int_equal(file_read_all(path, (size_t)1 << 30, &b, NULL), 0);
	return b;
}

static inline void spit(const char *path, const void *p, size_t n)
{
	FILE *f = fopen(path, "wb");
	assert_non_null(f);
	assert_int_equal(fwrite(p, 1, n, f), n);
	fclose(f);
}

static inline void ok(int rc, const struct err *e)
{
	if (rc < 0)
		fail_msg("%s: %s", err_code_name(rc), e->msg);
}

#endif
