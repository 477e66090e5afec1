/*
 * metrics/expose.h - a registry as text, for GET /metrics.
 *
 * Prometheus text format 0.0.4 and OpenMetrics 1.0.0, chosen by the Accept
 * header as prometheus/common/expfmt does. Families sorted by name, children
 * by label values.
 */
#ifndef METRICS_EXPOSE_H
#define METRICS_EXPOSE_H

#include "base/str.h"
#include "base/strbuf.h"
#include "metrics/metrics.h"

enum metrics_format { METRICS_TEXT, METRICS_OPENMETRICS };

/* The format to answer with, given the value of the Accept header ("" when there is none). */
enum metrics_format metrics_negotiate(struct str accept);

/* The value of Content-Type. */
const char *metrics_content_type(enum metrics_format f);

/* Runs the collect hooks and appends everything to `out` (test out->overflow when it has a limit). */
void metrics_expose(struct metrics_registry *r, enum metrics_format f, struct strbuf *out);

#endif
