#include "base/strbuf.h"

#include "base/mem.h"

#include <stdio.h>
#include <stdlib.h>
#include <utf8proc.h>

void strbuf_fini(struct strbuf *b)
{
	size_t limit = b->limit;
	free(b->p);
	*b = (struct strbuf){ .limit = limit };
}

void strbuf_reset(struct strbuf *b)
{
	b->n = 0;
	b->overflow = false;
	if (b->p)
		b->p[0] = '\0';
}

char *strbuf_reserve(struct strbuf *b, size_t n)
{
	if (b->limit && (n > b->limit || b->n > b->limit - n)) {
		b->overflow = true;
		return NULL;
	}
	size_t want = b->n + n + 1;
	if (want > b->cap) {
		size_t cap = b->cap ? b->cap : 64;
		while (cap < want)
			cap += cap / 2;
		b->p = xrealloc(b->p, cap);
		b->cap = cap;
	}
	return b->p + b->n;
}

void strbuf_add(struct strbuf *b, const void *p, size_t n)
{
	char *q = strbuf_reserve(b, n);
	if (!q)
		return;
	if (n)
		memcpy(q, p, n);
	b->n += n;
	b->p[b->n] = '\0';
}

void strbuf_add_str(struct strbuf *b, struct str s)
{
	strbuf_add(b, s.p, s.n);
}

void strbuf_add_c(struct strbuf *b, const char *s)
{
	strbuf_add(b, s, strlen(s));
}

void strbuf_add_ch(struct strbuf *b, char c)
{
	strbuf_add(b, &c, 1);
}

void strbuf_add_u64(struct strbuf *b, uint64_t v)
{
	char tmp[20];
	size_t i = sizeof(tmp);
	do {
		tmp[--i] = (char)('0' + v % 10);
		v /= 10;
	} while (v);
	strbuf_add(b, tmp + i, sizeof(tmp) - i);
}

void strbuf_add_i64(struct strbuf *b, int64_t v)
{
	if (v < 0)
		strbuf_add_ch(b, '-');
	strbuf_add_u64(b, v < 0 ? 0 - (uint64_t)v : (uint64_t)v);
}

void strbuf_vprintf(struct strbuf *b, const char *fmt, va_list ap)
{
	va_list again;
	va_copy(again, ap);
	int n = vsnprintf(NULL, 0, fmt, ap);
	char *q = n < 0 ? NULL : strbuf_reserve(b, (size_t)n);
	if (q) {
		vsnprintf(q, (size_t)n + 1, fmt, again);
		b->n += (size_t)n;
	}
	va_end(again);
}

void strbuf_printf(struct strbuf *b, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	strbuf_vprintf(b, fmt, ap);
	va_end(ap);
}

static void add_quoted_byte(struct strbuf *b, unsigned char c)
{
	static const char letters[] = "abtnvfr"; /* 0x07 to 0x0d */
	if (c == '"' || c == '\\') {
		strbuf_add_ch(b, '\\');
		strbuf_add_ch(b, (char)c);
	} else if (c >= 0x07 && c <= 0x0d) {
		strbuf_add_ch(b, '\\');
		strbuf_add_ch(b, letters[c - 0x07]);
	} else if (c < 0x20 || c == 0x7f || c >= 0x80) {
		strbuf_printf(b, "\\x%02x", c);
	} else {
		strbuf_add_ch(b, (char)c);
	}
}

/* A character of `len` bytes, more than one. */
static void add_quoted_char(struct strbuf *b, const char *p, size_t len)
{
	utf8proc_int32_t r;
	utf8proc_iterate((const utf8proc_uint8_t *)p, (utf8proc_ssize_t)len, &r);
	if (str_rune_prints((uint32_t)r))
		strbuf_add(b, p, len);
	else
		strbuf_printf(b, r < 0x10000 ? "\\u%04x" : "\\U%08x", (unsigned)r);
}

void strbuf_add_quoted(struct strbuf *b, struct str s)
{
	strbuf_add_ch(b, '"');
	while (s.n) {
		size_t len = str_utf8_char(s);
		if (len > 1)
			add_quoted_char(b, s.p, len);
		else
			add_quoted_byte(b, (unsigned char)s.p[0]);
		s.p += len ? len : 1;
		s.n -= len ? len : 1;
	}
	strbuf_add_ch(b, '"');
}

char *strbuf_steal(struct strbuf *b)
{
	char *p = b->p ? b->p : xstrdup("");
	*b = (struct strbuf){ .limit = b->limit };
	return p;
}
