/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: what nops_fill() writes, and what nops_optimize() merges, does nothing but go on, and
 * insn_is_nop() says so of no instruction that does more. The oracle is the CPU: everything is run
 * with a canary in every register. Each historical case is named where it is attacked.
 */
#include "run_fixture.h"

#include <stdio.h>
#include <stdlib.h>

#include "insn.h"
#include "nops.h"

#define FILL_MAX 300
#define GUARD 16
#define B(...) .bytes = { __VA_ARGS__ }, .len = sizeof((u8[]){ __VA_ARGS__ })

struct code {
	const char *what;
	u8 bytes[INSN_MAX_BYTES];
	u8 len;
};

/* What the recogniser must take, each for a reason of its own in the encoding. */
static const struct code do_nothing[] = {
	{ "nop", B(0x90) },
	{ "66 nop", B(0x66, 0x90) },
	{ "66 66 nop", B(0x66, 0x66, 0x90) },
	{ "cs nop", B(0x2E, 0x90) },
	{ "67 nop", B(0x67, 0x90) },
	{ "rex nop", B(0x40, 0x90) },
	{ "xchg rax, rax by rex.w 90", B(0x48, 0x90) },
	{ "rex.rx nop", B(0x46, 0x90) },
	{ "nop eax", B(0x0F, 0x1F, 0xC0) },
	{ "nop [rax]", B(0x0F, 0x1F, 0x00) },
	{ "nop [rax+1]: no access", B(0x0F, 0x1F, 0x40, 0x01) },
	{ "nop [rip]", B(0x0F, 0x1F, 0x05, 1, 2, 3, 4) },
	{ "rex.w nop [r8]", B(0x49, 0x0F, 0x1F, 0x00) },
	{ "nop of 15 bytes", B(0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66, 0x66,
			       0x66, 0x66, 0x66, 0x90) },
	{ "mov rax, rax", B(0x48, 0x89, 0xC0) },
	{ "mov rdi, rdi, the other opcode", B(0x48, 0x8B, 0xFF) },
	{ "mov r8, r8", B(0x4D, 0x89, 0xC0) },
	{ "mov rsp, rsp", B(0x48, 0x89, 0xE4) },
	{ "cs mov rbx, rbx", B(0x2E, 0x48, 0x89, 0xDB) },
	{ "66 rex.w mov rax, rax: W wins", B(0x66, 0x48, 0x89, 0xC0) },
	{ "rex.x mov rax, rax", B(0x4A, 0x89, 0xC0) },
	{ "xchg rax, rax", B(0x48, 0x87, 0xC0) },
	{ "xchg r15, r15", B(0x4D, 0x87, 0xFF) },
	{ "lea rsi, [rsi]", B(0x48, 0x8D, 0x36) },
	{ "lea rsi, [rsi+0]", B(0x48, 0x8D, 0x76, 0x00) },
	{ "lea rdi, [rdi+0 in 4]", B(0x48, 0x8D, 0xBF, 0, 0, 0, 0) },
	{ "lea rbp, [rbp+0]", B(0x48, 0x8D, 0x6D, 0x00) },
	{ "lea r13, [r13+0]", B(0x4D, 0x8D, 0x6D, 0x00) },
	{ "lea rsp, [rsp]", B(0x48, 0x8D, 0x24, 0x24) },
	{ "lea rsp, [rsp+0]", B(0x48, 0x8D, 0x64, 0x24, 0x00) },
	{ "lea r12, [r12]", B(0x4D, 0x8D, 0x24, 0x24) },
	{ "lea rax, [rax] by sib", B(0x48, 0x8D, 0x04, 0x20) },
	{ "lea rax, [rax] by sib, scale 8", B(0x48, 0x8D, 0x04, 0xE0) },
};

/* What it must not take. 2025: Linux's first rewrite took REX.B 90 and the 32-bit MOV. */
static const struct code do_something[] = {
	{ "xchg r8, rax by rex.b 90", B(0x41, 0x90) },
	{ "xchg r8, rax by rex.wb 90", B(0x49, 0x90) },
	{ "xchg r8w, ax", B(0x66, 0x41, 0x90) },
	{ "xchg ecx, eax", B(0x91) },
	{ "mov eax, eax clears the upper half", B(0x89, 0xC0) },
	{ "mov edi, edi clears the upper half", B(0x8B, 0xFF) },
	{ "mov r8d, r8d clears the upper half", B(0x45, 0x89, 0xC0) },
	{ "xchg eax, eax clears the upper half", B(0x87, 0xC0) },
	{ "lea eax, [rax] clears the upper half", B(0x8D, 0x00) },
	{ "lea rax, [eax] clears the upper half", B(0x67, 0x48, 0x8D, 0x00) },
	{ "movsxd rax, eax", B(0x48, 0x63, 0xC0) },
	{ "mov rax, rcx", B(0x48, 0x89, 0xC8) },
	{ "mov r8, rax", B(0x49, 0x89, 0xC0) },
	{ "mov rax, r8", B(0x4C, 0x89, 0xC0) },
	{ "xchg rax, rcx", B(0x48, 0x87, 0xC8) },
	{ "xchg rax, r8", B(0x49, 0x87, 0xC0) },
	{ "rex without effect before 66", B(0x48, 0x66, 0x89, 0xC8) },
	{ "lea rax, [rax+1]", B(0x48, 0x8D, 0x40, 0x01) },
	{ "lea rax, [rax+100h]", B(0x48, 0x8D, 0x80, 0, 1, 0, 0) },
	{ "lea rax, [rcx]", B(0x48, 0x8D, 0x01) },
	{ "lea rax, [r8]", B(0x49, 0x8D, 0x00) },
	{ "lea rax, [rip]", B(0x48, 0x8D, 0x05, 0, 0, 0, 0) },
	{ "lea rbp, [rip]: 5 is not rbp", B(0x48, 0x8D, 0x2D, 0, 0, 0, 0) },
	{ "lea r13, [rip]: nor r13", B(0x4D, 0x8D, 0x2D, 0, 0, 0, 0) },
	{ "lea rbp, [0] by sib", B(0x48, 0x8D, 0x2C, 0x25, 0, 0, 0, 0) },
	{ "lea rax, [rax+rcx]", B(0x48, 0x8D, 0x04, 0x08) },
	{ "lea rax, [rax+r12]: no index is r12 with rex.x", B(0x4A, 0x8D, 0x04, 0x20) },
	{ "lea rax, [rcx] by sib", B(0x48, 0x8D, 0x04, 0x21) },
	{ "cmp rax, rax", B(0x48, 0x39, 0xC0) },
	{ "or eax, 0", B(0x83, 0xC8, 0x00) },
	{ "inc rax", B(0x48, 0xFF, 0xC0) },
};

/* No register shows it, yet they are none: PAUSE waits, and the rest is only reserved. */
static const struct code in_doubt[] = {
	{ "pause", B(0xF3, 0x90) },
	{ "66 pause", B(0x66, 0xF3, 0x90) },
	{ "pause with 66 last", B(0xF3, 0x66, 0x90) },
	{ "repne nop", B(0xF2, 0x90) },
	{ "rep nop [rax]", B(0xF3, 0x0F, 0x1F, 0x00) },
	{ "0F 1F /1", B(0x0F, 0x1F, 0xC8) },
	{ "endbr64", B(0xF3, 0x0F, 0x1E, 0xFA) },
	{ "prefetch", B(0x0F, 0x0D, 0x00) },
	{ "mov ax, ax", B(0x66, 0x89, 0xC0) },
};

static bool changes_nothing(const u8 *bytes, size_t len, u64 flags)
{
	u8 *site = run_text + PAGE_BYTES;
	struct trap_regs start = run_without_trap(run_start(site + len, flags)), end;

	run_clear();
	end = run_code(site, bytes, len, flags);
	return !memcmp(&start, &end, sizeof(start));
}

static bool always_changes_nothing(const u8 *bytes, size_t len)
{
	return changes_nothing(bytes, len, 0) && changes_nothing(bytes, len, RUN_FLAGS);
}

/* The bytes in a block of exactly their size, so that ASan sees one byte too many being read. */
static bool is_nop_exact(const u8 *bytes, u8 len)
{
	u8 *block = malloc(len ? len : 1);
	bool is;

	memcpy(block, bytes, len);
	is = insn_is_nop(block, len);
	free(block);
	return is;
}

static void what_is_called_a_nop_changes_nothing(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(do_nothing); i++) {
		const struct code *c = &do_nothing[i];

		expect(c->what, is_nop_exact(c->bytes, c->len));
		expect(c->what, always_changes_nothing(c->bytes, c->len));
	}
	for (u8 len = 1; len <= NOP_MAX_BYTES; len++)
		assert_true(is_nop_exact(nop_bytes(len), len));
}

static void look_alikes_are_not_called_nops(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(do_something); i++) {
		const struct code *c = &do_something[i];

		expect(c->what, !is_nop_exact(c->bytes, c->len));
		expect(c->what, !always_changes_nothing(c->bytes, c->len));
	}
	for (u32 i = 0; i < ARRAY_SIZE(in_doubt); i++)
		expect(in_doubt[i].what, !is_nop_exact(in_doubt[i].bytes, in_doubt[i].len));
}

/* All encodings of up to three bytes behind each single REX: what is taken is run. */
static void no_short_encoding_is_taken_that_does_more(void **state)
{
	static const u8 opcodes[] = { 0x87, 0x89, 0x8B, 0x8D, 0x90 };
	struct insn insn;
	u32 nr = 0;

	(void)state;
	for (u32 rex = 0x40; rex < 0x50; rex++) {
		for (u32 i = 0; i < ARRAY_SIZE(opcodes); i++) {
			for (u32 modrm = 0; modrm < 256; modrm++) {
				const u8 bytes[INSN_MAX_BYTES] = { (u8)rex, opcodes[i], (u8)modrm,
								   0x24 };

				if (insn_decode(&insn, bytes, sizeof(bytes)) ||
				    !is_nop_exact(bytes, insn.len))
					continue;
				nr++;
				if (!changes_nothing(bytes, insn.len, 0))
					fail_msg("%02x %02x %02x does something", rex, opcodes[i],
						 modrm);
			}
		}
	}
	/*
	 * By hand: MOV twice and XCHG, 16 registers, with and without REX.X: 96. LEA: mod 0, 12
	 * registers without SIB, and R12 and RSP by the SIB 24; mod 1 and 2, which have 0 only
	 * behind a SIB or as a whole: counted below as those that are not MOV or XCHG.
	 */
	assert_true(nr >= 96 + 24);
}

/* nops_fill() of @len between two guards, which it must not touch. */
static void fill_guarded(u8 *buf, size_t len)
{
	u8 guarded[GUARD + FILL_MAX + GUARD], guard[GUARD];

	memset(guarded, 0xA5, sizeof(guarded));
	memset(guard, 0xA5, sizeof(guard));
	nops_fill(guarded + GUARD, len);
	assert_memory_equal(guarded, guard, GUARD);
	assert_memory_equal(guarded + GUARD + len, guard, GUARD);
	memcpy(buf, guarded + GUARD, len);
}

/* The form is Linux's: one NOP, one short jump, one long jump. */
static void expect_form(const u8 *buf, size_t len)
{
	struct insn insn;

	assert_int_equal(insn_decode(&insn, buf, len), 0);
	if (len <= NOP_MAX_BYTES) {
		assert_int_equal(insn.kind, INSN_NOP);
		assert_int_equal(insn.len, len);
		return;
	}
	assert_int_equal(insn.kind, len <= 127 ? INSN_JMP8 : INSN_JMP32);
	assert_int_equal(insn.len + insn.rel, len);
	for (size_t at = insn.len; at < len; at++)
		assert_int_equal(buf[at], INT3_INSN_OPCODE);
}

static void a_filling_of_any_length_goes_on_behind_it(void **state)
{
	u8 buf[FILL_MAX];

	(void)state;
	for (size_t len = 0; len <= FILL_MAX; len++) {
		fill_guarded(buf, len);
		if (len)
			expect_form(buf, len);
		if (len && !always_changes_nothing(buf, len))
			fail_msg("a filling of %zu bytes does something", len);
	}
}

struct merging {
	const char *what;
	u8 before[32], len;
	u8 after[32];
};

#define BEFORE(...) .before = { __VA_ARGS__ }, .len = sizeof((u8[]){ __VA_ARGS__ })
#define AFTER(...) .after = { __VA_ARGS__ }

static const struct merging mergings[] = {
	/* 2021, 2b31e8ed96b2: NOPs were looked for at the tail only. */
	{ "a run at the end", BEFORE(0xC3, 0x90, 0x90, 0x90), AFTER(0xC3, 0x0F, 0x1F, 0x00) },
	{ "a run at the start", BEFORE(0x90, 0x90, 0x90, 0xC3), AFTER(0x0F, 0x1F, 0x00, 0xC3) },
	{ "a run in the middle", BEFORE(0x50, 0x90, 0x90, 0x58), AFTER(0x50, 0x66, 0x90, 0x58) },
	{ "three runs", BEFORE(0x90, 0x90, 0x50, 0x66, 0x90, 0x90, 0x58, 0x90, 0x90),
	  AFTER(0x66, 0x90, 0x50, 0x0F, 0x1F, 0x00, 0x58, 0x66, 0x90) },
	{ "nothing but NOPs", BEFORE(0x90, 0x90, 0x90, 0x90, 0x90),
	  AFTER(0x0F, 0x1F, 0x44, 0x00, 0x00) },
	/* Linux takes a NOP that ends the block for filled already. */
	{ "two at the very end", BEFORE(0x58, 0x90, 0x66, 0x90), AFTER(0x58, 0x0F, 0x1F, 0x00) },
	{ "one that is no canonical form", BEFORE(0x48, 0x89, 0xC0, 0xC3),
	  AFTER(0x0F, 0x1F, 0x00, 0xC3) },
	{ "twelve become a jump",
	  BEFORE(0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90, 0xC3),
	  AFTER(0xEB, 0x0A, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xCC, 0xC3) },
	/* A 90 that is part of an instruction is no NOP. */
	{ "90 as an immediate", BEFORE(0xB8, 0x90, 0x90, 0x90, 0x90, 0x90, 0x90),
	  AFTER(0xB8, 0x90, 0x90, 0x90, 0x90, 0x66, 0x90) },
	/* 2023, 6c480f222128: PAUSE was merged away. */
	{ "PAUSE in a run", BEFORE(0x90, 0x90, 0xF3, 0x90, 0x90, 0x90),
	  AFTER(0x66, 0x90, 0xF3, 0x90, 0x66, 0x90) },
	{ "PAUSE alone", BEFORE(0xF3, 0x90), AFTER(0xF3, 0x90) },
	/* 2025: XCHG R8,RAX looks like one, and so does a 32-bit MOV. */
	{ "XCHG R8,RAX in a run", BEFORE(0x90, 0x49, 0x90, 0x90), AFTER(0x90, 0x49, 0x90, 0x90) },
	{ "MOV EDI,EDI in a run", BEFORE(0x90, 0x90, 0x8B, 0xFF, 0x90),
	  AFTER(0x66, 0x90, 0x8B, 0xFF, 0x90) },
	/* A jump to the end of a replacement that ends in a NOP, and padding behind it. */
	{ "a branch into a run", BEFORE(0x74, 0x01, 0x90, 0x90, 0x90, 0xC3),
	  AFTER(0x74, 0x01, 0x90, 0x66, 0x90, 0xC3) },
	{ "a branch back into a run", BEFORE(0x90, 0x90, 0x90, 0xEB, 0xFD),
	  AFTER(0x66, 0x90, 0x90, 0xEB, 0xFD) },
	{ "a branch to the start of a run", BEFORE(0x90, 0x90, 0xEB, 0xFC),
	  AFTER(0x66, 0x90, 0xEB, 0xFC) },
	{ "none", BEFORE(0x50, 0x58, 0xC3), AFTER(0x50, 0x58, 0xC3) },
};

static void runs_are_merged_where_ever_they_stand(void **state)
{
	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(mergings); i++) {
		const struct merging *m = &mergings[i];
		u8 buf[sizeof(m->before)];

		memcpy(buf, m->before, sizeof(buf));
		expect(m->what, nops_optimize(buf, m->len) == 0);
		expect(m->what, !memcmp(buf, m->after, sizeof(buf)));
		expect(m->what, nops_optimize(buf, m->len) == 0);
		expect("a second time changes nothing", !memcmp(buf, m->after, sizeof(buf)));
	}
	assert_int_equal(nops_optimize(NULL, 0), 0);
}

static void a_run_of_any_length_is_one_filling(void **state)
{
	u8 run[FILL_MAX], filling[FILL_MAX];

	(void)state;
	for (size_t len = 1; len <= FILL_MAX; len++) {
		memset(run, 0x90, len);
		nops_fill(filling, len);
		assert_int_equal(nops_optimize(run, len), 0);
		assert_memory_equal(run, filling, len);
	}
}

static void a_block_that_does_not_decode_is_left_alone(void **state)
{
	static const struct code bad[] = {
		{ "no instruction at the end", B(0x90, 0x90, 0x06) },
		{ "no instruction between", B(0x90, 0x90, 0x06, 0x90, 0x90) },
		{ "cut off", B(0x90, 0x90, 0xE8, 0x00) },
		{ "jmp into a nop", B(0xEB, 0x01, 0x66, 0x90, 0x90) },
		{ "jmp back into a nop", B(0x66, 0x90, 0x90, 0xEB, 0xFC) },
		{ "66 jmp, of two lengths", B(0x90, 0x90, 0x66, 0xE9, 0, 0, 0, 0, 0x90, 0x90) },
	};

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(bad); i++) {
		u8 buf[INSN_MAX_BYTES];

		memcpy(buf, bad[i].bytes, sizeof(buf));
		expect(bad[i].what, nops_optimize(buf, bad[i].len) == -ERR_CORRUPT);
		expect(bad[i].what, !memcmp(buf, bad[i].bytes, sizeof(buf)));
	}
}

/* Up to 40 instructions of both tables; none of them leaves the block. */
static size_t random_block(u8 *buf, unsigned *seed)
{
	size_t len = 0;

	for (u32 nr = (u32)rand_r(seed) % 40 + 1; nr; nr--) {
		bool nothing = rand_r(seed) % 3;
		u32 i = (u32)rand_r(seed);
		const struct code *c = nothing ? &do_nothing[i % ARRAY_SIZE(do_nothing)]
					       : &do_something[i % ARRAY_SIZE(do_something)];

		memcpy(buf + len, c->bytes, c->len);
		len += c->len;
	}
	return len;
}

static void optimised_blocks_leave_what_the_plain_ones_leave(void **state)
{
	unsigned seed = getenv("SEED") ? (unsigned)atoi(getenv("SEED")) : 1;
	u8 buf[40 * INSN_MAX_BYTES];

	(void)state;
	printf("# SEED=%u\n", seed);
	for (u32 round = 0; round < 500; round++) {
		size_t len = random_block(buf, &seed);
		struct trap_regs plain, optimised;

		run_clear();
		plain = run_code(run_text + PAGE_BYTES, buf, len, EFLAGS_CF);
		assert_int_equal(nops_optimize(buf, len), 0);
		optimised = run_code(run_text + PAGE_BYTES, buf, len, EFLAGS_CF);
		if (memcmp(&plain, &optimised, sizeof(plain)))
			fail_msg("round %u of this seed", round);
		assert_int_equal(plain.ip, run_text + PAGE_BYTES + len);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(what_is_called_a_nop_changes_nothing),
		cmocka_unit_test(look_alikes_are_not_called_nops),
		cmocka_unit_test(no_short_encoding_is_taken_that_does_more),
		cmocka_unit_test(a_filling_of_any_length_goes_on_behind_it),
		cmocka_unit_test(runs_are_merged_where_ever_they_stand),
		cmocka_unit_test(a_run_of_any_length_is_one_filling),
		cmocka_unit_test(a_block_that_does_not_decode_is_left_alone),
		cmocka_unit_test(optimised_blocks_leave_what_the_plain_ones_leave),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("nops", tests, run_setup, NULL);
}
