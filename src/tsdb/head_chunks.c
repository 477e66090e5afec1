#include "tsdb/head_chunks.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/strbuf.h"
#include "base/sys.h"
#include "base/vec.h"
#include "codec/crc32c.h"
#include "codec/varint.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/mman.h>

#define FILE_HEADER 8
#define OOO_BIT 0x80

/* A file as readers see it. */
struct file {
	uint32_t seq;
	const uint8_t *map;
	size_t map_n;
	uint64_t size; /* bytes that may be read */
	int64_t maxt;  /* of its chunks */
};

struct head_chunks {
	char *dir;
	uint64_t file_bytes;
	VEC(struct file) files; /* ascending numbers; the readers' */
	/* The writer's. */
	int fd;
	uint32_t seq;
	uint64_t off;
	struct strbuf buf;
};

static char *file_path(const char *dir, uint32_t seq)
{
	return xasprintf("%s/%06u", dir, seq);
}

/* --- records -------------------------------------------------------------------------- */

static bool all_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* Reads the record at `off`; false when it is damaged. *ret_end is the offset after it. */
static bool parse(struct str file, uint64_t off, struct head_chunk_rec *ret, uint64_t *ret_end)
{
	if (off > file.n)
		return false;
	const uint8_t *start = (const uint8_t *)file.p + off;
	struct decbuf d = decbuf_make(start, file.n - off);
	ret->series_ref = decbuf_be64(&d);
	ret->mint = (int64_t)decbuf_be64(&d);
	ret->maxt = (int64_t)decbuf_be64(&d);
	uint8_t enc = decbuf_u8(&d);
	ret->ooo = enc & OOO_BIT;
	ret->chunk.enc = enc & (uint8_t)~OOO_BIT;
	ret->chunk.data = decbuf_uvarint_str(&d);
	if (d.failed)
		return false;
	uint32_t crc = crc32c(0, start, (size_t)(d.p - start));
	if (decbuf_be32(&d) != crc || d.failed)
		return false;
	*ret_end = off + (uint64_t)(d.p - start);
	return true;
}

static void put_record(struct strbuf *b, const struct head_chunk_rec *r)
{
	size_t start = b->n;
	enc_be64(b, r->series_ref);
	enc_be64(b, (uint64_t)r->mint);
	enc_be64(b, (uint64_t)r->maxt);
	strbuf_add_ch(b, (char)(r->chunk.enc | (r->ooo ? OOO_BIT : 0)));
	enc_uvarint_str(b, r->chunk.data);
	enc_be32(b, crc32c(0, b->p + start, b->n - start));
}

size_t head_chunks_scan(struct str file, uint32_t seq, head_chunk_fn *fn, void *arg)
{
	const uint8_t *p = (const uint8_t *)file.p;
	if (all_zero(p, file.n))
		return file.n;
	if (file.n < FILE_HEADER || be32_get(p) != HEAD_CHUNKS_MAGIC || p[4] != HEAD_CHUNKS_VERSION)
		return 0;
	uint64_t off = FILE_HEADER;
	while (off < file.n) {
		if (all_zero(p + off, MIN(file.n - off, (size_t)24)))
			return all_zero(p + off, file.n - off) ? file.n : off;
		struct head_chunk_rec rec = { .ref = (uint64_t)seq << 32 | off };
		uint64_t end;
		if (!parse(file, off, &rec, &end))
			return off;
		fn(arg, &rec);
		off = end;
	}
	return file.n;
}

/* --- opening -------------------------------------------------------------------------- */

/* Maps the file for readers. */
static int add_file(struct head_chunks *f, uint32_t seq, uint64_t size, int64_t maxt, struct err *err)
{
	char *path = file_path(f->dir, seq);
	int fd = sys->open(path, O_RDONLY, 0);
	int rc = fd < 0 ? err_sys(err, errno, "open %s", path) : 0;
	if (rc == 0) {
		size_t n = MAX(size, f->file_bytes);
		void *map = sys->mmap(NULL, n, PROT_READ, MAP_SHARED, fd, 0);
		if (map == MAP_FAILED)
			rc = err_sys(err, errno, "map %s", path);
		else
			*vec_push(&f->files) = (struct file){ seq, map, n, size, maxt };
		sys->close(fd);
	}
	free(path);
	return rc;
}

/* What is gathered while a file is scanned. */
struct scan {
	head_chunk_fn *fn;
	void *arg;
	int64_t maxt;
	uint64_t n;
};

static void scanned(void *arg, const struct head_chunk_rec *rec)
{
	struct scan *s = arg;
	s->n++;
	s->maxt = MAX(s->maxt, rec->maxt);
	s->fn(s->arg, rec);
}

/* Copies [from, end) of the file's bytes to quarantine and cuts the file. */
static int set_aside_rest(const char *path, struct str bytes, size_t from, const char *quarantine,
			  struct head_chunks_found *found, struct err *err)
{
	size_t n = bytes.n;
	while (n > from && bytes.p[n - 1] == 0)
		n--;
	char *to = xasprintf("%s/chunks_head-%s-%zu", quarantine, strrchr(path, '/') + 1, from);
	int rc = file_mkdir_all(quarantine, err);
	if (rc == 0)
		rc = file_write_atomic(to, bytes.p + from, n - from, err);
	int fd = rc == 0 ? sys->open(path, O_WRONLY, 0) : -1;
	if (rc == 0 && (fd < 0 || sys->ftruncate(fd, (off_t)from) != 0))
		rc = err_sys(err, errno, "truncate %s", path);
	if (fd >= 0)
		sys->close(fd);
	found->quarantined_bytes += n - from;
	free(to);
	return rc;
}

static int move_aside(const char *path, const char *quarantine, struct head_chunks_found *found, struct err *err)
{
	struct stat st;
	char *to = xasprintf("%s/chunks_head-%s", quarantine, strrchr(path, '/') + 1);
	int rc = file_mkdir_all(quarantine, err);
	if (rc == 0 && sys->stat(path, &st) == 0)
		found->quarantined_bytes += (uint64_t)st.st_size;
	if (rc == 0 && sys->rename(path, to) != 0)
		rc = err_sys(err, errno, "rename %s", path);
	free(to);
	return rc;
}

/* Reads one file; damage is noted in `found` and, with `quarantine`, set aside. */
static int open_file(struct head_chunks *f, uint32_t seq, const char *quarantine, head_chunk_fn *fn, void *arg,
		     struct head_chunks_found *found, struct err *err)
{
	char *path = file_path(f->dir, seq);
	struct strbuf b = { 0 };
	struct scan s = { fn, arg, INT64_MIN, 0 };
	int rc = 0;
	if (found->corruptions) { /* after damage nothing is used */
		rc = quarantine ? move_aside(path, quarantine, found, err) : 0;
		goto out;
	}
	rc = file_read_all(path, SIZE_MAX / 2, &b, err);
	if (rc != 0)
		goto out;
	size_t good = head_chunks_scan(strbuf_str(&b), seq, scanned, &s);
	found->chunks += s.n;
	if (good < b.n) {
		found->corruptions = 1;
		snprintf(found->where, sizeof(found->where), "chunks_head/%06u at %zu", seq, good);
		if (quarantine)
			rc = set_aside_rest(path, strbuf_str(&b), good, quarantine, found, err);
	}
	if (rc == 0 && s.n > 0)
		rc = add_file(f, seq, good, s.maxt, err);
out:
	strbuf_fini(&b);
	free(path);
	return rc;
}

static bool file_number(const char *name, uint32_t *ret)
{
	uint64_t v;
	struct str s = str_c(name);
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] < '0' || s.p[i] > '9')
			return false;
	}
	if (s.n < 6 || !str_to_u64(s, &v) || v == 0 || v >= UINT32_MAX)
		return false;
	*ret = (uint32_t)v;
	return true;
}

int head_chunks_open(struct head_chunks **ret, const char *dir, uint64_t file_bytes, const char *quarantine,
		     bool read_only, head_chunk_fn *fn, void *arg, struct head_chunks_found *ret_found, struct err *err)
{
	*ret = NULL;
	*ret_found = (struct head_chunks_found){ 0 };
	struct head_chunks *f = xcalloc(1, sizeof(*f));
	f->dir = xstrdup(dir);
	f->file_bytes = file_bytes;
	f->fd = -1;
	char **names = NULL;
	size_t n = 0;
	int rc = file_exists(dir) ? file_list(dir, &names, &n, err) : 0;
	for (size_t i = 0; i < n && rc == 0; i++) {
		uint32_t seq;
		if (!file_number(names[i], &seq))
			continue;
		rc = open_file(f, seq, read_only ? NULL : quarantine, fn, arg, ret_found, err);
		f->seq = MAX(f->seq, seq);
	}
	file_list_free(names, n);
	if (rc != 0)
		head_chunks_close(f);
	else
		*ret = f;
	return rc;
}

void head_chunks_close(struct head_chunks *f)
{
	if (!f)
		return;
	for (size_t i = 0; i < f->files.n; i++)
		sys->munmap((void *)(uintptr_t)f->files.p[i].map, f->files.p[i].map_n);
	vec_fini(&f->files);
	if (f->fd >= 0)
		sys->close(f->fd);
	strbuf_fini(&f->buf);
	free(f->dir);
	free(f);
}

/* --- reading --------------------------------------------------------------------------- */

static struct file *find_file(const struct head_chunks *f, uint32_t seq)
{
	size_t lo = 0, hi = f->files.n;
	while (lo < hi) {
		size_t mid = (lo + hi) / 2;
		if (f->files.p[mid].seq < seq)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo < f->files.n && f->files.p[lo].seq == seq ? &f->files.p[lo] : NULL;
}

bool head_chunks_get(const struct head_chunks *f, uint64_t ref, struct chunk *ret)
{
	const struct file *file = f ? find_file(f, (uint32_t)(ref >> 32)) : NULL;
	struct head_chunk_rec rec;
	uint64_t end;
	if (!file || !parse(str_mem(file->map, file->size), ref & UINT32_MAX, &rec, &end))
		return false;
	*ret = rec.chunk;
	return true;
}

/* --- writing --------------------------------------------------------------------------- */

/*
 * Makes the newest file durable before the next begins: of two files the
 * second must not outlive the end of the first, or chunks in between would be
 * missing without a trace.
 */
static int sync_newest(struct head_chunks *f, struct err *err)
{
	if (f->seq == 0)
		return 0;
	char *path = file_path(f->dir, f->seq);
	if (f->fd < 0)
		f->fd = sys->open(path, O_WRONLY, 0);
	int rc = 0;
	if ((f->fd < 0 && errno != ENOENT) || (f->fd >= 0 && sys->fdatasync(f->fd) != 0))
		rc = err_sys(err, errno, "sync %s", path);
	if (f->fd >= 0)
		sys->close(f->fd);
	f->fd = -1;
	free(path);
	return rc;
}

/* Begins the next file. */
static int begin_file(struct head_chunks *f, struct err *err)
{
	int rc = sync_newest(f, err);
	if (rc == 0)
		rc = file_mkdir_all(f->dir, err);
	if (rc != 0)
		return rc;
	char *path = file_path(f->dir, f->seq + 1);
	f->fd = sys->open(path, O_WRONLY | O_CREAT | O_TRUNC, 0666);
	if (f->fd < 0)
		rc = err_sys(err, errno, "create %s", path);
	free(path);
	if (rc != 0)
		return rc;
	f->seq++;
	f->off = 0;
	uint8_t header[FILE_HEADER] = { 0 };
	be32_put(header, HEAD_CHUNKS_MAGIC);
	header[4] = HEAD_CHUNKS_VERSION;
	strbuf_add(&f->buf, header, sizeof(header));
	return 0;
}

static int flush(struct head_chunks *f, struct err *err)
{
	size_t done = 0;
	while (done < f->buf.n) {
		ssize_t put = sys->pwrite(f->fd, f->buf.p + done, f->buf.n - done, (off_t)(f->off + done));
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0) {
			int rc = err_sys(err, put < 0 ? errno : EIO, "write %s/%06u", f->dir, f->seq);
			/* Nothing may follow torn bytes: the next write begins a file. */
			if (sys->ftruncate(f->fd, (off_t)f->off) != 0 || f->off == 0) {
				sys->close(f->fd);
				f->fd = -1;
			}
			strbuf_reset(&f->buf);
			return rc;
		}
		done += (size_t)put;
	}
	f->off += f->buf.n;
	strbuf_reset(&f->buf);
	return 0;
}

/* Bytes of a record besides its data, at most. */
#define RECORD_OVERHEAD (24 + 1 + VARINT_MAX + 4)

int head_chunks_write(struct head_chunks *f, struct head_chunk_rec *recs, size_t n, struct err *err)
{
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++) {
		uint64_t need = recs[i].chunk.data.n + RECORD_OVERHEAD;
		if (f->fd < 0 || f->off + f->buf.n + need > f->file_bytes) {
			if (f->fd >= 0)
				rc = flush(f, err);
			if (rc == 0)
				rc = begin_file(f, err);
		}
		if (rc == 0) {
			recs[i].ref = (uint64_t)f->seq << 32 | (f->off + f->buf.n);
			put_record(&f->buf, &recs[i]);
		}
	}
	if (rc == 0 && f->fd >= 0)
		rc = flush(f, err);
	strbuf_reset(&f->buf);
	return rc;
}

int head_chunks_publish(struct head_chunks *f, const struct head_chunk_rec *recs, size_t n, struct err *err)
{
	for (size_t i = 0; i < n; i++) {
		uint32_t seq = (uint32_t)(recs[i].ref >> 32);
		struct file *file = find_file(f, seq);
		if (!file) {
			int rc = add_file(f, seq, 0, INT64_MIN, err);
			if (rc != 0)
				return rc;
			file = vec_last(&f->files);
		}
		size_t data = recs[i].chunk.data.n;
		uint64_t end = (recs[i].ref & UINT32_MAX) + 24 + 1 + varint_size(data) + data + 4;
		file->size = MAX(file->size, MIN(end, (uint64_t)file->map_n));
		file->maxt = MAX(file->maxt, recs[i].maxt);
	}
	return 0;
}

uint32_t head_chunks_forget(struct head_chunks *f, int64_t mint, void (*unmap)(void *arg, void *p, size_t n), void *arg)
{
	size_t drop = 0;
	/* The newest may still be written to. */
	while (drop + 1 < f->files.n && f->files.p[drop].maxt < mint)
		drop++;
	for (size_t i = 0; i < drop; i++)
		unmap(arg, (void *)(uintptr_t)f->files.p[i].map, f->files.p[i].map_n);
	if (drop) {
		f->files.n -= drop;
		memmove(f->files.p, f->files.p + drop, f->files.n * sizeof(*f->files.p));
	}
	return f->files.n ? f->files.p[0].seq : 0;
}

int head_chunks_delete_before(const char *dir, uint32_t seq, struct err *err)
{
	char **names;
	size_t n;
	if (!file_exists(dir))
		return 0;
	int rc = file_list(dir, &names, &n, err);
	if (rc != 0)
		return rc;
	for (size_t i = 0; i < n && rc == 0; i++) {
		uint32_t number;
		if (!file_number(names[i], &number) || number >= seq)
			continue;
		char *path = file_path(dir, number);
		if (sys->unlink(path) != 0 && errno != ENOENT)
			rc = err_sys(err, errno, "unlink %s", path);
		free(path);
	}
	file_list_free(names, n);
	return rc;
}

uint64_t head_chunks_size(const struct head_chunks *f)
{
	uint64_t n = 0;
	for (size_t i = 0; f && i < f->files.n; i++)
		n += f->files.p[i].size;
	return n;
}
