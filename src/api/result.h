/*
 * api/result.h - values of PromQL as JSON, byte for byte as Prometheus
 * writes them (web/api/v1/json_codec.go, util/jsonutil).
 */
#ifndef API_RESULT_H
#define API_RESULT_H

#include "labels/labels.h"
#include "promql/engine.h"
#include "text/json_write.h"

#include <stdint.h>

/* Writes a label set as an object, without HTML escapes. Changes no other state of the writer. */
void api_write_labels(struct jsonw *w, struct labels l);

/* Writes a result's value: what stands behind "result". At most `limit` series (0: all). */
void api_write_result(struct jsonw *w, const struct promql_result *r, uint64_t limit);

/* Writes a time as Go's encoding/json does: "2026-01-02T03:04:05.06Z"; 0 is Go's zero time, "0001-01-01T00:00:00Z". */
void api_write_time(struct jsonw *w, int64_t t_ms);

#endif
