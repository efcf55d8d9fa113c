/* SPDX-License-Identifier: MIT */
/*
 * A page of nodes for every 70 modules or so, so that a list of thousands is as dense as in Linux.
 */
#include "smp_alt_nodes.h"

#include "mem.h"
#include "page_alloc.h"

struct node_page {
	struct node_page *next; /* with room: full pages are on no list */
	struct smp_alt_module *free;
	u32 nr_used;
	struct smp_alt_module nodes[];
};

#define NODES_PER_PAGE ((PAGE_BYTES - sizeof(struct node_page)) / sizeof(struct smp_alt_module))

static struct node_page *pages_with_room;

static void add_page(struct node_page *page)
{
	page->next = pages_with_room;
	pages_with_room = page;
}

static void remove_page(struct node_page *page)
{
	struct node_page **link = &pages_with_room;

	while (*link != page)
		link = &(*link)->next;
	*link = page->next;
}

static void put_node(struct node_page *page, struct smp_alt_module *node)
{
	node->next = page->free;
	page->free = node;
}

static struct node_page *new_page(void)
{
	struct node_page *page = page_alloc();

	if (!page)
		return NULL;
	for (size_t i = NODES_PER_PAGE; i > 0; i--)
		put_node(page, &page->nodes[i - 1]);
	add_page(page);
	return page;
}

struct smp_alt_module *smp_alt_node_alloc(void)
{
	struct node_page *page = pages_with_room ? pages_with_room : new_page();
	struct smp_alt_module *node;

	if (!page)
		return NULL;
	node = page->free;
	page->free = node->next;
	page->nr_used++;
	if (!page->free)
		remove_page(page);
	memset(node, 0, sizeof(*node));
	return node;
}

void smp_alt_node_free(struct smp_alt_module *node)
{
	struct node_page *page = (struct node_page *)((u64)node & ~(PAGE_BYTES - 1));

	if (!page->free)
		add_page(page);
	put_node(page, node);
	if (--page->nr_used)
		return;
	remove_page(page);
	/* It came from page_alloc(), so this is refused only when the machine cannot; the page then
	 * stays in the books as used. */
	page_free(page);
}
