/* SPDX-License-Identifier: MIT */
/*
 * CPUs of several kinds, by the registers that CPUID gives on them: package, core, thread and core
 * type are taken apart as the manual says, and what a CPU has not got is not made up.
 */
#include "unit.h"

#include "topology.h"

#define SMT(shift, id)                                                                             \
	{                                                                                          \
		.eax = (shift), .ecx = 1 << 8, .edx = (id)                                         \
	}
#define CORES(shift, id)                                                                           \
	{                                                                                          \
		.eax = (shift), .ecx = 2 << 8 | 1, .edx = (id)                                     \
	}

static void expect_place(const struct topology_leaves *leaves, u32 package, u32 core, u32 thread)
{
	struct topology t;

	topology_decode(&t, leaves);
	assert_int_equal(t.package, package);
	assert_int_equal(t.core, core);
	assert_int_equal(t.thread, thread);
}

static void two_threads_a_core_and_two_packages(void **state)
{
	/* 16 cores of 2 threads: one bit for the thread, four for the core. */
	struct topology_leaves leaves = { .levels = { SMT(1, 0x2B), CORES(5, 0x2B) } };

	(void)state;
	expect_place(&leaves, 1, 5, 1);
	leaves.levels[0].edx = 0x0A;
	expect_place(&leaves, 0, 5, 0);
}

static void without_smt_every_cpu_is_a_core(void **state)
{
	struct topology_leaves leaves = { .levels = { SMT(0, 3), CORES(2, 3) } };

	(void)state;
	expect_place(&leaves, 0, 3, 0);
	leaves.levels[0].edx = 7;
	expect_place(&leaves, 1, 3, 0);
}

static void ids_have_32_bits_where_there_is_x2apic(void **state)
{
	struct topology_leaves leaves = { .version = { .ebx = 0x2B000000 },
					  .levels = { SMT(1, 0x12B), CORES(8, 0x12B) } };
	struct topology t;

	(void)state;
	topology_decode(&t, &leaves);
	assert_int_equal(t.apic_id, 0x12B);
	expect_place(&leaves, 1, 0x15, 1);
}

static void a_cpu_without_the_leaves_is_alone(void **state)
{
	struct topology_leaves leaves = { .version = { .eax = 0x663, .ebx = 0x05000000 } };
	struct topology t;

	(void)state;
	topology_decode(&t, &leaves);
	assert_int_equal(t.signature, 0x663);
	assert_int_equal(t.apic_id, 5);
	expect_place(&leaves, 5, 0, 0);
}

static void one_level_is_the_package_too(void **state)
{
	struct topology_leaves leaves = { .levels = { SMT(1, 3) } };

	(void)state;
	expect_place(&leaves, 1, 0, 1);
}

static void core_types_are_told_apart_on_hybrid_cpus_only(void **state)
{
	static const struct {
		u32 features_edx, hybrid_eax;
		enum core_type type;
		const char *name;
	} cases[] = {
		{ 1u << 15, 0x40000001, CORE_PERFORMANCE, "P" },
		{ 1u << 15, 0x20000001, CORE_EFFICIENT, "E" },
		{ 1u << 15, 0x30000001, CORE_UNKNOWN, "unknown" },
		{ 0, 0x40000001, CORE_PLAIN, "core" },
	};
	struct topology t;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct topology_leaves leaves = { .features = { .edx = cases[i].features_edx },
						  .hybrid = { .eax = cases[i].hybrid_eax } };

		topology_decode(&t, &leaves);
		assert_int_equal(t.type, cases[i].type);
		assert_string_equal(core_type_name(t.type), cases[i].name);
	}
}

/* The CPU that this runs on: what it says of itself hangs together. */
static void this_cpu_can_be_looked_at(void **state)
{
	struct topology t;

	(void)state;
	topology_look(&t);
	assert_int_equal(t.signature, cpuid(1, 0).eax);
	assert_true(t.thread < 8);
	assert_true(t.type <= CORE_UNKNOWN);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(two_threads_a_core_and_two_packages),
		cmocka_unit_test(without_smt_every_cpu_is_a_core),
		cmocka_unit_test(ids_have_32_bits_where_there_is_x2apic),
		cmocka_unit_test(a_cpu_without_the_leaves_is_alone),
		cmocka_unit_test(one_level_is_the_package_too),
		cmocka_unit_test(core_types_are_told_apart_on_hybrid_cpus_only),
		cmocka_unit_test(this_cpu_can_be_looked_at),
	};

	return cmocka_run_group_tests_name("topology", tests, NULL, NULL);
}
