/* SPDX-License-Identifier: MIT */
/*
 * The decoder wrapper: everything that core knows about an instruction comes through here.
 */
#include "insn_form.h"

#include <Zydis/Zydis.h>

#include "mem.h"
#include "nops.h"
#include "smp_locks.h"

/* What an unprefixed instruction is, by its opcode; prefixed branches stay INSN_OTHER. */
static enum insn_kind kind_of_opcode(const ZydisDecodedInstruction *zi)
{
	if (zi->opcode_map == ZYDIS_OPCODE_MAP_0F)
		return (zi->opcode & 0xF0) == 0x80 ? INSN_JCC32 : INSN_OTHER;
	if (zi->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT)
		return INSN_OTHER;
	switch (zi->opcode) {
	case 0xCC:
		return INSN_INT3;
	case 0xC3:
		return INSN_RET;
	case 0xE8:
		return INSN_CALL;
	case 0xE9:
		return INSN_JMP32;
	case 0xEB:
		return INSN_JMP8;
	case 0x70 ... 0x7F:
		return INSN_JCC8;
	default:
		return INSN_OTHER;
	}
}

static bool is_canonical_nop(const u8 *bytes, u8 len)
{
	const u8 *nop = nop_bytes(len);

	return nop && !memcmp(nop, bytes, len);
}

static enum insn_kind kind_of(const ZydisDecodedInstruction *zi, const u8 *bytes)
{
	if (is_canonical_nop(bytes, zi->length))
		return INSN_NOP;
	/*
	 * raw.prefix_count counts REX too, and Zydis takes 66, F2, F3 that select an opcode as
	 * prefixes.
	 */
	return zi->raw.prefix_count ? INSN_OTHER : kind_of_opcode(zi);
}

static void find_prefixes(struct insn *insn, const ZydisDecodedInstruction *zi)
{
	for (u8 i = 0; i < zi->raw.prefix_count; i++) {
		if (zi->raw.prefixes[i].value == OPERAND_SIZE_PREFIX_BYTE)
			insn->has_operand_size = true;
		if (zi->raw.prefixes[i].value == LOCK_PREFIX_BYTE) {
			insn->has_lock = true;
			insn->lock_offset = i;
		}
	}
}

static void find_branch(struct insn *insn, const ZydisDecodedInstruction *zi)
{
	if (!zi->raw.imm[0].is_relative)
		return;
	insn->is_relative = true;
	insn->imm_offset = zi->raw.imm[0].offset;
	insn->imm_bytes = zi->raw.imm[0].size / 8;
	insn->rel = (s32)zi->raw.imm[0].value.s;
}

static void find_rip_memory(struct insn *insn, const ZydisDecodedInstruction *zi)
{
	bool has_modrm = zi->attributes & ZYDIS_ATTRIB_HAS_MODRM;

	/* mod 0 with rm 5 is disp32 relative to the next instruction in 64-bit mode. */
	if (!has_modrm || zi->raw.modrm.mod != 0 || zi->raw.modrm.rm != 5 || !zi->raw.disp.size)
		return;
	insn->is_rip_memory = true;
	insn->disp_offset = zi->raw.disp.offset;
	insn->disp_bytes = zi->raw.disp.size / 8;
	insn->disp = (s32)zi->raw.disp.value;
}

static enum insn_special special_of(const ZydisDecodedInstruction *zi)
{
	if (zi->opcode_map != ZYDIS_OPCODE_MAP_DEFAULT)
		return INSN_ORDINARY;
	switch (zi->opcode) {
	case 0xE0 ... 0xE2:
		return INSN_LOOP;
	case 0xE3:
		return INSN_JRCXZ;
	case 0xC7:
		return zi->raw.imm[0].is_relative ? INSN_XBEGIN : INSN_ORDINARY;
	case 0xFF:
		return zi->raw.modrm.reg == 3 || zi->raw.modrm.reg == 5 ? INSN_FAR : INSN_ORDINARY;
	default:
		return INSN_ORDINARY;
	}
}

int insn_decode_any(struct insn *ret, const u8 *bytes, size_t max_bytes)
{
	ZydisDecoder decoder;
	ZydisDecodedInstruction zi;
	ZyanStatus status;

	if (max_bytes > INSN_MAX_BYTES)
		max_bytes = INSN_MAX_BYTES;
	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	status = ZydisDecoderDecodeInstruction(&decoder, NULL, bytes, max_bytes, &zi);
	if (status == ZYDIS_STATUS_NO_MORE_DATA)
		return -ERR_RANGE;
	if (ZYAN_FAILED(status))
		return -ERR_CORRUPT;

	memset(ret, 0, sizeof(*ret));
	ret->len = zi.length;
	ret->kind = kind_of(&zi, bytes);
	if (ret->kind == INSN_JCC8 || ret->kind == INSN_JCC32)
		ret->condition = zi.opcode & 0x0F;
	find_prefixes(ret, &zi);
	find_branch(ret, &zi);
	find_rip_memory(ret, &zi);
	ret->special = special_of(&zi);
	return 0;
}

int insn_decode(struct insn *ret, const void *bytes, size_t max_bytes)
{
	return insn_form_decode(ret, bytes, max_bytes) ? 0 : insn_decode_any(ret, bytes, max_bytes);
}

const char *insn_kind_name(enum insn_kind kind)
{
	static const char *const names[] = {
		[INSN_OTHER] = "other", [INSN_INT3] = "INT3",	[INSN_RET] = "RET",
		[INSN_CALL] = "CALL",	[INSN_JMP8] = "JMP8",	[INSN_JMP32] = "JMP32",
		[INSN_JCC8] = "Jcc8",	[INSN_JCC32] = "Jcc32", [INSN_NOP] = "NOP",
	};

	return kind < ARRAY_SIZE(names) ? names[kind] : "?";
}
