/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: every displacement that leads out of a replacement leads to the same place from the
 * site, and every other byte stays. What the bytes must become is said here by hand.
 */
#include "relocate_fixture.h"

static void every_displacement_that_leaves_the_block_grows_by_the_move(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(forms); i++) {
		/* Beyond the block on both sides, and far enough that no E9 could be short. */
		s64 out = forms[i].width == 1 ? 60 : 0x123456;
		s64 move = forms[i].width == 1 ? 40 : 0x20304;

		for (int sign = -1; sign <= 1; sign += 2) {
			expect_moved(&forms[i], 0, 0, move, sign * out, sign * out + move);
			expect_moved(&forms[i], 0, 0, -move, sign * out, sign * out - move);
			expect_moved(&forms[i], 3, 0, move, sign * out, sign * out + move);
			expect_moved(&forms[i], 9, 11, -move, sign * out, sign * out - move);
		}
		expect_moved(&forms[i], 2, 5, 0, out, out);
	}
}

/* The limits themselves fit; one beyond is refused. @limit is of the value after the move. */
static void expect_limit(const struct form *form, s64 limit, s64 beyond)
{
	const char *why = "displacement does not fit";
	s64 before = form->width == 1 ? limit / 2 : limit - limit / 4;
	u8 bytes[BLOCK_MAX];
	struct relocated done;

	expect_moved(form, 2, 3, limit - before, before, limit);
	memset(bytes, 0x90, sizeof(bytes));
	memcpy(bytes + 2, form->bytes, form->len);
	put_displacement(bytes + 2 + form->at, before, form->width);
	done = relocate(bytes, 2 + form->len + 3, beyond - before);
	expect(form->what, done.err == -ERR_RANGE);
	expect(form->what, !strcmp(done.refusal.why, why));
	expect(form->what, done.refusal.offset == 2 && done.refusal.nr_bytes == form->len);
	expect(form->what, !memcmp(done.refusal.bytes, bytes + 2, form->len));
}

static void the_limits_of_a_displacement_are_exact(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(forms); i++) {
		bool is_short = forms[i].width == 1;

		expect_limit(&forms[i], is_short ? INT8_MAX : INT32_MAX,
			     is_short ? INT8_MAX + 1 : INT32_MAX + 1ll);
		expect_limit(&forms[i], is_short ? INT8_MIN : INT32_MIN,
			     is_short ? INT8_MIN - 1 : INT32_MIN - 1ll);
	}
}

/* A move from one end of the address space to the other must not wrap into something that fits. */
static void a_move_of_any_size_is_refused_when_it_does_not_fit(void **state)
{
	static const s64 moves[] = { 1ll << 32,	       -(1ll << 32),	INT64_MAX,   INT64_MIN,
				     1ll << 32 | 0x10, (1ll << 40) + 5, -(1ll << 33) };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(forms); i++) {
		for (u32 m = 0; m < ARRAY_SIZE(moves); m++) {
			u8 bytes[INSN_MAX_BYTES];

			memcpy(bytes, forms[i].bytes, sizeof(bytes));
			put_displacement(bytes + forms[i].at, 0x55, forms[i].width);
			expect(forms[i].what,
			       relocate(bytes, forms[i].len, moves[m]).err == -ERR_RANGE);
		}
	}
}

/* ---- Targets inside ---- */

#define FULL_BLOCK 24

/* One form at @lead of a block of NOPs, with displacement @d, moved by @moved. */
static void expect_by_target(const struct form *form, size_t lead, s64 d, s64 moved)
{
	s64 target = (s64)lead + form->len + d;
	s64 after = target < 0 || target > FULL_BLOCK ? d + moved : d;
	size_t trail = FULL_BLOCK - lead - form->len;
	u8 bytes[FULL_BLOCK];

	if (form->width != 1 || after == (s8)after) {
		expect_moved(form, lead, trail, moved, d, after);
		return;
	}
	memset(bytes, 0x90, sizeof(bytes));
	memcpy(bytes + lead, form->bytes, form->len);
	put_displacement(bytes + lead + form->at, d, form->width);
	assert_int_equal(relocate(bytes, sizeof(bytes), moved).err, -ERR_RANGE);
}

/* At every distance that a short branch reaches, and with places that overlap, too. */
static void only_targets_outside_are_moved_however_close_the_places_are(void **state)
{
	static const s64 moves[] = { 1, -1, 7, -16, 16, 60, -100, 126 };
	static const struct form short_jump = { "jz rel8", B(0x74, 0), 1, 1 };
	static const struct form operand = { "lea rax, [rip]", B(0x48, 0x8D, 0x05, 0, 0, 0, 0), 3,
					     4 };

	(void)state;
	for (u32 m = 0; m < ARRAY_SIZE(moves); m++) {
		for (int d = INT8_MIN; d <= INT8_MAX; d++) {
			for (size_t lead = 0; lead + operand.len <= FULL_BLOCK; lead++) {
				expect_by_target(&short_jump, lead, d, moves[m]);
				expect_by_target(&operand, lead, d, moves[m]);
			}
		}
	}
}

/* The same for every other form, at the ends of the block and one beyond each. */
static void both_ends_belong_to_the_block(void **state)
{
	const size_t lead = 5, trail = 6;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(forms); i++) {
		s64 start = -(s64)(lead + forms[i].len), end = trail;

		expect_moved(&forms[i], lead, trail, 50, start, start);
		expect_moved(&forms[i], lead, trail, 50, end, end);
		expect_moved(&forms[i], lead, trail, 50, 0, 0);
		expect_moved(&forms[i], lead, trail, 50, start - 1, start + 49);
		expect_moved(&forms[i], lead, trail, 50, end + 1, end + 51);
	}
}

/* ---- JMP rel32, which may get shorter ---- */

static struct relocated move_jmp32(s32 before, s64 moved)
{
	u8 bytes[] = { 0x90, 0xE9, 0, 0, 0, 0, 0x90 };

	put_displacement(bytes + 2, before, 4);
	return relocate(bytes, sizeof(bytes), moved);
}

static void a_long_jump_becomes_short_exactly_when_that_reaches(void **state)
{
	(void)state;
	for (s64 after = -200; after <= 200; after++) {
		/* From the end of the long jump; the short one ends three bytes earlier. */
		bool reaches = after + 3 >= INT8_MIN && after + 3 <= INT8_MAX;
		const u8 is_short[] = { 0x90, 0xEB, (u8)(after + 3), 0xCC, 0xCC, 0xCC, 0x90 };
		u8 is_long[] = { 0x90, 0xE9, 0, 0, 0, 0, 0x90 };
		struct relocated done = move_jmp32(0x10000, after - 0x10000);

		put_displacement(is_long + 2, after, 4);
		assert_int_equal(done.err, 0);
		assert_memory_equal(done.bytes, reaches ? is_short : is_long, sizeof(is_long));
	}
}

/* Trap b of Linux: the five bytes of the short form were written over six or more. */
static void a_prefixed_long_jump_keeps_its_length(void **state)
{
	u32 nr = 0;

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(forms); i++) {
		if (!forms[i].at || forms[i].bytes[forms[i].at - 1] != 0xE9)
			continue;
		nr++;
		for (s64 after = -200; after <= 200; after++)
			expect_moved(&forms[i], 1, 1, after - 0x10000, 0x10000, after);
	}
	assert_int_equal(nr, 4);
}

static void a_long_jump_has_its_limits_too(void **state)
{
	const u8 furthest[] = { 0x90, 0xE9, 0xFF, 0xFF, 0xFF, 0x7F, 0x90 };
	struct relocated done = move_jmp32(INT32_MAX - 9, 9);

	(void)state;
	assert_int_equal(done.err, 0);
	assert_memory_equal(done.bytes, furthest, sizeof(furthest));
	assert_int_equal(move_jmp32(INT32_MAX - 9, 10).err, -ERR_RANGE);
	assert_int_equal(move_jmp32(INT32_MIN + 9, -9).err, 0);
	assert_int_equal(move_jmp32(INT32_MIN + 9, -10).err, -ERR_RANGE);
	/* It must not be taken for near because the low bits of the distance are. */
	assert_int_equal(move_jmp32(0x100, 1ll << 32).err, -ERR_RANGE);
}

/* Trap a of Linux: to shrink, the move was added to any jump, and close places brought it in reach.
 */
static void a_long_jump_inside_stays_long(void **state)
{
	static const s32 inside[] = { -6, -5, 0, 1 };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(inside); i++) {
		u8 bytes[] = { 0x90, 0xE9, 0, 0, 0, 0, 0x90 };

		put_displacement(bytes + 2, inside[i], 4);
		for (s64 moved = -140; moved <= 140; moved++) {
			struct relocated done = move_jmp32(inside[i], moved);

			assert_int_equal(done.err, 0);
			assert_memory_equal(done.bytes, bytes, sizeof(bytes));
		}
	}
}

/* ---- Blocks of several ---- */

struct block {
	const char *what;
	s64 moved;
	u8 bytes[32], len;
	u8 after[32];
};

#define AFTER(...) .after = { __VA_ARGS__ }

static const struct block blocks[] = {
	{ "the second call too", 0x100, B(0xE8, 0, 1, 0, 0, 0xE8, 0, 2, 0, 0),
	  AFTER(0xE8, 0, 2, 0, 0, 0xE8, 0, 3, 0, 0) },
	{ "a branch and an operand", 0x100,
	  B(0x48, 0x8D, 0x05, 0, 0, 1, 0, 0xE8, 0, 0, 1, 0, 0xC6, 0x05, 0, 0, 1, 0, 9),
	  AFTER(0x48, 0x8D, 0x05, 0, 1, 1, 0, 0xE8, 0, 1, 1, 0, 0xC6, 0x05, 0, 1, 1, 0, 9) },
	{ "one inside, one outside", 0x100, B(0x74, 0x05, 0xE8, 0, 1, 0, 0, 0xC3),
	  AFTER(0x74, 0x05, 0xE8, 0, 2, 0, 0, 0xC3) },
	{ "a jump to what is behind a jump that shrinks", -0x40,
	  B(0x74, 0x05, 0xE9, 0x40, 0, 0, 0, 0x90),
	  AFTER(0x74, 0x05, 0xEB, 0x03, 0xCC, 0xCC, 0xCC, 0x90) },
	{ "displacements that look like opcodes", 0x10,
	  B(0xE8, 0xE8, 0xE9, 0xEB, 0x00, 0xB8, 0xE8, 0xE9, 0xEB, 0x74),
	  AFTER(0xE8, 0xF8, 0xE9, 0xEB, 0x00, 0xB8, 0xE8, 0xE9, 0xEB, 0x74) },
	{ "a branch by a register", 0x10, B(0xFF, 0xD0, 0xFF, 0xE0, 0xFF, 0x10),
	  AFTER(0xFF, 0xD0, 0xFF, 0xE0, 0xFF, 0x10) },
	{ "operands that only look RIP-relative", 0x10,
	  B(0x48, 0x8B, 0x04, 0x25, 0, 1, 0, 0, 0x8B, 0x45, 0x10, 0x89, 0xE8),
	  AFTER(0x48, 0x8B, 0x04, 0x25, 0, 1, 0, 0, 0x8B, 0x45, 0x10, 0x89, 0xE8) },
	{ "nothing", 0x10, .len = 0 },
};

static void every_instruction_of_a_block_is_seen_to(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(blocks); i++) {
		const struct block *b = &blocks[i];
		struct relocated done = relocate(b->bytes, b->len, b->moved);

		expect(b->what, !done.err);
		expect(b->what, !memcmp(done.bytes, b->after, b->len));
	}
}

static void padding_is_not_changed(void **state)
{
	u8 buf[32] = { 0xE8, 0, 1, 0, 0 }, padding[27];

	(void)state;
	/* It does not decode, and it would be a LOOP if it did. */
	memset(padding, 0x06, sizeof(padding));
	padding[0] = 0xE2;
	memcpy(buf + 5, padding, sizeof(padding));
	assert_int_equal(text_poke_apply_relocation(buf, (u8 *)SITE, sizeof(buf),
						    (u8 *)SITE + 0x100, 5, NULL),
			 0);
	assert_int_equal(buf[2], 2);
	assert_memory_equal(buf + 5, padding, sizeof(padding));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_displacement_that_leaves_the_block_grows_by_the_move),
		cmocka_unit_test(the_limits_of_a_displacement_are_exact),
		cmocka_unit_test(a_move_of_any_size_is_refused_when_it_does_not_fit),
		cmocka_unit_test(only_targets_outside_are_moved_however_close_the_places_are),
		cmocka_unit_test(both_ends_belong_to_the_block),
		cmocka_unit_test(a_long_jump_becomes_short_exactly_when_that_reaches),
		cmocka_unit_test(a_prefixed_long_jump_keeps_its_length),
		cmocka_unit_test(a_long_jump_has_its_limits_too),
		cmocka_unit_test(a_long_jump_inside_stays_long),
		cmocka_unit_test(every_instruction_of_a_block_is_seen_to),
		cmocka_unit_test(padding_is_not_changed),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("relocate", tests, NULL, NULL);
}
