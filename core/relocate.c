/* SPDX-License-Identifier: MIT */
/*
 * Relocation in two walks over the block: the first finds out whether every instruction can be
 * moved, the second changes them. Both ask the same function, so that they cannot disagree.
 */
#include "relocate.h"

#include "fault.h"
#include "mem.h"
#include "text_patching.h"
#include "x86.h"

#define JMP32_OVER_JMP8 (JMP32_INSN_SIZE - JMP8_INSN_SIZE)

struct block {
	u8 *buf;
	size_t len;
	s64 moved; /* what a displacement to a fixed place grows by */
};

/* What happens to one instruction. */
struct change {
	u8 offset, bytes; /* of the displacement in the instruction; 0 bytes = nothing happens */
	bool shrinks; /* to JMP rel8 and INT3s */
	s64 value; /* of the displacement afterwards */
};

/* The end belongs to the block: what jumps there goes on behind it, at the new place too. */
static bool leaves_block(const struct block *block, size_t next, s32 displacement)
{
	s64 target = (s64)next + displacement;

	return target < 0 || target > (s64)block->len || fault(RELOCATE_INSIDE_BLOCK);
}

static bool fits(s64 value, u8 bytes)
{
	return bytes == 1 ? value == (s8)value : value == (s32)value;
}

/* Only a JMP that is E9 and nothing else has the three bytes that INSN_JMP32 promises. */
static bool is_jmp32(const struct insn *insn, const u8 *bytes)
{
	return insn->kind == INSN_JMP32 || (fault(SHRINK_PREFIXED_JUMP) && insn->is_relative &&
					    bytes[insn->imm_offset - 1] == JMP32_INSN_OPCODE);
}

static void move_displacement(const struct block *block, size_t at, const struct insn *insn,
			      struct change *ret)
{
	s32 displacement = insn->is_relative ? insn->rel : insn->disp;

	if (!insn->is_relative && !insn->is_rip_memory)
		return;
	if (!leaves_block(block, at + insn->len, displacement))
		return;
	ret->offset = insn->is_relative ? insn->imm_offset : insn->disp_offset;
	ret->bytes = insn->is_relative ? insn->imm_bytes : insn->disp_bytes;
	ret->value = (s64)((u64)displacement + (u64)block->moved);
	ret->shrinks = is_jmp32(insn, block->buf + at) && fits(ret->value, 4) &&
		       fits(ret->value + JMP32_OVER_JMP8, 1);
}

/* What no change of a displacement can move; NULL when there is no such thing about it. */
static const char *why_unsupported(const struct insn *insn)
{
	static const char *const special[] = {
		[INSN_LOOP] = "LOOP cannot be relocated",
		[INSN_JRCXZ] = "JRCXZ cannot be relocated",
		[INSN_XBEGIN] = "XBEGIN cannot be relocated",
		[INSN_FAR] = "a far branch cannot be relocated",
	};

	if (insn->special != INSN_ORDINARY)
		return special[insn->special];
	if (insn->is_relative && insn->has_operand_size)
		return "a branch with an operand-size prefix is of another length on AMD";
	return NULL;
}

static void refuse(const struct block *block, size_t at, size_t len, const char *why,
		   struct relocation_refusal *ret)
{
	if (!ret)
		return;
	memset(ret, 0, sizeof(*ret));
	ret->offset = at;
	ret->nr_bytes = len < INSN_MAX_BYTES ? (u8)len : INSN_MAX_BYTES;
	memcpy(ret->bytes, block->buf + at, ret->nr_bytes);
	ret->why = why;
}

/* What is to happen to the instruction at @at, of which @ret_len says the length. */
static int plan_change(const struct block *block, size_t at, struct change *ret, size_t *ret_len,
		       struct relocation_refusal *ret_refusal)
{
	struct insn insn;
	const char *why;
	int err = insn_decode(&insn, block->buf + at, block->len - at);

	if (err) {
		refuse(block, at, block->len - at,
		       err == -ERR_RANGE ? "an instruction is cut off" : "no instruction",
		       ret_refusal);
		return -ERR_CORRUPT;
	}
	why = why_unsupported(&insn);
	if (why) {
		refuse(block, at, insn.len, why, ret_refusal);
		return -ERR_UNSUPPORTED;
	}
	memset(ret, 0, sizeof(*ret));
	move_displacement(block, at, &insn, ret);
	if (ret->bytes && !fits(ret->value, ret->bytes)) {
		refuse(block, at, insn.len, "displacement does not fit", ret_refusal);
		return -ERR_RANGE;
	}
	*ret_len = insn.len;
	return 0;
}

static void apply_change(u8 *insn, const struct change *change)
{
	if (change->shrinks) {
		insn[0] = JMP8_INSN_OPCODE;
		insn[1] = (u8)(change->value + JMP32_OVER_JMP8);
		memset(insn + JMP8_INSN_SIZE, INT3_INSN_OPCODE, JMP32_OVER_JMP8);
	} else {
		/* Little-endian: the low bytes come first. */
		memcpy(insn + change->offset, &change->value, change->bytes);
	}
}

static int walk(const struct block *block, bool apply, struct relocation_refusal *ret)
{
	struct change change;
	size_t len;

	for (size_t at = 0; at < block->len; at += len) {
		int err = plan_change(block, at, &change, &len, ret);

		if (err)
			return err;
		if (apply)
			apply_change(block->buf + at, &change);
	}
	return 0;
}

int text_poke_apply_relocation(u8 *buf, const u8 *instr, size_t len, const u8 *repl,
			       size_t repl_len, struct relocation_refusal *ret)
{
	struct block block = {
		.buf = buf,
		.len = repl_len,
		.moved = (s64)((u64)repl - (u64)instr),
	};
	int err;

	if (repl_len > len) {
		refuse(&block, 0, 0, "the replacement is longer than the site", ret);
		return -ERR_INVAL;
	}
	err = walk(&block, false, ret);
	return err ? err : walk(&block, true, ret);
}
