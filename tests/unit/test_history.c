/* SPDX-License-Identifier: MIT */
/*
 * What has gone wrong in Linux must not go wrong here: a test for each bug, named after the commit
 * that mended it, or brought it in. Those that other tests are already: tests/README.md,
 * "Historical bugs".
 */
#include "engine_fixture.h"

#include <stdlib.h>

#include "x86.h"

/* ---- A CPU that traps after every single store ---- */

static u8 *met; /* the INT3 that it meets */
static u32 nr_met, nr_ours;

static void every_cpu_meets_it(void)
{
	for (u32 cpu = 0; cpu < SIM_NR_CPUS; cpu++) {
		struct trap_regs regs = { .flags = 2 };

		nr_met++;
		nr_ours += sim_trap(cpu, met, &regs);
	}
}

static void meet_at_store(const u8 *text, size_t offset)
{
	(void)offset;
	if (text[met - sim_text] == INT3)
		every_cpu_meets_it();
}

static void meet_at_every_store(u8 *addr)
{
	met = addr;
	nr_met = nr_ours = 0;
	sim.at_store = meet_at_store;
}

/* 2013: sites were patched before anybody had been told of the breakpoints. */
static void linux_17f41571bb2c_a_hot_site_can_be_patched_as_the_first_act(void **state)
{
	(void)state;
	sim.hook = NULL;
	assert_int_equal(text_poke_init(), 0);
	meet_at_every_store(site_addr(0));
	process(&to_jmp32, 1);
	/* From its INT3 on until its first byte: the store of the INT3, and that of the tail. */
	assert_int_equal(nr_met, 2 * SIM_NR_CPUS);
	for (u32 cpu = 0; cpu < SIM_NR_CPUS; cpu++)
		assert_int_equal(text_poke_traps(cpu).nr_handled, 2);
}

/* 2022: the queue lay on a stack, and an INT3 of somebody else's took a reference to it too late.
 */
static void linux_efd608fa7403_foreign_int3s_between_batches_back_to_back(void **state)
{
	static const struct change back = { 5, JMP32, NOP5 };

	(void)state;
	for (u32 round = 0; round < 50; round++) {
		sim_forget();
		meet_at_every_store(site_addr(1));
		process(round % 2 ? &back : &to_jmp32, 1);
		every_cpu_meets_it();
		assert_int_equal(nr_met, 4 * SIM_NR_CPUS);
		assert_int_equal(nr_ours, 0);
		assert_true(text_poke_refs_idle());
	}
	for (u32 cpu = 0; cpu < SIM_NR_CPUS; cpu++) {
		assert_int_equal(text_poke_traps(cpu).nr_foreign, 50 * 4);
		assert_int_equal(text_poke_traps(cpu).nr_stale, 0);
	}
}

/* ---- Traps within traps ---- */

static bool inner_was_ours;
static struct trap_regs inner;

static void trap_inside(void)
{
	inner_was_ours = sim_trap(2, site_addr(1), &inner);
}

static void trap_twice(enum sim_event_kind kind, u32 nr_of_kind)
{
	struct trap_regs regs = { 0 };

	if (kind != SIM_SYNC || nr_of_kind != 2)
		return;
	regs.sp = sim_gate(trap_inside);
	assert_true(sim_trap(2, site_addr(0), &regs));
	assert_ptr_equal((void *)regs.ip, site_addr(0) + 5 + 0x20);
}

/* 2018: the second trap wrote over the frame of the first. On real frames: suite interfere. */
static void linux_d8ba61ba58c8_a_trap_inside_the_handler_is_one_like_any_other(void **state)
{
	const struct change both[] = { to_call, to_jmp32 };

	(void)state;
	inner_was_ours = false;
	sim.at_event = trap_twice;
	process(both, ARRAY_SIZE(both));
	assert_true(inner_was_ours);
	assert_ptr_equal((void *)inner.ip, site_addr(1) + 5 + 0x20);
	assert_true(text_poke_refs_idle());
	assert_int_equal(text_poke_traps(2).nr_handled, 2);
}

/* ---- Each single store ---- */

static u32 nr_stores[SIM_TEXT_BYTES + PAGE_BYTES]; /* by the first byte of each */
static size_t lowest, highest;

static void count_store(const u8 *text, size_t offset)
{
	(void)text;
	nr_stores[offset]++;
	lowest = offset < lowest ? offset : lowest;
	highest = offset > highest ? offset : highest;
}

static void count_stores(void)
{
	memset(nr_stores, 0, sizeof(nr_stores));
	lowest = SIM_TEXT_BYTES;
	highest = 0;
	sim.at_store = count_store;
}

/* 2024: several writes in one pass showed code that was never meant to be there. */
static void linux_f796c7583762_every_phase_stores_to_a_site_once(void **state)
{
	u32 nr = ARRAY_SIZE(one_of_each), sum = 0, want = 0;

	(void)state;
	count_stores();
	process(one_of_each, nr);
	for (u32 i = 0; i < nr; i++) {
		const struct change *c = &one_of_each[i];
		size_t head = (size_t)(site_addr(i) - sim_text);
		bool stays_int3 = c->new[0] == INT3;

		/* The tail's aligned word begins where the first byte is. */
		assert_int_equal(nr_stores[head], 1 + (c->len > 1) + !stays_int3);
		want += nr_stores[head];
	}
	for (size_t i = 0; i < ARRAY_SIZE(nr_stores); i++)
		sum += nr_stores[i];
	assert_int_equal(sum, want);
}

static void patch_at(size_t offset, const struct change *change)
{
	u64 page = offset / PAGE_BYTES, last_page = (offset + change->len - 1) / PAGE_BYTES;

	sim_forget();
	sim_put(offset, change->old, change->len);
	count_stores();
	assert_int_equal(smp_text_poke_single(sim_text + offset, change->new, change->len, NULL),
			 0);
	assert_memory_equal(sim_text + offset, change->new, change->len);
	assert_int_equal(lowest / PAGE_BYTES, page);
	assert_int_equal(highest / PAGE_BYTES, last_page);
	assert_true(highest < SIM_TEXT_BYTES);
	sim_put(offset, (const u8[]){ INT3, INT3, INT3, INT3, INT3, INT3 }, change->len);
}

/*
 * About 2010: of a write across pages only the first page was looked at. Here: whole on both sides
 * of the boundary, and the next page is left alone by a site that ends at it.
 */
static void linux_fixmap_a_site_across_two_pages_is_written_whole(void **state)
{
	static const struct change jcc = { 6, NOP6, JZ32 };

	(void)state;
	for (size_t before = 0; before <= 6; before++) {
		patch_at(PAGE_BYTES - before, &to_jmp32);
		patch_at(PAGE_BYTES - before, &jcc);
	}
	patch_at(SIM_TEXT_BYTES - 5, &to_jmp32);
	patch_at(SIM_TEXT_BYTES - 6, &jcc);
}

/* ---- A single patch behind a queue ---- */

#define NR_QUEUED TEXT_POKE_ARRAY_MAX

/* 2025: a single patch was appended without a look at the queue: entry 257 was written behind it.
 */
static void linux_2aebf5ee43bf_a_single_patch_behind_a_full_queue(void **state)
{
	struct change changes[NR_QUEUED];
	u8 *next = site_addr(NR_QUEUED);

	(void)state;
	for (u32 i = 0; i < NR_QUEUED; i++)
		changes[i] = to_jmp32;
	assert_int_equal(queue(changes, NR_QUEUED), 0);
	sim_put(NR_QUEUED * STRIDE, to_jmp32.old, 5);
	assert_int_equal(text_poke_array.nr_entries, NR_QUEUED);
	assert_int_equal(smp_text_poke_single(next, to_jmp32.new, 5, NULL), 0);
	assert_string_equal(sim_order(), "OSSSCOSSSC");
	for (u32 i = 0; i <= NR_QUEUED; i++)
		assert_memory_equal(site_addr(i), to_jmp32.new, 5);
}

/* And one below what was queued was not found by the search: its trap was nobody's. */
static void linux_2aebf5ee43bf_a_single_patch_below_the_queue_is_found(void **state)
{
	(void)state;
	sim_put(STRIDE, to_jmp32.old, 5);
	sim_put(0, to_jmp32.old, 5);
	assert_int_equal(smp_text_poke_batch_add(site_addr(1), to_jmp32.new, 5, NULL), 0);
	meet_at_every_store(site_addr(0));
	assert_int_equal(smp_text_poke_single(site_addr(0), to_jmp32.new, 5, NULL), 0);
	assert_int_equal(nr_met, 2 * SIM_NR_CPUS);
	for (u32 cpu = 0; cpu < SIM_NR_CPUS; cpu++)
		assert_int_equal(text_poke_traps(cpu).nr_handled, 2);
	assert_memory_equal(site_addr(1), to_jmp32.new, 5);
}

#define HISTORY_TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		HISTORY_TEST(linux_fixmap_a_site_across_two_pages_is_written_whole),
		HISTORY_TEST(linux_17f41571bb2c_a_hot_site_can_be_patched_as_the_first_act),
		HISTORY_TEST(linux_d8ba61ba58c8_a_trap_inside_the_handler_is_one_like_any_other),
		HISTORY_TEST(linux_efd608fa7403_foreign_int3s_between_batches_back_to_back),
		HISTORY_TEST(linux_f796c7583762_every_phase_stores_to_a_site_once),
		HISTORY_TEST(linux_2aebf5ee43bf_a_single_patch_behind_a_full_queue),
		HISTORY_TEST(linux_2aebf5ee43bf_a_single_patch_below_the_queue_is_found),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("history", tests, NULL, NULL);
}
