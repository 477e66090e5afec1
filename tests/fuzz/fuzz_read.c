/* Remote read: the first byte chooses requests, answers or frames. */
#include "series/wire_read.h"
#include "series/wire_write.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static void try_request(struct str msg, struct arena *a)
{
	struct read_request r;
	struct strbuf b = { 0 }, again = { 0 };
	enum read_type type;
	if (read_request_read(msg, a, &r, NULL) == 0) {
		(void)!read_request_type(&r, &type, NULL);
		read_request_write(&r, &b);
		if (read_request_read(strbuf_str(&b), a, &r, NULL))
			abort();
		read_request_write(&r, &again);
		if (!str_eq(strbuf_str(&b), strbuf_str(&again)))
			abort();
	}
	strbuf_fini(&b);
	strbuf_fini(&again);
}

static void try_response(struct str msg, struct budget *budget)
{
	struct wire w = wire_begin(msg);
	struct str result;
	struct write_reader r;
	struct write_series s;
	while (read_response_next(&w, &result, NULL) == 1) {
		if (write_reader_open(&r, WRITE_V1, result, budget, NULL) == 0)
			while (write_reader_next(&r, &s, NULL) == 1)
				;
		write_reader_close(&r);
	}
}

static void try_frames(struct str in, struct arena *a)
{
	struct strbuf out = { 0 };
	struct str msg;
	while (read_frame_take(&in, 1 << 20, &msg, NULL) == 1) {
		struct wire w = wire_begin(msg);
		struct read_frame f = { 0 };
		while (read_frame_next(&w, a, &f, NULL) == 1) {
			struct read_frames again = { .query = f.query };
			read_frames_series(&again, f.series.labels);
			for (size_t i = 0; i < f.series.n_chunks; i++)
				read_frames_add(&again, f.series.chunks[i].part[SERIES_RAW].chunk,
						f.series.chunks[i].mint, f.series.chunks[i].maxt);
			strbuf_reset(&out);
			read_frames_write(&again, &out);
			struct str b = strbuf_str(&out), m;
			if (f.series.n_chunks && read_frame_take(&b, SIZE_MAX, &m, NULL) != 1)
				abort();
			read_frames_fini(&again);
		}
	}
	strbuf_fini(&out);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct budget budget;
	struct arena a;
	if (size < 1)
		return 0;
	struct str msg = str_mem(data + 1, size - 1);
	budget_init(&budget, NULL, "fuzz", 8 << 20);
	arena_init(&a, &budget);
	if (data[0] % 3 == 0)
		try_request(msg, &a);
	else if (data[0] % 3 == 1)
		try_response(msg, &budget);
	else
		try_frames(msg, &a);
	arena_fini(&a);
	budget_fini(&budget);
	return 0;
}
