/* SPDX-License-Identifier: MIT */
/*
 * The table of NOPs, and what is filled and merged with it. Only nop_bytes() is in the path of #BP.
 */
#include "nops.h"

#include "fault.h"
#include "insn.h"
#include "mem.h"
#include "text_patching.h"
#include "x86.h"

/* Row n - 1 is the NOP of n bytes: prefixes 66 and 2E lengthen the eight-byte form. */
static const u8 nops[NOP_MAX_BYTES][NOP_MAX_BYTES] = {
	{ 0x90 },
	{ 0x66, 0x90 },
	{ 0x0f, 0x1f, 0x00 },
	{ 0x0f, 0x1f, 0x40, 0x00 },
	{ 0x0f, 0x1f, 0x44, 0x00, 0x00 },
	{ 0x66, 0x0f, 0x1f, 0x44, 0x00, 0x00 },
	{ 0x0f, 0x1f, 0x80, 0x00, 0x00, 0x00, 0x00 },
	{ 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
	{ 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
	{ 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
	{ 0x66, 0x66, 0x2e, 0x0f, 0x1f, 0x84, 0x00, 0x00, 0x00, 0x00, 0x00 },
};

noinstr const u8 *nop_bytes(size_t len)
{
	return len >= 1 && len <= NOP_MAX_BYTES ? nops[len - 1] : NULL;
}

/* Longer ones would reach as far, but this is the size up to which Linux takes the short jump. */
#define JMP8_FILL_MAX_BYTES 127

void nops_fill(u8 *buf, size_t len)
{
	if (len == 0)
		return;
	if (len <= NOP_MAX_BYTES) {
		memcpy(buf, nop_bytes(len), len);
		return;
	}
	memset(buf, INT3_INSN_OPCODE, len);
	if (len <= JMP8_FILL_MAX_BYTES) {
		buf[0] = JMP8_INSN_OPCODE;
		buf[1] = (u8)(len - JMP8_INSN_SIZE);
	} else {
		s32 rel = (s32)(len - JMP32_INSN_SIZE);

		buf[0] = JMP32_INSN_OPCODE;
		memcpy(buf + 1, &rel, sizeof(rel));
	}
}

static bool may_be_merged(const u8 *bytes, u8 len)
{
	return insn_is_nop(bytes, len) ||
	       (fault(MERGE_PAUSE) && len == 2 && bytes[0] == 0xF3 && bytes[1] == 0x90);
}

/* Where a branch of the block leads, when that is inside the block and not its start; else 0. */
static size_t inner_target(const struct insn *insn, size_t at, size_t len)
{
	s64 target = (s64)at + insn->len + insn->rel;

	return insn->is_relative && target > 0 && target < (s64)len ? (size_t)target : 0;
}

/* Does the block decode to its end, and has it branches that stay inside? */
static int survey(const u8 *buf, size_t len, bool *ret_inner)
{
	struct insn insn;

	*ret_inner = false;
	for (size_t at = 0; at < len; at += insn.len) {
		if (insn_decode(&insn, buf + at, len - at))
			return -ERR_CORRUPT;
		/* Of two lengths: AMD reads two bytes of displacement. */
		if (insn.is_relative && insn.has_operand_size)
			return -ERR_CORRUPT;
		if (inner_target(&insn, at, len))
			*ret_inner = true;
	}
	return 0;
}

/* It would lead into the middle of the filling, which is another instruction. */
static bool splits_nop(const u8 *buf, size_t len, size_t target)
{
	struct insn insn;

	for (size_t at = 0; at < target; at += insn.len) {
		if (insn_decode(&insn, buf + at, len - at))
			return false;
		if (target < at + insn.len)
			return may_be_merged(buf + at, insn.len);
	}
	return false;
}

static bool a_branch_splits_a_nop(const u8 *buf, size_t len)
{
	struct insn insn;

	for (size_t at = 0; at < len; at += insn.len) {
		if (insn_decode(&insn, buf + at, len - at))
			return false;
		if (splits_nop(buf, len, inner_target(&insn, at, len)))
			return true;
	}
	return false;
}

static bool is_branch_target(const u8 *buf, size_t len, size_t target)
{
	struct insn insn;

	for (size_t at = 0; at < len; at += insn.len) {
		/* Fillings decode too, so this cannot end early. */
		if (insn_decode(&insn, buf + at, len - at))
			return false;
		if (inner_target(&insn, at, len) == target)
			return true;
	}
	return false;
}

/* How long the run of NOPs at @at is that no branch of the block leads into; 0 where none begins.
 */
static size_t run_bytes(const u8 *buf, size_t len, size_t at, bool inner)
{
	size_t end = at;
	struct insn insn;

	while (end < len && !insn_decode(&insn, buf + end, len - end)) {
		if (!may_be_merged(buf + end, insn.len))
			break;
		if (end > at && inner && is_branch_target(buf, len, end))
			break;
		end += insn.len;
	}
	return end - at;
}

/* The survey has decoded it before; were it wrong, the block would end here. */
static size_t insn_bytes(const u8 *bytes, size_t max_bytes)
{
	struct insn insn;

	return insn_decode(&insn, bytes, max_bytes) ? max_bytes : insn.len;
}

int nops_optimize(u8 *buf, size_t len)
{
	bool inner;
	int err = survey(buf, len, &inner);

	if (!err && inner && a_branch_splits_a_nop(buf, len))
		err = -ERR_CORRUPT;
	for (size_t at = 0, step; !err && at < len; at += step) {
		step = run_bytes(buf, len, at, inner);
		if (step)
			nops_fill(buf + at, step);
		else
			step = insn_bytes(buf + at, len - at);
	}
	return err;
}
