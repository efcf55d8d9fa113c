/* SPDX-License-Identifier: MIT */
/*
 * The CPUs that are ours, by number; and the loop that the others wait in.
 */
#ifndef EFI_CPUS_H
#define EFI_CPUS_H

#include "percpu.h"
#include "types.h"

/* cpus_use() - a table for so many, the boot CPU included; NULL: for that one alone */
void cpus_use(struct percpu **table, u32 nr);

/* cpus_add() - number the next CPU; boot CPU, before that CPU gets work. false: table is full */
bool cpus_add(struct percpu *pc);

/* cpus_forget() - back to the boot CPU alone */
void cpus_forget(void);

/*
 * cpus_lead() - make another CPU number 0, in place of the boot CPU; before cpus_add()
 * cpus_away() - all but number 0 are in firmware: no sync and no procedure reaches them; or back
 */
void cpus_lead(struct percpu *pc);
void cpus_away(bool away);

/* cpus_guard_stack() - write the canary at the end of a stack, before it is first used */
void cpus_guard_stack(u8 *stack);

/* cpus_stack_is_whole() - is the canary there? */
bool cpus_stack_is_whole(const u8 *stack);

/* cpus_loop() - what another CPU of ours does until it is told to go home; on our stack */
void cpus_loop(struct percpu *pc);

/* cpus_send_home() - let one CPU leave cpus_loop(), out of its procedure if need be; boot CPU */
void cpus_send_home(struct percpu *pc);

#endif
