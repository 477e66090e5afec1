/*
 * base/vec.h - a growing array of any element type.
 *
 *	VEC(struct label) v = { 0 };
 *	*vec_push(&v) = l;
 *	for (size_t i = 0; i < v.n; i++) use(&v.p[i]);
 *	vec_fini(&v);
 *
 * Grows on the heap and aborts when memory ends, so it holds what is bounded
 * by count. Pointers to elements are valid until the next push.
 */
#ifndef BASE_VEC_H
#define BASE_VEC_H

#include <stddef.h>

/* An anonymous struct { T *p; size_t n, cap; }. */
#define VEC(T) \
	struct { \
		T *p; \
		size_t n, cap; \
	}

/* Makes room for `n` elements in all; returns the (moved) array. Used by the macros. */
void *vec_grow_(void *p, size_t *cap, size_t n, size_t elem_size);

/* Makes room for at least `want` elements in all. */
#define vec_reserve(v, want) \
	((void)((v)->cap < (want) && ((v)->p = vec_grow_((v)->p, &(v)->cap, (want), sizeof(*(v)->p)))))

/* Adds an uninitialised element and returns its address. */
#define vec_push(v) (vec_reserve((v), (v)->n + 1), &(v)->p[(v)->n++])

/* Address of the last element; the vector must not be empty. */
#define vec_last(v) (&(v)->p[(v)->n - 1])

/* Frees the array; the vector is empty afterwards. */
#define vec_fini(v) (free((v)->p), (v)->p = NULL, (v)->n = (v)->cap = 0)

#endif
