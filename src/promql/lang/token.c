#include "base/strbuf.h"
#include "promql/lang/lex.h"

/* --- descriptions ----------------------------------------------------------- */

const char *promql_tok_text(enum promql_tok t)
{
	switch (t) {
#define X(name, text) \
	case TOK_##name: \
		return text;
		PROMQL_TOKENS(X)
#undef X
	case TOK_BASE_:
		break;
	}
	return NULL;
}

bool promql_tok_is_agg(enum promql_tok t)
{
	return t > TOK__AGGREGATORS_START && t < TOK__AGGREGATORS_END;
}

/* The word before tokens without a text of their own, or NULL. */
static const char *kind_word(enum promql_tok t)
{
	switch (t) {
	case TOK_ERROR:
		return "error";
	case TOK_COMMENT:
		return "comment";
	case TOK_IDENTIFIER:
		return "identifier";
	case TOK_METRIC_IDENTIFIER:
		return "metric identifier";
	case TOK_STRING:
		return "string";
	case TOK_NUMBER:
		return "number";
	case TOK_DURATION:
		return "duration";
	default:
		return NULL;
	}
}

/* The first ten runes of `s`. */
static struct str ten_runes(struct str s)
{
	size_t n = 0;
	for (int i = 0; i < 10 && n < s.n; i++) {
		uint32_t w;
		promql_rune(str_mem(s.p + n, s.n - n), &w);
		n += w;
	}
	return str_mem(s.p, n);
}

static void add_token(struct strbuf *b, const struct promql_token *t)
{
	if (t->type == TOK_IDENTIFIER || t->type == TOK_METRIC_IDENTIFIER) {
		strbuf_add_quoted(b, t->val);
	} else if (t->type > TOK__KEYWORDS_START && t->type < TOK__KEYWORDS_END) {
		strbuf_printf(b, "<%.*s>", STR_ARG(t->val));
	} else if (t->type > TOK__OPERATORS_START && t->type < TOK__OPERATORS_END) {
		strbuf_printf(b, "<op:%.*s>", STR_ARG(t->val));
	} else if (promql_tok_is_agg(t->type)) {
		strbuf_printf(b, "<aggr:%.*s>", STR_ARG(t->val));
	} else if (t->val.n > 10) {
		strbuf_add_quoted(b, ten_runes(t->val));
		strbuf_add_c(b, "...");
	} else {
		strbuf_add_quoted(b, t->val);
	}
}

const char *promql_token_desc(const struct promql_token *t, struct arena *a)
{
	if (t->type == TOK_EOF)
		return "end of input";
	struct strbuf b = { 0 };
	if (!promql_tok_text(t->type)) {
		const char *word = kind_word(t->type);
		if (word)
			strbuf_printf(&b, "%s ", word);
		else
			strbuf_printf(&b, "\"<Item %d>\" ", (int)t->type);
	}
	add_token(&b, t);
	char *s = arena_memdup(a, b.p, b.n);
	strbuf_fini(&b);
	return s ? s : "";
}
