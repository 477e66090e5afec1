#include "promqltest/run.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "base/strbuf.h"
#include "promql/lang/functions.h"
#include "promql/lang/parser.h"
#include "promql/lang/printer.h"
#include "promqltest/compare.h"
#include "promqltest/store.h"

#include <stdlib.h>

/* One run of a script. */
struct run {
	const struct run_opts *opts;
	struct store *store;
	const struct script_cmd *cmd; /* the current eval */
	struct arena *a;              /* of the current eval */
};

struct run_opts run_opts_default(void)
{
	return (struct run_opts){
		.engine = { .max_samples = 10000,
			    .eval_interval_ms = 60000,
			    .delayed_name_removal = true,
			    .start_timestamps = true },
		.parse = { .experimental_functions = true,
			   .extended_ranges = true,
			   .fill_modifiers = true,
			   .duration_expr = true },
	};
}

static const char *quoted(const char *s, struct arena *a)
{
	struct strbuf b = { 0 };
	strbuf_add_quoted(&b, str_c(s));
	const char *q = arena_memdup(a, b.p, b.n);
	strbuf_fini(&b);
	CHECK(q);
	return q;
}

/* --- queries ---------------------------------------------------------------------- */

/* Evaluates `expr`; instant when step_ms is 0. */
static int query(struct run *r, const char *expr, int64_t start_ms, int64_t end_ms, int64_t step_ms,
		 struct promql_result *ret, struct err *err)
{
	struct promql_query q = { .text = str_c(expr), .start_ms = start_ms, .end_ms = end_ms, .step_ms = step_ms };
	struct promql_source src = store_source(r->store);
	int code = promql_parse(q.text, &r->opts->parse, r->a, &q.expr, NULL, err);
	if (code < 0)
		return code;
	return promql_exec(&q, &r->opts->engine, &src, r->a, ret, err);
}

/* --- failures --------------------------------------------------------------------- */

static bool must_fail(const struct eval_cmd *ev)
{
	return ev->fail || eval_expects(ev, EXPECT_FAIL);
}

/* Checks the text of a failure that was expected. NULL or a message. */
static const char *check_failure(struct run *r, const char *got)
{
	const struct eval_cmd *ev = &r->cmd->eval;
	const char *expr = quoted(ev->expr, r->a);
	if (ev->fail_message && *ev->fail_message && strcmp(ev->fail_message, got) != 0)
		return arena_printf(r->a, "expected error %s evaluating query %s (line %d), but got: %s",
				    quoted(ev->fail_message, r->a), expr, ev->line, got);
	if (ev->fail_re && !regex_match(ev->fail_re, str_c(got)))
		return arena_printf(r->a,
				    "expected error matching pattern %s evaluating query %s (line %d), but got: %s",
				    quoted(ev->fail_pattern, r->a), expr, ev->line, got);
	for (size_t i = 0; i < ev->n_expects; i++) {
		const struct expect *e = &ev->expects[i];
		if (e->type == EXPECT_FAIL && !expect_matches(e, got))
			return arena_printf(r->a,
					    "expected error matching %s evaluating query %s (line %d), but got: %s",
					    quoted(e->text, r->a), expr, ev->line, got);
	}
	return NULL;
}

/* What an error of a query means for the eval. NULL if it was expected. */
static const char *judge_error(struct run *r, const char *expr, const struct err *err)
{
	const struct eval_cmd *ev = &r->cmd->eval;
	bool creating = err->code == ERR_INVALID_ARGUMENT;
	if (must_fail(ev)) {
		const char *msg = check_failure(r, err->msg);
		if (!msg || !creating)
			return msg;
	}
	if (creating)
		return arena_printf(r->a, "error creating %s query for %s (line %d): %s",
				    ev->is_range ? "range" : "instant", quoted(ev->expr, r->a), ev->line, err->msg);
	return arena_printf(r->a, "error evaluating query %s (line %d): %s", quoted(expr, r->a), ev->line, err->msg);
}

/* --- annotations ------------------------------------------------------------------- */

/* The texts of the notes of one kind, or of all, in brackets. */
static const char *notes_text(const struct promql_result *res, bool all, bool warnings, struct arena *a)
{
	struct strbuf b = { 0 };
	strbuf_add_ch(&b, '[');
	for (size_t i = 0; i < res->n_notes; i++) {
		if (!all && res->notes[i].warning != warnings)
			continue;
		if (b.n > 1)
			strbuf_add_ch(&b, ' ');
		strbuf_add_c(&b, res->notes[i].full);
	}
	strbuf_add_ch(&b, ']');
	const char *s = arena_memdup(a, b.p, b.n);
	strbuf_fini(&b);
	return s;
}

static size_t count_notes(const struct promql_result *res, bool warnings)
{
	size_t n = 0;
	for (size_t i = 0; i < res->n_notes; i++)
		n += res->notes[i].warning == warnings;
	return n;
}

static bool note_matches(const struct promql_result *res, bool warnings, const struct expect *e)
{
	for (size_t i = 0; i < res->n_notes; i++)
		if (res->notes[i].warning == warnings && expect_matches(e, res->notes[i].full))
			return true;
	return false;
}

static bool is_expected(const struct eval_cmd *ev, enum expect_type type, const char *note)
{
	for (size_t i = 0; i < ev->n_expects; i++)
		if (ev->expects[i].type == type && expect_matches(&ev->expects[i], note))
			return true;
	return false;
}

/* Expect lines of one kind against the notes of that kind. NULL or a message. */
static const char *check_notes_of(struct run *r, const char *expr, const struct promql_result *res, bool warnings)
{
	const struct eval_cmd *ev = &r->cmd->eval;
	const char *word = warnings ? "warn" : "info";
	enum expect_type type = warnings ? EXPECT_WARN : EXPECT_INFO;
	if (!eval_expects(ev, type))
		return NULL;
	if (count_notes(res, warnings) == 0)
		return arena_printf(r->a, "expected %s annotations but none were found for query %s (line %d)", word,
				    quoted(expr, r->a), ev->line);
	for (size_t i = 0; i < ev->n_expects; i++) {
		const struct expect *e = &ev->expects[i];
		if (e->type == type && !note_matches(res, warnings, e))
			return arena_printf(r->a,
					    "expected %s annotation matching %s %s but no matching annotation was "
					    "found for query %s (line %d), found: %s",
					    word, e->re ? "pattern" : "message", quoted(e->text, r->a),
					    quoted(expr, r->a), ev->line, notes_text(res, false, warnings, r->a));
	}
	for (size_t i = 0; i < res->n_notes; i++) {
		const struct promql_note *note = &res->notes[i];
		if (note->warning == warnings && !is_expected(ev, type, note->full))
			return arena_printf(r->a, "unexpected %s annotation %s found for query %s (line %d)", word,
					    quoted(note->full, r->a), expr, ev->line);
	}
	return NULL;
}

static const char *check_notes(struct run *r, const char *expr, const struct promql_result *res)
{
	const struct eval_cmd *ev = &r->cmd->eval;
	size_t warnings = count_notes(res, true), infos = count_notes(res, false);
	const char *q = quoted(expr, r->a);
	if (ev->warn && warnings == 0)
		return arena_printf(r->a, "expected warnings evaluating query %s (line %d) but got none", q, ev->line);
	if (ev->info && infos == 0)
		return arena_printf(r->a, "expected info annotations evaluating query %s (line %d) but got none", q,
				    ev->line);
	const char *msg = check_notes_of(r, expr, res, true);
	if (!msg)
		msg = check_notes_of(r, expr, res, false);
	if (!msg && eval_expects(ev, EXPECT_NO_WARN) && warnings)
		msg = arena_printf(r->a, "unexpected warning annotations evaluating query %s (line %d): %s", q,
				   ev->line, notes_text(res, true, true, r->a));
	if (!msg && eval_expects(ev, EXPECT_NO_INFO) && infos)
		msg = arena_printf(r->a, "unexpected info annotations evaluating query %s (line %d): %s", q, ev->line,
				   notes_text(res, true, false, r->a));
	return msg;
}

/* --- evals ------------------------------------------------------------------------ */

/* Checks what a query gave. NULL or a message. */
static const char *check_query(struct run *r, const char *expr, int code, const struct err *err,
			       const struct promql_result *res)
{
	const struct eval_cmd *ev = &r->cmd->eval;
	if (code < 0)
		return judge_error(r, expr, err);
	if (must_fail(ev))
		return arena_printf(r->a, "expected error evaluating query %s (line %d) but got none",
				    quoted(expr, r->a), ev->line);
	for (size_t i = 0; r->opts->note && i < res->n_notes; i++)
		r->opts->note(r->opts->note_arg, ev->line, &res->notes[i]);
	const char *msg = check_notes(r, expr, res);
	if (msg || r->opts->no_values)
		return msg;
	msg = compare_result(r->cmd, res, r->a);
	return msg ? arena_printf(r->a, "error in eval %s (line %d): %s", expr, ev->line, msg) : NULL;
}

/* Makes a vector of what a range query has at `t`. */
static struct promql_result at_time(const struct promql_result *m, int64_t t, struct arena *a)
{
	struct promql_result v = { .type = PROMQL_TYPE_VECTOR };
	v.series = arena_array(a, 2 * m->n_series + 1, sizeof(*v.series));
	CHECK(v.series);
	for (size_t i = 0; i < m->n_series; i++) {
		struct promql_rseries *s = &m->series[i];
		for (size_t k = 0; k < s->n_floats; k++)
			if (s->floats[k].t == t)
				v.series[v.n_series++] = (struct promql_rseries){ .labels = s->labels,
										  .n_floats = 1,
										  .floats = &s->floats[k] };
		for (size_t k = 0; k < s->n_hists; k++)
			if (s->hists[k].t == t)
				v.series[v.n_series++] = (struct promql_rseries){ .labels = s->labels,
										  .n_hists = 1,
										  .hists = &s->hists[k] };
	}
	return v;
}

/* Whether the query asks for its own times: then it differs in a range query. */
static bool depends_on_query_times(const char *expr)
{
	return strstr(expr, "start()") || strstr(expr, "end()") || strstr(expr, "range()") || strstr(expr, "step()");
}

/* Repeats an instant query as the middle step of a range query. NULL or a message. */
static const char *check_as_range(struct run *r, const char *expr, int64_t t, enum promql_value_type type)
{
	const struct eval_cmd *ev = &r->cmd->eval;
	struct promql_result res;
	struct err err = ERR_NONE;
	if (query(r, expr, t - 60000, t + 60000, 60000, &res, &err) < 0)
		return arena_printf(r->a, "error evaluating query %s (line %d) in range mode: %s", quoted(expr, r->a),
				    ev->line, err.msg);
	if (ev->ordered || eval_expects(ev, EXPECT_ORDERED))
		return NULL;
	const char *msg = compare_sorted(&res, r->a);
	struct promql_result v = at_time(&res, t, r->a);
	if (!msg && type == PROMQL_TYPE_SCALAR) {
		if (v.n_series == 0 || v.series[0].n_floats == 0)
			return "the range query of a scalar has no value";
		v.type = PROMQL_TYPE_SCALAR;
		v.scalar = v.series[0].floats[0];
	}
	if (!msg)
		msg = compare_result(r->cmd, &v, r->a);
	return msg ? arena_printf(r->a, "error in eval %s (line %d) range mode: %s", expr, ev->line, msg) : NULL;
}

/* One instant query and, unless switched off, the same as a range query. */
static const char *run_instant(struct run *r, const char *expr, int64_t t)
{
	const struct eval_cmd *ev = &r->cmd->eval;
	struct promql_result res;
	struct err err = ERR_NONE;
	int code = query(r, expr, t, t, 0, &res, &err);
	const char *msg = check_query(r, expr, code, &err, &res);
	if (msg || code < 0 || ev->no_range_check || r->opts->no_range_check || depends_on_query_times(expr))
		return msg;
	return check_as_range(r, expr, t, res.type);
}

/* Gives every selector and subquery without an @ the time `t`; below a subquery nothing changes. */
static void set_at(struct promql_expr *e, int64_t t, bool *ret_unsafe)
{
	struct promql_shift *s = e->kind == PROMQL_SELECTOR   ? &e->selector.shift
				 : e->kind == PROMQL_SUBQUERY ? &e->subquery.shift
							      : NULL;
	if (e->kind == PROMQL_CALL && e->call.func->at_modifier_unsafe)
		*ret_unsafe = true;
	if (s && !s->has_at) {
		s->has_at = true;
		s->at_ms = t;
	}
	struct promql_expr **child;
	for (size_t i = 0; (child = promql_expr_child(e, i)); i++) {
		if (e->kind != PROMQL_SUBQUERY)
			set_at(*child, t, ret_unsafe);
	}
}

/* Repeats an instant query with @ at other times: nothing may change. NULL or a message. */
static const char *run_with_at(struct run *r)
{
	const struct eval_cmd *ev = &r->cmd->eval;
	int64_t t = ev->eval_ms;
	const int64_t others[] = { -10 * t, 0, t / 5, t, 10 * t }, around_zero[] = { -1000, 0, 1000 };
	const int64_t *times = t ? others : around_zero;
	size_t n = t ? ARRAY_LEN(others) : ARRAY_LEN(around_zero);
	struct promql_expr *e;
	struct err err = ERR_NONE;
	if (promql_parse(str_c(ev->expr), &r->opts->parse, r->a, &e, NULL, &err) < 0)
		return arena_strdup(r->a, err.msg);
	bool unsafe = false;
	set_at(e, t, &unsafe);
	if (unsafe)
		return NULL;
	struct strbuf b = { 0 };
	promql_print(e, &b);
	const char *expr = arena_memdup(r->a, b.p, b.n), *msg = NULL;
	strbuf_fini(&b);
	for (size_t i = 0; i < n && !msg; i++)
		msg = run_instant(r, expr, times[i]);
	return msg;
}

static const char *run_eval(struct run *r)
{
	const struct eval_cmd *ev = &r->cmd->eval;
	if (!ev->is_range) {
		const char *msg = run_instant(r, ev->expr, ev->eval_ms);
		return msg || r->opts->no_rewrite ? msg : run_with_at(r);
	}
	struct promql_result res;
	struct err err = ERR_NONE;
	int code = query(r, ev->expr, ev->start_ms, ev->end_ms, ev->step_ms, &res, &err);
	return check_query(r, ev->expr, code, &err, &res);
}

struct run_counts run_script(struct str text, const struct run_opts *o,
			     void (*complain)(void *arg, int line, const char *msg), void *arg)
{
	struct run_counts counts = { 0, 0 };
	struct arena whole, eval;
	struct script script;
	arena_init(&whole, NULL);
	arena_init(&eval, NULL);
	struct run r = { .opts = o, .store = store_new(), .a = &eval };
	const char *msg = script_parse(text, &whole, &script);
	if (msg) {
		complain(arg, 0, msg);
		counts.failed++;
	}
	for (size_t i = 0; i < script.n_cmds && !msg; i++) {
		r.cmd = &script.cmds[i];
		const char *wrong = NULL;
		if (r.cmd->kind == CMD_CLEAR) {
			store_clear(r.store);
			continue;
		}
		wrong = r.cmd->kind == CMD_LOAD ? store_load(r.store, r.cmd, &whole) : run_eval(&r);
		if (wrong)
			complain(arg, r.cmd->kind == CMD_EVAL ? r.cmd->eval.line : 0, wrong);
		counts.failed += wrong != NULL;
		counts.passed += !wrong && r.cmd->kind == CMD_EVAL;
		arena_fini(&eval);
	}
	store_free(r.store);
	arena_fini(&whole);
	return counts;
}
