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

static void add_reg(ZydisEncoderRequest *req, enum asm_reg reg)
{
	ZydisEncoderOperand *op = &req->operands[req->operand_count++];

	op->type = ZYDIS_OPERAND_TYPE_REGISTER;
	op->reg.value = ZYDIS_REGISTER_RAX + reg;
}

static void add_mem(ZydisEncoderRequest *req, ZydisRegister base, s64 disp)
{
	ZydisEncoderOperand *op = &req->operands[req->operand_count++];

	op->type = ZYDIS_OPERAND_TYPE_MEMORY;
	op->mem.base = base;
	op->mem.displacement = disp;
	op->mem.size = 8;
}

static void add_imm(ZydisEncoderRequest *req, u64 imm)
{
	ZydisEncoderOperand *op = &req->operands[req->operand_count++];

	op->type = ZYDIS_OPERAND_TYPE_IMMEDIATE;
	op->imm.u = imm;
}

void asm_rmw(struct assembler *a, enum asm_rmw op, bool lock, enum asm_reg base, s32 disp,
	     enum asm_reg reg)
{
	static const ZydisMnemonic mnemonics[] = {
		[ASM_RMW_INC] = ZYDIS_MNEMONIC_INC,   [ASM_RMW_ADD] = ZYDIS_MNEMONIC_ADD,
		[ASM_RMW_XADD] = ZYDIS_MNEMONIC_XADD, [ASM_RMW_CMPXCHG] = ZYDIS_MNEMONIC_CMPXCHG,
		[ASM_RMW_BTS] = ZYDIS_MNEMONIC_BTS,   [ASM_RMW_XCHG] = ZYDIS_MNEMONIC_XCHG,
	};
	ZydisEncoderRequest req = request(mnemonics[op]);

	if (lock)
		req.prefixes = ZYDIS_ATTRIB_HAS_LOCK;
	add_mem(&req, ZYDIS_REGISTER_RAX + base, disp);
	if (op == ASM_RMW_ADD)
		add_imm(&req, 1);
	else if (op == ASM_RMW_BTS)
		add_imm(&req, 3);
	else if (op != ASM_RMW_INC)
		add_reg(&req, reg);
	encode(a, &req);
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
