/*
 * promql/lang/printer.h - syntax tree to text.
 *
 * The canonical form of Prometheus 3.14 (promql/parser/printer.go), which
 * parses back to an equal tree, and its broad form over several lines
 * (promql/parser/prettier.go).
 */
#ifndef PROMQL_PRINTER_H
#define PROMQL_PRINTER_H

#include "base/strbuf.h"
#include "promql/lang/ast.h"

/* Longest line that promql_prettify leaves whole, in bytes. */
#define PROMQL_LINE_MAX 100

/* Appends `e` on one line: String() upstream. Stops early where the buffer's limit is reached. */
void promql_print(const struct promql_expr *e, struct strbuf *b);

/* Appends `e` broken into lines where it is longer than `line_max` bytes (PROMQL_LINE_MAX): Prettify() upstream. */
void promql_prettify(const struct promql_expr *e, size_t line_max, struct strbuf *b);

#endif
