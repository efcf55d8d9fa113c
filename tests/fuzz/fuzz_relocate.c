/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: whatever bytes text_poke_apply_relocation() gets, a block that is refused is not
 * changed, and in one that is not, every instruction stands where it stood and every operand leads
 * where it led; the block's own places move with it.
 *
 * Where an operand leads is asked of Zydis, from the bytes before and the bytes after, and not of
 * core's idea of displacements.
 */
#include "fuzz.h"

#include <Zydis/Zydis.h>

#include "relocate.h"

#define MAX_BLOCK 255
#define INT3 0xCC
#define JMP8 0xEB
#define JMP32 0xE9

struct block {
	u8 bytes[MAX_BLOCK];
	size_t len;
	u64 from, to; /* assembled for, and moved to */
};

struct decoded {
	ZydisDecodedInstruction insn;
	ZydisDecodedOperand operands[ZYDIS_MAX_OPERAND_COUNT];
};

static bool decode(struct decoded *ret, const u8 *bytes, size_t len)
{
	ZydisDecoder decoder;

	ZydisDecoderInit(&decoder, ZYDIS_MACHINE_MODE_LONG_64, ZYDIS_STACK_WIDTH_64);
	return ZYAN_SUCCESS(
		ZydisDecoderDecodeFull(&decoder, bytes, len, &ret->insn, ret->operands));
}

/* Return: where operand @i leads when the instruction stands at @at; false = nowhere by itself. */
static bool leads_to(const struct decoded *d, u8 i, u64 at, u64 *ret)
{
	const ZydisDecodedOperand *op = &d->operands[i];
	bool relative = op->type == ZYDIS_OPERAND_TYPE_IMMEDIATE && op->imm.is_relative;
	bool rip = op->type == ZYDIS_OPERAND_TYPE_MEMORY &&
		   (op->mem.base == ZYDIS_REGISTER_RIP || op->mem.base == ZYDIS_REGISTER_EIP);

	if (!relative && !rip)
		return false;
	/* As a displacement, before it is cut to the width of an address-size prefix. */
	*ret = at + d->insn.length + (u64)(relative ? op->imm.value.s : op->mem.disp.value);
	return true;
}

static bool is_inside(const struct block *b, u64 addr)
{
	return addr - b->from <= b->len;
}

static u64 expected(const struct block *b, u64 addr)
{
	return is_inside(b, addr) ? addr - b->from + b->to : addr;
}

/* ---- A refusal is right ---- */

static bool cannot_move(const struct decoded *d)
{
	switch (d->insn.mnemonic) {
	case ZYDIS_MNEMONIC_LOOP:
	case ZYDIS_MNEMONIC_LOOPE:
	case ZYDIS_MNEMONIC_LOOPNE:
	case ZYDIS_MNEMONIC_JCXZ:
	case ZYDIS_MNEMONIC_JECXZ:
	case ZYDIS_MNEMONIC_JRCXZ:
	case ZYDIS_MNEMONIC_XBEGIN:
		return true;
	default:
		break;
	}
	return d->insn.meta.branch_type == ZYDIS_BRANCH_TYPE_FAR &&
	       (d->insn.mnemonic == ZYDIS_MNEMONIC_CALL || d->insn.mnemonic == ZYDIS_MNEMONIC_JMP);
}

static bool is_short(const struct decoded *d)
{
	return d->insn.raw.imm[0].is_relative && d->insn.raw.imm[0].size == 8;
}

static bool has_66(const struct decoded *d)
{
	for (u8 i = 0; i < d->insn.raw.prefix_count; i++)
		if (d->insn.raw.prefixes[i].value == 0x66)
			return d->insn.raw.imm[0].is_relative;
	return false;
}

/* What must be answered to the first instruction that has something the matter with it. */
static int verdict(const struct block *b, size_t at, const struct decoded *d)
{
	u64 target;

	if (cannot_move(d) || has_66(d))
		return -ERR_UNSUPPORTED;
	for (u8 i = 0; i < d->insn.operand_count; i++) {
		s64 rel;

		if (!leads_to(d, i, b->from + at, &target) || is_inside(b, target))
			continue;
		rel = (s64)(target - (b->to + at + d->insn.length));
		if (is_short(d) ? rel != (s8)rel : rel != (s32)rel)
			return -ERR_RANGE;
	}
	return 0;
}

static int expected_result(const struct block *b, size_t *ret_at)
{
	struct decoded d;
	int err = 0;

	for (*ret_at = 0; *ret_at < b->len && !err; *ret_at += err ? 0 : d.insn.length)
		err = decode(&d, b->bytes + *ret_at, b->len - *ret_at) ? verdict(b, *ret_at, &d)
								       : -ERR_CORRUPT;
	return err;
}

/* ---- A block that was moved leads where it led ---- */

/* Return: how long it is now: the padding behind a jump that shrank belongs to it. */
static size_t check_insn(const struct block *b, size_t at, const struct decoded *was, const u8 *now)
{
	struct decoded is;
	bool shrank = was->insn.length == 5 && b->bytes[at] == JMP32 && now[0] == JMP8;
	u64 before, after;

	MUST(decode(&is, now, b->len - at), "at %zu nothing decodes any more", at);
	MUST(is.insn.mnemonic == was->insn.mnemonic, "another instruction at %zu", at);
	MUST(is.insn.length == (shrank ? 2 : was->insn.length), "another length at %zu", at);
	MUST(!shrank || (now[2] == INT3 && now[3] == INT3 && now[4] == INT3), "padding at %zu", at);
	for (u8 i = 0; i < was->insn.operand_count; i++) {
		if (!leads_to(was, i, b->from + at, &before))
			continue;
		MUST(leads_to(&is, i, b->to + at, &after), "operand %d at %zu leads nowhere", i,
		     at);
		MUST(after == expected(b, before), "operand %d at %zu leads to %#lx, not %#lx", i,
		     at, after, expected(b, before));
	}
	return was->insn.length;
}

/* Displacements apart, no byte differs; there is one of them, or none. */
static size_t nr_changed(const u8 *a, const u8 *b, size_t len)
{
	size_t nr = 0;

	for (size_t i = 0; i < len; i++)
		nr += a[i] != b[i];
	return nr;
}

static void check_moved(const struct block *b, const u8 *now)
{
	struct decoded was;

	for (size_t at = 0; at < b->len;) {
		MUST(decode(&was, b->bytes + at, b->len - at), "accepted, but no code at %zu", at);
		at += check_insn(b, at, &was, now + at);
	}
}

static void check(const struct block *b, size_t site_len)
{
	struct relocation_refusal refusal = { .offset = ~0ul };
	u8 *now = exact_copy(b->bytes, b->len);
	size_t at;
	int want = expected_result(b, &at);
	int err = text_poke_apply_relocation(now, (const u8 *)b->to, site_len, (const u8 *)b->from,
					     b->len, &refusal);

	if (site_len < b->len) {
		MUST(err == -ERR_INVAL && refusal.why, "error %d for a length", err);
		want = err;
		at = 0;
	}
	MUST(err == want, "error %d instead of %d", err, want);
	if (err) {
		MUST(!nr_changed(now, b->bytes, b->len), "refused, but written");
		MUST(refusal.offset == at && refusal.why && refusal.why[0],
		     "refused at %zu, not %zu", refusal.offset, at);
		MUST(refusal.nr_bytes <= b->len - at &&
			     !memcmp(refusal.bytes, b->bytes + at, refusal.nr_bytes),
		     "the refusal shows other bytes");
	} else {
		check_moved(b, now);
	}
	free(now);
}

/* Near, where it matters which side of the block's end a target is on; far; and anywhere. */
static u64 take_distance(struct fuzz_input *in)
{
	switch (take_u8(in) % 4) {
	case 0:
		return (u64)(s64)(s8)take_u8(in);
	case 1:
		return (u64)(s64)(s16)take_u16(in);
	case 2:
		return (u64)(s64)(s32)take_bytes(in, 4);
	default:
		return take_u64(in);
	}
}

static const struct {
	u8 len;
	u8 bytes[7];
} branches[] = {
	{ 2, { 0xEB } }, { 2, { 0x75 } },	{ 5, { 0xE9 } },
	{ 5, { 0xE8 } }, { 6, { 0x0F, 0x84 } }, { 7, { 0x48, 0x8B, 0x05 } },
	{ 2, { 0xE3 } }, { 6, { 0x3E, 0xE9 } },
};

/* A branch or a RIP-relative load with a small displacement, or any byte. Return: how many bytes.
 */
static size_t take_insn(struct fuzz_input *in, u8 *to)
{
	u8 how = take_u8(in);
	u32 nr = how % 16;
	s32 rel = (s8)take_u8(in);

	if (nr >= ARRAY_SIZE(branches)) {
		to[0] = take_u8(in);
		return 1;
	}
	memset(to, 0, 8);
	memcpy(to, branches[nr].bytes, branches[nr].len);
	if (how & 0x80)
		rel = (s32)take_bytes(in, 4);
	if (branches[nr].len == 2)
		to[1] = (u8)rel;
	else
		memcpy(to + branches[nr].len - 4, &rel, 4);
	return branches[nr].len;
}

int LLVMFuzzerTestOneInput(const u8 *data, size_t size)
{
	struct fuzz_input in = { data, size };
	struct block b = { .from = 0x7f0000000000 };
	size_t site_len;
	u8 how = take_u8(&in);

	if (how & 1)
		b.from = take_u64(&in);
	b.to = b.from + take_distance(&in);
	site_len = how & 2 ? take_u8(&in) : MAX_BLOCK;
	while (in.left && b.len < MAX_BLOCK - 8) {
		if (how & 4)
			b.bytes[b.len++] = take_u8(&in);
		else
			b.len += take_insn(&in, b.bytes + b.len);
	}
	check(&b, site_len);
	return 0;
}
