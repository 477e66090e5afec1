/* Requests of remote read. */
#include "series/wire_read.h"

/* Field numbers. */
enum {
	REQ_QUERIES = 1,
	REQ_TYPES = 2,
	QUERY_START = 1,
	QUERY_END = 2,
	QUERY_MATCHERS = 3,
	QUERY_HINTS = 4,
	HINTS_STEP = 1,
	HINTS_FUNC = 2,
	HINTS_START = 3,
	HINTS_END = 4,
	HINTS_GROUPING = 5,
	HINTS_BY = 6,
	HINTS_RANGE = 7,
};

/* A request being read. */
struct request {
	struct arena *a;
	size_t n_listed; /* matchers and grouping labels so far */
};

/* Number of fields `num` in a message. */
static size_t count_fields(struct str msg, uint32_t num)
{
	struct wire w = wire_begin(msg);
	struct wire_field f;
	size_t n = 0;
	while (wire_next(&w, &f))
		n += f.num == num;
	return n;
}

/* An array for `n` list elements, counted against the limit. */
static int list_room(struct request *r, size_t n, size_t size, void *ret, struct err *err)
{
	if (n > READ_MAX_MATCHERS || r->n_listed + n > READ_MAX_MATCHERS)
		return err_set(err, ERR_INVALID_ARGUMENT, "remote read: more than %d matchers and labels in a request",
			       READ_MAX_MATCHERS);
	r->n_listed += n;
	void *p = arena_array(r->a, n, size);
	if (n && !p)
		return arena_err(r->a, err);
	memcpy(ret, &p, sizeof(p));
	return 0;
}

static void int_of(struct wire *w, const struct wire_field *f, int64_t *ret)
{
	if (wire_is(w, f, WIRE_VARINT))
		*ret = (int64_t)f->u;
}

static void str_of(struct wire *w, const struct wire_field *f, struct str *ret)
{
	if (wire_is(w, f, WIRE_LEN))
		*ret = f->s;
}

/* --- reading ----------------------------------------------------------------------------- */

static const char *matcher_read(struct str msg, struct wire_matcher *m)
{
	struct wire w = wire_begin(msg);
	struct wire_field f;
	int64_t type = 0;
	*m = (struct wire_matcher){ 0 };
	while (wire_next(&w, &f)) {
		if (f.num == 1)
			int_of(&w, &f, &type);
		else if (f.num == 2)
			str_of(&w, &f, &m->name);
		else if (f.num == 3)
			str_of(&w, &f, &m->value);
	}
	if (!w.fault && (type < 0 || type > MATCH_NRE))
		return "unrecognized label matcher type";
	m->type = (enum matcher_type)type;
	return w.fault;
}

static int hints_read(struct request *r, struct str msg, struct read_hints *h, struct err *err)
{
	struct wire w = wire_begin(msg);
	struct wire_field f;
	struct str *grouping = NULL;
	int64_t by = 0;
	*h = (struct read_hints){ .present = true };
	int rc = list_room(r, count_fields(msg, HINTS_GROUPING), sizeof(*grouping), &grouping, err);
	if (rc)
		return rc;
	h->grouping.p = grouping;
	while (wire_next(&w, &f)) {
		if (f.num == HINTS_STEP)
			int_of(&w, &f, &h->step_ms);
		else if (f.num == HINTS_FUNC)
			str_of(&w, &f, &h->func);
		else if (f.num == HINTS_START)
			int_of(&w, &f, &h->start);
		else if (f.num == HINTS_END)
			int_of(&w, &f, &h->end);
		else if (f.num == HINTS_GROUPING)
			str_of(&w, &f, &grouping[h->grouping.n++]);
		else if (f.num == HINTS_BY)
			int_of(&w, &f, &by);
		else if (f.num == HINTS_RANGE)
			int_of(&w, &f, &h->range_ms);
	}
	h->by = by != 0;
	return w.fault ? wire_err(&w, "ReadHints", err) : 0;
}

static int query_read(struct request *r, struct str msg, struct read_query *q, struct err *err)
{
	struct wire w = wire_begin(msg);
	struct wire_field f;
	struct wire_matcher *m = NULL;
	*q = (struct read_query){ 0 };
	int rc = list_room(r, count_fields(msg, QUERY_MATCHERS), sizeof(*m), &m, err);
	if (rc)
		return rc;
	q->matchers = m;
	while (rc == 0 && wire_next(&w, &f)) {
		if (f.num == QUERY_START) {
			int_of(&w, &f, &q->start);
		} else if (f.num == QUERY_END) {
			int_of(&w, &f, &q->end);
		} else if (f.num == QUERY_MATCHERS && wire_is(&w, &f, WIRE_LEN)) {
			const char *fault = matcher_read(f.s, &m[q->n_matchers++]);
			if (fault)
				wire_fail(&w, fault);
		} else if (f.num == QUERY_HINTS && wire_is(&w, &f, WIRE_LEN)) {
			rc = hints_read(r, f.s, &q->hints, err);
		}
	}
	return rc == 0 && w.fault ? wire_err(&w, "Query", err) : rc;
}

/* Forms come packed or one by one. */
static void types_read(struct wire *w, const struct wire_field *f, struct read_request *ret)
{
	struct wire in = wire_begin(f->type == WIRE_LEN ? f->s : (struct str){ NULL, 0 });
	uint64_t v = f->u;
	if (f->type != WIRE_LEN && !wire_is(w, f, WIRE_VARINT))
		return;
	while (f->type == WIRE_VARINT || (in.p < in.end && wire_varint(&in, &v))) {
		if (ret->n_accepted == READ_MAX_TYPES) {
			wire_fail(w, "too many accepted response types");
			return;
		}
		ret->accepted[ret->n_accepted++] = v > UINT32_MAX ? UINT32_MAX : (uint32_t)v;
		if (f->type == WIRE_VARINT)
			return;
	}
	if (in.fault)
		wire_fail(w, in.fault);
}

int read_request_read(struct str msg, struct arena *a, struct read_request *ret, struct err *err)
{
	struct request r = { .a = a };
	struct wire w = wire_begin(msg);
	struct wire_field f;
	*ret = (struct read_request){ .n_queries = 0 };
	size_t n = count_fields(msg, REQ_QUERIES);
	if (n > READ_MAX_QUERIES)
		return err_set(err, ERR_INVALID_ARGUMENT, "remote read: %zu queries in a request, %d at most", n,
			       READ_MAX_QUERIES);
	struct read_query *q = arena_array(a, n, sizeof(*q));
	if (n && !q)
		return arena_err(a, err);
	ret->queries = q;
	int rc = 0;
	while (rc == 0 && wire_next(&w, &f)) {
		if (f.num == REQ_QUERIES && wire_is(&w, &f, WIRE_LEN))
			rc = query_read(&r, f.s, &q[ret->n_queries++], err);
		else if (f.num == REQ_TYPES)
			types_read(&w, &f, ret);
	}
	return rc == 0 && w.fault ? wire_err(&w, "ReadRequest", err) : rc;
}

int read_request_type(const struct read_request *r, enum read_type *ret, struct err *err)
{
	*ret = READ_SAMPLES;
	for (size_t i = 0; i < r->n_accepted; i++) {
		if (r->accepted[i] > READ_STREAMED_XOR_CHUNKS)
			continue;
		*ret = (enum read_type)r->accepted[i];
		return 0;
	}
	if (r->n_accepted == 0)
		return 0;
	return err_set(err, ERR_INVALID_ARGUMENT,
		       "server does not support any of the requested response types; supported: SAMPLES, "
		       "STREAMED_XOR_CHUNKS");
}

/* --- writing ----------------------------------------------------------------------------- */

static void matcher_write(const struct wire_matcher *m, struct strbuf *b)
{
	size_t mark = wire_open(b, QUERY_MATCHERS);
	wire_put_int_opt(b, 1, m->type);
	wire_put_str_opt(b, 2, m->name);
	wire_put_str_opt(b, 3, m->value);
	wire_close(b, mark);
}

static void hints_write(const struct read_hints *h, struct strbuf *b)
{
	size_t mark = wire_open(b, QUERY_HINTS);
	wire_put_int_opt(b, HINTS_STEP, h->step_ms);
	wire_put_str_opt(b, HINTS_FUNC, h->func);
	wire_put_int_opt(b, HINTS_START, h->start);
	wire_put_int_opt(b, HINTS_END, h->end);
	for (size_t i = 0; i < h->grouping.n; i++)
		wire_put_str(b, HINTS_GROUPING, h->grouping.p[i]);
	wire_put_bool_opt(b, HINTS_BY, h->by);
	wire_put_int_opt(b, HINTS_RANGE, h->range_ms);
	wire_close(b, mark);
}

void read_request_write(const struct read_request *r, struct strbuf *b)
{
	for (size_t i = 0; i < r->n_queries; i++) {
		const struct read_query *q = &r->queries[i];
		size_t mark = wire_open(b, REQ_QUERIES);
		wire_put_int_opt(b, QUERY_START, q->start);
		wire_put_int_opt(b, QUERY_END, q->end);
		for (size_t k = 0; k < q->n_matchers; k++)
			matcher_write(&q->matchers[k], b);
		if (q->hints.present)
			hints_write(&q->hints, b);
		wire_close(b, mark);
	}
	if (r->n_accepted == 0)
		return;
	size_t mark = wire_open(b, REQ_TYPES);
	for (size_t i = 0; i < r->n_accepted; i++)
		enc_uvarint(b, r->accepted[i]);
	wire_close(b, mark);
}
