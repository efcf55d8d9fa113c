/* SPDX-License-Identifier: MIT */
/*
 * Run a few bytes on the CPU with chosen registers: text of INT3s, a canary in every register and
 * on the stack, and a trap that says where the bytes led and what they left behind.
 */
#ifndef SMPOKE_TESTS_RUN_FIXTURE_H
#define SMPOKE_TESTS_RUN_FIXTURE_H

#include "unit.h"

#include <string.h>
#include <sys/mman.h>

#include "host.h"
#include "text_patching.h"
#include "x86.h"

#define RUN_TEXT_BYTES (4 * PAGE_BYTES)
#define RUN_STACK_BYTES (256 * 1024ul) /* the signal frame goes here, AVX-512 state and all */
#define RUN_STACK_WORDS 16
#define RUN_FLAGS                                                                                  \
	(EFLAGS_CF | EFLAGS_PF | EFLAGS_AF | EFLAGS_ZF | EFLAGS_SF | EFLAGS_OF | EFLAGS_DF)

void run_insn(const struct trap_regs *regs);
extern const char run_insn_exit[];

static u8 *run_text;
static u64 *run_stack;
static struct trap_regs run_landed;

static bool run_catch(struct trap_regs *regs)
{
	run_landed = *regs;
	run_landed.ip -= INT3_INSN_SIZE;
	regs->ip = (u64)run_insn_exit;
	return true;
}

/* INT3 everywhere, so that whoever leaves the path is caught at once. */
static void run_clear(void)
{
	text_poke_set(run_text, INT3_INSN_OPCODE, RUN_TEXT_BYTES);
}

static int run_setup(void **state)
{
	const char *reason;
	u8 *stack = mmap(NULL, RUN_STACK_BYTES, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS,
			 -1, 0);

	(void)state;
	if (stack == MAP_FAILED || host_setup(&reason) || text_poke_init())
		return -1;
	run_stack = (u64 *)(stack + RUN_STACK_BYTES - PAGE_BYTES);
	run_text = text_alloc(RUN_TEXT_BYTES, PAGE_BYTES);
	if (!run_text || text_register(run_text, RUN_TEXT_BYTES, NULL))
		return -1;
	run_clear();
	return 0;
}

static u64 run_stack_canary(u32 i)
{
	return 0x5ca1ab1e00000000 + i;
}

/* Every register another value, with bits in both halves. */
static struct trap_regs run_start(const u8 *ip, u64 flags)
{
	struct trap_regs regs;
	u64 *words = (u64 *)&regs;

	for (size_t i = 0; i < sizeof(regs) / sizeof(u64); i++)
		words[i] = 0x1111111111111111 * (i % 15 + 1);
	regs.ip = (u64)ip;
	regs.sp = (u64)run_stack;
	regs.flags = flags | EFLAGS_IF | 2;
	for (u32 i = 0; i < RUN_STACK_WORDS; i++)
		run_stack[i] = run_stack_canary(i);
	return regs;
}

/* What the trap itself makes of its words is nobody's business. */
static struct trap_regs run_without_trap(struct trap_regs regs)
{
	regs.vector = regs.error_code = regs.cs = regs.ss = 0;
	regs.flags &= RUN_FLAGS;
	return regs;
}

/* Write @len bytes of code to @at and run them; the result is where the first INT3 was met. */
static struct trap_regs run_code(u8 *at, const u8 *code, size_t len, u64 flags)
{
	struct trap_regs regs;

	assert_int_equal(text_poke_copy(at, code, len), 0);
	iret_to_self();
	regs = run_start(at, flags);
	memset(&run_landed, 0, sizeof(run_landed));
	text_set_bp_hook(run_catch);
	run_insn(&regs);
	for (u32 i = 0; i < RUN_STACK_WORDS; i++)
		assert_int_equal(run_stack[i], run_stack_canary(i));
	return run_without_trap(run_landed);
}

#endif
