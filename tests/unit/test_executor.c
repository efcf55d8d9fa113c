/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: what executors run is what they count: a mix of bytes as torn, a trap as a fault
 * behind which they go on, and the form before a change as late. And each way to change sites that
 * promises something leaves the sites whole and nobody late.
 */
#include "unit.h"

#include <string.h>

#include "change.h"
#include "executor.h"
#include "host.h"
#include "machine_text.h"
#include "stop_machine.h"
#include "text_patching.h"
#include "x86.h"

#define NR_SITES 4
#define NR_CHANGES 40

static struct bench_run run;
static struct imm_sites sites;
static struct executors executors;

/* Within aligned words; or the last one across a line, too. */
static const u32 within[NR_SITES] = { 64, 129, 194, 259 };
static const u32 across[NR_SITES] = { 64, 129, 194, 320 - 3 };

static void begin_with(const u32 *offsets)
{
	if (machine_nr_cpus() < 2)
		skip();
	memset(&run, 0, sizeof(run));
	memset(&executors, 0, sizeof(executors));
	assert_int_equal(imm_sites_build(&sites, IMM_WHOLE, offsets, NR_SITES), 0);
	assert_int_equal(executors_start(&run, &executors, &sites, NULL), 0);
}

static void begin(void)
{
	begin_with(across);
}

static void end(void)
{
	executors_stop(&run, &executors);
	change_end();
	assert_int_equal(run.violations, 0);
	assert_true(executors_all_home(&executors));
	executors_free(&executors);
	imm_sites_free(&sites);
}

/* Nobody is to run the site meanwhile: the others are told to run another one. */
static void put(u32 site, const u8 *bytes, size_t len)
{
	assert_int_equal(executors_range(&run, &executors, !site, 1), 0);
	assert_int_equal(text_poke_copy(sites.sites[site].addr, bytes, len), 0);
	assert_int_equal(smp_text_poke_sync_each_cpu(), 0);
	assert_int_equal(executors_range(&run, &executors, 0, NR_SITES), 0);
}

static void sites_in_one_form_are_neither_torn_nor_late(void **state)
{
	(void)state;
	begin();
	assert_int_equal(executors_wait_round(&run, &executors), 0);
	assert_true(executors_total(&executors).executed >= 2 * NR_SITES);
	assert_int_equal(executors_total(&executors).torn, 0);
	assert_int_equal(executors_first_torn(&executors), 0);
	assert_int_equal(executors_faults(&executors) + executors_late(&executors), 0);
	end();
}

static void a_mix_of_bytes_is_torn_at_its_site(void **state)
{
	u8 mix[IMM_WHOLE_BYTES];

	(void)state;
	begin();
	memcpy(mix, sites.old, sizeof(mix));
	mix[2] = sites.new[2];
	put(2, mix, sizeof(mix));
	put(2, sites.old, sizeof(mix));
	/* Counts that still grow are not to be compared. */
	executors_stop(&run, &executors);
	assert_true(executors_site(&executors, 2).torn > 0);
	assert_int_equal(executors_site(&executors, 1).torn, 0);
	assert_int_equal(executors_total(&executors).torn, executors_site(&executors, 2).torn);
	assert_true(executors_first_torn(&executors) > 0);
	end();
}

static void a_fault_is_counted_and_the_run_goes_on(void **state)
{
	/* cmocka takes the signals of other traps for itself. */
	static const u8 int3 = INT3_INSN_OPCODE;
	u64 faults, executed;

	(void)state;
	begin();
	put(3, &int3, 1);
	faults = executors_faults(&executors);
	assert_true(faults > 0);
	assert_int_equal(executors.each[0].fault.vector, TRAP_BP);
	assert_int_equal(executors.each[0].fault.ip, (u64)sites.sites[3].addr);
	put(3, sites.old, IMM_WHOLE_BYTES);
	faults = executors_faults(&executors);
	executed = executors_site(&executors, 3).executed;
	assert_int_equal(executors_wait_round(&run, &executors), 0);
	assert_int_equal(executors_faults(&executors), faults);
	assert_true(executors_site(&executors, 3).executed > executed);
	end();
}

static void the_form_before_a_change_is_late(void **state)
{
	(void)state;
	begin();
	executors_change_begin(&executors);
	assert_int_equal(executors_wait_round(&run, &executors), 0);
	assert_int_equal(executors_late(&executors), 0);
	/* Nothing was changed. */
	executors_change_end(&executors, true);
	assert_int_equal(executors_wait_round(&run, &executors), 0);
	assert_true(executors_late(&executors) > 0);
	end();
}

static void expect_form(bool new)
{
	for (u32 i = 0; i < NR_SITES; i++)
		assert_memory_equal(sites.sites[i].addr, new ? sites.new : sites.old,
				    IMM_WHOLE_BYTES);
}

static void who_promises_keeps_it(const struct change *how)
{
	u64 ticks;

	begin();
	assert_int_equal(change_begin(&run, how, &sites), 0);
	for (int i = 1; i <= NR_CHANGES; i++) {
		executors_change_begin(&executors);
		assert_int_equal(change_sites(&run, how, &sites, i % 2, &ticks), 0);
		assert_true(ticks > 0);
		executors_change_end(&executors, i % 2);
		expect_form(i % 2);
		assert_int_equal(executors_wait_round(&run, &executors), 0);
	}
	assert_int_equal(executors_total(&executors).torn, 0);
	assert_int_equal(executors_late(&executors), 0);
	assert_int_equal(executors_faults(&executors), 0);
	end();
}

static void every_way_that_promises_keeps_it(void **state)
{
	static const struct change ways[] = {
		{ .how = CHANGE_BATCH },
		{ .how = CHANGE_SINGLE },
		{ .how = CHANGE_STOP },
		{ .how = CHANGE_PHASES },
		{ .how = CHANGE_PHASES, .gap = { GAP_NMI, GAP_NMI, GAP_NMI } },
	};

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++)
		who_promises_keeps_it(&ways[i]);
}

static void every_way_writes_the_form_that_is_asked_for(void **state)
{
	static const struct change ways[] = {
		{ .how = CHANGE_STORE },
		{ .how = CHANGE_COPY },
		{ .how = CHANGE_PHASES, .gap = { GAP_WAIT, GAP_WAIT }, .wait_ticks = 500 },
	};
	u64 ticks;

	(void)state;
	begin_with(within);
	for (size_t i = 0; i < ARRAY_SIZE(ways); i++) {
		assert_int_equal(change_begin(&run, &ways[i], &sites), 0);
		assert_int_equal(change_sites(&run, &ways[i], &sites, true, &ticks), 0);
		expect_form(true);
		assert_int_equal(change_sites(&run, &ways[i], &sites, false, &ticks), 0);
		expect_form(false);
		assert_int_equal(executors_wait_round(&run, &executors), 0);
		change_end();
	}
	end();
}

static void one_store_is_refused_where_it_does_not_reach(void **state)
{
	static const struct change store = { .how = CHANGE_STORE };
	u64 ticks;

	(void)state;
	begin();
	assert_int_equal(change_sites(&run, &store, &sites, true, &ticks), -ERR_RANGE);
	expect_form(false);
	end();
}

static int setup(void **state)
{
	const char *reason;

	(void)state;
	if (host_setup(&reason) || text_poke_init() || stop_machine_init())
		return -1;
	return machine_start_cpus(machine_nr_cpus_present() > 1 ? 2 : 1, &reason) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	return machine_stop_cpus();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(sites_in_one_form_are_neither_torn_nor_late),
		cmocka_unit_test(a_mix_of_bytes_is_torn_at_its_site),
		cmocka_unit_test(a_fault_is_counted_and_the_run_goes_on),
		cmocka_unit_test(the_form_before_a_change_is_late),
		cmocka_unit_test(every_way_that_promises_keeps_it),
		cmocka_unit_test(every_way_writes_the_form_that_is_asked_for),
		cmocka_unit_test(one_store_is_refused_where_it_does_not_reach),
	};

	return cmocka_run_group_tests_name("executor", tests, setup, teardown);
}
