/* SPDX-License-Identifier: MIT */
#include "others.h"

#include "all_cpus.h"
#include "atomic.h"
#include "machine.h"
#include "x86.h"

#define DEADLINE_NS (5 * NSEC_PER_SEC)

/* Behind the last CPU that is in. */
static u32 end_of(const struct others *o)
{
	return o->nr_cpus && o->nr_cpus < machine_nr_cpus() ? o->nr_cpus : machine_nr_cpus();
}

/* How many CPUs take part: who has no work does not count, and the runner has set it for per_cpus.
 */
static u32 nr_cpus_of(const struct bench_run *run, const struct others_kind *kind)
{
	if (run->bench->per_cpus)
		return run->cpus;
	return kind->alone || kind->what == OTHERS_IDLE ? 1 : machine_nr_cpus();
}

int others_setup(struct bench_run *run, struct others *o, const struct others_kind *kind,
		 struct toggler *t)
{
	int err;

	o->kind = kind;
	run->cpus = nr_cpus_of(run, kind);
	run->sites = kind->nr_sites ? kind->nr_sites : run->sites;
	o->nr_cpus = run->bench->per_cpus || kind->alone ? run->cpus : 0;
	err = region_build_sites(&t->sites, SITE_NOP5_JMP32, run->sites, SITE_STRIDE_BYTES, 0);
	if (!err && kind->what == OTHERS_ELSEWHERE)
		err = region_build_sites(&o->code, SITE_NOP5_JMP32, 1, SITE_STRIDE_BYTES, 0);
	return err ? bench_fail(run, err, "%s", region_why()) : 0;
}

/* ---- Who holds interrupts back ---- */

static void hold_interrupts_back(void *arg)
{
	struct others *o = arg;
	u64 ticks = machine_ticks(o->kind->irqs_off_ns);

	/* A-stop: pairs with R-stop. */
	while (!load_acquire(&o->stop)) {
		u64 flags = machine_irq_save(), end = rdtsc() + ticks;

		while (rdtsc() < end)
			barrier();
		machine_irq_restore(flags);
		/* QEMU 8 looks for interrupts where it leaves translated code, as here it does. */
		cpu_relax();
	}
}

static int start_holding(struct bench_run *run, struct others *o)
{
	int err = 0;

	for (u32 cpu = 1; cpu < end_of(o) && !err; cpu++)
		err = machine_cpu_start(cpu, hold_interrupts_back, o);
	return err ? bench_fail(run, err, "a CPU could not be started") : 0;
}

/* Return: true when all are home. */
static bool stop_holding(struct bench_run *run, struct others *o)
{
	/* R-stop: pairs with A-stop; nothing else is passed with it. */
	store_release(&o->stop, 1);
	return o->kind->what != OTHERS_IRQS_OFF || all_cpus_home(run, end_of(o), DEADLINE_NS);
}

/* ---- All of them ---- */

int others_start(struct bench_run *run, struct others *o, struct toggler *t)
{
	struct watch watch = { .nr_cpus = end_of(o) };
	int err = o->nr_cpus ? all_cpus_down_from(run, end_of(o)) : 0;

	if (err)
		return err;
	switch (o->kind->what) {
	case OTHERS_IN_CODE:
		t->watch.nr_cpus = watch.nr_cpus;
		return toggle_start_victims(run, t);
	case OTHERS_ELSEWHERE:
		err = victims_start_watch(&o->elsewhere, &o->code, &watch);
		return err ? bench_fail(run, err, "no CPU ran elsewhere: %s", o->elsewhere.why) : 0;
	case OTHERS_IRQS_OFF:
		return start_holding(run, o);
	default:
		return 0;
	}
}

int others_wait_pass(struct bench_run *run, struct others *o, struct toggler *t)
{
	if (victims_wait_pass(&o->elsewhere))
		return bench_fail(run, -ERR_TIMEOUT, "a CPU stopped running elsewhere");
	return toggle_wait_pass(run, t);
}

u64 others_passes(const struct others *o, const struct toggler *t)
{
	return victims_passes(&t->victims) + victims_passes(&o->elsewhere);
}

bool others_end(struct bench_run *run, struct others *o, struct toggler *t)
{
	if (!stop_holding(run, o))
		return false;
	victims_stop(&o->elsewhere);
	run->violations += victims_violations(&o->elsewhere);
	victims_free(&o->elsewhere);
	if (o->code.region.text)
		site_region_free(&o->code);
	toggle_end(run, t);
	if (o->nr_cpus)
		all_cpus_up(run);
	return true;
}
