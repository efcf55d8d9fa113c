/* SPDX-License-Identifier: MIT */
#include "executor.h"

#include "atomic.h"
#include "machine.h"
#include "victim.h"
#include "x86.h"

#define DEADLINE_NS (10 * NSEC_PER_SEC)
/* So that one site alone is run this often before the words of the patcher are looked at again. */
#define RUNS_OF_A_ROUND 16

/* ---- On the executor's CPU ---- */

static void note_torn(struct executor *me, u32 i, struct imm_ran ran)
{
	me->site[i].torn++;
	me->all_sites.torn++;
	if (me->first_torn)
		return;
	me->first_torn = me->all_sites.executed;
	me->torn = ran;
	me->torn_site = i;
}

static void run_site(struct executor *me, const struct imm_sites *sites, u32 i)
{
	struct imm_ran ran = sites->sites[i].run();
	enum imm_outcome outcome = imm_outcome(sites, ran);

	me->site[i].executed++;
	me->all_sites.executed++;
	if (outcome == IMM_RAN_TORN)
		note_torn(me, i, ran);
	else if (outcome != IMM_RAN_EACH)
		me->ran[outcome == IMM_RAN_NEW]++;
}

static void run_range(void *arg)
{
	struct executor *me = arg;
	/* A-range: pairs with R-range; nothing else is passed with it. */
	u64 range = load_acquire(&me->all->range);
	u32 first = range >> 32, nr = (u32)range;
	u32 nr_times = nr < RUNS_OF_A_ROUND ? RUNS_OF_A_ROUND / nr : 1;

	for (u32 time = 0; time < nr_times; time++)
		for (u32 i = first; i < first + nr; i++)
			run_site(me, me->all->sites, i);
}

static void note_fault(struct executor *me, const struct machine_fault *fault)
{
	if (!me->nr_faults++)
		me->fault = *fault;
}

static enum pass_form form_of_round(const struct executor *me)
{
	if (me->ran[0] && me->ran[1])
		return PASS_MIXED;
	return me->ran[1] ? PASS_NEW : PASS_OLD;
}

static void run_round(struct executor *me)
{
	struct executors *all = me->all;
	struct machine_fault fault;
	/* A-epoch: pairs with R-epoch. Without it a round could count as begun after a change. */
	u64 epoch = load_acquire(&all->epoch);

	me->ran[0] = me->ran[1] = 0;
	if (machine_probe(run_range, me, &fault))
		note_fault(me, &fault);
	/* A-busy: pairs with R-busy: this look is after the round. */
	if (load_acquire(&all->epoch) == epoch && !(epoch & EPOCH_BUSY))
		me->nr_late += me->ran[!(epoch & EPOCH_NEW)];
	if (all->clocks)
		pass_clock_passed(&all->clocks[me->cpu], form_of_round(me), false, rdtsc_ordered());
	/* R-ran: what the round has found is there before it counts. Pairs with A-ran. */
	store_release(&me->nr_rounds, me->nr_rounds + 1);
}

static void executor_main(void *arg)
{
	struct executor *me = arg;

	/* A-stop: pairs with R-stop. */
	while (!load_acquire(&me->all->stop))
		run_round(me);
}

/* ---- On the patcher's ---- */

static void set_range(struct executors *e, u32 first, u32 nr)
{
	/* R-range: nothing is published with it. Pairs with A-range. */
	store_release(&e->range, (u64)first << 32 | nr);
}

int executors_start(struct bench_run *run, struct executors *e, const struct imm_sites *sites,
		    struct pass_clock *clocks)
{
	int err = 0;

	if (sites->nr_sites > EXECUTOR_MAX_SITES)
		return bench_fail(run, -ERR_RANGE, "too many sites for executors");
	e->sites = sites;
	e->clocks = clocks;
	e->each = machine_alloc(machine_nr_cpus() * sizeof(*e->each));
	if (!e->each)
		return bench_fail(run, -ERR_NOMEM, "no memory for executors");
	set_range(e, 0, sites->nr_sites);
	for (u32 cpu = 1; cpu < machine_nr_cpus() && !err; cpu++) {
		struct executor *executor = &e->each[e->nr];

		executor->all = e;
		executor->cpu = cpu;
		err = machine_cpu_start(cpu, executor_main, executor);
		if (!err)
			e->nr++;
	}
	return err ? bench_fail(run, err, "an executor did not start")
		   : executors_wait_round(run, e);
}

static int wait_rounds(struct bench_run *run, const struct executor *executor, u64 goal,
		       u64 deadline)
{
	/* A-ran: pairs with R-ran. */
	while (load_acquire(&executor->nr_rounds) < goal) {
		if (!machine_cpu_busy(executor->cpu))
			return bench_fail(run, -ERR_FAULT, "cpu %u ended for good", executor->cpu);
		if (rdtsc() > deadline)
			return bench_fail(run, -ERR_TIMEOUT, "cpu %u does not come round",
					  executor->cpu);
		cpu_relax();
	}
	return 0;
}

int executors_wait_round(struct bench_run *run, struct executors *e)
{
	u64 deadline = rdtsc() + machine_ticks(DEADLINE_NS);
	int err = 0;

	/* Two: the first may have begun before the call. A-ran. */
	for (u32 i = 0; i < e->nr && !err; i++)
		err = wait_rounds(run, &e->each[i], load_acquire(&e->each[i].nr_rounds) + 2,
				  deadline);
	return err;
}

int executors_range(struct bench_run *run, struct executors *e, u32 first, u32 nr)
{
	set_range(e, first, nr);
	return executors_wait_round(run, e);
}

void executors_change_begin(struct executors *e)
{
	/* R-busy: pairs with A-busy; the stores of the change come after. */
	store_release(&e->epoch, e->epoch | EPOCH_BUSY);
}

void executors_change_end(struct executors *e, bool new)
{
	u64 next = (e->epoch & ~(EPOCH_STEP - 1)) + EPOCH_STEP;

	/* R-epoch: pairs with A-epoch: who sees it runs after the change. */
	store_release(&e->epoch, next | (new ? EPOCH_NEW : 0));
}

void executors_stop(struct bench_run *run, struct executors *e)
{
	if (!e->each || e->stop)
		return;
	/* R-stop: pairs with A-stop; nothing else is passed with it. */
	store_release(&e->stop, 1);
	for (u32 i = 0; i < e->nr; i++) {
		u32 cpu = e->each[i].cpu;

		if (machine_cpu_wait(cpu, DEADLINE_NS, NULL))
			bench_violation(run, "cpu %u did not end well", cpu);
	}
}

bool executors_all_home(const struct executors *e)
{
	for (u32 i = 0; e->each && i < e->nr; i++)
		if (machine_cpu_lost(e->each[i].cpu))
			return false;
	return true;
}

void executors_free(struct executors *e)
{
	if (e->each)
		machine_free(e->each, machine_nr_cpus() * sizeof(*e->each));
	e->each = NULL;
	e->nr = 0;
}

/* ---- What they have found ---- */

struct exec_count executors_site(const struct executors *e, u32 site)
{
	struct exec_count sum = { 0 };

	for (u32 i = 0; i < e->nr; i++) {
		sum.executed += load_relaxed(&e->each[i].site[site].executed);
		sum.torn += load_relaxed(&e->each[i].site[site].torn);
	}
	return sum;
}

struct exec_count executors_total(const struct executors *e)
{
	struct exec_count sum = { 0 };

	for (u32 i = 0; i < e->nr; i++) {
		sum.executed += load_relaxed(&e->each[i].all_sites.executed);
		sum.torn += load_relaxed(&e->each[i].all_sites.torn);
	}
	return sum;
}

u64 executors_faults(const struct executors *e)
{
	u64 sum = 0;

	for (u32 i = 0; i < e->nr; i++)
		sum += load_relaxed(&e->each[i].nr_faults);
	return sum;
}

u64 executors_late(const struct executors *e)
{
	u64 sum = 0;

	for (u32 i = 0; i < e->nr; i++)
		sum += load_relaxed(&e->each[i].nr_late);
	return sum;
}

u64 executors_first_torn(const struct executors *e)
{
	u64 first = 0;

	for (u32 i = 0; i < e->nr; i++) {
		u64 one = load_relaxed(&e->each[i].first_torn);

		if (one && (!first || one < first))
			first = one;
	}
	return first;
}

void executors_note(const struct bench_run *run, const struct executors *e)
{
	for (u32 i = 0; i < e->nr; i++) {
		const struct executor *x = &e->each[i];

		if (x->first_torn)
			bench_note(run, "cpu %u, execution %lu, site %u: torn, rax %lx, rdx %lx",
				   x->cpu, x->first_torn, x->torn_site, x->torn.rax, x->torn.rdx);
		if (x->nr_faults)
			bench_note(run, "cpu %u: %lu faults, the first: vector %u at %lx", x->cpu,
				   x->nr_faults, x->fault.vector, x->fault.ip);
	}
}
