/* SPDX-License-Identifier: MIT */
/*
 * The counters of the core's own cycles: which there are, and switching them on.
 */
#ifndef EFI_CORE_CLOCK_H
#define EFI_CORE_CLOCK_H

#include "types.h"
#include "x86.h"

#define MSR_SMI_COUNT 0x34 /* Intel, since 2008 */
#define MSR_MPERF 0xE7
#define MSR_APERF 0xE8
#define MSR_FIXED_CTR1 0x30A
#define MSR_FIXED_CTR2 0x30B
#define MSR_FIXED_CTR_CTRL 0x38D
#define MSR_PERF_GLOBAL_CTRL 0x38F

/* What CPUID says of them; the registers of leaves that the CPU has not got are zeros. */
struct core_clock_leaves {
	struct cpuid_regs power; /* 6 */
	struct cpuid_regs perfmon; /* 0A */
};

/**
 * core_clock_setup() - find the source, on the boot CPU
 *
 * Counters that do not count are none: a hypervisor may answer for registers that it does not keep.
 * Fixed counters are switched on here only: where another CPU stands in for this one, they stand
 * still, and rows in cycles say so and have no figures.
 */
void core_clock_setup(const struct core_clock_leaves *leaves);

/* core_clock_look() - at the calling CPU */
void core_clock_look(struct core_clock_leaves *ret);

/* core_clock_restore() - what was switched on is as firmware left it */
void core_clock_restore(void);

#endif
