#include "labels/relabel.h"

#include <openssl/evp.h>
#include <utf8proc.h>

/* Longest string that a rule may make. */
#define RESULT_MAX ((size_t)16 << 20)

struct relabel_rule relabel_rule_default(void)
{
	return (struct relabel_rule){
		.action = RELABEL_REPLACE,
		.separator = STR(";"),
		.pattern = RELABEL_DEFAULT_PATTERN,
		.replacement = STR("$1"),
		.names = LABEL_NAMES_UTF8,
	};
}

static const char *const action_names[RELABEL_ACTIONS] = {
	[RELABEL_REPLACE] = "replace",     [RELABEL_KEEP] = "keep",           [RELABEL_DROP] = "drop",
	[RELABEL_KEEPEQUAL] = "keepequal", [RELABEL_DROPEQUAL] = "dropequal", [RELABEL_HASHMOD] = "hashmod",
	[RELABEL_LABELMAP] = "labelmap",   [RELABEL_LABELDROP] = "labeldrop", [RELABEL_LABELKEEP] = "labelkeep",
	[RELABEL_LOWERCASE] = "lowercase", [RELABEL_UPPERCASE] = "uppercase",
};

const char *relabel_action_name(enum relabel_action a)
{
	return action_names[a];
}

bool relabel_action_parse(struct str name, enum relabel_action *ret)
{
	for (size_t i = 0; i < RELABEL_ACTIONS; i++) {
		if (str_eq_nocase(name, str_c(action_names[i]))) {
			*ret = (enum relabel_action)i;
			return true;
		}
	}
	return false;
}

/* --- checking ----------------------------------------------------------------------- */

static bool has_variable(struct str s)
{
	return str_index(s, '$') >= 0;
}

static bool is_word(char c)
{
	return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || (c >= '0' && c <= '9') || c == '_';
}

/* Bytes of the $name or ${name} that `s` begins with, or 0. */
static size_t variable_len(struct str s)
{
	bool brace = s.n > 1 && s.p[1] == '{';
	size_t start = brace ? 2 : 1, i = start;
	if (s.n == 0 || s.p[0] != '$')
		return 0;
	while (i < s.n && is_word(s.p[i]))
		i++;
	if (i == start)
		return 0;
	if (!brace)
		return i;
	return i < s.n && s.p[i] == '}' ? i + 1 : 0;
}

/* A legacy label name in which variables may stand for letters. */
static bool legacy_template_valid(struct str s)
{
	size_t i = 0;
	while (i < s.n) {
		size_t n = variable_len(str_mem(s.p + i, s.n - i));
		if (n == 0 && (!is_word(s.p[i]) || (i == 0 && s.p[i] >= '0' && s.p[i] <= '9')))
			return false;
		i += n ? n : 1;
	}
	return s.n > 0;
}

static bool template_valid(const struct relabel_rule *r, struct str s)
{
	if (r->names == LABEL_NAMES_LEGACY)
		return legacy_template_valid(s);
	return label_name_valid(s, r->names);
}

static int bad_rule(const struct relabel_rule *r, struct err *err, const char *field, struct str value)
{
	struct strbuf b = { .limit = ERR_MSG_MAX };
	strbuf_add_quoted(&b, value);
	int rc = err_set(err, ERR_INVALID_ARGUMENT, "%s is invalid '%s' for %s action", b.p ? b.p : "\"\"", field,
			 action_names[r->action]);
	strbuf_fini(&b);
	return rc;
}

/* Actions that write, or compare with, the label called target_label itself. */
static bool plain_target(enum relabel_action a)
{
	return a == RELABEL_HASHMOD || a == RELABEL_LOWERCASE || a == RELABEL_UPPERCASE || a == RELABEL_KEEPEQUAL ||
	       a == RELABEL_DROPEQUAL;
}

static int check_target(const struct relabel_rule *r, struct err *err)
{
	if (r->action != RELABEL_REPLACE && !plain_target(r->action))
		return 0;
	if (r->target_label.n == 0)
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "relabel configuration for %s action requires 'target_label' value",
			       action_names[r->action]);
	bool is_template = r->action == RELABEL_REPLACE && has_variable(r->target_label);
	bool ok = is_template ? template_valid(r, r->target_label) : label_name_valid(r->target_label, r->names);
	return ok ? 0 : bad_rule(r, err, "target_label", r->target_label);
}

static int check_replacement(const struct relabel_rule *r, struct err *err)
{
	bool is_default = str_eq(r->replacement, STR("$1"));
	if (r->action == RELABEL_LABELMAP && !template_valid(r, r->replacement))
		return bad_rule(r, err, "replacement", r->replacement);
	if (plain_target(r->action) && r->action != RELABEL_HASHMOD && !is_default)
		return err_set(err, ERR_INVALID_ARGUMENT, "'replacement' can not be set for %s action",
			       action_names[r->action]);
	return 0;
}

/* Fields that an action has no use for must be left at their defaults. */
static int check_unused(const struct relabel_rule *r, struct err *err)
{
	bool rest = r->modulus == 0 && str_eq(r->separator, STR(";")) && str_eq(r->replacement, STR("$1"));
	if (r->action == RELABEL_DROPEQUAL || r->action == RELABEL_KEEPEQUAL) {
		if (!rest || !str_eq(r->pattern, RELABEL_DEFAULT_PATTERN))
			return err_set(
				err, ERR_INVALID_ARGUMENT,
				"%s action requires only 'source_labels' and `target_label`, and no other fields",
				action_names[r->action]);
	}
	if (r->action == RELABEL_LABELDROP || r->action == RELABEL_LABELKEEP) {
		if (!rest || r->n_source_labels || r->target_label.n)
			return err_set(err, ERR_INVALID_ARGUMENT,
				       "%s action requires only 'regex', and no other fields", action_names[r->action]);
	}
	return 0;
}

int relabel_rule_init(struct relabel_rule *r, struct err *err)
{
	int rc;
	if (r->modulus == 0 && r->action == RELABEL_HASHMOD)
		return err_set(err, ERR_INVALID_ARGUMENT,
			       "relabel configuration for hashmod requires non-zero modulus");
	if ((rc = check_target(r, err)) < 0 || (rc = check_replacement(r, err)) < 0 || (rc = check_unused(r, err)) < 0)
		return rc;
	rc = matcher_compile(MATCH_RE, STR(""), r->pattern, &r->match, err);
	if (rc == 0 && (r->action == RELABEL_REPLACE || r->action == RELABEL_LABELMAP))
		rc = regex_compile(r->pattern, &r->regex, err);
	if (rc < 0)
		relabel_rule_fini(r);
	return rc;
}

void relabel_rule_fini(struct relabel_rule *r)
{
	matcher_free(r->match);
	regex_free(r->regex);
	r->match = NULL;
	r->regex = NULL;
}

/* --- applying ------------------------------------------------------------------------ */

/* One application of a list of rules to a series. */
struct relabel_run {
	struct labels_builder *b;
	struct arena *a;
	struct err *err;
	struct strbuf buf; /* for strings under construction */
};

/* Copies the text under construction into the arena. */
static int run_keep_text(struct relabel_run *run, struct str *ret)
{
	if (run->buf.overflow)
		return err_set(run->err, ERR_RESOURCE_EXHAUSTED, "relabel: a label would be longer than %zu bytes",
			       RESULT_MAX);
	char *p = arena_memdup(run->a, run->buf.n ? run->buf.p : "", run->buf.n);
	if (!p)
		return arena_err(run->a, run->err);
	*ret = str_mem(p, run->buf.n);
	strbuf_reset(&run->buf);
	return 0;
}

/* The values of the source labels, joined. One alone is borrowed. */
static int source_value(struct relabel_run *run, const struct relabel_rule *r, struct str *ret)
{
	*ret = STR("");
	if (r->n_source_labels == 1)
		*ret = labels_builder_get(run->b, r->source_labels[0]);
	if (r->n_source_labels < 2)
		return 0;
	strbuf_reset(&run->buf);
	for (size_t i = 0; i < r->n_source_labels; i++) {
		if (i)
			strbuf_add_str(&run->buf, r->separator);
		strbuf_add_str(&run->buf, labels_builder_get(run->b, r->source_labels[i]));
	}
	return run_keep_text(run, ret);
}

/* `tmpl` with the groups put in. */
static int expand(struct relabel_run *run, const struct relabel_rule *r, struct str tmpl, const struct str *groups,
		  size_t n, struct str *ret)
{
	*ret = tmpl;
	if (!has_variable(tmpl))
		return 0;
	strbuf_reset(&run->buf);
	regex_expand(r->regex, tmpl, groups, n, &run->buf);
	return run_keep_text(run, ret);
}

static int apply_replace(struct relabel_run *run, const struct relabel_rule *r, struct str val)
{
	struct str groups[REGEX_MAX_GROUPS], target, value;
	size_t n = regex_groups(r->regex);
	if (str_eq(r->pattern, RELABEL_DEFAULT_PATTERN))
		groups[0] = groups[1] = val.p ? val : STR("");
	else if (!matcher_matches(r->match, val) || !regex_submatch(r->regex, val, groups, n))
		return 0;
	int rc = expand(run, r, r->target_label, groups, n, &target);
	if (rc < 0)
		return rc;
	if (!label_name_valid(target, r->names))
		return 0;
	rc = expand(run, r, r->replacement, groups, n, &value);
	if (rc == 0)
		labels_builder_set(run->b, target, value);
	return rc;
}

/* Upper or lower case as Go's strings.ToUpper and ToLower: character by character. */
static int apply_case(struct relabel_run *run, const struct relabel_rule *r, struct str val)
{
	strbuf_reset(&run->buf);
	while (val.n) {
		utf8proc_int32_t c;
		utf8proc_ssize_t n = utf8proc_iterate((const utf8proc_uint8_t *)val.p, (utf8proc_ssize_t)val.n, &c);
		if (n <= 0) {
			c = 0xfffd;
			n = 1;
		}
		if (r->action == RELABEL_LOWERCASE)
			c = utf8proc_tolower(c);
		else if (c != 0xdf) /* utf8proc has a capital for it, Unicode's simple mapping has none */
			c = utf8proc_toupper(c);
		utf8proc_uint8_t out[4];
		strbuf_add(&run->buf, out, (size_t)utf8proc_encode_char(c, out));
		val = str_mem(val.p + n, val.n - (size_t)n);
	}
	struct str text;
	int rc = run_keep_text(run, &text);
	if (rc == 0)
		labels_builder_set(run->b, r->target_label, text);
	return rc;
}

static int apply_hashmod(struct relabel_run *run, const struct relabel_rule *r, struct str val)
{
	unsigned char md[EVP_MAX_MD_SIZE];
	uint64_t h = 0;
	if (!EVP_Digest(val.n ? val.p : "", val.n, md, NULL, EVP_md5(), NULL))
		return err_set(run->err, ERR_INTERNAL, "relabel: hashmod: MD5 is not available");
	for (int i = 8; i < 16; i++)
		h = h << 8 | md[i];
	strbuf_reset(&run->buf);
	strbuf_add_u64(&run->buf, h % r->modulus);
	struct str text;
	int rc = run_keep_text(run, &text);
	if (rc == 0)
		labels_builder_set(run->b, r->target_label, text);
	return rc;
}

/* A copy of the present labels, so that changes do not disturb the walk. */
static int snapshot(struct relabel_run *run, struct labels *ret)
{
	struct labels l = labels_builder_labels(run->b);
	struct label *p = arena_alloc(run->a, l.n * sizeof(*p));
	if (!p)
		return arena_err(run->a, run->err);
	if (l.n)
		memcpy(p, l.p, l.n * sizeof(*p));
	*ret = (struct labels){ p, l.n };
	return 0;
}

static int apply_labelmap(struct relabel_run *run, const struct relabel_rule *r)
{
	struct labels l;
	int rc = snapshot(run, &l);
	for (size_t i = 0; rc == 0 && i < l.n; i++) {
		struct str groups[REGEX_MAX_GROUPS], name;
		size_t n = regex_groups(r->regex);
		if (!matcher_matches(r->match, l.p[i].name) || !regex_submatch(r->regex, l.p[i].name, groups, n))
			continue;
		rc = expand(run, r, r->replacement, groups, n, &name);
		if (rc == 0)
			labels_builder_set(run->b, name, l.p[i].value);
	}
	return rc;
}

/* labeldrop and labelkeep. */
static int apply_by_name(struct relabel_run *run, const struct relabel_rule *r)
{
	struct labels l;
	int rc = snapshot(run, &l);
	bool drop = r->action == RELABEL_LABELDROP;
	for (size_t i = 0; rc == 0 && i < l.n; i++) {
		if (matcher_matches(r->match, l.p[i].name) == drop)
			labels_builder_del(run->b, l.p[i].name);
	}
	return rc;
}

static int apply_rule(struct relabel_run *run, const struct relabel_rule *r, bool *keep)
{
	struct str val;
	int rc = source_value(run, r, &val);
	if (rc < 0)
		return rc;
	switch (r->action) {
	case RELABEL_KEEP:
		*keep = matcher_matches(r->match, val);
		return 0;
	case RELABEL_DROP:
		*keep = !matcher_matches(r->match, val);
		return 0;
	case RELABEL_KEEPEQUAL:
		*keep = str_eq(labels_builder_get(run->b, r->target_label), val);
		return 0;
	case RELABEL_DROPEQUAL:
		*keep = !str_eq(labels_builder_get(run->b, r->target_label), val);
		return 0;
	case RELABEL_REPLACE:
		return apply_replace(run, r, val);
	case RELABEL_HASHMOD:
		return apply_hashmod(run, r, val);
	case RELABEL_LOWERCASE:
	case RELABEL_UPPERCASE:
		return apply_case(run, r, val);
	case RELABEL_LABELMAP:
		return apply_labelmap(run, r);
	default:
		return apply_by_name(run, r);
	}
}

int relabel_apply(const struct relabel_rule *rules, size_t n, struct labels_builder *b, struct arena *a, bool *ret_keep,
		  struct err *err)
{
	struct relabel_run run = { .b = b, .a = a, .err = err, .buf = { .limit = RESULT_MAX } };
	bool keep = true;
	int rc = 0;
	for (size_t i = 0; rc == 0 && keep && i < n; i++)
		rc = apply_rule(&run, &rules[i], &keep);
	strbuf_fini(&run.buf);
	*ret_keep = keep;
	return rc;
}
