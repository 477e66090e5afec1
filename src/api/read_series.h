/*
 * api/read_series.h - the samples of a series, as the engine's sources give
 * them, back into chunks. Private to api/.
 */
#ifndef API_READ_SERIES_H
#define API_READ_SERIES_H

#include "base/arena.h"
#include "promql/engine.h"
#include "series/encode.h"

/* Memory that is used again for every series. */
struct api_encoder {
	struct arena scratch;
};

/* Prepares it; memory counts against `b`. */
void api_encoder_init(struct api_encoder *e, struct budget *b);

/* Frees what it holds. */
void api_encoder_fini(struct api_encoder *e);

/*
 * Encodes floats and histograms of a series in the order of their times: a chunk holds one kind. Suspends if `put` does. DATA_LOSS where a
 * histogram makes no sense, RESOURCE_EXHAUSTED over budget.
 */
int co_api_encode(struct api_encoder *e, const struct promql_series *s, series_chunk_fn *put, void *arg,
		  struct err *err);

#endif
