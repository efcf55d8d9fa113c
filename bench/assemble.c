/* SPDX-License-Identifier: MIT */
#include "assemble.h"

#include <Zydis/Zydis.h>

#include "mem.h"
#include "nops.h"
#include "x86.h"

void asm_begin(struct assembler *a, u8 *buf, size_t size, u64 base)
{
	*a = (struct assembler){ .buf = buf, .size = size, .base = base };
}

u64 asm_here(const struct assembler *a)
{
	return a->base + a->len;
}

static void put_bytes(struct assembler *a, const u8 *bytes, size_t len)
{
	if (!a->error && a->len + len > a->size)
		a->error = -ERR_NOSPC;
	if (a->error)
		return;
	memcpy(a->buf + a->len, bytes, len);
	a->len += len;
}

static ZydisEncoderRequest request(ZydisMnemonic mnemonic)
{
	return (ZydisEncoderRequest){ .machine_mode = ZYDIS_MACHINE_MODE_LONG_64,
				      .mnemonic = mnemonic };
}

static void encode(struct assembler *a, ZydisEncoderRequest *req)
{
	u8 bytes[ZYDIS_MAX_INSTRUCTION_LENGTH];
	ZyanUSize len = sizeof(bytes);

	if (a->error)
		return;
	if (ZYAN_FAILED(ZydisEncoderEncodeInstructionAbsolute(req, bytes, &len, asm_here(a))))
		a->error = -ERR_CORRUPT;
	else
		put_bytes(a, bytes, len);
}

static ZydisRegister sized_register(enum asm_reg reg, u32 bytes)
{
	switch (bytes) {
	case 1:
		/* AH, CH, DH and BH stand between BL and SPL. */
		if (reg < ASM_RSP)
			return ZYDIS_REGISTER_AL + reg;
		return reg < ASM_R8 ? ZYDIS_REGISTER_SPL + (reg - ASM_RSP)
				    : ZYDIS_REGISTER_R8B + (reg - ASM_R8);
	case 2:
		return ZYDIS_REGISTER_AX + reg;
	case 4:
		return ZYDIS_REGISTER_EAX + reg;
	default:
		return ZYDIS_REGISTER_RAX + reg;
	}
}

static void add_sized_reg(ZydisEncoderRequest *req, enum asm_reg reg, u32 bytes)
{
	ZydisEncoderOperand *op = &req->operands[req->operand_count++];

	op->type = ZYDIS_OPERAND_TYPE_REGISTER;
	op->reg.value = sized_register(reg, bytes);
}

static void add_reg(ZydisEncoderRequest *req, enum asm_reg reg)
{
	add_sized_reg(req, reg, 8);
}

static void add_sized_mem(ZydisEncoderRequest *req, ZydisRegister base, s64 disp, u32 bytes)
{
	ZydisEncoderOperand *op = &req->operands[req->operand_count++];

	op->type = ZYDIS_OPERAND_TYPE_MEMORY;
	op->mem.base = base;
	op->mem.displacement = disp;
	op->mem.size = bytes;
}

static void add_mem(ZydisEncoderRequest *req, ZydisRegister base, s64 disp)
{
	add_sized_mem(req, base, disp, 8);
}

static void add_imm(ZydisEncoderRequest *req, u64 imm)
{
	ZydisEncoderOperand *op = &req->operands[req->operand_count++];

	op->type = ZYDIS_OPERAND_TYPE_IMMEDIATE;
	op->imm.u = imm;
}

static void add_operand(ZydisEncoderRequest *req, struct asm_operand operand, u32 bytes)
{
	if (operand.kind == ASM_REG)
		add_sized_reg(req, operand.reg, bytes);
	else if (operand.kind == ASM_MEM)
		add_sized_mem(req, ZYDIS_REGISTER_RAX + operand.reg, operand.value, bytes);
	else if (operand.kind == ASM_IMM)
		add_imm(req, (u64)operand.value);
}

void asm_locked(struct assembler *a, bool lock, enum asm_op op, u32 bytes, struct asm_operand to,
		struct asm_operand from)
{
	static const ZydisMnemonic mnemonics[] = {
		[ASM_ADC] = ZYDIS_MNEMONIC_ADC,
		[ASM_ADD] = ZYDIS_MNEMONIC_ADD,
		[ASM_AND] = ZYDIS_MNEMONIC_AND,
		[ASM_BTC] = ZYDIS_MNEMONIC_BTC,
		[ASM_BTR] = ZYDIS_MNEMONIC_BTR,
		[ASM_BTS] = ZYDIS_MNEMONIC_BTS,
		[ASM_CMP] = ZYDIS_MNEMONIC_CMP,
		[ASM_CMPXCHG] = ZYDIS_MNEMONIC_CMPXCHG,
		[ASM_CMPXCHG8B] = ZYDIS_MNEMONIC_CMPXCHG8B,
		[ASM_CMPXCHG16B] = ZYDIS_MNEMONIC_CMPXCHG16B,
		[ASM_DEC] = ZYDIS_MNEMONIC_DEC,
		[ASM_INC] = ZYDIS_MNEMONIC_INC,
		[ASM_MFENCE] = ZYDIS_MNEMONIC_MFENCE,
		[ASM_MOV] = ZYDIS_MNEMONIC_MOV,
		[ASM_NEG] = ZYDIS_MNEMONIC_NEG,
		[ASM_NOT] = ZYDIS_MNEMONIC_NOT,
		[ASM_OR] = ZYDIS_MNEMONIC_OR,
		[ASM_PAUSE] = ZYDIS_MNEMONIC_PAUSE,
		[ASM_SBB] = ZYDIS_MNEMONIC_SBB,
		[ASM_SUB] = ZYDIS_MNEMONIC_SUB,
		[ASM_TEST] = ZYDIS_MNEMONIC_TEST,
		[ASM_XADD] = ZYDIS_MNEMONIC_XADD,
		[ASM_XCHG] = ZYDIS_MNEMONIC_XCHG,
		[ASM_XOR] = ZYDIS_MNEMONIC_XOR,
	};
	ZydisEncoderRequest req = request(mnemonics[op]);

	if (lock)
		req.prefixes = ZYDIS_ATTRIB_HAS_LOCK;
	a->nr_locks += lock;
	add_operand(&req, to, bytes);
	add_operand(&req, from, bytes);
	encode(a, &req);
}

void asm_insn(struct assembler *a, enum asm_op op, u32 bytes, struct asm_operand to,
	      struct asm_operand from)
{
	asm_locked(a, false, op, bytes, to, from);
}

void asm_rmw(struct assembler *a, enum asm_rmw op, bool lock, enum asm_reg base, s32 disp,
	     enum asm_reg reg)
{
	static const enum asm_op ops[] = {
		[ASM_RMW_INC] = ASM_INC,	 [ASM_RMW_ADD] = ASM_ADD, [ASM_RMW_XADD] = ASM_XADD,
		[ASM_RMW_CMPXCHG] = ASM_CMPXCHG, [ASM_RMW_BTS] = ASM_BTS, [ASM_RMW_XCHG] = ASM_XCHG,
	};
	struct asm_operand from = asm_reg(reg);

	if (op == ASM_RMW_INC)
		from = asm_none();
	else if (op == ASM_RMW_ADD)
		from = asm_imm(1);
	else if (op == ASM_RMW_BTS)
		from = asm_imm(3);
	asm_locked(a, lock, ops[op], 8, asm_mem(base, disp), from);
}

static void encode_reg(struct assembler *a, ZydisMnemonic mnemonic, enum asm_reg reg)
{
	ZydisEncoderRequest req = request(mnemonic);

	add_reg(&req, reg);
	encode(a, &req);
}

void asm_push(struct assembler *a, enum asm_reg reg)
{
	encode_reg(a, ZYDIS_MNEMONIC_PUSH, reg);
}

void asm_pop(struct assembler *a, enum asm_reg reg)
{
	encode_reg(a, ZYDIS_MNEMONIC_POP, reg);
}

void asm_push_mem(struct assembler *a, enum asm_reg base, s32 disp)
{
	ZydisEncoderRequest req = request(ZYDIS_MNEMONIC_PUSH);

	add_mem(&req, ZYDIS_REGISTER_RAX + base, disp);
	encode(a, &req);
}

void asm_popfq(struct assembler *a)
{
	ZydisEncoderRequest req = request(ZYDIS_MNEMONIC_POPFQ);

	encode(a, &req);
}

void asm_load(struct assembler *a, enum asm_reg reg, enum asm_reg base, s32 disp)
{
	ZydisEncoderRequest req = request(ZYDIS_MNEMONIC_MOV);

	add_reg(&req, reg);
	add_mem(&req, ZYDIS_REGISTER_RAX + base, disp);
	encode(a, &req);
}

static void encode_reg_imm(struct assembler *a, ZydisMnemonic mnemonic, enum asm_reg reg, s32 imm)
{
	ZydisEncoderRequest req = request(mnemonic);

	add_reg(&req, reg);
	add_imm(&req, (u64)(s64)imm);
	encode(a, &req);
}

void asm_mov_imm(struct assembler *a, enum asm_reg reg, s32 imm)
{
	encode_reg_imm(a, ZYDIS_MNEMONIC_MOV, reg, imm);
}

/* Its opcode and all of the immediate, which an encoder may find a shorter form for. */
static void put_mov(struct assembler *a, u32 rex, enum asm_reg reg, u64 imm, size_t imm_bytes)
{
	u8 bytes[10];
	size_t len = 0;

	if (reg > ASM_RDI && !a->error)
		a->error = -ERR_RANGE;
	if (rex)
		bytes[len++] = (u8)rex;
	bytes[len++] = (u8)(0xB8 + reg);
	memcpy(bytes + len, &imm, imm_bytes);
	put_bytes(a, bytes, len + imm_bytes);
}

void asm_mov_imm32(struct assembler *a, enum asm_reg reg, u32 imm)
{
	put_mov(a, 0, reg, imm, sizeof(imm));
}

void asm_mov_imm64(struct assembler *a, enum asm_reg reg, u64 imm)
{
	put_mov(a, 0x48, reg, imm, sizeof(imm));
}

void asm_sub_imm(struct assembler *a, enum asm_reg reg, s32 imm)
{
	encode_reg_imm(a, ZYDIS_MNEMONIC_SUB, reg, imm);
}

void asm_zero_eax(struct assembler *a)
{
	ZydisEncoderRequest req = request(ZYDIS_MNEMONIC_XOR);

	for (int i = 0; i < 2; i++) {
		req.operands[i].type = ZYDIS_OPERAND_TYPE_REGISTER;
		req.operands[i].reg.value = ZYDIS_REGISTER_EAX;
	}
	req.operand_count = 2;
	encode(a, &req);
}

void asm_lea(struct assembler *a, enum asm_reg reg, u64 target)
{
	ZydisEncoderRequest req = request(ZYDIS_MNEMONIC_LEA);

	add_reg(&req, reg);
	add_mem(&req, ZYDIS_REGISTER_RIP, (s64)target);
	encode(a, &req);
}

void asm_ret(struct assembler *a)
{
	ZydisEncoderRequest req = request(ZYDIS_MNEMONIC_RET);

	encode(a, &req);
}

static void branch(struct assembler *a, ZydisMnemonic mnemonic, enum asm_width width, u64 target)
{
	ZydisEncoderRequest req = request(mnemonic);

	req.branch_type = width == ASM_SHORT ? ZYDIS_BRANCH_TYPE_SHORT : ZYDIS_BRANCH_TYPE_NEAR;
	req.branch_width = width == ASM_SHORT ? ZYDIS_BRANCH_WIDTH_8 : ZYDIS_BRANCH_WIDTH_32;
	add_imm(&req, target);
	encode(a, &req);
}

void asm_jmp(struct assembler *a, enum asm_width width, u64 target)
{
	branch(a, ZYDIS_MNEMONIC_JMP, width, target);
}

void asm_call(struct assembler *a, u64 target)
{
	branch(a, ZYDIS_MNEMONIC_CALL, ASM_NEAR, target);
}

void asm_jz(struct assembler *a, enum asm_width width, u64 target)
{
	branch(a, ZYDIS_MNEMONIC_JZ, width, target);
}

void asm_jnz(struct assembler *a, enum asm_width width, u64 target)
{
	branch(a, ZYDIS_MNEMONIC_JNZ, width, target);
}

void asm_jns(struct assembler *a, enum asm_width width, u64 target)
{
	branch(a, ZYDIS_MNEMONIC_JNS, width, target);
}

void asm_jump_if(struct assembler *a, enum asm_condition condition, u64 target)
{
	static const ZydisMnemonic mnemonics[] = {
		[ASM_IF_CARRY] = ZYDIS_MNEMONIC_JB, [ASM_IF_NO_CARRY] = ZYDIS_MNEMONIC_JNB,
		[ASM_IF_ZERO] = ZYDIS_MNEMONIC_JZ,  [ASM_IF_NOT_ZERO] = ZYDIS_MNEMONIC_JNZ,
		[ASM_IF_SIGN] = ZYDIS_MNEMONIC_JS,  [ASM_IF_LESS_OR_EQUAL] = ZYDIS_MNEMONIC_JLE,
	};

	branch(a, mnemonics[condition], ASM_NEAR, target);
}

/* From core's table: Zydis 4.0 mistranslates one NOP form. */
void asm_nop(struct assembler *a, size_t len)
{
	const u8 *nop = nop_bytes(len);

	if (nop)
		put_bytes(a, nop, len);
	else if (!a->error)
		a->error = -ERR_RANGE;
}

void asm_align(struct assembler *a, size_t bytes)
{
	size_t missing = -asm_here(a) & (bytes - 1);

	while (missing && !a->error) {
		size_t len = missing < NOP_MAX_BYTES ? missing : NOP_MAX_BYTES;

		asm_nop(a, len);
		missing -= len;
	}
}

void asm_fill_to(struct assembler *a, u64 addr)
{
	const u8 int3 = INT3_INSN_OPCODE;

	if (!a->error && asm_here(a) > addr)
		a->error = -ERR_RANGE;
	while (!a->error && asm_here(a) < addr)
		put_bytes(a, &int3, 1);
}

void asm_nops_to(struct assembler *a, u64 addr)
{
	while (!a->error && asm_here(a) < addr) {
		u64 gap = addr - asm_here(a);

		asm_nop(a, gap < NOP_MAX_BYTES ? gap : NOP_MAX_BYTES);
	}
}
