/*
 * base/strbuf.h - a growing byte string on the heap, with a limit.
 *
 * Writing past the limit writes nothing and sets `overflow`; a writer may
 * append many pieces and test once at the end.  p is always valid as a C
 * string once something was appended (a zero byte follows the n bytes).
 */
#ifndef BASE_STRBUF_H
#define BASE_STRBUF_H

#include "base/compiler.h"
#include "base/str.h"

#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* A byte string. Zero-initialised is empty and unlimited. Members are readable. */
struct strbuf {
	char *p;
	size_t n;      /* bytes in use */
	size_t cap;    /* bytes allocated */
	size_t limit;  /* most bytes it may hold; 0 is no limit */
	bool overflow; /* an append was refused */
};

/* Frees the bytes; the struct is empty afterwards and keeps its limit. */
void strbuf_fini(struct strbuf *b);

/* Empties it and clears `overflow`, keeping the memory. */
void strbuf_reset(struct strbuf *b);

/* Makes room for `n` more bytes and returns where they go; NULL past the limit. Does not change b->n. */
char *strbuf_reserve(struct strbuf *b, size_t n) MUST_CHECK;

/* Appends `n` bytes. */
void strbuf_add(struct strbuf *b, const void *p, size_t n);

/* Appends the bytes of `s`. */
void strbuf_add_str(struct strbuf *b, struct str s);

/* Appends a C string. */
void strbuf_add_c(struct strbuf *b, const char *s);

/* Appends one byte. */
void strbuf_add_ch(struct strbuf *b, char c);

/* Appends an unsigned number in decimal. */
void strbuf_add_u64(struct strbuf *b, uint64_t v);

/* Appends a number in decimal. */
void strbuf_add_i64(struct strbuf *b, int64_t v);

/* Appends formatted text. */
void strbuf_printf(struct strbuf *b, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* As strbuf_printf, with the arguments in `ap`. */
void strbuf_vprintf(struct strbuf *b, const char *fmt, va_list ap) PRINTF_LIKE(2, 0);

/*
 * Appends Go's strconv.Quote of `s`: in double quotes, with \n \t \" \\, \xNN for
 * bytes that are no UTF-8, and \uNNNN for characters that do not show: all but
 * letters, marks, numbers, punctuation, symbols and the ASCII blank.
 */
void strbuf_add_quoted(struct strbuf *b, struct str s);

/* The bytes as a struct str, valid until the next change. */
static inline struct str strbuf_str(const struct strbuf *b)
{
	return str_mem(b->p, b->n);
}

/* Hands the heap bytes (a C string) to the caller, who frees them; the buffer is empty afterwards. */
char *strbuf_steal(struct strbuf *b) MUST_CHECK;

#endif
