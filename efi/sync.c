/* SPDX-License-Identifier: MIT */
/*
 * The sync: every CPU of ours executes a serialising instruction.
 *
 *   1. the patcher publishes a new sequence number
 *   2. it sends one interrupt to each other CPU, and serialises itself meanwhile
 *   3. a CPU that takes it reads the number, serialises, and stores the number as its answer
 *   4. the patcher waits until every answer is the number
 */
#include "machine.h"

#include "apic.h"
#include "atomic.h"
#include "fault.h"
#include "percpu.h"
#include "x86.h"

#define SYNC_TIMEOUT_NS (5 * NSEC_PER_SEC)
/*
 * So many looks at an answer before the first PAUSE. A CPU that runs answers within that; PAUSE
 * takes up to 140 cycles on some CPUs, and leaves the emulator's translated code altogether.
 */
#define EAGER_LOOKS 2000

static struct {
	u32 sequence;
} request __attribute__((aligned(FALSE_SHARING_BYTES)));

static enum sync_core in_force __attribute__((aligned(FALSE_SHARING_BYTES)));

/* Called by vectors.S. */
void sync_interrupt(void);

int machine_sync_core_select(enum sync_core how)
{
	if (how == SYNC_CORE_AUTO)
		how = has_serialize() ? SYNC_CORE_SERIALIZE : SYNC_CORE_IRET;
	if (how == SYNC_CORE_SERIALIZE && !has_serialize())
		return -ERR_UNSUPPORTED;
	/* The other CPUs read it after A-sync, so R-sync of the next round shows it to them. */
	store_relaxed(&in_force, how);
	return 0;
}

enum sync_core machine_sync_core(void)
{
	return in_force;
}

/* Compared one by one: a jump table would be data on the way, and a call a way out. */
static force_inline void sync_core(void)
{
	switch (load_relaxed(&in_force)) {
	case SYNC_CORE_SERIALIZE:
		serialize();
		return;
	case SYNC_CORE_MOV_CR2:
		/* No #PF can come in between: interrupts are off, or this is no trap handler. */
		write_cr2(read_cr2());
		return;
	case SYNC_CORE_CPUID:
		cpuid(0, 0);
		return;
	default:
		iret_to_self();
	}
}

noinstr void sync_interrupt(void)
{
	struct percpu *pc = this_percpu();
	/*
	 * A-sync: pairs with R-sync. Read before serialising, so that a number that arrives later
	 * is never answered by an instruction that ran earlier.
	 */
	u32 sequence = load_acquire(&request.sequence);

	if (fault(ACK_EARLY))
		store_release(&pc->sync_ack, sequence);
	sync_core();
	pc->nr_syncs++;
	/* R-ack: pairs with A-ack. Stored before serialising, it would promise what has not
	 * happened. */
	store_release(&pc->sync_ack, sequence);
	apic_eoi(pc);
}

u64 machine_syncs_answered(u32 cpu)
{
	return cpu < machine_nr_cpus() ? load_relaxed(&percpu_of(cpu)->nr_syncs) : 0;
}

/*
 * A-ack: pairs with R-ack. The deadline is computed when it is first needed, which is hardly ever;
 * 0 = not yet. A CPU that a trap has parked will never run code again, so there is nothing that it
 * could have to see; the round goes on without it. Return: false when the deadline passed.
 */
static bool wait_for_answer(struct percpu *pc, u32 sequence, u64 *deadline)
{
	u32 looks;

	for (looks = 0; looks < EAGER_LOOKS; looks++) {
		if (load_acquire(&pc->sync_ack) == sequence)
			return true;
	}
	if (!*deadline)
		*deadline = rdtsc() + machine_ticks(SYNC_TIMEOUT_NS);
	/* A-ack. */
	while (load_acquire(&pc->sync_ack) != sequence) {
		/* A-park: pairs with R-park. */
		if (load_acquire(&pc->state) == AP_PARKED) {
			store_relaxed(&pc->lost, true);
			return true;
		}
		if ((s64)(rdtsc() - *deadline) > 0)
			return false;
		cpu_relax();
	}
	return true;
}

/* Asked twice a round: nobody gets offline meanwhile, that takes text_mutex. */
static bool is_target(const struct percpu *pc, u32 cpu, u32 self)
{
	return cpu != self && !load_relaxed(&pc->lost) && !load_relaxed(&pc->offline);
}

static int wait_for_all(u32 self, u32 nr_cpus, u32 sequence, u32 *ret_cpu)
{
	u64 deadline = 0;
	int rc = 0;
	u32 cpu;

	for (cpu = 0; cpu < nr_cpus; cpu++) {
		struct percpu *pc = percpu_of(cpu);

		if (!is_target(pc, cpu, self) || wait_for_answer(pc, sequence, &deadline))
			continue;
		store_relaxed(&pc->lost, true);
		if (rc == 0 && ret_cpu)
			*ret_cpu = cpu;
		rc = -ERR_TIMEOUT;
	}
	return rc;
}

int machine_sync_core_each_cpu(u32 *ret_cpu)
{
	u32 cpu, sequence, self = machine_this_cpu(), nr_cpus = machine_nr_cpus();
	int rc;

	if (nr_cpus == 1) {
		sync_core();
		return 0;
	}
	sequence = request.sequence + 1;
	/*
	 * R-sync: every store to code is visible before the number is. Pairs with A-sync; a CPU
	 * that saw the number without the stores would serialise too early.
	 */
	store_release(&request.sequence, sequence);
	for (cpu = 0; cpu < nr_cpus; cpu++) {
		struct percpu *pc = percpu_of(cpu);

		if (is_target(pc, cpu, self))
			apic_send(pc->apic_id, VECTOR_SYNC);
	}
	sync_core();
	rc = wait_for_all(self, nr_cpus, sequence, ret_cpu);
	/* An answer proves that the interrupt left; the next round need not ask the APIC. */
	if (rc == 0)
		this_percpu()->apic_sending = false;
	return rc;
}
