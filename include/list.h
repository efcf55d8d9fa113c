/* SPDX-License-Identifier: MIT */
/*
 * A circular list in the entries themselves. One writer at a time, who holds the list's lock.
 *
 * Readers without a lock go forward only, by list_for_each_rcu(): list_add_rcu() may run meanwhile.
 * list_del() may not: who takes an entry out first sees to it that no reader is in the list.
 */
#ifndef SMPOKE_LIST_H
#define SMPOKE_LIST_H

#include "atomic.h"
#include "types.h"

struct list_head {
	struct list_head *next, *prev; /* prev is for the writer */
};

#define LIST_HEAD_INIT(name)                                                                       \
	{                                                                                          \
		&(name), &(name)                                                                   \
	}

#define list_entry(node, type, member) ((type *)((char *)(node)-offsetof(type, member)))

/* For the writer, or when there is none. */
#define list_for_each(node, head)                                                                  \
	for (struct list_head *node = (head)->next; node != (head); node = node->next)

/*
 * For readers while entries are added. The load-acquire pairs with the store-release of
 * list_add_rcu(): what was written into an entry before it was added is there when it is met. The
 * user of the list names the pair.
 */
#define list_for_each_rcu(node, head)                                                              \
	for (struct list_head *node = load_acquire(&(head)->next); node != (head);                 \
	     node = load_acquire(&node->next))

/*
 * list_add_rcu() - add behind @head, complete before a reader can meet it
 *
 * Readers know next alone, so the one store to head->next is the publication.
 */
static inline void list_add_rcu(struct list_head *node, struct list_head *head)
{
	node->next = head->next;
	node->prev = head;
	store_release(&head->next, node);
	node->next->prev = node;
}

/* list_del() - take out; nobody stands on @node, and its pointers lead nowhere afterwards */
static inline void list_del(struct list_head *node)
{
	node->prev->next = node->next;
	node->next->prev = node->prev;
	node->next = node->prev = NULL;
}

#endif
