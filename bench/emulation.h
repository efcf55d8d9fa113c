/* SPDX-License-Identifier: MIT */
/*
 * Emulation held against this CPU, on the machine it will happen on.
 *
 * An instruction stands in text that is INT3 all around. A launcher gives it chosen registers,
 * flags and a stack of canaries, and the foreign INT3 where it leads ends the probe, which brings
 * the whole context. First the engine writes the instruction and the CPU runs it. Then INT3 stands
 * on it; a hook in the place of the engine's hands the trap to int3_emulate() with the very entry
 * that the queue had made; the machine returns from the trap, and the CPU goes on to the same
 * foreign INT3. All of the two contexts must be equal, and the stack.
 *
 * So the trap, its frame, the way back and the queue are the real ones. What is not, is a batch
 * under way: with one CPU nobody would meet its INT3s. The suites forms and interfere do that.
 */
#ifndef SMPOKE_BENCH_EMULATION_H
#define SMPOKE_BENCH_EMULATION_H

#include "bench.h"
#include "random.h"
#include "text_patching.h"
#include "trap.h"
#include "types.h"

#define EMULATION_TEXT_BYTES (1ul << 20)
#define EMULATION_MAX_LEN JCC32_INSN_SIZE

#define EMULATION_WORDS_BELOW 16
#define EMULATION_WORDS_ABOVE 16
#define EMULATION_STACK_WORDS (EMULATION_WORDS_BELOW + EMULATION_WORDS_ABOVE)

/* All combinations of CF, PF, AF, ZF, SF, OF and DF. */
#define EMULATION_NR_PATTERNS (1u << 7)

/* Where a probe ended, and what it left. */
struct outcome {
	u32 vector; /* 0: it did not trap */
	struct trap_regs regs;
	u64 stack[EMULATION_STACK_WORDS];
};

/* One instruction for the queue, and what the CPU runs to show what that means. */
struct subject {
	u8 len; /* of the site */
	u8 queued[EMULATION_MAX_LEN];
	bool has_emulate;
	u8 emulate[EMULATION_MAX_LEN];
	u8 real[EMULATION_MAX_LEN]; /* as queued, or what an emulate argument means in this site */
	u64 top; /* word at the stack pointer */
};

/* priv of a bench_run. */
struct emulation {
	u8 *text, *site;
	u8 *stack;
	u64 *sp; /* the words around it are watched */
	struct trap_regs start; /* what the launcher loads, but for the flags */
	struct random random;
	struct outcome real[EMULATION_NR_PATTERNS], ours;
};

/* emulation_setup() / emulation_teardown() - as struct bench wants them; text, stack, launcher */
int emulation_setup(struct bench_run *run);
void emulation_teardown(struct bench_run *run);

/* Where an instruction can be sent to. */
enum reach {
	REACH_LOWEST,
	REACH_HIGHEST,
	REACH_ANY, /* by lot */
	NR_REACHES,
};

/* emulation_target() - the address of an INT3 of the text, not of the site */
u64 emulation_target(struct emulation *e, enum reach reach);

/**
 * emulation_compare() - one subject, run and emulated from the same start
 * @nr_patterns: of the flags; 2 = none and all, EMULATION_NR_PATTERNS = every one
 *
 * Context: boot CPU, no batch under way, no other CPU in patched text.
 * Cost: one batch; three traps a pattern, and two returns from a probe.
 * Return: 0; -ERR_VERIFY for a difference, with run->reason saying which, and a violation counted;
 * or the error that kept the subject from being written or run.
 */
int emulation_compare(struct bench_run *run, const struct subject *s, u32 nr_patterns);

#endif
