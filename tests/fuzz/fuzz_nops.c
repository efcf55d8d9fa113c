/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: nops_optimize() on any bytes changes nothing but NOPs, refuses without writing, and
 * every way into a run of NOPs that the block itself has still leads to its end.
 *
 * What is a NOP is asked of Zydis: core's own answer is under test.
 */
#include "fuzz.h"

#include <Zydis/Zydis.h>

#include "nops.h"

#define MAX_BLOCK 512
#define INT3 0xCC
#define JMP8 0xEB
#define JMP32 0xE9

struct block {
	u8 bytes[MAX_BLOCK];
	size_t len;
	bool starts[MAX_BLOCK + 1];
	bool targets[MAX_BLOCK + 1]; /* of a branch in the block */
	bool nop[MAX_BLOCK + 1]; /* at a start */
};

static bool decode(ZydisDecodedInstruction *ret, ZydisDecodedOperand *operands, const u8 *bytes,
		   size_t len)
{
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	return ZYAN_SUCCESS(ZydisDecoderDecodeFull(&decoder, bytes, len, ret, operands));
}

/* In 64 bits, of a register to itself. */
static bool copies_to_itself(const ZydisDecodedInstruction *insn, const ZydisDecodedOperand *op)
{
	if (insn->operand_width != 64 || op[0].type != ZYDIS_OPERAND_TYPE_REGISTER)
		return false;
	if (insn->mnemonic == ZYDIS_MNEMONIC_LEA)
		return op[1].mem.base == op[0].reg.value &&
		       op[1].mem.index == ZYDIS_REGISTER_NONE && !op[1].mem.disp.value;
	if (insn->mnemonic != ZYDIS_MNEMONIC_MOV && insn->mnemonic != ZYDIS_MNEMONIC_XCHG)
		return false;
	return op[1].type == ZYDIS_OPERAND_TYPE_REGISTER && op[1].reg.value == op[0].reg.value;
}

static bool does_nothing(const ZydisDecodedInstruction *insn, const ZydisDecodedOperand *operands)
{
	return insn->mnemonic == ZYDIS_MNEMONIC_NOP || copies_to_itself(insn, operands);
}

static bool has_66(const ZydisDecodedInstruction *insn)
{
	for (u8 i = 0; i < insn->raw.prefix_count; i++)
		if (insn->raw.prefixes[i].value == 0x66)
			return true;
	return false;
}

static void note_branch(struct block *b, size_t next, const ZydisDecodedInstruction *insn)
{
	u64 target = next + (u64)insn->raw.imm[0].value.s;

	if (insn->raw.imm[0].is_relative && target <= b->len)
		b->targets[target] = true;
}

/* Return: does it decode to its end, without what vendors differ about? */
static bool survey(struct block *b)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	ZydisDecodedInstruction insn;

	for (size_t at = 0; at < b->len; at += insn.length) {
		if (!decode(&insn, operands, b->bytes + at, b->len - at))
			return false;
		if (insn.raw.imm[0].is_relative && has_66(&insn))
			return false;
		b->starts[at] = true;
		b->nop[at] = does_nothing(&insn, operands);
		note_branch(b, at + insn.length, &insn);
	}
	b->starts[b->len] = true;
	return true;
}

/*
 * Zydis calls more things NOPs than core does, so a split one may be refused, or else stays as it
 * is.
 */
static bool a_branch_splits_a_nop(const struct block *b)
{
	bool in_nop = false;

	for (size_t at = 0; at < b->len; at++) {
		if (b->starts[at])
			in_nop = b->nop[at];
		else if (in_nop && b->targets[at])
			return true;
	}
	return false;
}

static void check_split_nops(const struct block *b, const u8 *now)
{
	size_t start = 0;

	for (size_t at = 0; at < b->len; at++) {
		if (b->starts[at])
			start = at;
		else if (b->nop[start] && b->targets[at])
			MUST(!memcmp(now + start, b->bytes + start, at - start + 1),
			     "a branch leads to %zu, and the NOP there has changed", at);
	}
}

/* The end of the run that @at is in: the first start that is no NOP. */
static size_t end_of_run(const struct block *b, size_t at)
{
	while (at < b->len && (!b->starts[at] || b->nop[at]))
		at++;
	return at;
}

/* Who begins at @at must come to the end of the run, by NOPs and by jumps over a filling. */
static void walk_to_end(const struct block *b, const u8 *now, size_t at)
{
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
	size_t from = at, end = end_of_run(b, at);
	ZydisDecodedInstruction insn;

	while (at < end) {
		MUST(decode(&insn, operands, now + at, b->len - at), "from %zu: no code at %zu",
		     from, at);
		at += insn.length;
		if (now[at - insn.length] == JMP8 || now[at - insn.length] == JMP32)
			at += (size_t)insn.raw.imm[0].value.s;
		else
			MUST(does_nothing(&insn, operands), "from %zu: no NOP before %zu", from,
			     at);
	}
	MUST(at == end, "from %zu to %zu instead of %zu", from, at, end);
}

static void check_optimized(const struct block *b, const u8 *now)
{
	bool in_nop = false, was_nop = false;

	for (size_t at = 0; at < b->len; at++) {
		if (b->starts[at]) {
			was_nop = in_nop;
			in_nop = b->nop[at];
		}
		MUST(in_nop || now[at] == b->bytes[at], "byte %zu is of no NOP and has changed",
		     at);
		if (b->starts[at] && in_nop && (!was_nop || b->targets[at]))
			walk_to_end(b, now, at);
	}
}

static void check(struct block *b)
{
	u8 *now = exact_copy(b->bytes, b->len);
	bool decodes = survey(b), split = decodes && a_branch_splits_a_nop(b);
	int err = nops_optimize(now, b->len);

	MUST(err == (decodes ? 0 : -ERR_CORRUPT) || (split && err == -ERR_CORRUPT), "error %d",
	     err);
	if (err) {
		MUST(!memcmp(now, b->bytes, b->len), "refused, but written");
	} else {
		check_split_nops(b, now);
		if (!split)
			check_optimized(b, now);
	}
	free(now);
}

static const struct {
	u8 len;
	u8 bytes[4];
} pieces[] = {
	{ 1, { 0x90 } },
	{ 2, { 0x66, 0x90 } },
	{ 3, { 0x0F, 0x1F, 0x00 } },
	{ 3, { 0x48, 0x89, 0xC0 } },
	{ 2, { 0xF3, 0x90 } },
	{ 1, { 0xC3 } },
	{ 2, { 0x89, 0xC0 } },
};

/* A piece so many times, a short branch, or any byte. Return: how many bytes. */
static size_t take_piece(struct fuzz_input *in, u8 *to)
{
	u8 how = take_u8(in), arg = take_u8(in);
	u32 nr = how % 16, times = 1 + (how >> 4) * (arg % 8);
	size_t len = 0;

	if (nr >= ARRAY_SIZE(pieces)) {
		to[0] = nr < 12 ? JMP8 : arg;
		to[1] = arg;
		return nr < 12 ? 2 : 1;
	}
	for (; times; times--, len += pieces[nr].len)
		memcpy(to + len, pieces[nr].bytes, pieces[nr].len);
	return len;
}

#define MAX_PIECE (3 * (1 + 15 * 7))

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct block b = { .len = 0 };
	bool raw = take_u8(&in) & 1;

	while (in.left && b.len < MAX_BLOCK - MAX_PIECE) {
		if (raw)
			b.bytes[b.len++] = take_u8(&in);
		else
			b.len += take_piece(&in, b.bytes + b.len);
	}
	check(&b);
	return 0;
}
