/*
 * base/err.h - one way to say that a call failed.
 *
 * A function that can fail returns int: 0, or a negative gRPC status code
 * (https://grpc.github.io/grpc/core/md_doc_statuscodes.html), and takes a
 * `struct err *` as its last parameter, which it fills in exactly when it
 * fails.  The caller owns the struct (usually on its stack); the message is
 * stored inline, so nothing is ever freed.  Every function here accepts NULL
 * for the struct and then only returns the code.
 *
 * Not found, end of stream and partial response are results, not errors.
 */
#ifndef BASE_ERR_H
#define BASE_ERR_H

#include "base/compiler.h"

#include <stdarg.h>
#include <stddef.h>

/* The 17 gRPC status codes; functions return them negated. */
enum err_code {
	ERR_OK = 0,
	ERR_CANCELLED = 1,
	ERR_UNKNOWN = 2,
	ERR_INVALID_ARGUMENT = 3,
	ERR_DEADLINE_EXCEEDED = 4,
	ERR_NOT_FOUND = 5,
	ERR_ALREADY_EXISTS = 6,
	ERR_PERMISSION_DENIED = 7,
	ERR_RESOURCE_EXHAUSTED = 8,
	ERR_FAILED_PRECONDITION = 9,
	ERR_ABORTED = 10,
	ERR_OUT_OF_RANGE = 11,
	ERR_UNIMPLEMENTED = 12,
	ERR_INTERNAL = 13,
	ERR_UNAVAILABLE = 14,
	ERR_DATA_LOSS = 15,
	ERR_UNAUTHENTICATED = 16,
};

/* Longest message kept, with its terminating zero; the rest is cut. */
#define ERR_MSG_MAX 504

/* An error: `code` is 0 or a positive enum err_code; `msg` is a C string. */
struct err {
	int code;
	char msg[ERR_MSG_MAX];
};

/* The value of a struct err that holds no error. */
#define ERR_NONE ((struct err){ .code = 0, .msg = "" })

/* Stores code and formatted message in `e`; e->msg itself may be among the arguments. Returns -code. */
int err_set(struct err *e, enum err_code code, const char *fmt, ...) PRINTF_LIKE(3, 4);

/* As err_set, with the arguments in `ap`. */
int err_vset(struct err *e, enum err_code code, const char *fmt, va_list ap) PRINTF_LIKE(3, 0);

/*
 * Stores "<formatted text>: <strerror(errnum)>" and the code that fits the
 * errno: ENOENT NOT_FOUND, EEXIST ALREADY_EXISTS, EACCES and EPERM
 * PERMISSION_DENIED, ENOSPC EDQUOT EMFILE ENFILE ENOMEM RESOURCE_EXHAUSTED,
 * ETIMEDOUT DEADLINE_EXCEEDED, refused and broken connections UNAVAILABLE,
 * EIO DATA_LOSS, EINVAL INVALID_ARGUMENT, anything else INTERNAL.
 * Returns the negated code.
 */
int err_sys(struct err *e, int errnum, const char *fmt, ...) PRINTF_LIKE(3, 4);

/*
 * Puts "<formatted text>: " before the message that `e` already holds and
 * keeps its code. Returns -e->code, so that a caller can
 * `return err_prefix(err, "open %s", path);`. `e` must hold an error.
 */
int err_prefix(struct err *e, const char *fmt, ...) PRINTF_LIKE(2, 3);

/* The canonical name of a code, as gRPC writes it: "InvalidArgument". */
const char *err_code_name(int code);

#endif
