/* SPDX-License-Identifier: MIT */
#include "together.h"

#include "atomic.h"
#include "machine.h"
#include "x86.h"

#define DEADLINE_NS (10 * NSEC_PER_SEC)

/* Alone, even a CPU without LOCK would lose nothing. */
static bool all_have_come(struct together *t)
{
	u64 deadline = rdtsc() + machine_ticks(DEADLINE_NS);

	for (u32 cpu = 0; cpu < t->nr_cpus; cpu++) {
		/* A-come: pairs with R-come. */
		while (load_acquire(&t->each[cpu].round) < t->round) {
			if (rdtsc() > deadline)
				return false;
			cpu_relax();
		}
	}
	return true;
}

static void take_part(void *arg)
{
	struct together_cpu *me = arg;
	struct together *t = me->all;
	u64 begin;

	/* R-come: nothing is passed with it but that it has come. Pairs with A-come. */
	store_release(&me->round, t->round);
	me->late = !all_have_come(t);
	if (me->late)
		return;
	begin = rdtsc_ordered();
	t->run(t->arg, me->cpu);
	me->ticks = rdtsc_ordered() - begin;
}

static int wait_for_all(struct bench_run *run, struct together *t)
{
	int err = 0;

	for (u32 cpu = 1; cpu < t->nr_cpus; cpu++) {
		int one = machine_cpu_wait(cpu, 2 * DEADLINE_NS, NULL);

		t->left_behind = t->left_behind || one == -ERR_TIMEOUT;
		/* -ERR_INVAL: it was never started. */
		if (one && one != -ERR_INVAL)
			err = bench_fail(run, one, "cpu %u did not end well", cpu);
		else if (t->each[cpu].late)
			err = bench_fail(run, -ERR_TIMEOUT, "cpu %u waited in vain", cpu);
	}
	return err;
}

int together_run(struct bench_run *run, struct together *t)
{
	int err = 0, end;

	t->round++;
	for (u32 cpu = 0; cpu < t->nr_cpus; cpu++) {
		t->each[cpu].all = t;
		t->each[cpu].cpu = cpu;
	}
	for (u32 cpu = 1; cpu < t->nr_cpus && !err; cpu++)
		err = machine_cpu_start(cpu, take_part, &t->each[cpu]);
	if (err)
		bench_fail(run, err, "a CPU could not be started");
	else
		take_part(&t->each[0]);
	end = wait_for_all(run, t);
	if (!err && !end && t->each[0].late)
		end = bench_fail(run, -ERR_TIMEOUT, "another CPU did not come");
	return err ? err : end;
}

u64 together_ticks(const struct together *t)
{
	u64 longest = 0;

	for (u32 cpu = 0; cpu < t->nr_cpus; cpu++)
		if (t->each[cpu].ticks > longest)
			longest = t->each[cpu].ticks;
	return longest;
}

u64 together_patience_ns(void)
{
	return (machine_caps() & MACHINE_CAP_SILICON ? 2 : 15) * NSEC_PER_SEC;
}
