/*
 * api/operator.h - operators of a plan as JSON. Private to api/.
 *
 * The shape is Thanos' (pkg/api/query/v1.go: explain has name and children, analysis queryTelemetry); further keys are ours.
 */
#ifndef API_OPERATOR_H
#define API_OPERATOR_H

#include "api/backend.h"
#include "text/json_write.h"

struct promql_operator;

/*
 * Writes the tree of a plan as one value, with what its selects would ask for. NULL (a literal string) is an object with a name only.
 */
int api_write_plan(struct jsonw *w, const struct promql_operator *op, const struct api_backend *be, void *source,
		   struct err *err);

/* Writes the members of an analysis: the tree with what each operator cost. */
void api_write_analysis(struct jsonw *w, const struct promql_operator *op, const struct api_backend *be, void *source);

#endif
