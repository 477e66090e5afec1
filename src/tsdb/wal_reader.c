#include "tsdb/wal.h"

#include "base/assert.h"
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

/* Bytes read at a time: whole pages. */
#define READ_BYTES (32u * WAL_PAGE)

/*
 * The walk over one segment. A fragment lies in one page, so a window of whole
 * pages suffices. `lost` is set from the first damage on until the next
 * fragment that begins a record: what lies between is one damaged range.
 */
struct wal_reader {
	char *dir; /* NULL: one segment in memory */
	uint32_t *segments;
	size_t n_segments, i; /* i: the next segment to open */
	uint64_t gaps;
	uint32_t first; /* lowest number asked for */
	int fd;
	bool open; /* a segment is being read */
	uint32_t segment;
	uint64_t size;      /* of the segment */
	uint64_t off;       /* where the next fragment is looked for */
	const uint8_t *win; /* the window: bytes [win_off, win_off + win_n) of the segment */
	uint64_t win_off, win_n;
	uint8_t *buf;        /* READ_BYTES, the window's memory when reading files */
	struct strbuf parts; /* fragments of an unfinished record */
	struct strbuf raw;   /* the uncompressed record */
	bool in_record;
	uint8_t flags;      /* compression of the unfinished record */
	uint64_t rec_start; /* of the unfinished record, then of the one returned */
	bool padded;        /* zero fill was seen that ended a page early, starting at pad_start */
	uint64_t pad_start;
	bool lost;
	uint64_t lost_start;
	const char *lost_why;
	bool damaged_last; /* the current segment has damage */
	uint64_t done, total;
	struct wal_pos pos;
	VEC(struct wal_damage) damage;
};

static int open_total(struct wal_reader *r, struct err *err)
{
	for (size_t i = 0; i < r->n_segments; i++) {
		char *path = wal_segment_path(r->dir, r->segments[i]);
		struct stat st;
		int rc = sys->stat(path, &st) == 0 ? 0 : err_sys(err, errno, "stat %s", path);
		free(path);
		if (rc != 0)
			return rc;
		r->total += (uint64_t)st.st_size;
	}
	return 0;
}

int wal_reader_open(struct wal_reader **ret, const char *dir, uint32_t first, struct err *err)
{
	*ret = NULL;
	uint32_t *list;
	size_t n;
	int rc = wal_list(dir, &list, &n, err);
	if (rc != 0)
		return rc;
	size_t skip = 0;
	while (skip < n && list[skip] < first)
		skip++;
	if (skip)
		memmove(list, list + skip, (n - skip) * sizeof(*list));
	struct wal_reader *r = xcalloc(1, sizeof(*r));
	r->dir = xstrdup(dir);
	r->first = first;
	r->fd = -1;
	r->segments = list;
	r->n_segments = n - skip;
	if (r->n_segments)
		r->gaps = list[r->n_segments - 1] - list[0] + 1 - r->n_segments;
	r->buf = xmalloc(READ_BYTES);
	rc = open_total(r, err);
	if (rc != 0) {
		wal_reader_close(r);
		return rc;
	}
	*ret = r;
	return 0;
}

struct wal_reader *wal_reader_open_mem(struct str segment)
{
	struct wal_reader *r = xcalloc(1, sizeof(*r));
	r->fd = -1;
	r->segments = xcalloc(1, sizeof(*r->segments));
	r->n_segments = r->i = 1;
	r->open = true;
	r->win = (const uint8_t *)segment.p;
	r->win_n = r->size = r->total = segment.n;
	return r;
}

void wal_reader_close(struct wal_reader *r)
{
	if (!r)
		return;
	if (r->fd >= 0)
		sys->close(r->fd);
	free(r->dir);
	free(r->segments);
	free(r->buf);
	strbuf_fini(&r->parts);
	strbuf_fini(&r->raw);
	vec_fini(&r->damage);
	free(r);
}

/* --- damage ------------------------------------------------------------------------- */

/* Damage begins, at the start of the unfinished record if there is one. */
static void lose(struct wal_reader *r, uint64_t at, const char *why)
{
	if (!r->lost) {
		r->lost = true;
		r->lost_start = r->in_record ? r->rec_start : at;
		r->lost_why = why;
	}
	r->in_record = false;
	strbuf_reset(&r->parts);
}

static void found(struct wal_reader *r, uint64_t at, bool tail)
{
	*vec_push(&r->damage) = (struct wal_damage){
		.segment = r->segment,
		.start = r->lost_start,
		.end = at,
		.tail = tail,
		.reason = r->lost_why,
	};
	r->lost = false;
	r->damaged_last = true;
}

/* A fragment that begins a record: ends a damaged range, and shows that fill before it was no end of the segment. */
static void begin_record(struct wal_reader *r, uint64_t at)
{
	if (r->in_record)
		lose(r, r->rec_start, "record has no end");
	if (r->padded && !r->lost) {
		r->lost = true;
		r->lost_start = r->pad_start;
		r->lost_why = "zero bytes before the end of the segment";
	}
	r->padded = false;
	if (r->lost)
		found(r, at, false);
	r->rec_start = at;
}

/* --- segments ------------------------------------------------------------------------- */

static void end_segment(struct wal_reader *r)
{
	if (r->in_record)
		lose(r, r->rec_start, "record is cut off");
	if (r->lost)
		found(r, r->size, true);
	r->open = false;
	r->done += r->size;
}

static int next_segment(struct wal_reader *r, struct err *err)
{
	if (r->fd >= 0)
		sys->close(r->fd);
	r->fd = -1;
	r->segment = r->segments[r->i++];
	char *path = wal_segment_path(r->dir, r->segment);
	struct stat st;
	int rc = 0;
	r->fd = sys->open(path, O_RDONLY, 0);
	if (r->fd < 0 || sys->fstat(r->fd, &st) != 0)
		rc = err_sys(err, errno, "open %s", path);
	free(path);
	if (rc != 0)
		return rc;
	r->size = (uint64_t)st.st_size;
	r->off = r->win_off = r->win_n = 0;
	r->padded = r->damaged_last = r->in_record = r->lost = false;
	r->open = true;
	return 0;
}

/* Makes the window hold the page of r->off. */
static int load(struct wal_reader *r, struct err *err)
{
	if (r->off >= r->win_off && r->off < r->win_off + r->win_n)
		return 0;
	CHECK(r->dir); /* a segment in memory is its own window */
	r->win_off = r->off - r->off % WAL_PAGE;
	r->win_n = 0;
	r->win = r->buf;
	uint64_t want = MIN((uint64_t)READ_BYTES, r->size - r->win_off);
	while (r->win_n < want) {
		ssize_t got = sys->pread(r->fd, r->buf + r->win_n, want - r->win_n, (off_t)(r->win_off + r->win_n));
		if (got < 0 && errno == EINTR)
			continue;
		if (got < 0)
			return err_sys(err, errno, "read %s/%08u", r->dir, r->segment);
		if (got == 0)
			break;
		r->win_n += (uint64_t)got;
	}
	if (r->win_n < want) /* the file was cut meanwhile */
		r->size = r->win_off + r->win_n;
	return 0;
}

/* --- fragments ------------------------------------------------------------------------- */

/* A fragment as found. */
struct frag {
	uint8_t type, flags;
	const uint8_t *data;
	uint32_t n;
	uint64_t start, end; /* offsets in the segment */
};

static bool all_zero(const uint8_t *p, size_t n)
{
	return n == 0 || (p[0] == 0 && memcmp(p, p + 1, n - 1) == 0);
}

/* Checks the fragment at r->off, `left` bytes before the end of page or file. NULL, or what is wrong. */
static const char *parse(struct wal_reader *r, uint64_t left, struct frag *f)
{
	const uint8_t *p = r->win + (r->off - r->win_off);
	*f = (struct frag){ .start = r->off, .end = r->off + left };
	if (left < WAL_FRAG_HEADER)
		return "fragment header is cut off";
	f->type = p[0] & WAL_TYPE_MASK;
	f->flags = p[0] & WAL_FLAGS;
	f->n = be16_get(p + 1);
	f->data = p + WAL_FRAG_HEADER;
	if ((p[0] & ~(WAL_TYPE_MASK | WAL_FLAGS)) || f->flags == WAL_FLAGS || f->type == WAL_PAGE_END ||
	    f->type > WAL_LAST)
		return "bad fragment header";
	if (f->n > left - WAL_FRAG_HEADER)
		return "fragment is longer than its page";
	f->end = r->off + WAL_FRAG_HEADER + f->n;
	if (crc32c(0, f->data, f->n) != be32_get(p + 3))
		return "checksum mismatch";
	return NULL;
}

/*
 * Zero fill from r->off to the end of the page, where less than a header
 * would fit or the segment ends.
 */
static void fill(struct wal_reader *r, uint64_t left, uint64_t page_left)
{
	const uint8_t *p = r->win + (r->off - r->win_off);
	if (!all_zero(p, left)) {
		lose(r, r->off, "zero fill has other bytes in it");
	} else if (page_left >= WAL_FRAG_HEADER && !r->padded) {
		if (r->in_record)
			lose(r, r->off, "record is interrupted by zero bytes");
		r->padded = true;
		r->pad_start = r->off;
	}
	r->off += left;
}

/* After damage: tries right behind the bad fragment if its length may be true, else at the next page. */
static void skip_bad(struct wal_reader *r, const struct frag *f, uint64_t page_end, const char *why)
{
	bool first = !r->lost;
	lose(r, f->start, why);
	r->off = first && f->end < page_end ? f->end : page_end;
}

static int add_part(struct wal_reader *r, const struct frag *f)
{
	strbuf_add(&r->parts, f->data, f->n);
	return r->parts.n <= WAL_RECORD_MAX;
}

/* Takes a good fragment. Returns 1 when it ends a record, whose stored bytes are then *ret. */
static int take(struct wal_reader *r, const struct frag *f, struct str *ret)
{
	r->off = f->end;
	switch (f->type) {
	case WAL_FULL:
		begin_record(r, f->start);
		r->flags = f->flags;
		*ret = str_mem(f->data, f->n);
		return 1;
	case WAL_FIRST:
		begin_record(r, f->start);
		strbuf_reset(&r->parts);
		r->flags = f->flags;
		r->in_record = true;
		add_part(r, f);
		return 0;
	default:
		if (r->lost)
			return 0;
		if (!r->in_record || f->flags != r->flags || !add_part(r, f)) {
			lose(r, f->start, "fragment does not continue a record");
			return 0;
		}
		if (f->type == WAL_MIDDLE)
			return 0;
		r->in_record = false;
		*ret = strbuf_str(&r->parts);
		return 1;
	}
}

/* The next fragment of the segment. Returns 1 with a stored record in *ret, 0 when there is none yet. */
static int step(struct wal_reader *r, struct str *ret, struct err *err)
{
	int rc = load(r, err);
	if (rc != 0 || r->off >= r->size)
		return rc;
	uint64_t page_left = WAL_PAGE - r->off % WAL_PAGE;
	uint64_t left = MIN(page_left, r->size - r->off);
	const uint8_t *p = r->win + (r->off - r->win_off);
	if (page_left < WAL_FRAG_HEADER || *p == WAL_PAGE_END) {
		fill(r, left, page_left);
		return 0;
	}
	struct frag f;
	const char *bad = parse(r, left, &f);
	if (bad) {
		skip_bad(r, &f, r->off + left, bad);
		return 0;
	}
	return take(r, &f, ret);
}

/* Uncompresses the stored record. False when it does not. */
static bool unpack(struct wal_reader *r, struct str stored, struct str *ret)
{
	*ret = stored;
	if (r->flags == 0)
		return true;
	strbuf_reset(&r->raw);
	int rc = r->flags == WAL_FLAG_SNAPPY ? codec_snappy_uncompress_add(stored, WAL_RECORD_MAX, &r->raw, NULL)
					     : codec_zstd_uncompress(stored, WAL_RECORD_MAX, &r->raw, NULL);
	*ret = strbuf_str(&r->raw);
	return rc == 0;
}

int wal_reader_next(struct wal_reader *r, struct str *ret_rec, struct err *err)
{
	for (;;) {
		struct str stored = { NULL, 0 };
		int rc;
		if (r->open && r->off >= r->size)
			end_segment(r);
		if (!r->open) {
			if (r->i >= r->n_segments)
				return 0;
			if ((rc = next_segment(r, err)) != 0)
				return rc;
			continue;
		}
		if ((rc = step(r, &stored, err)) < 0)
			return rc;
		if (rc == 0)
			continue;
		r->pos = (struct wal_pos){ r->segment, r->rec_start };
		if (unpack(r, stored, ret_rec))
			return 1;
		lose(r, r->rec_start, "record does not uncompress");
	}
}

struct wal_pos wal_reader_pos(const struct wal_reader *r)
{
	return r->pos;
}

void wal_reader_progress(const struct wal_reader *r, uint64_t *ret_done, uint64_t *ret_total)
{
	*ret_done = r->done + (r->open ? r->off : 0);
	*ret_total = r->total;
}

const struct wal_damage *wal_reader_damage(const struct wal_reader *r, size_t *ret_n)
{
	*ret_n = r->damage.n;
	return r->damage.p;
}

uint64_t wal_reader_gaps(const struct wal_reader *r)
{
	return r->gaps;
}

size_t wal_reader_segments(const struct wal_reader *r)
{
	return r->n_segments;
}

struct wal_pos wal_reader_append_pos(const struct wal_reader *r, uint64_t segment_bytes)
{
	if (r->n_segments == 0)
		return (struct wal_pos){ r->first, 0 };
	bool go_on = !r->damaged_last && !r->padded && r->size > 0 && r->size < segment_bytes;
	return (struct wal_pos){ r->segment + !go_on, go_on ? r->size : 0 };
}
