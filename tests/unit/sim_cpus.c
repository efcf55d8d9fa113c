/* SPDX-License-Identifier: MIT */
#include "sim_cpus.h"

#include <pthread.h>
#include <sched.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "atomic.h"

struct sim_cpu sim_cpus[SIM_NR_CPUS];

static interrupt_fn on_interrupt;
static void *on_interrupt_arg;

/* Until every interrupt that was sent has run its procedure. */
static void wait_until_taken(struct sim_cpu *cpu)
{
	while (load_acquire(&cpu->nr_ended) != cpu->nr_sent)
		sched_yield();
}

void sim_cpus_reset(void)
{
	sim_reset();
	for (u32 cpu = 0; cpu < SIM_NR_CPUS; cpu++)
		wait_until_taken(&sim_cpus[cpu]);
	memset(sim_cpus, 0, sizeof(sim_cpus));
	on_interrupt = NULL;
	on_interrupt_arg = NULL;
}

void sim_cpu_is(u32 cpu, void (*fn)(void))
{
	u32 before = sim_this_cpu;

	sim_this_cpu = cpu;
	fn();
	sim_this_cpu = before;
}

static void take(void)
{
	if (on_interrupt)
		on_interrupt(on_interrupt_arg);
	sim_cpus[sim_this_cpu].nr_taken++;
}

static void *take_in_thread(void *arg)
{
	u32 cpu = (u32)(u64)arg;

	raw_atomic_fetch_add(&sim_cpus[cpu].nr_begun, 1);
	sim_cpu_is(cpu, take);
	raw_atomic_fetch_add(&sim_cpus[cpu].nr_ended, 1);
	return NULL;
}

void sim_cpus_take_late(u32 cpu)
{
	sim_cpus[cpu].deaf = false;
	if (sim_cpus[cpu].kept)
		sim_cpu_is(cpu, take);
	sim_cpus[cpu].kept = false;
}

/* ---- machine.h ---- */

bool machine_cpu_lost(u32 cpu)
{
	return sim_cpus[cpu].lost;
}

u64 machine_irq_save(void)
{
	u64 flags = sim_cpus[sim_this_cpu].irqs_off;

	sim_cpus[sim_this_cpu].irqs_off = true;
	return flags;
}

void machine_irq_restore(u64 flags)
{
	sim_cpus[sim_this_cpu].irqs_off = flags;
}

/* No trap can be taken here: the host machine is for that. */
int machine_probe(cpu_fn fn, void *arg, struct machine_fault *ret_fault)
{
	(void)ret_fault;
	fn(arg);
	return 0;
}

int machine_on_interrupt(interrupt_fn fn, void *arg)
{
	if (fn)
		on_interrupt_arg = arg;
	store_release(&on_interrupt, fn);
	return 0;
}

interrupt_fn machine_interrupt_fn(void **ret_arg)
{
	*ret_arg = on_interrupt_arg;
	return on_interrupt;
}

static void start_thread(u32 cpu)
{
	pthread_t thread;

	sim_cpus[cpu].nr_sent++;
	if (!pthread_create(&thread, NULL, take_in_thread, (void *)(u64)cpu) &&
	    !pthread_detach(thread))
		return;
	fprintf(stderr, "sim machine: no thread for a CPU\n");
	abort();
}

int machine_interrupt(u32 cpu, enum machine_interrupt kind)
{
	(void)kind;
	if (cpu == sim_this_cpu || cpu >= sim.nr_cpus || sim_cpus[cpu].lost)
		return -ERR_INVAL;
	sim_cpus[cpu].kept = sim_cpus[cpu].deaf;
	if (sim_cpus[cpu].deaf)
		return 0;
	/* Two that meet become one; one that has begun will not look again. */
	if (raw_atomic_fetch_add(&sim_cpus[cpu].nr_begun, 0) == sim_cpus[cpu].nr_sent)
		start_thread(cpu);
	return 0;
}
