/*
 * http/multipart.h - parameters in a body of multipart/form-data (RFC 7578), as `curl -F query=up` sends them.
 *
 * Parts that are files are left out.
 */
#ifndef HTTP_MULTIPART_H
#define HTTP_MULTIPART_H

#include "base/arena.h"
#include "base/err.h"
#include "base/str.h"
#include "http/http.h"

/* The boundary that a Content-Type names; {NULL, 0} for another type and for one without a boundary of at most 70 bytes. */
struct str http_multipart_boundary(struct str type);

/*
 * Appends the values of a whole body, which they point into. INVALID_ARGUMENT when it is malformed, RESOURCE_EXHAUSTED over budget or count; what came
 * before stays in the list then.
 */
int http_multipart_parse(struct http_params *ps, struct arena *a, struct str body, struct str boundary,
			 struct err *err);

#endif
