#include "grpc/encoding.h"

#include "codec/gzip.h"
#include "codec/snappy.h"
#include "grpc/inbox.h"
#include "loop/fiber.h"
#include "loop/offload.h"

#include <string.h>

/* Messages from this size on are coded by the offload pool: about a millisecond of work. */
#define OFFLOAD_BYTES (256 * 1024)

static const char *const names[] = { [GRPC_IDENTITY] = "identity", [GRPC_GZIP] = "gzip", [GRPC_SNAPPY] = "snappy" };

const char *grpc_encoding_name(enum grpc_encoding e)
{
	return names[e];
}

bool grpc_encoding_parse(struct str name, enum grpc_encoding *ret)
{
	if (name.n == 0) {
		*ret = GRPC_IDENTITY;
		return true;
	}
	for (size_t i = 0; i < ARRAY_LEN(names); i++) {
		if (str_eq_c(name, names[i])) {
			*ret = (enum grpc_encoding)i;
			return true;
		}
	}
	return false;
}

bool grpc_encoding_accepted(struct str list, enum grpc_encoding e)
{
	if (e == GRPC_IDENTITY)
		return true;
	while (list.p)
		if (str_eq_c(str_trim(str_cut(&list, ',')), names[e]))
			return true;
	return false;
}

/* A piece of work for the pool. */
struct coding {
	struct str in;
	enum grpc_encoding e;
	bool decode;
	uint64_t limit;
	struct strbuf *out;
};

static int coding_run(void *arg, struct err *err)
{
	struct coding *c = arg;
	if (c->e == GRPC_GZIP)
		return c->decode ? codec_gzip_uncompress(c->in, GZIP_GZIP, c->limit, c->out, err)
				 : codec_gzip_compress(c->in, GZIP_GZIP, 1, c->out, err);
	return c->decode ? codec_snappy_frame_uncompress(c->in, c->limit, c->out, err)
			 : codec_snappy_frame_compress(c->in, c->out, err);
}

static int co_coding(struct coding *c, struct err *err)
{
	if (c->in.n < OFFLOAD_BYTES)
		return coding_run(c, err);
	return co_offload(c->decode ? "grpc-uncompress" : "grpc-compress", coding_run, c, err);
}

/* Bytes that may still be taken. */
static uint64_t budget_left(const struct budget *b)
{
	uint64_t left = UINT64_MAX;
	for (; b; b = b->parent)
		if (b->limit != BUDGET_UNLIMITED)
			left = MIN(left, b->limit > b->used ? b->limit - b->used : 0);
	return left;
}

int co_grpc_decode(struct str in, enum grpc_encoding e, uint64_t limit, struct budget *budget, struct strbuf *out,
		   uint64_t *ret_charged, struct str *ret, struct err *err)
{
	*ret_charged = 0;
	strbuf_reset(out);
	struct coding c = { .in = in, .e = e, .decode = true, .limit = MIN(limit, budget_left(budget)), .out = out };
	struct err e2;
	int rv = co_coding(&c, &e2);
	if (rv == -ERR_RESOURCE_EXHAUSTED)
		return err_set(err, ERR_RESOURCE_EXHAUSTED,
			       "grpc: received message after decompression larger than max (%llu)",
			       (unsigned long long)c.limit);
	if (rv == -ERR_INVALID_ARGUMENT)
		return err_set(err, ERR_INTERNAL, "grpc: failed to decompress the received message: %s", e2.msg);
	if (rv) {
		if (err)
			*err = e2;
		return rv;
	}
	if (!budget_take(budget, out->cap))
		return budget_err(budget, err);
	*ret_charged = out->cap;
	*ret = strbuf_str(out);
	return 0;
}

int grpc_prefix_write(uint8_t out[5], bool compressed, uint64_t n, struct err *err)
{
	if (n > UINT32_MAX)
		return err_set(err, ERR_INTERNAL,
			       "grpc: message of %llu bytes is too long to send (at most 4294967295)",
			       (unsigned long long)n);
	out[0] = compressed;
	out[1] = (uint8_t)(n >> 24);
	out[2] = (uint8_t)(n >> 16);
	out[3] = (uint8_t)(n >> 8);
	out[4] = (uint8_t)n;
	return 0;
}

int co_grpc_encode(struct str in, enum grpc_encoding e, struct strbuf *out, struct err *err)
{
	size_t at = out->n;
	strbuf_add(out, (uint8_t[GRPC_PREFIX_BYTES]){ 0 }, GRPC_PREFIX_BYTES);
	struct coding c = { .in = in, .e = e, .out = out };
	int rv = co_coding(&c, err);
	if (rv)
		return rv;
	return grpc_prefix_write((uint8_t *)out->p + at, true, out->n - at - GRPC_PREFIX_BYTES, err);
}
