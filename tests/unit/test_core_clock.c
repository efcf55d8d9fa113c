/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: the source of core cycles is what CPUID promises and what really counts, in that
 * order; counters of any width give differences that are right; what was switched on is as it was
 * found when the machine is given back; a register that is not there is no end of anything.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "core_clock.h"
#include "cpu_look.h"
#include "machine_noise.h"

#define NR_MSRS 0x400
#define WIDTH 40
#define PERFMON_2                                                                                  \
	{                                                                                          \
		.eax = 2, .edx = WIDTH << 5 | 3                                                    \
	}
#define HAS_APERF                                                                                  \
	{                                                                                          \
		.ecx = 1                                                                           \
	}

/* A CPU with these registers. Counters that run move by so much with each read. */
static struct {
	bool there[NR_MSRS], read_only[NR_MSRS];
	u64 value[NR_MSRS], step[NR_MSRS];
	bool needs_switch; /* fixed counters stand still until they are switched on */
} cpu;

static bool runs(u32 msr)
{
	if (msr != MSR_FIXED_CTR1 && msr != MSR_FIXED_CTR2)
		return true;
	return !cpu.needs_switch ||
	       (cpu.value[MSR_FIXED_CTR_CTRL] >> (msr == MSR_FIXED_CTR1 ? 4 : 8) & 3 &&
		cpu.value[MSR_PERF_GLOBAL_CTRL] >> (msr == MSR_FIXED_CTR1 ? 33 : 34) & 1);
}

bool msr_read(u32 msr, u64 *ret)
{
	if (!cpu.there[msr])
		return false;
	if (runs(msr))
		cpu.value[msr] += cpu.step[msr];
	if (msr == MSR_FIXED_CTR1 || msr == MSR_FIXED_CTR2)
		cpu.value[msr] &= (1ull << WIDTH) - 1;
	*ret = cpu.value[msr];
	return true;
}

bool msr_write(u32 msr, u64 value)
{
	if (!cpu.there[msr] || cpu.read_only[msr])
		return false;
	cpu.value[msr] = value;
	return true;
}

static void put(u32 msr, u64 value, u64 step)
{
	cpu.there[msr] = true;
	cpu.value[msr] = value;
	cpu.step[msr] = step;
}

/* Everything there, as firmware leaves it: somebody else's counter 0 is on. */
static int begin(void **state)
{
	(void)state;
	memset(&cpu, 0, sizeof(cpu));
	cpu.needs_switch = true;
	put(MSR_FIXED_CTR1, 1000, 150);
	put(MSR_FIXED_CTR2, 1000, 100);
	put(MSR_FIXED_CTR_CTRL, 0xB, 0);
	put(MSR_PERF_GLOBAL_CTRL, 1ull << 32 | 0xF, 0);
	put(MSR_APERF, 5000, 300);
	put(MSR_MPERF, 5000, 200);
	put(MSR_SMI_COUNT, 77, 0);
	return 0;
}

static int end(void **state)
{
	(void)state;
	core_clock_restore();
	return 0;
}

static enum core_clock setup(const struct core_clock_leaves *leaves)
{
	const char *why = "";
	enum core_clock kind;

	core_clock_setup(leaves);
	kind = machine_core_clock(&why);
	assert_true((kind == CORE_CLOCK_NONE) == (why != NULL));
	return kind;
}

static void expect_ratio(u64 core, u64 reference)
{
	struct core_cycles before, after;

	assert_true(machine_core_cycles(&before));
	assert_true(machine_core_cycles(&after));
	assert_int_equal(after.core - before.core, core);
	assert_int_equal(after.reference - before.reference, reference);
}

static void fixed_counters_come_first(void **state)
{
	const struct core_clock_leaves leaves = { .perfmon = PERFMON_2, .power = HAS_APERF };

	(void)state;
	assert_int_equal(setup(&leaves), CORE_CLOCK_FIXED);
	expect_ratio(150, 100);
	/* Both on in every ring, no interrupt; the other's bits as they were. */
	assert_int_equal(cpu.value[MSR_FIXED_CTR_CTRL], 0x33B);
	assert_int_equal(cpu.value[MSR_PERF_GLOBAL_CTRL], 7ull << 32 | 0xF);
	core_clock_restore();
	assert_int_equal(cpu.value[MSR_FIXED_CTR_CTRL], 0xB);
	assert_int_equal(cpu.value[MSR_PERF_GLOBAL_CTRL], 1ull << 32 | 0xF);
}

static void a_counter_that_wraps_goes_on(void **state)
{
	const struct core_clock_leaves leaves = { .perfmon = PERFMON_2 };

	(void)state;
	assert_int_equal(setup(&leaves), CORE_CLOCK_FIXED);
	for (u32 i = 0; i < 10; i++) {
		cpu.value[MSR_FIXED_CTR1] = (1ull << WIDTH) - 151 - 10 * i;
		machine_core_cycles(&(struct core_cycles){ 0 });
		expect_ratio(150, 100);
	}
}

static void what_the_manual_does_not_promise_is_not_used(void **state)
{
	static const struct core_clock_leaves none[] = {
		{ .perfmon = { .eax = 1, .edx = WIDTH << 5 | 3 } }, /* version 1 */
		{ .perfmon = { .eax = 2, .edx = WIDTH << 5 | 2 } }, /* two counters only */
		{ .perfmon = { .eax = 2, .edx = 3 } }, /* without a width */
		{ .perfmon = { 0 } },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(none); i++) {
		struct core_cycles cycles;

		assert_int_equal(setup(&none[i]), CORE_CLOCK_NONE);
		assert_false(machine_core_cycles(&cycles));
		assert_int_equal(cpu.value[MSR_FIXED_CTR_CTRL], 0xB);
	}
}

static void without_fixed_counters_there_are_aperf_and_mperf(void **state)
{
	const struct core_clock_leaves leaves = { .power = HAS_APERF };

	(void)state;
	assert_int_equal(setup(&leaves), CORE_CLOCK_APERF);
	expect_ratio(300, 200);
	assert_int_equal(cpu.value[MSR_FIXED_CTR_CTRL], 0xB);
}

/* As hypervisors do: CPUID has them, and the registers are constant, locked or not there. */
static void counters_that_do_not_count_are_none(void **state)
{
	const struct core_clock_leaves leaves = { .perfmon = PERFMON_2, .power = HAS_APERF };

	(void)state;
	cpu.step[MSR_FIXED_CTR1] = 0;
	assert_int_equal(setup(&leaves), CORE_CLOCK_APERF);
	assert_int_equal(cpu.value[MSR_FIXED_CTR_CTRL], 0xB);
	assert_int_equal(cpu.value[MSR_PERF_GLOBAL_CTRL], 1ull << 32 | 0xF);

	begin(NULL);
	cpu.read_only[MSR_PERF_GLOBAL_CTRL] = true;
	assert_int_equal(setup(&leaves), CORE_CLOCK_APERF);
	assert_int_equal(cpu.value[MSR_FIXED_CTR_CTRL], 0xB);

	begin(NULL);
	cpu.there[MSR_FIXED_CTR_CTRL] = false;
	assert_int_equal(setup(&leaves), CORE_CLOCK_APERF);

	cpu.step[MSR_MPERF] = 0;
	assert_int_equal(setup(&leaves), CORE_CLOCK_NONE);
	cpu.there[MSR_APERF] = false;
	assert_int_equal(setup(&leaves), CORE_CLOCK_NONE);
}

static void smis_are_counted_where_the_register_is(void **state)
{
	const struct core_clock_leaves leaves = { .power = HAS_APERF };
	u64 smis = 0;

	(void)state;
	setup(&leaves);
	assert_true(machine_smis(&smis));
	assert_int_equal(smis, 77);
	cpu.there[MSR_SMI_COUNT] = false;
	setup(&leaves);
	assert_false(machine_smis(&smis));
	assert_false(machine_switches(&smis));
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)
	const struct CMUnitTest tests[] = {
		TEST(fixed_counters_come_first),
		TEST(a_counter_that_wraps_goes_on),
		TEST(what_the_manual_does_not_promise_is_not_used),
		TEST(without_fixed_counters_there_are_aperf_and_mperf),
		TEST(counters_that_do_not_count_are_none),
		TEST(smis_are_counted_where_the_register_is),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("core_clock", tests, NULL, NULL);
}
