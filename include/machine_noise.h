/* SPDX-License-Identifier: MIT */
/*
 * The seam, part 4: what may disturb a figure, as far as the machine can count it, and how fast the
 * core runs beside its time stamp counter.
 *
 * Context of all: boot CPU, about itself; outside measured windows, for a look may be a system call
 * or leave for the hypervisor.
 */
#ifndef SMPOKE_MACHINE_NOISE_H
#define SMPOKE_MACHINE_NOISE_H

#include "types.h"

/* Where the core's own cycles come from. */
enum core_clock {
	CORE_CLOCK_NONE,
	CORE_CLOCK_FIXED, /* fixed counters 1 and 2 (Intel SDM vol. 3, "Fixed-function Counters") */
	CORE_CLOCK_APERF, /* MPERF and APERF (Intel SDM vol. 3, "Hardware Feedback"; AMD APM vol. 2,
			     "Effective Frequency") */
	CORE_CLOCK_PERF, /* perf_event_open(), the same counters through the kernel */
};

/* core_clock_name() - the word of machine.csv */
static inline const char *core_clock_name(enum core_clock clock)
{
	static const char *const names[] = {
		[CORE_CLOCK_NONE] = "none",
		[CORE_CLOCK_FIXED] = "fixed",
		[CORE_CLOCK_APERF] = "aperf",
		[CORE_CLOCK_PERF] = "perf",
	};

	return names[clock];
}

/**
 * machine_core_clock() - the source this machine has, found once at the start
 * @ret_why: a sentence on why it has none, else NULL
 */
enum core_clock machine_core_clock(const char **ret_why);

/* Two counters that run and stand still together, so their ratio is that of the two clocks. */
struct core_cycles {
	u64 core; /* cycles of the core since some moment */
	u64 reference; /* ticks at the TSC's rate since the same */
};

/**
 * machine_core_cycles() - both counters now
 *
 * Only differences mean anything; those of two looks less than a minute apart are right whatever
 * the width of the counters. Return: false when there is no source.
 */
bool machine_core_cycles(struct core_cycles *ret);

/* machine_smis() - system management interrupts so far. Return: false: they are not counted. */
bool machine_smis(u64 *ret);

/* machine_switches() - how often the system took the CPU away. Return: false: there is none. */
bool machine_switches(u64 *ret);

#endif
