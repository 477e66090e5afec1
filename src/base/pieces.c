#include "config.h"

#include "base/pieces.h"

#include "base/assert.h"
#include "base/list.h"
#include "base/mem.h"

#include <pthread.h>
#include <stdlib.h>
#include <sys/mman.h>

#ifdef TH_SANITIZERS

/* Each from malloc, so that what is written beside one is found. */
void *piece_new(size_t size)
{
	CHECK(size > 0 && size <= PIECE_MAX);
	return xmalloc(size);
}

void piece_free(void *p)
{
	free(p);
}

void piece_stats(uint64_t *ret_used, uint64_t *ret_kept)
{
	*ret_used = *ret_kept = 0;
}

#else

#define PAGE_BYTES ((size_t)16 << 10)
#define PAGE_HEADER 64
#define EXTENT_BYTES ((size_t)1 << 20)

/* Sizes go in steps. */
#define STEP 8
#define SIZES (PIECE_MAX / STEP + 1)

/* So many pages without pieces keep their memory. */
#define KEEP_PAGES 64

/* A free piece. */
struct free_piece {
	struct free_piece *next;
};

/* The beginning of a page. */
struct page {
	struct list link; /* of its size, while it has room; or of the pages without pieces */
	struct free_piece *freed;
	uint32_t size, live;
	uint32_t fresh; /* offset from which on nothing was given out yet */
};

_Static_assert(sizeof(struct page) <= PAGE_HEADER, "fits before the pieces");

static pthread_mutex_t lock = PTHREAD_MUTEX_INITIALIZER;
static struct list with_room[SIZES]; /* by size / STEP; not initialised where next is NULL */
static struct list empty = LIST_SELF(empty);
static size_t n_empty, n_pages;
static char *extent; /* where pages come from that were never used */
static size_t extent_left;

/* A page without pieces. */
static struct page *take_page(void)
{
	if (!list_empty(&empty)) {
		n_empty--;
		return list_entry(list_pop_front(&empty), struct page, link);
	}
	if (extent_left == 0) {
		extent = aligned_alloc(PAGE_BYTES, EXTENT_BYTES);
		if (!extent)
			extent = xmalloc(SIZE_MAX / 2); /* says so and aborts */
		extent_left = EXTENT_BYTES;
	}
	extent_left -= PAGE_BYTES;
	n_pages++;
	return (struct page *)(extent + extent_left);
}

static struct page *page_for(size_t size)
{
	struct list *l = &with_room[size / STEP];
	if (!l->next)
		list_init(l);
	if (!list_empty(l))
		return list_entry(l->next, struct page, link);
	struct page *pg = take_page();
	*pg = (struct page){ .size = (uint32_t)size, .fresh = PAGE_HEADER };
	list_push_back(l, &pg->link);
	return pg;
}

static bool is_full(const struct page *pg)
{
	return !pg->freed && pg->fresh + pg->size > PAGE_BYTES;
}

static void *take(struct page *pg)
{
	void *p = pg->freed;
	if (p) {
		pg->freed = pg->freed->next;
	} else {
		p = (char *)pg + pg->fresh;
		pg->fresh += pg->size;
	}
	pg->live++;
	if (is_full(pg))
		list_del(&pg->link);
	return p;
}

/* Nothing is left of the page. */
static void put_empty(struct page *pg)
{
	list_del(&pg->link);
	/* Its beginning is touched; the rest goes back to the kernel. */
	if (n_empty >= KEEP_PAGES)
		(void)madvise((char *)pg + 4096, PAGE_BYTES - 4096, MADV_DONTNEED);
	list_push_front(&empty, &pg->link);
	n_empty++;
}

static void give(struct page *pg, void *p)
{
	bool was_full = is_full(pg);
	struct free_piece *f = p;
	f->next = pg->freed;
	pg->freed = f;
	if (was_full)
		list_push_front(&with_room[pg->size / STEP], &pg->link);
	if (--pg->live == 0)
		put_empty(pg);
}

void *piece_new(size_t size)
{
	CHECK(size > 0 && size <= PIECE_MAX);
	size = (size + STEP - 1) / STEP * STEP;
	pthread_mutex_lock(&lock);
	void *p = take(page_for(size));
	pthread_mutex_unlock(&lock);
	return p;
}

void piece_free(void *p)
{
	if (!p)
		return;
	pthread_mutex_lock(&lock);
	give((struct page *)((uintptr_t)p & ~(uintptr_t)(PAGE_BYTES - 1)), p);
	pthread_mutex_unlock(&lock);
}

void piece_stats(uint64_t *ret_used, uint64_t *ret_kept)
{
	pthread_mutex_lock(&lock);
	*ret_used = (n_pages - n_empty) * PAGE_BYTES;
	*ret_kept = n_empty * PAGE_BYTES;
	pthread_mutex_unlock(&lock);
}

#endif
