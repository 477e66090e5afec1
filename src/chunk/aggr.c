#include "chunk/aggr.h"

#include "codec/varint.h"

#include <math.h>

const char *aggr_type_name(enum aggr_type t)
{
	static const char *const names[AGGR_TYPES] = { "count", "sum", "min", "max", "counter" };
	return names[t];
}

int aggr_parse(struct str data, struct aggr_chunk *ret, struct err *err)
{
	struct decbuf d = decbuf_make(data.p, data.n);
	*ret = (struct aggr_chunk){ 0 };
	for (int i = 0; i < AGGR_TYPES; i++) {
		uint64_t n = decbuf_uvarint(&d);
		if (n == 0)
			continue;
		const uint8_t *enc = decbuf_take(&d, 1);
		const uint8_t *bytes = decbuf_take(&d, n);
		if (!enc || !bytes)
			break;
		ret->part[i] = (struct chunk){ *enc, str_mem(bytes, n) };
	}
	if (d.failed || decbuf_left(&d) > 0) {
		*ret = (struct aggr_chunk){ 0 };
		return err_set(err, ERR_DATA_LOSS,
			       "aggregate chunk of %zu bytes is damaged: the lengths of its parts do "
			       "not fit",
			       data.n);
	}
	return 0;
}

void aggr_write(const struct aggr_chunk *c, struct strbuf *out)
{
	for (int i = 0; i < AGGR_TYPES; i++) {
		const struct chunk *p = &c->part[i];
		if (p->enc == CHUNK_NONE) {
			strbuf_add_ch(out, 0);
			continue;
		}
		enc_uvarint(out, p->data.n);
		strbuf_add_ch(out, (char)p->enc);
		strbuf_add_str(out, p->data);
	}
}

size_t aggr_counter_apply(struct aggr_counter *c, const int64_t *t, const double *v, size_t n, int64_t *ret_t,
			  double *ret_v)
{
	size_t out = 0;
	for (size_t i = 0; i < n; i++) {
		int64_t now = t[i];
		double raw = v[i];
		if (isnan(raw))
			continue;
		if (c->started && now <= c->last_t) {
			if (now == c->last_t)
				c->last_v = raw;
			continue;
		}
		if (!c->started)
			c->total = raw;
		else
			c->total += raw >= c->last_v ? raw - c->last_v : raw;
		c->started = true;
		c->last_t = now;
		c->last_v = raw;
		ret_t[out] = now;
		ret_v[out] = c->total;
		out++;
	}
	return out;
}
