#include "tsdb/wal.h"

#include "unit/tsdb/tsdb_test.h"

#include <fcntl.h>
#include <jansson.h>
#include <openssl/evp.h>

#define SEG (2 * WAL_PAGE)

/* --- helpers ---------------------------------------------------------------------- */

/* Everything a directory holds, as a list of records. */
struct content {
	struct wal_batch recs;
	size_t damages;
	bool tail;
	struct wal_pos append;
};

static void content_fini(struct content *c)
{
	wal_batch_fini(&c->recs);
}

static struct content drain(struct wal_reader *r)
{
	struct content c = { 0 };
	struct err e;
	struct str rec;
	int rc;
	while ((rc = wal_reader_next(r, &rec, &e)) == 1)
		wal_batch_add(&c.recs, rec);
	ok(rc, &e);
	const struct wal_damage *d = wal_reader_damage(r, &c.damages);
	for (size_t i = 0; i < c.damages; i++) {
		assert_true(d[i].start < d[i].end);
		c.tail |= d[i].tail;
	}
	c.append = wal_reader_append_pos(r, SEG);
	wal_reader_close(r);
	return c;
}

static struct content read_dir(const char *dir)
{
	struct err e;
	struct wal_reader *r;
	ok(wal_reader_open(&r, dir, 0, &e), &e);
	return drain(r);
}

static struct wal_writer *open_writer(const char *dir, enum wal_compression comp, struct wal_pos at)
{
	struct wal_config cfg = { .dir = dir, .segment_bytes = SEG, .compression = comp, .retain = true };
	struct wal_writer *w;
	struct err e;
	ok(wal_writer_open(&w, &cfg, at, &e), &e);
	return w;
}

static void close_writer(struct wal_writer *w, bool clean)
{
	struct err e;
	ok(wal_writer_close(w, clean, &e), &e);
}

static uint32_t rng = 1;

static uint32_t next_random(void)
{
	rng = rng * 1664525 + 1013904223;
	return rng >> 8;
}

/* Every other one goes with its memory, as long records do. */
static void add_random(struct wal_batch *b, size_t n)
{
	struct strbuf rec = { 0 };
	char *p = strbuf_reserve(&rec, n);
	uint32_t keep = next_random() % 3;
	for (size_t i = 0; i < n; i++)
		p[i] = keep == 0 ? 'a' : (char)next_random();
	rec.n = n;
	if (b->n % 2)
		wal_batch_take(b, &rec);
	else
		wal_batch_add(b, strbuf_str(&rec));
	strbuf_fini(&rec);
}

static void assert_same(const struct wal_batch *a, const struct wal_batch *b)
{
	assert_int_equal(a->n, b->n);
	for (size_t i = 0; i < a->n; i++)
		assert_true(str_eq(wal_batch_get(a, i), wal_batch_get(b, i)));
}

/* Whether `part` is a subsequence of `whole`. */
static bool is_subsequence(const struct wal_batch *part, const struct wal_batch *whole)
{
	size_t j = 0;
	for (size_t i = 0; i < whole->n && j < part->n; i++)
		j += str_eq(wal_batch_get(part, j), wal_batch_get(whole, i));
	return j == part->n;
}

/* --- round trips -------------------------------------------------------------------- */

static void round_trip(enum wal_compression comp)
{
	char *dir = scratch_new();
	struct wal_batch all = { 0 };
	struct wal_pos at = { 0, 0 };
	struct err e;
	for (int run = 0; run < 6; run++) {
		struct wal_writer *w = open_writer(dir, comp, at);
		for (int i = 0; i < 20; i++) {
			struct wal_batch b = { 0 };
			for (uint32_t k = next_random() % 5; k > 0; k--)
				add_random(&b, next_random() % 8 == 0 ? next_random() % 60000 : next_random() % 300);
			ok(wal_write(w, &b, &e), &e);
			if (i % 3 == 0)
				ok(wal_sync(w, &e), &e);
			for (size_t k = 0; k < b.n; k++)
				wal_batch_add(&all, wal_batch_get(&b, k));
			wal_batch_fini(&b);
		}
		close_writer(w, run % 2);
		struct content c = read_dir(dir);
		assert_int_equal(c.damages, 0);
		assert_same(&all, &c.recs);
		at = c.append;
		assert_int_equal(at.offset == 0, run % 2 || at.offset == 0);
		content_fini(&c);
	}
	wal_batch_fini(&all);
	scratch_fini(dir);
}

static void test_records_of_all_sizes_read_back(void **state)
{
	round_trip(WAL_NONE);
	round_trip(WAL_SNAPPY);
	round_trip(WAL_ZSTD);
}

static void check_sha(struct str rec, const char *want)
{
	unsigned char md[32];
	unsigned int n;
	char hex[65];
	assert_int_equal(EVP_Digest(rec.p, rec.n, md, &n, EVP_sha256(), NULL), 1);
	for (int i = 0; i < 32; i++)
		sprintf(hex + 2 * i, "%02x", md[i]);
	assert_string_equal(hex, want);
}

static struct content golden(const char *name)
{
	char *dir = golden_path(name);
	char *json = xasprintf("%s.expected.json", dir);
	struct content c = read_dir(dir);
	json_t *j = json_load_file(json, 0, NULL);
	assert_non_null(j);
	assert_int_equal(c.damages, 0);
	assert_int_equal(c.recs.n, json_array_size(j));
	for (size_t i = 0; i < c.recs.n; i++)
		check_sha(wal_batch_get(&c.recs, i),
			  json_string_value(json_object_get(json_array_get(j, i), "sha256")));
	json_decref(j);
	free(json);
	free(dir);
	return c;
}

static void test_golden_fragments_read(void **state)
{
	const char *names[] = { "wal_fragments_none", "wal_fragments_snappy", "wal_fragments_zstd" };
	for (size_t i = 0; i < 3; i++) {
		struct content c = golden(names[i]);
		content_fini(&c);
	}
}

/* Writes what the golden directory holds; the files are the same byte for byte. */
static void same_files(const char *name, enum wal_compression comp)
{
	struct content c = golden(name);
	char *dir = scratch_new(), *want = golden_path(name);
	struct wal_writer *w = open_writer(dir, comp, (struct wal_pos){ 0, 0 });
	struct err e;
	ok(wal_write(w, &c.recs, &e), &e);
	close_writer(w, true);
	char **files;
	size_t n;
	ok(file_list(want, &files, &n, &e), &e);
	for (size_t i = 0; i < n; i++) {
		char *pa = xasprintf("%s/%s", want, files[i]), *pb = xasprintf("%s/%s", dir, files[i]);
		struct strbuf a = slurp(pa), b = slurp(pb);
		if (comp == WAL_NONE)
			assert_true(str_eq(strbuf_str(&a), strbuf_str(&b)));
		strbuf_fini(&a);
		strbuf_fini(&b);
		free(pa);
		free(pb);
	}
	file_list_free(files, n);
	content_fini(&c);
	free(want);
	scratch_fini(dir);
}

static void test_files_equal_those_of_prometheus(void **state)
{
	same_files("wal_fragments_none", WAL_NONE);
	same_files("wal_fragments_snappy", WAL_SNAPPY);
}

/* --- damage --------------------------------------------------------------------------- */

/* A directory with one segment of some small records; returns the records and the file. */
static struct strbuf small_wal(char *dir, struct wal_batch *recs, enum wal_compression comp, size_t n)
{
	struct err e;
	for (size_t i = 0; i < n; i++)
		add_random(recs, i == 7 ? 33000 : i % 5 == 4 ? 0 : 1 + next_random() % 60);
	struct wal_writer *w = open_writer(dir, comp, (struct wal_pos){ 0, 0 });
	ok(wal_write(w, recs, &e), &e);
	close_writer(w, false);
	char *path = xasprintf("%s/00000000", dir);
	struct strbuf b = slurp(path);
	free(path);
	return b;
}

static void put_segment(const char *dir, const void *p, size_t n)
{
	char *path = xasprintf("%s/00000000", dir);
	spit(path, p, n);
	free(path);
}

static uint64_t repair(const char *dir, const char *quarantine)
{
	struct err e;
	struct wal_reader *r;
	struct str rec;
	ok(wal_reader_open(&r, dir, 0, &e), &e);
	while (wal_reader_next(r, &rec, &e) == 1)
		;
	size_t n;
	const struct wal_damage *d = wal_reader_damage(r, &n);
	uint64_t bytes;
	ok(wal_repair(dir, d, n, quarantine, &bytes, &e), &e);
	wal_reader_close(r);
	return bytes;
}

static void test_tail_cut_at_every_byte_keeps_whole_records(void **state)
{
	char *dir = scratch_new();
	struct wal_batch recs = { 0 };
	struct strbuf whole = small_wal(dir, &recs, WAL_NONE, 12);
	size_t before = 0;
	for (size_t cut = 0; cut <= whole.n; cut++) {
		if (cut > 500 && cut < 32700)
			cut = 32700;
		struct wal_reader *r = wal_reader_open_mem(str_mem(whole.p, cut));
		struct content c = drain(r);
		assert_true(c.recs.n >= before && c.recs.n <= before + 1);
		for (size_t i = 0; i < c.recs.n; i++)
			assert_true(str_eq(wal_batch_get(&c.recs, i), wal_batch_get(&recs, i)));
		before = c.recs.n;
		content_fini(&c);
	}
	assert_int_equal(before, recs.n);
	strbuf_fini(&whole);
	wal_batch_fini(&recs);
	scratch_fini(dir);
}

static void test_torn_tail_is_quarantined_and_appending_goes_on(void **state)
{
	char *dir = scratch_new(), *quarantine = xasprintf("%s/q", dir);
	struct wal_batch recs = { 0 };
	struct strbuf whole = small_wal(dir, &recs, WAL_SNAPPY, 6);
	put_segment(dir, whole.p, whole.n - 3);
	struct content c = read_dir(dir);
	assert_int_equal(c.damages, 1);
	assert_true(c.tail);
	assert_int_equal(c.append.segment, 1);
	assert_int_equal(c.append.offset, 0);
	content_fini(&c);
	assert_true(repair(dir, quarantine) > 0);
	c = read_dir(dir);
	assert_int_equal(c.damages, 0);
	assert_int_equal(c.recs.n, recs.n - 1);
	char **files;
	size_t n;
	struct err e;
	ok(file_list(quarantine, &files, &n, &e), &e);
	assert_int_equal(n, 1);
	file_list_free(files, n);
	struct wal_writer *w = open_writer(dir, WAL_SNAPPY, c.append);
	struct wal_batch more = { 0 };
	wal_batch_add(&more, STR("after"));
	ok(wal_write(w, &more, &e), &e);
	close_writer(w, false);
	content_fini(&c);
	c = read_dir(dir);
	assert_int_equal(c.recs.n, recs.n);
	assert_true(str_eq(wal_batch_get(&c.recs, recs.n - 1), STR("after")));
	content_fini(&c);
	wal_batch_fini(&more);
	wal_batch_fini(&recs);
	strbuf_fini(&whole);
	free(quarantine);
	scratch_fini(dir);
}

static void test_damage_in_the_middle_keeps_what_follows(void **state)
{
	char *dir = scratch_new(), *quarantine = xasprintf("%s/q", dir);
	struct wal_batch recs = { 0 };
	struct strbuf whole = small_wal(dir, &recs, WAL_NONE, 20);
	for (int kind = 0; kind < 3; kind++) {
		struct strbuf bad = { 0 };
		strbuf_add(&bad, whole.p, whole.n);
		if (kind == 0)
			bad.p[40] ^= 1;
		else if (kind == 1)
			memset(bad.p + 30, 0, 100);
		else
			memset(bad.p, 0xA5, 200);
		put_segment(dir, bad.p, bad.n);
		struct content c = read_dir(dir);
		assert_true(c.damages >= 1);
		assert_false(c.tail);
		assert_true(c.recs.n >= 10 && c.recs.n < recs.n);
		assert_true(is_subsequence(&c.recs, &recs));
		repair(dir, quarantine);
		struct content again = read_dir(dir);
		assert_int_equal(again.damages, 0);
		assert_true(is_subsequence(&c.recs, &again.recs));
		content_fini(&again);
		content_fini(&c);
		strbuf_fini(&bad);
	}
	strbuf_fini(&whole);
	wal_batch_fini(&recs);
	free(quarantine);
	scratch_fini(dir);
}

static void test_tails_of_zeros_and_noise_lose_nothing(void **state)
{
	char *dir = scratch_new();
	struct wal_batch recs = { 0 };
	struct strbuf whole = small_wal(dir, &recs, WAL_SNAPPY, 12);
	size_t n = whole.n;
	char *p = strbuf_reserve(&whole, 70000);
	for (int kind = 0; kind < 2; kind++) {
		for (size_t i = 0; i < 70000; i++)
			p[i] = kind ? (char)next_random() : 0;
		struct content c = drain(wal_reader_open_mem(str_mem(whole.p, n + 70000)));
		assert_same(&c.recs, &recs);
		assert_int_equal(c.damages, kind);
		content_fini(&c);
	}
	strbuf_fini(&whole);
	wal_batch_fini(&recs);
	scratch_fini(dir);
}

/* Whether both hold the same records; empty ones mean nothing. */
static bool same_records(const struct wal_batch *a, const struct wal_batch *b)
{
	size_t i = 0, j = 0;
	for (;;) {
		while (i < a->n && wal_batch_get(a, i).n == 0)
			i++;
		while (j < b->n && wal_batch_get(b, j).n == 0)
			j++;
		if (i == a->n || j == b->n)
			return i == a->n && j == b->n;
		if (!str_eq(wal_batch_get(a, i++), wal_batch_get(b, j++)))
			return false;
	}
}

/* Every single flipped bit is reported, or changes nothing. */
static void flip_all(enum wal_compression comp)
{
	char *dir = scratch_new();
	struct wal_batch recs = { 0 };
	struct strbuf whole = small_wal(dir, &recs, comp, 7);
	strbuf_add(&whole, "\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16);
	for (size_t bit = 0; bit < whole.n * 8; bit++) {
		whole.p[bit / 8] ^= (char)(1 << bit % 8);
		struct content c = drain(wal_reader_open_mem(strbuf_str(&whole)));
		bool same = same_records(&c.recs, &recs);
		/* Type bits of compression cannot be checked by the log; the record then has no known type. */
		bool compression_bit = (bit % 8 == 3 || bit % 8 == 4) && c.recs.n == recs.n;
		assert_true(same || c.damages > 0 || compression_bit);
		content_fini(&c);
		whole.p[bit / 8] ^= (char)(1 << bit % 8);
	}
	strbuf_fini(&whole);
	wal_batch_fini(&recs);
	scratch_fini(dir);
}

static void test_every_bit_flip_is_seen_or_harmless(void **state)
{
	flip_all(WAL_NONE);
	flip_all(WAL_SNAPPY);
}

/* --- failing files ---------------------------------------------------------------------- */

static struct sys_ops ops;
static int fail_after, fail_times, fail_errno, short_by;
static int sync_fails;

static ssize_t failing_pwrite(int fd, const void *p, size_t n, off_t off)
{
	if (fail_after-- > 0 || fail_times <= 0)
		return sys_real.pwrite(fd, p, n, off);
	fail_times--;
	if (short_by > 0) {
		ssize_t put = sys_real.pwrite(fd, p, n > (size_t)short_by ? n - (size_t)short_by : 1, off);
		short_by = 0;
		fail_times++;
		return put;
	}
	errno = fail_errno;
	return -1;
}

static int failing_sync(int fd)
{
	if (sync_fails > 0) {
		sync_fails--;
		errno = EIO;
		return -1;
	}
	return sys_real.fdatasync(fd);
}

static int refusing_truncate(int fd, off_t n)
{
	errno = EIO;
	return -1;
}

static void use_failing(void)
{
	ops = sys_real;
	ops.pwrite = failing_pwrite;
	ops.fdatasync = failing_sync;
	fail_after = 0;
	fail_times = short_by = sync_fails = 0;
	sys = &ops;
}

static void test_failed_write_leaves_a_record_boundary(void **state)
{
	for (int truncates = 0; truncates < 2; truncates++) {
		char *dir = scratch_new();
		struct wal_batch all = { 0 }, b = { 0 };
		struct err e;
		struct wal_writer *w = open_writer(dir, WAL_SNAPPY, (struct wal_pos){ 0, 0 });
		use_failing();
		if (!truncates)
			ops.ftruncate = refusing_truncate;
		for (int i = 0; i < 60; i++) {
			wal_batch_reset(&b);
			add_random(&b, next_random() % 5000);
			fail_times = i % 3 == 0;
			short_by = i % 6 == 0 ? 10 : 0;
			fail_errno = ENOSPC;
			int rc = wal_write(w, &b, &e);
			assert_int_equal(rc, i % 3 == 0 ? -ERR_RESOURCE_EXHAUSTED : 0);
			if (rc != 0) { /* and reading now finds whole records only */
				struct content c = read_dir(dir);
				if (truncates)
					assert_int_equal(c.damages, 0);
				assert_true(is_subsequence(&all, &c.recs));
				content_fini(&c);
				ok(wal_write(w, &b, &e), &e);
			}
			ok(wal_sync(w, &e), &e);
			wal_batch_add(&all, wal_batch_get(&b, 0));
		}
		sys = &sys_real;
		close_writer(w, true);
		struct content c = read_dir(dir);
		assert_same(&all, &c.recs);
		content_fini(&c);
		wal_batch_fini(&b);
		wal_batch_fini(&all);
		scratch_fini(dir);
	}
}

static void test_failed_sync_writes_again_to_a_new_segment(void **state)
{
	char *dir = scratch_new();
	struct wal_batch b = { 0 };
	struct err e;
	struct wal_writer *w = open_writer(dir, WAL_NONE, (struct wal_pos){ 0, 0 });
	use_failing();
	wal_batch_add(&b, STR("synced"));
	ok(wal_write(w, &b, &e), &e);
	ok(wal_sync(w, &e), &e);
	wal_batch_reset(&b);
	wal_batch_add(&b, STR("one"));
	wal_batch_add(&b, STR("two"));
	ok(wal_write(w, &b, &e), &e);
	sync_fails = 1;
	ok(wal_sync(w, &e), &e);
	assert_int_equal(wal_writer_pos(w).segment, 1);
	assert_int_equal(wal_writer_stats(w).resealed, 1);
	/* What was not known to be on disk is in the new segment, whatever became of the old one. */
	char *path = xasprintf("%s/00000001", dir);
	struct strbuf seg = slurp(path);
	struct content c = drain(wal_reader_open_mem(strbuf_str(&seg)));
	assert_same(&c.recs, &b);
	content_fini(&c);
	strbuf_fini(&seg);
	free(path);

	ok(wal_write(w, &b, &e), &e);
	sync_fails = 2;
	assert_int_equal(wal_sync(w, &e), -ERR_DATA_LOSS);
	assert_true(wal_failed(w));
	assert_int_equal(wal_write(w, &b, &e), -ERR_DATA_LOSS);
	assert_int_equal(wal_sync(w, &e), -ERR_DATA_LOSS);
	sys = &sys_real;
	wal_writer_close(w, false, NULL);
	wal_batch_fini(&b);
	scratch_fini(dir);
}

static void test_failed_sync_while_changing_segments(void **state)
{
	char *dir = scratch_new();
	struct wal_batch all = { 0 }, b = { 0 };
	struct err e;
	struct wal_writer *w = open_writer(dir, WAL_NONE, (struct wal_pos){ 0, 0 });
	use_failing();
	for (int i = 0; i < 20; i++) {
		wal_batch_reset(&b);
		add_random(&b, 9000);
		add_random(&b, 9000);
		sync_fails = 1;
		ok(wal_write(w, &b, &e), &e);
		ok(wal_sync(w, &e), &e);
		sync_fails = 0;
		wal_batch_add(&all, wal_batch_get(&b, 0));
		wal_batch_add(&all, wal_batch_get(&b, 1));
	}
	sys = &sys_real;
	close_writer(w, true);
	struct content c = read_dir(dir);
	assert_int_equal(c.damages, 0);
	assert_true(is_subsequence(&all, &c.recs));
	content_fini(&c);
	wal_batch_fini(&b);
	wal_batch_fini(&all);
	scratch_fini(dir);
}

static void test_gaps_and_old_segments(void **state)
{
	char *dir = scratch_new();
	struct err e;
	for (uint32_t i = 2; i < 8; i += 1 + (i == 4)) {
		struct wal_writer *w = open_writer(dir, WAL_NONE, (struct wal_pos){ i, 0 });
		struct wal_batch b = { 0 };
		wal_batch_add(&b, STR("x"));
		ok(wal_write(w, &b, &e), &e);
		close_writer(w, true);
		wal_batch_fini(&b);
	}
	struct wal_reader *r;
	ok(wal_reader_open(&r, dir, 0, &e), &e);
	assert_int_equal(wal_reader_gaps(r), 1);
	struct content c = drain(r);
	assert_int_equal(c.recs.n, 5);
	assert_int_equal(c.append.segment, 8);
	content_fini(&c);
	ok(wal_delete_before(dir, 6, &e), &e);
	bool any;
	uint32_t first, last;
	ok(wal_segments(dir, &any, &first, &last, &e), &e);
	assert_int_equal(first, 6);
	assert_int_equal(last, 7);
	assert_int_equal(wal_size(dir), 2 * WAL_PAGE);
	scratch_fini(dir);
}

static void test_batches_move_behind_each_other(void **state)
{
	struct wal_batch a = { 0 }, b = { 0 }, all = { 0 };
	for (unsigned round = 0; round < 6; round++) {
		for (unsigned i = 0; i < round * 5; i++) {
			add_random(&b, next_random() % 3000);
			wal_batch_add(&all, wal_batch_get(&b, b.n - 1));
		}
		wal_batch_move(&a, &b);
		assert_int_equal(b.n, 0);
		assert_int_equal(b.n_bytes, 0);
		assert_same(&a, &all);
		assert_int_equal(a.n_bytes, all.n_bytes);
	}
	wal_batch_reset(&a);
	wal_batch_add(&a, STR("again"));
	assert_true(a.n == 1 && str_eq(wal_batch_get(&a, 0), STR("again")));
	wal_batch_fini(&a);
	wal_batch_fini(&b);
	wal_batch_fini(&all);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_batches_move_behind_each_other),
		cmocka_unit_test(test_records_of_all_sizes_read_back),
		cmocka_unit_test(test_golden_fragments_read),
		cmocka_unit_test(test_files_equal_those_of_prometheus),
		cmocka_unit_test(test_tail_cut_at_every_byte_keeps_whole_records),
		cmocka_unit_test(test_torn_tail_is_quarantined_and_appending_goes_on),
		cmocka_unit_test(test_damage_in_the_middle_keeps_what_follows),
		cmocka_unit_test(test_tails_of_zeros_and_noise_lose_nothing),
		cmocka_unit_test(test_every_bit_flip_is_seen_or_harmless),
		cmocka_unit_test(test_failed_write_leaves_a_record_boundary),
		cmocka_unit_test(test_failed_sync_writes_again_to_a_new_segment),
		cmocka_unit_test(test_failed_sync_while_changing_segments),
		cmocka_unit_test(test_gaps_and_old_segments),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
