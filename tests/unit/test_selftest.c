/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: int3_selftest() is content with code that is right, by real traps, and with none that
 * is wrong; and gives the breakpoints back. alt_reloc_selftest(): test_alternative_run.
 */
#include "unit.h"

#include <stdlib.h>

#include "host.h"
#include "selftest.h"
#include "text_patching.h"

#define CODE(name)                                                                                 \
	extern const u8 name##_site[];                                                             \
	void name(void *arg);
CODE(selftest_right)
CODE(selftest_silent)
CODE(selftest_twice)
CODE(selftest_elsewhere)

static int setup(void **state)
{
	const char *reason;

	(void)state;
	return host_setup(&reason) || text_poke_init() ? -1 : 0;
}

#define selftest(name) int3_selftest(&(struct int3_selftest_code){ name##_site, name })

static void an_int3_that_is_emulated_as_a_call_is_right(void **state)
{
	(void)state;
	assert_int_equal(selftest(selftest_right), 0);
	/* And it can be asked again. */
	assert_int_equal(selftest(selftest_right), 0);
}

static void code_that_is_wrong_is_told_apart(void **state)
{
	(void)state;
	assert_int_equal(selftest(selftest_silent), -ERR_VERIFY);
	assert_int_equal(selftest(selftest_twice), -ERR_VERIFY);
	assert_int_equal(selftest(selftest_elsewhere), -ERR_FAULT);
	assert_int_equal(selftest(selftest_right), 0);
}

static bool nobody(struct trap_regs *regs)
{
	(void)regs;
	return false;
}

static void the_breakpoints_are_given_back(void **state)
{
	text_bp_hook before = text_set_bp_hook(nobody);

	(void)state;
	assert_int_equal(selftest(selftest_right), 0);
	assert_int_equal(selftest(selftest_elsewhere), -ERR_FAULT);
	assert_ptr_equal(text_set_bp_hook(before), nobody);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(an_int3_that_is_emulated_as_a_call_is_right),
		cmocka_unit_test(code_that_is_wrong_is_told_apart),
		cmocka_unit_test(the_breakpoints_are_given_back),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("selftest", tests, setup, NULL);
}
