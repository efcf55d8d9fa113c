/* SPDX-License-Identifier: MIT */
#include "cpus.h"

#include "apic.h"
#include "atomic.h"
#include "fault.h"
#include "machine.h"
#include "x86.h"

#define STACK_FAULT_VECTOR 12
#define MOVE_TIMEOUT_NS (5 * NSEC_PER_SEC)

struct percpu boot_percpu = { .self = &boot_percpu };

static struct percpu *boot_alone[1] = { &boot_percpu };
static struct percpu **cpus = boot_alone;
static u32 max_cpus = 1;
static u32 nr_cpus = 1;
static u32 nr_offline;

void cpus_use(struct percpu **table, u32 nr)
{
	if (table)
		table[0] = &boot_percpu;
	cpus = table ? table : boot_alone;
	max_cpus = table ? nr : 1;
}

bool cpus_add(struct percpu *pc)
{
	if (nr_cpus == max_cpus)
		return false;
	pc->cpu = nr_cpus;
	cpus[nr_cpus] = pc;
	nr_cpus++;
	return true;
}

void cpus_lead(struct percpu *pc)
{
	pc->cpu = 0;
	cpus[0] = pc;
}

void cpus_away(bool away)
{
	u32 cpu;

	for (cpu = 1; cpu < nr_cpus; cpu++) {
		cpus[cpu]->leave = cpus[cpu]->out = false;
		cpus[cpu]->offline = away;
	}
	nr_offline = away ? nr_cpus - 1 : 0;
}

void cpus_forget(void)
{
	cpus[0] = &boot_percpu;
	nr_cpus = 1;
	nr_offline = 0;
}

struct percpu *percpu_of(u32 cpu)
{
	return cpus[cpu];
}

u32 machine_nr_cpus(void)
{
	return nr_cpus;
}

noinstr u32 machine_this_cpu(void)
{
	u32 cpu;

	__asm__ volatile("movl %%gs:0, %0" : "=r"(cpu));
	return cpu;
}

bool machine_cpu_lost(u32 cpu)
{
	return cpu < nr_cpus && load_relaxed(&cpus[cpu]->lost);
}

bool machine_cpu_is_online(u32 cpu)
{
	return cpu < nr_cpus && !load_relaxed(&cpus[cpu]->offline);
}

u32 machine_nr_cpus_online(void)
{
	return nr_cpus - load_relaxed(&nr_offline);
}

void cpus_guard_stack(u8 *stack)
{
	u64 *words = (u64 *)stack;
	u32 i;

	for (i = 0; i < AP_STACK_GUARD_WORDS; i++)
		words[i] = AP_STACK_CANARY;
}

bool cpus_stack_is_whole(const u8 *stack)
{
	const u64 *words = (const u64 *)stack;
	u32 i;

	for (i = 0; i < AP_STACK_GUARD_WORDS; i++) {
		if (words[i] != AP_STACK_CANARY)
			return false;
	}
	return true;
}

/* A stack that ran over has damaged something, whatever the procedure says of itself. */
static void report_overrun(struct percpu *pc)
{
	cpus_guard_stack(pc->stack);
	pc->result = -ERR_FAULT;
	pc->result_fault = (struct machine_fault){ .vector = STACK_FAULT_VECTOR, .cpu = pc->cpu };
}

static void run_request(struct percpu *pc, u32 number)
{
	pc->result = machine_probe(pc->fn, pc->arg, &pc->result_fault);
	if (!cpus_stack_is_whole(pc->stack))
		report_overrun(pc);
	/* R-done: what the procedure wrote is visible before "done" is. Pairs with A-done. */
	store_release(&pc->done, number);
}

/*
 * MWAIT leaves a core to its other thread; it has no deadline, and needs none: who gave the order
 * has one. A store to the mailbox ends it, also between MONITOR and MWAIT.
 *
 * Not noinstr, as alternatives never are: this one has been final since before there was a second
 * CPU, and nothing else of it can be patched.
 */
static __attribute__((noinline)) void wait_for_order(const struct percpu *pc)
{
	__asm__ volatile(ALTERNATIVE("pause",
				     "xorl %%ecx, %%ecx\n\t"
				     "xorl %%edx, %%edx\n\t"
				     "monitor\n\t"
				     "cmpb $0, %0\n\t"
				     "je 1f\n\t"
				     "cmpb $0, %1\n\t"
				     "jne 1f\n\t"
				     "xorl %%eax, %%eax\n\t"
				     "mwait\n"
				     "1:",
				     X86_FEATURE_MWAIT)
			 :
			 : "m"(pc->leave), "m"(pc->stop), "a"(&pc->leave)
			 : "rcx", "rdx", "memory", "cc");
}

/*
 * Interrupts are off, so nothing but an NMI that nobody of ours sends can happen here. What was
 * unmapped or patched meanwhile, this CPU was not told of: it drops and serialises all by itself.
 */
static noinstr void wait_outside(struct percpu *pc)
{
	/*
	 * R-outside: interrupts are off and no text of ours is run. Pairs with A-outside. Without
	 * it this CPU would be left out of a sync while it could still run what is patched.
	 */
	store_release(&pc->out, true);
	/* A-out, A-leave: what was written meanwhile is there before this CPU goes on. */
	while (load_acquire(&pc->leave) && !load_acquire(&pc->stop))
		wait_for_order(pc);
	if (!fault(ONLINE_WITHOUT_SYNC)) {
		write_cr3(read_cr3());
		iret_to_self();
		pc->nr_syncs++;
	}
	/* R-outside: it has serialised. Pairs with A-outside. */
	store_release(&pc->out, false);
}

void cpus_loop(struct percpu *pc)
{
	u32 number;

	for (;;) {
		cli();
		/* A-leave: pairs with R-leave. */
		if (load_acquire(&pc->stop))
			break;
		/* A-out: pairs with R-out. */
		if (load_acquire(&pc->leave)) {
			wait_outside(pc);
			continue;
		}
		/* A-work: pairs with R-work; fn and arg belong to this number. */
		number = load_acquire(&pc->request);
		if (number == pc->done) {
			/* A wake-up sent since CLI is pending and ends this HLT at once. */
			sti_hlt();
			continue;
		}
		sti();
		run_request(pc, number);
	}
}

void cpus_send_home(struct percpu *pc)
{
	/* R-leave: nothing is published with it. The interrupt after it makes the CPU look. */
	store_release(&pc->stop, true);
	if (load_acquire(&pc->done) != pc->request)
		apic_send(pc->apic_id, VECTOR_ABORT);
	apic_send(pc->apic_id, VECTOR_WAKE);
}

int machine_cpu_start(u32 cpu, cpu_fn fn, void *arg)
{
	struct percpu *pc;

	if (cpu == 0 || !fn || !machine_cpu_is_online(cpu))
		return -ERR_INVAL;
	pc = cpus[cpu];
	if (load_relaxed(&pc->lost))
		return -ERR_TIMEOUT;
	/* A-done: the procedure before may have its fn and arg overwritten now. */
	if (load_acquire(&pc->done) != pc->request)
		return -ERR_BUSY;
	pc->fn = fn;
	pc->arg = arg;
	pc->given = true;
	/* R-work: the procedure and everything written for it go first. Pairs with A-work. */
	store_release(&pc->request, pc->request + 1);
	apic_send(pc->apic_id, VECTOR_WAKE);
	return 0;
}

/* Return: 0, what the procedure came to then is in @pc; -ERR_FAULT or -ERR_TIMEOUT: it is lost. */
static int wait_until_done(struct percpu *pc, u64 deadline)
{
	/* A-done: pairs with R-done. */
	while (load_acquire(&pc->done) != pc->request) {
		/* A-park: pairs with R-park in fatal.c; the fault is there. */
		bool parked = load_acquire(&pc->state) == AP_PARKED;

		if (parked || (s64)(rdtsc() - deadline) > 0) {
			store_relaxed(&pc->lost, true);
			return parked ? -ERR_FAULT : -ERR_TIMEOUT;
		}
		cpu_relax();
	}
	return 0;
}

int machine_cpu_wait(u32 cpu, u64 timeout_ns, struct machine_fault *ret_fault)
{
	u64 deadline = rdtsc() + machine_ticks(timeout_ns);
	struct percpu *pc;
	int rc;

	if (cpu == 0 || cpu >= nr_cpus)
		return -ERR_INVAL;
	pc = cpus[cpu];
	/* A-park: one that a trap stopped before it was given anything can say so, too. */
	if (!pc->given && load_acquire(&pc->state) != AP_PARKED)
		return -ERR_INVAL;
	/* A sync may have found it parked before. */
	if (load_relaxed(&pc->lost) && load_acquire(&pc->state) != AP_PARKED)
		return -ERR_TIMEOUT;
	rc = wait_until_done(pc, deadline);
	if (!rc) {
		pc->given = false;
		rc = pc->result;
	}
	if (rc == -ERR_FAULT && ret_fault)
		*ret_fault = pc->result_fault;
	return rc;
}

bool machine_cpu_dead(u32 cpu)
{
	/* A-park: pairs with R-park; it will not look at anything again. */
	return cpu < nr_cpus && load_acquire(&cpus[cpu]->state) == AP_PARKED;
}

u32 machine_forget_dead_cpus(void)
{
	u32 cpu, nr_before = nr_cpus, nr_left = 1;

	for (cpu = 1; cpu < nr_before; cpu++) {
		struct percpu *pc = cpus[cpu];

		if (machine_cpu_dead(cpu))
			continue;
		pc->cpu = nr_left;
		cpus[nr_left++] = pc;
	}
	nr_cpus = nr_left;
	return nr_before - nr_left;
}

bool machine_cpu_busy(u32 cpu)
{
	struct percpu *pc;

	if (cpu == 0 || cpu >= nr_cpus)
		return false;
	pc = cpus[cpu];
	/* A-done, A-park: as in machine_cpu_wait(). */
	return load_acquire(&pc->done) != pc->request && load_acquire(&pc->state) != AP_PARKED;
}

static void note_offline(struct percpu *pc, bool offline)
{
	store_relaxed(&nr_offline, nr_offline + offline - pc->offline);
	store_relaxed(&pc->offline, offline);
}

/* Tell a CPU to go or to come. Return: 0, or -ERR_TIMEOUT: it is lost. */
static int move(struct percpu *pc, bool out)
{
	u64 deadline = rdtsc() + machine_ticks(MOVE_TIMEOUT_NS);

	/*
	 * R-out: whatever was written while the CPU was out comes first. Pairs with A-out. Without
	 * it the CPU could serialise, and then fetch text as it was before.
	 */
	store_release(&pc->leave, out);
	if (out)
		apic_send(pc->apic_id, VECTOR_WAKE);
	/* A-outside: pairs with R-outside. */
	while (load_acquire(&pc->out) != out) {
		if ((s64)(rdtsc() - deadline) > 0) {
			/* It may come at any time, so it counts as in. */
			store_relaxed(&pc->lost, true);
			note_offline(pc, false);
			return -ERR_TIMEOUT;
		}
		cpu_relax();
	}
	note_offline(pc, out);
	return 0;
}

int machine_cpu_offline(u32 cpu)
{
	struct percpu *pc;

	if (cpu == 0 || cpu >= nr_cpus)
		return -ERR_INVAL;
	pc = cpus[cpu];
	if (load_relaxed(&pc->lost))
		return -ERR_TIMEOUT;
	if (load_acquire(&pc->done) != pc->request) /* A-done */
		return -ERR_BUSY;
	return pc->offline ? 0 : move(pc, true);
}

int machine_cpu_online(u32 cpu)
{
	struct percpu *pc;

	if (cpu == 0 || cpu >= nr_cpus)
		return -ERR_INVAL;
	pc = cpus[cpu];
	if (load_relaxed(&pc->lost))
		return -ERR_TIMEOUT;
	return pc->offline ? move(pc, false) : 0;
}

u64 machine_irq_save(void)
{
	u64 flags = read_flags();

	cli();
	return flags;
}

void machine_irq_restore(u64 flags)
{
	if (flags & EFLAGS_IF)
		sti();
}

bool machine_irqs_off(void)
{
	return !(read_flags() & EFLAGS_IF);
}
