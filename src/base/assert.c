#include "base/assert.h"

#include <stdio.h>
#include <stdlib.h>

void check_failed(const char *file, int line, const char *func, const char *cond)
{
	fprintf(stderr, "thanos: %s:%d: %s: invariant broken: %s\n", file, line, func, cond);
	abort();
}
