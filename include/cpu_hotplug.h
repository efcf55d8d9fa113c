/* SPDX-License-Identifier: MIT */
/*
 * CPUs taken out and brought in, and text that follows: UP form when one is left, SMP form before
 * the second comes (2006, seed 2).
 *
 * The image and what is on the list of smp_alt_modules are switched where the policy is two-way
 * (smp_alt.h); else their LOCKs stay, and only the CPUs go and come.
 */
#ifndef SMPOKE_CPU_HOTPLUG_H
#define SMPOKE_CPU_HOTPLUG_H

#include "types.h"

/**
 * cpu_down() - take a CPU out; then, when it was the last but one, everything to UP form
 *
 * Takes text_mutex. Context: boot CPU, interrupts on, not from a trap; @cpu has no procedure.
 * Cost: one round trip to that CPU, and the switch.
 * Return: 0, also when it was out already; an error of machine_cpu_offline(), with nothing changed;
 * or of alternatives_smp_switch(): then the CPU is out, and the text is as that says.
 */
int cpu_down(u32 cpu);

/**
 * cpu_up() - everything to SMP form, when one CPU was left; then bring a CPU in
 *
 * Context and cost: as cpu_down(). Return: 0, also when it was in already; an error of
 * alternatives_smp_switch(): then the CPU stays out, because it would run without LOCKs; or of
 * machine_cpu_online().
 */
int cpu_up(u32 cpu);

#endif
