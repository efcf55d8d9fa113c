/* SPDX-License-Identifier: MIT */
/*
 * Does a CPU that meets our INT3 get what the instruction would have given it (invariant I5)?
 *
 * Each form against the CPU, as emulation.h does it: the whole form before the first sample, then
 * subjects by lot, with other registers and displacements each time.
 *
 * Displacements here go as far as the text does. tests/unit/test_int3.c takes those of s32 to their
 * ends, where nothing is mapped, and the emulation of what memory holds.
 */
#include "bench.h"
#include "emulation.h"
#include "mem.h"
#include "nops.h"
#include "text_patching.h"
#include "x86.h"

/* A form: its subjects by number. */
struct form {
	u32 nr_subjects, nr_patterns;
	void (*make)(struct emulation *e, u32 i, struct subject *ret);
};

static int compare(struct bench_run *run, u32 i)
{
	const struct form *form = run->bench->param;
	struct subject s = { 0 };

	form->make(run->priv, i, &s);
	return emulation_compare(run, &s, form->nr_patterns);
}

static int emulate_check(struct bench_run *run)
{
	const struct form *form = run->bench->param;
	int err = 0;

	for (u32 i = 0; i < form->nr_subjects && !err; i++)
		err = compare(run, i);
	return err;
}

static int emulate_sample(struct bench_run *run, u64 *values)
{
	const struct form *form = run->bench->param;
	struct emulation *e = run->priv;

	values[0] = form->nr_patterns;
	return compare(run, random_below(&e->random, form->nr_subjects));
}

/* ---- The forms ---- */

/* All of s8 but the two that lead into the branch itself, which the CPU would never leave. */
#define NR_REL8 254

static u8 nth_rel8(u32 i)
{
	int rel = (int)i - 128;

	return (u8)(rel < -JMP8_INSN_SIZE ? rel : rel + JMP8_INSN_SIZE);
}

static u8 rel8(struct emulation *e, enum reach reach)
{
	u32 any = random_below(&e->random, NR_REL8);

	return nth_rel8(reach == REACH_LOWEST ? 0 : reach == REACH_HIGHEST ? NR_REL8 - 1 : any);
}

/* An opcode of @opcode_len bytes, and 32 bits from behind them to a target. */
static void put_rel32(struct emulation *e, u8 *to, u32 opcode_len, enum reach reach)
{
	s32 rel = (s32)(emulation_target(e, reach) - (u64)e->site - opcode_len - sizeof(rel));

	memcpy(to + opcode_len, &rel, sizeof(rel));
}

static void put_jcc32(struct emulation *e, u8 *to, u8 condition, enum reach reach)
{
	to[0] = 0x0F;
	to[1] = 0x80 | condition;
	put_rel32(e, to, 2, reach);
}

/* The queue's bytes are what the CPU runs, behind them INT3s. */
static void queued_is_real(struct subject *s)
{
	memcpy(s->real, s->queued, sizeof(s->real));
}

static void make_ret(struct emulation *e, u32 i, struct subject *ret)
{
	ret->len = RET_INSN_SIZE;
	ret->queued[0] = RET_INSN_OPCODE;
	ret->top = emulation_target(e, i);
	queued_is_real(ret);
}

static void make_call(struct emulation *e, u32 i, struct subject *ret)
{
	ret->len = CALL_INSN_SIZE;
	ret->queued[0] = CALL_INSN_OPCODE;
	if (i < NR_REACHES) /* the last one is CALL +0 */
		put_rel32(e, ret->queued, 1, i);
	queued_is_real(ret);
}

static void make_jmp32(struct emulation *e, u32 i, struct subject *ret)
{
	make_call(e, i, ret);
	ret->queued[0] = JMP32_INSN_OPCODE;
	queued_is_real(ret);
}

static void make_jmp8(struct emulation *e, u32 i, struct subject *ret)
{
	(void)e;
	ret->len = JMP8_INSN_SIZE;
	ret->queued[0] = JMP8_INSN_OPCODE;
	ret->queued[1] = nth_rel8(i);
	queued_is_real(ret);
}

#define NR_CONDITIONS 16
#define NR_JCCS (NR_REACHES * NR_CONDITIONS)

static void make_jcc8(struct emulation *e, u32 i, struct subject *ret)
{
	ret->len = JCC8_INSN_SIZE;
	ret->queued[0] = 0x70 | i % NR_CONDITIONS;
	ret->queued[1] = rel8(e, i / NR_CONDITIONS);
	queued_is_real(ret);
}

static void make_jcc32(struct emulation *e, u32 i, struct subject *ret)
{
	ret->len = JCC32_INSN_SIZE;
	put_jcc32(e, ret->queued, i % NR_CONDITIONS, i / NR_CONDITIONS);
	queued_is_real(ret);
}

static void make_nop(struct emulation *e, u32 i, struct subject *ret)
{
	(void)e;
	ret->len = i + 1;
	memcpy(ret->queued, nop_bytes(ret->len), ret->len);
	queued_is_real(ret);
}

/*
 * RET in 2 to 5 bytes, then JMP8 in 3 to 5 at each reach. A JMP32 has no room for padding: only a
 * Jcc rel32 may be longer than five bytes.
 */
#define NR_PADDED_RETS 4
#define NR_PADDED_JMPS (3 * NR_REACHES)

static void make_padded(struct emulation *e, u32 i, struct subject *ret)
{
	memset(ret->queued, INT3_INSN_OPCODE, sizeof(ret->queued));
	if (i < NR_PADDED_RETS) {
		ret->len = RET_INSN_SIZE + 1 + i;
		ret->queued[0] = RET_INSN_OPCODE;
		ret->top = emulation_target(e, REACH_ANY);
	} else {
		i -= NR_PADDED_RETS;
		ret->len = JMP8_INSN_SIZE + 1 + i / NR_REACHES;
		ret->queued[0] = JMP8_INSN_OPCODE;
		ret->queued[1] = rel8(e, i % NR_REACHES);
	}
	queued_is_real(ret);
}

static void make_int3(struct emulation *e, u32 i, struct subject *ret)
{
	(void)e;
	ret->queued[0] = ret->emulate[0] = INT3_INSN_OPCODE;
	ret->len = INT3_INSN_SIZE;
	if (i) { /* as an argument, for a site that becomes a NOP */
		ret->len = TEXT_POKE_MAX_OPCODE_SIZE;
		ret->has_emulate = true;
		memcpy(ret->queued, nop_bytes(ret->len), ret->len);
	}
	memset(ret->real, INT3_INSN_OPCODE, sizeof(ret->real));
}

static const u8 mov_eax[] = { 0xB8, 0xEF, 0xBE, 0xAD, 0xDE };

/*
 * With an emulate argument. The site becomes MOV EAX, which the queue refuses without one, or JO
 * rel32 where six bytes are needed. What does not jump goes on behind the site and not behind the
 * argument, so the CPU gets the argument with NOPs behind it.
 */
static void make_emulate_jcc(struct emulation *e, u32 i, struct subject *ret)
{
	u8 condition = i % NR_CONDITIONS;

	if (i < NR_CONDITIONS) {
		ret->emulate[0] = 0x70 | condition;
		ret->emulate[1] = rel8(e, REACH_ANY);
		memcpy(ret->real, ret->emulate, JCC8_INSN_SIZE);
		/* Of one byte each: a short jump may lead to any of them. */
		memset(ret->real + JCC8_INSN_SIZE, 0x90, sizeof(mov_eax) - JCC8_INSN_SIZE);
	} else {
		ret->len = JCC32_INSN_SIZE;
		put_jcc32(e, ret->queued, 0, REACH_LOWEST);
		put_jcc32(e, ret->emulate, condition, REACH_ANY);
		memcpy(ret->real, ret->emulate, JCC32_INSN_SIZE);
	}
}

static void make_emulate_other(struct emulation *e, u32 i, struct subject *ret)
{
	static const u8 opcodes[] = { JMP8_INSN_OPCODE, JMP32_INSN_OPCODE, CALL_INSN_OPCODE,
				      RET_INSN_OPCODE, 0x90 };

	memset(ret->emulate, INT3_INSN_OPCODE, sizeof(ret->emulate));
	ret->emulate[0] = opcodes[i];
	if (opcodes[i] == JMP8_INSN_OPCODE)
		ret->emulate[1] = rel8(e, REACH_ANY);
	else if (opcodes[i] == JMP32_INSN_OPCODE || opcodes[i] == CALL_INSN_OPCODE)
		put_rel32(e, ret->emulate, 1, REACH_ANY);
	ret->top = emulation_target(e, REACH_ANY);
	memcpy(ret->real, opcodes[i] == 0x90 ? nop_bytes(ret->len) : ret->emulate, ret->len);
}

#define NR_EMULATE_JCCS (2 * NR_CONDITIONS)
#define NR_EMULATE_OTHERS 5

static void make_emulate_arg(struct emulation *e, u32 i, struct subject *ret)
{
	ret->len = sizeof(mov_eax);
	ret->has_emulate = true;
	memcpy(ret->queued, mov_eax, sizeof(mov_eax));
	if (i < NR_EMULATE_JCCS)
		make_emulate_jcc(e, i, ret);
	else
		make_emulate_other(e, i - NR_EMULATE_JCCS, ret);
}

static const struct series emulate_series[] = { { "comparisons", "count" } };

#define EMULATE_BENCH(title, subjects, patterns, maker)                                            \
	{                                                                                          \
		.name = (title), .series = emulate_series, .nr_series = 1,                         \
		.param = &(const struct form){ (subjects), (patterns), (maker) },                  \
		.setup = emulation_setup, .check = emulate_check, .sample = emulate_sample,        \
		.teardown = emulation_teardown,                                                    \
	}

/* A JMP8 goes everywhere with no flag and with all; the others everywhere with all patterns. */
static const struct bench emulate_benches[] = {
	EMULATE_BENCH("ret", NR_REACHES, EMULATION_NR_PATTERNS, make_ret),
	EMULATE_BENCH("call", NR_REACHES + 1, EMULATION_NR_PATTERNS, make_call),
	EMULATE_BENCH("jmp8", NR_REL8, 2, make_jmp8),
	EMULATE_BENCH("jmp32", NR_REACHES + 1, EMULATION_NR_PATTERNS, make_jmp32),
	EMULATE_BENCH("jcc8", NR_JCCS, EMULATION_NR_PATTERNS, make_jcc8),
	EMULATE_BENCH("jcc32", NR_JCCS, EMULATION_NR_PATTERNS, make_jcc32),
	EMULATE_BENCH("nops", TEXT_POKE_MAX_OPCODE_SIZE, EMULATION_NR_PATTERNS, make_nop),
	EMULATE_BENCH("padded", NR_PADDED_RETS + NR_PADDED_JMPS, EMULATION_NR_PATTERNS,
		      make_padded),
	EMULATE_BENCH("emulate-arg", NR_EMULATE_JCCS + NR_EMULATE_OTHERS, EMULATION_NR_PATTERNS,
		      make_emulate_arg),
	EMULATE_BENCH("int3", 2, EMULATION_NR_PATTERNS, make_int3),
};

const struct suite suite_emulate = {
	.name = "emulate",
	.question = "does a CPU that meets our INT3 get what the instruction would have done?",
	.benches = emulate_benches,
	.nr_benches = ARRAY_SIZE(emulate_benches),
};
