/* SPDX-License-Identifier: MIT */
#include "lock_insn.h"

#include "mem.h"

#define MAX_OPERAND_BYTES 16
#define BACKGROUND 0xA5

static u32 place_of(const struct lock_layout *layout, u32 i)
{
	return i * layout->step % layout->nr_places;
}

static u32 offset_of(const struct lock_insn *insn, const struct lock_layout *layout, u32 place)
{
	return place * layout->stride_bytes +
	       (layout->split ? CACHE_LINE_BYTES - insn->bytes / 2 : 0);
}

/* ---- As code ---- */

struct emitted {
	const struct lock_insn *insn;
	const struct lock_layout *layout;
	bool lock;
};

static void emit(struct assembler *a, const void *arg, u32 i)
{
	const struct emitted *e = arg;
	const struct lock_insn *insn = e->insn;
	u32 place = place_of(e->layout, i);
	struct asm_operand to = asm_mem(ASM_RDI, (s32)offset_of(insn, e->layout, place));
	struct asm_operand from = asm_none();

	if (insn->on_stack)
		to = asm_mem(ASM_RSP, 0);
	if (insn->op == ASM_MFENCE)
		to = asm_none();
	if (insn->from == LOCK_INSN_IMM)
		from = asm_imm(insn->imm);
	else if (insn->from == LOCK_INSN_REG)
		from = asm_reg(region_line_reg(place));
	asm_locked(a, e->lock && insn->op != ASM_MFENCE, insn->op, insn->bytes, to, from);
}

int lock_insn_build(struct region *ret, const struct lock_insn *insn,
		    const struct lock_layout *layout, bool lock, u32 times)
{
	struct emitted e = { insn, layout, lock };

	return region_build_loop(ret, times * layout->nr_ops, emit, &e);
}

/* ---- As C ---- */

static bool has_halves(const struct lock_insn *insn)
{
	return insn->op == ASM_CMPXCHG8B || insn->op == ASM_CMPXCHG16B;
}

static u64 load(const u8 *at, u32 bytes)
{
	u64 value = 0;

	memcpy(&value, at, bytes);
	return value;
}

static void store(u8 *at, u64 value, u32 bytes)
{
	memcpy(at, &value, bytes);
}

void lock_insn_fill(u8 *lines, const struct lock_insn *insn, const struct lock_layout *layout,
		    u32 value)
{
	u32 bytes = has_halves(insn) ? insn->bytes / 2 : insn->bytes;

	memset(lines, BACKGROUND, LOCK_LINES_BYTES);
	for (u32 i = 0; i < layout->nr_places; i++) {
		u8 *at = lines + offset_of(insn, layout, i);

		store(at, value, bytes);
		if (has_halves(insn))
			store(at + bytes, value, bytes);
	}
}

struct model {
	u64 rax, rdx;
	u64 reg[REGION_LINES];
};

/* rcx and rbx hold what all registers hold at the start. */
static void compare_halves(struct model *m, u8 *at, u32 bytes)
{
	u64 low = load(at, bytes), high = load(at + bytes, bytes);

	if (low == m->rax && high == m->rdx) {
		store(at, REGION_START_VALUE, bytes);
		store(at + bytes, REGION_START_VALUE, bytes);
	} else {
		m->rax = low;
		m->rdx = high;
	}
}

static u64 exchange(u64 *reg, u64 old, u64 new)
{
	*reg = old;
	return new;
}

/* Carry is clear at the start, and no operand here overflows. Return: what is stored. */
static u64 result(struct model *m, const struct lock_insn *insn, u64 *reg, u64 old)
{
	switch (insn->op) {
	case ASM_ADC:
	case ASM_ADD:
		return old + (u64)insn->imm;
	case ASM_INC:
		return old + 1;
	case ASM_SBB:
	case ASM_SUB:
		return old - (u64)insn->imm;
	case ASM_DEC:
		return old - 1;
	case ASM_AND:
		return old & (u64)insn->imm;
	case ASM_OR:
		return old | (u64)insn->imm;
	case ASM_XOR:
		return old ^ (u64)insn->imm;
	case ASM_NEG:
		return -old;
	case ASM_NOT:
		return ~old;
	case ASM_BTS:
		return old | 1ull << insn->imm;
	case ASM_BTR:
		return old & ~(1ull << insn->imm);
	case ASM_BTC:
		return old ^ 1ull << insn->imm;
	case ASM_XADD:
		return exchange(reg, old, old + *reg);
	case ASM_XCHG:
		return exchange(reg, old, *reg);
	case ASM_CMPXCHG:
		if (old == m->rax)
			return *reg;
		m->rax = old;
		return old;
	default:
		return old;
	}
}

void lock_insn_model(u8 *lines, const struct lock_insn *insn, const struct lock_layout *layout,
		     u32 times)
{
	struct model m = { .rax = REGION_START_VALUE, .rdx = REGION_START_VALUE };

	if (insn->on_stack || insn->op == ASM_MFENCE)
		return;
	for (u32 i = 0; i < REGION_LINES; i++)
		m.reg[i] = REGION_START_VALUE;
	for (u32 i = 0; i < times * layout->nr_ops; i++) {
		u32 place = place_of(layout, i);
		u8 *at = lines + offset_of(insn, layout, place);

		if (has_halves(insn))
			compare_halves(&m, at, insn->bytes / 2);
		else
			store(at,
			      result(&m, insn, &m.reg[place % REGION_LINES], load(at, insn->bytes)),
			      insn->bytes);
	}
}
