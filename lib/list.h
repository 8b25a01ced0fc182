/* Doubly linked lists, whose head is a node of its own. */
#pragma once

#include "lib/types.h"

struct list {
	struct list *next, *prev;
};
#define LIST_INIT(name)          \
	{                        \
		&(name), &(name) \
	}

static inline void
list_init(struct list *l)
{
	l->next = l->prev = l;
}

static inline bool
list_empty(const struct list *l)
{
	return l->next == l;
}

static inline void
list_add_tail(struct list *head, struct list *n)
{
	n->prev = head->prev;
	n->next = head;
	head->prev->next = n;
	head->prev = n;
}

static inline void
list_remove(struct list *n)
{
	n->prev->next = n->next;
	n->next->prev = n->prev;
	n->next = n->prev = n;
}

#define list_entry(p, type, member) container_of(p, type, member)
/* The body may remove `it`. */
#define list_for_each(it, head)                                                   \
	for (struct list *it = (head)->next, *it##_next = it->next; it != (head); \
		it = it##_next, it##_next = it->next)
/* The first of a list of `type`, linked by `member`, for which `cond` holds of `e`; else NULL. */
#define list_find(type, member, head, e, cond)                                                  \
	({                                                                                      \
		type *e = NULL;                                                                 \
		for (struct list *it_ = (head)->next; it_ != (head); it_ = it_->next, e = NULL) \
			if (e = list_entry(it_, type, member), cond)                            \
				break;                                                          \
		e;                                                                              \
	})
