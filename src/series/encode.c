#include "series/encode.h"

#include "base/assert.h"
#include "chunk/hist.h"
#include "chunk/xor.h"

/* Most bytes that a float takes in a chunk, with room for the appender's demand. */
#define FLOAT_BYTES_MAX 20

int series_encode_floats(const int64_t *t, const double *v, size_t n, series_chunk_fn *put, void *arg, struct err *err)
{
	uint8_t buf[SERIES_ENCODE_SAMPLES * FLOAT_BYTES_MAX + XOR_ROOM];
	struct xor_app app;
	int rc = 0;
	for (size_t from = 0, to; from < n && rc == 0; from = to) {
		to = n - from > SERIES_ENCODE_SAMPLES ? from + SERIES_ENCODE_SAMPLES : n;
		xor_app_init(&app, buf, sizeof(buf));
		for (size_t i = from; i < to; i++)
			CHECK(xor_append(&app, t[i], v[i]));
		rc = put(arg, (struct chunk){ CHUNK_XOR, xor_app_bytes(&app) }, t[from], t[to - 1], err);
	}
	return rc;
}

/* Histograms of one form. */
static int encode_run(const int64_t *t, const struct histogram *const *h, size_t n, series_chunk_fn *put, void *arg,
		      struct err *err)
{
	bool is_float = h[0]->is_float;
	uint8_t enc = is_float ? CHUNK_FLOAT_HIST : CHUNK_HIST;
	struct hist_app *app = hist_app_new(is_float);
	size_t begin = 0;
	int rc = 0;
	for (size_t i = 0; i < n && rc == 0; i++) {
		if (i - begin < SERIES_ENCODE_SAMPLES && hist_app_append(app, t[i], h[i]) != HIST_NEW_CHUNK)
			continue;
		rc = put(arg, (struct chunk){ enc, hist_app_bytes(app) }, t[begin], t[i - 1], err);
		hist_app_begin(app);
		begin = i;
		CHECK(hist_app_append(app, t[i], h[i]) != HIST_NEW_CHUNK);
	}
	if (rc == 0)
		rc = put(arg, (struct chunk){ enc, hist_app_bytes(app) }, t[begin], t[n - 1], err);
	hist_app_free(app);
	return rc;
}

int series_encode_hists(const int64_t *t, const struct histogram *const *h, size_t n, series_chunk_fn *put, void *arg,
			struct err *err)
{
	int rc = 0;
	for (size_t from = 0, to; from < n && rc == 0; from = to) {
		to = from + 1;
		while (to < n && h[to]->is_float == h[from]->is_float)
			to++;
		rc = encode_run(t + from, h + from, to - from, put, arg, err);
	}
	return rc;
}
