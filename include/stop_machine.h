/* SPDX-License-Identifier: MIT */
/*
 * Stop every CPU, run one procedure on one of them, and let all go on: a rendezvous in four states.
 *
 * A CPU is stopped by an interrupt, in the middle of whatever it runs. What must not be stopped
 * half-way, such as a walk over a list that entries are taken out of, stands between stop_hold()
 * and stop_release(): the CPU then comes when it is through.
 */
#ifndef SMPOKE_STOP_MACHINE_H
#define SMPOKE_STOP_MACHINE_H

#include "machine.h"
#include "types.h"

/*
 * Each state is answered by every CPU, and the last answer begins the next.
 * A CPU enters PREPARE when it comes, and in EXIT or GIVEN_UP it leaves.
 */
enum stop_state {
	STOP_NONE, /* not there yet */
	STOP_PREPARE, /* in the rendezvous; interrupts as they were */
	STOP_DISABLE_IRQ, /* interrupts held back, where the machine can */
	STOP_RUN, /* the procedure runs on its CPU; the others do nothing */
	STOP_EXIT,
	STOP_GIVEN_UP, /* instead of EXIT: an answer did not come in time */
};

/* What became of the last stop_machine(). */
struct stop_report {
	enum stop_state state; /* the last that was begun; the one given up on -ERR_TIMEOUT */
	u32 cpu; /* on an error, the CPU it is about: the first that did not answer */
	u32 nr_missing; /* how many did not answer */
	struct machine_fault fault; /* on -ERR_FAULT */
};

/**
 * stop_machine_init() - a record for each CPU
 *
 * Context: boot CPU, once, before the other CPUs are started, before any call below and any
 * look-up in the list of modules. Return: 0 or -ERR_NOMEM.
 */
int stop_machine_init(void);

/**
 * stop_machine() - run @fn on @cpu while every other CPU of ours does nothing
 * @cpu: any of ours, the caller's included
 * @timeout_ns: how long all CPUs together may take to come, and how long @fn may run
 * @ret: filled in any case but -ERR_PERM and -ERR_INVAL; may be NULL
 *
 * From the moment that @fn begins to the moment that it has returned no CPU of ours executes an
 * instruction outside of the rendezvous; and none is between stop_hold() and stop_release(). Each
 * CPU serialises after @fn, before anything else: text that @fn wrote is run as it stands then.
 * With MACHINE_CAP_IRQ_OFF interrupts are held back on all of them meanwhile. NMIs are not, and on
 * the host no signal is: their handlers may run.
 *
 * @fn may run patched sites, probe, and write text with text_poke() when @cpu is the caller; a trap
 * ends it. It may not wait for another CPU, which cannot answer: no lock (its owner may be
 * stopped), no batch (a CPU may be stopped in the #BP handler, with its reference), no sync.
 *
 * The caller holds text_mutex. That is what keeps rendezvous and sync apart: a CPU that is in the
 * rendezvous with interrupts off cannot answer a sync, and one that waits for a sync's answers with
 * interrupts off does not come. Syncs of several CPUs are made under text_mutex (machine.h), and
 * who waits for text_mutex has interrupts on.
 *
 * The procedure of machine_on_interrupt() is replaced for as long as this takes, and put back. None
 * of its owner's interrupts may be under way or be sent meanwhile: it would be lost. A CPU that was
 * given up may take our interrupt later; it then runs the owner's procedure once more than it was
 * asked to, if there is one.
 *
 * Context: boot CPU, text_mutex held, interrupts on, not from a trap or an interrupt, not between
 * stop_hold() and stop_release(). The other CPUs have interrupts on, or turn them on within the
 * deadline. Cost: one interrupt to each CPU, and four times one answer of all.
 * Return: 0 when @fn returned; -ERR_FAULT when a trap ended it;
 * -ERR_TIMEOUT when a CPU did not come, or is lost to the machine: @fn has not run, everybody goes
 * on, and @ret names the CPU;
 * -ERR_STOPPED when @fn did not end in time, or a CPU did not leave: the others went on while it
 * ran, and nothing is promised any more. Every later call returns the same at once;
 * -ERR_PERM for the wrong context; -ERR_INVAL for a @cpu that is none of ours; -ERR_UNSUPPORTED
 * where CPUs cannot be interrupted.
 */
int stop_machine(u32 cpu, cpu_fn fn, void *arg, u64 timeout_ns, struct stop_report *ret);

/**
 * stop_hold() / stop_release() - in between, this CPU is not stopped
 *
 * They nest. A stop that is asked for meanwhile is taken part in by the outermost stop_release().
 * What stands between them is short and bounded, waits for nobody, takes no lock (a stop waits for
 * it, and its caller has locks), and no trap may end it, which would leave it open for ever. What
 * Linux calls disabling preemption does this for its stop_machine(). Interrupts are not held back.
 * Context: any CPU of ours, any state, traps and NMIs included. noinstr. Cost: no locked operation,
 * one cache line that is this CPU's own.
 */
void stop_hold(void);
void stop_release(void);

/* stop_held() - true between the two, on this CPU */
bool stop_held(void);

/* stop_state_name() - for messages */
const char *stop_state_name(enum stop_state state);

#endif
