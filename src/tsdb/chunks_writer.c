#include "tsdb/chunks_writer.h"

#include "base/file.h"
#include "base/mem.h"
#include "codec/crc32c.h"
#include "codec/varint.h"
#include "tsdb/chunks_reader.h"
#include "tsdb/outfile.h"

#include <stdlib.h>

struct chunks_writer {
	char *dir;
	uint64_t segment_size, bytes;
	struct outfile f;
	size_t segments; /* begun */
};

int chunks_writer_open(const char *dir, uint64_t segment_size, struct chunks_writer **ret, struct err *err)
{
	int r = file_mkdir_all(dir, err);
	if (r < 0)
		return r;
	struct chunks_writer *w = xcalloc(1, sizeof(*w));
	w->dir = xstrdup(dir);
	w->segment_size = segment_size ? MIN(segment_size, UINT32_MAX) : CHUNKS_SEGMENT_SIZE;
	*ret = w;
	return 0;
}

static int cut(struct chunks_writer *w, struct err *err)
{
	int r = outfile_close(&w->f, false, err);
	if (r < 0)
		return r;
	if (w->segments == CHUNKS_SEGMENTS_MAX)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s: more than %d segments", w->dir, CHUNKS_SEGMENTS_MAX);
	char *path = xasprintf("%s/%06zu", w->dir, w->segments + 1);
	r = outfile_open(&w->f, path, err);
	free(path);
	if (r < 0)
		return r;
	w->segments++;
	uint8_t head[CHUNKS_HEADER_LEN] = { 0 };
	be32_put(head, CHUNKS_MAGIC);
	head[4] = 1;
	w->bytes += sizeof(head);
	return outfile_write(&w->f, head, sizeof(head), err);
}

/* Room that is set aside for a chunk: Prometheus counts the length as five bytes. */
static uint64_t size_of(const struct chunk *c)
{
	return 5 + 1 + c->data.n + 4;
}

static int write_chunk(struct chunks_writer *w, const struct chunk *c, uint64_t *ret_ref, struct err *err)
{
	uint8_t head[VARINT_MAX + 1], crc[4];
	uint8_t *p = varint_put(head, c->data.n);
	*p++ = c->enc;
	be32_put(crc, crc32c(crc32c(0, p - 1, 1), c->data.p, c->data.n));
	uint64_t from = w->f.pos;
	*ret_ref = (uint64_t)(w->segments - 1) << 32 | from;
	outfile_write(&w->f, head, (size_t)(p - head), NULL);
	outfile_write(&w->f, c->data.p, c->data.n, NULL);
	int r = outfile_write(&w->f, crc, sizeof(crc), err);
	w->bytes += w->f.pos - from;
	return r;
}

/* How many of the chunks fit into the open segment; at least one when it is fresh. */
static size_t batch_of(const struct chunks_writer *w, const struct chunk *c, size_t n)
{
	uint64_t used = w->f.pos;
	size_t k = 0;
	for (; k < n; k++) {
		used += size_of(&c[k]);
		if (used > w->segment_size)
			break;
	}
	return k == 0 && w->f.pos == CHUNKS_HEADER_LEN ? 1 : k;
}

int chunks_writer_add(struct chunks_writer *w, const struct chunk *c, size_t n, uint64_t *ret_refs, struct err *err)
{
	if (n == 0)
		return 0;
	int r = w->f.path ? 0 : cut(w, err);
	for (size_t i = 0; i < n && r == 0;) {
		size_t k = batch_of(w, c + i, n - i);
		for (; k > 0 && r == 0; k--, i++)
			r = write_chunk(w, &c[i], &ret_refs[i], err);
		if (r == 0 && i < n)
			r = cut(w, err);
	}
	return r;
}

uint64_t chunks_writer_bytes(const struct chunks_writer *w)
{
	return w->bytes;
}

size_t chunks_writer_segments(const struct chunks_writer *w)
{
	return w->segments;
}

int chunks_writer_close(struct chunks_writer *w, bool drop, struct err *err)
{
	if (!w)
		return 0;
	int r = outfile_close(&w->f, drop, err);
	if (r == 0 && !drop)
		r = file_sync_dir(w->dir, err);
	free(w->dir);
	free(w);
	return r;
}
