/*
 * cmd/options.h - options declared once, read from flags and from YAML.
 *
 * A component's options are rows: name, kind, default, help, and where the
 * value goes in its config struct.  The rows make the flags (with kingpin's
 * conventions: --flag=value, --flag value, --no-flag for truth values,
 * repeated flags, @file, --help, --version), the keys of a YAML file
 * (`role: query`, then flag names as keys, nested maps joined with dots),
 * the help text and the manual page.
 *
 * A row of a feature that this build does not have yet is accepted with its
 * default and refused, with a line that says so, with any other value.
 */
#ifndef CMD_OPTIONS_H
#define CMD_OPTIONS_H

#include "base/arena.h"
#include "base/compiler.h"
#include "base/err.h"
#include "base/log.h"
#include "base/strbuf.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* What a value is and what its field's type is. */
enum option_kind {
	OPTION_STRING,   /* const char *, NULL when unset */
	OPTION_BOOL,     /* bool */
	OPTION_INT,      /* int64_t */
	OPTION_FLOAT,    /* double */
	OPTION_DURATION, /* int64_t, ms; "15d" or Go's "1h2m" */
	OPTION_BYTES,    /* uint64_t; "512MiB" or a plain number */
	OPTION_LIST,     /* struct option_list; repeatable */
};

/* What is special about a row. */
enum option_flags {
	OPTION_HIDDEN = 1,     /* not in --help; in --help-long */
	OPTION_LATER = 2,      /* only the default works; `note` says what is missing */
	OPTION_INERT = 4,      /* accepted without effect; `note` says why */
	OPTION_DEPRECATED = 8, /* works, with one warning; `note` names what replaces it */
	OPTION_GO_TIME = 16,   /* a duration that the original shows as Go does: 1h0m0s */
};

/* Values of a repeatable option, in order. Strings and array lie in the parse's arena. */
struct option_list {
	const char **p;
	size_t n;
};

/* One option. */
struct option {
	const char *name; /* without the dashes */
	enum option_kind kind;
	size_t offset;       /* of the field in the group's struct */
	const char *def;     /* default as text; NULL: unset, 0 or false; lists: comma-separated */
	const char *choices; /* "a|b|c": nothing else is taken; NULL: anything */
	unsigned flags;      /* sum of enum option_flags */
	const char *note;
	const char *help; /* a sentence */
};

/* A text as its reader wants it: NULL where it is unset or empty. */
static inline const char *option_text(const char *s)
{
	return s && *s ? s : NULL;
}

/* A number of things: what is below 0 is 0, what is too large the largest. */
static inline uint32_t option_u32(int64_t n)
{
	return n < 0 ? 0 : n > UINT32_MAX ? UINT32_MAX : (uint32_t)n;
}

/* As option_u32. */
static inline uint64_t option_u64(int64_t n)
{
	return n < 0 ? 0 : (uint64_t)n;
}

/* A table of rows. */
struct option_rows {
	const struct option *p;
	size_t n;
};

/* Makes a struct option_rows of an array. */
#define OPTION_ROWS(a) \
	{ \
		(a), ARRAY_LEN(a) \
	}

/* A table and the offset of its struct in the component's config struct. */
struct option_group {
	const struct option_rows *rows;
	size_t base;
};

/* A flag of earlier releases: stands for `now`, or is ignored where that is NULL; both with a warning. */
struct option_retired {
	const char *name;
	const char *now;
};

/* A subcommand and all its options. */
struct option_command {
	const char *name;
	const char *summary; /* a sentence */
	const struct option_group *groups;
	size_t n_groups;
	const struct option_retired *retired;
	size_t n_retired;
	size_t config_size; /* of the config struct that the rows fill */
};

/* What the command line asked for beside running. */
enum options_action { OPTIONS_RUN, OPTIONS_HELP, OPTIONS_HELP_LONG, OPTIONS_HELP_MAN, OPTIONS_VERSION };

/* Result of parsing. */
struct options_result {
	void *config; /* zeroed, defaults filled, then set; in the arena */
	enum options_action action;
	const char *config_file;     /* --config.file, or NULL */
	struct option_list warnings; /* texts to log once the logger is there */
	bool *given;                 /* per row, in order of groups: set by flag or file */
};

/*
 * Prepares a result for `cmd` with all defaults. Everything returned lies in
 * `a`, which must outlive the config. RESOURCE_EXHAUSTED when it is full.
 */
int options_init(struct options_result *ret, const struct option_command *cmd, struct arena *a, struct err *err);

/*
 * Reads a YAML file of options into a result: `role` (when present) must be
 * the command's name. Errors are one line with file, line, key and what would be right.
 * Blocks (reads the file).
 */
int options_read_yaml(struct options_result *r, const struct option_command *cmd, const char *path, struct arena *a,
		      struct err *err);

/*
 * Reads flags (without program and command names) into a result; flags win over
 * a file that was read before. A --config.file among them is only noted. Reads @files (blocks).
 */
int options_read_args(struct options_result *r, const struct option_command *cmd, int argc, char *const *argv,
		      struct arena *a, struct err *err);

/* Last checks over the whole: FAILED_PRECONDITION naming an option of a feature that this build does not have. */
int options_check(const struct options_result *r, const struct option_command *cmd, struct err *err);

/* Writes the usage text; with `hidden`, all rows. */
void options_help(const struct option_command *cmd, bool hidden, struct strbuf *out);

/* Writes a manual page in man(7) form. */
void options_man(const struct option_command *cmd, struct strbuf *out);

/*
 * The value of a file/content pair, the content or the file's bytes, with $(VAR) replaced (text/env.h); both given is an
 * error. NULL when neither. Blocks.
 */
int options_path_or_content(const char *name, const char *path, const char *content, struct arena *a, const char **ret,
			    struct err *err);

/* Reads `role:` of a YAML file; the error says what is missing. Blocks. */
int options_yaml_role(const char *path, struct arena *a, const char **ret_role, struct err *err);

struct api_flag;
struct label;

/* All options with the values in force as text, in `a`: what /api/v1/status/flags shows. RESOURCE_EXHAUSTED. */
int options_list(const struct options_result *r, const struct option_command *cmd, struct arena *a,
		 struct api_flag **ret, size_t *ret_n, struct err *err);

/*
 * Reads label flags name="value" (the value as a Go string literal) into names and values, in `a`.
 * INVALID_ARGUMENT names the flag and shows the form.
 */
int options_labels(const char *flag, const struct option_list *in, struct arena *a, struct label **ret, size_t *ret_n,
		   struct err *err);

#endif
