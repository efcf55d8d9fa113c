/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: features are what CPUID says, bit for bit, and what was set and cleared since; a
 * number that is none is never there.
 */
#include "unit.h"

#include <cpuid.h>
#include <stdlib.h>
#include <string.h>

#include "cpu_feature.h"

/* The compiler's own CPUID, and the registers as the manual has them. */
static bool cpuid_bit(u32 leaf, u32 reg, u32 bit)
{
	u32 r[4];

	return __get_cpuid_count(leaf, 0, &r[0], &r[1], &r[2], &r[3]) && r[reg] >> bit & 1;
}

static int init(void **state)
{
	(void)state;
	memset(&boot_cpu_features, 0xFF, sizeof(boot_cpu_features));
	cpu_features_init();
	return 0;
}

static void each_bit_is_what_cpuid_says(void **state)
{
	static const struct {
		u32 word, leaf, reg;
	} words[] = {
		{ 0, 1, 3 }, { 1, 0x80000001, 3 }, { 4, 1, 2 }, { 9, 7, 1 }, { 18, 7, 3 },
	};
	u32 nr = 0;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(words); i++) {
		for (u32 bit = 0; bit < 32; bit++) {
			bool want = cpuid_bit(words[i].leaf, words[i].reg, bit);

			assert_int_equal(cpu_feature_test(words[i].word * 32 + bit), want);
			nr += want;
		}
	}
	/* Every x86-64 CPU has at least FPU, TSC, MSR, CX8, SSE, SSE2. */
	assert_true(nr > 6);
}

/* Typed in from the manuals. */
static void the_named_ones_are_where_the_manual_has_them(void **state)
{
	(void)state;
	assert_int_equal(cpu_feature_test(X86_FEATURE_RDTSCP), cpuid_bit(0x80000001, 3, 27));
	assert_int_equal(cpu_feature_test(X86_FEATURE_MWAIT), cpuid_bit(1, 2, 3));
	assert_int_equal(cpu_feature_test(X86_FEATURE_ERMS), cpuid_bit(7, 1, 9));
	assert_int_equal(cpu_feature_test(X86_FEATURE_FSRM), cpuid_bit(7, 3, 4));
	assert_int_equal(cpu_feature_test(X86_FEATURE_SERIALIZE), cpuid_bit(7, 3, 14));
	assert_true(cpu_feature_test(X86_FEATURE_ALWAYS));
	assert_false(cpu_feature_test(X86_FEATURE_UP));
}

static void words_that_nobody_fills_are_empty(void **state)
{
	static const u32 filled = 1u << 0 | 1u << 1 | 1u << 4 | 1u << 9 | 1u << 18;

	(void)state;
	for (u32 word = 0; word < NR_CPU_FEATURE_WORDS; word++)
		if (word != 3 && !(filled >> word & 1))
			assert_int_equal(boot_cpu_features.word[word], 0);
	assert_int_equal(boot_cpu_features.word[3], 1u << 21);
}

static void setting_and_clearing_changes_one_bit(void **state)
{
	struct cpu_features before = boot_cpu_features;

	(void)state;
	for (u32 i = 0; i < NR_CPU_FEATURES; i++) {
		bool was = cpu_feature_test(i);

		cpu_feature_set(i);
		assert_true(cpu_feature_test(i));
		cpu_feature_clear(i);
		assert_false(cpu_feature_test(i));
		if (was)
			cpu_feature_set(i);
		assert_memory_equal(&boot_cpu_features, &before, sizeof(before));
	}
}

static void a_number_that_is_none_is_never_there(void **state)
{
	static const u32 none[] = { NR_CPU_FEATURES, NR_CPU_FEATURES + 31, 0xFFFF, UINT32_MAX };
	struct cpu_features before = boot_cpu_features;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(none); i++) {
		cpu_feature_set(none[i]);
		assert_false(cpu_feature_test(none[i]));
		cpu_feature_clear(none[i]);
	}
	assert_memory_equal(&boot_cpu_features, &before, sizeof(before));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup(each_bit_is_what_cpuid_says, init),
		cmocka_unit_test_setup(the_named_ones_are_where_the_manual_has_them, init),
		cmocka_unit_test_setup(words_that_nobody_fills_are_empty, init),
		cmocka_unit_test_setup(setting_and_clearing_changes_one_bit, init),
		cmocka_unit_test_setup(a_number_that_is_none_is_never_there, init),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("cpu_feature", tests, NULL, NULL);
}
