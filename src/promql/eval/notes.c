/* Warnings and infos of a query: distinct by text, rendered with positions at the end. */
#include "promql/eval/eval.h"
#include "text/float.h"

#include <math.h>
#include <stdlib.h>
#include <time.h>

/* Most distinct notes kept; beyond it they are dropped (the API shows ten). */
#define NOTES_MAX 10000

struct note {
	bool warning;
	struct promql_pos pos;
	uint32_t order; /* of the part that raised it */
	struct str text;
	/* of forced monotonicity */
	bool forced;
	uint64_t count;
	int64_t t_first, t_last;
	double min, max, diff;
};

struct notes {
	struct arena *a;
	struct note **p;
	size_t n, cap;
	struct hmap index;
};

static void notes_fini(void *arg)
{
	struct notes *ns = arg;
	hmap_fini(&ns->index);
}

struct notes *notes_new(struct arena *a)
{
	struct notes *ns = arena_zalloc(a, sizeof(*ns));
	if (!ns || !arena_on_fini(a, notes_fini, ns))
		return NULL;
	ns->a = a;
	return ns;
}

static bool same_text(const void *value, const void *key)
{
	return str_eq(((const struct note *)value)->text, *(const struct str *)key);
}

/* The note with this text, added if new; NULL when there are too many or no memory. */
static struct note *note_get(struct notes *ns, bool warning, struct str text)
{
	uint64_t h = hash_str(text);
	struct note *n = hmap_find(&ns->index, h, same_text, &text);
	if (n || ns->n >= NOTES_MAX)
		return n;
	if (ns->n == ns->cap) {
		size_t cap = ns->cap ? ns->cap * 2 : 8;
		struct note **p = arena_alloc(ns->a, cap * sizeof(struct note *));
		if (!p)
			return NULL;
		if (ns->n)
			memcpy(p, ns->p, ns->n * sizeof(struct note *));
		ns->p = p;
		ns->cap = cap;
	}
	n = arena_zalloc(ns->a, sizeof(*n));
	char *copy = n ? arena_memdup(ns->a, text.p, text.n) : NULL;
	if (!copy)
		return NULL;
	n->warning = warning;
	n->text = str_mem(copy, text.n);
	ns->p[ns->n++] = n;
	hmap_add(&ns->index, h, n);
	return n;
}

/*
 * Notes one more place that a note is about. Ids of parts ascend as upstream evaluates them; it tells of the last one, and of
 * notes with figures, which are added up, of the first.
 */
static void put_at(struct note *note, const struct node *n, struct promql_pos pos)
{
	uint32_t order = n->expr->id + n->moved_id;
	if (note->count ? order >= note->order : order < note->order)
		return;
	note->order = order;
	if (pos.end) { /* else subqueries, of which upstream does not know the place */
		pos.start += n->moved;
		pos.end += n->moved;
	}
	note->pos = pos;
}

static void add(const struct node *n, bool warning, struct promql_pos pos, const char *fmt, va_list ap)
{
	struct strbuf b = { .limit = 64 << 10 };
	strbuf_add_c(&b, warning ? "PromQL warning: " : "PromQL info: ");
	strbuf_vprintf(&b, fmt, ap);
	struct note *note = note_get(n->ev->notes, warning, strbuf_str(&b));
	if (note)
		put_at(note, n, pos);
	strbuf_fini(&b);
}

void eval_warn(const struct node *n, struct promql_pos pos, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add(n, true, pos, fmt, ap);
	va_end(ap);
}

void eval_info(const struct node *n, struct promql_pos pos, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	add(n, false, pos, fmt, ap);
	va_end(ap);
}

void eval_forced(const struct node *n, struct promql_pos pos, struct str name, int64_t t, double min, double max,
		 double diff)
{
	struct strbuf b = { 0 };
	strbuf_add_c(&b, "PromQL info: input to histogram_quantile needed to be fixed for "
			 "monotonicity (see https://prometheus.io/docs/prometheus/latest/querying/"
			 "functions/#histogram_quantile)");
	if (name.n) {
		strbuf_add_c(&b, " for metric name ");
		strbuf_add_quoted(&b, name);
	}
	struct note *note = note_get(n->ev->notes, false, strbuf_str(&b));
	strbuf_fini(&b);
	if (!note)
		return;
	if (!note->forced)
		*note = (struct note){ .text = note->text,
				       .forced = true,
				       .t_first = t,
				       .t_last = t,
				       .min = min,
				       .max = max,
				       .diff = diff };
	put_at(note, n, pos);
	note->count++;
	note->t_first = MIN(note->t_first, t);
	note->t_last = MAX(note->t_last, t);
	note->min = fmin(note->min, min);
	note->max = fmax(note->max, max);
	note->diff = fmax(note->diff, diff);
}

void eval_overlap(const struct node *n, struct promql_pos pos, struct str name, uint64_t steps)
{
	struct strbuf b = { 0 };
	strbuf_add_c(&b, "PromQL warning: sample has start time that overlaps with previous sample "
			 "timestamp for metric ");
	strbuf_add_quoted(&b, name);
	struct note *note = note_get(n->ev->notes, true, strbuf_str(&b));
	strbuf_fini(&b);
	if (!note)
		return;
	put_at(note, n, pos);
	note->count += steps;
}

/* RFC 3339 in UTC with whole seconds. */
static void add_time(struct strbuf *b, int64_t t_ms)
{
	time_t s = (time_t)(t_ms / 1000 - (t_ms % 1000 < 0));
	struct tm tm;
	gmtime_r(&s, &tm);
	strbuf_printf(b, "%04d-%02d-%02dT%02d:%02d:%02dZ", tm.tm_year + 1900, tm.tm_mon + 1, tm.tm_mday, tm.tm_hour,
		      tm.tm_min, tm.tm_sec);
}

static void add_details(struct strbuf *b, const struct note *n)
{
	char from[32], to[32];
	strbuf_printf(b, ", from buckets %s to %s, with a max diff of %.2g, over %llu samples from ",
		      fmt_g(n->min, from), fmt_g(n->max, to), n->diff, (unsigned long long)n->count);
	add_time(b, n->t_first);
	strbuf_add_c(b, " to ");
	add_time(b, n->t_last);
}

void eval_position(struct strbuf *b, struct str text, struct promql_pos pos)
{
	if (pos.start > text.n) {
		strbuf_add_c(b, " (invalid position)");
		return;
	}
	unsigned line = 1, col = 1;
	for (uint32_t i = 0; i < pos.start; i++) {
		col++;
		if (text.p[i] == '\n') {
			line++;
			col = 1;
		}
	}
	strbuf_printf(b, " (%u:%u)", line, col);
}

int notes_render(struct eval *ev, struct promql_result *ret, struct err *err)
{
	struct notes *ns = ev->notes;
	ret->notes = arena_array(ev->arena, ns->n + 1, sizeof(*ret->notes));
	if (!ret->notes)
		return eval_oom(ev, err);
	struct strbuf b = { 0 };
	int rc = 0;
	for (size_t i = 0; i < ns->n && !rc; i++) {
		const struct note *n = ns->p[i];
		struct promql_note *d = &ret->notes[ret->n_notes++];
		strbuf_reset(&b);
		strbuf_add_str(&b, n->text);
		if (ev->text.n) {
			if (n->forced)
				add_details(&b, n);
			else if (n->count > 1)
				strbuf_printf(&b, " (%llu occurrences)", (unsigned long long)n->count);
			eval_position(&b, ev->text, n->pos);
		}
		*d = (struct promql_note){ .warning = n->warning, .pos = n->pos, .text = n->text.p };
		d->full = arena_memdup(ev->arena, b.p, b.n);
		if (!d->full)
			rc = eval_oom(ev, err);
	}
	strbuf_fini(&b);
	return rc;
}

const char *eval_quoted(struct eval *ev, struct str s)
{
	struct strbuf b = { 0 };
	strbuf_add_quoted(&b, s);
	const char *p = arena_memdup(ev->arena, b.p, b.n);
	strbuf_fini(&b);
	return p ? p : "";
}

const char *eval_labels_text(struct eval *ev, struct labels l)
{
	struct strbuf b = { 0 };
	labels_print(l, &b);
	const char *p = arena_memdup(ev->arena, b.p, b.n);
	strbuf_fini(&b);
	return p ? p : "";
}

char *fmt_g(double v, char *buf)
{
	buf[text_float(buf, v, TEXT_FLOAT_G)] = '\0';
	return buf;
}

void eval_warn_quantile(const struct node *n, struct promql_pos pos, double q)
{
	char buf[32];
	if (isnan(q) || q < 0 || q > 1)
		eval_warn(n, pos, "quantile value should be between 0 and 1, got %s", fmt_g(q, buf));
}
