#include "cmd/options_internal.h"

#include <ctype.h>
#include <string.h>

#define HELP_COLUMN 28
#define LINE_COLUMN 100

static const char *placeholder(enum option_kind k)
{
	static const char *const names[] = {
		[OPTION_STRING] = "VALUE",      [OPTION_BOOL] = "",      [OPTION_INT] = "N",      [OPTION_FLOAT] = "N",
		[OPTION_DURATION] = "DURATION", [OPTION_BYTES] = "SIZE", [OPTION_LIST] = "VALUE",
	};
	return names[k];
}

/* Adds text, broken at spaces, with all lines but the first indented. */
static void add_wrapped(struct strbuf *out, struct str text, size_t column)
{
	while (text.p) {
		struct str word = str_cut(&text, ' ');
		if (column > HELP_COLUMN && column + 1 + word.n > LINE_COLUMN) {
			strbuf_printf(out, "\n%*s", HELP_COLUMN, "");
			column = HELP_COLUMN;
		}
		strbuf_add_c(out, column > HELP_COLUMN ? " " : "");
		column += word.n + (column > HELP_COLUMN);
		strbuf_add_str(out, word);
	}
	strbuf_add_ch(out, '\n');
}

static void add_name(struct strbuf *out, const struct option *o)
{
	if (o->kind == OPTION_BOOL && o->def && strcmp(o->def, "true") == 0)
		strbuf_printf(out, "--[no-]%s", o->name);
	else if (o->kind == OPTION_BOOL)
		strbuf_printf(out, "--%s", o->name);
	else if (o->def)
		strbuf_printf(out, "--%s=%s%s", o->name, o->def, o->kind == OPTION_LIST ? " ..." : "");
	else
		strbuf_printf(out, "--%s=%s%s", o->name, placeholder(o->kind), o->kind == OPTION_LIST ? " ..." : "");
}

/* "a|b" as "a, b"; a leading | stands for the empty value. */
static void add_choices(struct strbuf *out, const char *choices)
{
	struct str left = str_c(choices[0] == '|' ? choices + 1 : choices);
	strbuf_add_c(out, " One of: ");
	while (left.p) {
		strbuf_add_str(out, str_cut(&left, '|'));
		strbuf_add_c(out, left.p ? ", " : ".");
	}
}

/* The help sentence with what its flags add. */
static void add_sentence(struct strbuf *out, const struct option *o)
{
	strbuf_add_c(out, o->help);
	if (o->choices)
		add_choices(out, o->choices);
	if (o->flags & OPTION_LATER)
		strbuf_printf(out, " Not in this build yet (%s).", o->note);
	if (o->flags & OPTION_INERT)
		strbuf_printf(out, " Accepted without effect: %s.", o->note);
	if (o->flags & OPTION_DEPRECATED)
		strbuf_printf(out, " Deprecated: use --%s.", o->note);
}

static void add_row(struct strbuf *out, const struct option *o)
{
	size_t begin = out->n;
	strbuf_add_c(out, "      ");
	add_name(out, o);
	size_t width = out->n - begin;
	if (width + 2 > HELP_COLUMN)
		strbuf_printf(out, "\n%*s", HELP_COLUMN, "");
	else
		strbuf_printf(out, "%*s", (int)(HELP_COLUMN - width), "");
	struct strbuf text = { 0 };
	add_sentence(&text, o);
	add_wrapped(out, strbuf_str(&text), HELP_COLUMN);
	strbuf_fini(&text);
}

static const struct option always[] = {
	{ "help", OPTION_BOOL, 0, .help = "Show this text; also -h, --help-long and --help-man." },
	{ "version", OPTION_BOOL, 0, .help = "Show the version." },
	{ "config.file", OPTION_STRING, 0,
	  .help = "YAML file with these options as keys (and role: the command); flags win over it." },
};

void options_help(const struct option_command *cmd, bool hidden, struct strbuf *out)
{
	strbuf_printf(out, "usage: thanos %s [<flags>]\n\n%s\n\nFlags:\n", cmd->name, cmd->summary);
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		add_row(out, &always[i]);
	for (struct option_at at = { 0 }; option_next(cmd, &at);)
		if (hidden || !(at.row->flags & OPTION_HIDDEN))
			add_row(out, at.row);
}

/* Text for man(7): minus signs and backslashes escaped. */
static void add_roff(struct strbuf *out, struct str s)
{
	for (size_t i = 0; i < s.n; i++) {
		if (s.p[i] == '-' || s.p[i] == '\\')
			strbuf_add_ch(out, '\\');
		strbuf_add_ch(out, s.p[i]);
	}
}

static void add_man_row(struct strbuf *out, const struct option *o)
{
	struct strbuf text = { 0 };
	add_name(&text, o);
	strbuf_add_c(out, ".TP\n\\fB");
	add_roff(out, strbuf_str(&text));
	strbuf_add_c(out, "\\fR\n");
	strbuf_reset(&text);
	add_sentence(&text, o);
	add_roff(out, strbuf_str(&text));
	strbuf_add_ch(out, '\n');
	strbuf_fini(&text);
}

void options_man(const struct option_command *cmd, struct strbuf *out)
{
	strbuf_printf(out, ".TH thanos\\-%s 1\n.SH NAME\nthanos\\-%s \\- ", cmd->name, cmd->name);
	add_roff(out, str_c(cmd->summary));
	strbuf_printf(out, "\n.SH SYNOPSIS\n.B thanos %s\n[flags]", cmd->name);
	strbuf_add_c(out, "\n.SH OPTIONS\n");
	for (size_t i = 0; i < ARRAY_LEN(always); i++)
		add_man_row(out, &always[i]);
	for (struct option_at at = { 0 }; option_next(cmd, &at);)
		if (!(at.row->flags & OPTION_HIDDEN))
			add_man_row(out, at.row);
}
