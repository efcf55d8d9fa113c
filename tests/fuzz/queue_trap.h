/* SPDX-License-Identifier: MIT */
/*
 * CPUs that meet an INT3, now or in the middle of a batch, and where they must go on.
 */
#ifndef SMPOKE_TESTS_QUEUE_TRAP_H
#define SMPOKE_TESTS_QUEUE_TRAP_H

#include "types.h"

/*
 * trap_now() - a CPU traps at @addr
 * @how: which CPU, with which flags, and whether it misuses the queue from inside the trap
 */
void trap_now(const u8 *addr, u16 how);

/* trap_plan() - the same, at an event of the next operation that has some */
void trap_plan(const u8 *addr, u16 how);

void traps_at_event(void);
void traps_forget(void);

#endif
