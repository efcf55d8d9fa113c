/* SPDX-License-Identifier: MIT */
/*
 * What firmware must leave as it finds it, and what it did not; and in what state we call it.
 */
#ifndef EFI_GUARD_H
#define EFI_GUARD_H

#include "types.h"

enum guarded {
	GUARDED_CR0,
	GUARDED_CR3,
	GUARDED_CR4,
	GUARDED_EFER,
	GUARDED_GDT_BASE,
	GUARDED_GDT_LIMIT,
	GUARDED_IDT_BASE,
	GUARDED_IDT_LIMIT,
	GUARDED_CS,
	GUARDED_SS,
	GUARDED_DS,
	GUARDED_IF, /* may interrupts come? */
	GUARDED_DF, /* which way strings are copied */
	GUARDED_APIC_BASE,
	GUARDED_XCR0, /* 0 without CR4.OSXSAVE */
	GUARDED_STACK, /* 1: nothing has run over its end */
	NR_GUARDED,
};

struct guarded_state {
	u64 value[NR_GUARDED];
};

/* guard_mend() is the caller's: put one of them back. Return: false when it stays as it is now. */
typedef bool (*guard_mend)(enum guarded which, const struct guarded_state *before);

/**
 * guard_check() - hold what a call has left, or finds, against what it should
 * @call: the function of ours that made it
 * @begins: it has not been made yet, so what differs is our fault
 *
 * Each that differs is put back by @mend; the first times are kept as warnings.
 * Return: how many differ.
 */
u32 guard_check(const char *call, bool begins, const struct guarded_state *before,
		const struct guarded_state *after, guard_mend mend);

/* guard_next_warning() - machine_next_warning() */
const char *guard_next_warning(void);

#endif
