/*
 * PromQL texts and series descriptions. What parses prints to a text that
 * parses and prints the same, on one line and on several.
 */
#include "promql/lang/ast_json.h"
#include "promql/lang/parser.h"
#include "promql/lang/printer.h"
#include "promql/lang/series_desc.h"

#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* Memory that one text may take. */
#define BUDGET (64 << 20)

/* Parses and prints; false where the text does not parse. */
static bool print(struct str text, size_t line_max, struct strbuf *out)
{
	struct budget budget;
	struct arena a;
	struct promql_expr *e;
	struct err err;
	budget_init(&budget, NULL, "fuzz", BUDGET);
	arena_init(&a, &budget);
	bool ok = promql_parse(text, &PROMQL_PARSE_ALL, &a, &e, NULL, &err) == 0;
	if (ok) {
		struct strbuf json = { 0 };
		promql_json(e, &json);
		strbuf_fini(&json);
		if (line_max)
			promql_prettify(e, line_max, out);
		else
			promql_print(e, out);
	}
	arena_fini(&a);
	budget_fini(&budget);
	return ok;
}

/*
 * Whether a printed text may not parse: it may have grown past a limit, and as upstream we print U+FFFD, which is never
 * read, and nothing at all for the selector of info(x, {}).
 */
static bool may_fail(const struct strbuf *b)
{
	struct str s = strbuf_str(b);
	return b->n > PROMQL_MAX_TEXT / 2 || str_find(s, STR("\xef\xbf\xbd")) >= 0 || str_find(s, STR(", )")) >= 0 ||
	       str_find(s, STR(",  ")) >= 0;
}

static void fuzz_expr(struct str text)
{
	struct strbuf once = { 0 }, twice = { 0 }, pretty = { 0 }, again = { 0 };
	if (print(text, 0, &once) && !may_fail(&once)) {
		bool ok = print(strbuf_str(&once), 0, &twice);
		if (!ok || !str_eq(strbuf_str(&once), strbuf_str(&twice))) {
			fprintf(stderr, "%.*s\n%.*s\n", STR_ARG(strbuf_str(&once)), STR_ARG(strbuf_str(&twice)));
			abort();
		}
		print(text, 20, &pretty);
		if (!may_fail(&pretty) &&
		    (!print(strbuf_str(&pretty), 0, &again) || !str_eq(strbuf_str(&once), strbuf_str(&again))))
			abort();
	}
	strbuf_fini(&once);
	strbuf_fini(&twice);
	strbuf_fini(&pretty);
	strbuf_fini(&again);
}

static void fuzz_series(struct str text)
{
	struct budget budget;
	struct arena a;
	struct promql_series_desc d;
	struct err err;
	budget_init(&budget, NULL, "fuzz", BUDGET);
	arena_init(&a, &budget);
	(void)promql_parse_series(text, &a, &d, &err);
	arena_fini(&a);
	budget_fini(&budget);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct str text = str_mem(data, size);
	fuzz_expr(text);
	if (size < 4096)
		fuzz_series(text);
	return 0;
}
