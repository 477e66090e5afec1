#include "base/vec.h"

#include "base/mem.h"

void *vec_grow_(void *p, size_t *cap, size_t n, size_t elem_size)
{
	size_t want = *cap ? *cap : 8;
	while (want < n)
		want += want / 2;
	*cap = want;
	return xreallocarray(p, want, elem_size);
}
