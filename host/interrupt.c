/* SPDX-License-Identifier: MIT */
/*
 * Interrupts are signals to one thread, a number for each kind.
 *
 * Installed like the traps: no mask, and on the stack of what is interrupted. So a site in the
 * procedure traps as it does anywhere else, and a second signal nests.
 */
#include <signal.h>

#include "atomic.h"
#include "host.h"

#define SIGNAL_FIXED SIGUSR1
#define SIGNAL_NMI SIGUSR2

static interrupt_fn on_interrupt;
static void *on_interrupt_arg;

/* Nothing here calls the kernel, so there is no errno to be kept. */
static void on_signal(int signal)
{
	/* A-interrupt: pairs with R-interrupt; the argument comes before it. */
	interrupt_fn fn = load_acquire(&on_interrupt);

	(void)signal;
	if (fn)
		fn(on_interrupt_arg);
}

int interrupt_setup(const char **ret_reason)
{
	struct sigaction action = {
		.sa_handler = on_signal,
		.sa_flags = SA_NODEFER | SA_RESTART,
	};

	sigemptyset(&action.sa_mask);
	if (!sigaction(SIGNAL_FIXED, &action, NULL) && !sigaction(SIGNAL_NMI, &action, NULL))
		return 0;
	*ret_reason = "the handlers for interrupts cannot be installed";
	return -ERR_UNSUPPORTED;
}

int machine_on_interrupt(interrupt_fn fn, void *arg)
{
	/* The argument stays for those that are still running the old procedure. */
	if (fn)
		on_interrupt_arg = arg;
	/* R-interrupt: the argument, and what it points at, go first. Pairs with A-interrupt. */
	store_release(&on_interrupt, fn);
	return 0;
}

interrupt_fn machine_interrupt_fn(void **ret_arg)
{
	*ret_arg = on_interrupt_arg;
	return on_interrupt;
}

int machine_interrupt(u32 cpu, enum machine_interrupt kind)
{
	if (cpu == machine_this_cpu() || !machine_cpu_is_online(cpu) || machine_cpu_lost(cpu))
		return -ERR_INVAL;
	return cpus_signal(cpu, kind == MACHINE_INTERRUPT_NMI ? SIGNAL_NMI : SIGNAL_FIXED);
}

/* The kernel keeps them. */
u64 machine_nmis_unsent(void)
{
	return 0;
}
