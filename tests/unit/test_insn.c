/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: what insn_decode() says of an instruction is what the CPU makes of it, and whatever
 * is not exactly one of the patchable forms is INSN_OTHER. The expectations are from the Intel SDM,
 * vol. 2, not from a decoder.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "insn_form.h"
#include "nops.h"

struct row {
	const char *what;
	u8 bytes[INSN_MAX_BYTES];
	u8 len;
	u8 kind;
	u8 condition;
	s8 lock; /* offset of F0, -1 = none */
	u8 imm_offset, imm_bytes; /* of a branch displacement; 0 bytes = no relative branch */
	s32 rel;
	u8 disp_offset; /* of a RIP-relative displacement; 0 = none */
};

/* One name a column group, so that the table below reads as a table. */
#define PLAIN(k) .kind = (k), .lock = -1
#define REL(k, at, n, d) .kind = (k), .lock = -1, .imm_offset = (at), .imm_bytes = (n), .rel = (d)
#define LOCKED(at) .kind = INSN_OTHER, .lock = (at)
#define RIP(at) .kind = INSN_OTHER, .lock = -1, .disp_offset = (at)
#define B(...) .bytes = { __VA_ARGS__ }, .len = sizeof((u8[]){ __VA_ARGS__ })

static const struct row rows[] = {
	/* The forms that may be patched. */
	{ "int3", B(0xCC), PLAIN(INSN_INT3) },
	{ "ret", B(0xC3), PLAIN(INSN_RET) },
	{ "call +", B(0xE8, 0x78, 0x56, 0x34, 0x12), REL(INSN_CALL, 1, 4, 0x12345678) },
	{ "call min", B(0xE8, 0, 0, 0, 0x80), REL(INSN_CALL, 1, 4, INT32_MIN) },
	{ "jmp8 max", B(0xEB, 0x7F), REL(INSN_JMP8, 1, 1, 127) },
	{ "jmp8 min", B(0xEB, 0x80), REL(INSN_JMP8, 1, 1, -128) },
	{ "jmp8 to itself", B(0xEB, 0xFE), REL(INSN_JMP8, 1, 1, -2) },
	{ "jmp32", B(0xE9, 0xFF, 0xFF, 0xFF, 0x7F), REL(INSN_JMP32, 1, 4, INT32_MAX) },
	{ "jo8", B(0x70, 0x10), REL(INSN_JCC8, 1, 1, 16), .condition = 0 },
	{ "jz8", B(0x74, 0xF0), REL(INSN_JCC8, 1, 1, -16), .condition = 4 },
	{ "jg8", B(0x7F, 0x00), REL(INSN_JCC8, 1, 1, 0), .condition = 15 },
	{ "jo32", B(0x0F, 0x80, 1, 0, 0, 0), REL(INSN_JCC32, 2, 4, 1), .condition = 0 },
	{ "jnz32", B(0x0F, 0x85, 0, 0, 0, 0x80), REL(INSN_JCC32, 2, 4, INT32_MIN), .condition = 5 },
	{ "jg32", B(0x0F, 0x8F, 0xFF, 0xFF, 0xFF, 0xFF), REL(INSN_JCC32, 2, 4, -1),
	  .condition = 15 },

	/* Branches with a prefix, and branches of other opcodes, cannot be emulated. */
	{ "bnd call", B(0xF2, 0xE8, 1, 0, 0, 0), REL(INSN_OTHER, 2, 4, 1) },
	{ "rex call", B(0x48, 0xE8, 1, 0, 0, 0), REL(INSN_OTHER, 2, 4, 1) },
	{ "bnd jmp", B(0xF2, 0xE9, 1, 0, 0, 0), REL(INSN_OTHER, 2, 4, 1) },
	{ "bnd jmp8", B(0xF2, 0xEB, 1), REL(INSN_OTHER, 2, 1, 1) },
	{ "jz8 hinted taken", B(0x3E, 0x74, 1), REL(INSN_OTHER, 2, 1, 1) },
	{ "jz32 hinted not taken", B(0x2E, 0x0F, 0x84, 1, 0, 0, 0), REL(INSN_OTHER, 3, 4, 1) },
	{ "rep ret", B(0xF3, 0xC3), PLAIN(INSN_OTHER) },
	{ "rex ret", B(0x48, 0xC3), PLAIN(INSN_OTHER) },
	{ "ret imm16", B(0xC2, 8, 0), PLAIN(INSN_OTHER) },
	{ "far ret", B(0xCB), PLAIN(INSN_OTHER) },
	{ "int 3 in two bytes", B(0xCD, 0x03), PLAIN(INSN_OTHER) },
	{ "int3 behind a prefix", B(0x66, 0xCC), PLAIN(INSN_OTHER) },
	{ "loop", B(0xE2, 0xFE), REL(INSN_OTHER, 1, 1, -2) },
	{ "jrcxz", B(0xE3, 5), REL(INSN_OTHER, 1, 1, 5) },
	{ "xbegin", B(0xC7, 0xF8, 4, 0, 0, 0), REL(INSN_OTHER, 2, 4, 4) },
	{ "jmp rax", B(0xFF, 0xE0), PLAIN(INSN_OTHER) },
	{ "call rax", B(0xFF, 0xD0), PLAIN(INSN_OTHER) },

	/* Opcodes that share bits with a Jcc, in other maps. */
	{ "add eax, 1", B(0x83, 0xC0, 1), PLAIN(INSN_OTHER) },
	{ "setz al", B(0x0F, 0x94, 0xC0), PLAIN(INSN_OTHER) },
	{ "vmovd (VEX map 1)", B(0xC5, 0xF9, 0x7E, 0xC0), PLAIN(INSN_OTHER) },
	{ "invept (map 0F38 80)", B(0x66, 0x0F, 0x38, 0x80, 0x07), PLAIN(INSN_OTHER) },
	{ "blendvps (map 0F38)", B(0x66, 0x0F, 0x38, 0x14, 0xC1), PLAIN(INSN_OTHER) },
	{ "palignr (map 0F3A)", B(0x66, 0x0F, 0x3A, 0x0F, 0xC1, 4), PLAIN(INSN_OTHER) },

	/* LOCK: where the byte stands. */
	{ "lock inc", B(0xF0, 0x48, 0xFF, 0x07), LOCKED(0) },
	{ "lock behind 66", B(0x66, 0xF0, 0xFF, 0x07), LOCKED(1) },
	{ "lock behind fs", B(0x64, 0xF0, 0xFF, 0x07), LOCKED(1) },
	{ "lock before 66", B(0xF0, 0x66, 0xFF, 0x07), LOCKED(0) },
	{ "lock xadd", B(0xF0, 0x0F, 0xC1, 0x07), LOCKED(0) },
	{ "lock cmpxchg16b", B(0xF0, 0x48, 0x0F, 0xC7, 0x0F), LOCKED(0) },
	{ "lock add rip-relative", B(0xF0, 0x83, 0x05, 0, 0, 0, 0, 1), LOCKED(0),
	  .disp_offset = 3 },
	{ "xchg locks without it", B(0x48, 0x87, 0x07), PLAIN(INSN_OTHER) },
	{ "3E in its place", B(0x3E, 0x48, 0xFF, 0x07), PLAIN(INSN_OTHER) },
	{ "F0 as immediate is none", B(0xB0, 0xF0), PLAIN(INSN_OTHER) },
	{ "F0 as displacement is none", B(0xFF, 0x47, 0xF0), PLAIN(INSN_OTHER) },

	/* RIP-relative operands. */
	{ "lea rip", B(0x48, 0x8D, 0x05, 1, 2, 3, 4), RIP(3) },
	{ "jmp [rip]", B(0xFF, 0x25, 1, 2, 3, 4), RIP(2) },
	{ "add [rip], imm8", B(0x83, 0x05, 1, 2, 3, 4, 9), RIP(2) },
	{ "mov [rip], imm32", B(0xC7, 0x05, 1, 2, 3, 4, 9, 9, 9, 9), RIP(2) },
	{ "mov eax, [eip]", B(0x67, 0x8B, 0x05, 1, 2, 3, 4), RIP(3) },
	{ "mov eax, [rbp+0]", B(0x8B, 0x45, 0), PLAIN(INSN_OTHER) },
	{ "mov eax, [r13+0]", B(0x41, 0x8B, 0x45, 0), PLAIN(INSN_OTHER) },
	{ "mov eax, [disp32] by SIB", B(0x8B, 0x04, 0x25, 1, 2, 3, 4), PLAIN(INSN_OTHER) },
	{ "mov rax, [moffs64]", B(0x48, 0xA1, 1, 2, 3, 4, 5, 6, 7, 8), PLAIN(INSN_OTHER) },
	{ "mov rbp, cr0: mod is ignored", B(0x0F, 0x20, 0x05), PLAIN(INSN_OTHER) },

	/* What only looks like a canonical NOP. */
	{ "pause", B(0xF3, 0x90), PLAIN(INSN_OTHER) },
	{ "rex nop", B(0x48, 0x90), PLAIN(INSN_OTHER) },
	{ "xchg r8, rax", B(0x49, 0x90), PLAIN(INSN_OTHER) },
	{ "66 66 90", B(0x66, 0x66, 0x90), PLAIN(INSN_OTHER) },
	{ "xchg eax, eax", B(0x87, 0xC0), PLAIN(INSN_OTHER) },
	{ "xchg rax, rax", B(0x48, 0x87, 0xC0), PLAIN(INSN_OTHER) },
	{ "mov edi, edi", B(0x89, 0xFF), PLAIN(INSN_OTHER) },
	{ "lea rsi, [rsi]", B(0x48, 0x8D, 0x36), PLAIN(INSN_OTHER) },
	{ "nop of a register", B(0x0F, 0x1F, 0xC0), PLAIN(INSN_OTHER) },
	{ "nop4, other displacement", B(0x0F, 0x1F, 0x40, 0x01), PLAIN(INSN_OTHER) },
	{ "nop5, other SIB", B(0x0F, 0x1F, 0x44, 0x08, 0x00), PLAIN(INSN_OTHER) },
	{ "nop5 by DS prefix", B(0x3E, 0x0F, 0x1F, 0x40, 0x00), PLAIN(INSN_OTHER) },
	{ "nop7, rip-relative", B(0x0F, 0x1F, 0x05, 0, 0, 0, 0), RIP(3) },
	{ "endbr64", B(0xF3, 0x0F, 0x1E, 0xFA), PLAIN(INSN_OTHER) },
	{ "prefetch", B(0x0F, 0x0D, 0x00), PLAIN(INSN_OTHER) },
	{ "14 prefixes are a legal nop",
	  B(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
	    0x90),
	  PLAIN(INSN_OTHER) },
};

static void expect_row(const struct row *row, const struct insn *insn)
{
	bool as_wanted = insn->len == row->len && insn->kind == row->kind &&
			 insn->condition == row->condition && insn->has_lock == (row->lock >= 0) &&
			 (row->lock < 0 || insn->lock_offset == row->lock) &&
			 insn->is_relative == !!row->imm_bytes &&
			 insn->imm_offset == row->imm_offset && insn->imm_bytes == row->imm_bytes &&
			 insn->rel == row->rel && insn->is_rip_memory == !!row->disp_offset &&
			 insn->disp_offset == row->disp_offset &&
			 insn->disp_bytes == (row->disp_offset ? 4 : 0);

	if (!as_wanted)
		print_error("%s: len %u kind %s cc %u lock %d@%u rel %d(%u+%u) rip %d(%u+%u)\n",
			    row->what, insn->len, insn_kind_name(insn->kind), insn->condition,
			    insn->has_lock, insn->lock_offset, insn->rel, insn->imm_offset,
			    insn->imm_bytes, insn->is_rip_memory, insn->disp_offset,
			    insn->disp_bytes);
	assert_true(as_wanted);
}

/* The bytes in a block of exactly their size, so that ASan sees one byte too many being read. */
static int decode_exact(struct insn *ret, const u8 *bytes, size_t len)
{
	u8 *block = malloc(len ? len : 1);
	int err;

	memcpy(block, bytes, len);
	err = insn_decode(ret, block, len);
	free(block);
	return err;
}

static void every_form_is_what_the_manual_says(void **state)
{
	struct insn insn;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		int err = decode_exact(&insn, rows[i].bytes, rows[i].len);

		if (err)
			print_error("%s: error %d\n", rows[i].what, err);
		assert_int_equal(err, 0);
		expect_row(&rows[i], &insn);
	}
}

static void every_condition_is_told_apart(void **state)
{
	struct insn insn;

	(void)state;
	for (u8 cc = 0; cc < 16; cc++) {
		const u8 jcc8[] = { 0x70 | cc, 0x12 }, jcc32[] = { 0x0F, 0x80 | cc, 0x12, 0, 0, 0 };

		assert_int_equal(decode_exact(&insn, jcc8, sizeof(jcc8)), 0);
		assert_int_equal(insn.kind, INSN_JCC8);
		assert_int_equal(insn.condition, cc);
		assert_int_equal(decode_exact(&insn, jcc32, sizeof(jcc32)), 0);
		assert_int_equal(insn.kind, INSN_JCC32);
		assert_int_equal(insn.condition, cc);
	}
}

/* Table 4-12 of the manual, and 66/2E before its last row, typed in here a second time. */
static void canonical_nops_are_one_instruction_each(void **state)
{
	static const char *const canonical[NOP_MAX_BYTES] = {
		"\x90",
		"\x66\x90",
		"\x0f\x1f\x00",
		"\x0f\x1f\x40\x00",
		"\x0f\x1f\x44\x00\x00",
		"\x66\x0f\x1f\x44\x00\x00",
		"\x0f\x1f\x80\x00\x00\x00\x00",
		"\x0f\x1f\x84\x00\x00\x00\x00\x00",
		"\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00",
		"\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00",
		"\x66\x66\x2e\x0f\x1f\x84\x00\x00\x00\x00\x00",
	};
	struct insn insn;

	(void)state;
	for (u8 len = 1; len <= NOP_MAX_BYTES; len++) {
		assert_memory_equal(nop_bytes(len), canonical[len - 1], len);
		assert_int_equal(decode_exact(&insn, nop_bytes(len), len), 0);
		assert_int_equal(insn.kind, INSN_NOP);
		assert_int_equal(insn.len, len);
		assert_false(insn.has_lock || insn.is_relative || insn.is_rip_memory);
	}
	assert_null(nop_bytes(0));
	assert_null(nop_bytes(NOP_MAX_BYTES + 1));
}

static void bytes_that_end_too_early_are_told_from_wrong_ones(void **state)
{
	struct insn insn;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		for (u8 len = 0; len < rows[i].len; len++) {
			int err = decode_exact(&insn, rows[i].bytes, len);

			if (err != -ERR_RANGE)
				print_error("%s cut to %u: %d\n", rows[i].what, len, err);
			assert_int_equal(err, -ERR_RANGE);
		}
	}
}

static void what_is_no_instruction_is_corrupt(void **state)
{
	static const struct {
		const char *what;
		u8 bytes[INSN_MAX_BYTES + 1];
	} bad[] = {
		{ "push es, gone in 64-bit mode", { 0x06 } },
		{ "lds, gone in 64-bit mode", { 0xD6 } },
		{ "far call, gone in 64-bit mode", { 0x9A, 0, 0, 0, 0, 0, 0 } },
		{ "no such opcode", { 0x0F, 0x04 } },
		{ "lock on a register", { 0xF0, 0xFF, 0xC0 } },
		{ "lock on a load", { 0xF0, 0x8B, 0x07 } },
		{ "lock on a nop", { 0xF0, 0x90 } },
		{ "call far of a register", { 0xFF, 0xD8 } },
		{ "15 prefixes are too long",
		  { 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
		    0x66, 0x66, 0x90 } },
	};
	struct insn insn;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(bad); i++) {
		int err = decode_exact(&insn, bad[i].bytes, sizeof(bad[i].bytes));

		if (err != -ERR_CORRUPT)
			print_error("%s: %d\n", bad[i].what, err);
		assert_int_equal(err, -ERR_CORRUPT);
	}
}

static void an_error_leaves_the_result_alone(void **state)
{
	struct insn insn, before;

	(void)state;
	memset(&insn, 0xA5, sizeof(insn));
	memcpy(&before, &insn, sizeof(insn));
	assert_int_equal(decode_exact(&insn, (const u8[]){ 0x06 }, 1), -ERR_CORRUPT);
	assert_int_equal(decode_exact(&insn, (const u8[]){ 0xE8, 0 }, 2), -ERR_RANGE);
	assert_memory_equal(&insn, &before, sizeof(insn));
}

static bool same_insn(const struct insn *a, const struct insn *b)
{
	return a->len == b->len && a->kind == b->kind && a->condition == b->condition &&
	       a->has_lock == b->has_lock && a->lock_offset == b->lock_offset &&
	       a->is_relative == b->is_relative && a->is_rip_memory == b->is_rip_memory &&
	       a->has_operand_size == b->has_operand_size && a->imm_offset == b->imm_offset &&
	       a->imm_bytes == b->imm_bytes && a->disp_offset == b->disp_offset &&
	       a->disp_bytes == b->disp_bytes && a->rel == b->rel && a->disp == b->disp &&
	       a->special == b->special;
}

static void expect_same(const u8 *bytes, size_t max_bytes)
{
	struct insn quick, full;
	bool same;

	if (!insn_form_decode(&quick, bytes, max_bytes))
		return;
	same = !insn_decode_any(&full, bytes, max_bytes) && same_insn(&quick, &full);
	if (!same)
		print_error("%02x %02x %02x of %zu bytes\n", bytes[0], bytes[1], bytes[2],
			    max_bytes);
	assert_true(same);
}

/* Every pair of first bytes, with ever other bytes behind them, cut off everywhere. */
static void the_quick_answer_is_the_decoders(void **state)
{
	u8 bytes[INSN_MAX_BYTES];

	(void)state;
	for (u32 pair = 0; pair < 0x10000; pair++) {
		for (size_t i = 2; i < sizeof(bytes); i++)
			bytes[i] = (u8)(pair * 31 + i * 67);
		bytes[0] = (u8)(pair >> 8);
		bytes[1] = (u8)pair;
		for (size_t max = 0; max <= sizeof(bytes); max++)
			expect_same(bytes, max);
	}
	for (size_t len = 1; len <= NOP_MAX_BYTES; len++)
		expect_same(nop_bytes(len), len);
}

/* Or a batch would pay for the decoder, and nobody would notice. */
static void the_forms_of_sites_are_answered_quickly(void **state)
{
	struct insn insn;
	u32 nr = 0;

	(void)state;
	for (size_t i = 0; i < ARRAY_SIZE(rows); i++) {
		if (rows[i].kind == INSN_OTHER)
			continue;
		assert_true(insn_form_decode(&insn, rows[i].bytes, rows[i].len));
		nr++;
	}
	assert_true(nr >= 14);
}

static void every_kind_has_a_name_of_its_own(void **state)
{
	(void)state;
	for (int kind = 0; kind <= INSN_NOP; kind++)
		for (int other = 0; other < kind; other++)
			assert_string_not_equal(insn_kind_name(kind), insn_kind_name(other));
	assert_string_equal(insn_kind_name(INSN_NOP + 1), "?");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(every_form_is_what_the_manual_says),
		cmocka_unit_test(every_condition_is_told_apart),
		cmocka_unit_test(canonical_nops_are_one_instruction_each),
		cmocka_unit_test(bytes_that_end_too_early_are_told_from_wrong_ones),
		cmocka_unit_test(what_is_no_instruction_is_corrupt),
		cmocka_unit_test(an_error_leaves_the_result_alone),
		cmocka_unit_test(the_quick_answer_is_the_decoders),
		cmocka_unit_test(the_forms_of_sites_are_answered_quickly),
		cmocka_unit_test(every_kind_has_a_name_of_its_own),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("insn", tests, NULL, NULL);
}
