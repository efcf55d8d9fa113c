/* SPDX-License-Identifier: MIT */
/*
 * The self-tests around the first patch.
 */
#include "selftest.h"

#include "atomic.h"
#include "fault.h"
#include "int3.h"
#include "machine.h"
#include "machine_text.h"
#include "text_patching.h"

/* ---- INT3 ---- */

/* What the hook looks for; a trap cannot be given an argument. */
static const u8 *int3_site;

static noinstr void int3_magic(u32 *calls)
{
	(*calls)++;
}

static noinstr bool int3_selftest_hook(struct trap_regs *regs)
{
	u64 next = (u64)int3_site + CALL_INSN_SIZE;

	if (regs->ip - INT3_INSN_SIZE != (u64)int3_site)
		return false;
	return int3_emulate(regs, (u64)int3_site, CALL_INSN_OPCODE, CALL_INSN_SIZE,
			    (s32)((u64)int3_magic - next));
}

int int3_selftest(const struct int3_selftest_code *code)
{
	text_bp_hook before;
	u32 calls = 0;
	int err;

	if (fault(SELFTEST_LEFT_OUT))
		return 0;
	int3_site = code->site;
	before = text_set_bp_hook(int3_selftest_hook);
	err = machine_probe(code->run, &calls, NULL);
	text_set_bp_hook(before);
	if (err)
		return err;
	return load_relaxed(&calls) == 1 ? 0 : -ERR_VERIFY;
}

/* ---- Relocation ---- */

const u8 alt_reloc_selftest_object = 0xA1;

static u32 nr_right, nr_told;

void __alt_reloc_selftest(const void *object)
{
	nr_told++;
	if (object == &alt_reloc_selftest_object)
		nr_right++;
}

int alt_reloc_selftest(void (*run)(void *unused))
{
	int err;

	nr_right = nr_told = 0;
	err = machine_probe(run, NULL, NULL);
	if (err)
		return err;
	return nr_told == 1 && nr_right == 1 ? 0 : -ERR_VERIFY;
}
