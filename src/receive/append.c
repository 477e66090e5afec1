#include "receive/append.h"

#include "base/assert.h"
#include "codec/varint.h"
#include "labels/labels.h"
#include "loop/fiber.h"

#include <stdio.h>
#include <string.h>

/* Most labels of a series that are parsed without asking for memory. */
#define LABELS_INLINE 64
#define LABELS_MAX 65536

/* Samples and histograms of one series that are appended without letting others run. */
#define PART_SAMPLES 4096
#define PART_HISTOGRAMS 256

/* Series waiting to be looked up together; each has one float and nothing else. */
struct pending {
	size_t n;
	struct hash128 keys[HEAD_LOOKUP_MAX];
	struct write_series series[HEAD_LOOKUP_MAX];
	int64_t t[HEAD_LOOKUP_MAX];
	double v[HEAD_LOOKUP_MAX];
};

struct appender {
	struct head *h;
	const struct write_reader *r;
	const struct append_opts *opts;
	struct append_tally *tally;
	struct strbuf scratch; /* of head_key, used again for every new series */
};

/* --- refusing --------------------------------------------------------------------- */

/* A refused series counts by what it carried; an empty one as one. */
static void refuse(struct append_tally *t, const struct write_series *s, enum append_fault f)
{
	uint64_t n = s->n_samples + s->n_histograms;
	t->faults[f] += n ? n : 1;
}

static void note_detail(struct append_tally *t, const char *text)
{
	if (!t->detail[0])
		snprintf(t->detail, sizeof(t->detail), "%s", text);
}

/* Checks labels as upstream's receiver does (labelpb.ValidateLabels). False when refused. */
static bool check_labels(struct appender *a, struct labels l, const struct write_series *s)
{
	static const enum append_fault faults[] = {
		[LABELS_EMPTY_NAME] = APPEND_EMPTY_LABELS,  [LABELS_EMPTY_VALUE] = APPEND_EMPTY_LABELS,
		[LABELS_UNSORTED] = APPEND_UNSORTED_LABELS, [LABELS_DUPLICATE] = APPEND_DUPLICATE_LABELS,
		[LABELS_BAD_UTF8] = APPEND_BAD_UTF8,
	};
	enum labels_fault f = l.n ? labels_check(l, NULL) : LABELS_EMPTY_NAME;
	if (f != LABELS_OK)
		return refuse(a->tally, s, faults[f]), false;
	if (a->opts->require_name && !labels_has(l, LABEL_METRIC_NAME))
		return refuse(a->tally, s, APPEND_NO_METRIC_NAME), false;
	return true;
}

/* --- finding the series -------------------------------------------------------------- */

/* The series of checked labels, made where it is new; NULL when there may be no more. */
static struct head_series *get_series(struct appender *a, struct hash128 key, struct labels l,
				      const struct write_series *s, struct err *err, int *rc)
{
	struct head_series *hs = NULL;
	struct head_stats st;
	*rc = 0;
	if (a->opts->max_series) {
		head_stats(a->h, &st);
		head_lookup(a->h, &key, 1, &hs);
		if (!hs && st.series >= a->opts->max_series)
			return refuse(a->tally, s, APPEND_SERIES_LIMIT), NULL;
	}
	if (hs)
		return hs;
	int got = head_series_get(a->h, key, l, &hs, NULL, err);
	if (got == 0)
		return hs;
	if (got == -ERR_UNAVAILABLE)
		a->tally->results[HEAD_UNAVAILABLE] += s->n_samples + s->n_histograms;
	else if (got == -ERR_RESOURCE_EXHAUSTED)
		refuse(a->tally, s, APPEND_SERIES_LIMIT);
	else
		*rc = got;
	return NULL;
}

/*
 * Whether sorted labels lie in `raw` just as head_key would write them: then the hash of the bytes is the key. With every
 * string where the shortest lengths and one-byte tags put it, nothing else has room.
 */
static bool is_canonical(struct str raw, struct labels l)
{
	size_t at = 0;
	for (size_t i = 0; i < l.n; i++) {
		struct str name = l.p[i].name, value = l.p[i].value;
		size_t inner = 2 + varint_size(name.n) + name.n + varint_size(value.n) + value.n;
		at += 1 + varint_size(inner);
		if (name.p != raw.p + at + 1 + varint_size(name.n) ||
		    value.p != name.p + name.n + 1 + varint_size(value.n))
			return false;
		at += inner;
	}
	return at == raw.n;
}

/* Parses the labels of a series that was not found by its bytes, and finds or makes it. */
static struct head_series *parse_series(struct appender *a, const struct write_series *s, struct err *err, int *rc)
{
	struct label few[LABELS_INLINE], *p = few;
	struct arena arena;
	struct head_series *hs = NULL;
	*rc = 0;
	arena_init(&arena, a->r->budget);
	if (s->n_labels > LABELS_MAX) {
		refuse(a->tally, s, APPEND_EMPTY_LABELS);
		note_detail(a->tally, "too many labels");
		return NULL;
	}
	if (s->n_labels > LABELS_INLINE && !(p = arena_array(&arena, s->n_labels, sizeof(*p))))
		*rc = arena_err(&arena, err);
	if (*rc == 0) {
		write_series_labels(a->r, s, p);
		struct labels l = { p, s->n_labels };
		/* Labels of 2.0 have no order on the wire that means anything; of 1.0 they must be sorted. */
		if (a->r->kind == WRITE_V2)
			label_sort(p, s->n_labels);
		if (check_labels(a, l, s)) {
			bool canonical = s->raw_whole && is_canonical(s->raw_labels, l);
			struct hash128 raw =
				s->raw_whole ? hash_bytes128(s->raw_labels.p, s->raw_labels.n) : (struct hash128){ 0 };
			hs = get_series(a, canonical ? raw : head_key(l, &a->scratch), l, s, err, rc);
			if (hs && s->raw_whole && !canonical) /* its next sample need not be parsed */
				head_series_alias(a->h, raw, hs);
		}
	}
	arena_fini(&arena);
	return hs;
}

/* --- appending ------------------------------------------------------------------------ */

static void count(struct append_tally *t, enum head_result r, uint64_t *stored)
{
	t->results[r]++;
	*stored += head_result_ok(r);
}

/* Lets others run when it is time; the bounds of this request hold again afterwards. Suspends. */
static int co_pause(struct appender *a, struct err *err)
{
	int rc = co_checkpoint(err);
	head_batch_resume(a->h, a->opts->batch);
	return rc;
}

static void append_exemplars(struct appender *a, struct head_series *hs, const struct write_series *s)
{
	for (size_t i = 0; i < s->n_exemplars; i++) {
		const struct write_exemplar *e = &s->exemplars[i];
		if (e->fault) {
			a->tally->faults[APPEND_BAD_REFERENCE]++;
			note_detail(a->tally, e->fault);
			continue;
		}
		count(a->tally, head_append_exemplar(a->h, hs, e->t, e->value, e->labels), &a->tally->exemplars);
	}
}

static void append_hists(struct appender *a, struct head_series *hs, const struct write_series *s, size_t from,
			 size_t to)
{
	for (size_t i = from; i < to; i++) {
		struct err why = ERR_NONE;
		enum head_result r = head_append_hist(a->h, hs, s->histograms[i].t, &s->histograms[i].h, &why);
		count(a->tally, r, &a->tally->histograms);
		if (r == HEAD_BAD_HISTOGRAM)
			note_detail(a->tally, why.msg);
	}
}

/* Part number `part` of what a series carries; false when there is no more after it. */
static bool append_part(struct appender *a, struct head_series *hs, const struct write_series *s, size_t part)
{
	size_t from = part * PART_SAMPLES, to = from + PART_SAMPLES;
	size_t hists_from = part * PART_HISTOGRAMS, hists_to = hists_from + PART_HISTOGRAMS;
	for (size_t i = from; i < MIN(to, s->n_samples); i++)
		count(a->tally, head_append(a->h, hs, s->t[i], s->v[i]), &a->tally->samples);
	append_hists(a, hs, s, MIN(hists_from, s->n_histograms), MIN(hists_to, s->n_histograms));
	if (to < s->n_samples || hists_to < s->n_histograms)
		return true;
	append_exemplars(a, hs, s);
	return false;
}

/* Looks up the waiting series together and appends their samples. */
static int flush(struct appender *a, struct pending *p, struct err *err)
{
	struct head_series *found[HEAD_LOOKUP_MAX];
	if (p->n == 0)
		return 0;
	head_batch_resume(a->h, a->opts->batch); /* reading a long series has suspended, perhaps */
	head_lookup(a->h, p->keys, p->n, found);
	for (size_t i = 0; i < p->n; i++) {
		int rc = 0;
		if (!found[i])
			found[i] = parse_series(a, &p->series[i], err, &rc);
		if (rc != 0)
			return rc;
		if (found[i])
			count(a->tally, head_append(a->h, found[i], p->t[i], p->v[i]), &a->tally->samples);
	}
	p->n = 0;
	return 0;
}

/* Whether a series is of the usual kind: bytes that name it, one float, nothing else. */
static bool is_plain(const struct write_series *s)
{
	return s->raw_whole && s->n_samples == 1 && !s->n_histograms && !s->n_exemplars;
}

static void put_off(struct pending *p, const struct write_series *s)
{
	size_t i = p->n++;
	p->keys[i] = hash_bytes128(s->raw_labels.p, s->raw_labels.n);
	p->series[i] = *s;
	p->t[i] = s->t[0];
	p->v[i] = s->v[0];
}

/* The series of bytes as they came, made where it is new; NULL when it is refused. */
static struct head_series *find_raw(struct appender *a, const struct write_series *s, struct err *err, int *rc)
{
	struct head_series *hs = NULL;
	*rc = 0;
	if (s->raw_whole) {
		struct hash128 key = hash_bytes128(s->raw_labels.p, s->raw_labels.n);
		head_lookup(a->h, &key, 1, &hs);
	}
	return hs ? hs : parse_series(a, s, err, rc);
}

static int co_append_unusual(struct appender *a, const struct write_series *s, struct err *err)
{
	struct head_series *hs;
	size_t part = 0;
	int rc = 0;
	if (s->fault) {
		refuse(a->tally, s, APPEND_BAD_REFERENCE);
		note_detail(a->tally, s->fault);
		return 0;
	}
	head_batch_resume(a->h, a->opts->batch);
	while ((hs = find_raw(a, s, err, &rc)) && append_part(a, hs, s, part++))
		if ((rc = co_pause(a, err)) != 0)
			break;
	return rc;
}

/* Appends series after series. */
static int co_append_each(struct appender *a, struct write_reader *r, struct pending *p, struct err *err)
{
	struct write_series s;
	int rc;
	while ((rc = write_reader_next(r, &s, err)) > 0) {
		bool plain = is_plain(&s);
		if (plain)
			put_off(p, &s);
		if (plain && p->n < HEAD_LOOKUP_MAX)
			continue;
		/* In their order: those put off may be earlier samples of the same series. */
		rc = flush(a, p, err);
		if (rc == 0 && !plain)
			rc = co_append_unusual(a, &s, err);
		if (rc == 0)
			rc = co_pause(a, err);
		if (rc != 0)
			return rc;
	}
	return rc < 0 ? rc : flush(a, p, err);
}

int co_append_body(struct head *h, struct write_reader *r, const struct append_opts *opts, struct append_tally *tally,
		   struct err *err)
{
	struct appender a = { .h = h, .r = r, .opts = opts, .tally = tally };
	struct pending p;
	p.n = 0;
	head_batch_resume(h, opts->batch);
	int rc = co_append_each(&a, r, &p, err);
	strbuf_fini(&a.scratch);
	return rc;
}

int co_append_series(struct head *h, struct labels labels, const struct write_series *s, const struct append_opts *opts,
		     struct append_tally *tally, struct err *err)
{
	struct appender a = { .h = h, .opts = opts, .tally = tally };
	struct head_series *hs;
	size_t part = 0;
	int rc = 0;
	head_batch_resume(h, opts->batch);
	if (check_labels(&a, labels, s)) {
		struct hash128 key = head_key(labels, &a.scratch);
		while ((hs = get_series(&a, key, labels, s, err, &rc)) && append_part(&a, hs, s, part++))
			if ((rc = co_pause(&a, err)) != 0)
				break;
	}
	strbuf_fini(&a.scratch);
	return rc;
}

/* --- the answer --------------------------------------------------------------------------- */

static const struct {
	const char *what, *text;
	enum append_answer answer;
} fault_texts[APPEND_FAULTS] = {
	[APPEND_EMPTY_LABELS] = { "series", "label set contains a label with empty name or value", APPEND_CONFLICT },
	[APPEND_UNSORTED_LABELS] = { "series", "out of order labels", APPEND_CONFLICT },
	[APPEND_DUPLICATE_LABELS] = { "series", "label set contains multiple labels with the same name",
				      APPEND_CONFLICT },
	[APPEND_BAD_UTF8] = { "series", "label names and values must be UTF-8", APPEND_BAD },
	[APPEND_NO_METRIC_NAME] = { "series", "metric name is missing", APPEND_BAD },
	[APPEND_BAD_REFERENCE] = { "series", "invalid reference to a symbol", APPEND_BAD },
	[APPEND_SERIES_LIMIT] = { "series", "active series limit reached", APPEND_LIMITED },
};

/* What a result other than success calls for. */
static enum append_answer answer_of(enum head_result r)
{
	if (head_result_ok(r))
		return APPEND_DONE;
	if (r == HEAD_UNAVAILABLE)
		return APPEND_UNAVAILABLE;
	return r == HEAD_BAD_HISTOGRAM || r == HEAD_EXEMPLAR_TOO_LONG ? APPEND_BAD : APPEND_CONFLICT;
}

static void add_line(struct strbuf *b, uint64_t n, const char *what, const char *text, const char *detail)
{
	strbuf_printf(b, "%sadd %llu %s: %s", b->n ? "; " : "", (unsigned long long)n, what, text);
	if (detail[0])
		strbuf_printf(b, " (%s)", detail);
}

enum append_answer append_outcome(const struct append_tally *t, struct strbuf *text)
{
	enum append_answer worst = APPEND_DONE;
	for (int r = 0; r < HEAD_RESULTS; r++) {
		enum append_answer a = t->results[r] ? answer_of((enum head_result)r) : APPEND_DONE;
		if (a == APPEND_DONE)
			continue;
		worst = MAX(worst, a);
		add_line(text, t->results[r], "samples", head_result_text((enum head_result)r),
			 a == APPEND_BAD ? t->detail : "");
	}
	for (int f = 0; f < APPEND_FAULTS; f++) {
		if (!t->faults[f])
			continue;
		worst = MAX(worst, fault_texts[f].answer);
		add_line(text, t->faults[f], fault_texts[f].what, fault_texts[f].text,
			 f == APPEND_BAD_REFERENCE ? t->detail : "");
	}
	return worst;
}
