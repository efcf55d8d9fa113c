/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: a region becomes a module whole or not at all: alternatives applied, LOCKs in the
 * form that runs, every CPU serialised, and only then found by a look-up; and unloading leaves
 * nothing of it behind, or says who stood in the way.
 */
#include "alternative_fixture.h"

#include "module_load.h"
#include "page_alloc.h"
#include "sim_cpus.h"
#include "smp_alt.h"

#define MODULE_OFFSET 0x1000
#define MODULE_BYTES 64
#define SITE MODULE_OFFSET
#define LOCKS (MODULE_OFFSET + 8)
#define NR_LOCKS 3

static struct module mod;
static struct module_info info;
static struct module_load_report report;
static s32 locks[NR_LOCKS];
static u8 pool[PAGE_BYTES] __attribute__((aligned(PAGE_BYTES)));

static const u8 lock_inc[] = { LOCK_PREFIX_BYTE, 0x48, 0xFF, 0x07 };
static const u8 return_0[] = { 0x31, 0xC0, 0xC3 };

/* NOP2, three LOCK INCs, RET. The NOP has a replacement that this CPU wants. */
static void put_module(void)
{
	sim_put(SITE, B(0x66, 0x90, 0x66, 0x0F, 0x1F, 0x44, 0x00, 0x00));
	for (u32 i = 0; i < NR_LOCKS; i++)
		locks[i] = (s32)(sim_put(LOCKS + 4 * i, lock_inc, 4) - (u8 *)&locks[i]);
	sim_put(LOCKS + 4 * NR_LOCKS, return_0, sizeof(return_0));
	add_entry(sim_text + SITE, 2, B(0xFF, 0xC0), HAS);
}

static void setup_pool(void)
{
	const struct page_alloc_setup setup = { 0 };

	assert_int_equal(page_alloc_exit(), 0);
	assert_int_equal(page_alloc_setup(&setup), 0);
	assert_int_equal(page_alloc_add_pool("pool", pool, pool + sizeof(pool)), 0);
}

/* One CPU runs of the four there are; nothing is loaded, and the image has no LOCKs of its own. */
static int setup(void **state)
{
	sim_cpus_reset();
	reset(state);
	sim.nr_cpus = 1;
	assert_int_equal(stop_machine_init(), 0);
	assert_int_equal(alternatives_smp_exit(), 0);
	setup_pool();
	text_mutex_unlock();
	text_unregister(sim_text);
	put_module();
	info = (struct module_info){
		.name = "region",
		.text = sim_text + MODULE_OFFSET,
		.text_end = sim_text + MODULE_OFFSET + MODULE_BYTES,
		.alternatives = { entries, entries + nr_entries },
		.replacements = { replacements, replacements + replacement_bytes },
		.locks = { locks, locks + NR_LOCKS },
	};
	memset(&mod, 0, sizeof(mod));
	sim_forget();
	return 0;
}

static int teardown(void **state)
{
	(void)state;
	sim.at_event = NULL;
	sim.fail_sync = 0;
	sim.nr_cpus = sim.ticks_divisor = 1;
	/* Of a test that failed. */
	if (text_mutex_held())
		text_mutex_unlock();
	if (module_mutex_held())
		module_mutex_unlock();
	if (mod.state != MODULE_UNUSED)
		assert_int_equal(module_unload(&mod, NULL), 0);
	text_mutex_lock();
	assert_int_equal(alternatives_smp_exit(), 0);
	text_mutex_unlock();
	return 0;
}

static void boot_two_way(void)
{
	const struct smp_alt_core core = { .locks = locks,
					   .locks_end = locks,
					   .text = sim_text,
					   .text_end = sim_text + MODULE_OFFSET };
	const struct smp_alt_policy policy = { .up_form = SMP_UP_DS, .two_way = true };

	text_mutex_lock();
	assert_int_equal(alternatives_smp_boot(&core, &policy), 0);
	text_mutex_unlock();
}

static int load(void)
{
	return module_load(&mod, &info, MODULE_INSERT_RCU, &report);
}

static bool is_found(void)
{
	struct module_name name;
	u64 offset;

	return module_name_at(info.text + 3, &name, &offset) && !strcmp(name.text, "region") &&
	       offset == 3;
}

static bool is_linked(void)
{
	bool is;

	module_mutex_lock();
	is = module_nr();
	module_mutex_unlock();
	return is;
}

static bool locks_are(u8 prefix)
{
	for (u32 i = 0; i < NR_LOCKS; i++)
		if (sim_text[LOCKS + 4 * i] != prefix)
			return false;
	return true;
}

static bool is_replaced(void)
{
	return !memcmp(sim_text + SITE, ((const u8[]){ 0xFF, 0xC0 }), 2);
}

/* ---- Loading ---- */

static bool found_too_early, synced_too_early;

static void at_event(enum sim_event_kind kind, u32 nr_of_kind)
{
	(void)nr_of_kind;
	found_too_early = found_too_early || is_found();
	if (kind == SIM_SYNC)
		synced_too_early = !is_replaced();
}

static void a_module_is_found_when_all_is_done_and_seen_by_all(void **state)
{
	(void)state;
	found_too_early = synced_too_early = false;
	sim.at_event = at_event;
	assert_int_equal(load(), 0);
	assert_int_equal(report.step, MODULE_STEP_NONE);
	assert_int_equal(report.alternatives.nr_replaced, 1);
	assert_true(is_found());
	assert_true(is_replaced());
	assert_true(locks_are(LOCK_PREFIX_BYTE));
	assert_int_equal(sim.nr_of_kind[SIM_SYNC], 1);
	assert_false(found_too_early);
	assert_false(synced_too_early);
	assert_false(text_mutex_held());
	assert_false(module_mutex_held());
}

static void its_locks_take_the_form_that_runs(void **state)
{
	(void)state;
	boot_two_way();
	assert_int_equal(load(), 0);
	assert_true(locks_are(SMP_UP_DS));
	text_mutex_lock();
	assert_int_equal(alternatives_smp_state()->nr_modules, 2);
	assert_int_equal(alternatives_smp_switch(true), 0);
	assert_true(locks_are(LOCK_PREFIX_BYTE));
	text_mutex_unlock();
}

static void who_cannot_be_remembered_keeps_its_locks_and_runs(void **state)
{
	(void)state;
	boot_two_way();
	sim.fail_open = true;
	info.alternatives = info.replacements = (struct module_table){ 0 };
	assert_int_equal(load(), 0);
	sim.fail_open = false;
	assert_true(report.keeps_locks);
	assert_true(is_found());
	assert_true(locks_are(LOCK_PREFIX_BYTE));
}

static void a_module_without_tables_is_loaded_too(void **state)
{
	(void)state;
	info.alternatives = info.replacements = info.locks = (struct module_table){ 0 };
	assert_int_equal(load(), 0);
	assert_true(is_found());
	assert_false(is_replaced());
}

/* ---- What fails leaves nothing ---- */

static void expect_nothing_of_it(enum module_step step)
{
	assert_int_equal(report.step, step);
	assert_int_equal(mod.state, MODULE_UNUSED);
	assert_false(is_linked());
	assert_false(text_mutex_held());
	assert_false(module_mutex_held());
	/* Text that were still known could not be made known again. */
	assert_int_equal(text_register(info.text, MODULE_BYTES, NULL), 0);
	text_unregister(info.text);
}

static void text_that_is_no_code_is_named(void **state)
{
	(void)state;
	sim_put(SITE + 2, B(0x06));
	assert_int_equal(load(), -ERR_CORRUPT);
	assert_ptr_equal(report.bad, sim_text + SITE + 2);
	sim_put(SITE + 2, B(0x66));
	expect_nothing_of_it(MODULE_STEP_TEXT);
}

static void a_bad_name_is_refused(void **state)
{
	(void)state;
	info.name = "";
	assert_int_equal(load(), -ERR_INVAL);
	expect_nothing_of_it(MODULE_STEP_LINK);
}

static void alternatives_that_break_a_rule_are_refused_before_the_first_byte(void **state)
{
	u64 before;

	(void)state;
	entries[0].cpuid = 0xFFFF;
	before = sim_hash();
	assert_int_equal(load(), -ERR_REFUSED);
	assert_int_equal(report.alternatives.refusal.rule, ALT_RULE_FEATURE);
	assert_int_equal(sim_hash(), before);
	expect_nothing_of_it(MODULE_STEP_ALTERNATIVES);
}

static void a_cpu_that_does_not_serialise_stops_it(void **state)
{
	(void)state;
	boot_two_way();
	sim.fail_sync = 1;
	assert_int_equal(load(), -ERR_TIMEOUT);
	expect_nothing_of_it(MODULE_STEP_SYNC);
	text_mutex_lock();
	assert_int_equal(alternatives_smp_state()->nr_modules, 1);
	text_mutex_unlock();
}

/* ---- Unloading ---- */

static void what_is_unloaded_is_forgotten_by_all(void **state)
{
	(void)state;
	boot_two_way();
	for (u32 round = 0; round < 3; round++) {
		put_module();
		nr_entries = 1;
		assert_int_equal(load(), 0);
		assert_int_equal(module_unload(&mod, NULL), 0);
		assert_false(is_found());
		expect_nothing_of_it(MODULE_STEP_NONE);
		text_mutex_lock();
		assert_int_equal(alternatives_smp_state()->nr_modules, 1);
		text_mutex_unlock();
	}
}

static void a_cpu_that_does_not_come_keeps_the_memory(void **state)
{
	struct stop_report stopped;

	(void)state;
	assert_int_equal(load(), 0);
	sim.nr_cpus = 2;
	sim.ticks_divisor = 1000;
	sim_cpus[1].deaf = true;
	assert_int_equal(module_unload(&mod, &stopped), -ERR_TIMEOUT);
	assert_int_equal(stopped.cpu, 1);
	assert_int_equal(mod.state, MODULE_GOING);
	assert_false(is_found());
	assert_true(is_linked());
	sim.ticks_divisor = 1;
	sim_cpus_take_late(1);
	assert_int_equal(module_unload(&mod, &stopped), 0);
	expect_nothing_of_it(MODULE_STEP_NONE);
}

static void what_is_not_loaded_cannot_be_unloaded(void **state)
{
	(void)state;
	assert_int_equal(module_unload(&mod, NULL), -ERR_INVAL);
	assert_int_equal(load(), 0);
	assert_int_equal(module_unload(&mod, NULL), 0);
	assert_int_equal(module_unload(&mod, NULL), -ERR_INVAL);
}

#define LOAD_TEST(name) cmocka_unit_test_setup_teardown(name, setup, teardown)

int main(void)
{
	const struct CMUnitTest tests[] = {
		LOAD_TEST(a_module_is_found_when_all_is_done_and_seen_by_all),
		LOAD_TEST(its_locks_take_the_form_that_runs),
		LOAD_TEST(who_cannot_be_remembered_keeps_its_locks_and_runs),
		LOAD_TEST(a_module_without_tables_is_loaded_too),
		LOAD_TEST(text_that_is_no_code_is_named),
		LOAD_TEST(a_bad_name_is_refused),
		LOAD_TEST(alternatives_that_break_a_rule_are_refused_before_the_first_byte),
		LOAD_TEST(a_cpu_that_does_not_serialise_stops_it),
		LOAD_TEST(what_is_unloaded_is_forgotten_by_all),
		LOAD_TEST(a_cpu_that_does_not_come_keeps_the_memory),
		LOAD_TEST(what_is_not_loaded_cannot_be_unloaded),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("module_load", tests, NULL, NULL);
}
