/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: every lockable instruction, in every width, at one place, at several and across
 * lines, leaves what the model says, with its LOCKs, without, and in both UP forms, and not a byte
 * besides; and the model says what was computed by hand.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "host.h"
#include "lock_insn.h"
#include "smp_locks.h"
#include "text_patching.h"

#define ALL_WIDTHS (1 | 2 | 4 | 8)

static const struct {
	const char *name;
	struct lock_insn insn; /* its width is filled in */
	u8 widths;
	u64 once; /* what one operation makes of 100, in 64 bits, or in each half */
} cases[] = {
	{ "adc", { ASM_ADC, 0, LOCK_INSN_IMM, 1, false }, ALL_WIDTHS, 101 },
	{ "add", { ASM_ADD, 0, LOCK_INSN_IMM, 1, false }, ALL_WIDTHS, 101 },
	{ "and", { ASM_AND, 0, LOCK_INSN_IMM, 0x35, false }, ALL_WIDTHS, 0x24 },
	{ "btc", { ASM_BTC, 0, LOCK_INSN_IMM, 3, false }, 2 | 4 | 8, 108 },
	{ "btr", { ASM_BTR, 0, LOCK_INSN_IMM, 5, false }, 2 | 4 | 8, 68 },
	{ "bts", { ASM_BTS, 0, LOCK_INSN_IMM, 3, false }, 2 | 4 | 8, 108 },
	{ "cmpxchg", { ASM_CMPXCHG, 0, LOCK_INSN_REG, 0, false }, ALL_WIDTHS, 100 },
	{ "cmpxchg8b", { ASM_CMPXCHG8B, 0, LOCK_INSN_ALONE, 0, false }, 8, 100 },
	{ "cmpxchg16b", { ASM_CMPXCHG16B, 0, LOCK_INSN_ALONE, 0, false }, 16, 100 },
	{ "dec", { ASM_DEC, 0, LOCK_INSN_ALONE, 0, false }, ALL_WIDTHS, 99 },
	{ "inc", { ASM_INC, 0, LOCK_INSN_ALONE, 0, false }, ALL_WIDTHS, 101 },
	{ "neg", { ASM_NEG, 0, LOCK_INSN_ALONE, 0, false }, ALL_WIDTHS, -100ull },
	{ "not", { ASM_NOT, 0, LOCK_INSN_ALONE, 0, false }, ALL_WIDTHS, -101ull },
	{ "or", { ASM_OR, 0, LOCK_INSN_IMM, 3, false }, ALL_WIDTHS, 103 },
	{ "sbb", { ASM_SBB, 0, LOCK_INSN_IMM, 1, false }, ALL_WIDTHS, 99 },
	{ "sub", { ASM_SUB, 0, LOCK_INSN_IMM, 1, false }, ALL_WIDTHS, 99 },
	{ "xadd", { ASM_XADD, 0, LOCK_INSN_REG, 0, false }, ALL_WIDTHS, 105 },
	{ "xchg", { ASM_XCHG, 0, LOCK_INSN_REG, 0, false }, ALL_WIDTHS, 5 },
	{ "xor", { ASM_XOR, 0, LOCK_INSN_IMM, 3, false }, ALL_WIDTHS, 103 },
};

static const struct lock_layout layouts[] = {
	{ 1, 1, 1, 64, false },	     { 63, 1, 1, 64, false }, { 56, 8, 1, 64, false },
	{ 64, 128, 37, 128, false }, { 63, 1, 1, 64, true },
};

static u8 lines[LOCK_LINES_BYTES] __attribute__((aligned(64)));
static u8 want[LOCK_LINES_BYTES];

static void the_model_is_what_was_computed_by_hand(void **state)
{
	const struct lock_layout once = { 1, 1, 1, 64, false };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct lock_insn insn = cases[i].insn;
		u32 nr_halves = insn.op == ASM_CMPXCHG8B || insn.op == ASM_CMPXCHG16B ? 2 : 1;

		for (insn.bytes = 1; insn.bytes <= 16; insn.bytes *= 2) {
			if (!(cases[i].widths & insn.bytes))
				continue;
			lock_insn_fill(lines, &insn, &once, 100);
			lock_insn_model(lines, &insn, &once, 1);
			for (u32 half = 0; half < nr_halves; half++)
				expect(cases[i].name,
				       !memcmp(lines + half * insn.bytes / nr_halves,
					       &cases[i].once, insn.bytes / nr_halves));
			expect(cases[i].name, lines[insn.bytes] == 0xA5);
		}
	}
}

/* CMPXCHG against 100: the first fails and takes 100 along, the second stores the 5 of its
 * register. */
static void a_comparison_fails_once(void **state)
{
	const struct lock_insn insn = { ASM_CMPXCHG16B, 16, LOCK_INSN_ALONE, 0, false };
	const struct lock_layout twice = { 2, 1, 1, 64, false };
	const u64 five[2] = { 5, 5 };

	(void)state;
	lock_insn_fill(lines, &insn, &twice, 100);
	lock_insn_model(lines, &insn, &twice, 1);
	assert_memory_equal(lines, five, sizeof(five));
}

static void expect_as_model(const char *name, struct region *region, const struct lock_insn *insn,
			    const struct lock_layout *layout, u32 times)
{
	/* So that neither 63 nor 126 steps carry in a byte. */
	u32 value = times == 2 ? 128 : 100;

	lock_insn_fill(lines, insn, layout, value);
	lock_insn_fill(want, insn, layout, value);
	lock_insn_model(want, insn, layout, times);
	((rmw_fn)region->text)(lines, 1);
	expect(name, !memcmp(lines, want, sizeof(want)));
}

static void switch_to(struct region *region, bool smp, enum smp_up_form form, u32 nr)
{
	struct smp_locks_result changed;

	text_mutex_lock();
	assert_int_equal((smp ? alternatives_smp_lock : alternatives_smp_unlock)(
				 region->locks, region->locks_end, region->text, region->text_end,
				 form, &changed),
			 0);
	text_mutex_unlock();
	assert_int_equal(changed.nr_changed, nr);
}

static void check_forms(const char *name, const struct lock_insn *insn,
			const struct lock_layout *layout, u32 times)
{
	static const enum smp_up_form forms[] = { SMP_UP_DS, SMP_UP_NOP };
	struct region region;

	assert_int_equal(lock_insn_build(&region, insn, layout, false, times), 0);
	assert_null(region.locks);
	expect_as_model(name, &region, insn, layout, times);
	region_free(&region);
	assert_int_equal(lock_insn_build(&region, insn, layout, true, times), 0);
	expect_as_model(name, &region, insn, layout, times);
	for (u32 i = 0; i < ARRAY_SIZE(forms); i++) {
		switch_to(&region, false, forms[i], times * layout->nr_ops);
		expect_as_model(name, &region, insn, layout, times);
		switch_to(&region, true, forms[i], times * layout->nr_ops);
	}
	region_free(&region);
}

/* The same body once and twice. */
static void check_lengths(const char *name, const struct lock_insn *insn,
			  const struct lock_layout *layout)
{
	check_forms(name, insn, layout, 1);
	check_forms(name, insn, layout, 2);
}

static void every_instruction_does_as_the_model_in_every_form(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(cases); i++) {
		struct lock_insn insn = cases[i].insn;

		for (insn.bytes = 1; insn.bytes <= 16; insn.bytes *= 2) {
			for (u32 j = 0; j < ARRAY_SIZE(layouts); j++) {
				bool can = cases[i].widths & insn.bytes;

				/* A byte cannot be split, and CMPXCHG16B must not be. */
				if (can &&
				    !(layouts[j].split && (insn.bytes == 1 || insn.bytes == 16)))
					check_lengths(cases[i].name, &insn, &layouts[j]);
			}
		}
	}
}

static int setup(void **state)
{
	const char *reason;

	(void)state;
	return host_setup(&reason) || text_poke_init() ? -1 : 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_model_is_what_was_computed_by_hand),
		cmocka_unit_test(a_comparison_fails_once),
		cmocka_unit_test(every_instruction_does_as_the_model_in_every_form),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("lock_insn", tests, setup, NULL);
}
