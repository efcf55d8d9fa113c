/* SPDX-License-Identifier: MIT */
/*
 * The spinlock of smpoke's own mutexes: a word that is 0, or says who has it.
 *
 * Its body is replaced as a whole while one CPU runs, as in the patch of 2006: what is left is the
 * store. So whoever waited for itself would hang with more CPUs, and would not notice with one.
 */
#ifndef SMPOKE_SPINLOCK_H
#define SMPOKE_SPINLOCK_H

#include "alternative.h"
#include "types.h"

/**
 * spin_lock() - wait until nobody has it, and make it @owner's, which is not 0
 *
 * Full barrier in SMP form. The caller names the partner; spin_unlock() is a store-release of 0.
 * Context: any CPU, not noinstr.
 */
static force_inline void spin_lock(u32 *lock, u32 owner)
{
	__asm__ volatile(ALTERNATIVE_SMP("1:\n\t"
					 "xorl %%eax, %%eax\n\t"
					 "lock; cmpxchgl %1, %0\n\t"
					 "je 2f\n\t"
					 "pause\n\t"
					 "jmp 1b\n"
					 "2:",
					 "movl %1, %0")
			 : "+m"(*lock)
			 : "r"(owner)
			 : "eax", "memory", "cc");
}

#endif
