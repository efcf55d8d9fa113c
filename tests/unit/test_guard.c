/* SPDX-License-Identifier: MIT */
/*
 * What firmware changed in a call: named once, with the call, put back each time.
 */
#include "unit.h"

#include <string.h>

#include "guard.h"

static const struct guarded_state found = {
	.value = { [GUARDED_CR4] = 0x668,
		   [GUARDED_IDT_BASE] = 0x1000,
		   [GUARDED_IF] = 1,
		   [GUARDED_STACK] = 1 },
};
static u32 nr_mended[NR_GUARDED];

static bool mend(enum guarded which, const struct guarded_state *before)
{
	assert_ptr_equal(before, &found);
	nr_mended[which]++;
	return which != GUARDED_GDT_BASE;
}

static void check(const char *call, enum guarded which, u64 value)
{
	struct guarded_state left = found;

	left.value[which] = value;
	guard_check(call, false, &found, &left, mend);
}

static void what_is_left_alone_is_no_warning(void **state)
{
	(void)state;
	assert_int_equal(guard_check("flush", false, &found, &found, mend), 0);
	for (u32 i = 0; i < NR_GUARDED; i++)
		assert_int_equal(nr_mended[i], 0);
	assert_null(guard_next_warning());
}

static void each_is_named_once_a_call_and_put_back_each_time(void **state)
{
	static const char flush[] = "flush", read[] = "read";

	(void)state;
	check(flush, GUARDED_CR4, 0x6e8);
	check(flush, GUARDED_CR4, 0x6e8);
	check(read, GUARDED_CR4, 0x6e8);
	check(flush, GUARDED_GDT_BASE, 0x2000);
	assert_int_equal(nr_mended[GUARDED_CR4], 3);
	assert_string_equal(guard_next_warning(),
			    "firmware changed CR4 in flush(), 0x668 to 0x6e8: put back");
	assert_string_equal(guard_next_warning(),
			    "firmware changed CR4 in read(), 0x668 to 0x6e8: put back");
	assert_string_equal(
		guard_next_warning(),
		"firmware changed the base of the GDT in flush(), 0x0 to 0x2000: left so");
	assert_null(guard_next_warning());
}

static void a_call_that_begins_in_a_wrong_state_is_our_fault(void **state)
{
	static const char write[] = "write";
	struct guarded_state now = found;

	(void)state;
	now.value[GUARDED_CR4] = now.value[GUARDED_STACK] = 0;
	assert_int_equal(guard_check(write, true, &found, &now, mend), 2);
	assert_string_equal(guard_next_warning(),
			    "smpoke changed CR4 before write(), 0x668 to 0x0: put back");
	assert_string_equal(
		guard_next_warning(),
		"smpoke changed the guard below the stack before write(), 0x1 to 0x0: put back");
	assert_null(guard_next_warning());
	check(write, GUARDED_CR4, 0);
	assert_string_equal(guard_next_warning(),
			    "firmware changed CR4 in write(), 0x668 to 0x0: put back");
}

/* There is room for twelve; the first six are from the tests before. */
static void however_many_there_are_each_has_a_name_and_is_put_back(void **state)
{
	static const char call[] = "call";
	const char *text;

	(void)state;
	memset(nr_mended, 0, sizeof(nr_mended));
	for (u32 i = 0; i < NR_GUARDED; i++) {
		check(call, (enum guarded)i, found.value[i] + 1);
		assert_int_equal(nr_mended[i], 1);
		text = guard_next_warning();
		assert_true(i < 6 ? text != NULL : text == NULL);
		if (text)
			assert_null(strstr(text, "null"));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_left_alone_is_no_warning),
		cmocka_unit_test(each_is_named_once_a_call_and_put_back_each_time),
		cmocka_unit_test(a_call_that_begins_in_a_wrong_state_is_our_fault),
		cmocka_unit_test(however_many_there_are_each_has_a_name_and_is_put_back),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
