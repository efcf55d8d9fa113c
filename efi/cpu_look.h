/* SPDX-License-Identifier: MIT */
/*
 * What one CPU says of itself, noted when it becomes ours.
 */
#ifndef EFI_CPU_LOOK_H
#define EFI_CPU_LOOK_H

#include "percpu.h"

/* cpu_look() - fill @pc->topology and @pc->microcode; on that CPU, after cpu_state_take() */
void cpu_look(struct percpu *pc);

/**
 * msr_read() - read a register that this CPU may not have
 * Return: false when it has not: reading it was a #GP, and nothing else happened.
 */
bool msr_read(u32 msr, u64 *ret);

/* msr_write() - the same for writing one. Return: false when it cannot be, or not this value. */
bool msr_write(u32 msr, u64 value);

#endif
