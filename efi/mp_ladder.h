/* SPDX-License-Identifier: MIT */
/*
 * The ways to get the other CPUs from firmware, from the best to the last; the first that brings
 * one is kept.
 *
 *   all       one call of StartupAllAPs() that does not wait
 *   each      StartupThisAP() for each of them, where firmware does that without waiting
 *   timer     StartupAllAPs() that waits, while the run goes on in a timer event of firmware
 *   conductor StartupAllAPs() that waits, once for each bench, which another CPU runs meanwhile
 *   sipi      by INIT and SIPI, past firmware, which does not get them back; only when asked for
 *   up        none: the boot CPU alone
 *
 * What a CPU does when it has come is not known here, and neither are page tables; so all of this
 * is tested in a process, with a stand-in for firmware that refuses, lies, is late or silent.
 */
#ifndef EFI_MP_LADDER_H
#define EFI_MP_LADDER_H

#include "machine.h"
#include "mp_services.h"
#include "percpu.h"

struct mp_cpus {
	struct mp_services *services;
	struct percpu *slots; /* one for each other CPU; mp_number and apic_id filled */
	u32 nr_slots;
	mp_procedure entry; /* what firmware calls on each */
	/* "sipi": a page for all, then each. May be NULL. */
	EFI_STATUS (*own_prepare)(mp_procedure entry);
	EFI_STATUS (*own_start)(struct percpu *pc);
	/* "conductor": what a bench needs of firmware, beforehand. false: no memory. May be NULL.
	 */
	bool (*set_aside)(void);
	void (*before)(void *ctx, enum machine_start how); /* each way; may be NULL */
	void *ctx;
	u32 leave_out; /* bit mask of ways that are not tried */
};

/**
 * mp_ladder_climb() - start the other CPUs, and number those that came
 * @wanted: START_AUTO, or the one way to try
 * @nr_wanted: in all, boot CPU included; those above go into the loop and get no number
 *
 * Context: boot CPU, in our state; it returns in our state, and with START_TIMER inside of a timer
 * event of firmware, on the stack it was called on. Deadlines: a few seconds for each way.
 * Return: a sentence when a CPU is missing, else NULL.
 */
const char *mp_ladder_climb(const struct mp_cpus *cpus, enum machine_start wanted, u32 nr_wanted);

/**
 * mp_ladder_may_come() - on another CPU, before it says that it is there
 *
 * Waits, where the boot CPU has to get out of firmware first. Return: false when it did not: go
 * back to firmware, which is waiting for this CPU.
 */
bool mp_ladder_may_come(void);

/**
 * mp_ladder_serve() - on another CPU that is there: has it a bench to run, instead of the loop?
 *
 * On our stack, in our state, interrupts off. Return: true when it had, and has run it.
 */
bool mp_ladder_serve(struct percpu *pc);

/**
 * mp_ladder_stage() - with START_CONDUCTOR: run @fn on the CPU that is CPU 0, all others there
 *
 * Context: boot CPU, in our state. It waits in firmware, without a deadline of its own: the
 * dead-man timer has one. Return: 0; -ERR_TIMEOUT when not all CPUs came, -ERR_BUSY when firmware
 * refused: @fn has not run.
 */
int mp_ladder_stage(cpu_fn fn, void *arg);

/* ap_call_on_stack() - ap_entry.S */
void ap_call_on_stack(struct percpu *pc, void (*fn)(struct percpu *), void *stack_top);

/**
 * mp_ladder_descend() - send all of them home, and end the call of firmware that started them
 *
 * Return: 0, or -ERR_TIMEOUT when one did not come home.
 */
int mp_ladder_descend(void);

/* mp_ladder_all_home() - has firmware got all of its CPUs back, and said so? */
bool mp_ladder_all_home(void);

/* mp_ladder_rung() - the way that worked: a word of machine_start_name() */
enum machine_start mp_ladder_rung(void);

/* mp_ladder_result() - what became of one way, in words; NULL when it was not tried */
const char *mp_ladder_result(enum machine_start rung);

/**
 * stack_switch() - go on where another stack was left; switch.S
 * @save: where to remember the present one
 * @to: what stack_switch() remembered, or stack_prepare() made
 */
void stack_switch(void **save, void *to);

/* stack_prepare() - for stack_switch(): the end of a new stack, on which @fn begins */
void *stack_prepare(void *stack_end, void (*fn)(void));

#endif
