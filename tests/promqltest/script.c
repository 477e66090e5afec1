#include "promqltest/script.h"

#include "base/assert.h"
#include "base/compiler.h"
#include "promql/lang/literal.h"
#include "promql/lang/parser.h"

#include <stdlib.h>

/* What is being read. */
struct reader {
	struct arena *a;
	struct str *lines; /* trimmed, comments emptied */
	size_t n, i;       /* i: the current line */
	struct script *out;
	size_t cap;
};

/* Memory is never short in a test program. */
#define NEED(p) \
	({ \
		__typeof__(p) need_ = (p); \
		CHECK(need_); \
		need_; \
	})

static void *grow(struct arena *a, void *v, size_t n, size_t *cap, size_t size)
{
	if (n < *cap)
		return v;
	*cap = *cap ? *cap * 2 : 8;
	void *bigger = NEED(arena_array(a, *cap, size));
	if (n)
		memcpy(bigger, v, n * size);
	return bigger;
}

static const char *text_of(struct arena *a, struct str s)
{
	return NEED((const char *)arena_memdup(a, s.p, s.n));
}

/* --- words --------------------------------------------------------------------- */

static bool is_blank(char c)
{
	return c == ' ' || c == '\t';
}

static struct str skip_blanks(struct str s)
{
	while (s.n && is_blank(*s.p)) {
		s.p++;
		s.n--;
	}
	return s;
}

/* Cuts the first word and the blanks after it off. */
static struct str cut_word(struct str *s)
{
	size_t n = 0;
	while (n < s->n && !is_blank(s->p[n]))
		n++;
	struct str word = str_mem(s->p, n);
	*s = skip_blanks(str_mem(s->p + n, s->n - n));
	return word;
}

/* Takes the word if it is next. */
static bool take_word(struct str *s, const char *word)
{
	struct str rest = *s;
	if (!str_eq_c(cut_word(&rest), word))
		return false;
	*s = rest;
	return true;
}

/* --- messages ------------------------------------------------------------------- */

/* Quoted as Go does, in the arena. */
static const char *quoted(struct arena *a, struct str s)
{
	struct strbuf b = { 0 };
	strbuf_add_quoted(&b, s);
	const char *q = text_of(a, strbuf_str(&b));
	strbuf_fini(&b);
	return q;
}

/* An error that is about a whole line: upstream cannot say where in it. */
#define RAISE(r, fmt, ...) \
	NEED((const char *)arena_printf((r)->a, "unknown position: parse error: " fmt, ##__VA_ARGS__))

/* An error in an eval. */
#define EVAL_ERROR(r, ev, at, fmt, ...) \
	NEED((const char *)arena_printf((r)->a, "error in eval %s (line %d): " fmt, (ev)->expr, (at), ##__VA_ARGS__))

/* --- times ----------------------------------------------------------------------- */

/* A duration in ms; NULL or a message. */
static const char *parse_ms(struct reader *r, struct str s, int64_t *ret_ms)
{
	int64_t ns;
	const char *msg = promql_duration_parse(s, &ns, r->a);
	*ret_ms = ns / 1000000;
	return msg;
}

/* Start, end and step of a range. NULL or a message. */
static const char *parse_range(struct reader *r, struct str from, struct str to, struct str step, struct eval_cmd *ev)
{
	const char *msg = parse_ms(r, from, &ev->start_ms);
	if (msg)
		return arena_printf(r->a, "invalid start timestamp definition %s: %s", quoted(r->a, from), msg);
	msg = parse_ms(r, to, &ev->end_ms);
	if (msg)
		return arena_printf(r->a, "invalid end timestamp definition %s: %s", quoted(r->a, to), msg);
	if (ev->end_ms < ev->start_ms)
		return arena_printf(r->a,
				    "invalid test definition, end timestamp (%.*s) is before start "
				    "timestamp (%.*s)",
				    STR_ARG(to), STR_ARG(from));
	msg = parse_ms(r, step, &ev->step_ms);
	if (msg)
		return arena_printf(r->a, "invalid step definition %s: %s", quoted(r->a, step), msg);
	return NULL;
}

/* --- series lines ----------------------------------------------------------------- */

/* Reads a series description; an error gets the number of the line. */
static const char *parse_series(struct reader *r, struct str line, size_t index, struct script_series *ret)
{
	struct promql_series_desc d;
	struct err err = ERR_NONE;
	if (promql_parse_series(line, r->a, &d, &err) == 0) {
		*ret = (struct script_series){ .labels = d.labels, .values = d.values, .n_values = d.n_values };
		return NULL;
	}
	const char *rest = strchr(err.msg, ':');
	if (str_has_prefix(str_c(err.msg), STR("1:")))
		return NEED((const char *)arena_printf(r->a, "%zu%s", index + 1, rest));
	return text_of(r->a, str_c(err.msg));
}

/* Adds a series to the command, in place of one with the same labels. */
static void add_series(struct reader *r, struct script_cmd *c, size_t *cap, struct script_series s)
{
	for (size_t i = 0; i < c->n_series; i++) {
		if (labels_eq(c->series[i].labels, s.labels)) {
			c->series[i] = s;
			return;
		}
	}
	c->series = grow(r->a, c->series, c->n_series, cap, sizeof(s));
	c->series[c->n_series++] = s;
}

/* Goes to the next line of a block; false at its end. */
static bool next_line(struct reader *r, struct str *ret)
{
	if (r->i + 1 >= r->n || r->lines[r->i + 1].n == 0)
		return false;
	*ret = r->lines[++r->i];
	return true;
}

/* --- start timestamps ------------------------------------------------------------- */

/* Cuts a duration with an optional sign off; false when there is none. */
static bool cut_duration(struct str *s, struct arena *a, int64_t *ret_ms)
{
	size_t i = s->n && (s->p[0] == '-' || s->p[0] == '+');
	bool minus = i && s->p[0] == '-';
	size_t from = i;
	while (i < s->n && s->p[i] >= '0' && s->p[i] <= '9')
		i++;
	if (i == from)
		return false;
	while (i < s->n && ((s->p[i] | 0x20) >= 'a') && ((s->p[i] | 0x20) <= 'z') && s->p[i] != 'x')
		i++;
	int64_t ns;
	if (promql_duration_parse(str_mem(s->p + from, i - from), &ns, a))
		return false;
	*ret_ms = minus ? -(ns / 1000000) : ns / 1000000;
	*s = str_mem(s->p + i, s->n - i);
	return true;
}

/* xN; false when malformed. */
static bool parse_count(struct str s, uint64_t *ret)
{
	return s.n > 1 && s.p[0] == 'x' && str_to_u64(str_mem(s.p + 1, s.n - 1), ret) && *ret < 1000000;
}

/* One item: _ _xN D DxN D+DxN D-DxN. */
static bool parse_st_item(struct str s, struct arena *a, bool *ret_omitted, int64_t *ret_base, int64_t *ret_delta,
			  uint64_t *ret_times)
{
	*ret_delta = 0;
	*ret_times = 1;
	*ret_omitted = s.n && s.p[0] == '_';
	if (*ret_omitted)
		return s.n == 1 || (parse_count(str_mem(s.p + 1, s.n - 1), ret_times) && *ret_times > 0);
	if (!cut_duration(&s, a, ret_base))
		return false;
	if (s.n == 0)
		return true;
	if (s.p[0] == '+' || s.p[0] == '-') {
		bool minus = s.p[0] == '-';
		s = str_mem(s.p + 1, s.n - 1);
		if (!cut_duration(&s, a, ret_delta))
			return false;
		if (minus)
			*ret_delta = -*ret_delta;
	}
	if (!parse_count(s, ret_times))
		return false;
	++*ret_times;
	return true;
}

const char *script_parse_st(struct str text, struct arena *a, struct promql_seq_value **ret, size_t *ret_n)
{
	size_t cap = 0;
	*ret = NULL;
	*ret_n = 0;
	text = skip_blanks(text);
	while (text.n) {
		struct str item = cut_word(&text);
		bool omitted;
		int64_t base, delta;
		uint64_t times;
		if (!parse_st_item(item, a, &omitted, &base, &delta, &times))
			return arena_printf(a, "invalid ST item %s", quoted(a, item));
		for (uint64_t k = 0; k < times; k++, base += delta) {
			*ret = grow(a, *ret, *ret_n, &cap, sizeof(**ret));
			(*ret)[(*ret_n)++] = omitted ? (struct promql_seq_value){ .omitted = true }
						     : (struct promql_seq_value){ .v = (double)base };
		}
	}
	return NULL;
}

/* Whether the line is `metric@st values`. */
static bool is_st_line(struct str line)
{
	struct str rest = line;
	struct str first = cut_word(&rest);
	return first.n < line.n && str_has_suffix(first, STR("@st"));
}

static const char *parse_st_line(struct reader *r, struct str line, struct script_series *ret)
{
	struct str rest = line;
	struct str metric = cut_word(&rest);
	metric.n -= 3;
	struct promql_seq_value *st;
	size_t n;
	const char *msg = parse_series(r, metric, r->i, ret);
	if (msg)
		return RAISE(r, "invalid @st line metric %s: %s", quoted(r->a, metric), msg);
	msg = script_parse_st(rest, r->a, &st, &n);
	if (msg)
		return RAISE(r, "invalid @st sequence: %s", msg);
	ret->values = st;
	ret->n_values = n;
	return NULL;
}

/* --- load ------------------------------------------------------------------------- */

/* Gives a series the start times of the line before it. */
static const char *attach_st(struct reader *r, struct script_series *s, struct script_series *st)
{
	if (!st->values)
		return NULL;
	if (!labels_eq(s->labels, st->labels))
		return RAISE(r, "@st metric does not match the following sample line metric");
	if (s->n_values != st->n_values)
		return RAISE(r, "@st line has %zu values but sample line has %zu", st->n_values, s->n_values);
	s->st = st->values;
	st->values = NULL;
	return NULL;
}

static const char *parse_load_lines(struct reader *r, struct script_cmd *c)
{
	size_t cap = 0;
	struct str line;
	struct script_series st = { .values = NULL };
	while (next_line(r, &line)) {
		struct script_series s;
		const char *msg;
		if (is_st_line(line)) {
			if (st.values)
				return RAISE(r, "@st line has no following sample line");
			msg = parse_st_line(r, line, &st);
		} else {
			msg = parse_series(r, line, r->i, &s);
			if (!msg)
				msg = attach_st(r, &s, &st);
			if (!msg)
				add_series(r, c, &cap, s);
		}
		if (msg)
			return msg;
	}
	return st.values ? RAISE(r, "@st line has no following sample line") : NULL;
}

static const char *parse_load(struct reader *r, struct script_cmd *c)
{
	struct str line = r->lines[r->i];
	c->kind = CMD_LOAD;
	c->load.nhcb = take_word(&line, "load_with_nhcb");
	if ((!c->load.nhcb && !take_word(&line, "load")) || line.n == 0)
		return RAISE(r, "invalid load command. (load[_with_nhcb] <step:duration>)");
	const char *msg = parse_ms(r, line, &c->load.step_ms);
	if (msg)
		return RAISE(r, "invalid step definition %s: %s", quoted(r->a, line), msg);
	return parse_load_lines(r, c);
}

/* --- eval: the first line ----------------------------------------------------------- */

static const char invalid_eval[] =
	"invalid evaluation command. Must be either 'eval[_fail|_warn|_ordered] instant [at "
	"<offset:duration>] <query>' or 'eval[_fail|_warn] range from <from> to <to> step <step> <query>'";

/* eval, eval_fail, ... */
static bool parse_eval_word(struct str word, struct eval_cmd *ev)
{
	ev->fail = str_eq_c(word, "eval_fail");
	ev->warn = str_eq_c(word, "eval_warn");
	ev->info = str_eq_c(word, "eval_info");
	ev->ordered = str_eq_c(word, "eval_ordered");
	return ev->fail || ev->warn || ev->info || ev->ordered || str_eq_c(word, "eval");
}

/* The expression must parse: a typing error in a script is not a result. */
static const char *check_expr(struct reader *r, struct str line, struct str expr)
{
	struct promql_expr *e;
	struct promql_parse_errs errs;
	struct err err = ERR_NONE;
	if (promql_parse(expr, &PROMQL_PARSE_ALL, r->a, &e, &errs, &err) == 0)
		return NULL;
	if (errs.n == 0)
		return text_of(r->a, str_c(err.msg));
	size_t column = (size_t)(expr.p - line.p) + errs.v[0].pos.start + 1;
	return arena_printf(r->a, "%zu:%zu: parse error: %s", r->i + 1, column, errs.v[0].msg);
}

static const char *parse_instant(struct reader *r, struct str rest, struct eval_cmd *ev)
{
	struct str line = r->lines[r->i], at = { "", 0 };
	if (take_word(&rest, "at"))
		at = cut_word(&rest);
	if (rest.n == 0)
		return RAISE(r, "%s", invalid_eval);
	ev->expr = text_of(r->a, rest);
	const char *msg = check_expr(r, line, rest);
	if (msg)
		return msg;
	msg = parse_ms(r, at, &ev->eval_ms);
	if (msg)
		return EVAL_ERROR(r, ev, ev->line, "invalid timestamp definition %s: %s", quoted(r->a, at), msg);
	ev->start_ms = ev->end_ms = ev->eval_ms;
	return NULL;
}

static const char *parse_range_query(struct reader *r, struct str rest, struct eval_cmd *ev)
{
	struct str line = r->lines[r->i], from, to, step;
	if (!take_word(&rest, "from"))
		return RAISE(r, "%s", invalid_eval);
	from = cut_word(&rest);
	if (!take_word(&rest, "to"))
		return RAISE(r, "%s", invalid_eval);
	to = cut_word(&rest);
	if (!take_word(&rest, "step"))
		return RAISE(r, "%s", invalid_eval);
	step = cut_word(&rest);
	if (rest.n == 0)
		return RAISE(r, "%s", invalid_eval);
	ev->is_range = true;
	ev->expr = text_of(r->a, rest);
	const char *msg = check_expr(r, line, rest);
	if (!msg) {
		msg = parse_range(r, from, to, step, ev);
		if (msg)
			msg = EVAL_ERROR(r, ev, ev->line, "%s", msg);
	}
	return msg;
}

/* --- eval: expectations --------------------------------------------------------------- */

static void free_regex(void *re)
{
	regex_free(re);
}

/* A pattern that may match anywhere. NULL or a message. */
static const char *compile_anywhere(struct reader *r, const char *pattern, const struct regex **ret)
{
	struct regex *re;
	struct err err = ERR_NONE;
	/* The pattern alone first: its errors should not show what is put around it. */
	if (regex_compile(str_c(pattern), &re, &err) < 0)
		return text_of(r->a, str_c(err.msg));
	regex_free(re);
	const char *around = arena_printf(r->a, "(?s:.*)(?:%s)(?s:.*)", pattern);
	if (regex_compile(str_c(NEED(around)), &re, &err) < 0)
		return text_of(r->a, str_c(err.msg));
	CHECK(arena_on_fini(r->a, free_regex, re));
	*ret = re;
	return NULL;
}

static bool find_expect_type(struct str word, enum expect_type *ret)
{
	static const char *const names[EXPECT_TYPES] = { "ordered", "fail", "warn", "no_warn", "info", "no_info" };
	for (int i = 0; i < EXPECT_TYPES; i++) {
		if (str_eq_c(word, names[i])) {
			*ret = (enum expect_type)i;
			return true;
		}
	}
	return false;
}

/* expect <type> [msg:|regex: <text>] */
static const char *parse_expect(struct reader *r, struct str line, struct eval_cmd *ev, size_t *cap)
{
	static const char invalid[] =
		"invalid expect statement, must match `expect <type> <match_type>: <string>` format";
	struct expect e = { .type = EXPECT_FAIL };
	cut_word(&line);
	struct str type = cut_word(&line);
	if (!find_expect_type(type, &e.type))
		return invalid;
	if (line.n) {
		bool is_regex = str_has_prefix(line, STR("regex:"));
		size_t skip = is_regex ? 6 : 4;
		if ((!is_regex && !str_has_prefix(line, STR("msg:"))) || line.n <= skip)
			return invalid;
		e.text = text_of(r->a, str_trim(str_mem(line.p + skip, line.n - skip)));
		if (is_regex && compile_anywhere(r, e.text, &e.re))
			return arena_printf(r->a, "invalid regex %s for %.*s", e.text, STR_ARG(type));
	}
	ev->expects = grow(r->a, ev->expects, ev->n_expects, cap, sizeof(e));
	ev->expects[ev->n_expects++] = e;
	return NULL;
}

bool eval_expects(const struct eval_cmd *ev, enum expect_type type)
{
	for (size_t i = 0; i < ev->n_expects; i++)
		if (ev->expects[i].type == type)
			return true;
	return false;
}

bool expect_matches(const struct expect *e, const char *text)
{
	if (e->re)
		return regex_match(e->re, str_c(text));
	return !e->text || strcmp(e->text, text) == 0;
}

static const char *check_expects(const struct eval_cmd *ev)
{
	size_t fails = 0;
	for (size_t i = 0; i < ev->n_expects; i++)
		fails += ev->expects[i].type == EXPECT_FAIL;
	if (eval_expects(ev, EXPECT_INFO) && eval_expects(ev, EXPECT_NO_INFO))
		return "invalid expect lines, info and no_info cannot be used together";
	if (eval_expects(ev, EXPECT_WARN) && eval_expects(ev, EXPECT_NO_WARN))
		return "invalid expect lines, warn and no_warn cannot be used together";
	if (fails > 1)
		return "invalid expect lines, multiple expect fail lines are not allowed";
	return NULL;
}

/* expect range vector from <start> to <end> step <step> */
static const char *parse_expect_range(struct reader *r, struct str line, struct eval_cmd *ev)
{
	struct str rest = line, from, to, step;
	for (int i = 0; i < 3; i++)
		cut_word(&rest);
	bool ok = take_word(&rest, "from");
	from = cut_word(&rest);
	ok = ok && take_word(&rest, "to");
	to = cut_word(&rest);
	ok = ok && take_word(&rest, "step");
	step = rest;
	if (!ok || step.n == 0)
		return arena_printf(r->a, "invalid range vector definition %s", quoted(r->a, line));
	const char *msg = parse_range(r, from, to, step, ev);
	ev->eval_ms = ev->end_ms;
	ev->no_range_check = true;
	return msg;
}

/* Whether a string literal is well formed, without the raw newlines that cannot be here. */
static bool literal_ok(struct str s)
{
	if (s.n < 2 || (s.p[0] != '"' && s.p[0] != '`') || s.p[s.n - 1] != s.p[0])
		return false;
	for (size_t i = 1; i + 1 < s.n; i++) {
		if (s.p[i] == s.p[0])
			return false;
		if (s.p[i] == '\\' && s.p[0] == '"')
			i++;
	}
	return true;
}

/* expect string "text" */
static const char *parse_expect_string(struct reader *r, struct str line, struct eval_cmd *ev)
{
	struct str prefix = STR("expect string "), value;
	if (line.n <= prefix.n)
		return "expected string literal not valid - a quoted string literal is required";
	struct str literal = str_mem(line.p + prefix.n, line.n - prefix.n);
	if (!literal_ok(literal))
		return "expected string literal not valid - check that the string is correctly quoted";
	CHECK(promql_unquote(literal, r->a, &value));
	ev->string = text_of(r->a, value);
	ev->no_range_check = true;
	return NULL;
}

/* A line that is a number and nothing else. */
static bool parse_scalar(struct reader *r, struct str line, double *ret)
{
	bool minus = line.n && line.p[0] == '-', sign = minus || (line.n && line.p[0] == '+');
	struct str digits = str_mem(line.p + sign, line.n - sign);
	if (digits.n == 0 || digits.p[0] == '+' || digits.p[0] == '-' || promql_number_parse(digits, ret, r->a))
		return false;
	if (minus)
		*ret = -*ret;
	return true;
}

/* expected_fail_message and expected_fail_regexp, which end the block. False if it is neither. */
static bool parse_expected_fail(struct reader *r, struct str line, struct eval_cmd *ev, const char **ret_msg)
{
	struct str rest = line;
	struct str word = cut_word(&rest);
	*ret_msg = NULL;
	if (str_eq_c(word, "expected_fail_message")) {
		ev->fail_message = text_of(r->a, rest);
		return true;
	}
	if (!str_eq_c(word, "expected_fail_regexp"))
		return false;
	ev->fail_pattern = text_of(r->a, rest);
	const char *msg = compile_anywhere(r, ev->fail_pattern, &ev->fail_re);
	if (msg)
		*ret_msg =
			arena_printf(r->a, "invalid regexp '%s' for expected_fail_regexp: %s", ev->fail_pattern, msg);
	return true;
}

/* A series line of an eval. */
static const char *parse_expected_series(struct reader *r, struct str line, struct script_cmd *c, size_t *cap, int pos,
					 bool range_vector)
{
	struct script_series s;
	const char *msg = parse_series(r, line, r->i, &s);
	if (msg)
		return msg;
	if (s.n_values > 1 && !c->eval.is_range && !range_vector)
		return EVAL_ERROR(r, &c->eval, (int)r->i + 1,
				  "expecting multiple values in instant evaluation not allowed. consider "
				  "using 'expect range vector' directive to enable a range vector result for "
				  "an instant query");
	s.pos = pos;
	c->eval.expect_scalar = false;
	add_series(r, c, cap, s);
	return NULL;
}

/* Messages of upstream's eval parser name the eval's own line: its format function is bound to it. */
static const char *in_eval(struct reader *r, const struct eval_cmd *ev, const char *msg)
{
	return msg ? EVAL_ERROR(r, ev, (int)r->i + 1, "%s", msg) : NULL;
}

static const char *parse_eval_lines(struct reader *r, struct script_cmd *c)
{
	struct eval_cmd *ev = &c->eval;
	size_t cap = 0, expects_cap = 0;
	bool range_vector = false;
	struct str line;
	const char *msg;
	for (int pos = 1; next_line(r, &line); pos++) {
		if (ev->fail && parse_expected_fail(r, line, ev, &msg))
			return in_eval(r, ev, msg);
		if (str_has_prefix(line, STR("expect range vector"))) {
			range_vector = true;
			msg = in_eval(r, ev, parse_expect_range(r, line, ev));
		} else if (str_has_prefix(line, STR("expect string"))) {
			msg = in_eval(r, ev, parse_expect_string(r, line, ev));
		} else if (str_eq_c(line, "expect") || str_has_prefix(line, STR("expect "))) {
			pos--;
			msg = parse_expect(r, line, ev, &expects_cap);
			msg = in_eval(r, ev, msg ? msg : check_expects(ev));
		} else if (parse_scalar(r, line, &ev->scalar)) {
			ev->expect_scalar = true;
			return NULL;
		} else {
			msg = parse_expected_series(r, line, c, &cap, pos, range_vector);
		}
		if (msg)
			return msg;
	}
	return NULL;
}

static const char *parse_eval(struct reader *r, struct script_cmd *c)
{
	struct str rest = r->lines[r->i];
	c->kind = CMD_EVAL;
	c->eval.line = (int)r->i + 1;
	c->eval.string = "";
	const char *msg;
	if (!parse_eval_word(cut_word(&rest), &c->eval))
		return RAISE(r, "%s", invalid_eval);
	if (take_word(&rest, "instant"))
		msg = parse_instant(r, rest, &c->eval);
	else if (take_word(&rest, "range"))
		msg = parse_range_query(r, rest, &c->eval);
	else
		msg = RAISE(r, "%s", invalid_eval);
	return msg ? msg : parse_eval_lines(r, c);
}

/* --- scripts ------------------------------------------------------------------------ */

/* Splits into trimmed lines without comments. */
static void split_lines(struct reader *r, struct str text)
{
	size_t cap = 0;
	while (text.p) {
		struct str line = str_trim(str_cut(&text, '\n'));
		if (line.n && line.p[0] == '#')
			line.n = 0;
		r->lines = grow(r->a, r->lines, r->n, &cap, sizeof(line));
		r->lines[r->n++] = line;
	}
}

const char *script_parse(struct str text, struct arena *a, struct script *ret)
{
	struct reader r = { .a = a, .out = ret };
	*ret = (struct script){ NULL, 0 };
	split_lines(&r, text);
	for (; r.i < r.n; r.i++) {
		struct str rest = r.lines[r.i];
		if (rest.n == 0)
			continue;
		struct str word = cut_word(&rest);
		struct script_cmd c = { .kind = CMD_CLEAR };
		const char *msg = NULL;
		if (str_has_prefix(word, STR("load")))
			msg = parse_load(&r, &c);
		else if (str_has_prefix(word, STR("eval")))
			msg = parse_eval(&r, &c);
		else if (!str_eq_nocase(word, STR("clear")))
			msg = RAISE(&r, "invalid command %s", quoted(a, r.lines[r.i]));
		if (msg)
			return msg;
		ret->cmds = grow(a, ret->cmds, ret->n_cmds, &r.cap, sizeof(c));
		ret->cmds[ret->n_cmds++] = c;
	}
	return NULL;
}
