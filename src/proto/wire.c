#include "proto/wire.h"

int wire_err(const struct wire *w, const char *message, struct err *err)
{
	return err_set(err, ERR_INVALID_ARGUMENT, "proto: %s: %s", message, w->fault);
}

void wire_put_uint(struct strbuf *b, uint32_t num, uint64_t v)
{
	enc_uvarint(b, WIRE_TAG(num, WIRE_VARINT));
	enc_uvarint(b, v);
}

void wire_put_int_opt(struct strbuf *b, uint32_t num, int64_t v)
{
	if (v)
		wire_put_uint(b, num, (uint64_t)v);
}

void wire_put_bool_opt(struct strbuf *b, uint32_t num, bool v)
{
	if (v)
		wire_put_uint(b, num, 1);
}

void wire_put_double_opt(struct strbuf *b, uint32_t num, double v)
{
	uint64_t bits;
	memcpy(&bits, &v, sizeof(bits));
	if (!bits)
		return;
	uint8_t le[8];
	le64_put(le, bits);
	enc_uvarint(b, WIRE_TAG(num, WIRE_I64));
	strbuf_add(b, le, sizeof(le));
}

void wire_put_str(struct strbuf *b, uint32_t num, struct str s)
{
	enc_uvarint(b, WIRE_TAG(num, WIRE_LEN));
	enc_uvarint_str(b, s);
}

void wire_put_str_opt(struct strbuf *b, uint32_t num, struct str s)
{
	if (s.n)
		wire_put_str(b, num, s);
}

/* Room kept for a length; bodies of up to 2^28 bytes fit without being moved far. */
#define LEN_ROOM 4

size_t wire_open(struct strbuf *b, uint32_t num)
{
	enc_uvarint(b, WIRE_TAG(num, WIRE_LEN));
	size_t mark = b->n;
	strbuf_add(b, "\0\0\0\0\0\0\0\0\0\0", LEN_ROOM);
	return mark;
}

void wire_close(struct strbuf *b, size_t mark)
{
	if (b->overflow || b->n < mark + LEN_ROOM)
		return;
	uint8_t len[VARINT_MAX];
	size_t body = b->n - mark - LEN_ROOM;
	size_t n = (size_t)(varint_put(len, body) - len);
	if (n > LEN_ROOM) {
		/* Over 256 MiB: no message of ours may be so long. */
		b->overflow = true;
		return;
	}
	memcpy(b->p + mark, len, n);
	memmove(b->p + mark + n, b->p + mark + LEN_ROOM, body);
	b->n = mark + n + body;
	b->p[b->n] = '\0';
}
