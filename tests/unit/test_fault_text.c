/* SPDX-License-Identifier: MIT */
/*
 * A trap in one line: every part that a reader needs to find the instruction, and no byte of the
 * code that was not read.
 */
#include "unit.h"

#include <string.h>

#include "fault_text.h"
#include "machine_text.h"

static void expect_text(const struct machine_fault *fault, const char *want)
{
	char text[FAULT_TEXT_BYTES];

	assert_int_equal(fault_text(fault, text, sizeof(text)), strlen(want));
	assert_string_equal(text, want);
}

static void vector_cpu_place_bytes_and_instruction_are_there(void **state)
{
	struct machine_fault fault = { .vector = TRAP_GP,
				       .cpu = 3,
				       .ip = 0xABCD00,
				       .bytes = { 0xe8, 1, 2, 3, 4, 0x90 },
				       .nr_bytes = 6 };

	(void)state;
	expect_text(&fault, "vector 13 (#GP) on cpu 3 at 0xabcd00: e8 01 02 03 04, 5 bytes, CALL");
	fault.vector = TRAP_PF;
	fault.addr = 0x7000;
	expect_text(&fault, "vector 14 (#PF) on cpu 3 at 0xabcd00, address 0x7000: e8 01 02 03 04, "
			    "5 bytes, CALL");
	fault.vector = 7;
	fault.ip = (u64)_stext + 0x10;
	expect_text(&fault, "vector 7 on cpu 3 at text+0x10: e8 01 02 03 04, 5 bytes, CALL");
}

static void what_is_no_instruction_or_not_whole_is_shown_as_bytes(void **state)
{
	struct machine_fault fault = {
		.vector = TRAP_UD, .ip = 0x10, .bytes = { 0x06, 1, 2, 3, 4 }, .nr_bytes = 5
	};

	(void)state;
	expect_text(&fault, "vector 6 (#UD) on cpu 0 at 0x10: 06 01 02 03, no instruction");
	fault.bytes[0] = 0xe8;
	fault.nr_bytes = 3;
	expect_text(&fault, "vector 6 (#UD) on cpu 0 at 0x10: e8 01 02, no instruction");
	fault.nr_bytes = 0;
	fault.vector = TRAP_MC;
	fault.addr = 0xb0000000;
	expect_text(&fault, "vector 18 (#MC) on cpu 0 at 0x10 with status 0xb0000000: unreadable");
}

static void the_longest_fits(void **state)
{
	struct machine_fault fault = { .vector = TRAP_PF,
				       .cpu = 65535,
				       .ip = UINT64_MAX,
				       .addr = UINT64_MAX,
				       .bytes = { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x48,
						  0xb8, 1, 2, 3, 4, 5, 6, 7 },
				       .nr_bytes = 16 };
	char text[FAULT_TEXT_BYTES];

	(void)state;
	assert_true(fault_text(&fault, text, sizeof(text)) < sizeof(text) - 1);
	assert_non_null(strstr(text, "no instruction"));
	memset(fault.bytes, 0x66, 13);
	fault.bytes[13] = 0x89;
	fault.bytes[14] = 0xc0;
	assert_true(fault_text(&fault, text, sizeof(text)) < sizeof(text) - 1);
	assert_non_null(strstr(text, "89 c0, 15 bytes, other"));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(vector_cpu_place_bytes_and_instruction_are_there),
		cmocka_unit_test(what_is_no_instruction_or_not_whole_is_shown_as_bytes),
		cmocka_unit_test(the_longest_fits),
	};

	return cmocka_run_group_tests_name("fault_text", tests, NULL, NULL);
}
