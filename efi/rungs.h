/* SPDX-License-Identifier: MIT */
/*
 * The ways of mp_ladder.h, each by itself: how firmware is asked, and what then shows that it is
 * done. Which one is tried, and what became of its CPUs, is mp_ladder.c's.
 */
#ifndef EFI_RUNGS_H
#define EFI_RUNGS_H

#include "mp_ladder.h"
#include "x86.h"

static inline bool rung_passed(u64 deadline)
{
	return (s64)(rdtsc() - deadline) >= 0;
}

/* An event of firmware's; with @notify one of its timer's. */
EFI_STATUS rung_event(EFI_EVENT_NOTIFY notify, EFI_EVENT *ret);
void rung_close_event(EFI_EVENT *event);

/* Return: EFI_SUCCESS when CPUs may be on their way; else firmware has all of them. */
EFI_STATUS rung_all(const struct mp_cpus *cpus);
EFI_STATUS rung_each(const struct mp_cpus *cpus);
EFI_STATUS rung_sipi(const struct mp_cpus *cpus);

/* rung_signalled() - has firmware said that its CPUs are back? In firmware's state. */
bool rung_signalled(const struct mp_cpus *cpus);

/*
 * rung_timer() - EFI_TIMEOUT: firmware's call ended before its timer event came
 * rung_timer_door() - before CPUs are started: must they wait until the boot CPU is out? Or: it is
 * rung_timer_back() - let firmware's call end; in firmware's state, all CPUs are home
 * rung_timer_end() - no more timer events
 */
EFI_STATUS rung_timer(const struct mp_cpus *cpus);
void rung_timer_door(bool open);
void rung_timer_back(void);
void rung_timer_end(void);

/*
 * rung_conductor() - call all CPUs, who come and go; EFI_TIMEOUT: not all of them did
 * rung_conductor_number() - those that came, CPU 0 first; returns how many they are
 * rung_conductor_stuck() - firmware said that its call is over, and a CPU is still with us
 */
EFI_STATUS rung_conductor(const struct mp_cpus *cpus);
u32 rung_conductor_number(u32 nr_wanted);
bool rung_conductor_stuck(void);
void rung_conductor_end(void);

#endif
