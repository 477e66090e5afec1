#include "api/journal.h"
#include "base/file.h"
#include "unit/unit.h"

#include <unistd.h>

/* A folder that does not exist yet, in one that does. */
struct place {
	char base[32], dir[48], file[64];
};

static void place_make(struct place *p)
{
	snprintf(p->base, sizeof(p->base), "/tmp/test_journal.XXXXXX");
	assert_non_null(mkdtemp(p->base));
	snprintf(p->dir, sizeof(p->dir), "%s/a/b", p->base);
	snprintf(p->file, sizeof(p->file), "%s/queries.active", p->dir);
}

static void place_drop(struct place *p)
{
	struct err err;
	assert_int_equal(file_remove_all(p->base, &err), 0);
}

static struct api_journal *open_with(const struct place *p, const char *left)
{
	struct strbuf text = { 0 };
	struct err err = ERR_NONE;
	struct api_journal *j = api_journal_open(p->dir, &text, &err);
	if (!j)
		fail_msg("%s", err.msg);
	assert_string_equal(text.n ? text.p : "", left);
	strbuf_fini(&text);
	return j;
}

static void read_file(const struct place *p, struct strbuf *ret)
{
	struct err err;
	strbuf_reset(ret);
	assert_int_equal(file_read_all(p->file, 16 << 20, ret, &err), 0);
}

static void test_queries_stand_in_slots_as_upstream_writes_them(void **state)
{
	struct place p;
	struct strbuf b = { 0 };
	place_make(&p);
	struct api_journal *j = open_with(&p, "");
	uint32_t one = api_journal_add(j, STR("up{a=\"<b>\"}"), 17), two = api_journal_add(j, STR("2"), 18);
	read_file(&p, &b);
	assert_int_equal(b.n, 1 + API_JOURNAL_SLOTS * API_JOURNAL_SLOT_BYTES);
	assert_int_equal(b.p[0], '[');
	assert_string_equal(b.p + 1, "{\"query\":\"up{a=\\\"\\u003cb\\u003e\\\"}\",\"timestamp_sec\":17}");
	assert_int_equal(b.p[API_JOURNAL_SLOT_BYTES], ',');
	assert_string_equal(b.p + 1 + API_JOURNAL_SLOT_BYTES, "{\"query\":\"2\",\"timestamp_sec\":18}");
	api_journal_remove(j, one);
	read_file(&p, &b);
	for (unsigned i = 1; i <= API_JOURNAL_SLOT_BYTES; i++)
		assert_int_equal(b.p[i], 0);
	assert_int_equal(api_journal_add(j, STR("3"), 19), one);
	api_journal_remove(j, two);
	api_journal_close(j);
	strbuf_fini(&b);
	place_drop(&p);
}

static void test_what_a_process_left_is_told_once(void **state)
{
	struct place p;
	place_make(&p);
	struct api_journal *j = open_with(&p, "");
	(void)api_journal_add(j, STR("a"), 1);
	uint32_t gone = api_journal_add(j, STR("b"), 2);
	(void)api_journal_add(j, STR("c"), 3);
	api_journal_remove(j, gone);
	api_journal_close(j);
	j = open_with(&p, "[{\"query\":\"a\",\"timestamp_sec\":1},{\"query\":\"c\",\"timestamp_sec\":3}]");
	api_journal_close(j);
	j = open_with(&p, "");
	api_journal_close(j);
	place_drop(&p);
}

static void test_long_queries_are_cut_between_characters(void **state)
{
	struct place p;
	struct strbuf b = { 0 };
	char text[3000];
	place_make(&p);
	struct api_journal *j = open_with(&p, "");
	for (size_t i = 0; i < sizeof(text); i++)
		text[i] = i % 2 ? '\x84' : '\xc3';
	(void)api_journal_add(j, str_mem(text, sizeof(text)), 1);
	memset(text, 1, sizeof(text)); /* six bytes each */
	(void)api_journal_add(j, str_mem(text, sizeof(text)), 1);
	read_file(&p, &b);
	for (unsigned i = 0; i < 2; i++) {
		const char *slot = b.p + 1 + i * API_JOURNAL_SLOT_BYTES;
		size_t n = strnlen(slot, API_JOURNAL_SLOT_BYTES - 1);
		assert_in_range(n, API_JOURNAL_SLOT_BYTES - 40, API_JOURNAL_SLOT_BYTES - 1);
		assert_memory_equal(slot + n - strlen("\",\"timestamp_sec\":1}"), "\",\"timestamp_sec\":1}", 20 - 1);
		assert_int_equal(slot[API_JOURNAL_SLOT_BYTES - 1], ',');
		assert_null(strstr(slot, "\xef\xbf\xbd"));
	}
	api_journal_close(j);
	strbuf_fini(&b);
	place_drop(&p);
}

static void test_more_queries_than_slots_are_not_written(void **state)
{
	struct place p;
	place_make(&p);
	struct api_journal *j = open_with(&p, "");
	for (unsigned i = 0; i < API_JOURNAL_SLOTS; i++)
		assert_int_equal(api_journal_add(j, STR("q"), 1), i);
	assert_int_equal(api_journal_add(j, STR("q"), 1), API_JOURNAL_NONE);
	api_journal_remove(j, API_JOURNAL_NONE);
	api_journal_remove(j, 700);
	assert_int_equal(api_journal_add(j, STR("q"), 1), 700);
	api_journal_close(j);
	place_drop(&p);
}

static void test_a_path_that_cannot_be_made_is_named(void **state)
{
	struct place p;
	struct err err = ERR_NONE;
	struct strbuf left = { 0 };
	place_make(&p);
	snprintf(p.file, sizeof(p.file), "%s/a", p.base);
	assert_int_equal(file_write_atomic(p.file, "", 0, &err), 0);
	assert_null(api_journal_open(p.dir, &left, &err));
	assert_non_null(strstr(err.msg, p.base));
	place_drop(&p);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_queries_stand_in_slots_as_upstream_writes_them),
		cmocka_unit_test(test_what_a_process_left_is_told_once),
		cmocka_unit_test(test_long_queries_are_cut_between_characters),
		cmocka_unit_test(test_more_queries_than_slots_are_not_written),
		cmocka_unit_test(test_a_path_that_cannot_be_made_is_named),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
