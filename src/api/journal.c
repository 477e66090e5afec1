#include "api/journal.h"

#include "base/compiler.h"
#include "base/file.h"
#include "base/mem.h"
#include "base/sys.h"
#include "text/json_write.h"

#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#define SLOT API_JOURNAL_SLOT_BYTES
#define FILE_BYTES ((size_t)1 + (size_t)API_JOURNAL_SLOTS * SLOT)

/* Most that is read of what an earlier process left, for upstream's file grows with its concurrency; and most that is told of it. */
#define OLD_MAX ((size_t)16 << 20)
#define LEFT_MAX ((size_t)8 << 10)

struct api_journal {
	char *file; /* mapped */
	uint64_t used[API_JOURNAL_SLOTS / 64];
};

/* --- what was left ---------------------------------------------------------------------- */

/* Appends the slots of `old` that are filled, the first that fit. */
static void add_left(const struct strbuf *old, struct strbuf *ret)
{
	size_t from = ret->n;
	for (size_t at = 1; at < old->n && ret->n - from < LEFT_MAX; at += SLOT) {
		size_t n = strnlen(old->p + at, MIN(old->n - at, (size_t)SLOT - 1));
		if (n == 0)
			continue;
		strbuf_add_ch(ret, ret->n == from ? '[' : ',');
		strbuf_add(ret, old->p + at, n);
	}
	if (ret->n > from)
		strbuf_add_ch(ret, ']');
}

static int read_left(const char *path, struct strbuf *ret, struct err *err)
{
	struct strbuf old = { 0 };
	struct err e = ERR_NONE;
	int rc = file_read_all(path, OLD_MAX, &old, &e);
	if (rc == 0)
		add_left(&old, ret);
	strbuf_fini(&old);
	if (rc == 0 || rc == -ERR_NOT_FOUND)
		return 0;
	return err_set(err, e.code, "%s", e.msg);
}

/* --- the file --------------------------------------------------------------------------- */

/* All its blocks are written, so that a full disk shows here and not as a signal when a slot is. */
static int fill(int fd, struct err *err)
{
	char *zeros = xcalloc(1, FILE_BYTES);
	int rc = file_write_full(fd, zeros, FILE_BYTES, err);
	free(zeros);
	return rc;
}

static char *map(const char *path, struct err *err)
{
	void *p = MAP_FAILED;
	int fd = open(path, O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
	if (fd < 0) {
		err_sys(err, errno, "open %s", path);
		return NULL;
	}
	if (fill(fd, err) == 0) {
		p = mmap(NULL, FILE_BYTES, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
		if (p == MAP_FAILED)
			err_sys(err, errno, "map %s", path);
	}
	close(fd);
	return p == MAP_FAILED ? NULL : p;
}

struct api_journal *api_journal_open(const char *dir, struct strbuf *ret_left, struct err *err)
{
	struct strbuf path = { 0 };
	struct api_journal *j = NULL;
	char *file = NULL;
	strbuf_printf(&path, "%s/queries.active", dir);
	if (file_mkdir_all(dir, err) == 0 && read_left(path.p, ret_left, err) == 0)
		file = map(path.p, err);
	strbuf_fini(&path);
	if (!file)
		return NULL;
	file[0] = '[';
	j = xcalloc(1, sizeof(*j));
	j->file = file;
	return j;
}

void api_journal_close(struct api_journal *j)
{
	if (!j)
		return;
	munmap(j->file, FILE_BYTES);
	free(j);
}

/* --- slots ------------------------------------------------------------------------------ */

static uint32_t take(struct api_journal *j)
{
	for (size_t i = 0; i < ARRAY_LEN(j->used); i++) {
		if (~j->used[i] == 0)
			continue;
		unsigned bit = (unsigned)__builtin_ctzll(~j->used[i]);
		j->used[i] |= 1ULL << bit;
		return (uint32_t)(64 * i + bit);
	}
	return API_JOURNAL_NONE;
}

static char *slot_of(struct api_journal *j, uint32_t slot)
{
	return j->file + 1 + (size_t)slot * SLOT;
}

/* The entry of the first `n` bytes of a query; what it needs in `b`. */
static void format(struct strbuf *b, struct str query, size_t n, int64_t now_s)
{
	struct jsonw w;
	struct err err;
	strbuf_reset(b);
	jsonw_init(&w, b, JSONW_HTML);
	jsonw_object_begin(&w);
	jsonw_kv_str(&w, "query", str_mem(query.p, n));
	jsonw_key(&w, "timestamp_sec");
	jsonw_i64(&w, now_s);
	jsonw_object_end(&w);
	(void)jsonw_finish(&w, &err);
}

/* The largest n whose characters end where it ends. */
static size_t whole_characters(struct str s, size_t n)
{
	while (n > 0 && n < s.n && ((unsigned char)s.p[n] & 0xc0) == 0x80)
		n--;
	return n;
}

uint32_t api_journal_add(struct api_journal *j, struct str query, int64_t now_s)
{
	uint32_t slot = j ? take(j) : API_JOURNAL_NONE;
	struct strbuf b = { 0 };
	if (slot == API_JOURNAL_NONE)
		return slot;
	size_t n = MIN(query.n, (size_t)SLOT);
	format(&b, query, whole_characters(query, n), now_s);
	while (b.n > SLOT - 1) { /* escapes make it longer, up to six times */
		n -= MIN(n, (b.n - SLOT) / 6 + 1);
		format(&b, query, whole_characters(query, n), now_s);
	}
	memcpy(slot_of(j, slot), b.p, b.n);
	slot_of(j, slot)[SLOT - 1] = ',';
	strbuf_fini(&b);
	return slot;
}

void api_journal_remove(struct api_journal *j, uint32_t slot)
{
	if (!j || slot == API_JOURNAL_NONE)
		return;
	memset(slot_of(j, slot), 0, SLOT);
	j->used[slot / 64] &= ~(1ULL << slot % 64);
}
