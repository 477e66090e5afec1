/*
 * cmd/options_internal.h - what the readers of flags, YAML and the help share.
 */
#ifndef CMD_OPTIONS_INTERNAL_H
#define CMD_OPTIONS_INTERNAL_H

#include "base/assert.h"
#include "cmd/options.h"

/* A row and where its field is. Zero-initialised stands before the first. */
struct option_at {
	const struct option *row;
	size_t group, i; /* position in the command's tables */
	size_t index;    /* in options_result.given */
	size_t offset;   /* in the config struct */
};

/* Goes to the next row; false after the last. */
bool option_next(const struct option_command *cmd, struct option_at *at);

/* The row of this name; false when there is none. */
bool option_find(const struct option_command *cmd, struct str name, struct option_at *ret);

/* The field of a row in the result's config. */
void *option_field(const struct options_result *r, const struct option_at *at);

/* Sets a field from text; lists grow by one value. The error does not name the option. */
int option_set(const struct option *row, void *field, struct str v, struct arena *a, struct err *err);

/* Notes that a row was set by a flag or the file; the first time with a warning where it is deprecated. */
int option_note_given(struct options_result *r, const struct option_at *at, struct arena *a, struct err *err);

/* Adds a line to the warnings. */
int option_warn(struct options_result *r, struct arena *a, struct err *err, const char *fmt, ...) PRINTF_LIKE(4, 5);

#endif
