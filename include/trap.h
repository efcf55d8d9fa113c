/* SPDX-License-Identifier: MIT */
/*
 * The interrupted context, as a trap handler sees and changes it.
 *
 * efi/vectors.S builds this layout on the stack, and returns with IRETQ from its last five words;
 * host/ copies it from and to the signal context. Core's emulation works on it and on nothing else.
 */
#ifndef SMPOKE_TRAP_H
#define SMPOKE_TRAP_H

#include "module_name.h"
#include "types.h"

struct trap_regs {
	u64 r15, r14, r13, r12, bp, bx, r11, r10, r9, r8, ax, cx, dx, si, di;
	u64 vector, error_code;
	u64 ip, cs, flags, sp, ss;
};

_Static_assert(offsetof(struct trap_regs, vector) == 15 * 8, "vectors.S pushes 15 registers");
_Static_assert(offsetof(struct trap_regs, ip) == 17 * 8, "IRETQ frame follows the error code");
_Static_assert(sizeof(struct trap_regs) == 22 * 8, "no padding");

/* Vectors of the architecture (Intel SDM vol. 3, table 6-1). */
#define TRAP_DE 0
#define TRAP_NMI 2
#define TRAP_BP 3
#define TRAP_UD 6
#define TRAP_DF 8
#define TRAP_GP 13
#define TRAP_PF 14
#define TRAP_MC 18

#define EFLAGS_CF (1ull << 0)
#define EFLAGS_PF (1ull << 2)
#define EFLAGS_AF (1ull << 4)
#define EFLAGS_ZF (1ull << 6)
#define EFLAGS_SF (1ull << 7)
#define EFLAGS_IF (1ull << 9)
#define EFLAGS_DF (1ull << 10)
#define EFLAGS_OF (1ull << 11)
#define EFLAGS_RF (1ull << 16)

/* A trap that ended the code it hit: who, where, why, and the bytes that were there. */
struct machine_fault {
	u32 vector;
	u32 cpu;
	u64 ip; /* of the faulting instruction; for #BP the address of the INT3 */
	u64 addr; /* CR2 for #PF, status of the bank for #MC, else 0 */
	u64 error_code;
	u8 bytes[16]; /* at ip, as far as they could be read without another fault */
	u8 nr_bytes;
	struct module_name module; /* whose text ip is in; empty: no module's */
	u64 offset; /* of ip in that text */
	struct trap_regs regs; /* of the interrupted code; its ip is as the CPU pushed it */
};

#endif
