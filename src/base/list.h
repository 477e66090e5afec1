/*
 * base/list.h - intrusive doubly linked lists.
 *
 * A `struct list` member makes an object linkable; a head is a `struct list`
 * too. An object on no list points to itself (list_init), so removing it
 * twice is harmless.
 */
#ifndef BASE_LIST_H
#define BASE_LIST_H

#include "base/compiler.h"

#include <stdbool.h>

/* A head, or the link in an object. */
struct list {
	struct list *prev, *next;
};

/* Static initialiser of an empty head. */
#define LIST_SELF(l) \
	{ \
		&(l), &(l) \
	}

/* Makes a head empty, or a link unlinked. */
static inline void list_init(struct list *l)
{
	l->prev = l->next = l;
}

/* Whether the head is empty, or the link on no list. */
static inline bool list_empty(const struct list *l)
{
	return l->next == l;
}

/* Puts `item` right before `at`; with a head as `at`: at the end. */
static inline void list_insert_before(struct list *at, struct list *item)
{
	item->prev = at->prev;
	item->next = at;
	at->prev->next = item;
	at->prev = item;
}

/* Puts `item` at the end. */
static inline void list_push_back(struct list *head, struct list *item)
{
	list_insert_before(head, item);
}

/* Puts `item` at the front. */
static inline void list_push_front(struct list *head, struct list *item)
{
	list_insert_before(head->next, item);
}

/* Takes `item` off its list, if it is on one. */
static inline void list_del(struct list *item)
{
	item->prev->next = item->next;
	item->next->prev = item->prev;
	list_init(item);
}

/* Takes the first link off and returns it, or NULL. */
static inline struct list *list_pop_front(struct list *head)
{
	struct list *l = head->next;
	if (l == head)
		return NULL;
	list_del(l);
	return l;
}

/* The object of type T whose member `m` is the link `l`. */
#define list_entry(l, T, m) CONTAINER_OF(l, T, m)

/* Walks a list; the current object may be removed in the body. */
#define list_for_each(it, head) \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head); it = it##_next, it##_next = it->next)

#endif
