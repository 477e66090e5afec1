#include "series/regex.h"

#include "loop/fiber.h"
#include "loop/offload.h"

struct compile_job {
	struct str pattern;
	struct regex *ret;
};

static int compile(void *arg, struct err *err)
{
	struct compile_job *j = arg;
	return regex_compile(j->pattern, &j->ret, err);
}

int co_regex_compile(struct str pattern, struct regex **ret, struct err *err)
{
	if (!regex_is_costly(pattern) || !fiber_self())
		return regex_compile(pattern, ret, err);
	struct compile_job j = { .pattern = pattern };
	int rc = co_offload("regex", compile, &j, err);
	if (rc == 0)
		*ret = j.ret;
	return rc;
}
