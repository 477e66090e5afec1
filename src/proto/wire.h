/*
 * proto/wire.h - protobuf fields one at a time, in place.
 *
 * For messages that are read by hand because they are hot. A cursor walks the
 * fields of one message; it never reads outside the message and never
 * allocates. Groups (wire types 3 and 4, long gone from protobuf) are refused
 * like any unknown wire type. Malformed bytes end the walk with `fault` set
 * to a text; test it after the loop:
 *
 *	struct wire w = wire_begin(msg);
 *	struct wire_field f;
 *	while (wire_next(&w, &f))
 *		...
 *	if (w.fault)
 *		return wire_err(&w, "SeriesRequest", err);
 *
 * Source: https://protobuf.dev/programming-guides/encoding/
 */
#ifndef PROTO_WIRE_H
#define PROTO_WIRE_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/str.h"
#include "base/strbuf.h"
#include "codec/varint.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* How a field's value is written. */
enum wire_type {
	WIRE_VARINT = 0,
	WIRE_I64 = 1,
	WIRE_LEN = 2,
	WIRE_I32 = 5,
};

/* The first byte(s) of a field. */
#define WIRE_TAG(num, type) ((uint32_t)(num) << 3 | (uint32_t)(type))

/* A walk over the fields of one message. */
struct wire {
	const uint8_t *p, *end;
	const char *fault; /* NULL, or what is wrong with the bytes */
};

/* One field. `u` holds varints and fixed values, `s` the bytes of WIRE_LEN. */
struct wire_field {
	uint32_t num;
	uint32_t type;        /* enum wire_type */
	const uint8_t *start; /* where the field begins, with its tag; it ends at the cursor */
	uint64_t u;
	struct str s;
};

/* A walk over `msg`. */
static inline struct wire wire_begin(struct str msg)
{
	const uint8_t *p = (const uint8_t *)(msg.n ? msg.p : "");
	return (struct wire){ p, p + msg.n, NULL };
}

/* Ends the walk with a fault. Returns false. */
static inline bool wire_fail(struct wire *w, const char *fault)
{
	w->fault = fault;
	w->p = w->end;
	return false;
}

/* The next varint. */
static inline bool wire_varint(struct wire *w, uint64_t *ret)
{
	const uint8_t *p = varint_get(w->p, w->end, ret);
	if (UNLIKELY(!p))
		return wire_fail(w, w->end - w->p >= VARINT_MAX ? "integer overflow" : "unexpected EOF");
	w->p = p;
	return true;
}

/* The next length and that many bytes. */
static inline bool wire_bytes(struct wire *w, struct str *ret)
{
	uint64_t n;
	if (UNLIKELY(!wire_varint(w, &n)))
		return false;
	if (UNLIKELY(n > (uint64_t)(w->end - w->p)))
		return wire_fail(w, "unexpected EOF");
	*ret = str_mem(w->p, (size_t)n);
	w->p += n;
	return true;
}

/* The next 8 bytes. */
static inline bool wire_fixed64(struct wire *w, uint64_t *ret)
{
	if (UNLIKELY(w->end - w->p < 8))
		return wire_fail(w, "unexpected EOF");
	*ret = le64_get(w->p);
	w->p += 8;
	return true;
}

/* The next field; false at the end of the message or at a fault. */
static inline bool wire_next(struct wire *w, struct wire_field *f)
{
	uint64_t tag;
	if (w->p == w->end)
		return false;
	f->start = w->p;
	if (UNLIKELY(!wire_varint(w, &tag)))
		return false;
	f->num = (uint32_t)(tag >> 3);
	f->type = tag & 7;
	if (UNLIKELY(tag >> 32 || f->num == 0))
		return wire_fail(w, "illegal tag");
	switch (f->type) {
	case WIRE_VARINT:
		return wire_varint(w, &f->u);
	case WIRE_LEN:
		return wire_bytes(w, &f->s);
	case WIRE_I64:
		return wire_fixed64(w, &f->u);
	case WIRE_I32:
		if (w->end - w->p < 4)
			return wire_fail(w, "unexpected EOF");
		f->u = le32_get(w->p);
		w->p += 4;
		return true;
	default:
		return wire_fail(w, "illegal wireType");
	}
}

/*
 * Whether `f` has the wire type that its field demands; where it has not,
 * the walk ends with a fault.
 */
static inline bool wire_is(struct wire *w, const struct wire_field *f, enum wire_type type)
{
	return LIKELY(f->type == type) || wire_fail(w, "wrong wireType");
}

/* The double with the bits of a fixed 64-bit field. */
static inline double wire_double(uint64_t bits)
{
	double d;
	memcpy(&d, &bits, sizeof(d));
	return d;
}

/* INVALID_ARGUMENT "proto: <message>: <fault>". */
int wire_err(const struct wire *w, const char *message, struct err *err);

/* --- writing -------------------------------------------------------------------- */

/* Appends a varint field, also where the value is 0. */
void wire_put_uint(struct strbuf *b, uint32_t num, uint64_t v);

/* Appends an int64 field unless it is 0: proto3 leaves defaults out. */
void wire_put_int_opt(struct strbuf *b, uint32_t num, int64_t v);

/* Appends a bool field unless it is false. */
void wire_put_bool_opt(struct strbuf *b, uint32_t num, bool v);

/* Appends a double field unless it is +0. */
void wire_put_double_opt(struct strbuf *b, uint32_t num, double v);

/* Appends a string, bytes or message field, also where it is empty. */
void wire_put_str(struct strbuf *b, uint32_t num, struct str s);

/* Appends a string or bytes field unless it is empty. */
void wire_put_str_opt(struct strbuf *b, uint32_t num, struct str s);

/*
 * Begins a message field whose length is not known yet; what is appended up to
 * wire_close is its body. Returns what wire_close needs.
 */
size_t wire_open(struct strbuf *b, uint32_t num);

/* Ends the field that wire_open began: puts its length before its body. */
void wire_close(struct strbuf *b, size_t mark);

/* Bytes of a field of WIRE_LEN with a body of `n` bytes, tag and length included. */
static inline size_t wire_len_size(uint32_t num, size_t n)
{
	return varint_size(WIRE_TAG(num, WIRE_LEN)) + varint_size(n) + n;
}

#endif
