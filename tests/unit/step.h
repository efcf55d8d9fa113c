/* SPDX-License-Identifier: MIT */
/*
 * Another CPU at every instruction: a function runs with the CPU's trap flag set, and between any
 * two of its instructions something else happens.
 *
 * Stores become visible to other CPUs in the order of the program (Intel SDM vol. 3, "Memory
 * Ordering"). So what is seen between two instructions is what another CPU can see, no more.
 */
#ifndef SMPOKE_TESTS_STEP_H
#define SMPOKE_TESTS_STEP_H

#include <signal.h>
#include <ucontext.h>

#include "trap.h"

#define STEP_TF (1ull << 8)

/* Return: false = the rest runs without steps. May not leave by longjmp(). */
static bool (*step_between)(u32 nr_steps);
static u32 step_nr;

static void on_step(int signal, siginfo_t *info, void *context)
{
	greg_t *flags = &((ucontext_t *)context)->uc_mcontext.gregs[REG_EFL];

	(void)signal;
	(void)info;
	if (!step_between(++step_nr))
		*flags &= ~(greg_t)STEP_TF;
}

/* step_through() - run @fn, and @between after each of its instructions. Return: how many. */
static u32 step_through(void (*fn)(void), bool (*between)(u32 nr_steps))
{
	struct sigaction action = { .sa_sigaction = on_step, .sa_flags = SA_SIGINFO }, before;

	step_between = between;
	step_nr = 0;
	sigaction(SIGTRAP, &action, &before);
	__asm__ volatile("pushfq\n\torq %0, (%%rsp)\n\tpopfq" : : "i"(STEP_TF) : "memory", "cc");
	fn();
	__asm__ volatile("pushfq\n\tandq %0, (%%rsp)\n\tpopfq" : : "i"(~STEP_TF) : "memory", "cc");
	sigaction(SIGTRAP, &before, NULL);
	return step_nr;
}

#endif
