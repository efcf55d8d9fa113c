/* SPDX-License-Identifier: MIT */
/*
 * One decoded instruction, as far as patching needs to know it. Zydis does the decoding.
 */
#ifndef SMPOKE_INSN_H
#define SMPOKE_INSN_H

#include "types.h"

#define INSN_MAX_BYTES 15

enum insn_kind {
	INSN_OTHER,
	INSN_INT3, /* CC */
	INSN_RET, /* C3 */
	INSN_CALL, /* E8 rel32 */
	INSN_JMP8, /* EB rel8 */
	INSN_JMP32, /* E9 rel32 */
	INSN_JCC8, /* 70-7F rel8 */
	INSN_JCC32, /* 0F 80-8F rel32 */
	INSN_NOP, /* one of the canonical forms of nops.h, and nothing that only looks like one */
};

/* Branches that are not moved by adding to a displacement; prefixed or not. Kind INSN_OTHER. */
enum insn_special {
	INSN_ORDINARY,
	INSN_LOOP, /* E0-E2: LOOPNE, LOOPE, LOOP */
	INSN_JRCXZ, /* E3 */
	INSN_XBEGIN, /* C7 F8 */
	INSN_FAR, /* FF /3, FF /5: CALL and JMP through a far pointer */
};

struct insn {
	u8 len;
	u8 kind; /* enum insn_kind; prefixed branches are INSN_OTHER */
	u8 condition; /* 0-15 for Jcc */
	u8 lock_offset; /* of the F0 byte, when has_lock */
	bool has_lock;
	bool is_relative; /* a branch with an immediate displacement, prefixed or not */
	bool is_rip_memory; /* a memory operand relative to RIP */
	bool has_operand_size; /* 66 is among the prefixes, whether it means anything there or not
				*/
	u8 imm_offset, imm_bytes; /* of the branch displacement, when is_relative */
	u8 disp_offset, disp_bytes; /* of the RIP-relative displacement, when is_rip_memory */
	s32 rel; /* branch displacement, from the end of the instruction */
	s32 disp; /* RIP-relative displacement, from there too */
	u8 special; /* enum insn_special */
};

/**
 * insn_decode() - decode one instruction in 64-bit mode
 * @bytes: where; only the first min(@max_bytes, INSN_MAX_BYTES) are read
 *
 * Context: any CPU, not from a trap. Pure.
 * Return: 0; -ERR_CORRUPT when the bytes are no instruction; -ERR_RANGE when they end too early.
 */
int insn_decode(struct insn *ret, const void *bytes, size_t max_bytes);

/**
 * insn_is_nop() - true for an instruction that provably changes nothing but RIP
 * @bytes: of the instruction, @len of them, as insn_decode() found it
 *
 * 90 without F3 or REX.B, 0F 1F /0, and MOV, XCHG or LEA of a register to itself in 64 bits. Not
 * PAUSE (F3 90), not XCHG R8,RAX (REX.B 90), not a 32-bit MOV to itself, which clears the upper
 * half. In doubt false: what the manual only reserves, F2 before a NOP say, is none.
 *
 * Context: any. Pure; no byte at or behind @bytes + @len is read.
 */
bool insn_is_nop(const u8 *bytes, u8 len);

/* insn_kind_name() - "CALL", "NOP", ...; for messages */
const char *insn_kind_name(enum insn_kind kind);

#endif
