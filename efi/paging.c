/* SPDX-License-Identifier: MIT */
#include "paging.h"

#include "firmware.h"
#include "machine.h"
#include "mem.h"
#include "x86.h"

#define PTE_PRESENT (1ull << 0)
#define PTE_WRITE (1ull << 1)
#define PTE_USER (1ull << 2)
#define PTE_ACCESSED (1ull << 5)
#define PTE_DIRTY (1ull << 6)
#define PTE_LARGE (1ull << 7) /* levels 2 and 3 */
#define PTE_PAT_SMALL (1ull << 7) /* level 1 */
#define PTE_GLOBAL (1ull << 8)
#define PTE_PAT_LARGE (1ull << 12) /* levels 2 and 3, leaves */
#define PTE_NX (1ull << 63)
#define PTE_ADDRESS 0x000FFFFFFFFFF000ull

#define CR4_LA57 (1ull << 12)
#define MSR_EFER 0xC0000080
#define EFER_NXE (1ull << 11)

#define NR_ENTRIES 512
#define PAGES_PER_LARGE 512
/* Two arenas of 16 and 8 MiB with their alias need about 40; the rest is for machine_alloc(). */
#define POOL_PAGES 384

/*
 * Every CPU of ours has a top level of its own; below it all share one tree. Ours (CPU 0's) is the
 * one that changes are made in.
 */
static u64 *our_top;
static u64 *our_top_alone[1];
static u64 **tops = our_top_alone;
static u32 nr_tops, max_tops = 1;
static u64 firmware_cr3;
static u32 top_level;

/*
 * The address space for writing text: what a CPU has below text_poke_mm_addr while its top level
 * holds the entry text_poke_mm, and no CPU has otherwise.
 *
 * In Linux it is an address space of its own, because there the top level is the process's and is
 * shared by its threads: only another CR3 is private to the CPU that patches. Here each CPU has a
 * top level to itself, so one entry makes and unmakes the same: the writable view exists on this
 * CPU, between opening and closing. What it saves is a CR3 load for opening, and the misses after.
 */
static u64 text_poke_mm;
static u64 text_poke_mm_addr;
static u64 text_poke_mm_block; /* the address whose alias text_poke_mm_addr is */
static u64 nx; /* PTE_NX, or 0 where the bit is reserved */
static bool active;

static u8 *pool;
static u32 pool_used;

static u32 level_shift(u32 level)
{
	return 12 + 9 * (level - 1);
}

static u64 *entry_of(u64 *table, u64 address, u32 level)
{
	return &table[address >> level_shift(level) & (NR_ENTRIES - 1)];
}

static u32 alias_slot(void)
{
	return text_poke_mm_addr >> level_shift(top_level) & (NR_ENTRIES - 1);
}

static u64 *table_of(u64 entry)
{
	return (u64 *)(entry & PTE_ADDRESS);
}

static u64 *new_table(void)
{
	u64 *table;

	if (pool_used == POOL_PAGES)
		return NULL;
	table = (u64 *)(pool + PAGE_BYTES * pool_used++);
	memset(table, 0, PAGE_BYTES);
	return table;
}

static bool is_private(u64 entry)
{
	u64 address = entry & PTE_ADDRESS;

	return entry & PTE_PRESENT && address >= (u64)pool &&
	       address < (u64)pool + POOL_PAGES * PAGE_BYTES;
}

/* One large leaf becomes 512 smaller ones with the same rights and memory type. */
static void split_leaf(u64 *table, u64 leaf, u32 level)
{
	u64 step = 1ull << level_shift(level - 1);
	u64 address = leaf & PTE_ADDRESS & ~((1ull << level_shift(level)) - 1);
	u64 attributes = leaf & ~PTE_ADDRESS;
	u32 i;

	if (level == 2) {
		attributes &= ~PTE_LARGE;
		if (leaf & PTE_PAT_LARGE)
			attributes |= PTE_PAT_SMALL;
	} else {
		attributes |= leaf & PTE_PAT_LARGE;
	}
	for (i = 0; i < NR_ENTRIES; i++)
		table[i] = (address + i * step) | attributes;
}

/*
 * A right must be granted on every level. Restrictions of an upper one are moved to its children
 * in the copy, so that those of one page can be lifted.
 */
static void copy_table(u64 *table, u64 entry)
{
	u32 i;

	memcpy(table, table_of(entry), PAGE_BYTES);
	for (i = 0; i < NR_ENTRIES; i++) {
		if (!(table[i] & PTE_PRESENT))
			continue;
		table[i] |= entry & nx;
		if (!(entry & PTE_WRITE))
			table[i] &= ~PTE_WRITE;
	}
}

/*
 * The table below *@entry, which stands in a table of @level; private from now on, NULL = no memory
 */
static u64 *private_child(u64 *entry, u32 level)
{
	u64 *table;

	if (is_private(*entry) && !(*entry & PTE_LARGE))
		return table_of(*entry);
	table = new_table();
	if (!table)
		return NULL;
	if (*entry & PTE_PRESENT) {
		if (level <= 3 && *entry & PTE_LARGE)
			split_leaf(table, *entry, level);
		else
			copy_table(table, *entry);
	}
	*entry = (u64)table | PTE_PRESENT | PTE_WRITE | PTE_ACCESSED | (*entry & PTE_USER);
	return table;
}

/* The entry for @address in the table of @level, on a private path. NULL: no page for a table. */
static u64 *walk(u64 *top, u64 address, u32 level)
{
	u64 *table = top;
	u32 at;

	for (at = top_level; at > level; at--) {
		table = private_child(entry_of(table, address, at), at);
		if (!table)
			return NULL;
	}
	return entry_of(table, address, level);
}

/* Change an entry of the top level for every CPU. The alias slot is never changed this way. */
static void set_top(u32 i, u64 entry)
{
	u32 cpu;

	for (cpu = 0; cpu < nr_tops; cpu++)
		tops[cpu][i] = entry;
}

/* Firmware may map something new at the top level while we lend it the CPU. */
static void follow_firmware(void)
{
	const u64 *theirs = table_of(firmware_cr3);
	u32 i;

	for (i = 0; i < NR_ENTRIES; i++) {
		if (i != alias_slot() && !is_private(our_top[i]) && our_top[i] != theirs[i])
			set_top(i, theirs[i]);
	}
}

/* The entry that a walk gave CPU 0 becomes everybody's. */
static void share_top(u64 address)
{
	u32 i = address >> level_shift(top_level) & (NR_ENTRIES - 1);
	u32 cpu;

	for (cpu = 1; cpu < nr_tops; cpu++)
		tops[cpu][i] = our_top[i];
}

static bool is_free(u32 slot)
{
	return !(our_top[slot] & PTE_PRESENT);
}

/* How many free slots there are up to @last; with @nth, *ret is the one that so many come before */
static u32 count_free(u32 first, u32 last, u32 nth, u32 *ret)
{
	u32 i, nr = 0;

	for (i = first; i <= last; i++) {
		if (is_free(i) && nr++ == nth)
			*ret = i;
	}
	return nr;
}

/*
 * Another slot in each boot, so that a stray pointer of one run does not find the alias of the
 * next. In the lower half, whose addresses need no sign extension; and there in the upper half
 * first, where no device is that firmware could still want to map.
 */
static int choose_alias_slot(void)
{
	u32 first = NR_ENTRIES / 4, last = NR_ENTRIES / 2 - 1, slot = 0, nr;

	nr = count_free(first, last, 0, &slot);
	if (!nr) {
		first = 1;
		nr = count_free(first, last, 0, &slot);
	}
	if (!nr)
		return -ERR_UNSUPPORTED;
	count_free(first, last, (u32)(rdtsc() * 0x9E3779B97F4A7C15 >> 32) % nr, &slot);
	text_poke_mm_addr = (u64)slot << level_shift(top_level);
	return 0;
}

int paging_init(const void *near)
{
	firmware_cr3 = read_cr3();
	top_level = read_cr4() & CR4_LA57 ? 5 : 4;
	nx = rdmsr(MSR_EFER) & EFER_NXE ? PTE_NX : 0;
	pool = firmware_pages(POOL_PAGES, EfiLoaderData, 0);
	if (!pool)
		return -ERR_NOMEM;
	pool_used = 0;
	text_poke_mm = 0;
	our_top = new_table();
	memcpy(our_top, table_of(firmware_cr3), PAGE_BYTES);
	tops[0] = our_top;
	nr_tops = 1;
	text_poke_mm_block = (u64)near & ~((1ull << level_shift(top_level)) - 1);
	return choose_alias_slot();
}

void paging_release(void)
{
	firmware_free_pages(pool, POOL_PAGES);
	pool = NULL;
	our_top = NULL;
	nr_tops = 0;
}

bool paging_active(void)
{
	return active;
}

void paging_activate(void)
{
	active = true;
}

void paging_deactivate(void)
{
	active = false;
}

void paging_use_firmware(void)
{
	if (active)
		write_cr3(firmware_cr3);
}

void paging_use_ours(void)
{
	if (!active)
		return;
	follow_firmware();
	write_cr3((u64)our_top);
}

u64 *paging_boot_top(void)
{
	return our_top;
}

void paging_use_tops(u64 **table, u32 nr)
{
	if (table)
		table[0] = our_top;
	tops = table ? table : our_top_alone;
	max_tops = table ? nr : 1;
}

bool paging_add_top(u64 *top)
{
	if (nr_tops == max_tops)
		return false;
	memcpy(top, our_top, PAGE_BYTES);
	tops[nr_tops++] = top;
	return true;
}

void paging_drop_tops(void)
{
	nr_tops = 1;
}

void paging_alias_show(u64 *top)
{
	/* Entries that are not present are never cached, so there is nothing to flush. */
	*(volatile u64 *)&top[alias_slot()] = text_poke_mm;
}

void paging_alias_hide(u64 *top)
{
	*(volatile u64 *)&top[alias_slot()] = 0;
	write_cr3((u64)top);
}

static u64 with_rights(u64 pte, enum page_rights rights)
{
	pte &= ~(PTE_WRITE | nx | PTE_GLOBAL);
	pte |= PTE_PRESENT;
	switch (rights) {
	case PAGE_NONE:
		return pte & ~PTE_PRESENT;
	case PAGE_TEXT:
		return pte;
	case PAGE_DATA:
		return pte | PTE_WRITE | nx;
	case PAGE_CONSTANT:
		return pte | nx;
	case PAGE_FIRMWARE:
		break;
	}
	return pte | PTE_WRITE;
}

/* A large page that is wanted as a whole is not split. Return: pages done, 0 = no memory. */
static size_t protect_some(u64 address, size_t nr_pages, enum page_rights rights)
{
	u64 large_bytes = PAGES_PER_LARGE * PAGE_BYTES;
	u64 *entry;

	if (nr_pages >= PAGES_PER_LARGE && address % large_bytes == 0 && rights != PAGE_TEXT) {
		entry = walk(our_top, address, 2);
		if (!entry)
			return 0;
		if (*entry & PTE_LARGE) {
			*entry = with_rights(*entry, rights);
			return PAGES_PER_LARGE;
		}
	}
	entry = walk(our_top, address, 1);
	if (!entry)
		return 0;
	*entry = with_rights(*entry, rights);
	return 1;
}

int paging_protect(const void *start, size_t nr_pages, enum page_rights rights)
{
	u64 address = (u64)start;
	size_t done;
	int rc = 0;

	if (!our_top)
		return -ERR_UNSUPPORTED;
	while (nr_pages) {
		done = protect_some(address, nr_pages, rights);
		if (!done) {
			rc = -ERR_NOMEM;
			break;
		}
		share_top(address);
		address += done * PAGE_BYTES;
		nr_pages -= done;
	}
	if (active)
		write_cr3(read_cr3());
	return rc;
}

int paging_access(void *begin, size_t bytes, bool accessible)
{
	if (!accessible && machine_nr_cpus_online() > 1)
		return -ERR_BUSY;
	return paging_protect(begin, bytes / PAGE_BYTES, accessible ? PAGE_DATA : PAGE_NONE);
}

int paging_alias(const void *start, size_t nr_pages)
{
	u64 block_bytes = 1ull << level_shift(top_level);
	u64 address = (u64)start;
	u64 *from, *to, *slot = &our_top[alias_slot()];

	if (address < text_poke_mm_block ||
	    address + nr_pages * PAGE_BYTES > text_poke_mm_block + block_bytes)
		return -ERR_RANGE;
	*slot = text_poke_mm;
	for (; nr_pages; nr_pages--, address += PAGE_BYTES) {
		from = walk(our_top, address, 1);
		to = walk(our_top, address + (u64)paging_alias_delta(), 1);
		if (!from || !to)
			break;
		*to = (*from & ~(PTE_GLOBAL | PTE_USER)) | PTE_WRITE | PTE_ACCESSED | PTE_DIRTY |
		      nx;
	}
	text_poke_mm = *slot;
	*slot = 0;
	return nr_pages ? -ERR_NOMEM : 0;
}

ptrdiff_t paging_alias_delta(void)
{
	return (ptrdiff_t)(text_poke_mm_addr - text_poke_mm_block);
}

u32 paging_levels(void)
{
	return top_level;
}

void paging_firmware_rights(const void *addr, char ret[4])
{
	u64 entry = firmware_cr3, all = PTE_PRESENT | PTE_WRITE, not_run = 0;
	u32 level = top_level;

	/* Granted on every level, or forbidden on one. */
	do {
		entry = *entry_of(table_of(entry), (u64)addr, level);
		all &= entry;
		not_run |= entry & nx;
	} while (all & PTE_PRESENT && --level && !(level < 3 && entry & PTE_LARGE));
	ret[0] = all & PTE_PRESENT ? 'r' : '-';
	ret[1] = all & PTE_WRITE ? 'w' : '-';
	ret[2] = not_run ? '-' : 'x';
	ret[3] = '\0';
}

bool paging_has_nx(void)
{
	return nx != 0;
}
