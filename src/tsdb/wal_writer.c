#include "tsdb/wal.h"

#include "base/assert.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"
#include "base/vec.h"
#include "codec/crc32c.h"
#include "codec/snappy.h"
#include "codec/varint.h"
#include "codec/zstd.h"
#include "tsdb/wal_format.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>

/* Memory for retained records that makes wal_write sync by itself. */
#define RETAIN_MAX ((size_t)8 << 20)

struct wal_writer {
	char *dir;
	uint64_t segment_bytes;
	enum wal_compression compression;
	bool retain;
	int fd; /* -1: the segment is not open */
	uint32_t segment;
	uint64_t off;         /* end of the good bytes in the file */
	bool cut;             /* the next record begins a new segment */
	bool fresh;           /* the segment's file does not exist yet */
	bool dirty;           /* written since the last sync */
	bool failed;          /* two syncs failed: nothing can be trusted */
	struct strbuf out;    /* framed bytes not yet in the file; they go to `off` */
	struct strbuf packed; /* a compressed record */
	size_t kept_before;   /* what `kept` held before the batch that is being written */
	struct strbuf kept;   /* records since the last sync: flags, be32 length, stored bytes */
	struct wal_writer_stats stats;
};

/* --- batches ---------------------------------------------------------------------- */

/* Copied records share pieces of this size. */
#define PIECE_BYTES ((size_t)256 << 10)

void wal_batch_fini(struct wal_batch *b)
{
	for (size_t i = 0; i < b->pieces.n; i++)
		strbuf_fini(&b->pieces.p[i]);
	vec_fini(&b->pieces);
	free(b->recs);
	*b = (struct wal_batch){ 0 };
}

void wal_batch_reset(struct wal_batch *b)
{
	while (b->pieces.n > 1)
		strbuf_fini(&b->pieces.p[--b->pieces.n]);
	if (b->pieces.n)
		strbuf_reset(&b->pieces.p[0]);
	b->n = 0;
	b->n_bytes = 0;
}

static void batch_push(struct wal_batch *b, size_t piece, size_t start, size_t n)
{
	if (b->n == b->cap)
		b->recs = vec_grow_(b->recs, &b->cap, b->n + 1, sizeof(*b->recs));
	b->recs[b->n++] = (struct wal_batch_rec){ (uint32_t)piece, (uint32_t)start, (uint32_t)n };
	b->n_bytes += n;
}

void wal_batch_add(struct wal_batch *b, struct str rec)
{
	struct strbuf *last = b->pieces.n ? vec_last(&b->pieces) : NULL;
	if (!last || (last->n && last->n + rec.n > PIECE_BYTES)) {
		last = vec_push(&b->pieces);
		*last = (struct strbuf){ 0 };
	}
	size_t start = last->n;
	strbuf_add_str(last, rec);
	batch_push(b, b->pieces.n - 1, start, rec.n);
}

void wal_batch_take(struct wal_batch *b, struct strbuf *rec)
{
	*vec_push(&b->pieces) = *rec;
	batch_push(b, b->pieces.n - 1, 0, rec->n);
	*rec = (struct strbuf){ .limit = rec->limit };
}

void wal_batch_move(struct wal_batch *to, struct wal_batch *from)
{
	if (to->n == 0) {
		struct wal_batch empty = *to;
		*to = *from;
		*from = empty;
	} else {
		size_t first = to->pieces.n;
		for (size_t i = 0; i < from->pieces.n; i++)
			*vec_push(&to->pieces) = from->pieces.p[i];
		for (size_t i = 0; i < from->n; i++)
			batch_push(to, first + from->recs[i].piece, from->recs[i].start, from->recs[i].n);
		from->pieces.n = 0;
	}
	wal_batch_reset(from);
}

struct str wal_batch_get(const struct wal_batch *b, size_t i)
{
	const struct wal_batch_rec *r = &b->recs[i];
	return str_mem(b->pieces.p[r->piece].p + r->start, r->n);
}

/* --- the writer ---------------------------------------------------------------------- */

int wal_writer_open(struct wal_writer **ret, const struct wal_config *cfg, struct wal_pos at, struct err *err)
{
	*ret = NULL;
	uint64_t segment_bytes = cfg->segment_bytes ? cfg->segment_bytes : WAL_SEGMENT_BYTES;
	if (segment_bytes % WAL_PAGE)
		return err_set(err, ERR_INVALID_ARGUMENT, "WAL segment size %llu is not a multiple of 32KiB",
			       (unsigned long long)segment_bytes);
	struct wal_writer *w = xcalloc(1, sizeof(*w));
	w->dir = xstrdup(cfg->dir);
	w->segment_bytes = segment_bytes;
	w->compression = cfg->compression;
	w->retain = cfg->retain;
	w->fd = -1;
	w->segment = at.segment;
	w->off = at.offset;
	w->fresh = at.offset == 0;
	*ret = w;
	return 0;
}

static void close_fd(struct wal_writer *w)
{
	if (w->fd >= 0)
		sys->close(w->fd);
	w->fd = -1;
}

/* Makes the directory if it is missing: it goes with its last segment (wal_delete_before). */
static int make_dir(struct wal_writer *w, struct err *err)
{
	if (file_exists(w->dir))
		return 0;
	int rc = file_mkdir_all(w->dir, err);
	char *slash = strrchr(w->dir, '/');
	if (rc != 0 || !w->retain || !slash || slash == w->dir)
		return rc;
	char *parent = xstrndup(w->dir, (size_t)(slash - w->dir));
	rc = file_sync_dir(parent, err);
	free(parent);
	return rc;
}

/* Opens the current segment's file; a new one is made, past numbers that are taken, and its name made durable. */
static int open_segment(struct wal_writer *w, struct err *err)
{
	int rc = make_dir(w, err);
	if (rc != 0)
		return rc;
	char *path = wal_segment_path(w->dir, w->segment);
	w->fd = sys->open(path, O_WRONLY | (w->fresh ? O_CREAT | O_EXCL : 0), 0666);
	while (w->fd < 0 && w->fresh && errno == EEXIST) {
		free(path);
		path = wal_segment_path(w->dir, ++w->segment);
		w->fd = sys->open(path, O_WRONLY | O_CREAT | O_EXCL, 0666);
	}
	if (w->fd < 0)
		rc = err_sys(err, errno, "open %s", path);
	if (rc == 0 && w->fresh && w->retain && (rc = file_sync_dir(w->dir, err)) != 0) {
		close_fd(w);
		sys->unlink(path);
	}
	if (rc == 0)
		w->fresh = false;
	free(path);
	return rc;
}

/* Gives the segment up and names the next one. */
static void next_segment(struct wal_writer *w)
{
	close_fd(w);
	w->segment++;
	w->off = 0;
	w->fresh = true;
	w->cut = false;
	w->dirty = false;
}

static int pwrite_all(int fd, const char *p, size_t n, uint64_t off, struct err *err)
{
	while (n) {
		ssize_t put = sys->pwrite(fd, p, n, (off_t)off);
		if (put < 0 && errno == EINTR)
			continue;
		if (put <= 0)
			return err_sys(err, put < 0 ? errno : EIO, "write");
		p += put;
		off += (uint64_t)put;
		n -= (size_t)put;
	}
	return 0;
}

/* Puts the framed bytes into the file; on failure cuts the file back to where it was good. */
static int flush_out(struct wal_writer *w, struct err *err)
{
	if (w->out.n == 0)
		return 0;
	int rc = w->fd < 0 ? open_segment(w, err) : 0;
	if (rc == 0 && (rc = pwrite_all(w->fd, w->out.p, w->out.n, w->off, err)) != 0 &&
	    sys->ftruncate(w->fd, (off_t)w->off) != 0)
		w->cut = true; /* the torn bytes stay: readers step over them */
	if (rc != 0) {
		w->stats.write_errors++;
		strbuf_reset(&w->out);
		if (err)
			err_prefix(err, "WAL segment %s/%08u", w->dir, w->segment);
		return rc;
	}
	w->off += w->out.n;
	w->stats.bytes += w->out.n;
	w->stats.writes++;
	w->dirty = true;
	strbuf_reset(&w->out);
	return 0;
}

/* Zero bytes from the end of the framed data to the end of its page. */
static void pad_page(struct wal_writer *w)
{
	uint64_t used = (w->off + w->out.n) % WAL_PAGE;
	if (used == 0)
		return;
	char *p = strbuf_reserve(&w->out, WAL_PAGE - used);
	memset(p, 0, WAL_PAGE - used);
	w->out.n += WAL_PAGE - used;
}

static int do_sync(struct wal_writer *w)
{
	int rc;
	do
		rc = sys->fdatasync(w->fd);
	while (rc != 0 && errno == EINTR);
	return rc;
}

/* Bytes that a record of `n` stored bytes takes when it begins at `off`. */
static uint64_t framed_size(uint64_t off, uint64_t n)
{
	uint64_t start = off;
	for (;;) {
		uint64_t left = WAL_PAGE - off % WAL_PAGE;
		if (left < WAL_FRAG_HEADER) {
			off += left;
			continue;
		}
		uint64_t part = MIN(n, left - WAL_FRAG_HEADER);
		off += WAL_FRAG_HEADER + part;
		n -= part;
		if (n == 0)
			return off - start;
	}
}

/* Appends one fragment to `out`; the page has room. */
static void frame_part(struct wal_writer *w, uint8_t type, const char *p, size_t n)
{
	uint8_t *h = (uint8_t *)strbuf_reserve(&w->out, WAL_FRAG_HEADER + n);
	h[0] = type;
	be16_put(h + 1, (uint16_t)n);
	be32_put(h + 3, crc32c(0, p, n));
	if (n)
		memcpy(h + WAL_FRAG_HEADER, p, n);
	w->out.n += WAL_FRAG_HEADER + n;
	w->stats.parts++;
	w->stats.part_bytes += WAL_FRAG_HEADER + n;
}

/*
 * Appends the fragments of a record to `out`. Where just a header fits into
 * the page a fragment without data is written, as Prometheus does.
 */
static void frame(struct wal_writer *w, uint8_t flags, struct str rec)
{
	for (bool first = true;; first = false) {
		uint64_t left = WAL_PAGE - (w->off + w->out.n) % WAL_PAGE;
		if (left < WAL_FRAG_HEADER) {
			pad_page(w);
			left = WAL_PAGE;
		}
		size_t part = MIN(rec.n, left - WAL_FRAG_HEADER);
		bool last = part == rec.n;
		uint8_t type = first ? last ? WAL_FULL : WAL_FIRST : last ? WAL_LAST : WAL_MIDDLE;
		frame_part(w, flags | type, rec.p, part);
		if (last)
			return;
		rec.p += part;
		rec.n -= part;
	}
}

/* Everything written is durable: nothing has to be written again. */
static void forget_kept(struct wal_writer *w)
{
	strbuf_reset(&w->kept);
	w->kept_before = 0;
}

static int reseal(struct wal_writer *w, struct err *err);

/* Ends the current segment: pads it, makes it durable where that is asked for, names the next. */
static int roll(struct wal_writer *w, struct err *err)
{
	if (w->off + w->out.n > 0 && !w->cut)
		pad_page(w);
	int rc = flush_out(w, err);
	if (rc != 0)
		return rc;
	if (w->retain && w->dirty && w->fd >= 0 && do_sync(w) != 0) {
		w->stats.sync_errors++;
		return reseal(w, err);
	}
	forget_kept(w);
	next_segment(w);
	return 0;
}

/* Frames one stored record, in a new segment when it does not fit. */
static int put_record(struct wal_writer *w, uint8_t flags, struct str rec, struct err *err)
{
	uint64_t at = w->off + w->out.n;
	if (w->cut || (at > 0 && at + framed_size(at, rec.n) > w->segment_bytes)) {
		int rc = roll(w, err);
		if (rc != 0)
			return rc;
	}
	frame(w, flags, rec);
	return 0;
}

/* The form in which a record is stored: compressed if that makes it smaller. */
static struct str pack(struct wal_writer *w, struct str rec, uint8_t *ret_flags)
{
	*ret_flags = 0;
	strbuf_reset(&w->packed);
	if (w->compression == WAL_SNAPPY && rec.n > 0) {
		char *p = strbuf_reserve(&w->packed, codec_snappy_bound(rec.n));
		size_t n = codec_snappy_compress(rec.p, rec.n, p);
		if (n < rec.n) {
			*ret_flags = WAL_FLAG_SNAPPY;
			return str_mem(p, n);
		}
	} else if (w->compression == WAL_ZSTD && rec.n > 0) {
		if (codec_zstd_compress(rec, 1, &w->packed, NULL) == 0 && w->packed.n < rec.n) {
			*ret_flags = WAL_FLAG_ZSTD;
			return strbuf_str(&w->packed);
		}
	}
	return rec;
}

static void keep(struct wal_writer *w, uint8_t flags, struct str rec)
{
	strbuf_add_ch(&w->kept, (char)flags);
	enc_be32(&w->kept, (uint32_t)rec.n);
	strbuf_add_str(&w->kept, rec);
}

/* Writes everything kept to a new segment and syncs it; the last resort after a failed sync. */
static int reseal(struct wal_writer *w, struct err *err)
{
	next_segment(w);
	w->stats.resealed++;
	struct decbuf d = decbuf_make(w->kept.p, w->kept.n);
	int rc = 0;
	while (rc == 0 && decbuf_left(&d)) {
		uint8_t flags = decbuf_u8(&d);
		struct str rec = decbuf_bytes(&d, decbuf_be32(&d));
		CHECK(!d.failed);
		uint64_t at = w->off + w->out.n;
		if (at > 0 && at + framed_size(at, rec.n) > w->segment_bytes) {
			rc = flush_out(w, err);
			if (rc == 0 && do_sync(w) != 0)
				rc = err_sys(err, errno, "fdatasync");
			next_segment(w);
		}
		frame(w, flags, rec);
	}
	if (rc == 0)
		rc = flush_out(w, err);
	if (rc == 0 && w->fd >= 0 && do_sync(w) != 0)
		rc = err_sys(err, errno, "fdatasync");
	if (rc != 0) {
		w->failed = true;
		return err_set(err, ERR_DATA_LOSS,
			       "WAL %s: sync failed, and so did writing the records again to segment %08u", w->dir,
			       w->segment);
	}
	w->dirty = false;
	forget_kept(w);
	return 0;
}

static int refuse_failed(const struct wal_writer *w, struct err *err)
{
	return err_set(err, ERR_DATA_LOSS, "WAL %s: syncs failed before, its state is unknown", w->dir);
}

int wal_write(struct wal_writer *w, const struct wal_batch *b, struct err *err)
{
	if (w->failed)
		return refuse_failed(w, err);
	w->kept_before = w->kept.n;
	int rc = 0;
	for (size_t i = 0; i < b->n && rc == 0; i++) {
		uint8_t flags;
		struct str whole = wal_batch_get(b, i), rec = pack(w, whole, &flags);
		rc = put_record(w, flags, rec, err);
		w->stats.saved_bytes += rc == 0 ? whole.n - rec.n : 0;
		if (rc == 0 && w->retain)
			keep(w, flags, rec);
	}
	if (rc == 0)
		rc = flush_out(w, err);
	if (rc != 0) {
		w->kept.n = w->kept_before;
		strbuf_reset(&w->out);
		return rc;
	}
	w->stats.records += b->n;
	return w->kept.n > RETAIN_MAX ? wal_sync(w, err) : 0;
}

int wal_sync(struct wal_writer *w, struct err *err)
{
	if (w->failed)
		return refuse_failed(w, err);
	if (!w->dirty)
		return 0;
	if (do_sync(w) == 0) {
		w->dirty = false;
		forget_kept(w);
		w->stats.syncs++;
		return 0;
	}
	w->stats.sync_errors++;
	CHECK(w->retain);
	return reseal(w, err);
}

void wal_cut(struct wal_writer *w)
{
	if (w->off > 0)
		w->cut = true;
}

bool wal_failed(const struct wal_writer *w)
{
	return w->failed;
}

struct wal_pos wal_writer_pos(const struct wal_writer *w)
{
	return (struct wal_pos){ w->segment, w->off };
}

struct wal_writer_stats wal_writer_stats(const struct wal_writer *w)
{
	return w->stats;
}

int wal_writer_close(struct wal_writer *w, bool clean, struct err *err)
{
	if (!w)
		return 0;
	int rc = 0;
	if (clean && w->off % WAL_PAGE && !w->failed) {
		pad_page(w);
		rc = flush_out(w, err);
	}
	if (rc == 0 && w->retain && !w->failed)
		rc = wal_sync(w, err);
	else if (rc == 0 && !w->retain && w->fd >= 0 && do_sync(w) != 0)
		rc = err_sys(err, errno, "fdatasync");
	close_fd(w);
	strbuf_fini(&w->out);
	strbuf_fini(&w->packed);
	strbuf_fini(&w->kept);
	free(w->dir);
	free(w);
	return rc;
}
