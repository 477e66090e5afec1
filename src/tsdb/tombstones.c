#include "tsdb/tombstones.h"

#include "codec/crc32c.h"
#include "codec/varint.h"

#include <stdlib.h>

#define HEADER_LEN 5

static int damaged(struct err *err, const char *what)
{
	return err_set(err, ERR_DATA_LOSS, "tombstones file damaged: %s", what);
}

int tombstones_parse(struct str file, struct arena *a, struct tombstones *ret, struct err *err)
{
	*ret = (struct tombstones){ NULL, 0 };
	if (file.n < HEADER_LEN + 4 || be32_get(file.p) != TOMBSTONES_MAGIC)
		return damaged(err, "it does not begin with the magic number");
	if (file.p[4] != 1)
		return err_set(err, ERR_UNIMPLEMENTED, "tombstones file has unknown version %u", (uint8_t)file.p[4]);
	struct decbuf d = decbuf_make(file.p + HEADER_LEN, file.n - HEADER_LEN - 4);
	if (crc32c(0, d.p, decbuf_left(&d)) != be32_get(file.p + file.n - 4))
		return damaged(err, "checksum");
	struct tombstone *p = arena_array(a, decbuf_left(&d) / 3 + 1, sizeof(*p));
	if (!p)
		return arena_err(a, err);
	size_t n = 0;
	while (decbuf_left(&d) > 0) {
		uint64_t ref = decbuf_uvarint(&d);
		int64_t mint = decbuf_varint(&d), maxt = decbuf_varint(&d);
		if (d.failed)
			return damaged(err, "an entry is cut off");
		p[n++] = (struct tombstone){ ref, mint, maxt };
	}
	*ret = (struct tombstones){ p, tombstones_normalise(p, n) };
	return 0;
}

void tombstones_write(struct tombstones t, struct strbuf *out)
{
	enc_be32(out, TOMBSTONES_MAGIC);
	strbuf_add_ch(out, 1);
	size_t from = out->n;
	for (size_t i = 0; i < t.n; i++) {
		enc_uvarint(out, t.p[i].ref);
		enc_varint(out, t.p[i].mint);
		enc_varint(out, t.p[i].maxt);
	}
	uint32_t crc = out->n > from ? crc32c(0, out->p + from, out->n - from) : 0;
	enc_be32(out, crc);
}

static int cmp(const void *a, const void *b)
{
	const struct tombstone *x = a, *y = b;
	if (x->ref != y->ref)
		return x->ref < y->ref ? -1 : 1;
	if (x->mint != y->mint)
		return x->mint < y->mint ? -1 : 1;
	return (x->maxt > y->maxt) - (x->maxt < y->maxt);
}

size_t tombstones_normalise(struct tombstone *p, size_t n)
{
	size_t k = 0;
	if (n > 1)
		qsort(p, n, sizeof(*p), cmp);
	for (size_t i = 0; i < n; i++) {
		if (p[i].maxt < p[i].mint)
			continue;
		struct tombstone *last = k ? &p[k - 1] : NULL;
		/* Neighbouring milliseconds join too. */
		if (last && last->ref == p[i].ref && (last->maxt == INT64_MAX || p[i].mint <= last->maxt + 1)) {
			last->maxt = MAX(last->maxt, p[i].maxt);
			continue;
		}
		p[k++] = p[i];
	}
	return k;
}

/* Index of the first interval whose series is at least `ref`. */
static size_t first_of(struct tombstones t, uint64_t ref)
{
	size_t lo = 0, hi = t.n;
	while (lo < hi) {
		size_t mid = lo + (hi - lo) / 2;
		if (t.p[mid].ref < ref)
			lo = mid + 1;
		else
			hi = mid;
	}
	return lo;
}

struct tombstones tombstones_of(struct tombstones t, uint64_t ref)
{
	size_t from = first_of(t, ref), to = from;
	while (to < t.n && t.p[to].ref == ref)
		to++;
	return (struct tombstones){ from ? t.p + from : t.p, to - from };
}

bool tombstones_cover(struct tombstones t, int64_t mint, int64_t maxt)
{
	for (size_t i = 0; i < t.n; i++) {
		if (t.p[i].mint <= mint && maxt <= t.p[i].maxt)
			return true;
	}
	return false;
}

void tombstones_apply(struct tombstones t, struct chunk_cols *cols)
{
	size_t k = 0, at = 0;
	if (t.n == 0)
		return;
	for (size_t i = 0; i < cols->n; i++) {
		int64_t now = cols->t[i];
		while (at < t.n && t.p[at].maxt < now)
			at++;
		if (at < t.n && t.p[at].mint <= now)
			continue;
		cols->t[k] = now;
		if (cols->v)
			cols->v[k] = cols->v[i];
		if (cols->h)
			cols->h[k] = cols->h[i];
		if (cols->st)
			cols->st[k] = cols->st[i];
		k++;
	}
	cols->n = k;
}
