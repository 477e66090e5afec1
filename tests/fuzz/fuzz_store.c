/* The first byte chooses the message: requests, label responses, frames, messages for protobuf-c. */
#include "proto/info.pb-c.h"
#include "proto/query.pb-c.h"
#include "proto/rules.pb-c.h"
#include "proto/scan.h"
#include "proto/store.pb-c.h"
#include "series/wire_series.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_request(struct str msg, struct arena *a)
{
	struct series_request q;
	struct err e;
	struct strbuf b = { 0 }, again = { 0 };
	if (series_request_read(msg, a, &q, &e) == 0) {
		series_request_write(&q, &b);
		if (series_request_read(strbuf_str(&b), a, &q, &e) == 0) {
			series_request_write(&q, &again);
			if (!str_eq(strbuf_str(&b), strbuf_str(&again)))
				abort();
		}
	}
	strbuf_fini(&b);
	strbuf_fini(&again);
}

static void try_frame(struct str msg, struct arena *a)
{
	struct frame_reader r = frame_reader_begin(msg);
	struct frame_writer w = { 0 };
	struct frame_item item;
	struct series s;
	struct err e;
	const struct iovec *iov;
	size_t n;
	while (frame_next(&r, &item, &e) > 0) {
		if (item.kind == FRAME_SERIES && frame_series_read(item.body, a, &s, &e) == 0)
			frame_add_series(&w, &s, &e);
	}
	frame_finish(&w, true, &iov, &n);
	size_t total = 0;
	for (size_t i = 0; i < n; i++)
		total += iov[i].iov_len;
	if (total < w.bytes)
		abort();
	frame_writer_fini(&w);
}

static void try_protobuf_c(struct str msg, const ProtobufCMessageDescriptor *d, struct arena *a)
{
	struct strbuf b = { 0 };
	struct err e;
	void *m;
	if (proto_unpack(msg, d, NULL, a, &m, &e) == 0)
		proto_pack(m, &b);
	strbuf_fini(&b);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const ProtobufCMessageDescriptor *const types[] = {
		&thanos__info__info_response__descriptor,
		&thanos__rules_response__descriptor,
		&thanos__query_request__descriptor,
		&thanos__series_response__descriptor,
	};
	struct budget budget;
	struct arena a;
	struct label_request l;
	struct label_response lr;
	struct err e;
	if (size < 1)
		return 0;
	struct str msg = str_mem(data + 1, size - 1);
	budget_init(&budget, NULL, "fuzz", 8 << 20);
	arena_init(&a, &budget);
	switch (data[0] % 9) {
	case 0:
		try_request(msg, &a);
		break;
	case 1:
		label_names_request_read(msg, &a, &l, &e);
		break;
	case 2:
		label_values_request_read(msg, &a, &l, &e);
		break;
	case 3:
		label_response_read(msg, &a, &lr, &e);
		break;
	case 4:
		try_frame(msg, &a);
		break;
	default:
		try_protobuf_c(msg, types[data[0] % 9 - 5], &a);
		break;
	}
	arena_fini(&a);
	budget_fini(&budget);
	return 0;
}
