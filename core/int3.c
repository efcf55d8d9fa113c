/* SPDX-License-Identifier: MIT */
/*
 * What a patched instruction would have done, computed on the interrupted context. Everything here
 * runs in the #BP path: noinstr, no Zydis, nothing that could itself hold a patched site.
 */
#include "int3.h"

#include "fault.h"
#include "nops.h"
#include "text_patching.h"

noinstr bool int3_emulate(struct trap_regs *regs, u64 addr, u8 opcode, u8 len, s32 disp)
{
	u64 next = addr + len;
	u64 target = next + (s64)disp;
	bool jumps;

	switch (opcode) {
	case RET_INSN_OPCODE:
		int3_emulate_ret(regs);
		if (fault(WRONG_RET))
			regs->sp -= 8;
		return true;
	case CALL_INSN_OPCODE:
		int3_emulate_call(regs, fault(WRONG_CALL_RETURN) ? next + 1 : addr + CALL_INSN_SIZE,
				  fault(WRONG_CALL_TARGET) ? next : target);
		return true;
	case JMP8_INSN_OPCODE:
	case JMP32_INSN_OPCODE:
		int3_emulate_jmp(regs, fault(WRONG_JMP) ? next : target);
		return true;
	case 0x70 ... 0x7F:
		jumps = int3_condition(regs->flags, opcode & 0x0F);
		int3_emulate_jmp(regs, jumps != fault(WRONG_JCC) ? target : next);
		return true;
	case 0x90:
		int3_emulate_jmp(regs, fault(WRONG_NOP) ? addr + INT3_INSN_SIZE : next);
		return true;
	default:
		return false;
	}
}

/*
 * Bytes may be changing under us: each is read once, and the value read decides. And none is read
 * that the bytes before it do not call for: there may be nothing behind the end of text.
 */
static noinstr u8 byte_at(const u8 *addr)
{
	return *(const volatile u8 *)addr;
}

static noinstr s32 rel32_at(const u8 *addr)
{
	u32 v = 0;

	for (int i = 3; i >= 0; i--)
		v = v << 8 | byte_at(addr + i);
	return (s32)v;
}

static noinstr u8 nop_len_at(const u8 *addr)
{
	for (u8 len = NOP_MAX_BYTES; len >= 1; len--) {
		const u8 *nop = nop_bytes(len);
		u8 i = 0;

		while (i < len && byte_at(addr + i) == nop[i])
			i++;
		if (i == len)
			return len;
	}
	return 0;
}

noinstr bool int3_emulate_memory(struct trap_regs *regs, const u8 *addr)
{
	u8 first = byte_at(addr), nop_len;

	switch (first) {
	case RET_INSN_OPCODE:
		return int3_emulate(regs, (u64)addr, first, RET_INSN_SIZE, 0);
	case CALL_INSN_OPCODE:
	case JMP32_INSN_OPCODE:
		return int3_emulate(regs, (u64)addr, first, CALL_INSN_SIZE, rel32_at(addr + 1));
	case JMP8_INSN_OPCODE:
	case 0x70 ... 0x7F:
		return int3_emulate(regs, (u64)addr, first, JMP8_INSN_SIZE, (s8)byte_at(addr + 1));
	}
	if (first == 0x0F) {
		u8 second = byte_at(addr + 1);

		if ((second & 0xF0) == 0x80)
			return int3_emulate(regs, (u64)addr, 0x70 | (second & 0x0F),
					    JCC32_INSN_SIZE, rel32_at(addr + 2));
	}
	nop_len = nop_len_at(addr);
	return nop_len && int3_emulate(regs, (u64)addr, 0x90, nop_len, 0);
}

/* ---- A site among others ---- */

static noinstr const struct smp_text_poke_loc *find_site(const struct smp_text_poke_loc *vec,
							 u32 nr_entries, const u8 *addr)
{
	u32 low = 0, high = nr_entries;

	while (low < high) {
		u32 mid = low + (high - low) / 2;
		const struct smp_text_poke_loc *tpl = &vec[mid];
		const u8 *site = text_poke_addr(tpl);

		if (site == addr)
			return tpl;
		if (site < addr)
			low = mid + 1;
		else
			high = mid;
	}
	return NULL;
}

noinstr bool text_poke_emulate_site(const struct smp_text_poke_loc *vec, u32 nr_entries,
				    struct trap_regs *regs)
{
	u64 addr = regs->ip - INT3_INSN_SIZE;
	const struct smp_text_poke_loc *tpl = find_site(vec, nr_entries, (const u8 *)addr);

	return tpl && int3_emulate(regs, addr, tpl->opcode, tpl->len, tpl->disp);
}
