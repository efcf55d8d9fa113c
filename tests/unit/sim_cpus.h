/* SPDX-License-Identifier: MIT */
/*
 * The other CPUs of the sim machine: an interrupt is a thread that is that CPU while it runs the
 * procedure. What it interrupted is idle, unless a test says otherwise.
 */
#ifndef SMPOKE_TESTS_SIM_CPUS_H
#define SMPOKE_TESTS_SIM_CPUS_H

#include "sim_machine.h"

struct sim_cpu {
	bool deaf; /* interrupts are kept, and taken by sim_cpus_take_late() */
	bool lost;
	volatile bool irqs_off;
	bool kept; /* an interrupt that was sent to a deaf CPU */
	volatile u32 nr_taken; /* interrupts that have run their procedure, late ones included */
	u32 nr_sent, nr_begun, nr_ended; /* threads */
};

extern struct sim_cpu sim_cpus[SIM_NR_CPUS];

/* sim_cpus_reset() - nothing under way, nobody deaf or lost, no procedure; sim_reset() too */
void sim_cpus_reset(void);

/* sim_cpus_take_late() - what was kept is taken now, in this thread; the CPU is deaf no more */
void sim_cpus_take_late(u32 cpu);

/* sim_cpu_is() - run @fn as CPU @cpu, in this thread */
void sim_cpu_is(u32 cpu, void (*fn)(void));

#endif
