#include "api/expfmt.h"

#include "base/compiler.h"
#include "codec/varint.h"
#include "proto/wire.h"
#include "text/float.h"

#include <math.h>
#include <stdio.h>

/* Bytes after which a family of protobuf is written. */
#define FAMILY_BYTES ((size_t)64 * 1024)

/* Types of families in client_model. */
enum { TYPE_UNTYPED = 3, TYPE_HISTOGRAM = 4, TYPE_GAUGE_HISTOGRAM = 5 };

static const char *const escapes[] = {
	[EXPFMT_UNDERSCORES] = "underscores",
	[EXPFMT_DOTS] = "dots",
	[EXPFMT_VALUES] = "values",
	[EXPFMT_UTF8] = "allow-utf-8",
};

/* --- negotiation ----------------------------------------------------------------------------- */

/* One item of an Accept header. */
struct accepted {
	struct str type, escaping, version, proto, encoding;
	double q;
};

static struct str unquote(struct str s)
{
	if (s.n >= 2 && s.p[0] == '"' && s.p[s.n - 1] == '"')
		return str_mem(s.p + 1, s.n - 2);
	return s;
}

static struct accepted parse_item(struct str item)
{
	struct accepted a = { .q = 1 };
	a.type = str_trim(str_cut(&item, ';'));
	while (item.p && item.n) {
		struct str value = str_cut(&item, ';');
		struct str name = str_trim(str_cut(&value, '='));
		value = unquote(str_trim(value.p ? value : STR("")));
		if (str_eq_c(name, "escaping"))
			a.escaping = value;
		else if (str_eq_c(name, "version"))
			a.version = value;
		else if (str_eq_c(name, "proto"))
			a.proto = value;
		else if (str_eq_c(name, "encoding"))
			a.encoding = value;
		else if (str_eq_c(name, "q") && !text_parse_double(value, &a.q))
			a.q = 1;
	}
	return a;
}

/* Items with this weight decide, first come; whether one did. Escaping holds also where the item's format is none of ours. */
static bool choose(struct str accept, double q, struct expfmt *f)
{
	while (accept.p) {
		struct accepted a = parse_item(str_cut(&accept, ','));
		if (a.q != q)
			continue;
		for (size_t i = 0; i < ARRAY_LEN(escapes); i++)
			if (str_eq_c(a.escaping, escapes[i]))
				f->escape = (enum expfmt_escape)i;
		f->protobuf = str_eq_c(a.type, "application/vnd.google.protobuf") &&
			      str_eq_c(a.proto, "io.prometheus.client.MetricFamily") &&
			      str_eq_c(a.encoding, "delimited");
		if (f->protobuf ||
		    (str_eq_c(a.type, "text/plain") && (a.version.n == 0 || str_eq_c(a.version, "0.0.4"))))
			return true;
	}
	return false;
}

/* The largest weight below `q`; 0 where there is none. */
static double next_weight(struct str accept, double q)
{
	double best = 0;
	while (accept.p) {
		struct accepted a = parse_item(str_cut(&accept, ','));
		if (a.q < q && a.q > best)
			best = a.q;
	}
	return best;
}

struct expfmt expfmt_negotiate(struct str accept)
{
	struct expfmt f = { .protobuf = false };
	for (double q = next_weight(accept, INFINITY); q > 0; q = next_weight(accept, q))
		if (choose(accept, q, &f))
			return f;
	f.protobuf = false;
	return f;
}

const char *expfmt_content_type(struct expfmt f, char buf[EXPFMT_TYPE_MAX])
{
	snprintf(
		buf, EXPFMT_TYPE_MAX, "%s; escaping=%s",
		f.protobuf
			? "application/vnd.google.protobuf; proto=io.prometheus.client.MetricFamily; encoding=delimited"
			: "text/plain; version=0.0.4; charset=utf-8",
		escapes[f.escape]);
	return buf;
}

bool expfmt_can_write(struct expfmt f, const struct histogram *h)
{
	return !h || f.protobuf || hist_is_custom(h);
}

/* --- names ----------------------------------------------------------------------------------- */

static bool legacy_char(uint32_t c, size_t at)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_' || c == ':' ||
	       (c >= '0' && c <= '9' && at > 0);
}

static bool is_legacy(struct str s)
{
	for (size_t i = 0; i < s.n; i++)
		if (!legacy_char((unsigned char)s.p[i], i))
			return false;
	return s.n > 0;
}

/* The character at *at, which moves on; a byte that is no UTF-8 is U+FFFD. */
static uint32_t next_char(struct str s, size_t *at)
{
	unsigned char c = (unsigned char)s.p[*at];
	size_t n = str_utf8_char(str_mem(s.p + *at, s.n - *at));
	if (n == 0) {
		++*at;
		return 0xFFFD;
	}
	uint32_t r = n == 1 ? c : c & (0x7fu >> n);
	for (size_t i = 1; i < n; i++)
		r = r << 6 | ((unsigned char)s.p[*at + i] & 0x3f);
	*at += n;
	return r;
}

static void escape_char(struct strbuf *b, enum expfmt_escape how, uint32_t c, size_t at)
{
	if (how != EXPFMT_UNDERSCORES && c == '_')
		strbuf_add_c(b, "__");
	else if (how == EXPFMT_DOTS && c == '.')
		strbuf_add_c(b, "_dot_");
	else if (legacy_char(c, at))
		strbuf_add_ch(b, (char)c);
	else if (how == EXPFMT_VALUES)
		strbuf_printf(b, "_%x_", c);
	else
		strbuf_add_c(b, how == EXPFMT_DOTS ? "__" : "_");
}

/* Appends a name as the format has it. */
static void add_name(struct strbuf *b, struct expfmt f, struct str name)
{
	if (is_legacy(name) || f.escape == EXPFMT_UTF8) {
		strbuf_add_str(b, name);
		return;
	}
	if (f.escape == EXPFMT_VALUES)
		strbuf_add_c(b, "U__");
	for (size_t at = 0; at < name.n;) {
		size_t begin = at;
		uint32_t c = next_char(name, &at);
		escape_char(b, f.escape, c, begin);
	}
}

/* --- text -------------------------------------------------------------------------------------- */

/* Label values and quoted names. */
static void add_quoted(struct strbuf *b, struct str s)
{
	strbuf_add_ch(b, '"');
	for (size_t i = 0, from = 0; i <= s.n; i++) {
		if (i < s.n && s.p[i] != '"' && s.p[i] != '\\' && s.p[i] != '\n')
			continue;
		strbuf_add(b, s.p + from, i - from);
		from = i + 1;
		if (i < s.n)
			strbuf_add_c(b, s.p[i] == '"' ? "\\\"" : s.p[i] == '\n' ? "\\n" : "\\\\");
	}
	strbuf_add_ch(b, '"');
}

/* A name, with `suffix`, in quotes where it needs them; whether it does. */
static bool add_text_name(struct strbuf *b, struct expfmt f, struct str name, const char *suffix, const char *before)
{
	struct strbuf q = { 0 };
	bool quote = f.escape == EXPFMT_UTF8 && !is_legacy(name);
	if (quote) {
		strbuf_add_c(b, before);
		strbuf_add_str(&q, name);
		strbuf_add_c(&q, suffix);
		add_quoted(b, strbuf_str(&q));
		strbuf_fini(&q);
		return true;
	}
	add_name(b, f, name);
	strbuf_add_c(b, suffix);
	return false;
}

static bool is_metric_name(const struct label *l)
{
	return str_eq(l->name, LABEL_METRIC_NAME);
}

static void add_label(struct strbuf *b, struct expfmt f, struct str name, struct str value, char *before)
{
	strbuf_add_ch(b, *before);
	*before = ',';
	add_text_name(b, f, name, "", "");
	strbuf_add_ch(b, '=');
	add_quoted(b, value);
}

/* One line. `le` is NULL or the bound of a bucket. */
static void add_line(struct expfmt_writer *w, const struct expfmt_sample *s, const char *suffix, const double *le,
		     double v)
{
	struct strbuf *b = w->out;
	bool inside = add_text_name(b, w->format, strbuf_str(&w->name), suffix, "{");
	char before = inside ? ',' : '{';
	for (size_t i = 0; i < s->labels.n; i++)
		if (!is_metric_name(&s->labels.p[i]))
			add_label(b, w->format, s->labels.p[i].name, s->labels.p[i].value, &before);
	if (!labels_has(s->labels, STR("instance")))
		add_label(b, w->format, STR("instance"), STR(""), &before);
	if (le) {
		strbuf_add_c(b, ",le=\"");
		text_float_add(b, *le, TEXT_FLOAT_G);
		strbuf_add_ch(b, '"');
	}
	strbuf_add_c(b, "} ");
	text_float_add(b, v, TEXT_FLOAT_G);
	strbuf_add_ch(b, ' ');
	strbuf_add_i64(b, s->t);
	strbuf_add_ch(b, '\n');
}

/* Cumulative counts of custom buckets, one bound after the other. */
struct classic {
	struct hist_span_walk walk;
	const struct histogram *h;
	size_t i; /* buckets taken */
	int64_t index;
	bool more;
	double sum;
};

static void classic_step(struct classic *c)
{
	c->more = c->i < c->h->n_pos && hist_span_walk_next(&c->walk, &c->index);
}

static struct classic classic_of(const struct histogram *h)
{
	struct classic c = { .walk = hist_span_walk_of(h->pos_spans, h->n_pos_spans), .h = h };
	classic_step(&c);
	return c;
}

/* The count of bound number `k`, to be asked for in order. */
static double classic_next(struct classic *c, uint32_t k)
{
	while (c->more && c->index <= (int64_t)k) {
		if (c->index == (int64_t)k)
			c->sum += c->h->pos_counts[c->i];
		c->i++;
		classic_step(c);
	}
	return c->sum;
}

static void add_classic(struct expfmt_writer *w, const struct expfmt_sample *s)
{
	struct classic c = classic_of(s->h);
	double inf = INFINITY;
	bool seen = false;
	for (uint32_t i = 0; i < s->h->n_bounds; i++) {
		add_line(w, s, "_bucket", &s->h->bounds[i], classic_next(&c, i));
		seen |= isinf(s->h->bounds[i]) && s->h->bounds[i] > 0;
	}
	if (!seen)
		add_line(w, s, "_bucket", &inf, s->h->count_f);
	add_line(w, s, "_sum", NULL, s->h->sum);
	add_line(w, s, "_count", NULL, s->h->count_f);
}

static void begin_text(struct expfmt_writer *w)
{
	strbuf_add_c(w->out, "# TYPE ");
	add_text_name(w->out, w->format, strbuf_str(&w->name), "", "");
	strbuf_add_c(w->out, w->is_hist ? " histogram\n" : " untyped\n");
}

/* --- protobuf ------------------------------------------------------------------------------------ */

/* A double that is there, also when it is 0. */
static void put_double(struct strbuf *b, uint32_t num, double v)
{
	uint8_t le[8];
	le64_put(le, double_bits(v));
	enc_uvarint(b, WIRE_TAG(num, WIRE_I64));
	strbuf_add(b, le, sizeof(le));
}

static void put_pair(struct expfmt_writer *w, struct strbuf *b, struct str name, struct str value)
{
	strbuf_reset(&w->scratch);
	add_name(&w->scratch, w->format, name);
	size_t m = wire_open(b, 1);
	wire_put_str(b, 1, strbuf_str(&w->scratch));
	wire_put_str(b, 2, value);
	wire_close(b, m);
}

static void put_spans(struct strbuf *b, uint32_t num, const struct hist_span *s, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++) {
		size_t m = wire_open(b, num);
		wire_put_uint(b, 1, (uint32_t)zigzag_enc(s[i].offset));
		wire_put_uint(b, 2, s[i].length);
		wire_close(b, m);
	}
}

static void put_counts(struct strbuf *b, uint32_t num, const double *v, uint32_t n)
{
	for (uint32_t i = 0; i < n; i++)
		put_double(b, num, v[i]);
}

static void put_native(struct strbuf *b, const struct histogram *h)
{
	put_double(b, 2, h->sum);
	put_double(b, 4, h->count_f);
	wire_put_uint(b, 5, (uint32_t)zigzag_enc(h->schema));
	put_double(b, 6, h->zero_threshold);
	put_double(b, 8, h->zero_count_f);
	put_spans(b, 9, h->neg_spans, h->n_neg_spans);
	put_counts(b, 11, h->neg_counts, h->n_neg);
	put_spans(b, 12, h->pos_spans, h->n_pos_spans);
	put_counts(b, 14, h->pos_counts, h->n_pos);
}

static void put_classic(struct strbuf *b, const struct histogram *h)
{
	struct classic c = classic_of(h);
	put_double(b, 2, h->sum);
	for (uint32_t i = 0; i < h->n_bounds; i++) {
		size_t m = wire_open(b, 3);
		put_double(b, 2, h->bounds[i]);
		put_double(b, 4, classic_next(&c, i));
		wire_close(b, m);
	}
	put_double(b, 4, h->count_f);
}

/* Writes the family under way; what follows begins another one of the same name. */
static void write_family(struct expfmt_writer *w)
{
	if (w->family.n == 0)
		return;
	enc_uvarint(w->out, w->family.n);
	strbuf_add_str(w->out, strbuf_str(&w->family));
	strbuf_reset(&w->family);
}

static void begin_family(struct expfmt_writer *w)
{
	strbuf_reset(&w->scratch);
	add_name(&w->scratch, w->format, strbuf_str(&w->name));
	wire_put_str(&w->family, 1, strbuf_str(&w->scratch));
	wire_put_uint(&w->family, 3, !w->is_hist ? TYPE_UNTYPED : w->is_gauge ? TYPE_GAUGE_HISTOGRAM : TYPE_HISTOGRAM);
}

static void add_metric(struct expfmt_writer *w, const struct expfmt_sample *s)
{
	struct strbuf *b = &w->family;
	if (b->n == 0)
		begin_family(w);
	size_t metric = wire_open(b, 4);
	for (size_t i = 0; i < s->labels.n; i++)
		if (!is_metric_name(&s->labels.p[i]))
			put_pair(w, b, s->labels.p[i].name, s->labels.p[i].value);
	if (!labels_has(s->labels, STR("instance")))
		put_pair(w, b, STR("instance"), STR(""));
	if (!s->h) {
		size_t m = wire_open(b, 5);
		put_double(b, 1, s->v);
		wire_close(b, m);
	}
	wire_put_uint(b, 6, (uint64_t)s->t);
	if (s->h) {
		size_t m = wire_open(b, 7);
		if (hist_is_custom(s->h))
			put_classic(b, s->h);
		else
			put_native(b, s->h);
		wire_close(b, m);
	}
	wire_close(b, metric);
	if (b->n >= FAMILY_BYTES)
		write_family(w);
}

/* --- samples ---------------------------------------------------------------------------------------- */

/* Whether a sample belongs to the family under way. */
static bool same_family(const struct expfmt_writer *w, struct str name, const struct histogram *h)
{
	return w->open && str_eq(strbuf_str(&w->name), name) && w->is_hist == (h != NULL) &&
	       (!h || w->is_gauge == (h->hint == HIST_HINT_GAUGE));
}

void expfmt_add(struct expfmt_writer *w, const struct expfmt_sample *s)
{
	struct str name = labels_get(s->labels, LABEL_METRIC_NAME);
	if (!same_family(w, name, s->h)) {
		write_family(w);
		strbuf_reset(&w->name);
		strbuf_add_str(&w->name, name);
		w->open = true;
		w->is_hist = s->h != NULL;
		w->is_gauge = s->h && s->h->hint == HIST_HINT_GAUGE;
		if (!w->format.protobuf)
			begin_text(w);
	}
	if (w->format.protobuf)
		add_metric(w, s);
	else if (s->h)
		add_classic(w, s);
	else
		add_line(w, s, "", NULL, s->v);
}

void expfmt_end(struct expfmt_writer *w)
{
	write_family(w);
	w->open = false;
}

void expfmt_fini(struct expfmt_writer *w)
{
	strbuf_fini(&w->name);
	strbuf_fini(&w->family);
	strbuf_fini(&w->scratch);
}
