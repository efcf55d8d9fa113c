/* SPDX-License-Identifier: MIT */
#include "refused.h"

#include "machine.h"
#include "mem.h"
#include "target.h"
#include "text_patching.h"
#include "x86.h"

struct bad_request {
	enum text_poke_rule rule;
	s32 offset; /* from the start of the target page */
	u8 len;
	u8 opcode[8];
};

/*
 * The target page holds: 0: NOP5, 5: RET, 6: two bytes that are no instruction, 8: RET, and from 9
 * on INT3s, which are instructions, or the padding of that RET.
 */
static const u8 refusal_code[] = { 0x0F, 0x1F, 0x44, 0x00, 0x00, 0xC3, 0x06, 0x06, 0xC3 };
#define PADDED_RET 8
#define PADDING 9

static const struct bad_request bad_requests[] = {
	{ TEXT_POKE_RULE_LENGTH, 0, 0, { 0xC3 } },
	{ TEXT_POKE_RULE_LENGTH, 0, 7, { 0x0F, 0x1F, 0x80, 0, 0, 0, 0 } },
	{ TEXT_POKE_RULE_LENGTH, 0, 6, { 0x66, 0x0F, 0x1F, 0x44, 0, 0 } },
	{ TEXT_POKE_RULE_TEXT, 1 << 29, 5, { 0xE9, 0, 0, 0, 0 } },
	{ TEXT_POKE_RULE_SITE_DECODE, 6, 1, { 0xC3 } },
	{ TEXT_POKE_RULE_SITE_LENGTH, 5, 2, { 0xEB, 0 } },
	{ TEXT_POKE_RULE_SITE_DECODE, 0, 2, { 0xEB, 0 } },
	{ TEXT_POKE_RULE_BOUNDARY, 2, 3, { 0xEB, 0, 0xCC } },
	{ TEXT_POKE_RULE_NEW_DECODE, 0, 5, { 0x06, 0, 0, 0, 0 } },
	{ TEXT_POKE_RULE_NEW_LENGTH, 0, 5, { 0xEB, 0, 0x90, 0xCC, 0xCC } },
	{ TEXT_POKE_RULE_EMULATE, 0, 5, { 0xB8, 1, 0, 0, 0 } },
};

static const u8 jmp32[] = { JMP32_INSN_OPCODE, 0, 0, 0, 0 };

/* The page as it is at the start; what it must still be after each refusal is kept beside it. */
static int refused_page(struct bench_run *run)
{
	struct target *target = run->priv;
	int err = text_poke_copy(target->text, refusal_code, sizeof(refusal_code));

	memcpy(target->data, target->text, PAGE_BYTES);
	return err ? bench_fail(run, err, "could not write the target page") : 0;
}

int refused_setup(struct bench_run *run)
{
	int err = target_setup(run);

	return err ? err : refused_page(run);
}

/* The first violation is the one that is told. */
static void expect_rule(struct bench_run *run, int err, enum text_poke_rule rule)
{
	struct target *target = run->priv;

	if (err == -ERR_REFUSED && smp_text_poke_refusal()->rule == rule &&
	    !memcmp(target->text, target->data, PAGE_BYTES))
		return;
	if (!run->violations++)
		bench_fail(run, -ERR_VERIFY, "not refused as '%s' but '%s'",
			   text_poke_rule_name(rule),
			   text_poke_rule_name(smp_text_poke_refusal()->rule));
}

static void expect_that(struct bench_run *run, bool holds, const char *what)
{
	if (!holds && !run->violations++)
		bench_fail(run, -ERR_VERIFY, "%s", what);
}

static void expect_refusal(struct bench_run *run, const struct bad_request *bad)
{
	struct target *target = run->priv;
	int err;

	text_mutex_lock();
	err = smp_text_poke_single(target->text + bad->offset, bad->opcode, bad->len, NULL);
	text_mutex_unlock();
	expect_rule(run, err, bad->rule);
}

/* The controls: what was refused is taken when the one thing that was wrong is right. */
static void expect_taken(struct bench_run *run, size_t offset, const u8 *opcode, size_t len)
{
	struct target *target = run->priv;
	u8 old[TEXT_POKE_MAX_OPCODE_SIZE];
	int err;

	memcpy(old, target->text + offset, len);
	text_mutex_lock();
	err = smp_text_poke_single(target->text + offset, opcode, len, NULL);
	if (!err && memcmp(target->text + offset, opcode, len))
		err = -ERR_VERIFY;
	if (!err)
		err = smp_text_poke_single(target->text + offset, old, len, NULL);
	text_mutex_unlock();
	expect_that(run, !err, "control: a good request was refused");
}

/* Where it overlaps the padding of the RET: queued first, since the pair is in order then. */
static void overlaps_are_refused(struct bench_run *run)
{
	static const u8 ret[] = { RET_INSN_OPCODE }, nop[] = { 0x90 };
	struct target *target = run->priv;
	u8 *padding = target->text + PADDING;
	int err;

	text_mutex_lock();
	expect_that(run, !smp_text_poke_batch_add(padding, ret, 1, NULL),
		    "control: the first of two sites was refused");
	expect_rule(run, smp_text_poke_batch_add(padding, nop, 1, NULL), TEXT_POKE_RULE_OVERLAP);
	expect_rule(run, smp_text_poke_batch_add(padding, ret, 1, NULL), TEXT_POKE_RULE_OVERLAP);
	err = smp_text_poke_batch_add(target->text + PADDED_RET, jmp32, sizeof(jmp32), NULL);
	expect_rule(run, err, TEXT_POKE_RULE_OVERLAP);
	err = smp_text_poke_batch_finish();
	expect_that(run, !err && smp_text_poke_stats()->nr_sites == 1 && *padding == *ret,
		    "a refusal has changed what was queued before it");
	err = smp_text_poke_single(padding, target->data + PADDING, 1, NULL);
	expect_that(run, !err, "control: the first of two sites did not go back");
	text_mutex_unlock();
	expect_taken(run, PADDED_RET, jmp32, sizeof(jmp32));
}

static void irqs_off_is_refused(struct bench_run *run)
{
	struct target *target = run->priv;
	u64 flags;
	int err;

	text_mutex_lock();
	flags = machine_irq_save();
	err = smp_text_poke_single(target->text, jmp32, sizeof(jmp32), NULL);
	machine_irq_restore(flags);
	text_mutex_unlock();
	expect_rule(run, err, TEXT_POKE_RULE_CONTEXT);
}

/* The same page, of which only the first two instructions are registered, and then nothing. */
static int unregistered_is_refused(struct bench_run *run)
{
	static const struct bad_request bad = { TEXT_POKE_RULE_TEXT, 0, 5, { 0xE9, 0, 0, 0, 0 } };
	static const struct bad_request beside = { TEXT_POKE_RULE_TEXT, 9, 1, { 0xC3 } };
	struct target *target = run->priv;
	int err;

	text_unregister(target->text);
	expect_refusal(run, &bad);
	err = text_register(target->text, 6, NULL);
	if (!err) {
		expect_taken(run, bad.offset, bad.opcode, bad.len);
		expect_refusal(run, &beside);
	}
	text_unregister(target->text);
	if (!err)
		err = text_poke_set(target->text, INT3_INSN_OPCODE, sizeof(refusal_code));
	if (!err)
		err = text_register(target->text, PAGE_BYTES, NULL);
	return err ? bench_fail(run, err, "could not register the target page again")
		   : refused_page(run);
}

#define NR_OTHER_REFUSALS 6 /* without the lock, three overlaps, two outside registered text */

int refused_sample(struct bench_run *run, u64 *values)
{
	bool irq_off = machine_caps() & MACHINE_CAP_IRQ_OFF;
	struct target *target = run->priv;

	for (u32 i = 0; i < ARRAY_SIZE(bad_requests); i++)
		expect_refusal(run, &bad_requests[i]);
	expect_rule(run, smp_text_poke_single(target->text, jmp32, sizeof(jmp32), NULL),
		    TEXT_POKE_RULE_LOCK);
	if (irq_off)
		irqs_off_is_refused(run);
	expect_taken(run, 0, jmp32, sizeof(jmp32));
	values[0] = ARRAY_SIZE(bad_requests) + NR_OTHER_REFUSALS + irq_off;
	if (!run->violations)
		overlaps_are_refused(run);
	/* Further down text is taken away from an engine that may be half way through it. */
	return run->violations ? -ERR_VERIFY : unregistered_is_refused(run);
}
