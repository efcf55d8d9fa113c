/* SPDX-License-Identifier: MIT */
/*
 * A small page allocator: what the image no longer needs is given back, and handed out again.
 *
 * It knows ranges of pages that it was told of. A reserved range is in use by its owner until
 * free_init_pages(); its map of pages is drawn only by page_alloc_init_late(), as Linux defers that
 * of most memory. A free before that would be forgotten by the map that is drawn afterwards
 * (seed 1), so it is refused. A pool is free from the start.
 *
 * A page that is free is poisoned, and out of reach where the machine can do that: who still reads
 * it faults, instead of reading what was there.
 *
 * Context of all: boot CPU, text_mutex held (checked), alias closed.
 */
#ifndef SMPOKE_PAGE_ALLOC_H
#define SMPOKE_PAGE_ALLOC_H

#include "types.h"

#define PAGE_POISON 0xCC /* as code it traps, as an offset in a table it leads far outside */

/**
 * page_access_fn - the machine's part: let pages be reached, or not
 * @accessible: true: on return the boot CPU may read and write them, whatever they were before;
 *	never executable. false: on return an access by any CPU of ours faults; a CPU that has a
 *	translation left has dropped it
 *
 * The callee may run a sync: text_mutex is held and interrupts are on. It may not allocate.
 * Return: 0; negative when it cannot, with nothing changed.
 */
typedef int (*page_access_fn)(void *begin, size_t bytes, bool accessible);

struct page_alloc_setup {
	page_access_fn access; /* NULL: pages stay within reach, and poison is all there is */
	bool free_before_ready; /* before seed 1: taken, and then lost by page_alloc_init_late() */
};

/* What a call can break. */
enum page_rule {
	PAGE_RULE_NONE,
	PAGE_RULE_RANGE, /* not whole pages of one range that was added */
	PAGE_RULE_NOT_READY, /* a reserved page, before page_alloc_init_late() */
	PAGE_RULE_FREE_TWICE, /* it is free */
	PAGE_RULE_OWNER, /* not the caller's: still reserved, or handed out to somebody */
	PAGE_RULE_ACCESS, /* the machine could not make it writable */
	NR_PAGE_RULES,
};

/* The last refusal. Valid until the next call. */
struct page_refusal {
	enum page_rule rule;
	const char *name; /* what the caller calls the pages */
	const void *page; /* the first that offends */
};

/* The sum over all ranges, counted anew from the map by page_alloc_audit(). */
struct page_books {
	u64 nr_pages;
	u64 nr_undrawn; /* reserved, and page_alloc_init_late() has not run */
	u64 nr_reserved, nr_free, nr_used;
	u64 nr_spoilt; /* written to while free; never handed out again */
	u64 nr_released; /* given up by their owners: should all be free, used or spoilt */
	u64 nr_lost; /* given up, and nobody can ever get them */
	const char *lost_from; /* the range they are in; NULL if none */
	u64 nr_left_mapped; /* freed, but the machine could not put them out of reach */
	u64 nr_refused[NR_PAGE_RULES];
};

/**
 * page_alloc_setup() - start with no ranges, not ready
 *
 * Return: 0; -ERR_PERM; -ERR_EXIST when there are ranges: page_alloc_exit() first.
 */
int page_alloc_setup(const struct page_alloc_setup *setup);

/**
 * page_alloc_exit() - forget all; pages that are free can be reached again, and stay poisoned
 *
 * Whoever gave the ranges has them back. Return: 0 or -ERR_PERM.
 */
int page_alloc_exit(void);

/**
 * page_alloc_add_reserved() - pages that free_init_pages() may be called for later
 * page_alloc_add_pool() - pages to hand out at once
 * @name: kept, not copied
 *
 * Return: 0; -ERR_PERM; -ERR_INVAL when these are not whole pages, or none; -ERR_EXIST when they
 * overlap others; -ERR_NOMEM; for a pool the error of the machine.
 */
int page_alloc_add_reserved(const char *name, void *begin, void *end);
int page_alloc_add_pool(const char *name, void *begin, void *end);

/**
 * page_alloc_remove_pool() - take a pool back, none of whose pages is handed out
 * @begin: as it was added
 *
 * Its pages can be reached again, and stay poisoned.
 * Return: 0; -ERR_PERM; -ERR_INVAL when no pool begins there; -ERR_BUSY with a page handed out.
 */
int page_alloc_remove_pool(const void *begin);

/**
 * page_alloc_init_late() - draw the map of the reserved ranges; from now on they can be freed
 *
 * Once, before every init stage that frees. Return: 0 or -ERR_PERM.
 */
int page_alloc_init_late(void);
bool page_alloc_ready(void);

/**
 * free_init_pages() - the owner of reserved pages gives them up
 * @name: what they were, for the refusal
 *
 * All or none; an empty range is fine. Poisons, and puts out of reach.
 * Return: 0; -ERR_PERM; -ERR_REFUSED with page_alloc_refusal() set and nothing changed.
 */
int free_init_pages(const char *name, void *begin, void *end);

/**
 * page_alloc() - one page, zeroed
 *
 * A page whose poison has changed was written to while it was free: it is put aside and counted.
 * Return: NULL without the lock, when nothing is free, or when a failure was asked for.
 */
void *page_alloc(void);

/**
 * page_free() - give back what page_alloc() gave
 *
 * Return: 0; -ERR_PERM; -ERR_REFUSED with page_alloc_refusal() set and nothing changed.
 */
int page_free(void *page);

/* page_alloc_fail() - let the @nth call of page_alloc() from now on fail, once; 0 = none */
void page_alloc_fail(u32 nth);

/**
 * page_alloc_audit() - count every page
 *
 * Return: 0; -ERR_PERM; -ERR_CORRUPT when pages are lost or spoilt.
 */
int page_alloc_audit(struct page_books *ret);

const struct page_refusal *page_alloc_refusal(void);
const char *page_rule_name(enum page_rule rule);

#endif
