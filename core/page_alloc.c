/* SPDX-License-Identifier: MIT */
/*
 * Pages that are given back: one byte of state for each, and nothing inside the pages themselves,
 * because those are poisoned and out of reach.
 */
#include "page_alloc.h"

#include "bulk.h"
#include "fault.h"
#include "machine.h"
#include "mem.h"
#include "text_patching.h"

/* Undrawn is 0: what the map of a reserved range holds before page_alloc_init_late(). */
enum page_state {
	PAGE_UNDRAWN,
	PAGE_RESERVED,
	PAGE_FREE,
	PAGE_USED,
	PAGE_SPOILT,
};

struct page_range {
	struct page_range *next;
	const char *name;
	u8 *begin;
	size_t nr_pages;
	size_t nr_released; /* as its owner sees it, whatever became of the map */
	bool is_pool;
	u8 state[]; /* enum page_state */
};

/* All under text_mutex. */
static struct page_range *ranges;
static struct page_alloc_setup config;
static bool ready;
static u32 fail_in;
static u64 nr_left_mapped;
static struct page_refusal refusal;
static u64 nr_refused[NR_PAGE_RULES];

static size_t range_bytes(size_t nr_pages)
{
	return sizeof(struct page_range) + nr_pages;
}

static u8 *page_at(const struct page_range *range, size_t i)
{
	return range->begin + i * PAGE_BYTES;
}

static u8 *range_end(const struct page_range *range)
{
	return page_at(range, range->nr_pages);
}

static size_t index_of(const struct page_range *range, const void *page)
{
	return ((const u8 *)page - range->begin) / PAGE_BYTES;
}

static bool whole_pages(const void *begin, const void *end)
{
	return (u64)begin % PAGE_BYTES == 0 && (u64)end % PAGE_BYTES == 0 && begin <= end;
}

static struct page_range *range_of(const void *begin, const void *end)
{
	struct page_range *range = ranges;

	if (!whole_pages(begin, end))
		return NULL;
	while (range && !((u8 *)begin >= range->begin && (u8 *)end <= range_end(range)))
		range = range->next;
	return range;
}

static int refuse(enum page_rule rule, const char *name, const void *page)
{
	refusal = (struct page_refusal){ .rule = rule, .name = name, .page = page };
	nr_refused[rule]++;
	return -ERR_REFUSED;
}

static int set_access(void *begin, size_t bytes, bool accessible)
{
	return config.access ? config.access(begin, bytes, accessible) : 0;
}

/* ---- Ranges ---- */

static void forget_refusals(void)
{
	memset(&refusal, 0, sizeof(refusal));
	memset(nr_refused, 0, sizeof(nr_refused));
	nr_left_mapped = 0;
}

int page_alloc_setup(const struct page_alloc_setup *setup)
{
	if (!text_mutex_held())
		return -ERR_PERM;
	if (ranges)
		return -ERR_EXIST;
	config = *setup;
	ready = false;
	fail_in = 0;
	forget_refusals();
	return 0;
}

/* A page that cannot be opened stays as it is: nobody is served by giving up here. */
static void open_free_pages(const struct page_range *range)
{
	for (size_t i = 0; i < range->nr_pages; i++)
		if (range->state[i] == PAGE_FREE)
			set_access(page_at(range, i), PAGE_BYTES, true);
}

int page_alloc_exit(void)
{
	struct page_range *next;

	if (!text_mutex_held())
		return -ERR_PERM;
	for (struct page_range *range = ranges; range; range = next) {
		next = range->next;
		open_free_pages(range);
		machine_free(range, range_bytes(range->nr_pages));
	}
	ranges = NULL;
	ready = false;
	return 0;
}

static bool overlaps_another(const u8 *begin, const u8 *end)
{
	for (const struct page_range *range = ranges; range; range = range->next)
		if (begin < range_end(range) && range->begin < end)
			return true;
	return false;
}

/* Return: the range, not yet listed, or NULL with the reason in *ret_err. */
static struct page_range *new_range(const char *name, u8 *begin, u8 *end, int *ret_err)
{
	size_t nr_pages = (end - begin) / PAGE_BYTES;
	struct page_range *range;

	*ret_err = -ERR_PERM;
	if (!text_mutex_held())
		return NULL;
	*ret_err = -ERR_INVAL;
	if (!whole_pages(begin, end) || !nr_pages)
		return NULL;
	*ret_err = -ERR_EXIST;
	if (overlaps_another(begin, end))
		return NULL;
	*ret_err = -ERR_NOMEM;
	range = machine_alloc(range_bytes(nr_pages));
	if (!range)
		return NULL;
	range->name = name;
	range->begin = begin;
	range->nr_pages = nr_pages;
	*ret_err = 0;
	return range;
}

static void add_range(struct page_range *range)
{
	range->next = ranges;
	ranges = range;
}

int page_alloc_add_reserved(const char *name, void *begin, void *end)
{
	int err;
	struct page_range *range = new_range(name, begin, end, &err);

	if (!range)
		return err;
	memset(range->state, ready ? PAGE_RESERVED : PAGE_UNDRAWN, range->nr_pages);
	add_range(range);
	return 0;
}

/* Poison, put out of reach, and only then free: so no page is free that was not poisoned. */
static int make_free(struct page_range *range, size_t first, size_t nr)
{
	u8 *begin = page_at(range, first);
	int err = set_access(begin, nr * PAGE_BYTES, true);

	if (err)
		return err;
	if (!fault(OMIT_POISON))
		fill_pages(begin, PAGE_POISON, nr * PAGE_BYTES);
	if (!fault(FREED_STAYS_MAPPED) && set_access(begin, nr * PAGE_BYTES, false))
		nr_left_mapped += nr;
	memset(range->state + first, PAGE_FREE, nr);
	return 0;
}

int page_alloc_add_pool(const char *name, void *begin, void *end)
{
	int err;
	struct page_range *range = new_range(name, begin, end, &err);

	if (!range)
		return err;
	err = make_free(range, 0, range->nr_pages);
	if (err) {
		machine_free(range, range_bytes(range->nr_pages));
		return err;
	}
	range->is_pool = true;
	range->nr_released = range->nr_pages;
	add_range(range);
	return 0;
}

static bool is_handed_out(const struct page_range *range)
{
	for (size_t i = 0; i < range->nr_pages; i++)
		if (range->state[i] == PAGE_USED)
			return true;
	return false;
}

int page_alloc_remove_pool(const void *begin)
{
	struct page_range **link = &ranges, *range;

	if (!text_mutex_held())
		return -ERR_PERM;
	while (*link && !((*link)->is_pool && (*link)->begin == begin))
		link = &(*link)->next;
	range = *link;
	if (!range)
		return -ERR_INVAL;
	if (is_handed_out(range))
		return -ERR_BUSY;
	*link = range->next;
	open_free_pages(range);
	machine_free(range, range_bytes(range->nr_pages));
	return 0;
}

int page_alloc_init_late(void)
{
	if (!text_mutex_held())
		return -ERR_PERM;
	if (ready)
		return 0;
	/* Drawn from what is known of the range, not of its pages: an earlier free is lost here. */
	for (struct page_range *range = ranges; range; range = range->next)
		if (!range->is_pool)
			memset(range->state, PAGE_RESERVED, range->nr_pages);
	ready = true;
	return 0;
}

bool page_alloc_ready(void)
{
	return ready;
}

/* ---- Freeing ---- */

static enum page_rule rule_broken(u8 state, u8 wanted)
{
	if (state == wanted || fault(FREE_TWICE))
		return PAGE_RULE_NONE;
	if (state == PAGE_FREE)
		return PAGE_RULE_FREE_TWICE;
	return state == PAGE_UNDRAWN ? PAGE_RULE_NOT_READY : PAGE_RULE_OWNER;
}

/* Every page of [begin, end) is @wanted, and then all of them are free. */
static int free_pages(const char *name, u8 *begin, u8 *end, u8 wanted)
{
	struct page_range *range = range_of(begin, end);
	size_t first, nr = (end - begin) / PAGE_BYTES;

	if (!range)
		return refuse(PAGE_RULE_RANGE, name, begin);
	first = index_of(range, begin);
	for (size_t i = first; i < first + nr; i++) {
		enum page_rule rule = rule_broken(range->state[i], wanted);

		if (rule != PAGE_RULE_NONE)
			return refuse(rule, name, page_at(range, i));
	}
	if (make_free(range, first, nr))
		return refuse(PAGE_RULE_ACCESS, name, begin);
	if (wanted != PAGE_USED)
		range->nr_released += nr;
	return 0;
}

int free_init_pages(const char *name, void *begin, void *end)
{
	if (!text_mutex_held())
		return -ERR_PERM;
	if (begin == end)
		return 0;
	if (ready)
		return free_pages(name, begin, end, PAGE_RESERVED);
	if (!config.free_before_ready && !fault(FREE_BEFORE_READY))
		return refuse(PAGE_RULE_NOT_READY, name, begin);
	return free_pages(name, begin, end, PAGE_UNDRAWN);
}

int page_free(void *page)
{
	if (!text_mutex_held())
		return -ERR_PERM;
	return free_pages("page_free()", page, (u8 *)page + PAGE_BYTES, PAGE_USED);
}

/* ---- Handing out ---- */

static bool poison_is_whole(const u8 *page)
{
	for (size_t i = 0; i < PAGE_BYTES; i++)
		if (page[i] != PAGE_POISON)
			return false;
	return true;
}

/* Return: the page, or NULL when this one is not to be had. */
static void *take(struct page_range *range, size_t i)
{
	u8 *page = page_at(range, i);

	if (set_access(page, PAGE_BYTES, true))
		return NULL;
	if (!poison_is_whole(page)) {
		range->state[i] = PAGE_SPOILT;
		return NULL;
	}
	fill_pages(page, 0, PAGE_BYTES);
	range->state[i] = PAGE_USED;
	return page;
}

static bool failure_was_asked_for(void)
{
	return fail_in && --fail_in == 0;
}

void *page_alloc(void)
{
	if (!text_mutex_held() || failure_was_asked_for())
		return NULL;
	for (struct page_range *range = ranges; range; range = range->next) {
		for (size_t i = 0; i < range->nr_pages; i++) {
			void *page = range->state[i] == PAGE_FREE ? take(range, i) : NULL;

			if (page)
				return page;
		}
	}
	return NULL;
}

void page_alloc_fail(u32 nth)
{
	fail_in = nth;
}

/* ---- The books ---- */

static void count_range(const struct page_range *range, struct page_books *ret)
{
	size_t nr[PAGE_SPOILT + 1] = { 0 };
	size_t found;

	for (size_t i = 0; i < range->nr_pages; i++)
		nr[range->state[i]]++;
	ret->nr_pages += range->nr_pages;
	ret->nr_undrawn += nr[PAGE_UNDRAWN];
	ret->nr_reserved += nr[PAGE_RESERVED];
	ret->nr_free += nr[PAGE_FREE];
	ret->nr_used += nr[PAGE_USED];
	ret->nr_spoilt += nr[PAGE_SPOILT];
	ret->nr_released += range->nr_released;
	found = nr[PAGE_FREE] + nr[PAGE_USED] + nr[PAGE_SPOILT];
	if (found == range->nr_released)
		return;
	ret->nr_lost += range->nr_released - found;
	ret->lost_from = range->name;
}

int page_alloc_audit(struct page_books *ret)
{
	memset(ret, 0, sizeof(*ret));
	if (!text_mutex_held())
		return -ERR_PERM;
	for (const struct page_range *range = ranges; range; range = range->next)
		count_range(range, ret);
	ret->nr_left_mapped = nr_left_mapped;
	memcpy(ret->nr_refused, nr_refused, sizeof(nr_refused));
	return ret->lost_from || ret->nr_spoilt ? -ERR_CORRUPT : 0;
}

const struct page_refusal *page_alloc_refusal(void)
{
	return &refusal;
}

const char *page_rule_name(enum page_rule rule)
{
	static const char *const names[NR_PAGE_RULES] = {
		[PAGE_RULE_NONE] = "none",
		[PAGE_RULE_RANGE] = "not whole pages of a known range",
		[PAGE_RULE_NOT_READY] = "before page_alloc_init_late()",
		[PAGE_RULE_FREE_TWICE] = "free already",
		[PAGE_RULE_OWNER] = "not the caller's",
		[PAGE_RULE_ACCESS] = "the machine cannot make it writable",
	};

	return names[rule];
}
