/*
 * receive/tenant.h - names of tenants, checked where they become directories.
 *
 * Upstream takes any name without a '/', ".." among them; here a name is
 * 1 to 128 of [A-Za-z0-9._=-], not "." or "..", and none that the data
 * directory uses itself. Every way by which a tenant arrives (header,
 * certificate, split label, gRPC field, directory at start) ends here.
 */
#ifndef RECEIVE_TENANT_H
#define RECEIVE_TENANT_H

#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>

/* Longest name, in bytes. */
#define TENANT_NAME_MAX 128

/* Whether the name may be a tenant's. */
bool tenant_name_valid(struct str name);

/* As tenant_name_valid; INVALID_ARGUMENT says what names look like. */
int tenant_name_check(struct str name, struct err *err);

#endif
