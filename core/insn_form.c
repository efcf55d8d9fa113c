/* SPDX-License-Identifier: MIT */
/*
 * The forms that sites are made of, told by their first bytes (Intel SDM vol. 2: INT 3, RET, CALL,
 * JMP, Jcc, NOP).
 *
 * Each has one opcode without prefixes, which alone says how long it is. A batch decodes little
 * else, twice a site, and a general decoder takes some hundred cycles for each.
 * tests/unit/test_insn.c holds every answer against that decoder's.
 */
#include "insn_form.h"

#include "mem.h"
#include "nops.h"
#include "text_patching.h"
#include "x86.h"

static bool one_byte(struct insn *ret, enum insn_kind kind)
{
	*ret = (struct insn){ .kind = kind, .len = 1 };
	return true;
}

static bool branch8(struct insn *ret, enum insn_kind kind, const u8 *bytes, size_t max_bytes)
{
	if (max_bytes < JMP8_INSN_SIZE)
		return false;
	*ret = (struct insn){ .kind = kind,
			      .len = JMP8_INSN_SIZE,
			      .is_relative = true,
			      .imm_offset = 1,
			      .imm_bytes = 1,
			      .rel = (s8)bytes[1] };
	return true;
}

static bool branch32(struct insn *ret, enum insn_kind kind, const u8 *bytes, size_t max_bytes,
		     u8 opcode_bytes)
{
	if (max_bytes < opcode_bytes + sizeof(ret->rel))
		return false;
	*ret = (struct insn){ .kind = kind,
			      .len = opcode_bytes + sizeof(ret->rel),
			      .is_relative = true,
			      .imm_offset = opcode_bytes,
			      .imm_bytes = sizeof(ret->rel) };
	memcpy(&ret->rel, bytes + opcode_bytes, sizeof(ret->rel));
	return true;
}

static bool nop(struct insn *ret, const u8 *bytes, size_t len)
{
	const u8 *canonical = nop_bytes(len);

	if (!canonical || memcmp(canonical, bytes, len))
		return false;
	*ret = (struct insn){ .kind = INSN_NOP,
			      .len = (u8)len,
			      .has_operand_size = bytes[0] == OPERAND_SIZE_PREFIX_BYTE };
	return true;
}

static bool jcc8(struct insn *ret, const u8 *bytes, size_t max_bytes)
{
	bool done = branch8(ret, INSN_JCC8, bytes, max_bytes);

	if (done)
		ret->condition = bytes[0] & 0x0F;
	return done;
}

static bool jcc32(struct insn *ret, const u8 *bytes, size_t max_bytes)
{
	bool done = max_bytes > 1 && (bytes[1] & 0xF0) == 0x80 &&
		    branch32(ret, INSN_JCC32, bytes, max_bytes, 2);

	if (done)
		ret->condition = bytes[1] & 0x0F;
	return done;
}

bool insn_form_decode(struct insn *ret, const u8 *bytes, size_t max_bytes)
{
	if (!max_bytes)
		return false;
	switch (bytes[0]) {
	case INT3_INSN_OPCODE:
		return one_byte(ret, INSN_INT3);
	case RET_INSN_OPCODE:
		return one_byte(ret, INSN_RET);
	case CALL_INSN_OPCODE:
		return branch32(ret, INSN_CALL, bytes, max_bytes, 1);
	case JMP32_INSN_OPCODE:
		return branch32(ret, INSN_JMP32, bytes, max_bytes, 1);
	case JMP8_INSN_OPCODE:
		return branch8(ret, INSN_JMP8, bytes, max_bytes);
	case 0x70 ... 0x7F:
		return jcc8(ret, bytes, max_bytes);
	case 0x0F:
		return jcc32(ret, bytes, max_bytes) || nop(ret, bytes, max_bytes);
	default:
		return nop(ret, bytes, max_bytes);
	}
}
