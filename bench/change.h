/* SPDX-License-Identifier: MIT */
/*
 * Ways to change the sites of imm_sites.h (IMM_WHOLE) while other CPUs run them: core's own, and
 * those it is held against, some of which promise nothing.
 */
#ifndef SMPOKE_BENCH_CHANGE_H
#define SMPOKE_BENCH_CHANGE_H

#include "bench.h"
#include "imm_sites.h"
#include "types.h"

enum change_how {
	CHANGE_BATCH, /* core's engine, all sites in one batch */
	CHANGE_SINGLE, /* core's engine, a batch for each */
	CHANGE_PHASES, /* INT3s, tails, first bytes, and what is said in between */
	CHANGE_STOP, /* stop_machine(), and all sites in one text_poke() */
	CHANGE_STORE, /* one store of the aligned 8 bytes that hold the site, each; -ERR_RANGE if
			 not */
	CHANGE_COPY, /* byte after byte, each */
};

/* What stands behind a phase of CHANGE_PHASES. */
enum change_gap {
	GAP_SYNC, /* each CPU serialises, asked by an interrupt, or by the kernel */
	GAP_NMI, /* asked by an NMI; on the host by a signal */
	GAP_WAIT, /* so many ticks go by */
	GAP_NOTHING,
};

struct change {
	enum change_how how;
	enum change_gap gap[3]; /* behind INT3s, tails, first bytes */
	u32 wait_ticks;
	bool promises; /* that nobody runs a mix of bytes, nor the form before it afterwards */
};

/* change_begin() - take the breakpoints and interrupts that @how needs. Return: 0, or with reason.
 */
int change_begin(struct bench_run *run, const struct change *how, const struct imm_sites *sites);

/* change_end() - give them back. The executors are home. Safe without change_begin(). */
void change_end(void);

/**
 * change_sites() - all sites to the new form, or back
 * @ret_ticks: how long it took, the alias and the lock included
 *
 * Context: boot CPU, text_mutex free. Return: 0, or an error with run->reason.
 */
int change_sites(struct bench_run *run, const struct change *how, const struct imm_sites *sites,
		 bool new, u64 *ret_ticks);

/* change_traps() - INT3s that were emulated here or by the engine, all CPUs together, so far */
u64 change_traps(void);

#endif
