#include "base/assert.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/sys.h"
#include "base/vec.h"
#include "codec/crc32c.h"
#include "codec/varint.h"
#include "tsdb/wal.h"
#include "tsdb/wal_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

char *wal_segment_path(const char *dir, uint32_t segment)
{
	return xasprintf("%s/%08u", dir, segment);
}

/* A file name that is a segment number: 8 digits or more. */
static bool segment_number(const char *name, uint32_t *ret)
{
	uint64_t v;
	struct str s = str_c(name);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	if (s.n < 8 || !str_to_u64(s, &v) || v >= UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

static int cmp_u32(const void *a, const void *b)
{
	uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
	return (x > y) - (x < y);
}

int wal_list(const char *dir, uint32_t **ret, size_t *ret_n, struct err *err)
{
	*ret = NULL;
	*ret_n = 0;
	if (!file_exists(dir))
		return 0;
	char **names;
	size_t n;
	int rc = file_list(dir, &names, &n, err);
	if (rc != 0)
		return rc;
	VEC(uint32_t) v = { 0 };
	for (size_t i = 0; i < n; i++) {
		uint32_t number;
		if (segment_number(names[i], &number))
			*vec_push(&v) = number;
	}
	file_list_free(names, n);
	if (v.n)
		qsort(v.p, v.n, sizeof(*v.p), cmp_u32);
	*ret = v.p;
	*ret_n = v.n;
	return 0;
}

int wal_segments(const char *dir, bool *ret_any, uint32_t *ret_first, uint32_t *ret_last, struct err *err)
{
	uint32_t *list;
	size_t n;
	int rc = wal_list(dir, &list, &n, err);
	if (rc != 0)
		return rc;
	*ret_any = n > 0;
	*ret_first = n ? list[0] : 0;
	*ret_last = n ? list[n - 1] : 0;
	free(list);
	return 0;
}

int wal_sync_last(const char *dir, struct err *err)
{
	bool any;
	uint32_t first, last;
	int rc = wal_segments(dir, &any, &first, &last, err);
	if (rc != 0 || !any)
		return rc;
	char *path = wal_segment_path(dir, last);
	int fd = sys->open(path, O_WRONLY, 0);
	if (fd < 0 || sys->fdatasync(fd) != 0)
		rc = err_sys(err, errno, "sync %s", path);
	if (fd >= 0)
		sys->close(fd);
	free(path);
	return rc != 0 ? rc : file_sync_dir(dir, err);
}

int wal_delete_before(const char *dir, uint32_t segment, struct err *err)
{
	uint32_t *list;
	size_t n;
	int rc = wal_list(dir, &list, &n, err);
	if (rc != 0)
		return rc;
	bool any = false, all = n > 0 && list[n - 1] < segment;
	for (size_t i = 0; i < n && list[i] < segment && rc == 0; i++) {
		char *path = wal_segment_path(dir, list[i]);
		if (sys->unlink(path) != 0 && errno != ENOENT)
			rc = err_sys(err, errno, "unlink %s", path);
		any = true;
		free(path);
	}
	free(list);
	if (rc != 0 || !any)
		return rc;
	/* Prometheus does not open a WBL directory without segments. */
	if (all && sys->rmdir(dir) == 0)
		return 0;
	return file_sync_dir(dir, err);
}

uint64_t wal_size(const char *dir)
{
	uint32_t *list;
	size_t n;
	uint64_t total = 0;
	if (wal_list(dir, &list, &n, NULL) != 0)
		return 0;
	for (size_t i = 0; i < n; i++) {
		char *path = wal_segment_path(dir, list[i]);
		struct stat st;
		if (sys->stat(path, &st) == 0)
			total += (uint64_t)st.st_size;
		free(path);
	}
	free(list);
	return total;
}

/* --- repair -------------------------------------------------------------------------- */

static int read_range(int fd, uint64_t start, uint64_t end, struct strbuf *out, struct err *err)
{
	uint64_t n = end - start;
	char *p = strbuf_reserve(out, n);
	int rc = file_pread_full(fd, p, n, start, err);
	if (rc != 0)
		return rc;
	while (n > 0 && p[n - 1] == 0)
		n--;
	out->n += n;
	return 0;
}

/* Copies the range, without trailing zeros, to its file under `quarantine`. */
static int set_aside(int fd, const char *dir, const struct wal_damage *d, const char *quarantine, uint64_t *ret_bytes,
		     struct err *err)
{
	struct strbuf bytes = { 0 };
	int rc = read_range(fd, d->start, d->end, &bytes, err);
	if (rc == 0 && bytes.n > 0) {
		const char *base = strrchr(dir, '/');
		char *path = xasprintf("%s/%s-%08u-%llu", quarantine, base ? base + 1 : dir, d->segment,
				       (unsigned long long)d->start);
		rc = file_mkdir_all(quarantine, err);
		if (rc == 0)
			rc = file_write_atomic(path, bytes.p, bytes.n, err);
		*ret_bytes += bytes.n;
		free(path);
	}
	strbuf_fini(&bytes);
	return rc;
}

/*
 * Bytes that readers step over, in place of [start, end): per page one record
 * of zero bytes. Record type 0 means nothing to anybody.
 */
static void filler(uint64_t start, uint64_t end, struct strbuf *out)
{
	while (start < end) {
		uint64_t part = MIN(end - start, WAL_PAGE - start % WAL_PAGE);
		uint8_t *p = (uint8_t *)strbuf_reserve(out, part);
		memset(p, 0, part);
		if (part >= WAL_FRAG_HEADER) {
			uint64_t n = part - WAL_FRAG_HEADER;
			p[0] = WAL_FULL;
			be16_put(p + 1, (uint16_t)n);
			be32_put(p + 3, crc32c(0, p + WAL_FRAG_HEADER, n));
		}
		out->n += part;
		start += part;
	}
}

static int fill_range(int fd, const struct wal_damage *d, struct err *err)
{
	struct strbuf b = { 0 };
	filler(d->start, d->end, &b);
	size_t done = 0;
	int rc = 0;
	while (rc == 0 && done < b.n) {
		ssize_t put = sys->pwrite(fd, b.p + done, b.n - done, (off_t)(d->start + done));
		if (put < 0 && errno != EINTR)
			rc = err_sys(err, errno, "write");
		done += put > 0 ? (size_t)put : 0;
	}
	strbuf_fini(&b);
	return rc;
}

static int repair_one(const char *dir, const struct wal_damage *d, const char *quarantine, uint64_t *ret_bytes,
		      struct err *err)
{
	char *path = wal_segment_path(dir, d->segment);
	int fd = sys->open(path, O_RDWR, 0);
	int rc = fd < 0 ? err_sys(err, errno, "open %s", path) : 0;
	if (rc == 0)
		rc = set_aside(fd, dir, d, quarantine, ret_bytes, err);
	if (rc == 0 && d->tail && sys->ftruncate(fd, (off_t)d->start) != 0)
		rc = err_sys(err, errno, "truncate %s", path);
	if (rc == 0 && !d->tail)
		rc = fill_range(fd, d, err);
	if (rc == 0 && sys->fsync(fd) != 0)
		rc = err_sys(err, errno, "fsync %s", path);
	if (fd >= 0)
		sys->close(fd);
	free(path);
	return rc;
}

int wal_repair(const char *dir, const struct wal_damage *d, size_t n, const char *quarantine, uint64_t *ret_bytes,
	       struct err *err)
{
	*ret_bytes = 0;
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = repair_one(dir, &d[i], quarantine, ret_bytes, err);
	return rc;
}
