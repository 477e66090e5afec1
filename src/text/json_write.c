#include "text/json_write.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "text/duration.h"
#include "text/float.h"
#include "text/float_digits.h"

#include <math.h>
#include <string.h>

void jsonw_init(struct jsonw *w, struct strbuf *out, unsigned flags)
{
	*w = (struct jsonw){ .out = out, .flags = flags, .flush_at = SIZE_MAX };
}

void jsonw_set_flush(struct jsonw *w, jsonw_flush_fn *flush, void *arg, size_t flush_at)
{
	w->flush = flush;
	w->arg = arg;
	w->flush_at = flush_at;
}

void jsonw_set_flags(struct jsonw *w, unsigned flags)
{
	w->flags = flags;
}

bool jsonw_failed(const struct jsonw *w)
{
	return w->err.code != 0;
}

/* Hands the buffer on. After a failure what is written is thrown away, so the buffer stays small. */
static void flush(struct jsonw *w)
{
	if (!w->err.code)
		w->flush(w->arg, w->out, &w->err);
	if (w->err.code)
		strbuf_reset(w->out);
}

/* The end of a value: the next one needs a comma, and the buffer may go. */
static inline void value_done(struct jsonw *w)
{
	w->comma = true;
	if (UNLIKELY(w->out->n >= w->flush_at))
		flush(w);
}

static inline void value_begin(struct jsonw *w)
{
	if (w->comma)
		strbuf_add_ch(w->out, ',');
}

int jsonw_finish(struct jsonw *w, struct err *err)
{
	CHECK(w->depth == 0 || w->err.code);
	if (!w->err.code && w->out->overflow)
		err_set(&w->err, ERR_RESOURCE_EXHAUSTED, "JSON text is over %zu bytes", w->out->limit);
	if (w->flush && w->out->n && !w->err.code)
		flush(w);
	if (!w->err.code)
		return 0;
	if (err)
		*err = w->err;
	return -w->err.code;
}

static void open_with(struct jsonw *w, char c)
{
	value_begin(w);
	CHECK(w->depth < JSONW_DEPTH);
	w->depth++;
	w->comma = false;
	strbuf_add_ch(w->out, c);
}

static void close_with(struct jsonw *w, char c)
{
	CHECK(w->depth > 0);
	w->depth--;
	strbuf_add_ch(w->out, c);
	value_done(w);
}

void jsonw_object_begin(struct jsonw *w)
{
	open_with(w, '{');
}

void jsonw_object_end(struct jsonw *w)
{
	close_with(w, '}');
}

void jsonw_array_begin(struct jsonw *w)
{
	open_with(w, '[');
}

void jsonw_array_end(struct jsonw *w)
{
	close_with(w, ']');
}

void jsonw_key_str(struct jsonw *w, struct str key)
{
	value_begin(w);
	jsonw_add_quoted(w->out, key, w->flags);
	strbuf_add_ch(w->out, ':');
	w->comma = false;
}

void jsonw_key(struct jsonw *w, const char *key)
{
	jsonw_key_str(w, str_c(key));
}

void jsonw_str(struct jsonw *w, struct str s)
{
	value_begin(w);
	jsonw_add_quoted(w->out, s, w->flags);
	value_done(w);
}

void jsonw_cstr(struct jsonw *w, const char *s)
{
	jsonw_str(w, str_c(s));
}

void jsonw_i64(struct jsonw *w, int64_t v)
{
	value_begin(w);
	strbuf_add_i64(w->out, v);
	value_done(w);
}

void jsonw_u64(struct jsonw *w, uint64_t v)
{
	value_begin(w);
	strbuf_add_u64(w->out, v);
	value_done(w);
}

void jsonw_raw(struct jsonw *w, struct str json)
{
	value_begin(w);
	strbuf_add_str(w->out, json);
	value_done(w);
}

void jsonw_bool(struct jsonw *w, bool v)
{
	jsonw_raw(w, v ? STR("true") : STR("false"));
}

void jsonw_null(struct jsonw *w)
{
	jsonw_raw(w, STR("null"));
}

void jsonw_double(struct jsonw *w, double v)
{
	if (!isfinite(v)) {
		jsonw_null(w);
		return;
	}
	value_begin(w);
	text_float_add(w->out, v, TEXT_FLOAT_GOJSON);
	value_done(w);
}

void jsonw_sample_value(struct jsonw *w, double v)
{
	char tmp[TEXT_FLOAT_MAX + 2];
	tmp[0] = '"';
	char *end = text_float_json(tmp + 1, v);
	*end++ = '"';
	jsonw_raw(w, str_mem(tmp, (size_t)(end - tmp)));
}

void jsonw_seconds(struct jsonw *w, int64_t t_ms)
{
	value_begin(w);
	text_seconds_add(w->out, t_ms);
	value_done(w);
}

/* Most bytes of a value in style JSON: the longest is -0.0000012345678901234567. What is written beyond its end fits too. */
#define VALUE_MAX 32

/* Most bytes of a sample with its comma, and what is written beyond the end. */
#define SAMPLE_MAX (VALUE_MAX + sizeof(((struct jsonw_time *)0)->text) + 16)

/* Samples that room is made for at a time. */
#define SAMPLES_AT_ONCE DIGITS_AT_ONCE

/* What stands between a value and the time after it, at the start of the text of a time. */
#define BETWEEN "\"],"
#define BETWEEN_N (sizeof(BETWEEN) - 1)

static inline char *put_time(char *p, int64_t t_ms)
{
	memcpy(p, BETWEEN "[", BETWEEN_N + 1);
	p += BETWEEN_N + 1;
	p += text_seconds(p, t_ms);
	memcpy(p, ",\"", 2);
	return p + 2;
}

void jsonw_time_set(struct jsonw_time *ret, int64_t t_ms)
{
	char text[BETWEEN_N + TEXT_SECONDS_MAX + 16];
	size_t n = (size_t)(put_time(text, t_ms) - text);
	CHECK(n <= sizeof(ret->text));
	*ret = (struct jsonw_time){ .t_ms = t_ms, .n = (uint8_t)n };
	memcpy(ret->text, text, n);
}

void jsonw_sample(struct jsonw *w, int64_t t_ms, double v)
{
	char tmp[SAMPLE_MAX + TEXT_SECONDS_MAX];
	value_begin(w);
	char *p = text_float_json(put_time(tmp, t_ms), v);
	memcpy(p, BETWEEN, BETWEEN_N - 1);
	strbuf_add(w->out, tmp + BETWEEN_N, (size_t)(p + BETWEEN_N - 1 - (tmp + BETWEEN_N)));
	value_done(w);
}

/* The prepared times, and how far they were used. */
struct times {
	const struct jsonw_time *next, *end;
};

/* 16 bytes at a time, from anywhere to anywhere. */
static ALWAYS_INLINE void copy16(char *to, const char *from)
{
	char tmp[16];
	memcpy(tmp, from, sizeof(tmp));
	memcpy(to, tmp, sizeof(tmp));
}

static NO_INLINE char *put_other_time(char *p, int64_t t_ms, struct times *k)
{
	struct jsonw_time made;
	const struct jsonw_time *t = &made;
	while (k->next < k->end && k->next->t_ms < t_ms)
		k->next++;
	if (k->next < k->end && k->next->t_ms == t_ms)
		t = k->next++;
	else
		jsonw_time_set(&made, t_ms);
	memcpy(p, t->text, sizeof(t->text));
	return p + t->n;
}

static ALWAYS_INLINE char *put_prepared(char *p, int64_t t_ms, struct times *k)
{
	const struct jsonw_time *t = k->next;
	if (UNLIKELY(t == k->end || t->t_ms != t_ms))
		return put_other_time(p, t_ms, k);
	k->next++;
	copy16(p, t->text); /* whole seconds of this century with all that belongs to them */
	if (UNLIKELY(t->n > 16))
		memcpy(p + 16, t->text + 16, sizeof(t->text) - 16);
	return p + t->n;
}

/* The time of a first sample, before which there is no value. */
static char *put_first_time(char *p, int64_t t_ms, struct times *k)
{
	char tmp[sizeof(((struct jsonw_time *)0)->text)] = { 0 };
	size_t n = (size_t)(put_prepared(tmp, t_ms, k) - tmp) - BETWEEN_N;
	memcpy(p, tmp + BETWEEN_N, sizeof(tmp) - BETWEEN_N);
	return p + n;
}

/* Where samples are written, and which of them is the next. */
struct put {
	char *p;
	const struct jsonw_samples *s;
	size_t at, from, to; /* [from, to) are written in one go */
	struct times times;
	union made *made;
};

/* Digits of samples that stand in a row. */
union made {
	uint64_t digits[SAMPLES_AT_ONCE];
	struct digits_parts parts;
};

static inline uint64_t bits_at(const struct jsonw_samples *s, size_t i)
{
	uint64_t bits;
	memcpy(&bits, (const char *)s->v + i * s->stride, sizeof(bits));
	return bits;
}

/* Writes time i of those given. */
static ALWAYS_INLINE char *put_sample_time(char *p, struct put *o, size_t i, struct times *k)
{
	int64_t t_ms;
	memcpy(&t_ms, (const char *)o->s->t_ms + i * o->s->stride, sizeof(t_ms));
	return i != o->from ? put_prepared(p, t_ms, k) : put_first_time(p, t_ms, k);
}

/* n samples of any values. */
static void put_any(struct put *o, size_t n)
{
	const struct jsonw_samples *s = o->s;
	const char *last = NULL; /* what the value before was written as */
	uint64_t last_bits = 0;
	size_t last_n = 0;
	struct times known = o->times;
	char *p = o->p;
	for (size_t i = o->at; i < o->at + n; i++) {
		uint64_t bits = bits_at(s, i);
		p = put_sample_time(p, o, i, &known);
		if (bits == last_bits && last) {
			copy16(p, last);
			if (UNLIKELY(last_n > 16))
				copy16(p + 16, last + 16);
			p += last_n;
			continue;
		}
		double value;
		memcpy(&value, &bits, sizeof(value));
		last = p;
		last_bits = bits;
		if (UNLIKELY(!digits_put_whole(&p, value)))
			p = text_float_json_other(p, value);
		last_n = (size_t)(p - last);
	}
	o->times = known;
	o->p = p;
	o->at += n;
}

/* Whole numbers from here on in a column, for as long as there are any. */
static void put_whole_ones(struct put *o)
{
	size_t n = digits_column(o->s->v + o->at, o->to - o->at, o->made->digits);
	struct times known = o->times;
	char *p = o->p;
	for (size_t i = 0; i < n; i++) {
		p = put_sample_time(p, o, o->at + i, &known);
		p = digits_put_of8(p, o->made->digits[i]);
	}
	o->times = known;
	o->p = p;
	o->at += n;
}

/* Other numbers from here on in a column, for as long as there are any. */
static void put_fractions(struct put *o)
{
	const double *v = o->s->v + o->at;
	size_t n = digits_fractions(v, o->to - o->at, &o->made->parts);
	struct times known = o->times;
	char *p = o->p;
	for (size_t i = 0; i < n; i++) {
		p = put_sample_time(p, o, o->at + i, &known);
		p = digits_put_parts(p, &o->made->parts, i, v[i]);
	}
	o->times = known;
	o->p = p;
	o->at += n;
}

/* How many samples from here on have one value. */
static size_t run_length(const struct put *o)
{
	size_t n = 1;
	uint64_t bits = bits_at(o->s, o->at);
	while (o->at + n < o->to && bits_at(o->s, o->at + n) == bits)
		n++;
	return n;
}

/* Samples of any values that are written before what stands beside each other is tried again. */
#define TRY_AGAIN 8

/* Writes [from, to). */
static void put_samples(struct put *o)
{
	bool column = o->s->stride == sizeof(*o->s->v);
	while (o->at < o->to) {
		size_t at = o->at, run = column ? run_length(o) : o->to - at;
		if (column && run < TRY_AGAIN) {
			put_whole_ones(o);
			if (o->at < o->to)
				put_fractions(o);
			run = o->at == at ? MIN(TRY_AGAIN, o->to - at) : 0;
		}
		put_any(o, run);
	}
	memcpy(o->p, BETWEEN, BETWEEN_N - 1); /* the comma before the next one is value_begin's */
	o->p += BETWEEN_N - 1;
}

void jsonw_samples(struct jsonw *w, const struct jsonw_samples *s, const struct jsonw_time *times, size_t n_times)
{
	union made made;
	struct put o = { .s = s, .times = { times, n_times ? times + n_times : times }, .made = &made };
	while (o.at < s->n && !jsonw_failed(w)) {
		o.from = o.at;
		o.to = MIN(s->n, o.at + SAMPLES_AT_ONCE);
		value_begin(w);
		o.p = strbuf_reserve(w->out, SAMPLES_AT_ONCE * SAMPLE_MAX);
		if (UNLIKELY(!o.p))
			return;
		put_samples(&o);
		*o.p = '\0';
		w->out->n = (size_t)(o.p - w->out->p);
		value_done(w);
	}
}

/* --- strings ------------------------------------------------------------------- */

/* 0: as it is; 1: escaped always; 2: escaped with JSONW_HTML; 3: begins a multi-byte character. */
static const uint8_t byte_class[256] = {
	[0 ... 0x1f] = 1, ['"'] = 1, ['\\'] = 1, ['<'] = 2, ['>'] = 2, ['&'] = 2, [0x80 ... 0xff] = 3,
};

static void add_escaped_byte(struct strbuf *b, unsigned char c)
{
	static const char hex[] = "0123456789abcdef";
	static const char named[32] = { ['\t'] = 't', ['\n'] = 'n', ['\r'] = 'r' };
	if (c == '"' || c == '\\' || (c < 0x20 && named[c])) {
		char e[2] = { '\\', c < 0x20 ? named[c] : (char)c };
		strbuf_add(b, e, 2);
		return;
	}
	char u[6] = { '\\', 'u', '0', '0', hex[c >> 4], hex[c & 15] };
	strbuf_add(b, u, 6);
}

/* Adds the character at `s` that is no plain byte; returns its length. */
static size_t add_special(struct strbuf *b, struct str s, unsigned flags)
{
	unsigned char c = (unsigned char)s.p[0];
	if (byte_class[c] != 3) {
		add_escaped_byte(b, c);
		return 1;
	}
	size_t n = str_utf8_char(s);
	if (n == 0) {
		strbuf_add(b, "\\ufffd", 6);
		return 1;
	}
	if ((flags & JSONW_HTML) && n == 3 && memcmp(s.p, "\xe2\x80", 2) == 0 &&
	    ((unsigned char)s.p[2] & 0xfe) == 0xa8) {
		strbuf_add(b, (unsigned char)s.p[2] == 0xa8 ? "\\u2028" : "\\u2029", 6);
		return n;
	}
	strbuf_add(b, s.p, n);
	return n;
}

void jsonw_add_quoted(struct strbuf *b, struct str s, unsigned flags)
{
	uint8_t special = (uint8_t)(flags & JSONW_HTML ? 0xff : 0xfd); /* bit mask over byte_class */
	size_t run = 0, i = 0;
	strbuf_add_ch(b, '"');
	while (i < s.n) {
		if (LIKELY((byte_class[(unsigned char)s.p[i]] & special) == 0)) {
			i++;
			continue;
		}
		if (i > run)
			strbuf_add(b, s.p + run, i - run);
		i += add_special(b, str_mem(s.p + i, s.n - i), flags);
		run = i;
	}
	if (i > run)
		strbuf_add(b, s.p + run, i - run);
	strbuf_add_ch(b, '"');
}

void jsonw_kv_goduration(struct jsonw *w, const char *key, int64_t ns)
{
	char text[TEXT_DURATION_MAX];
	text_goduration_format(text, ns);
	jsonw_kv_cstr(w, key, text);
}
