/* SPDX-License-Identifier: MIT */
/*
 * Guarantees of the one-way mode: text that starts in UP form is the same text again when SMP is
 * enabled (I10); the list is empty afterwards and nobody walks it (seed 0); the lock table is freed
 * when no node refers to it and the allocator is ready, and not before (seed 1); what cannot be
 * remembered keeps its LOCKs.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>

#include "smp_alt_fixture.h"

#define LOCKED LOCK_PREFIX_BYTE
#define UNLOCKED SMP_UP_DS

static const struct smp_alt_policy start_up = { .max_cpus = 1 };
static const struct smp_alt_policy start_smp = { .max_cpus = SIM_NR_CPUS };

static void boot_up(void)
{
	assert_int_equal(boot(start_up), 0);
	assert_true(now()->uniproc_patched);
}

/* ---- There and back ---- */

static void enabling_smp_restores_every_byte(void **state)
{
	u64 smp = sim_hash();

	(void)state;
	boot_up();
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(add(i), 0);
	assert_true(core_has(UNLOCKED));
	assert_true(module_has(2, UNLOCKED));
	expect_up_forms();
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_false(now()->uniproc_patched);
	assert_int_equal(sim_hash(), smp);
	/* Again is nothing. */
	sim_forget();
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_string_equal(sim_order(), "");
}

static void the_nop_of_2006_comes_back_too(void **state)
{
	u64 smp = sim_hash();

	(void)state;
	assert_int_equal(boot((struct smp_alt_policy){ .up_form = SMP_UP_NOP, .max_cpus = 1 }), 0);
	assert_int_equal(add(0), 0);
	assert_true(core_has(SMP_UP_NOP));
	assert_true(module_has(0, SMP_UP_NOP));
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_int_equal(sim_hash(), smp);
}

static void with_more_cpus_to_come_nothing_is_changed_or_remembered(void **state)
{
	u64 smp = sim_hash();

	(void)state;
	assert_int_equal(boot(start_smp), 0);
	assert_int_equal(add(0), 0);
	assert_false(now()->uniproc_patched);
	assert_int_equal(now()->nr_modules, 0);
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_string_equal(sim_order(), "");
	assert_int_equal(sim_hash(), smp);
}

static void noreplace_smp_changes_nothing(void **state)
{
	u64 smp = sim_hash();

	(void)state;
	sim.nr_present = 1;
	assert_int_equal(boot((struct smp_alt_policy){ .max_cpus = 1, .noreplace_smp = true }), 0);
	assert_int_equal(add(0), 0);
	assert_int_equal(now()->nr_modules, 0);
	assert_int_equal(sim_hash(), smp);
	ready();
	assert_int_equal(free_smp_locks(), 0);
	assert_true(now()->tables_freed);
}

/* In UP form for good: nothing will ever ask for the tables. */
static void the_only_cpu_there_is_needs_no_list(void **state)
{
	(void)state;
	sim.nr_present = 1;
	assert_int_equal(boot(start_smp), 0);
	assert_int_equal(add(0), 0);
	assert_true(core_has(UNLOCKED));
	assert_true(module_has(0, UNLOCKED));
	expect_up_forms();
	assert_int_equal(now()->nr_modules, 0);
	ready();
	assert_int_equal(free_smp_locks(), 0);
	assert_true(now()->tables_freed);
	assert_int_equal(alternatives_enable_smp(), -ERR_UNSUPPORTED);
	assert_true(core_has(UNLOCKED));
	assert_int_equal(add(1), 0);
	assert_true(module_has(1, UNLOCKED));
}

/* ---- Seed 0 ---- */

static void enabling_smp_frees_every_node(void **state)
{
	(void)state;
	boot_up();
	for (u32 i = 0; i < NR_MODULES; i++)
		assert_int_equal(add(i), 0);
	assert_int_equal(now()->nr_modules, NR_MODULES + 1);
	assert_true(books().nr_used >= 2);
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_int_equal(now()->nr_modules, 0);
	assert_int_equal(books().nr_used, 0);
}

static void del_looks_nowhere_once_smp_is_enabled(void **state)
{
	(void)state;
	boot_up();
	assert_int_equal(add(0), 0);
	assert_int_equal(add(1), 0);
	assert_int_equal(del(0), 0);
	assert_int_equal(now()->nr_del_walks, 1);
	assert_int_equal(now()->nr_modules, 2);
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_int_equal(del(1), 0);
	assert_int_equal(now()->nr_del_walks, 1);
}

static void before_seed_0_the_nodes_stayed_and_were_walked(void **state)
{
	(void)state;
	assert_int_equal(boot((struct smp_alt_policy){ .max_cpus = 1, .keep_nodes = true }), 0);
	assert_int_equal(add(0), 0);
	ready();
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_true(core_has(LOCKED));
	assert_int_equal(now()->nr_modules, 2);
	/* The node refers to the table, so that stays as well. */
	assert_false(now()->tables_freed);
	assert_int_equal(free_smp_locks(), 0);
	assert_false(now()->tables_freed);
	assert_true(is_reserved(core_site(0)));
	assert_int_equal(del(0), 0);
	assert_int_equal(now()->nr_del_walks, 1);
	assert_int_equal(now()->nr_modules, 1);
}

static void a_module_that_left_is_not_locked_again(void **state)
{
	(void)state;
	boot_up();
	for (u32 i = 0; i < 3; i++)
		assert_int_equal(add(i), 0);
	assert_int_equal(del(1), 0);
	assert_int_equal(del(1), 0); /* absent is fine */
	assert_int_equal(now()->nr_modules, 3);
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_true(module_has(0, LOCKED));
	assert_true(module_has(1, UNLOCKED)); /* nobody's text any more */
	assert_true(module_has(2, LOCKED));
}

/* ---- Seed 1 ---- */

static void the_table_stays_while_a_node_refers_to_it(void **state)
{
	(void)state;
	boot_up();
	ready();
	assert_int_equal(free_smp_locks(), 0);
	assert_false(now()->tables_freed);
	assert_int_equal(books().nr_reserved, FIXTURE_PAGES);
	/* And goes when none does. */
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_true(core_has(LOCKED));
	assert_true(now()->tables_freed);
	assert_int_equal(books().nr_reserved, FIXTURE_PAGES - 2);
	assert_int_equal(free_smp_locks(), 0);
	assert_int_equal(books().nr_refused[PAGE_RULE_FREE_TWICE], 0);
}

/* What enabling SMP between boot and the late stage would have freed under Linux's condition. */
static void the_table_stays_until_the_allocator_is_ready(void **state)
{
	(void)state;
	boot_up();
	assert_int_equal(free_smp_locks(), -ERR_BUSY);
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_false(now()->tables_freed);
	assert_int_equal(free_smp_locks(), -ERR_BUSY);
	assert_int_equal(books().nr_undrawn, FIXTURE_PAGES);
	ready();
	assert_int_equal(free_smp_locks(), 0);
	assert_true(now()->tables_freed);
	assert_int_equal(books().nr_reserved, FIXTURE_PAGES - 2);
}

/* Pages that are freed are poisoned for ASan: who reads one ends the program. */
static void nobody_reads_a_freed_table(void **state)
{
	(void)state;
	boot_up();
	ready();
	assert_int_equal(free_smp_locks(), 0);
	assert_true(is_reserved(core_site(0)));
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_true(__asan_address_is_poisoned(core_locks));
	assert_false(is_reserved(core_site(0)));
	assert_int_equal(add(0), 0);
	assert_int_equal(del(0), 0);
	assert_int_equal(free_smp_locks(), 0);
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_int_equal(alternatives_smp_exit(), 0);
}

static void freeing_at_boot_is_refused_by_the_allocator_of_today(void **state)
{
	const struct smp_alt_policy old = { .max_cpus = SIM_NR_CPUS, .free_at_boot = true };

	(void)state;
	assert_int_equal(boot(old), 0);
	assert_false(now()->tables_freed);
	assert_int_equal(page_alloc_refusal()->rule, PAGE_RULE_NOT_READY);
	assert_string_equal(page_alloc_refusal()->name, "SMP alternatives");
	ready();
	assert_int_equal(free_smp_locks(), 0);
	assert_true(now()->tables_freed);
	assert_int_equal(books().nr_free, FIXTURE_PAGES + 2);
}

static void before_seed_1_the_table_was_lost(void **state)
{
	const struct smp_alt_policy old = { .max_cpus = SIM_NR_CPUS, .free_at_boot = true };
	struct page_books b;

	(void)state;
	start_pages(asan_access, true);
	assert_int_equal(boot(old), 0);
	assert_true(now()->tables_freed);
	ready();
	assert_int_equal(free_smp_locks(), 0);
	assert_int_equal(page_alloc_audit(&b), -ERR_CORRUPT);
	assert_int_equal(b.nr_lost, 2);
	ASAN_UNPOISON_MEMORY_REGION(reserved, sizeof(reserved));
}

/* ---- No memory ---- */

static void an_image_that_cannot_be_remembered_keeps_its_locks(void **state)
{
	u64 smp = sim_hash();

	(void)state;
	page_alloc_fail(1);
	assert_int_equal(boot(start_up), -ERR_NOMEM);
	assert_int_equal(sim_hash(), smp);
	assert_false(now()->uniproc_patched);
	assert_int_equal(now()->nr_not_remembered, 1);
	assert_int_equal(add(0), 0);
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_int_equal(sim_hash(), smp);
}

/* A page of nodes holds many, so it takes some until the next page is asked for. */
static void a_module_that_cannot_be_remembered_keeps_its_locks(void **state)
{
	u64 smp = sim_hash();
	u32 i = 0;
	int err;

	(void)state;
	boot_up();
	page_alloc_fail(1);
	do {
		assert_true(i < NR_MODULES);
		err = add(i++);
	} while (!err && now()->nr_not_remembered == 0);
	assert_int_equal(err, -ERR_NOMEM);
	assert_true(module_has(i - 2, UNLOCKED));
	assert_true(module_has(i - 1, LOCKED));
	assert_int_equal(now()->nr_modules, i);
	/* The failure came once; the next module is remembered again. */
	assert_int_equal(add(i), 0);
	assert_true(module_has(i, UNLOCKED));
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_int_equal(sim_hash(), smp);
	assert_int_equal(books().nr_used, 0);
}

/* ---- text_reserved ---- */

static void only_lock_bytes_that_can_change_are_reserved(void **state)
{
	u32 nr = 0;

	(void)state;
	core.instrs.start = core.instrs.end = NULL;
	core_locks[1] = 0;
	point(&core_locks[2], core.text_end); /* one past the end */
	boot_up();
	assert_int_equal(add(0), 0);
	for (u32 i = 0; i < SIM_TEXT_BYTES; i++)
		nr += is_reserved(sim_text + i);
	assert_int_equal(nr, CORE_LOCKS - 2 + MODULE_LOCKS);
	assert_true(is_reserved(core_site(0)));
	assert_false(is_reserved(core_site(1)));
	assert_true(is_reserved(module_text(0)));
	assert_int_equal(alternatives_text_reserved(core_site(0) - 3, core_site(0)), 0);
	assert_int_equal(alternatives_text_reserved(core_site(0) - 3, core_site(0) + 1), 1);
	assert_int_equal(del(0), 0);
	assert_false(is_reserved(module_text(0)));
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_false(is_reserved(core_site(0)));
}

static void every_entry_is_counted_and_the_first_odd_one_named(void **state)
{
	(void)state;
	core_locks[1] = 0;
	point(&core_locks[2], core.text_end); /* one past the end: what stands there is a LOCK */
	point(&core_locks[3], core_site(3) + 1);
	boot_up();
	assert_int_equal(now()->locks.nr_changed, CORE_LOCKS - 3);
	assert_int_equal(now()->locks.nr_zero, 1);
	assert_int_equal(now()->locks.nr_out_of_range, 1);
	assert_int_equal(now()->locks.nr_unexpected, 1);
	assert_ptr_equal(now()->locks.first_unexpected, &core_locks[2]);
	assert_true(module_has(0, LOCKED));
	assert_int_equal(add(1), 0);
	assert_int_equal(now()->locks.nr_changed, MODULE_LOCKS);
	/* The sum over the list. */
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_int_equal(now()->locks.nr_changed, CORE_LOCKS - 3 + MODULE_LOCKS);
	assert_int_equal(now()->locks.nr_zero, 1);
	assert_int_equal(now()->locks.nr_out_of_range, 1);
	assert_int_equal(now()->locks.nr_unexpected, 1);
	assert_int_equal(now()->nr_changes, 1);
}

/* ---- Misuse ---- */

static void a_second_cpu_that_runs_already_is_an_error(void **state)
{
	u64 smp = sim_hash(), up;

	(void)state;
	sim.nr_cpus = 2;
	assert_int_equal(boot(start_up), -ERR_BUSY);
	assert_int_equal(sim_hash(), smp);
	sim.nr_cpus = 1;
	boot_up();
	up = sim_hash();
	sim.nr_cpus = 2;
	assert_int_equal(alternatives_enable_smp(), -ERR_BUSY);
	assert_int_equal(sim_hash(), up);
	assert_true(now()->uniproc_patched);
	sim.nr_cpus = 1;
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_int_equal(sim_hash(), smp);
}

static void misuse_is_refused_and_changes_nothing(void **state)
{
	s32 *locks = modules[5].locks;
	u8 *text = module_text(5);
	u64 up;

	(void)state;
	boot_up();
	assert_int_equal(add(0), 0);
	up = sim_hash();
	assert_int_equal(boot(start_up), -ERR_EXIST);
	assert_int_equal(alternatives_smp_module_del(NULL), -ERR_INVAL);
	assert_int_equal(alternatives_smp_module_add(NULL, "m", locks, locks + 2, text, text + 16),
			 -ERR_INVAL);
	assert_int_equal(add(0), -ERR_EXIST);
	assert_int_equal(
		alternatives_smp_module_add(&modules[5], "m", locks + 1, locks, text, text + 16),
		-ERR_INVAL);
	assert_int_equal(
		alternatives_smp_module_add(&modules[5], "m", locks, locks + 2, text + 16, text),
		-ERR_INVAL);
	assert_int_equal(alternatives_smp_module_add(&modules[5], "m", locks, locks + 2, text,
						     sim_text + SIM_TEXT_BYTES + 1),
			 -ERR_RANGE);
	assert_int_equal(alternatives_smp_switch(true), -ERR_UNSUPPORTED);
	assert_int_equal(now()->nr_modules, 2);
	assert_int_equal(sim_hash(), up);
}

static void nothing_is_done_without_the_lock(void **state)
{
	u64 smp = sim_hash(), up;

	(void)state;
	text_mutex_unlock();
	assert_int_equal(boot(start_up), -ERR_PERM);
	text_mutex_lock();
	assert_int_equal(sim_hash(), smp);
	boot_up();
	up = sim_hash();
	text_mutex_unlock();
	assert_int_equal(add(0), -ERR_PERM);
	assert_int_equal(del(0), -ERR_PERM);
	assert_int_equal(alternatives_enable_smp(), -ERR_PERM);
	assert_int_equal(alternatives_smp_switch(true), -ERR_PERM);
	assert_int_equal(alternatives_text_reserved(sim_text, sim_text + 1), -ERR_PERM);
	assert_int_equal(free_smp_locks(), -ERR_PERM);
	assert_int_equal(alternatives_smp_exit(), -ERR_PERM);
	text_mutex_lock();
	assert_int_equal(sim_hash(), up);
	assert_int_equal(now()->nr_modules, 1);
}

/* The machine cannot open the alias: nothing is half done, and it can be tried again. */
static void a_machine_that_cannot_write_leaves_what_was(void **state)
{
	u64 smp = sim_hash(), up;

	(void)state;
	sim.fail_open = true;
	assert_int_equal(boot(start_up), -ERR_FAULT);
	assert_int_equal(alternatives_smp_exit(), 0);
	sim.fail_open = false;
	assert_int_equal(sim_hash(), smp);
	boot_up();
	up = sim_hash();
	sim.fail_open = true;
	assert_int_equal(add(0), -ERR_FAULT);
	assert_int_equal(now()->nr_modules, 1);
	assert_int_equal(alternatives_enable_smp(), -ERR_FAULT);
	assert_true(now()->uniproc_patched);
	assert_int_equal(now()->nr_modules, 1);
	assert_int_equal(sim_hash(), up);
	sim.fail_open = false;
	assert_int_equal(alternatives_enable_smp(), 0);
	assert_int_equal(sim_hash(), smp);
}

#define ALT_TEST(name) cmocka_unit_test_setup_teardown(name, reset, close_down)

int main(void)
{
	const struct CMUnitTest tests[] = {
		ALT_TEST(enabling_smp_restores_every_byte),
		ALT_TEST(the_nop_of_2006_comes_back_too),
		ALT_TEST(with_more_cpus_to_come_nothing_is_changed_or_remembered),
		ALT_TEST(noreplace_smp_changes_nothing),
		ALT_TEST(the_only_cpu_there_is_needs_no_list),
		ALT_TEST(enabling_smp_frees_every_node),
		ALT_TEST(del_looks_nowhere_once_smp_is_enabled),
		ALT_TEST(before_seed_0_the_nodes_stayed_and_were_walked),
		ALT_TEST(a_module_that_left_is_not_locked_again),
		ALT_TEST(the_table_stays_while_a_node_refers_to_it),
		ALT_TEST(the_table_stays_until_the_allocator_is_ready),
		ALT_TEST(nobody_reads_a_freed_table),
		ALT_TEST(freeing_at_boot_is_refused_by_the_allocator_of_today),
		ALT_TEST(before_seed_1_the_table_was_lost),
		ALT_TEST(an_image_that_cannot_be_remembered_keeps_its_locks),
		ALT_TEST(a_module_that_cannot_be_remembered_keeps_its_locks),
		ALT_TEST(only_lock_bytes_that_can_change_are_reserved),
		ALT_TEST(every_entry_is_counted_and_the_first_odd_one_named),
		ALT_TEST(a_second_cpu_that_runs_already_is_an_error),
		ALT_TEST(misuse_is_refused_and_changes_nothing),
		ALT_TEST(nothing_is_done_without_the_lock),
		ALT_TEST(a_machine_that_cannot_write_leaves_what_was),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("smp_alt_modules", tests, NULL, NULL);
}
