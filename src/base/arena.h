/*
 * base/arena.h - memory of one request: counted, limited, freed in one call.
 *
 * A budget is a number of bytes that may be held at a time; budgets form a
 * tree (process > component > query > selector), and taking from one takes
 * from all above it.  An arena hands out pieces of blocks that it took from
 * its budget.  Single pieces are never freed; arena_rewind gives back
 * everything since a mark, arena_fini everything.
 *
 * Over budget is a result that the caller handles: allocation returns NULL,
 * and arena_err() words the RESOURCE_EXHAUSTED error with the figures.
 * Under AddressSanitizer every piece is its own malloc, so that overruns and
 * uses after rewind are seen.
 */
#ifndef BASE_ARENA_H
#define BASE_ARENA_H

#include "base/compiler.h"
#include "base/err.h"
#include "base/str.h"

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* No limit of its own; only the parents' limits hold. */
#define BUDGET_UNLIMITED UINT64_MAX

/* Bytes that may be held at a time. A plain value; keep it where it was initialised. */
struct budget {
	struct budget *parent; /* NULL for the root */
	const char *name;      /* for error messages, static string, e.g. "query" */
	uint64_t limit;        /* bytes */
	uint64_t used;         /* bytes held now, by this budget and its children */
	uint64_t peak;         /* highest `used` so far */
	uint64_t refused;      /* size of the last request that was refused, 0 if none */
	uint64_t refusals;     /* how many were refused so far */
};

/* Prepares a budget of `limit` bytes under `parent` (or NULL). */
void budget_init(struct budget *b, struct budget *parent, const char *name, uint64_t limit);

/* Ends a budget; everything must have been given back (aborts otherwise). */
void budget_fini(struct budget *b);

/* Takes `n` bytes from `b` and its parents; false, with nothing taken, where one is full. b may be NULL. */
bool budget_take(struct budget *b, uint64_t n) MUST_CHECK;

/* How many requests `b` and its parents have refused so far: to tell whether a failed call ran into them. b may be NULL. */
uint64_t budget_refusals(const struct budget *b);

/* Gives back `n` bytes taken before. b may be NULL. */
void budget_give(struct budget *b, uint64_t n);

/* Fills `e` with RESOURCE_EXHAUSTED and the figures of the budget that refused. Returns the negated code. */
int budget_err(const struct budget *b, struct err *e);

/* A function to run when an arena goes, or is rewound past the call. */
typedef void arena_cleanup_fn(void *arg);

struct arena_block;
struct arena_cleanup;

/* An arena. Members are private; keep it where it was initialised. */
struct arena {
	struct budget *budget;
	struct arena_block *head;
	struct arena_cleanup *cleanups;
	char *pos, *end;
	size_t next_block;
	uint64_t bytes; /* taken from the budget; readable */
};

/* A position in an arena, for arena_rewind. */
struct arena_mark {
	struct arena_block *head;
	struct arena_cleanup *cleanups;
	char *pos, *end;
};

/* Prepares an empty arena that draws on `budget` (NULL: unlimited). Takes no memory yet. */
void arena_init(struct arena *a, struct budget *budget);

/* Runs the cleanups, last first, and frees everything. The arena may be used again afterwards. */
void arena_fini(struct arena *a);

/* `size` uninitialised bytes, 16-byte aligned; NULL when over budget. */
void *arena_alloc(struct arena *a, size_t size) MUST_CHECK;

/* As arena_alloc, zeroed. */
void *arena_zalloc(struct arena *a, size_t size) MUST_CHECK;

/* `n` zeroed elements of `size` bytes; NULL when over budget or on overflow. */
void *arena_array(struct arena *a, size_t n, size_t size) MUST_CHECK;

/* A copy of `n` bytes, with a zero byte after them; NULL when over budget. */
char *arena_memdup(struct arena *a, const void *p, size_t n) MUST_CHECK;

/* A copy of a C string; NULL when over budget. */
char *arena_strdup(struct arena *a, const char *s) MUST_CHECK;

/* A formatted C string; NULL when over budget. */
char *arena_printf(struct arena *a, const char *fmt, ...) PRINTF_LIKE(2, 3) MUST_CHECK;

/* Runs fn(arg) when the arena goes or is rewound past this point. Returns false when over budget. */
bool arena_on_fini(struct arena *a, arena_cleanup_fn *fn, void *arg) MUST_CHECK;

/*
 * Makes room for `size` bytes in one block, so that what follows a mark taken now needs no new block, and a rewind gives none back,
 * until it is used up. False when over budget. No effect under sanitizers, where every piece is a malloc.
 */
bool arena_reserve(struct arena *a, size_t size);

/* Notes the current position. */
struct arena_mark arena_mark(const struct arena *a);

/* Frees everything allocated since `m`, running the cleanups registered since, last first. */
void arena_rewind(struct arena *a, struct arena_mark m);

/* Fills `e` with RESOURCE_EXHAUSTED and the figures of the budget that refused last. Returns the negated code. */
int arena_err(const struct arena *a, struct err *e);

#endif
