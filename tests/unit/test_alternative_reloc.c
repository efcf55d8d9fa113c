/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: at the very limits of each form, forward and backward, a replacement arrives at its
 * site with the displacement that leads to the same place, or is refused with nothing written. The
 * instruction is never the first one.
 */
#include "alternative_fixture.h"

struct form {
	const char *what;
	u8 code[10];
	u8 len, offset, bytes; /* of the displacement, which counts from the end of the code */
};

static const struct form forms[] = {
	{ "jmp rel8", { 0x50, 0xEB }, 3, 2, 1 },
	{ "jc rel8", { 0x50, 0x72 }, 3, 2, 1 },
	{ "jmp rel32", { 0x50, 0xE9 }, 6, 2, 4 },
	{ "call rel32", { 0x50, 0xE8 }, 6, 2, 4 },
	{ "jc rel32", { 0x50, 0x0F, 0x82 }, 7, 3, 4 },
	{ "lea rip", { 0x50, 0x48, 0x8D, 0x05 }, 8, 4, 4 },
	{ "cmpb $imm, rip", { 0x50, 0x80, 0x3D, 0, 0, 0, 0, 7 }, 8, 3, 4 },
};

/* Site in the middle; the replacement 32 bytes behind it, or before it. */
#define MIDDLE 4096

static int apply_form(const struct form *form, s32 away, s64 final)
{
	u8 *site = sim_text + MIDDLE, *repl = site + away, code[10];
	s64 raw = final - away;
	struct alt_table table;

	restart();
	memcpy(code, form->code, sizeof(code));
	memcpy(code + form->offset, &raw, form->bytes);
	sim_put(MIDDLE, B(0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90));
	sim_put(MIDDLE + away, code, form->len);
	add_entry_at(site, 10, repl, form->len, HAS);
	table = the_table();
	table.repl = sim_text;
	table.repl_end = sim_text + SIM_TEXT_BYTES;
	sim_forget();
	return apply_alternatives(&table, &result);
}

static s64 displacement_at(const u8 *insn, u8 offset, u8 bytes)
{
	s32 wide;

	memcpy(&wide, insn + offset, sizeof(wide));
	return bytes == 1 ? (s8)insn[offset] : wide;
}

static void each_form_reaches_exactly_as_far_as_its_displacement(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(forms); i++) {
		const struct form *form = &forms[i];
		s64 max = form->bytes == 1 ? INT8_MAX : INT32_MAX;
		u8 *site = sim_text + MIDDLE;

		print_message("# %s\n", form->what);
		for (u32 backward = 0; backward < 2; backward++) {
			s32 away = backward ? -32 : 32;
			s64 limit = backward ? -max - 1 : max;

			assert_int_equal(apply_form(form, away, limit), 0);
			assert_int_equal(displacement_at(site, form->offset, form->bytes), limit);
			assert_int_equal(site[0], 0x50);
			assert_int_equal(apply_form(form, away, limit + (backward ? -1 : 1)),
					 -ERR_REFUSED);
			assert_int_equal(result.refusal.rule, ALT_RULE_RELOCATION);
			assert_string_equal(result.refusal.relocation.why,
					    "displacement does not fit");
			assert_string_equal(sim_order(), "");
		}
	}
}

/* JMP rel32 becomes JMP rel8 and INT3s where that reaches, from the end of the shorter one. */
static void a_jump_is_shortened_exactly_where_it_can_be(void **state)
{
	const struct form *jmp32 = &forms[2];
	u8 *site = sim_text + MIDDLE;

	(void)state;
	for (s64 rel8 = -129; rel8 <= 128; rel8 += rel8 == -128 ? 255 : 1) {
		assert_int_equal(apply_form(jmp32, 512, rel8 - 3), 0);
		if (rel8 == (s8)rel8) {
			const u8 want[] = { 0xEB, (u8)rel8, 0xCC, 0xCC, 0xCC };

			assert_memory_equal(site + 1, want, sizeof(want));
		} else {
			assert_int_equal(site[1], 0xE9);
			assert_int_equal(displacement_at(site, 2, 4), rel8 - 3);
		}
	}
}

#define RELOC_TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		RELOC_TEST(each_form_reaches_exactly_as_far_as_its_displacement),
		RELOC_TEST(a_jump_is_shortened_exactly_where_it_can_be),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("alternative_reloc", tests, NULL, NULL);
}
