/* SPDX-License-Identifier: MIT */
/*
 * What the banks of a CPU say of a machine check.
 */
#include "unit.h"

#include "machine_check.h"

#define ENABLED (1ull << 60)
#define BAD (MCI_STATUS_VALID | MCI_STATUS_UNCORRECTED | ENABLED)

static u64 decided;

static enum machine_check judge(u64 mcg_status, u64 first, u64 second)
{
	const u64 status[] = { 0, first, 0, second, 0 };

	return machine_check_judge(mcg_status, status, ARRAY_SIZE(status), &decided);
}

static void one_that_no_bank_knows_of_was_meant_for_another_cpu(void **state)
{
	(void)state;
	assert_int_equal(judge(MCG_STATUS_RIPV, 0, 0), MC_ELSEWHERE);
	assert_int_equal(decided, 0);
	/* Corrected, and what is not valid, whatever else it says. */
	assert_int_equal(judge(MCG_STATUS_RIPV, MCI_STATUS_VALID | ENABLED, 0), MC_ELSEWHERE);
	assert_int_equal(judge(MCG_STATUS_RIPV, MCI_STATUS_UNCORRECTED | MCI_STATUS_PCC, 0),
			 MC_ELSEWHERE);
}

static void code_that_cannot_go_on_does_not(void **state)
{
	(void)state;
	assert_int_equal(judge(0, 0, 0), MC_CONTAINED);
	assert_int_equal(judge(0, BAD | 5, 0), MC_CONTAINED);
	assert_int_equal(decided, BAD | 5);
}

static void one_whose_cpu_is_whole_ends_what_ran(void **state)
{
	(void)state;
	assert_int_equal(judge(MCG_STATUS_RIPV, BAD | 5, 0), MC_CONTAINED);
	assert_int_equal(judge(MCG_STATUS_RIPV, 0, BAD | 6), MC_CONTAINED);
	assert_int_equal(decided, BAD | 6);
}

static void a_state_that_may_be_wrong_ends_the_cpu_whatever_the_other_banks_say(void **state)
{
	(void)state;
	assert_int_equal(judge(MCG_STATUS_RIPV, BAD | MCI_STATUS_PCC, 0), MC_CORRUPT);
	assert_int_equal(judge(MCG_STATUS_RIPV, BAD, BAD | MCI_STATUS_PCC), MC_CORRUPT);
	assert_int_equal(decided, BAD | MCI_STATUS_PCC);
	assert_int_equal(judge(MCG_STATUS_RIPV, BAD | MCI_STATUS_PCC, BAD), MC_CORRUPT);
	/* Who knows what the one that was overwritten said. */
	assert_int_equal(judge(MCG_STATUS_RIPV, BAD | MCI_STATUS_OVERFLOW, 0), MC_CORRUPT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_that_no_bank_knows_of_was_meant_for_another_cpu),
		cmocka_unit_test(code_that_cannot_go_on_does_not),
		cmocka_unit_test(one_whose_cpu_is_whole_ends_what_ran),
		cmocka_unit_test(
			a_state_that_may_be_wrong_ends_the_cpu_whatever_the_other_banks_say),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
