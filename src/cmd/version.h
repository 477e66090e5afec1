/*
 * cmd/version.h - which build this is.
 */
#ifndef CMD_VERSION_H
#define CMD_VERSION_H

#include "base/strbuf.h"

/* "0.1.0" */
extern const char *const thanos_version;

/* The commit it was built from, or "unknown". */
extern const char *const thanos_revision;

/* Appends what --version prints, in the form of prometheus/common's version.Print. */
void version_print(struct strbuf *out);

#endif
