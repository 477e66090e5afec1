/* Copies, unions, subsets and the packed form of label sets. */
#include "base/assert.h"
#include "base/mem.h"
#include "labels/labels.h"

#include <stdlib.h>

/* Copies all pairs to `dst` and their bytes to `bytes`. */
static void copy_pairs(struct labels l, struct label *dst, char *bytes)
{
	for (size_t i = 0; i < l.n; i++) {
		const struct str *from[2] = { &l.p[i].name, &l.p[i].value };
		struct str *to[2] = { &dst[i].name, &dst[i].value };
		for (int k = 0; k < 2; k++) {
			if (from[k]->n)
				memcpy(bytes, from[k]->p, from[k]->n);
			*to[k] = str_mem(bytes, from[k]->n);
			bytes += from[k]->n;
		}
	}
}

int labels_copy(struct labels l, struct arena *a, struct labels *ret, struct err *err)
{
	size_t pairs = l.n * sizeof(struct label);
	struct label *dst = arena_alloc(a, pairs + labels_bytes(l));
	if (!dst)
		return arena_err(a, err);
	copy_pairs(l, dst, (char *)dst + pairs);
	*ret = (struct labels){ dst, l.n };
	return 0;
}

struct labels *labels_dup(struct labels l)
{
	size_t pairs = l.n * sizeof(struct label);
	struct labels *d = xmalloc(sizeof(*d) + pairs + labels_bytes(l));
	struct label *dst = (struct label *)(d + 1);
	copy_pairs(l, dst, (char *)dst + pairs);
	*d = (struct labels){ dst, l.n };
	return d;
}

/* Longer arrays go to qsort. */
#define INSERTION_MAX 32

/* An index array keeps qsort stable whatever the C library does. */
struct indexed_label {
	struct label l;
	size_t at;
};

static int indexed_order(const void *a, const void *b)
{
	const struct indexed_label *x = a, *y = b;
	int d = str_cmp(x->l.name, y->l.name);
	return d ? d : (x->at > y->at) - (x->at < y->at);
}

static void sort_long(struct label *p, size_t n)
{
	struct indexed_label *t = xcalloc(n, sizeof(*t));
	for (size_t i = 0; i < n; i++)
		t[i] = (struct indexed_label){ p[i], i };
	qsort(t, n, sizeof(*t), indexed_order);
	for (size_t i = 0; i < n; i++)
		p[i] = t[i].l;
	free(t);
}

void label_sort(struct label *p, size_t n)
{
	size_t sorted = 1;
	while (sorted < n && str_cmp(p[sorted - 1].name, p[sorted].name) <= 0)
		sorted++;
	if (sorted >= n)
		return;
	if (n > INSERTION_MAX) {
		sort_long(p, n);
		return;
	}
	for (size_t i = sorted; i < n; i++) {
		struct label l = p[i];
		size_t j = i;
		for (; j > 0 && str_cmp(p[j - 1].name, l.name) > 0; j--)
			p[j] = p[j - 1];
		p[j] = l;
	}
}

int labels_merge(struct labels base, struct labels over, struct arena *a, struct labels *ret, struct err *err)
{
	struct label *dst = arena_array(a, base.n + over.n, sizeof(*dst));
	if (!dst)
		return arena_err(a, err);
	size_t i = 0, j = 0, n = 0;
	while (i < base.n || j < over.n) {
		int d = i == base.n ? 1 : j == over.n ? -1 : str_cmp(base.p[i].name, over.p[j].name);
		if (d == 0)
			i++;
		dst[n++] = d < 0 ? base.p[i++] : over.p[j++];
	}
	*ret = (struct labels){ dst, n };
	return 0;
}

/* How many of the sorted `names` are label names of `l`. */
static size_t count_named(struct labels l, const struct str *names, size_t n)
{
	size_t found = 0;
	for (size_t i = 0, j = 0; i < l.n && j < n;) {
		int d = str_cmp(l.p[i].name, names[j]);
		found += d == 0;
		i += d <= 0;
		j += d > 0;
	}
	return found;
}

int labels_without(struct labels l, const struct str *names, size_t n, struct arena *a, struct labels *ret,
		   struct err *err)
{
	size_t gone = count_named(l, names, n);
	if (gone == 0) {
		*ret = l;
		return 0;
	}
	struct label *dst = arena_array(a, l.n - gone, sizeof(*dst));
	if (!dst)
		return arena_err(a, err);
	size_t k = 0;
	for (size_t i = 0, j = 0; i < l.n; i++) {
		while (j < n && str_cmp(names[j], l.p[i].name) < 0)
			j++;
		if (j == n || !str_eq(names[j], l.p[i].name))
			dst[k++] = l.p[i];
	}
	*ret = (struct labels){ dst, k };
	return 0;
}

/* --- packed form ---------------------------------------------------------------- */

static size_t packed_len(size_t n)
{
	return (n < 255 ? 1 : 4) + n;
}

size_t labels_pack_size(struct labels l)
{
	size_t n = 0;
	for (size_t i = 0; i < l.n; i++)
		n += packed_len(l.p[i].name.n) + packed_len(l.p[i].value.n);
	return n;
}

static char *pack_str(char *dst, struct str s)
{
	CHECK(s.n <= LABELS_PACK_MAX_STR);
	if (s.n < 255) {
		*dst++ = (char)s.n;
	} else {
		*dst++ = '\xff';
		*dst++ = (char)s.n;
		*dst++ = (char)(s.n >> 8);
		*dst++ = (char)(s.n >> 16);
	}
	if (s.n)
		memcpy(dst, s.p, s.n);
	return dst + s.n;
}

void labels_pack(struct labels l, char *dst)
{
	for (size_t i = 0; i < l.n; i++)
		dst = pack_str(pack_str(dst, l.p[i].name), l.p[i].value);
}

static struct str unpack_str(struct str *rest)
{
	const unsigned char *p = (const unsigned char *)rest->p;
	size_t n = p[0], head = 1;
	if (n == 255) {
		n = p[1] | (size_t)p[2] << 8 | (size_t)p[3] << 16;
		head = 4;
	}
	struct str s = str_mem(rest->p + head, n);
	*rest = str_mem(rest->p + head + n, rest->n - head - n);
	return s;
}

/* A walk over packed labels: start with `rest` = the block. */
struct labels_packed {
	struct str rest;
};

/* The next pair of a block written by labels_pack; false at the end. The bytes are trusted. */
static bool labels_packed_next(struct labels_packed *it, struct label *ret)
{
	if (it->rest.n == 0)
		return false;
	ret->name = unpack_str(&it->rest);
	ret->value = unpack_str(&it->rest);
	return true;
}

struct str labels_packed_get(struct str block, struct str name)
{
	struct labels_packed it = { block };
	struct label l;
	while (labels_packed_next(&it, &l)) {
		int d = str_cmp(l.name, name);
		if (d == 0)
			return l.value;
		if (d > 0)
			break;
	}
	return (struct str){ NULL, 0 };
}

size_t labels_packed_count(struct str block)
{
	struct labels_packed it = { block };
	struct label l;
	size_t n = 0;
	while (labels_packed_next(&it, &l))
		n++;
	return n;
}

/* Fills `dst` (labels_packed_count pairs) with pairs that point into `block`. */
static struct labels labels_unpack_into(struct str block, struct label *dst)
{
	struct labels_packed it = { block };
	struct label l;
	size_t n = 0;
	while (labels_packed_next(&it, &l))
		dst[n++] = l;
	return (struct labels){ dst, n };
}

int labels_unpack(struct str block, struct arena *a, struct labels *ret, struct err *err)
{
	struct label *dst = arena_array(a, labels_packed_count(block), sizeof(*dst));
	if (!dst)
		return arena_err(a, err);
	*ret = labels_unpack_into(block, dst);
	return 0;
}
