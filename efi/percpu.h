/* SPDX-License-Identifier: MIT */
/*
 * What belongs to one CPU. GS points at it while the CPU is ours.
 *
 * The three words that other CPUs spin on each have a pair of cache lines to themselves: an answer
 * to a sync must not have to fetch a line that somebody else is writing.
 */
#ifndef EFI_PERCPU_H
#define EFI_PERCPU_H

#include "cpu_state.h"
#include "machine.h"
#include "topology.h"
#include "types.h"
#include "x86.h"

#define MSR_GS_BASE 0xC0000101
#define AP_STACK_BYTES (64 * 1024ul)
/* A page that is not there would do better, but the #PF would need that stack to be reported. */
#define AP_STACK_CANARY 0x5A17E57ACC0FFEE5ull
#define AP_STACK_GUARD_WORDS 16

/* Where an AP is on its way. Changed by compare-and-exchange while both sides may change it. */
enum ap_state {
	AP_ABSENT, /* not seen yet */
	AP_ARRIVED, /* in our loop */
	AP_ABANDONED, /* the boot CPU gave up waiting; if the AP ever comes it goes back at once */
	AP_REFUSED, /* came in a state that we cannot use, went back at once */
	AP_PARKED, /* stopped for good after a trap that nothing could catch */
	AP_HOME, /* gave everything back, is returning to firmware */
};

struct catch_frame;

struct percpu {
	/* Offsets 0, 8, 16 and 24 are known to asm. */
	u32 cpu;
	u32 apic_id;
	struct percpu *self;
	u64 nr_nmi; /* that nobody of ours has sent */
	u32 nmi_wanted; /* one of ours is on its way */

	volatile u32 *apic; /* registers of the local APIC; NULL = x2APIC, by MSR */
	bool apic_sending; /* an interrupt may still be on its way out */
	struct catch_frame *catch;
	struct machine_fault fault; /* the one that nothing could catch */
	u64 bank_status; /* of the last machine check; 0 = no bank had one */
	u64 alias_flags; /* RFLAGS before text_alias_open() */
	bool alias_open;
	bool fatal; /* a second fatal trap must not print again */
	bool naming; /* a trap meanwhile must not look for a name again */
	u64 nr_unexpected_irqs;
	u64 *top; /* of our page tables, for this CPU */
	u8 *stack;
	struct cpu_state firmware_state;

	u64 mp_number; /* firmware's, in its MP services */
	void *mp_done; /* firmware's event for this CPU alone, while it is not signalled */

	struct topology topology;
	u64 microcode; /* 0 = the CPU does not say */

	bool lost; /* set once, by whoever waited for this CPU in vain */
	bool offline; /* seen to wait outside; boot CPU only, under text_mutex */
	bool given; /* has a procedure whose end nobody has waited for; boot CPU only */

	u32 sync_ack __attribute__((aligned(FALSE_SHARING_BYTES)));
	u64 nr_syncs; /* answered; on the line that the answer has to write anyway */

	/*
	 * The mailbox: boot CPU writes request, stop, leave, fn and arg; this CPU writes done,
	 * result, state, out.
	 */
	u32 request __attribute__((aligned(FALSE_SHARING_BYTES)));
	bool stop;
	bool leave; /* the CPU is to wait outside */
	cpu_fn fn;
	void *arg;
	u32 done __attribute__((aligned(FALSE_SHARING_BYTES)));
	u32 state; /* enum ap_state */
	bool out; /* it waits outside */
	int result;
	struct machine_fault result_fault;
} __attribute__((aligned(FALSE_SHARING_BYTES)));

_Static_assert(offsetof(struct percpu, cpu) == 0, "machine_this_cpu() reads %gs:0");
_Static_assert(offsetof(struct percpu, self) == 8, "this_percpu() reads %gs:8");
_Static_assert(offsetof(struct percpu, nr_nmi) == 16, "vectors.S counts NMIs at %gs:16");
_Static_assert(offsetof(struct percpu, nmi_wanted) == 24, "vectors.S takes it at %gs:24");

extern struct percpu boot_percpu;

/* Valid on a CPU of ours, in any state. */
static force_inline struct percpu *this_percpu(void)
{
	struct percpu *pc;

	__asm__ volatile("movq %%gs:8, %0" : "=r"(pc));
	return pc;
}

static inline void percpu_install(struct percpu *pc)
{
	wrmsr(MSR_GS_BASE, (u64)pc);
}

/* percpu_of() - a CPU of ours by number, 0 .. machine_nr_cpus() - 1 */
struct percpu *percpu_of(u32 cpu);

#endif
