/* SPDX-License-Identifier: MIT */
/*
 * The rights of our pages in our own tables, over whatever firmware's are: everything allowed,
 * nothing, in leaves of every size, with four levels and five. Firmware's tables are never written.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "firmware.h"
#include "machine.h"
#include "x86.h"

static u64 cr3, cr4, efer;

/* What paging.c asks the CPU is asked here. */
#define read_cr3() (cr3)
#define write_cr3(value) ((void)(value))
#define read_cr4() (cr4)
#define rdmsr(msr) ((void)(msr), efer)
#include "paging.c"

#define MAX_TABLES 8
#define BASE 0x40000000ul /* the second GiB */
#define RIGHTS (PTE_PRESENT | PTE_WRITE)

static u64 *tables[MAX_TABLES], *copies[MAX_TABLES];
static u32 nr_tables;
static u8 *pages;

/* ---- What paging.c calls ---- */

void *firmware_pages(size_t nr_pages, EFI_MEMORY_TYPE type, u64 at)
{
	assert_true(type == EfiLoaderData && !at);
	pages = aligned_alloc(PAGE_BYTES, nr_pages * PAGE_BYTES);
	return pages;
}

void firmware_free_pages(void *mem, size_t nr_pages)
{
	(void)nr_pages;
	free(mem);
}

u32 machine_nr_cpus_online(void)
{
	return 1;
}

/* ---- Firmware's tables ---- */

static u64 *make_table(void)
{
	u64 *table = aligned_alloc(PAGE_BYTES, PAGE_BYTES);

	memset(table, 0, PAGE_BYTES);
	tables[nr_tables++] = table;
	return table;
}

/* A path to BASE whose upper entries are @upper and whose leaves, in a table of @level, @leaf. */
static void make_map(u32 levels, u32 level, u64 upper, u64 leaf)
{
	u64 *table = make_table(), *next;
	u64 step = 1ull << level_shift(level), at;

	cr3 = (u64)table;
	cr4 = levels == 5 ? CR4_LA57 : 0;
	for (; levels > level; levels--) {
		next = make_table();
		*entry_of(table, BASE, levels) = (u64)next | upper;
		table = next;
	}
	for (u32 i = 0; i < NR_ENTRIES; i++) {
		at = (BASE & ~(step * NR_ENTRIES - 1)) + i * step;
		table[i] = at | leaf | (level > 1 ? PTE_LARGE : 0);
	}
	for (u32 i = 0; i < nr_tables; i++) {
		copies[i] = aligned_alloc(PAGE_BYTES, PAGE_BYTES);
		memcpy(copies[i], tables[i], PAGE_BYTES);
	}
}

/* As the CPU would: every level has to grant it. The address that it leads to must be @addr's. */
static u64 rights_at(const u64 *top, u64 addr, u64 leads_to, char ret[4])
{
	u32 level = top_level;
	u64 entry, all = RIGHTS, never_run = 0;

	strcpy(ret, "---");
	for (;;) {
		entry = *entry_of((u64 *)top, addr, level);
		all &= entry;
		never_run |= entry & PTE_NX;
		if (!(all & PTE_PRESENT))
			return 0;
		if (level == 1 || (level < 4 && entry & PTE_LARGE))
			break;
		top = table_of(entry);
		level--;
	}
	assert_int_equal((entry & PTE_ADDRESS) + (addr & ((1ull << level_shift(level)) - 1)),
			 leads_to);
	ret[0] = 'r';
	ret[1] = all & PTE_WRITE ? 'w' : '-';
	ret[2] = never_run && efer & EFER_NXE ? '-' : 'x';
	return entry;
}

static void expect_rights(const u64 *top, u64 addr, const char *want)
{
	char have[4];

	rights_at(top, addr, addr, have);
	assert_string_equal(have, want);
}

static int end(void **state)
{
	(void)state;
	for (u32 i = 0; i < nr_tables; i++) {
		assert_memory_equal(tables[i], copies[i], PAGE_BYTES);
		free(tables[i]);
		free(copies[i]);
	}
	nr_tables = 0;
	paging_release();
	return 0;
}

/* ---- The tests ---- */

static const char *wanted(enum page_rights rights)
{
	bool has_nx = efer & EFER_NXE;

	switch (rights) {
	case PAGE_TEXT:
		return "r-x";
	case PAGE_DATA:
		return has_nx ? "rw-" : "rwx";
	case PAGE_CONSTANT:
		return has_nx ? "r--" : "r-x";
	case PAGE_NONE:
		return "---";
	default:
		return "rwx";
	}
}

static void every_right_over(u32 levels, u32 level, u64 upper, u64 leaf)
{
	char firmwares[4], now[4];

	for (u32 i = PAGE_TEXT; i <= PAGE_FIRMWARE; i++) {
		make_map(levels, level, upper, leaf);
		assert_int_equal(paging_init((void *)BASE), 0);
		rights_at((u64 *)cr3, BASE, BASE, firmwares);
		paging_firmware_rights((void *)BASE, now);
		assert_string_equal(now, firmwares);
		assert_int_equal(paging_protect((void *)BASE, 2, (enum page_rights)i), 0);
		expect_rights(paging_boot_top(), BASE, wanted((enum page_rights)i));
		expect_rights(paging_boot_top(), BASE + PAGE_BYTES, wanted((enum page_rights)i));
		/* A global one would outlive the load of our CR3. */
		assert_false(rights_at(paging_boot_top(), BASE, BASE, now) & PTE_GLOBAL);
		/* The neighbour's are firmware's, still. */
		expect_rights(paging_boot_top(), BASE + 2 * PAGE_BYTES, firmwares);
		expect_rights((u64 *)cr3, BASE, firmwares);
		end(NULL);
	}
}

static void over_every_map(u32 levels)
{
	for (u32 level = 1; level <= 3; level++) {
		every_right_over(levels, level, RIGHTS, RIGHTS);
		every_right_over(levels, level, RIGHTS, RIGHTS | PTE_GLOBAL);
		every_right_over(levels, level, RIGHTS, PTE_PRESENT);
		every_right_over(levels, level, RIGHTS, RIGHTS | (efer & EFER_NXE ? PTE_NX : 0));
		/* What an upper level forbids no page below it may do, in firmware's. */
		every_right_over(levels, level, PTE_PRESENT, RIGHTS);
		every_right_over(levels, level, PTE_PRESENT | (efer & EFER_NXE ? PTE_NX : 0),
				 RIGHTS);
	}
}

static void our_rights_hold_whatever_firmwares_tables_grant(void **state)
{
	(void)state;
	efer = EFER_NXE;
	over_every_map(4);
	over_every_map(5);
}

static void without_nx_the_bit_is_never_set(void **state)
{
	(void)state;
	efer = 0;
	over_every_map(4);
}

static void the_alias_is_writable_only_while_it_shows_and_never_runs(void **state)
{
	char now[4];
	u64 alias;

	(void)state;
	efer = EFER_NXE;
	make_map(4, 2, PTE_PRESENT | PTE_NX, RIGHTS | PTE_GLOBAL);
	assert_int_equal(paging_init((void *)BASE), 0);
	assert_int_equal(paging_protect((void *)BASE, 1, PAGE_TEXT), 0);
	assert_int_equal(paging_alias((void *)BASE, 1), 0);
	alias = BASE + (u64)paging_alias_delta();
	rights_at(paging_boot_top(), alias, BASE, now);
	assert_string_equal(now, "---");
	paging_alias_show(paging_boot_top());
	rights_at(paging_boot_top(), alias, BASE, now);
	assert_string_equal(now, "rw-");
	expect_rights(paging_boot_top(), BASE, "r-x");
	/* Only what was asked for. */
	rights_at(paging_boot_top(), alias + PAGE_BYTES, BASE + PAGE_BYTES, now);
	assert_string_equal(now, "---");
	paging_alias_hide(paging_boot_top());
	rights_at(paging_boot_top(), alias, BASE, now);
	assert_string_equal(now, "---");
}

static void another_cpu_sees_the_rights_and_not_the_alias(void **state)
{
	u64 *room[2], *other;
	char now[4];

	(void)state;
	efer = EFER_NXE;
	make_map(4, 2, RIGHTS, RIGHTS);
	assert_int_equal(paging_init((void *)BASE), 0);
	paging_use_tops(room, 2);
	other = aligned_alloc(PAGE_BYTES, PAGE_BYTES);
	assert_true(paging_add_top(other));
	assert_false(paging_add_top(other));
	assert_int_equal(paging_protect((void *)BASE, 1, PAGE_TEXT), 0);
	assert_int_equal(paging_alias((void *)BASE, 1), 0);
	paging_alias_show(paging_boot_top());
	expect_rights(other, BASE, "r-x");
	rights_at(other, BASE + (u64)paging_alias_delta(), BASE, now);
	assert_string_equal(now, "---");
	paging_drop_tops();
	paging_use_tops(NULL, 0);
	free(other);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(our_rights_hold_whatever_firmwares_tables_grant),
		cmocka_unit_test(without_nx_the_bit_is_never_set),
		cmocka_unit_test_teardown(the_alias_is_writable_only_while_it_shows_and_never_runs,
					  end),
		cmocka_unit_test_teardown(another_cpu_sees_the_rights_and_not_the_alias, end),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
