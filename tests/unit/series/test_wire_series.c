#include "series/wire_series.h"

#include "base/mem.h"
#include "proto/scan.h"
#include "proto/store.pb-c.h"
#include "series/shard.h"
#include "unit/unit.h"

static uint32_t rnd_state = 3;

static uint32_t rnd(uint32_t n)
{
	rnd_state = rnd_state * 1664525u + 1013904223u;
	return (rnd_state >> 9) % n;
}

/* The message that our bytes are to protobuf-c. */
static void *second_opinion(struct arena *a, const struct strbuf *b, const ProtobufCMessageDescriptor *d)
{
	struct err e = ERR_NONE;
	void *m = NULL;
	if (proto_unpack(strbuf_str(b), d, NULL, a, &m, &e) < 0)
		fail_msg("%s", e.msg);
	return m;
}

static const struct wire_matcher matchers[] = {
	{ MATCH_EQ, { "a", 1 }, { "1", 1 } },
	{ MATCH_NRE, { "b", 1 }, { "x.*", 3 } },
	{ MATCH_NEQ, { "c", 1 }, { "", 0 } },
};
static const struct str names[] = { { "replica", 7 }, { "", 0 }, { "r2", 2 } };

static struct series_request full_request(void)
{
	return (struct series_request){
		.mint = -5,
		.maxt = 1700000000000,
		.matchers = matchers,
		.n_matchers = 3,
		.max_resolution_ms = 300000,
		.aggrs = 1 << SERIES_COUNT | 1 << SERIES_COUNTER,
		.partial_response_disabled = true,
		.partial_response = PARTIAL_ABORT,
		.skip_chunks = true,
		.hints = { true, STR("type.googleapis.com/hintspb.SeriesRequestHints"), STR("\x10\x01") },
		.step_ms = 15000,
		.range_ms = 60000,
		.query_hints = { .present = true,
				 .step_ms = 1,
				 .func = STR("rate"),
				 .has_grouping = true,
				 .grouping_by = true,
				 .grouping = { names, 3 },
				 .has_range = true,
				 .range_ms = 9,
				 .projection_labels = { names, 1 },
				 .projection_include = true,
				 .series_hash_label = STR("h") },
		.has_shard = true,
		.shard = { 1, 3, true, { names, 2 } },
		.without_replica_labels = { names, 3 },
		.limit = 10,
		.batch_size = 64,
	};
}

static void test_series_request_is_what_protobuf_c_sees(void **state)
{
	struct arena a;
	struct strbuf b = { 0 };
	struct series_request in = full_request();
	arena_init(&a, NULL);
	series_request_write(&in, &b);
	Thanos__SeriesRequest *m = second_opinion(&a, &b, &thanos__series_request__descriptor);
	assert_true(m->min_time == -5 && m->max_time == 1700000000000);
	assert_int_equal(m->n_matchers, 3);
	assert_int_equal(m->matchers[1]->type, THANOS__LABEL_MATCHER__TYPE__NRE);
	assert_string_equal(m->matchers[1]->value, "x.*");
	assert_int_equal(m->n_aggregates, 2);
	assert_int_equal(m->aggregates[1], THANOS__AGGR__COUNTER);
	assert_true(m->partial_response_disabled && m->skip_chunks);
	assert_int_equal(m->partial_response_strategy, THANOS__PARTIAL_RESPONSE_STRATEGY__ABORT);
	assert_int_equal(m->hints->value.len, 2);
	assert_string_equal(m->query_hints->func->name, "rate");
	assert_int_equal(m->query_hints->grouping->n_labels, 3);
	assert_int_equal(m->query_hints->range->millis, 9);
	assert_true(m->query_hints->projection_include);
	assert_int_equal(m->shard_info->total_shards, 3);
	assert_int_equal(m->n_without_replica_labels, 3);
	assert_true(m->limit == 10 && m->response_batch_size == 64 && m->step == 15000 && m->range == 60000);

	/* And back: what protobuf-c writes, ours reads; written again it is the same. */
	struct strbuf theirs = { 0 }, again = { 0 };
	struct series_request out;
	struct err e = ERR_NONE;
	proto_pack(m, &theirs);
	assert_int_equal(series_request_read(strbuf_str(&theirs), &a, &out, &e), 0);
	series_request_write(&out, &again);
	assert_true(str_eq(strbuf_str(&b), strbuf_str(&again)));
	strbuf_fini(&b);
	strbuf_fini(&theirs);
	strbuf_fini(&again);
	arena_fini(&a);
}

static void test_label_requests_and_responses(void **state)
{
	struct arena a;
	struct strbuf b = { 0 }, again = { 0 };
	struct err e = ERR_NONE;
	struct label_request in = { .label = STR("job"),
				    .start = 1,
				    .end = 2,
				    .matchers = matchers,
				    .n_matchers = 3,
				    .partial_response_disabled = true,
				    .partial_response = PARTIAL_ABORT,
				    .without_replica_labels = { names, 3 },
				    .limit = 4,
				    .hints = { .present = true, .type_url = STR("t") } },
			     out;
	arena_init(&a, NULL);
	label_values_request_write(&in, &b);
	Thanos__LabelValuesRequest *v = second_opinion(&a, &b, &thanos__label_values_request__descriptor);
	assert_string_equal(v->label, "job");
	assert_true(v->n_matchers == 3 && v->limit == 4 && v->end == 2 && v->n_without_replica_labels == 3);
	assert_int_equal(label_values_request_read(strbuf_str(&b), &a, &out, &e), 0);
	label_values_request_write(&out, &again);
	assert_true(str_eq(strbuf_str(&b), strbuf_str(&again)));

	strbuf_reset(&b);
	strbuf_reset(&again);
	label_names_request_write(&in, &b);
	Thanos__LabelNamesRequest *n = second_opinion(&a, &b, &thanos__label_names_request__descriptor);
	assert_true(n->start == 1 && n->limit == 4 && n->partial_response_disabled && n->n_matchers == 3);
	assert_int_equal(label_names_request_read(strbuf_str(&b), &a, &out, &e), 0);
	assert_int_equal(out.label.n, 0);
	label_names_request_write(&out, &again);
	assert_true(str_eq(strbuf_str(&b), strbuf_str(&again)));

	strbuf_reset(&b);
	struct label_response r = { { names, 3 }, { names, 1 }, { .present = true, .value = STR("v") } }, back;
	label_response_write(&r, &b);
	Thanos__LabelNamesResponse *lr = second_opinion(&a, &b, &thanos__label_names_response__descriptor);
	assert_true(lr->n_names == 3 && lr->n_warnings == 1 && lr->hints->value.len == 1);
	assert_int_equal(label_response_read(strbuf_str(&b), &a, &back, &e), 0);
	assert_true(back.values.n == 3 && str_eq(back.values.p[2], STR("r2")) && back.hints.present);
	strbuf_fini(&b);
	strbuf_fini(&again);
	arena_fini(&a);
}

static void test_bad_requests_are_refused(void **state)
{
	struct arena a;
	struct series_request r;
	struct label_request l;
	struct err e = ERR_NONE;
	arena_init(&a, NULL);
	assert_int_equal(series_request_read(STR("\x1a\x02\x08\x07"), &a, &r, &e), -ERR_INVALID_ARGUMENT);
	assert_string_equal(e.msg, "proto: SeriesRequest: unrecognized label matcher type");
	assert_int_equal(series_request_read(STR("\x08"), &a, &r, &e), -ERR_INVALID_ARGUMENT);
	assert_int_equal(series_request_read(STR("\x0a\x00"), &a, &r, &e), -ERR_INVALID_ARGUMENT);
	assert_int_equal(series_request_read(STR("\x62\x02\x12\x09"), &a, &r, &e), -ERR_INVALID_ARGUMENT);
	assert_int_equal(series_request_read(STR("\x68\x01"), &a, &r, &e), -ERR_INVALID_ARGUMENT);
	assert_int_equal(series_request_read(STR("\x2a\x01\x80"), &a, &r, &e), -ERR_INVALID_ARGUMENT);
	assert_int_equal(series_request_read(STR("\x28\x63\xa0\x06\x01"), &a, &r, &e),
			 0); /* unknown aggregate, field */
	assert_int_equal(r.aggrs, 0);
	assert_int_equal(label_values_request_read(STR("\x08\x01"), &a, &l, &e), -ERR_INVALID_ARGUMENT);
	arena_fini(&a);
}

static void test_requests_stay_in_the_budget(void **state)
{
	struct budget budget;
	struct arena a;
	struct strbuf b = { 0 };
	struct series_request r;
	struct err e = ERR_NONE;
	for (int i = 0; i < 100000; i++)
		wire_put_str(&b, 3, STR(""));
	budget_init(&budget, NULL, "request", 1 << 20);
	arena_init(&a, &budget);
	assert_int_equal(series_request_read(strbuf_str(&b), &a, &r, &e), -ERR_RESOURCE_EXHAUSTED);
	arena_fini(&a);
	budget_fini(&budget);
	strbuf_fini(&b);
}

static void test_matchers_of_a_request_compile(void **state)
{
	struct arena a;
	struct matcher **m = NULL;
	struct err e = ERR_NONE;
	struct wire_matcher bad = { MATCH_RE, STR("a"), STR("(") };
	arena_init(&a, NULL);
	assert_int_equal(wire_matchers_compile(matchers, 3, &a, &m, &e), 0);
	struct label l[] = { { STR("a"), STR("1") }, { STR("c"), STR("z") } };
	assert_true(matchers_match(m, 3, (struct labels){ l, 2 }));
	assert_int_equal(wire_matchers_compile(&bad, 1, &a, &m, &e), -ERR_INVALID_ARGUMENT);
	struct wire_matcher many[1001];
	for (size_t i = 0; i < 1001; i++)
		many[i] = matchers[0];
	assert_int_equal(wire_matchers_compile(many, 1000, &a, &m, &e), 0);
	assert_int_equal(wire_matchers_compile(many, 1001, &a, &m, &e), -ERR_INVALID_ARGUMENT);
	arena_fini(&a);
}

/* --- frames ---------------------------------------------------------------------------- */

static struct series random_series(struct arena *a)
{
	struct label *l = arena_array(a, 3, sizeof(*l));
	for (int i = 0; i < 3; i++) {
		l[i].name = str_c(arena_printf(a, "n%d", i));
		l[i].value = str_c(arena_printf(a, "v%u", rnd(1000)));
	}
	struct series s = { .labels = { l, rnd(4) }, .n_chunks = rnd(4) };
	s.chunks = arena_array(a, s.n_chunks, sizeof(*s.chunks));
	for (size_t i = 0; i < s.n_chunks; i++) {
		s.chunks[i].mint = rnd(2) ? (int64_t)rnd(1000) - 500 : 0;
		s.chunks[i].maxt = 1700000000000 + rnd(1000);
		for (size_t k = 0; k < SERIES_AGGRS; k++) {
			if (rnd(2))
				continue;
			size_t n = rnd(3) ? rnd(300) : rnd(3000);
			char *data = arena_alloc(a, n + 1);
			for (size_t j = 0; j < n; j++)
				data[j] = (char)rnd(256);
			s.chunks[i].part[k].chunk.enc = (uint8_t)(CHUNK_XOR + rnd(3));
			s.chunks[i].part[k].chunk.data = str_mem(data, n);
			s.chunks[i].part[k].hash = rnd(2) ? (uint64_t)rnd(1u << 30) << 33 : 0;
		}
	}
	return s;
}

static void same_series(const struct series *x, const struct series *y)
{
	assert_true(labels_eq(x->labels, y->labels));
	assert_int_equal(x->n_chunks, y->n_chunks);
	for (size_t i = 0; i < x->n_chunks; i++) {
		const struct series_chunk *c = &x->chunks[i], *d = &y->chunks[i];
		assert_true(c->mint == d->mint && c->maxt == d->maxt);
		for (size_t k = 0; k < SERIES_AGGRS; k++) {
			assert_int_equal(c->part[k].chunk.enc, d->part[k].chunk.enc);
			assert_true(str_eq(c->part[k].chunk.data, d->part[k].chunk.data));
			assert_true(c->part[k].hash == d->part[k].hash);
		}
	}
}

static void same_as_protobuf_c(const struct series *s, const Thanos__Series *m)
{
	assert_int_equal(m->n_labels, s->labels.n);
	assert_int_equal(m->n_chunks, s->n_chunks);
	for (size_t i = 0; i < s->n_chunks; i++) {
		const Thanos__Chunk *parts[SERIES_AGGRS] = { m->chunks[i]->raw, m->chunks[i]->count,
							     m->chunks[i]->sum, m->chunks[i]->min,
							     m->chunks[i]->max, m->chunks[i]->counter };
		for (size_t k = 0; k < SERIES_AGGRS; k++) {
			const struct series_part *p = &s->chunks[i].part[k];
			assert_int_equal(parts[k] != NULL, p->chunk.enc != CHUNK_NONE);
			if (!parts[k])
				continue;
			assert_true(str_eq(str_mem(parts[k]->data.data, parts[k]->data.len), p->chunk.data));
			assert_int_equal(parts[k]->type, p->chunk.enc - CHUNK_XOR);
			assert_true(parts[k]->hash == p->hash);
		}
	}
}

static void flatten(struct frame_writer *w, bool batch, struct strbuf *b)
{
	const struct iovec *iov;
	size_t n, total = frame_finish(w, batch, &iov, &n);
	strbuf_reset(b);
	for (size_t i = 0; i < n; i++)
		strbuf_add(b, iov[i].iov_base, iov[i].iov_len);
	assert_int_equal(b->n, total);
}

static void test_frames_agree_with_protobuf_c(void **state)
{
	struct frame_writer w = { 0 };
	struct strbuf b = { 0 };
	struct err e = ERR_NONE;
	for (int round = 0; round < 300; round++) {
		struct arena a;
		struct series s[5], got;
		struct frame_item item;
		size_t n = 1 + rnd(5);
		bool batch = n > 1 || rnd(2);
		arena_init(&a, NULL);
		frame_writer_reset(&w);
		for (size_t i = 0; i < n; i++) {
			s[i] = random_series(&a);
			assert_int_equal(frame_add_series(&w, &s[i], &e), 0);
		}
		flatten(&w, batch, &b);
		Thanos__SeriesResponse *m = second_opinion(&a, &b, &thanos__series_response__descriptor);
		assert_int_equal(m->result_case, batch ? THANOS__SERIES_RESPONSE__RESULT_BATCH
						       : THANOS__SERIES_RESPONSE__RESULT_SERIES);
		for (size_t i = 0; i < n; i++)
			same_as_protobuf_c(&s[i], batch ? m->batch->series[i] : m->series);
		strbuf_reset(&b);
		proto_pack(m, &b);
		struct frame_reader r = frame_reader_begin(strbuf_str(&b));
		for (size_t i = 0; i < n; i++) {
			assert_int_equal(frame_next(&r, &item, &e), 1);
			assert_int_equal(item.kind, FRAME_SERIES);
			assert_int_equal(frame_series_read(item.body, &a, &got, &e), 0);
			same_series(&s[i], &got);
		}
		assert_int_equal(frame_next(&r, &item, &e), 0);
		arena_fini(&a);
	}
	frame_writer_fini(&w);
	strbuf_fini(&b);
}

static void test_large_chunks_are_not_copied(void **state)
{
	struct frame_writer w = { 0 };
	struct err e = ERR_NONE;
	char *data = xcalloc(5000, 1);
	struct series_chunk c = { .mint = 1, .maxt = 2 };
	c.part[SERIES_RAW].chunk = (struct chunk){ CHUNK_XOR, str_mem(data, 5000) };
	const struct iovec *iov;
	size_t n;
	assert_int_equal(frame_add_encoded(&w,
					   STR("\x0a\x06\x0a\x01"
					       "a\x12\x01"
					       "b"),
					   &c, 1, &e),
			 0);
	frame_finish(&w, true, &iov, &n);
	bool found = false;
	for (size_t i = 0; i < n; i++)
		found |= iov[i].iov_base == data && iov[i].iov_len == 5000;
	assert_true(found);
	assert_true(w.own.n < 50);
	free(data);
	frame_writer_fini(&w);
}

static void test_encodings_that_the_store_api_lacks(void **state)
{
	struct frame_writer w = { 0 };
	struct err e = ERR_NONE;
	struct series_chunk c = { .mint = 1 };
	c.part[SERIES_RAW].chunk.enc = CHUNK_XOR2;
	struct series s = { .chunks = &c, .n_chunks = 1 };
	assert_int_equal(frame_add_series(&w, &s, &e), -ERR_UNIMPLEMENTED);
	assert_int_equal(w.bytes, 0);
	frame_writer_fini(&w);
}

static void test_warnings_and_hints(void **state)
{
	struct strbuf b = { 0 };
	struct frame_item item;
	struct err e = ERR_NONE;
	frame_write_warning(STR("store x is down"), &b);
	frame_write_hints(&(struct wire_any){ true, STR("t"), STR("v") }, &b);
	struct frame_reader r = frame_reader_begin(strbuf_str(&b));
	assert_int_equal(frame_next(&r, &item, &e), 1);
	assert_int_equal(item.kind, FRAME_WARNING);
	assert_true(str_eq(item.body, STR("store x is down")));
	assert_int_equal(frame_next(&r, &item, &e), 1);
	assert_int_equal(item.kind, FRAME_HINTS);
	assert_true(str_eq(item.hints.type_url, STR("t")) && str_eq(item.hints.value, STR("v")));
	assert_int_equal(frame_next(&r, &item, &e), 0);
	strbuf_fini(&b);
}

static void test_bad_frames_are_refused(void **state)
{
	struct arena a;
	struct series s;
	struct frame_item item;
	struct err e = ERR_NONE;
	arena_init(&a, NULL);
	struct frame_reader r = frame_reader_begin(STR("\x22\x02\x0a\x05"));
	assert_int_equal(frame_next(&r, &item, &e), -ERR_INVALID_ARGUMENT);
	r = frame_reader_begin(STR("\x08\x05"));
	assert_int_equal(frame_next(&r, &item, &e), -ERR_INVALID_ARGUMENT);
	assert_int_equal(frame_series_read(STR("\x0a\x02\x0a\x05"), &a, &s, &e), -ERR_INVALID_ARGUMENT);
	assert_int_equal(frame_series_read(STR("\x12\x04\x1a\x02\x08\x03"), &a, &s, &e), -ERR_INVALID_ARGUMENT);
	assert_string_equal(e.msg, "proto: Series: unknown chunk encoding");
	assert_int_equal(frame_series_read(STR("\x12\x02\x0a\x00"), &a, &s, &e), -ERR_INVALID_ARGUMENT);
	arena_fini(&a);
}

static void test_shards_hash_the_labels_that_count(void **state)
{
	struct label l[] = { { STR("__name__"), STR("m") }, { STR("a"), STR("1") }, { STR("b"), STR("2") } };
	struct labels set = { l, 3 };
	struct str by[] = { STR("b"), STR("a") };
	struct shard_info s = { .total = 7, .by = true, .labels = { by, 2 } };
	static const char ab[] = "a\xff"
				 "1\xff"
				 "b\xff"
				 "2\xff",
			  name[] = "__name__\xff"
				   "m\xff";
	for (s.index = 0; s.index < 7; s.index++) {
		s.by = true;
		assert_int_equal(shard_matches(&s, set), hash_xx64(ab, sizeof(ab) - 1) % 7 == (uint64_t)s.index);
		s.by = false;
		assert_int_equal(shard_matches(&s, set), hash_xx64(name, sizeof(name) - 1) % 7 == (uint64_t)s.index);
	}
	s.total = 0;
	assert_true(shard_matches(&s, set));
	assert_true(shard_matches(NULL, set));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_series_request_is_what_protobuf_c_sees),
		cmocka_unit_test(test_label_requests_and_responses),
		cmocka_unit_test(test_bad_requests_are_refused),
		cmocka_unit_test(test_requests_stay_in_the_budget),
		cmocka_unit_test(test_matchers_of_a_request_compile),
		cmocka_unit_test(test_frames_agree_with_protobuf_c),
		cmocka_unit_test(test_large_chunks_are_not_copied),
		cmocka_unit_test(test_encodings_that_the_store_api_lacks),
		cmocka_unit_test(test_warnings_and_hints),
		cmocka_unit_test(test_bad_frames_are_refused),
		cmocka_unit_test(test_shards_hash_the_labels_that_count),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
