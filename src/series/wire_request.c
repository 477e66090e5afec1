/* Requests and label responses of the Store API. */
#include "series/regex.h"
#include "series/wire_series.h"

/* A message being read, and the arrays that grow in its arena. */
struct request_reader {
	struct wire w;
	struct arena *a;
	struct err *err;
	const char *name; /* of the message, for errors */
	bool refused;     /* the arena is over budget */
};

/* A growing list; `p` has room for a power of two. */
static void *push(struct request_reader *r, const void *p, size_t n, size_t size)
{
	if (n && (n & (n - 1)))
		return (void *)p;
	size_t cap = n ? n * 2 : 1;
	void *q = arena_alloc(r->a, cap * size);
	if (!q) {
		r->refused = true;
		wire_fail(&r->w, "over budget");
		return NULL;
	}
	if (n)
		memcpy(q, p, n * size);
	return q;
}

static void add_str(struct request_reader *r, struct wire_strs *l, const struct wire_field *f)
{
	if (!wire_is(&r->w, f, WIRE_LEN))
		return;
	struct str *p = push(r, l->p, l->n, sizeof(*p));
	if (!p)
		return;
	p[l->n++] = f->s;
	l->p = p;
}

static void set_str(struct request_reader *r, struct str *to, const struct wire_field *f)
{
	if (wire_is(&r->w, f, WIRE_LEN))
		*to = f->s;
}

static void set_int(struct request_reader *r, int64_t *to, const struct wire_field *f)
{
	if (wire_is(&r->w, f, WIRE_VARINT))
		*to = (int64_t)f->u;
}

static void set_bool(struct request_reader *r, bool *to, const struct wire_field *f)
{
	if (wire_is(&r->w, f, WIRE_VARINT))
		*to = f->u != 0;
}

static void set_enum(struct request_reader *r, uint32_t *to, const struct wire_field *f)
{
	if (wire_is(&r->w, f, WIRE_VARINT))
		*to = (uint32_t)f->u;
}

/* A reader of the message in field `f`; its faults become those of `r` with sub_end. */
static struct request_reader sub_begin(struct request_reader *r, const struct wire_field *f)
{
	struct request_reader s = *r;
	wire_is(&r->w, f, WIRE_LEN);
	s.w = wire_begin(r->w.fault ? (struct str){ NULL, 0 } : f->s);
	return s;
}

static void sub_end(struct request_reader *r, const struct request_reader *s)
{
	r->refused |= s->refused;
	if (s->w.fault)
		wire_fail(&r->w, s->w.fault);
}

static void set_any(struct request_reader *r, struct wire_any *to, const struct wire_field *f)
{
	struct request_reader s = sub_begin(r, f);
	struct wire_field g;
	to->present = true;
	while (wire_next(&s.w, &g)) {
		if (g.num == 1)
			set_str(&s, &to->type_url, &g);
		else if (g.num == 2)
			set_str(&s, &to->value, &g);
	}
	sub_end(r, &s);
}

static void add_matcher(struct request_reader *r, const struct wire_matcher **list, size_t *n,
			const struct wire_field *f)
{
	struct request_reader s = sub_begin(r, f);
	struct wire_field g;
	struct wire_matcher m = { 0 };
	uint32_t type = 0;
	while (wire_next(&s.w, &g)) {
		if (g.num == 1)
			set_enum(&s, &type, &g);
		else if (g.num == 2)
			set_str(&s, &m.name, &g);
		else if (g.num == 3)
			set_str(&s, &m.value, &g);
	}
	sub_end(r, &s);
	if (type > MATCH_NRE)
		wire_fail(&r->w, "unrecognized label matcher type");
	struct wire_matcher *p = r->w.fault ? NULL : push(r, *list, *n, sizeof(*p));
	if (!p)
		return;
	m.type = (enum matcher_type)type;
	p[(*n)++] = m;
	*list = p;
}

static int request_end(struct request_reader *r)
{
	if (r->refused)
		return arena_err(r->a, r->err);
	return r->w.fault ? wire_err(&r->w, r->name, r->err) : 0;
}

/* --- SeriesRequest ----------------------------------------------------------------------- */

/* Aggregates come packed or one by one; those that are not known are ignored. */
static void add_aggrs(struct request_reader *r, uint32_t *aggrs, const struct wire_field *f)
{
	uint64_t v = f->u;
	if (f->type == WIRE_VARINT) {
		*aggrs |= v < SERIES_AGGRS ? 1u << v : 0;
		return;
	}
	if (!wire_is(&r->w, f, WIRE_LEN))
		return;
	struct wire in = wire_begin(f->s);
	while (in.p < in.end && wire_varint(&in, &v))
		*aggrs |= v < SERIES_AGGRS ? 1u << v : 0;
	if (in.fault)
		wire_fail(&r->w, in.fault);
}

static void set_shard(struct request_reader *r, struct shard_info *to, const struct wire_field *f)
{
	struct request_reader s = sub_begin(r, f);
	struct wire_field g;
	while (wire_next(&s.w, &g)) {
		if (g.num == 1)
			set_int(&s, &to->index, &g);
		else if (g.num == 2)
			set_int(&s, &to->total, &g);
		else if (g.num == 3)
			set_bool(&s, &to->by, &g);
		else if (g.num == 4)
			add_str(&s, &to->labels, &g);
	}
	sub_end(r, &s);
}

/* Func, Grouping and Range: messages of one or two fields. */
static void set_hint_part(struct request_reader *r, struct query_hints *h, const struct wire_field *f)
{
	struct request_reader s = sub_begin(r, f);
	struct wire_field g;
	while (wire_next(&s.w, &g)) {
		if (f->num == 2 && g.num == 1)
			set_str(&s, &h->func, &g);
		else if (f->num == 4 && g.num == 1)
			set_bool(&s, &h->grouping_by, &g);
		else if (f->num == 4 && g.num == 3)
			add_str(&s, &h->grouping, &g);
		else if (f->num == 5 && g.num == 1)
			set_int(&s, &h->range_ms, &g);
	}
	h->has_grouping |= f->num == 4;
	h->has_range |= f->num == 5;
	sub_end(r, &s);
}

static void set_query_hints(struct request_reader *r, struct query_hints *h, const struct wire_field *f)
{
	struct request_reader s = sub_begin(r, f);
	struct wire_field g;
	h->present = true;
	while (wire_next(&s.w, &g)) {
		if (g.num == 1)
			set_int(&s, &h->step_ms, &g);
		else if (g.num == 2 || g.num == 4 || g.num == 5)
			set_hint_part(&s, h, &g);
		else if (g.num == 6)
			add_str(&s, &h->projection_labels, &g);
		else if (g.num == 7)
			set_bool(&s, &h->projection_include, &g);
		else if (g.num == 8)
			set_str(&s, &h->series_hash_label, &g);
	}
	sub_end(r, &s);
}

/* Fields 9 and up. */
static void series_request_late_field(struct request_reader *r, struct series_request *q, const struct wire_field *f)
{
	switch (f->num) {
	case 9:
		set_any(r, &q->hints, f);
		break;
	case 10:
		set_int(r, &q->step_ms, f);
		break;
	case 11:
		set_int(r, &q->range_ms, f);
		break;
	case 12:
		set_query_hints(r, &q->query_hints, f);
		break;
	case 13:
		q->has_shard = true;
		set_shard(r, &q->shard, f);
		break;
	case 14:
		add_str(r, &q->without_replica_labels, f);
		break;
	case 15:
		set_int(r, &q->limit, f);
		break;
	case 16:
		set_int(r, &q->batch_size, f);
		break;
	}
}

static void series_request_field(struct request_reader *r, struct series_request *q, const struct wire_field *f)
{
	switch (f->num) {
	case 1:
		set_int(r, &q->mint, f);
		break;
	case 2:
		set_int(r, &q->maxt, f);
		break;
	case 3:
		add_matcher(r, &q->matchers, &q->n_matchers, f);
		break;
	case 4:
		set_int(r, &q->max_resolution_ms, f);
		break;
	case 5:
		add_aggrs(r, &q->aggrs, f);
		break;
	case 6:
		set_bool(r, &q->partial_response_disabled, f);
		break;
	case 7:
		set_enum(r, &q->partial_response, f);
		break;
	case 8:
		set_bool(r, &q->skip_chunks, f);
		break;
	default:
		series_request_late_field(r, q, f);
		break;
	}
}

int series_request_read(struct str msg, struct arena *a, struct series_request *ret, struct err *err)
{
	struct request_reader r = { wire_begin(msg), a, err, "SeriesRequest", false };
	struct wire_field f;
	*ret = (struct series_request){ 0 };
	while (wire_next(&r.w, &f))
		series_request_field(&r, ret, &f);
	return request_end(&r);
}

static void put_strs(struct strbuf *b, uint32_t num, const struct wire_strs *l)
{
	for (size_t i = 0; i < l->n; i++)
		wire_put_str(b, num, l->p[i]);
}

static void put_any(struct strbuf *b, uint32_t num, const struct wire_any *any)
{
	if (!any->present)
		return;
	size_t m = wire_open(b, num);
	wire_put_str_opt(b, 1, any->type_url);
	wire_put_str_opt(b, 2, any->value);
	wire_close(b, m);
}

/* Appends a LabelMatcher as field `num`. */
static void wire_put_matcher(struct strbuf *b, uint32_t num, const struct wire_matcher *m)
{
	size_t mark = wire_open(b, num);
	wire_put_int_opt(b, 1, (int64_t)m->type);
	wire_put_str_opt(b, 2, m->name);
	wire_put_str_opt(b, 3, m->value);
	wire_close(b, mark);
}

static void put_query_hints(struct strbuf *b, uint32_t num, const struct query_hints *h)
{
	if (!h->present)
		return;
	size_t m = wire_open(b, num), part;
	wire_put_int_opt(b, 1, h->step_ms);
	if (h->func.n) {
		part = wire_open(b, 2);
		wire_put_str(b, 1, h->func);
		wire_close(b, part);
	}
	if (h->has_grouping) {
		part = wire_open(b, 4);
		wire_put_bool_opt(b, 1, h->grouping_by);
		put_strs(b, 3, &h->grouping);
		wire_close(b, part);
	}
	if (h->has_range) {
		part = wire_open(b, 5);
		wire_put_int_opt(b, 1, h->range_ms);
		wire_close(b, part);
	}
	put_strs(b, 6, &h->projection_labels);
	wire_put_bool_opt(b, 7, h->projection_include);
	wire_put_str_opt(b, 8, h->series_hash_label);
	wire_close(b, m);
}

static void put_aggrs(struct strbuf *b, uint32_t num, uint32_t aggrs)
{
	if (!aggrs)
		return;
	size_t m = wire_open(b, num);
	for (uint32_t i = 0; i < SERIES_AGGRS; i++) {
		if (aggrs & 1u << i)
			enc_uvarint(b, i);
	}
	wire_close(b, m);
}

void series_request_write(const struct series_request *r, struct strbuf *b)
{
	wire_put_int_opt(b, 1, r->mint);
	wire_put_int_opt(b, 2, r->maxt);
	for (size_t i = 0; i < r->n_matchers; i++)
		wire_put_matcher(b, 3, &r->matchers[i]);
	wire_put_int_opt(b, 4, r->max_resolution_ms);
	put_aggrs(b, 5, r->aggrs);
	wire_put_bool_opt(b, 6, r->partial_response_disabled);
	wire_put_int_opt(b, 7, r->partial_response);
	wire_put_bool_opt(b, 8, r->skip_chunks);
	put_any(b, 9, &r->hints);
	wire_put_int_opt(b, 10, r->step_ms);
	wire_put_int_opt(b, 11, r->range_ms);
	put_query_hints(b, 12, &r->query_hints);
	if (r->has_shard) {
		size_t m = wire_open(b, 13);
		wire_put_int_opt(b, 1, r->shard.index);
		wire_put_int_opt(b, 2, r->shard.total);
		wire_put_bool_opt(b, 3, r->shard.by);
		put_strs(b, 4, &r->shard.labels);
		wire_close(b, m);
	}
	put_strs(b, 14, &r->without_replica_labels);
	wire_put_int_opt(b, 15, r->limit);
	wire_put_int_opt(b, 16, r->batch_size);
}

/* --- label names and values ------------------------------------------------------------------ */

/* Field numbers of LabelNamesRequest; those of LabelValuesRequest are one higher, for its label is 1. */
static void label_request_field(struct request_reader *r, struct label_request *q, uint32_t num,
				const struct wire_field *f)
{
	switch (num) {
	case 0:
		set_str(r, &q->label, f);
		break;
	case 1:
		set_bool(r, &q->partial_response_disabled, f);
		break;
	case 2:
		set_enum(r, &q->partial_response, f);
		break;
	case 3:
		set_int(r, &q->start, f);
		break;
	case 4:
		set_int(r, &q->end, f);
		break;
	case 5:
		set_any(r, &q->hints, f);
		break;
	case 6:
		add_matcher(r, &q->matchers, &q->n_matchers, f);
		break;
	case 7:
		add_str(r, &q->without_replica_labels, f);
		break;
	case 8:
		set_int(r, &q->limit, f);
		break;
	}
}

static int label_request_read(struct str msg, const char *name, uint32_t shift, struct arena *a,
			      struct label_request *ret, struct err *err)
{
	struct request_reader r = { wire_begin(msg), a, err, name, false };
	struct wire_field f;
	*ret = (struct label_request){ 0 };
	while (wire_next(&r.w, &f))
		label_request_field(&r, ret, f.num - shift, &f);
	return request_end(&r);
}

int label_names_request_read(struct str msg, struct arena *a, struct label_request *ret, struct err *err)
{
	return label_request_read(msg, "LabelNamesRequest", 0, a, ret, err);
}

int label_values_request_read(struct str msg, struct arena *a, struct label_request *ret, struct err *err)
{
	return label_request_read(msg, "LabelValuesRequest", 1, a, ret, err);
}

static void label_request_write(const struct label_request *r, uint32_t shift, struct strbuf *b)
{
	wire_put_bool_opt(b, 1 + shift, r->partial_response_disabled);
	wire_put_int_opt(b, 2 + shift, r->partial_response);
	wire_put_int_opt(b, 3 + shift, r->start);
	wire_put_int_opt(b, 4 + shift, r->end);
	put_any(b, 5 + shift, &r->hints);
	for (size_t i = 0; i < r->n_matchers; i++)
		wire_put_matcher(b, 6 + shift, &r->matchers[i]);
	put_strs(b, 7 + shift, &r->without_replica_labels);
	wire_put_int_opt(b, 8 + shift, r->limit);
}

void label_names_request_write(const struct label_request *r, struct strbuf *b)
{
	label_request_write(r, 0, b);
}

void label_values_request_write(const struct label_request *r, struct strbuf *b)
{
	wire_put_str_opt(b, 1, r->label);
	label_request_write(r, 1, b);
}

int label_response_read(struct str msg, struct arena *a, struct label_response *ret, struct err *err)
{
	struct request_reader r = { wire_begin(msg), a, err, "LabelsResponse", false };
	struct wire_field f;
	*ret = (struct label_response){ 0 };
	while (wire_next(&r.w, &f)) {
		if (f.num == 1)
			add_str(&r, &ret->values, &f);
		else if (f.num == 2)
			add_str(&r, &ret->warnings, &f);
		else if (f.num == 3)
			set_any(&r, &ret->hints, &f);
	}
	return request_end(&r);
}

void label_response_write(const struct label_response *r, struct strbuf *b)
{
	put_strs(b, 1, &r->values);
	put_strs(b, 2, &r->warnings);
	put_any(b, 3, &r->hints);
}

int wire_matchers_compile(const struct wire_matcher *m, size_t n, struct arena *a, struct matcher ***ret,
			  struct err *err)
{
	if (n > MATCHERS_MAX)
		return err_set(err, ERR_INVALID_ARGUMENT, "%zu matchers, at most %d are allowed", n, MATCHERS_MAX);
	struct matcher **p = arena_array(a, n, sizeof(*p));
	if (!p)
		return arena_err(a, err);
	for (size_t i = 0; i < n; i++) {
		int rc = 0;
		p[i] = m[i].compiled;
		if (!p[i])
			rc = matcher_compile_by(co_regex_compile, a, m[i].type, m[i].name, m[i].value, &p[i], err);
		if (rc < 0)
			return rc;
	}
	*ret = p;
	return 0;
}
