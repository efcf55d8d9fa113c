/* SPDX-License-Identifier: MIT */
#include "change.h"

#include "atomic.h"
#include "format.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "stop_machine.h"
#include "text_patching.h"
#include "toggle.h"
#include "x86.h"

#define DEADLINE_NS (5 * NSEC_PER_SEC)

/* What one CPU says to the patcher. */
struct change_cpu {
	u32 answered; /* the last round of NMIs that it has serialised for */
	u64 nr_traps;
} __attribute__((aligned(FALSE_SHARING_BYTES)));

/* There is one set of breakpoints and one of interrupts, and so one of these. */
static struct {
	const struct imm_sites *sites;
	bool new; /* the form that a CPU at an INT3 is made to run */
	bool has_serialize;
	u32 asked; /* rounds of NMIs so far */
	struct change_cpu *each; /* by CPU */
	bool has_hook, has_interrupts;
	text_bp_hook hook_before;
	interrupt_fn before;
	void *before_arg;
} state;

/* ---- A CPU that meets an INT3 of CHANGE_PHASES ---- */

/*
 * By what the patcher wants, whatever stands in memory: an INT3 may be met a little after it is
 * gone, on the host and under an emulator.
 */
static noinstr bool emulate_mov(struct trap_regs *regs)
{
	const struct imm_sites *sites = state.sites;
	const u8 *addr = (const u8 *)(regs->ip - INT3_INSN_SIZE);

	for (u32 i = 0; i < sites->nr_sites; i++) {
		if (sites->sites[i].addr != addr)
			continue;
		/* R-form, A-form: the form is there before the first INT3 is. */
		if (load_acquire(&state.new))
			regs->dx = sites->ran_new.rdx;
		else
			regs->ax = sites->ran_old.rax;
		regs->ip = (u64)addr + IMM_WHOLE_BYTES;
		state.each[machine_this_cpu()].nr_traps++;
		return true;
	}
	return false;
}

/* ---- A sync by NMI ---- */

/* No IRET here: it would let the next NMI in. On the host there is no such thing. */
static void serialise_in_nmi(void)
{
	if (state.has_serialize)
		serialize();
	else if (machine_caps() & MACHINE_CAP_RING0)
		write_cr2(read_cr2());
	else
		iret_to_self();
}

static void answer_nmi(void *arg)
{
	/* A-asked: pairs with R-asked. Read first: what comes later is not answered by this. */
	u32 asked = load_acquire(&state.asked);

	(void)arg;
	serialise_in_nmi();
	/* R-answered: pairs with A-answered. */
	store_release(&state.each[machine_this_cpu()].answered, asked);
}

static int sync_by_nmi(void)
{
	u64 deadline = rdtsc() + machine_ticks(DEADLINE_NS);
	u32 asked = state.asked + 1;
	int err = 0;

	/* R-asked: pairs with A-asked: the stores to text come before the round. */
	store_release(&state.asked, asked);
	for (u32 cpu = 1; cpu < machine_nr_cpus() && !err; cpu++)
		err = machine_interrupt(cpu, MACHINE_INTERRUPT_NMI);
	sync_this_core();
	for (u32 cpu = 1; cpu < machine_nr_cpus() && !err; cpu++) {
		/* A-answered: pairs with R-answered. */
		while (load_acquire(&state.each[cpu].answered) != asked) {
			if (rdtsc() > deadline)
				return -ERR_TIMEOUT;
			cpu_relax();
		}
	}
	return err;
}

/* ---- Three phases ---- */

static int between(const struct change *how, u32 phase)
{
	u64 end;

	switch (how->gap[phase]) {
	case GAP_SYNC:
		return machine_sync_core_each_cpu(NULL);
	case GAP_NMI:
		return sync_by_nmi();
	case GAP_WAIT:
		end = rdtsc() + how->wait_ticks;
		while (rdtsc() < end)
			cpu_relax();
		return 0;
	default:
		return 0;
	}
}

static void write_phase(const struct imm_sites *sites, u32 phase, const u8 *bytes, ptrdiff_t delta)
{
	u32 tail;

	memcpy(&tail, bytes + 1, sizeof(tail));
	for (u32 i = 0; i < sites->nr_sites; i++) {
		u8 *site = sites->sites[i].addr + delta;

		if (phase == 1)
			store_4(site + 1, tail);
		else
			store_1(site, phase ? bytes[0] : INT3_INSN_OPCODE);
	}
}

static int change_in_phases(const struct change *how, const struct imm_sites *sites, bool new)
{
	ptrdiff_t delta;
	int err = text_alias_open(&delta);

	if (err)
		return err;
	/* R-form: pairs with A-form. */
	store_release(&state.new, new);
	for (u32 phase = 0; phase < ARRAY_SIZE(how->gap) && !err; phase++) {
		write_phase(sites, phase, new ? sites->new : sites->old, delta);
		err = between(how, phase);
	}
	text_alias_close();
	return err;
}

/* ---- Without phases ---- */

/* One store reaches no further than the aligned word that the site begins in. */
static bool fits_in_words(const struct imm_sites *sites)
{
	for (u32 i = 0; i < sites->nr_sites; i++)
		if ((u64)sites->sites[i].addr % 8 + IMM_WHOLE_BYTES > 8)
			return false;
	return true;
}

static void store_word(u8 *site, const u8 *bytes)
{
	u8 *word = (u8 *)((u64)site & ~7ull);
	u8 image[8];
	u64 v;

	memcpy(image, word, sizeof(image));
	memcpy(image + (site - word), bytes, IMM_WHOLE_BYTES);
	memcpy(&v, image, sizeof(v));
	store_8(word, v);
}

static void copy_bytes(u8 *site, const u8 *bytes)
{
	for (u32 i = 0; i < IMM_WHOLE_BYTES; i++)
		store_1(site + i, bytes[i]);
}

static int change_unprotected(const struct change *how, const struct imm_sites *sites, bool new)
{
	const u8 *bytes = new ? sites->new : sites->old;
	ptrdiff_t delta;
	int err = how->how == CHANGE_STORE && !fits_in_words(sites) ? -ERR_RANGE
								    : text_alias_open(&delta);

	if (err)
		return err;
	for (u32 i = 0; i < sites->nr_sites; i++) {
		u8 *site = sites->sites[i].addr + delta;

		if (how->how == CHANGE_STORE)
			store_word(site, bytes);
		else
			copy_bytes(site, bytes);
	}
	text_alias_close();
	return 0;
}

/* ---- While all others stand still ---- */

#define STOPPED_MAX_BYTES (2 * PAGE_BYTES)

struct stopped {
	const struct imm_sites *sites;
	bool new;
	int err;
};

/* Each CPU serialises before it goes on. */
static void write_stopped(void *arg)
{
	static u8 image[STOPPED_MAX_BYTES];
	struct stopped *stopped = arg;
	const struct imm_sites *sites = stopped->sites;
	u8 *first = sites->sites[0].addr;
	size_t bytes = sites->sites[sites->nr_sites - 1].addr + IMM_WHOLE_BYTES - first;

	if (bytes > sizeof(image)) {
		stopped->err = -ERR_RANGE;
		return;
	}
	memcpy(image, first, bytes);
	for (u32 i = 0; i < sites->nr_sites; i++)
		memcpy(image + (sites->sites[i].addr - first),
		       stopped->new ? sites->new : sites->old, IMM_WHOLE_BYTES);
	stopped->err = text_poke(first, image, bytes);
}

static int change_stopped(const struct imm_sites *sites, bool new)
{
	struct stopped stopped = { .sites = sites, .new = new };
	int err = stop_machine(0, write_stopped, &stopped, DEADLINE_NS, NULL);

	return err ? err : stopped.err;
}

/* ---- By the engine ---- */

/* What a CPU that meets the INT3 does instead: it calls a function that does the same. */
static void stand_in_call(u8 call[CALL_INSN_SIZE], const u8 *site, const u8 *function)
{
	s32 rel = (s32)(function - (site + CALL_INSN_SIZE));

	call[0] = CALL_INSN_OPCODE;
	memcpy(call + 1, &rel, sizeof(rel));
}

static int change_by_engine(const struct change *how, const struct imm_sites *sites, bool new)
{
	int err = 0;

	for (u32 i = 0; i < sites->nr_sites && !err; i++) {
		u8 *site = sites->sites[i].addr, call[CALL_INSN_SIZE];

		stand_in_call(call, site, sites->stand_in[new]);
		err = smp_text_poke_batch_add(site, new ? sites->new : sites->old, IMM_WHOLE_BYTES,
					      call);
		if (!err && how->how == CHANGE_SINGLE)
			err = smp_text_poke_batch_finish();
	}
	/* Also on an error: their text is about to be freed. */
	if (how->how == CHANGE_SINGLE && !err)
		return 0;
	return smp_text_poke_batch_finish() ? -ERR_TIMEOUT : err;
}

/* ---- All of them ---- */

static int change_by(const struct change *how, const struct imm_sites *sites, bool new)
{
	switch (how->how) {
	case CHANGE_BATCH:
	case CHANGE_SINGLE:
		return change_by_engine(how, sites, new);
	case CHANGE_PHASES:
		return change_in_phases(how, sites, new);
	case CHANGE_STOP:
		return change_stopped(sites, new);
	default:
		return change_unprotected(how, sites, new);
	}
}

int change_sites(struct bench_run *run, const struct change *how, const struct imm_sites *sites,
		 bool new, u64 *ret_ticks)
{
	u64 begin = rdtsc_ordered();
	int err;

	text_mutex_lock();
	err = change_by(how, sites, new);
	text_mutex_unlock();
	*ret_ticks = rdtsc_ordered() - begin;
	return err ? bench_fail(run, err, "the sites could not be changed: %s", error_name(err))
		   : 0;
}

static bool wants_nmi(const struct change *how)
{
	bool wants = false;

	for (u32 i = 0; i < ARRAY_SIZE(how->gap); i++)
		wants = wants || how->gap[i] == GAP_NMI;
	return wants;
}

int change_begin(struct bench_run *run, const struct change *how, const struct imm_sites *sites)
{
	u32 asked = state.asked;

	memset(&state, 0, sizeof(state));
	state.asked = asked;
	if (how->how != CHANGE_PHASES)
		return 0;
	state.sites = sites;
	state.has_serialize = has_serialize();
	state.each = machine_alloc(machine_nr_cpus() * sizeof(*state.each));
	if (!state.each)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	state.hook_before = text_set_bp_hook(emulate_mov);
	state.has_hook = true;
	if (!wants_nmi(how))
		return 0;
	state.before = machine_interrupt_fn(&state.before_arg);
	if (machine_on_interrupt(answer_nmi, NULL))
		return bench_fail(run, -ERR_UNSUPPORTED, "needs interrupts");
	state.has_interrupts = true;
	return 0;
}

void change_end(void)
{
	if (state.has_interrupts)
		machine_on_interrupt(state.before, state.before_arg);
	if (state.has_hook)
		text_set_bp_hook(state.hook_before);
	if (state.each)
		machine_free(state.each, machine_nr_cpus() * sizeof(*state.each));
	state.has_interrupts = state.has_hook = false;
	state.each = NULL;
}

u64 change_traps(void)
{
	u64 sum = toggle_traps(NULL);

	for (u32 cpu = 0; state.each && cpu < machine_nr_cpus(); cpu++)
		sum += load_relaxed(&state.each[cpu].nr_traps);
	return sum;
}
