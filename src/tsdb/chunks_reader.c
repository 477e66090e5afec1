#include "tsdb/chunks_reader.h"

#include "base/file.h"
#include "base/mem.h"
#include "codec/crc32c.h"
#include "codec/varint.h"
#include "tsdb/filemap.h"

#include <stdlib.h>

struct chunks_reader {
	struct filemap *segments;
	size_t n;
};

int chunks_header_check(struct str head, struct err *err)
{
	if (head.n < CHUNKS_HEADER_LEN || be32_get(head.p) != CHUNKS_MAGIC)
		return err_set(err, ERR_DATA_LOSS, "chunk segment damaged: it does not begin with the magic number");
	if (head.p[4] != 1)
		return err_set(err, ERR_UNIMPLEMENTED, "chunk segment has unknown version %u", (uint8_t)head.p[4]);
	return 0;
}

int chunks_parse(struct str bytes, struct chunk *ret, size_t *ret_len, struct err *err)
{
	struct decbuf d = decbuf_make(bytes.p, bytes.n);
	uint64_t n = decbuf_uvarint_max(&d, CHUNKS_DATA_MAX);
	struct str body = decbuf_bytes(&d, n + 1);
	uint32_t crc = decbuf_be32(&d);
	if (d.failed)
		return err_set(err, ERR_DATA_LOSS, "chunk is cut off");
	if (crc32c(0, body.p, body.n) != crc)
		return err_set(err, ERR_DATA_LOSS, "checksum of chunk does not match");
	*ret = (struct chunk){ (uint8_t)body.p[0], str_mem(body.p + 1, n) };
	if (ret_len)
		*ret_len = (size_t)(d.p - (const uint8_t *)bytes.p);
	return 0;
}

static int open_segment(struct chunks_reader *r, const char *dir, const char *name, struct err *err)
{
	uint64_t number;
	if (!str_to_u64(str_c(name), &number))
		return 0;
	if (r->n == CHUNKS_SEGMENTS_MAX)
		return err_set(err, ERR_RESOURCE_EXHAUSTED, "%s has more than %d segments", dir, CHUNKS_SEGMENTS_MAX);
	char *path = xasprintf("%s/%s", dir, name);
	r->segments = xreallocarray(r->segments, r->n + 1, sizeof(*r->segments));
	struct filemap *m = &r->segments[r->n];
	int rc = filemap_open(m, path, err);
	if (rc == 0) {
		r->n++;
		rc = chunks_header_check(m->bytes, err);
		if (rc < 0)
			err_prefix(err, "%s", path);
	}
	free(path);
	return rc;
}

int chunks_reader_open(const char *dir, struct chunks_reader **ret, struct err *err)
{
	struct chunks_reader *r = xcalloc(1, sizeof(*r));
	char **names = NULL;
	size_t n = 0;
	int rc = file_list(dir, &names, &n, err);
	if (rc == -ERR_NOT_FOUND)
		rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++)
		rc = open_segment(r, dir, names[i], err);
	file_list_free(names, n);
	if (rc < 0) {
		chunks_reader_close(r);
		return rc;
	}
	*ret = r;
	return 0;
}

void chunks_reader_close(struct chunks_reader *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n; i++)
		filemap_close(&r->segments[i]);
	free(r->segments);
	free(r);
}

size_t chunks_reader_segments(const struct chunks_reader *r)
{
	return r->n;
}

uint64_t chunks_reader_bytes(const struct chunks_reader *r)
{
	uint64_t sum = 0;
	for (size_t i = 0; i < r->n; i++)
		sum += r->segments[i].bytes.n;
	return sum;
}

int chunks_reader_get(const struct chunks_reader *r, uint64_t ref, struct chunk *ret, struct err *err)
{
	uint64_t segment = ref >> 32, offset = ref & UINT32_MAX;
	if (segment >= r->n)
		return err_set(err, ERR_DATA_LOSS, "chunk %llu: there is no segment %llu of %zu",
			       (unsigned long long)ref, (unsigned long long)segment + 1, r->n);
	struct str bytes = r->segments[segment].bytes;
	if (offset < CHUNKS_HEADER_LEN || offset >= bytes.n)
		return err_set(err, ERR_DATA_LOSS, "chunk %llu: offset %llu is outside segment %llu",
			       (unsigned long long)ref, (unsigned long long)offset, (unsigned long long)segment + 1);
	int rc = chunks_parse(str_mem(bytes.p + offset, bytes.n - offset), ret, NULL, err);
	return rc < 0 ? err_prefix(err, "segment %llu offset %llu", (unsigned long long)segment + 1,
				   (unsigned long long)offset)
		      : 0;
}
