/* SPDX-License-Identifier: MIT */
/*
 * Machine code at run time: the few instructions that code regions are made of, encoded by Zydis.
 *
 * Code is written into a buffer as if it stood at @base already, so that branches come out right,
 * and copied to its place afterwards. The first failure sticks: callers emit a whole region and
 * look at the error once.
 */
#ifndef SMPOKE_BENCH_ASSEMBLE_H
#define SMPOKE_BENCH_ASSEMBLE_H

#include "types.h"

struct assembler {
	u8 *buf;
	size_t len, size;
	u64 base; /* address of buf[0] at run time */
	u32 nr_locks; /* LOCK prefixes so far */
	int error; /* 0, -ERR_NOSPC, -ERR_CORRUPT when Zydis refuses */
};

/* Registers, numbered as the CPU does. */
enum asm_reg {
	ASM_RAX,
	ASM_RCX,
	ASM_RDX,
	ASM_RBX,
	ASM_RSP,
	ASM_RBP,
	ASM_RSI,
	ASM_RDI,
	ASM_R8,
	ASM_R9,
	ASM_R10,
	ASM_R11,
	ASM_R12,
	ASM_R13,
	ASM_R14,
	ASM_R15,
};

enum asm_op {
	ASM_ADC,
	ASM_ADD,
	ASM_AND,
	ASM_BTC,
	ASM_BTR,
	ASM_BTS,
	ASM_CMP,
	ASM_CMPXCHG,
	ASM_CMPXCHG8B,
	ASM_CMPXCHG16B,
	ASM_DEC,
	ASM_INC,
	ASM_MFENCE,
	ASM_MOV,
	ASM_NEG,
	ASM_NOT,
	ASM_OR,
	ASM_PAUSE,
	ASM_SBB,
	ASM_SUB,
	ASM_TEST,
	ASM_XADD,
	ASM_XCHG,
	ASM_XOR,
};

/* What an instruction works on. */
struct asm_operand {
	enum {
		ASM_NOTHING,
		ASM_REG,
		ASM_MEM,
		ASM_IMM,
	} kind;
	enum asm_reg reg; /* of memory: the base */
	s64 value; /* the number, or the displacement from the base */
};

static inline struct asm_operand asm_reg(enum asm_reg reg)
{
	return (struct asm_operand){ ASM_REG, reg, 0 };
}

static inline struct asm_operand asm_mem(enum asm_reg base, s32 disp)
{
	return (struct asm_operand){ ASM_MEM, base, disp };
}

static inline struct asm_operand asm_imm(s64 value)
{
	return (struct asm_operand){ ASM_IMM, 0, value };
}

static inline struct asm_operand asm_none(void)
{
	return (struct asm_operand){ ASM_NOTHING, 0, 0 };
}

/* The read-modify-write operations that may carry a LOCK prefix (Intel SDM vol. 2, LOCK). */
enum asm_rmw {
	ASM_RMW_INC,
	ASM_RMW_ADD, /* immediate 1 */
	ASM_RMW_XADD, /* register */
	ASM_RMW_CMPXCHG, /* register; compares with rax */
	ASM_RMW_BTS, /* immediate 3 */
	ASM_RMW_XCHG, /* register; locks with or without the prefix */
};

void asm_begin(struct assembler *a, u8 *buf, size_t size, u64 base);

/* asm_here() - address of the next instruction at run time */
u64 asm_here(const struct assembler *a);

/**
 * asm_insn() - one instruction
 * @bytes: width of its operands: 1, 2, 4, 8, or 16
 * @to, @from: in this order, the first is written; asm_none() for what it has not got
 */
void asm_insn(struct assembler *a, enum asm_op op, u32 bytes, struct asm_operand to,
	      struct asm_operand from);

/* asm_locked() - the same with a LOCK prefix as first byte, if @lock */
void asm_locked(struct assembler *a, bool lock, enum asm_op op, u32 bytes, struct asm_operand to,
		struct asm_operand from);

/* qword [base + disp], with the LOCK prefix as first byte if asked for */
void asm_rmw(struct assembler *a, enum asm_rmw op, bool lock, enum asm_reg base, s32 disp,
	     enum asm_reg reg);

void asm_push(struct assembler *a, enum asm_reg reg);
void asm_pop(struct assembler *a, enum asm_reg reg);
void asm_push_mem(struct assembler *a, enum asm_reg base, s32 disp); /* qword */
void asm_popfq(struct assembler *a);
void asm_load(struct assembler *a, enum asm_reg reg, enum asm_reg base, s32 disp); /* qword */
void asm_mov_imm(struct assembler *a, enum asm_reg reg, s32 imm);
void asm_mov_imm32(struct assembler *a, enum asm_reg reg,
		   u32 imm); /* 5 bytes, the last 4 are imm */
void asm_mov_imm64(struct assembler *a, enum asm_reg reg, u64 imm); /* 10 bytes, the last 8 */
void asm_sub_imm(struct assembler *a, enum asm_reg reg, s32 imm);
void asm_zero_eax(struct assembler *a); /* xor eax, eax: sets ZF */
void asm_lea(struct assembler *a, enum asm_reg reg, u64 target); /* RIP-relative */
void asm_ret(struct assembler *a);

enum asm_width {
	ASM_SHORT, /* rel8 */
	ASM_NEAR, /* rel32 */
};

void asm_jmp(struct assembler *a, enum asm_width width, u64 target);
void asm_call(struct assembler *a, u64 target);
void asm_jz(struct assembler *a, enum asm_width width, u64 target);
void asm_jnz(struct assembler *a, enum asm_width width, u64 target);
void asm_jns(struct assembler *a, enum asm_width width, u64 target);

/* Condition codes, as the CPU numbers them. */
enum asm_condition {
	ASM_IF_CARRY = 2,
	ASM_IF_NO_CARRY = 3,
	ASM_IF_ZERO = 4,
	ASM_IF_NOT_ZERO = 5,
	ASM_IF_SIGN = 8,
	ASM_IF_LESS_OR_EQUAL = 14,
};

/* asm_jump_if() - rel32 */
void asm_jump_if(struct assembler *a, enum asm_condition condition, u64 target);

/* asm_nop() - one canonical NOP of @len bytes (1 .. NOP_MAX_BYTES), from core's table */
void asm_nop(struct assembler *a, size_t len);

/* asm_align() - NOPs up to a multiple of @bytes */
void asm_align(struct assembler *a, size_t bytes);

/* asm_nops_to() - NOPs up to @addr, as few as there can be */
void asm_nops_to(struct assembler *a, u64 addr);

/* asm_fill_to() - INT3s up to @addr, which no path may reach */
void asm_fill_to(struct assembler *a, u64 addr);

#endif
