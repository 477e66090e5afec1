/*
 * promql/lang/ast_json.h - syntax tree to JSON: the answer of /api/v1/parse_query.
 *
 * Keys, order and escaping are those of Prometheus (web/api/v1/translate_ast.go
 * through encoding/json). Durations and times are in ms.
 */
#ifndef PROMQL_AST_JSON_H
#define PROMQL_AST_JSON_H

#include "base/strbuf.h"
#include "promql/lang/ast.h"

/* Appends `e` as a JSON object. Stops early where the buffer's limit is reached. */
void promql_json(const struct promql_expr *e, struct strbuf *b);

#endif
