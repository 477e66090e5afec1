/* Blocks and expectations of tests/golden/tsdb, and scratch directories. */
#ifndef TESTS_UNIT_TSDB_GOLDEN_H
#define TESTS_UNIT_TSDB_GOLDEN_H

#include "unit/chunk/vectors.h"

#include "base/file.h"
#include "base/mem.h"
#include "base/strbuf.h"

#include <unistd.h>
#include <zlib.h>

#define GOLDEN_DEFAULT "db_default/01M81J75YR1NFEAEZPBHG543TB"
#define GOLDEN_ST "db_st/01M81J761ZD9S3HESR8P0VV9YQ"
#define GOLDEN_5M "thanos/res_300000/01M81JBE4S3K71QN7F90FQP6BC"
#define GOLDEN_1H "thanos/res_3600000/01M81JBE542XYA6PF9WKCPQD66"

/* All blocks that the tests may read from the source tree. */
static const char *const golden_blocks[] = { GOLDEN_DEFAULT, GOLDEN_ST, GOLDEN_5M, GOLDEN_1H };
#define GOLDEN_BLOCKS 4

/* A path below tests/golden/tsdb; free it. */
static inline char *golden_path(const char *name)
{
	const char *src = getenv("srcdir");
	return xasprintf("%s/tests/golden/tsdb/%s", src ? src : ".", name);
}

/* A path below $SHARED/conformance/tsdb/golden, or NULL (and the test skips) when it is not there; free it. */
static inline char *shared_path(const char *name)
{
	const char *shared = getenv("SHARED");
	char *p = xasprintf("%s/conformance/tsdb/golden/%s", shared ? shared : "../shared", name);
	if (file_exists(p))
		return p;
	printf("%s is missing\n", p);
	free(p);
	return NULL;
}

/* A whole file, in memory of exactly its size. */
static inline struct str read_exact(const char *path)
{
	struct strbuf b = { 0 };
	struct err e;
	if (file_read_all(path, 1 << 28, &b, &e) < 0)
		fail_msg("%s", e.msg);
	struct str s = str_mem(xmemdup(b.p ? b.p : "", b.n), b.n);
	strbuf_fini(&b);
	return s;
}

static inline struct str read_part(const char *dir, const char *name)
{
	char *p = xasprintf("%s/%s", dir, name);
	struct str s = read_exact(p);
	free(p);
	return s;
}

static inline void str_free(struct str s)
{
	free((void *)(uintptr_t)s.p);
}

/* A gzipped JSON file of tests/golden/tsdb. */
static inline json_t *golden_json(const char *name)
{
	char *path = golden_path(name);
	gzFile f = gzopen(path, "rb");
	assert_non_null(f);
	struct strbuf b = { 0 };
	char buf[65536];
	int n;
	while ((n = gzread(f, buf, sizeof(buf))) > 0)
		strbuf_add(&b, buf, (size_t)n);
	gzclose(f);
	json_error_t e;
	json_t *j = json_loadb(b.p, b.n, 0, &e);
	if (!j)
		fail_msg("%s: %s", path, e.text);
	strbuf_fini(&b);
	free(path);
	return j;
}

/* A new directory below the build folder; remove with scratch_remove, which frees the name. */
static inline char *scratch_make(void)
{
	char *p = xstrdup("scratch-tsdb-XXXXXX");
	assert_non_null(mkdtemp(p));
	return p;
}

static inline void scratch_remove(char *p)
{
	struct err e;
	if (file_remove_all(p, &e) < 0)
		fail_msg("%s", e.msg);
	free(p);
}

#endif
