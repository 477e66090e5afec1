#include "base/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

int err_vset(struct err *e, enum err_code code, const char *fmt, va_list ap)
{
	if (e) {
		/* Formatted beside it: the arguments may be in e->msg. */
		char msg[ERR_MSG_MAX] = "";
		int n = vsnprintf(msg, sizeof(msg), fmt, ap);
		e->code = code;
		memcpy(e->msg, msg, MIN((size_t)MAX(n, 0), sizeof(msg) - 1) + 1);
	}
	return -(int)code;
}

int err_set(struct err *e, enum err_code code, const char *fmt, ...)
{
	va_list ap;
	va_start(ap, fmt);
	err_vset(e, code, fmt, ap);
	va_end(ap);
	return -(int)code;
}

static enum err_code code_of_errno(int errnum)
{
	switch (errnum) {
	case ENOENT:
		return ERR_NOT_FOUND;
	case EEXIST:
		return ERR_ALREADY_EXISTS;
	case EACCES:
	case EPERM:
		return ERR_PERMISSION_DENIED;
	case ENOSPC:
	case EDQUOT:
	case EMFILE:
	case ENFILE:
	case ENOMEM:
		return ERR_RESOURCE_EXHAUSTED;
	case ETIMEDOUT:
		return ERR_DEADLINE_EXCEEDED;
	case ECONNREFUSED:
	case ECONNRESET:
	case EPIPE:
	case EHOSTUNREACH:
	case ENETUNREACH:
	case ECONNABORTED:
		return ERR_UNAVAILABLE;
	case EIO:
		return ERR_DATA_LOSS;
	case EINVAL:
		return ERR_INVALID_ARGUMENT;
	default:
		return ERR_INTERNAL;
	}
}

int err_sys(struct err *e, int errnum, const char *fmt, ...)
{
	enum err_code code = code_of_errno(errnum);
	if (!e)
		return -(int)code;
	va_list ap;
	va_start(ap, fmt);
	err_vset(e, code, fmt, ap);
	va_end(ap);
	size_t n = strlen(e->msg);
	snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", strerror(errnum));
	return -(int)code;
}

int err_prefix(struct err *e, const char *fmt, ...)
{
	if (!e)
		return -ERR_UNKNOWN;
	char old[ERR_MSG_MAX];
	memcpy(old, e->msg, sizeof(old));
	va_list ap;
	va_start(ap, fmt);
	err_vset(e, (enum err_code)e->code, fmt, ap);
	va_end(ap);
	size_t n = strlen(e->msg);
	snprintf(e->msg + n, sizeof(e->msg) - n, ": %s", old);
	return -e->code;
}

const char *err_code_name(int code)
{
	static const char *const names[] = {
		"OK",       "Canceled",        "Unknown",          "InvalidArgument",   "DeadlineExceeded",
		"NotFound", "AlreadyExists",   "PermissionDenied", "ResourceExhausted", "FailedPrecondition",
		"Aborted",  "OutOfRange",      "Unimplemented",    "Internal",          "Unavailable",
		"DataLoss", "Unauthenticated",
	};
	if (code < 0)
		code = -code;
	return (size_t)code < ARRAY_LEN(names) ? names[code] : "Unknown";
}
