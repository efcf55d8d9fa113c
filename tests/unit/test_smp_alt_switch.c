/* SPDX-License-Identifier: MIT */
/*
 * Guarantees of the two-way mode of 2006: UP form whenever one CPU is left, SMP form before the
 * second comes, byte for byte and any number of times (I10), for the image, its 2006 sites and
 * whatever is loaded; never while other CPUs run; and nothing is rewritten that is so already.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "smp_alt_fixture.h"

#define LOCKED LOCK_PREFIX_BYTE
#define UNLOCKED SMP_UP_DS

static const struct smp_alt_policy hotplug = { .max_cpus = SIM_NR_CPUS, .two_way = true };

static void boot_two_way(void)
{
	assert_int_equal(boot(hotplug), 0);
	/* 2006: at boot one CPU is online, whatever may come. */
	assert_true(now()->uniproc_patched);
}

static void to_smp(void)
{
	assert_int_equal(alternatives_smp_switch(true), 0);
	assert_false(now()->uniproc_patched);
}

static void to_up(void)
{
	assert_int_equal(alternatives_smp_switch(false), 0);
	assert_true(now()->uniproc_patched);
}

static void both_ways_any_number_of_times_is_the_same_text(void **state)
{
	u64 smp = sim_hash(), up;

	(void)state;
	boot_two_way();
	assert_int_equal(add(0), 0);
	assert_true(core_has(UNLOCKED));
	assert_true(module_has(0, UNLOCKED));
	expect_up_forms();
	up = sim_hash();
	for (u32 round = 0; round < 10; round++) {
		to_smp();
		assert_int_equal(sim_hash(), smp);
		to_up();
		assert_int_equal(sim_hash(), up);
	}
	assert_int_equal(now()->nr_changes, 20);
}

static void what_is_so_already_is_not_rewritten(void **state)
{
	(void)state;
	boot_two_way();
	sim_forget();
	to_up();
	assert_string_equal(sim_order(), "");
	assert_int_equal(now()->nr_changes, 0);
	to_smp();
	sim_forget();
	to_smp();
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_string_equal(sim_order(), "");
	assert_int_equal(now()->nr_changes, 1);
	assert_int_equal(now()->nr_changes_saved, 3);
}

static void a_cpu_hotplug_driver_can_go_up_and_down(void **state)
{
	u64 smp = sim_hash();

	(void)state;
	boot_two_way();
	for (u32 round = 0; round < 3; round++) {
		assert_int_equal(alternatives_enable_smp(), 0);
		for (sim.nr_cpus = 2; sim.nr_cpus <= SIM_NR_CPUS; sim.nr_cpus++)
			to_smp();
		assert_int_equal(sim_hash(), smp);
		sim.nr_cpus = 1;
		to_up();
		assert_true(core_has(UNLOCKED));
	}
}

static void other_cpus_that_run_stop_every_change(void **state)
{
	u64 smp = sim_hash(), up;

	(void)state;
	boot_two_way();
	up = sim_hash();
	sim.nr_cpus = 2;
	assert_int_equal(alternatives_smp_switch(true), -ERR_BUSY);
	assert_int_equal(alternatives_smp_switch(false), -ERR_BUSY);
	assert_int_equal(sim_hash(), up);
	sim.nr_cpus = 1;
	to_smp();
	sim.nr_cpus = 2;
	assert_int_equal(alternatives_smp_switch(false), -ERR_BUSY);
	assert_int_equal(sim_hash(), smp);
	to_smp();
}

static void what_is_loaded_in_smp_form_follows_the_next_switch(void **state)
{
	u64 smp = sim_hash();

	(void)state;
	boot_two_way();
	to_smp();
	assert_int_equal(add(0), 0);
	assert_int_equal(add(1), 0);
	assert_true(module_has(0, LOCKED));
	to_up();
	assert_true(module_has(0, UNLOCKED));
	assert_true(module_has(1, UNLOCKED));
	to_smp();
	assert_int_equal(del(0), 0);
	to_up();
	assert_true(module_has(0, LOCKED));
	assert_true(module_has(1, UNLOCKED));
	to_smp();
	assert_int_equal(sim_hash(), smp);
}

static void tables_that_are_asked_for_again_are_never_freed(void **state)
{
	(void)state;
	boot_two_way();
	ready();
	for (u32 round = 0; round < 2; round++) {
		assert_int_equal(free_smp_locks(), 0);
		assert_false(now()->tables_freed);
		to_smp();
		assert_int_equal(free_smp_locks(), 0);
		assert_false(now()->tables_freed);
		to_up();
	}
	assert_int_equal(books().nr_reserved, FIXTURE_PAGES);
}

static void the_sites_of_2006_are_reserved_too(void **state)
{
	(void)state;
	boot_two_way();
	assert_true(is_reserved(sim_text + SPIN_LOCK_OFFSET));
	assert_true(is_reserved(sim_text + SPIN_LOCK_OFFSET + 13));
	assert_false(is_reserved(sim_text + SPIN_LOCK_OFFSET + 14));
	to_smp();
	assert_true(is_reserved(sim_text + SPIN_LOCK_OFFSET));
}

/* ---- smp-alt-boot ---- */

static void smp_alt_boot_with_more_cpus_changes_nothing_ever(void **state)
{
	struct smp_alt_policy once = hotplug;
	u64 smp = sim_hash();

	(void)state;
	once.smp_alt_boot = true;
	assert_int_equal(boot(once), 0);
	assert_int_equal(add(0), 0);
	assert_int_equal(alternatives_smp_switch(false), 0);
	assert_int_equal(alternatives_smp_switch(true), 0);
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_int_equal(sim_hash(), smp);
	assert_int_equal(now()->nr_modules, 0);
	ready();
	assert_int_equal(free_smp_locks(), 0);
	assert_true(now()->tables_freed);
}

static void one_cpu_is_patched_once_and_the_tables_go(void **state)
{
	u64 up;

	(void)state;
	sim.nr_present = 1;
	boot_two_way();
	assert_int_equal(add(0), 0);
	assert_true(core_has(UNLOCKED));
	assert_true(module_has(0, UNLOCKED));
	expect_up_forms();
	assert_int_equal(now()->nr_modules, 0);
	up = sim_hash();
	ready();
	assert_int_equal(free_smp_locks(), 0);
	assert_true(now()->tables_freed);
	assert_int_equal(alternatives_smp_switch(true), 0);
	assert_int_equal(alternatives_smp_switch(false), 0);
	assert_int_equal(sim_hash(), up);
	assert_true(now()->uniproc_patched);
}

static void noreplace_smp_wins(void **state)
{
	struct smp_alt_policy never = hotplug;
	u64 smp = sim_hash();

	(void)state;
	never.noreplace_smp = true;
	assert_int_equal(boot(never), 0);
	assert_int_equal(add(0), 0);
	assert_int_equal(alternatives_smp_switch(false), 0);
	assert_int_equal(now()->nr_modules, 0);
	assert_int_equal(sim_hash(), smp);
}

/* ---- Damage and failure ---- */

static void a_damaged_2006_table_stops_the_boot_before_the_first_byte(void **state)
{
	u64 smp = sim_hash();

	(void)state;
	instrs[SEMAPHORE_UP].replacementlen = instrs[SEMAPHORE_UP].instrlen + 1;
	assert_int_equal(boot(hotplug), -ERR_REFUSED);
	assert_ptr_equal(now()->instrs.entry, &instrs[SEMAPHORE_UP]);
	assert_string_equal(now()->instrs.why, "the UP form is longer than its site");
	/* It is as if nobody had asked. */
	assert_int_equal(add(0), 0);
	assert_int_equal(alternatives_smp_switch(false), -ERR_UNSUPPORTED);
	assert_false(is_reserved(sim_text + SPIN_LOCK_OFFSET));
	assert_int_equal(sim_hash(), smp);
	assert_int_equal(now()->nr_modules, 0);
	instrs[SEMAPHORE_UP].replacementlen = 8;
	boot_two_way();
}

/* The byte that the lock table names would be one in the middle of the UP form. */
static void a_lock_inside_a_2006_site_stops_the_boot(void **state)
{
	u64 smp = sim_hash();

	(void)state;
	point(&core_locks[4], sim_text + DOWN_OFFSET);
	assert_int_equal(boot(hotplug), -ERR_REFUSED);
	assert_ptr_equal(now()->locks.first_unexpected, &core_locks[4]);
	assert_int_equal(sim_hash(), smp);
}

/* The image is on no list then, but its 2006 sites are switched, and need their table. */
static void an_image_that_cannot_be_remembered_keeps_its_locks(void **state)
{
	u64 smp = sim_hash();

	(void)state;
	page_alloc_fail(1);
	assert_int_equal(boot(hotplug), -ERR_NOMEM);
	assert_int_equal(sim_hash(), smp);
	assert_false(now()->uniproc_patched);
	ready();
	to_up();
	assert_true(core_has(LOCKED));
	expect_up_forms();
	assert_int_equal(free_smp_locks(), 0);
	assert_false(now()->tables_freed);
	to_smp();
	assert_int_equal(sim_hash(), smp);
}

static u32 opens_left;

static void fail_after_opens(enum sim_event_kind kind, u32 nr_of_kind)
{
	(void)nr_of_kind;
	if (kind == SIM_CLOSE && opens_left && --opens_left == 0)
		sim.fail_open = true;
}

/* The alias fails between the 2006 sites and the locks: text may be half in UP form then. */
static void a_switch_that_fails_half_way_says_up(void **state)
{
	u64 smp = sim_hash();

	(void)state;
	boot_two_way();
	assert_int_equal(add(0), 0);
	to_smp();
	sim.at_event = fail_after_opens;
	opens_left = 1;
	assert_int_equal(alternatives_smp_switch(false), -ERR_FAULT);
	sim.at_event = NULL;
	sim.fail_open = false;
	/* The way back failed too, so no second CPU may come until this has worked. */
	assert_true(now()->uniproc_patched);
	sim.nr_cpus = 2;
	assert_int_equal(alternatives_smp_switch(true), -ERR_BUSY);
	sim.nr_cpus = 1;
	to_smp();
	assert_int_equal(sim_hash(), smp);
}

static void a_switch_that_cannot_begin_leaves_what_was(void **state)
{
	u64 smp = sim_hash(), up;

	(void)state;
	boot_two_way();
	up = sim_hash();
	sim.fail_open = true;
	assert_int_equal(alternatives_smp_switch(true), -ERR_FAULT);
	assert_true(now()->uniproc_patched);
	assert_int_equal(sim_hash(), up);
	sim.fail_open = false;
	to_smp();
	assert_int_equal(sim_hash(), smp);
	/* Somebody has changed a 2006 site: nothing at all is done. */
	sim_put(DOWN_OFFSET, (const u8[]){ 0x90 }, 1);
	smp = sim_hash();
	assert_int_equal(alternatives_smp_switch(false), -ERR_REFUSED);
	assert_ptr_equal(now()->instrs.entry, &instrs[SEMAPHORE_DOWN]);
	assert_int_equal(sim_hash(), smp);
	assert_false(now()->uniproc_patched);
	assert_int_equal(now()->nr_changes, 1);
}

/* ---- At random ---- */

static bool loaded[NR_MODULES];

static void random_module(unsigned *seed)
{
	u32 i = (u32)rand_r(seed) % NR_MODULES;

	assert_int_equal(loaded[i] ? del(i) : add(i), 0);
	/* What leaves is overwritten, as the memory of a module that was freed. */
	if (loaded[i])
		memset(modules[i].locks, 0xA5, sizeof(modules[i].locks));
	loaded[i] = !loaded[i];
	if (loaded[i])
		return;
	for (u32 j = 0; j < MODULE_LOCKS; j++)
		point(&modules[i].locks[j],
		      sim_put(module_text(i) + 4 * j - sim_text, lock_inc, sizeof(lock_inc)));
}

static void expect_form_of_all(void)
{
	u8 prefix = now()->uniproc_patched ? UNLOCKED : LOCKED;
	u32 nr = 1;

	assert_true(core_has(prefix));
	for (u32 i = 0; i < NR_MODULES; i++) {
		nr += loaded[i];
		assert_true(module_has(i, loaded[i] ? prefix : LOCKED));
		assert_int_equal(is_reserved(module_text(i)), loaded[i]);
	}
	assert_int_equal(now()->nr_modules, nr);
}

static void modules_come_and_go_between_switches(void **state)
{
	unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : 1;
	u64 smp = sim_hash();

	(void)state;
	printf("# SEED=%u\n", seed);
	memset(loaded, 0, sizeof(loaded));
	boot_two_way();
	for (u32 step = 0; step < 300; step++) {
		if (rand_r(&seed) % 8 == 0)
			assert_int_equal(alternatives_smp_switch(rand_r(&seed) % 2), 0);
		else
			random_module(&seed);
		if (step % 10 == 0)
			expect_form_of_all();
	}
	to_smp();
	assert_int_equal(sim_hash(), smp);
	for (u32 i = 0; i < NR_MODULES; i++)
		assert_int_equal(del(i), 0);
	assert_int_equal(books().nr_used, 1); /* the page that the image's node is in */
}

#define SWITCH_TEST(name) cmocka_unit_test_setup_teardown(name, reset, close_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		SWITCH_TEST(both_ways_any_number_of_times_is_the_same_text),
		SWITCH_TEST(what_is_so_already_is_not_rewritten),
		SWITCH_TEST(a_cpu_hotplug_driver_can_go_up_and_down),
		SWITCH_TEST(other_cpus_that_run_stop_every_change),
		SWITCH_TEST(what_is_loaded_in_smp_form_follows_the_next_switch),
		SWITCH_TEST(tables_that_are_asked_for_again_are_never_freed),
		SWITCH_TEST(the_sites_of_2006_are_reserved_too),
		SWITCH_TEST(smp_alt_boot_with_more_cpus_changes_nothing_ever),
		SWITCH_TEST(one_cpu_is_patched_once_and_the_tables_go),
		SWITCH_TEST(noreplace_smp_wins),
		SWITCH_TEST(a_damaged_2006_table_stops_the_boot_before_the_first_byte),
		SWITCH_TEST(a_lock_inside_a_2006_site_stops_the_boot),
		SWITCH_TEST(an_image_that_cannot_be_remembered_keeps_its_locks),
		SWITCH_TEST(a_switch_that_fails_half_way_says_up),
		SWITCH_TEST(a_switch_that_cannot_begin_leaves_what_was),
		SWITCH_TEST(modules_come_and_go_between_switches),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("smp_alt_switch", tests, NULL, NULL);
}
