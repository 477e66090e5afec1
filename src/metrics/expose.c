#include "metrics/expose.h"

#include "metrics/registry.h"
#include "text/float.h"

#include <math.h>
#include <string.h>

/* --- content negotiation --------------------------------------------------------------- */

/* The value of a parameter among "; a=b; c=d", without quotes; empty when absent. */
static struct str param(struct str params, const char *name)
{
	while (params.p) {
		struct str value = str_cut(&params, ';');
		struct str key = str_trim(str_cut(&value, '='));
		if (!str_eq_nocase(key, str_c(name)))
			continue;
		value = str_trim(value);
		if (value.n >= 2 && value.p[0] == '"' && value.p[value.n - 1] == '"')
			value = str_mem(value.p + 1, value.n - 2);
		return value;
	}
	return STR("");
}

/* How much a clause of Accept is wanted: 0 to 1. */
static double quality(struct str params)
{
	struct str q = param(params, "q");
	double v = 1;
	if (q.n && !(text_parse_double(q, &v) && v >= 0 && v <= 1))
		return 0;
	return v;
}

/* The format that a clause asks for; -1 when it is none of ours. */
static int clause_format(struct str type, struct str version)
{
	if (str_eq_nocase(type, STR("text/plain")) && (version.n == 0 || str_eq_c(version, "0.0.4")))
		return METRICS_TEXT;
	if (str_eq_nocase(type, STR("application/openmetrics-text")) &&
	    (version.n == 0 || str_eq_c(version, "1.0.0") || str_eq_c(version, "0.0.1")))
		return METRICS_OPENMETRICS;
	return -1;
}

enum metrics_format metrics_negotiate(struct str accept)
{
	enum metrics_format best = METRICS_TEXT;
	double best_q = 0;
	while (accept.p) {
		struct str params = str_cut(&accept, ',');
		struct str type = str_trim(str_cut(&params, ';'));
		int f = clause_format(type, param(params, "version"));
		double q = quality(params);
		if (f >= 0 && q > best_q) {
			best = (enum metrics_format)f;
			best_q = q;
		}
	}
	return best;
}

const char *metrics_content_type(enum metrics_format f)
{
	if (f == METRICS_OPENMETRICS)
		return "application/openmetrics-text; version=1.0.0; charset=utf-8; escaping=underscores";
	return "text/plain; version=0.0.4; charset=utf-8; escaping=underscores";
}

/* --- text ------------------------------------------------------------------------------- */

/* What is being written. */
struct expo {
	struct strbuf *out;
	enum metrics_format format;
	const struct metrics_vec *vec;
	struct str base; /* name without _total in OpenMetrics counters */
};

/* Adds text; what is no UTF-8 as U+FFFD, for one such byte would spoil the exposition of all metrics. */
static void add_text(struct strbuf *b, struct str s)
{
	if (str_is_utf8(s)) {
		strbuf_add_str(b, s);
		return;
	}
	while (s.n) {
		size_t n = str_utf8_char(s);
		strbuf_add_str(b, n ? str_mem(s.p, n) : STR("\xef\xbf\xbd"));
		n = n ? n : 1;
		s = str_mem(s.p + n, s.n - n);
	}
}

/* Adds text with '\' and newline escaped, and '"' too with `quotes`. */
static void add_escaped(struct strbuf *b, const char *s, bool quotes)
{
	for (;;) {
		size_t run = strcspn(s, "\\\n\"");
		add_text(b, str_mem(s, run));
		s += run;
		if (!*s)
			return;
		if (*s == '"' && !quotes)
			strbuf_add_ch(b, '"');
		else
			strbuf_add_c(b, *s == '\n' ? "\\n" : *s == '"' ? "\\\"" : "\\\\");
		s++;
	}
}

/* OpenMetrics wants to see that a number is a float. */
static void add_value(const struct expo *x, double v)
{
	char tmp[TEXT_FLOAT_MAX + 2];
	if (x->format == METRICS_OPENMETRICS && v == 0)
		v = 0; /* no negative zero */
	size_t n = text_float(tmp, v, TEXT_FLOAT_G);
	bool whole = isfinite(v) && !memchr(tmp, '.', n) && !memchr(tmp, 'e', n);
	if (x->format == METRICS_OPENMETRICS && whole) {
		memcpy(tmp + n, ".0", 2);
		n += 2;
	}
	strbuf_add(x->out, tmp, n);
}

/* Name, suffix and labels up to the space before the value. `le` is added when not NULL. */
static void add_series(const struct expo *x, const struct child *c, const char *suffix, const double *le)
{
	const struct metrics_vec *v = x->vec;
	strbuf_add_str(x->out, x->base);
	strbuf_add_c(x->out, suffix);
	char before = '{';
	for (size_t i = 0; i < v->n_labels; i++) {
		strbuf_add_ch(x->out, before);
		strbuf_add_c(x->out, v->labels[i]);
		strbuf_add_c(x->out, "=\"");
		add_escaped(x->out, c->values[i], true);
		strbuf_add_ch(x->out, '"');
		before = ',';
	}
	if (le) {
		strbuf_add_ch(x->out, before);
		strbuf_add_c(x->out, "le=\"");
		add_value(x, *le);
		strbuf_add_ch(x->out, '"');
		before = ',';
	}
	if (before == ',')
		strbuf_add_ch(x->out, '}');
	strbuf_add_ch(x->out, ' ');
}

static void add_sample(const struct expo *x, const struct child *c, const char *suffix, double v)
{
	add_series(x, c, suffix, NULL);
	add_value(x, v);
	strbuf_add_ch(x->out, '\n');
}

/* A whole number: the text format prints it as a float, OpenMetrics as digits. */
static void add_count(const struct expo *x, const struct child *c, const char *suffix, const double *le, uint64_t n)
{
	add_series(x, c, suffix, le);
	if (x->format == METRICS_OPENMETRICS)
		strbuf_add_u64(x->out, n);
	else
		add_value(x, (double)n);
	strbuf_add_ch(x->out, '\n');
}

static void add_histogram(const struct expo *x, const struct child *c)
{
	const struct metrics_histogram *h = &c->histogram;
	uint64_t sum = 0;
	for (size_t i = 0; i <= h->n; i++) {
		double le = i < h->n ? h->upper[i] : INFINITY;
		sum += h->buckets[i];
		add_count(x, c, "_bucket", &le, sum);
	}
	add_sample(x, c, "_sum", h->sum);
	add_count(x, c, "_count", NULL, sum);
}

static void add_child(const struct expo *x, const struct child *c, const char *suffix)
{
	switch (x->vec->kind) {
	case METRICS_HISTOGRAM:
		add_histogram(x, c);
		break;
	case METRICS_SUMMARY:
		add_sample(x, c, "_sum", c->summary.sum);
		add_count(x, c, "_count", NULL, c->summary.count);
		break;
	case METRICS_COUNTER:
	case METRICS_GAUGE:
		add_sample(x, c, suffix, c->read ? c->read(c->arg) : c->gauge.v);
		break;
	}
}

static void add_family(struct expo *x, struct metrics_vec *v)
{
	static const char *const kinds[] = { "counter", "gauge", "histogram", "summary" };
	const char *kind = kinds[v->kind], *suffix = "";
	x->vec = v;
	x->base = str_c(v->name);
	if (x->format == METRICS_OPENMETRICS && v->kind == METRICS_COUNTER) {
		/* OpenMetrics demands the suffix; a counter without it has no type there. */
		if (str_has_suffix(x->base, STR("_total"))) {
			x->base.n -= strlen("_total");
			suffix = "_total";
		} else {
			kind = "unknown";
		}
	}
	metrics_vec_sort(v);
	strbuf_printf(x->out, "# HELP %.*s ", STR_ARG(x->base));
	add_escaped(x->out, v->help, x->format == METRICS_OPENMETRICS);
	strbuf_printf(x->out, "\n# TYPE %.*s %s\n", STR_ARG(x->base), kind);
	if (v->unit && x->format == METRICS_OPENMETRICS)
		strbuf_printf(x->out, "# UNIT %.*s %s\n", STR_ARG(x->base), v->unit);
	for (size_t i = 0; i < v->children.n; i++)
		add_child(x, v->children.p[i], suffix);
}

void metrics_expose(struct metrics_registry *r, enum metrics_format f, struct strbuf *out)
{
	struct expo x = { .out = out, .format = f };
	for (size_t i = 0; i < r->hooks.n; i++)
		r->hooks.p[i].fn(r->hooks.p[i].arg);
	for (size_t i = 0; i < r->families.n; i++)
		if (r->families.p[i]->children.n)
			add_family(&x, r->families.p[i]);
	if (f == METRICS_OPENMETRICS)
		strbuf_add_c(out, "# EOF\n");
}
