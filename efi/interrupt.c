/* SPDX-License-Identifier: MIT */
/*
 * Interrupts that one CPU of ours sends another: they run a procedure, wherever they land.
 */
#include "machine.h"

#include "apic.h"
#include "atomic.h"
#include "percpu.h"

static interrupt_fn on_interrupt;
static void *on_interrupt_arg;

/* Called by vectors.S. */
void fixed_interrupt(void);
void nmi_interrupt(void);

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

static force_inline void run_procedure(void)
{
	/* A-interrupt: pairs with R-interrupt. */
	interrupt_fn fn = load_acquire(&on_interrupt);

	if (fn)
		fn(on_interrupt_arg);
}

/*
 * The EOI comes first: a trap that ends the procedure does not come back here, and without an EOI
 * this CPU would never take a sync again. Interrupts are off, so no second one can nest.
 */
noinstr void fixed_interrupt(void)
{
	apic_eoi(this_percpu());
	run_procedure();
}

/* NMIs have no EOI, and no IRET may be executed before the handler's own: it would open NMIs. */
noinstr void nmi_interrupt(void)
{
	run_procedure();
}

int machine_interrupt(u32 cpu, enum machine_interrupt kind)
{
	struct percpu *pc;

	if (cpu == machine_this_cpu() || !machine_cpu_is_online(cpu) || machine_cpu_lost(cpu))
		return -ERR_INVAL;
	pc = percpu_of(cpu);
	if (kind == MACHINE_INTERRUPT_FIXED)
		apic_send(pc->apic_id, VECTOR_INTERRUPT);
	/* Only who changes the word sends: each NMI of ours finds the word that is its own. */
	else if (raw_atomic_try_cmpxchg(&pc->nmi_wanted, false, true))
		apic_send(pc->apic_id, APIC_NMI);
	return 0;
}

u64 machine_nmis_unsent(void)
{
	u64 nr = 0;

	for (u32 cpu = 0; cpu < machine_nr_cpus(); cpu++)
		nr += load_relaxed(&percpu_of(cpu)->nr_nmi);
	return nr;
}
