/* SPDX-License-Identifier: MIT */
/*
 * The end after a trap that nothing could catch: say what happened, then end the machine.
 */
#ifndef EFI_FATAL_H
#define EFI_FATAL_H

#include "trap.h"
#include "types.h"

/*
 * fatal_trap() - the first such trap on this CPU
 *
 * On the boot CPU: report on serial port and console, then ResetSystem. On another CPU: keep the
 * report for the boot CPU and stop here with interrupts off.
 */
_Noreturn void fatal_trap(const struct machine_fault *fault, const struct trap_regs *regs);

/* fatal_again() - a trap while reporting one: end at once */
_Noreturn void fatal_again(void);

/* fatal_end() - end the machine: by firmware, else by the reset port, else by a triple fault */
_Noreturn void fatal_end(void);

#endif
