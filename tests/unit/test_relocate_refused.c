/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: a replacement that cannot be moved is refused by name, with offset and bytes of what
 * is in the way, and not a byte of it changes.
 */
#include "relocate_fixture.h"

struct refused {
	u8 bytes[INSN_MAX_BYTES], len;
	const char *why;
};

static const struct refused refused[] = {
	{ B(0xE0, 0x10), "LOOP cannot be relocated" },
	{ B(0xE1, 0x10), "LOOP cannot be relocated" },
	{ B(0xE2, 0x10), "LOOP cannot be relocated" },
	{ B(0xE2, 0xFE), "LOOP cannot be relocated" }, /* to itself, and so inside */
	{ B(0x67, 0xE2, 0x10), "LOOP cannot be relocated" },
	{ B(0xE3, 0x10), "JRCXZ cannot be relocated" },
	{ B(0xE3, 0x00), "JRCXZ cannot be relocated" },
	{ B(0x67, 0xE3, 0x10), "JRCXZ cannot be relocated" },
	{ B(0xC7, 0xF8, 0, 1, 0, 0), "XBEGIN cannot be relocated" },
	{ B(0x66, 0xC7, 0xF8, 0, 1), "XBEGIN cannot be relocated" },
	{ B(0xFF, 0x18), "far branch cannot be relocated" },
	{ B(0xFF, 0x28), "far branch cannot be relocated" },
	{ B(0x48, 0xFF, 0x2D, 0, 1, 0, 0), "far branch cannot be relocated" },
	{ B(0x66, 0xE9, 0, 1, 0, 0), "operand-size prefix" },
	{ B(0x66, 0xE8, 0, 1, 0, 0), "operand-size prefix" },
	{ B(0x66, 0xEB, 0x40), "operand-size prefix" },
	{ B(0x66, 0x74, 0x40), "operand-size prefix" },
	{ B(0x66, 0x0F, 0x84, 0, 1, 0, 0), "operand-size prefix" },
	{ B(0x2E, 0x66, 0xE9, 0, 1, 0, 0), "operand-size prefix" },
};

/* Behind a CALL that could be moved and must not have been. */
static void expect_refusal(const u8 *bytes, u8 len, size_t lead, int err, const char *why)
{
	static const u8 call[] = { 0xE8, 0, 0x10, 0, 0 };
	u8 block[BLOCK_MAX];
	struct relocated done;

	memcpy(block, call, lead);
	memcpy(block + lead, bytes, len);
	done = relocate(block, lead + len, 0x20);
	expect(why, done.err == err);
	expect(why, done.refusal.offset == lead && done.refusal.nr_bytes == len);
	expect(why, !memcmp(done.refusal.bytes, bytes, len));
	expect(done.refusal.why, strstr(done.refusal.why, why));
}

static void what_cannot_be_moved_is_refused_by_name(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(refused); i++) {
		const struct refused *r = &refused[i];

		expect_refusal(r->bytes, r->len, 0, -ERR_UNSUPPORTED, r->why);
		expect_refusal(r->bytes, r->len, 5, -ERR_UNSUPPORTED, r->why);
	}
}

/* The control: the same prefixes and opcodes where they are harmless. */
static void what_only_looks_like_it_is_moved(void **state)
{
	static const struct form fine[] = {
		{ "mov dword [rax], imm", B(0xC7, 0x00, 1, 2, 3, 4), 0, 0 },
		{ "66 nop", B(0x66, 0x90), 0, 0 },
		{ "jmp rax", B(0xFF, 0xE0), 0, 0 },
		{ "in al, dx: EC", B(0xEC), 0, 0 },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(fine); i++)
		expect_moved(&fine[i], 1, 1, 0x1000, 0, 0);
}

static void bytes_that_are_no_instruction_are_refused(void **state)
{
	static const struct refused bad[] = {
		{ B(0x06), "no instruction" },
		{ B(0x06, 0x90, 0x90), "no instruction" },
		{ B(0xF0, 0x90), "no instruction" },
		{ B(0x0F, 0x04), "no instruction" },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		expect_refusal(bad[i].bytes, bad[i].len, 0, -ERR_CORRUPT, bad[i].why);
		expect_refusal(bad[i].bytes, bad[i].len, 5, -ERR_CORRUPT, bad[i].why);
	}
}

static void an_instruction_that_the_end_cuts_off_is_refused(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(forms); i++) {
		for (u8 len = 1; len < forms[i].len; len++) {
			expect_refusal(forms[i].bytes, len, 0, -ERR_CORRUPT, "cut off");
			expect_refusal(forms[i].bytes, len, 5, -ERR_CORRUPT, "cut off");
		}
	}
}

/* More is left of the block than a refusal has room for. */
static void a_long_rest_is_shown_by_its_first_bytes(void **state)
{
	u8 bytes[BLOCK_MAX];
	struct relocated done;

	(void)state;
	memset(bytes, 0x06, sizeof(bytes));
	bytes[0] = 0x90;
	done = relocate(bytes, sizeof(bytes) - 8, 1);
	assert_int_equal(done.err, -ERR_CORRUPT);
	assert_int_equal(done.refusal.offset, 1);
	assert_int_equal(done.refusal.nr_bytes, INSN_MAX_BYTES);
	assert_memory_equal(done.refusal.bytes, bytes + 1, INSN_MAX_BYTES);
}

/* The last one does not fit, so the first ones stay what they are, even one that would shrink. */
static void a_block_is_moved_whole_or_not_at_all(void **state)
{
	static const struct refused bad[] = {
		{ B(0x74, 0x70), "does not fit" },
		{ B(0xE2, 0x10), "LOOP" },
		{ B(0x06), "no instruction" },
		{ B(0xE8, 0), "cut off" },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		u8 bytes[16] = { 0xE8, 0, 1, 0, 0, 0xE9, 0xD0, 0xFF, 0xFF, 0xFF };
		struct relocated done;

		memcpy(bytes + 10, bad[i].bytes, bad[i].len);
		done = relocate(bytes, 10 + bad[i].len, 0x40);
		expect(bad[i].why, done.err != 0); /* unchanged: relocate() has looked */
		expect(done.refusal.why, strstr(done.refusal.why, bad[i].why));
		expect(bad[i].why, done.refusal.offset == 10);
		/* The control: without it they do move. */
		assert_int_equal(relocate(bytes, 10, 0x40).err, 0);
	}
}

static void a_replacement_longer_than_its_site_is_refused(void **state)
{
	struct relocation_refusal refusal = { 0 };
	u8 bytes[] = { 0xE8, 0, 1, 0, 0 };

	(void)state;
	assert_int_equal(
		text_poke_apply_relocation(bytes, (u8 *)SITE, 4, (u8 *)SITE + 64, 5, &refusal),
		-ERR_INVAL);
	assert_int_equal(refusal.nr_bytes, 0);
	assert_non_null(strstr(refusal.why, "longer than the site"));
	assert_int_equal(bytes[2], 1);
	assert_int_equal(text_poke_apply_relocation(bytes, (u8 *)SITE, 5, (u8 *)SITE + 64, 5, NULL),
			 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_cannot_be_moved_is_refused_by_name),
		cmocka_unit_test(what_only_looks_like_it_is_moved),
		cmocka_unit_test(bytes_that_are_no_instruction_are_refused),
		cmocka_unit_test(an_instruction_that_the_end_cuts_off_is_refused),
		cmocka_unit_test(a_long_rest_is_shown_by_its_first_bytes),
		cmocka_unit_test(a_block_is_moved_whole_or_not_at_all),
		cmocka_unit_test(a_replacement_longer_than_its_site_is_refused),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("relocate_refused", tests, NULL, NULL);
}
