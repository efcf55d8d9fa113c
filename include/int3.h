/* SPDX-License-Identifier: MIT */
/*
 * Emulation of the instructions a site may hold, on the interrupted context. Pure: registers and,
 * for CALL and RET, the interrupted stack. noinstr: no patchable site, no call out.
 */
#ifndef SMPOKE_INT3_H
#define SMPOKE_INT3_H

#include "trap.h"
#include "types.h"

/* int3_emulate_jmp() - go on at @target */
static force_inline void int3_emulate_jmp(struct trap_regs *regs, u64 target)
{
	regs->ip = target;
}

/* int3_emulate_push() - one word below the interrupted stack pointer; vectors.S keeps it free */
static force_inline void int3_emulate_push(struct trap_regs *regs, u64 value)
{
	regs->sp -= 8;
	*(u64 *)regs->sp = value;
}

static force_inline u64 int3_emulate_pop(struct trap_regs *regs)
{
	u64 value = *(u64 *)regs->sp;

	regs->sp += 8;
	return value;
}

static force_inline void int3_emulate_call(struct trap_regs *regs, u64 return_to, u64 target)
{
	int3_emulate_push(regs, return_to);
	int3_emulate_jmp(regs, target);
}

static force_inline void int3_emulate_ret(struct trap_regs *regs)
{
	regs->ip = int3_emulate_pop(regs);
}

/**
 * int3_condition() - does Jcc with condition code @cc (0-15) jump under @flags?
 *
 * Intel SDM vol. 1, appendix B: even codes as listed, odd codes inverted.
 */
static force_inline bool int3_condition(u64 flags, u8 cc)
{
	bool of = flags & EFLAGS_OF, cf = flags & EFLAGS_CF, zf = flags & EFLAGS_ZF;
	bool sf = flags & EFLAGS_SF, pf = flags & EFLAGS_PF, holds;

	switch (cc >> 1) {
	case 0:
		holds = of;
		break;
	case 1:
		holds = cf;
		break;
	case 2:
		holds = zf;
		break;
	case 3:
		holds = cf || zf;
		break;
	case 4:
		holds = sf;
		break;
	case 5:
		holds = pf;
		break;
	case 6:
		holds = sf != of;
		break;
	default:
		holds = zf || sf != of;
		break;
	}
	return holds != (cc & 1);
}

/**
 * int3_emulate() - what the instruction at @addr would do, without running it
 * @addr: of the site
 * @opcode: CC, C3, E8, E9, EB, 70-7F, or 90 for any NOP
 * @len: of the site; the next instruction is at @addr + @len
 * @disp: from @addr + @len to the target
 *
 * Return: false for INT3 and for anything else that cannot be emulated; @regs is unchanged then.
 */
bool int3_emulate(struct trap_regs *regs, u64 addr, u8 opcode, u8 len, s32 disp);

/**
 * int3_emulate_memory() - emulate the instruction that memory holds at @addr
 *
 * For a trap whose INT3 is gone: decoding by the few opcodes above only, since Zydis is not
 * noinstr. Return: false when it is none of them; the caller then lets the CPU run it again.
 */
bool int3_emulate_memory(struct trap_regs *regs, const u8 *addr);

#endif
