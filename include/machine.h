/* SPDX-License-Identifier: MIT */
/*
 * The seam, part 1: CPUs, cross-calls, sync, interrupts, clock, facts, memory.
 *
 * efi/ (bare metal under UEFI) and host/ (a Linux process) each implement all of it, and linking
 * chooses. What each machine can promise is a bit of the capability word; docs/architecture.md has
 * the table. The wrappers of single instructions are in x86.h and do not go through here.
 *
 * CPU 0 is the boot CPU: the one that called smpoke_main(). It is the only one that may call
 * firmware, the console, files and the allocators.
 */
#ifndef SMPOKE_MACHINE_H
#define SMPOKE_MACHINE_H

#include "trap.h"
#include "types.h"

/* Capabilities: promises, and the one quirk that tests must know. One bit each. */
#define MACHINE_CAP_SMP (1u << 0) /* more than one CPU is ours */
#define MACHINE_CAP_RING0 (1u << 1) /* privileged instructions */
#define MACHINE_CAP_IRQ_OFF (1u << 2) /* machine_irq_save() really holds interrupts back */
#define MACHINE_CAP_ALIAS_PRIVATE (1u << 3) /* no other CPU can reach an open alias */
#define MACHINE_CAP_SILICON (1u << 4) /* instructions run on a real CPU, not an emulator */
#define MACHINE_CAP_TSC_INVARIANT (1u << 5) /* the TSC runs at one rate in every P- and C-state */
#define MACHINE_CAP_STALE_INT3 (1u << 6) /* quirk: runs INT3s that memory no longer holds */

/**
 * machine_caps() - what this machine promises
 *
 * Context: any CPU, any state. SMP may appear when machine_start_cpus() returns; nothing else
 * moves.
 */
u32 machine_caps(void);

/**
 * machine_cap_name() - the word for one capability bit, as written in the reason of a skip
 */
const char *machine_cap_name(u32 cap);

/**
 * machine_env() - where figures of this run come from: "metal", "vm", "tcg" or "host"
 *
 * "vm" is bare metal under a hypervisor other than QEMU's TCG. The word stands in every file.
 */
const char *machine_env(void);

/**
 * machine_nr_cpus_present() - CPUs that could be started, the boot CPU included
 */
u32 machine_nr_cpus_present(void);

/**
 * machine_nr_cpus() - CPUs that are ours now: 0 .. machine_nr_cpus() - 1
 *
 * 1 until machine_start_cpus(). Context: any CPU, any state.
 */
u32 machine_nr_cpus(void);

/**
 * machine_this_cpu() - index of the calling CPU
 *
 * Context: any CPU of ours, any state, traps included. noinstr.
 */
u32 machine_this_cpu(void);

/**
 * machine_cpu_lost() - true for a CPU that missed a deadline; it gets no work and no sync any more
 */
bool machine_cpu_lost(u32 cpu);

/* The ways to get the other CPUs, in the order in which they are tried; efi/mp_ladder.h has more.
 */
enum machine_start {
	START_AUTO, /* one after the other, until CPUs come */
	START_ALL, /* firmware starts all at once, without waiting */
	START_EACH, /* firmware starts each, without waiting */
	START_TIMER, /* firmware waits for them, and we run in its timer event */
	START_CONDUCTOR, /* firmware waits for them once a bench, and one of them runs it */
	START_SIPI, /* without firmware, by INIT and SIPI; never tried unless asked for */
	START_UP, /* none */
	NR_MACHINE_STARTS,
};

/* machine_start_name() - the word of --mp-rung and of machine.csv */
static inline const char *machine_start_name(enum machine_start how)
{
	static const char *const names[NR_MACHINE_STARTS] = {
		[START_AUTO] = "auto",
		[START_ALL] = "all",
		[START_EACH] = "each",
		[START_TIMER] = "timer",
		[START_CONDUCTOR] = "conductor",
		[START_SIPI] = "sipi",
		[START_UP] = "up",
	};

	return names[how];
}

/**
 * machine_start_select() - the one way that machine_start_cpus() is to try
 *
 * Context: boot CPU, before machine_start_cpus(). Return: 0; -ERR_UNSUPPORTED when this machine has
 * no such choice, and nothing changes.
 */
int machine_start_select(enum machine_start how);

/**
 * machine_x2apic_select() - all CPUs run their APICs by MSR, and not by memory, from START_SIPI on
 *
 * Where firmware has done that already, nothing is left to do. Else the machine is not given back
 * to firmware at the end. Context: boot CPU, before machine_start_cpus(). Return: 0;
 * -ERR_UNSUPPORTED when this machine has no such choice, and nothing changes.
 */
int machine_x2apic_select(void);

/**
 * machine_cpu_offline() - take a CPU of ours out: no sync, no interrupt and no procedure reaches it
 * @cpu: 1 .. machine_nr_cpus() - 1, without a procedure
 *
 * It keeps its number and waits, with interrupts off where there is MACHINE_CAP_IRQ_OFF, in code
 * that nobody patches. Text may change meanwhile in any way: it runs none.
 * Context: boot CPU, text_mutex held, so that no sync is under way. Deadline: seconds, then the CPU
 * is lost.
 * Return: 0, also when it is out already; -ERR_INVAL for no such CPU; -ERR_BUSY when it runs a
 * procedure; -ERR_TIMEOUT when it is lost, or gets lost now.
 */
int machine_cpu_offline(u32 cpu);

/**
 * machine_cpu_online() - bring it back
 *
 * It serialises before it runs anything else, so it runs text as it stands, and counts that in
 * machine_syncs_answered(). Context and deadline: as machine_cpu_offline().
 * Return: 0, also when it is in already; -ERR_INVAL for no such CPU; -ERR_TIMEOUT as above.
 */
int machine_cpu_online(u32 cpu);

/**
 * machine_cpu_is_online() - false for a CPU that was taken out, or that is none of ours
 * machine_nr_cpus_online() - how many of ours are in, the boot CPU and lost ones included: those
 * may be running anything
 *
 * Context: owner of text_mutex, or boot CPU.
 */
bool machine_cpu_is_online(u32 cpu);
u32 machine_nr_cpus_online(void);

/**
 * machine_start_watch() - be told before each way is tried: firmware may not come back from it
 * @leave_out: bit mask of enum machine_start; those are not tried
 *
 * Context: boot CPU, before machine_start_cpus().
 */
void machine_start_watch(void (*before)(void *ctx, enum machine_start how), void *ctx,
			 u32 leave_out);

/**
 * machine_start_cpus() - take the other CPUs, once
 * @nr_wanted: how many in all, the boot CPU included; 0 = every one there is
 * @ret_reason: set to a sentence when fewer came than there are, else to NULL
 *
 * Context: boot CPU, interrupts on. Deadline: seconds. The run goes on with the CPUs that came.
 * Return: 0, also when only the boot CPU remains; -ERR_RANGE when @nr_wanted exceeds those present.
 */
int machine_start_cpus(u32 nr_wanted, const char **ret_reason);

/**
 * machine_stop_cpus() - bring the other CPUs home and restore their state
 *
 * Context: boot CPU, no CPU has work. Return: 0, or -ERR_TIMEOUT when one did not come home: then
 * the machine must not be handed back to firmware, and machine_exit() resets or powers off instead.
 */
int machine_stop_cpus(void);

/**
 * machine_stage() - run @fn as CPU 0, with every CPU of ours there
 *
 * Here and now, where that is possible. Where CPUs can be had only for a call of firmware that
 * returns when they have (START_CONDUCTOR), it runs on another CPU, which is CPU 0 meanwhile. There
 * @fn may allocate, note lines for a log and say that it is alive, but not open, flush or close a
 * file. No CPU is given work, and nothing is patched, but in a stage.
 * Context: boot CPU, no CPU has work, nor has one when @fn returns.
 * Return: 0; -ERR_FAULT when a trap ended @fn; -ERR_TIMEOUT or -ERR_BUSY when the CPUs could not be
 * had, and @fn has not run.
 */
int machine_stage(void (*fn)(void *arg), void *arg);

/**
 * cpu_fn - a procedure that runs on another CPU
 *
 * Runs on a stack of ours (32 KiB or more), interrupts on. It may not call firmware, the console,
 * files or an allocator, nor wait without a deadline. A trap that nobody handles ends it, and
 * machine_cpu_wait() says so. Vector registers are not saved across traps: handlers use none.
 */
typedef void (*cpu_fn)(void *arg);

/**
 * machine_cpu_start() - let another CPU run a procedure; returns at once
 * @cpu: 1 .. machine_nr_cpus() - 1
 *
 * Context: boot CPU. Everything written before is visible to the procedure.
 * Return: 0; -ERR_INVAL for no such CPU, or one that was taken out; -ERR_BUSY when it still runs
 * one; -ERR_TIMEOUT when lost.
 */
int machine_cpu_start(u32 cpu, cpu_fn fn, void *arg);

/**
 * machine_cpu_wait() - wait until the CPU's procedure is done
 * @timeout_ns: after that the CPU counts as lost for the rest of the run
 * @ret_fault: filled on -ERR_FAULT; may be NULL
 *
 * Context: boot CPU. Everything the procedure wrote is visible afterwards.
 * Return: 0; -ERR_FAULT when a trap ended the procedure (the CPU itself is fine and can be given
 * more work, unless it is lost now: after a machine check it is stopped for good); -ERR_TIMEOUT;
 * -ERR_INVAL for a CPU that was given nothing, and is not dead.
 */
int machine_cpu_wait(u32 cpu, u64 timeout_ns, struct machine_fault *ret_fault);

/**
 * machine_cpu_busy() - true while the procedure given last is running or waiting to run
 *
 * False as soon as it returned, or a trap ended it; machine_cpu_wait() says which.
 * Context: boot CPU.
 */
bool machine_cpu_busy(u32 cpu);

/**
 * machine_cpu_dead() - true for a CPU that a trap has stopped for good
 *
 * It runs no code of ours again; what it held is given back for it. Context: any CPU of ours.
 */
bool machine_cpu_dead(u32 cpu);

/**
 * machine_forget_dead_cpus() - go on without those that a trap has stopped for good
 *
 * The others are numbered anew, so that there is no gap. One that only missed a deadline may come
 * back, and keeps its number. Context: boot CPU, no CPU has work. Return: how many were dropped.
 */
u32 machine_forget_dead_cpus(void);

/**
 * machine_probe() - run a procedure on this CPU and come back even if it traps
 * @ret_fault: filled on -ERR_FAULT; may be NULL
 *
 * Context: any CPU of ours; may be nested. The procedure keeps no resource that an early end leaks.
 * Return: 0 when it returned, -ERR_FAULT when a trap ended it.
 */
int machine_probe(cpu_fn fn, void *arg, struct machine_fault *ret_fault);

/**
 * machine_sync_core_each_cpu() - every CPU of ours that is in executes a serialising instruction
 * @ret_cpu: on -ERR_TIMEOUT the CPU that did not answer; may be NULL
 *
 * Other CPUs are addressed one by one, never by a broadcast. A CPU answers after it serialised, not
 * before; this CPU serialises too. Stores made before the call are visible to the other CPUs when
 * they serialise. The callers exclude each other (text_mutex).
 * Context: any CPU of ours, not from a trap. The other CPUs must have interrupts on, or turn them
 * on within the deadline. This CPU's interrupts may be off. Cost: one cross-CPU round trip,
 * whatever the number of CPUs; nothing but the serialising instruction when alone. Return: 0 or
 * -ERR_TIMEOUT.
 */
int machine_sync_core_each_cpu(u32 *ret_cpu);

/* The serialising instructions a sync can be made of (Intel SDM vol. 3, "Serializing"). */
enum sync_core {
	SYNC_CORE_AUTO, /* SERIALIZE where CPUID has it, else IRET */
	SYNC_CORE_SERIALIZE,
	SYNC_CORE_IRET,
	SYNC_CORE_MOV_CR2, /* ring 0 only */
	SYNC_CORE_CPUID, /* an exit to the hypervisor where there is one */
	NR_SYNC_CORES,
};

/* sync_core_name() - the word of --serialize and of machine.csv */
static inline const char *sync_core_name(enum sync_core how)
{
	static const char *const names[NR_SYNC_CORES] = {
		[SYNC_CORE_AUTO] = "auto",   [SYNC_CORE_SERIALIZE] = "serialize",
		[SYNC_CORE_IRET] = "iret",   [SYNC_CORE_MOV_CR2] = "mov-cr2",
		[SYNC_CORE_CPUID] = "cpuid",
	};

	return names[how];
}

/**
 * machine_sync_core_select() - what every CPU of ours executes in a sync from now on
 *
 * Where the kernel serialises the CPUs (host), it is what the caller executes when it is alone.
 * Context: boot CPU, no sync under way. Return: 0; -ERR_UNSUPPORTED when this machine has not got
 * it, and nothing changes.
 */
int machine_sync_core_select(enum sync_core how);

/* machine_sync_core() - the one in force, never AUTO */
enum sync_core machine_sync_core(void);

/**
 * machine_syncs_answered() - how many syncs @cpu has serialised for another CPU, since start; and
 * one for each time that it was brought back in
 *
 * Counted by the CPU that answers, so it proves that each was reached, and how often. Without
 * MACHINE_CAP_RING0 the kernel does that unseen, and this is the number of rounds asked for.
 * Context: any CPU of ours; exact once the round has returned.
 */
u64 machine_syncs_answered(u32 cpu);

/*
 * What machine_interrupt() sends. On the host both are signals, and neither can be held back: they
 * nest into each other at any time.
 */
enum machine_interrupt {
	MACHINE_INTERRUPT_FIXED, /* held back while the target has interrupts off */
	MACHINE_INTERRUPT_NMI, /* lands anywhere, also inside the #BP handler */
};

/**
 * interrupt_fn - what an interrupt that was sent runs on its target
 *
 * Runs on the stack of what it interrupted. It may run patched sites and so trap, and probe; it may
 * not call anything else that its own CPU could be in the middle of, nor wait for another CPU: a
 * sync of this one has to wait for it. Another NMI may nest into it after a trap.
 */
typedef void (*interrupt_fn)(void *arg);

/**
 * machine_on_interrupt() - what both kinds run from now on; NULL = nothing
 *
 * Context: boot CPU, none under way, or the same CPUs' are still running the @fn that NULL ends.
 * Return: 0, or -ERR_UNSUPPORTED where none can be sent.
 */
int machine_on_interrupt(interrupt_fn fn, void *arg);

/**
 * machine_interrupt_fn() - what both kinds run now, for who replaces it and puts it back
 * @ret_arg: its argument
 *
 * Context: boot CPU. Return: NULL when there is none.
 */
interrupt_fn machine_interrupt_fn(void **ret_arg);

/**
 * machine_interrupt() - interrupt another CPU; does not wait
 *
 * Context: any CPU of ours, interrupts on or off, not from an interrupt. Two that meet may become
 * one; one that is sent after the other's @fn has begun is never lost.
 * Return: 0; -ERR_INVAL for this CPU, one that is lost or out, or none of ours; -ERR_UNSUPPORTED.
 */
int machine_interrupt(u32 cpu, enum machine_interrupt kind);

/**
 * machine_nmis_unsent() - NMIs so far, on all CPUs of ours, that machine_interrupt() has not sent
 *
 * A watchdog's, a button's, or firmware's. They are survived, and a figure may have been disturbed.
 */
u64 machine_nmis_unsent(void);

/**
 * machine_irq_save() - hold interrupts back on this CPU
 *
 * Context: any CPU. Without MACHINE_CAP_IRQ_OFF this does nothing and says so by that missing bit.
 * Return: what machine_irq_restore() needs.
 */
u64 machine_irq_save(void);
void machine_irq_restore(u64 flags);

/**
 * machine_irqs_off() - true when interrupts are held back on this CPU (always false without the
 * cap)
 */
bool machine_irqs_off(void);

/**
 * machine_tsc_hz() - ticks of rdtsc() per second, as validated at the start
 *
 * Before calibration: 6 GHz, so that deadlines come late rather than early. Any context.
 */
u64 machine_tsc_hz(void);

/* How long from now, in ticks: deadline = rdtsc() + machine_ticks(ns). Any context. */
u64 machine_ticks(u64 ns);

/* Nanoseconds for ticks, rounded to nearest. Any context. */
u64 machine_ns(u64 tsc_ticks);

/**
 * machine_for_each_fact() - everything that machine.csv should say about this machine
 * @emit: called once per fact, key in lower_case_words with the unit in the name
 *
 * Context: boot CPU, after machine_start_cpus().
 */
void machine_for_each_fact(void (*emit)(void *ctx, const char *key, const char *value), void *ctx);

/**
 * machine_next_warning() - what the machine has done that this program relies on it not to do
 *
 * Context: boot CPU. Return: a sentence that is good until the next call, each once; NULL when
 * there is nothing new.
 */
const char *machine_next_warning(void);

/* Calendar time, UTC as far as the machine knows. All zero when it does not. */
struct machine_time {
	u16 year;
	u8 month, day, hour, minute, second;
};

struct machine_time machine_time(void);

/**
 * machine_alloc() - zeroed, page-aligned memory for data; never executable
 *
 * Context: boot CPU. Return: NULL when there is none.
 */
void *machine_alloc(size_t bytes);
void machine_free(void *mem, size_t bytes);

#endif
