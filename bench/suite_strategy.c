/* SPDX-License-Identifier: MIT */
/*
 * The same sites in other ways: what does it cost not to do as suite poke does?
 *
 * Every way (strategy.h) at every size of a batch, with the other CPUs where that way can bear
 * them, and by how many of them there are.
 */
#include "bench.h"
#include "floor.h"
#include "machine.h"
#include "others.h"
#include "region.h"
#include "strategy.h"
#include "x86.h"

enum {
	STRATEGY_CHANGE,
	STRATEGY_READY,
	STRATEGY_WRITTEN,
	STRATEGY_OVER,
	STRATEGY_SYNCS,
	NR_STRATEGY_SERIES,
};

static const struct series strategy_series[NR_STRATEGY_SERIES] = {
	[STRATEGY_CHANGE] = { "change", "ns" },	  [STRATEGY_READY] = { "ready", "ns" },
	[STRATEGY_WRITTEN] = { "written", "ns" }, [STRATEGY_OVER] = { "over", "ns" },
	[STRATEGY_SYNCS] = { "syncs", "count" },
};

struct way {
	strategy_fn how;
	u32 floor_phases; /* what cannot be avoided if it is to be done in such a way */
	struct others_kind others;
};

struct strategy_bench {
	struct strategy strategy;
	struct others others;
	struct floor floor;
};

static int strategy_setup(struct bench_run *run)
{
	const struct way *way = run->bench->param;
	struct strategy_bench *b = machine_alloc(sizeof(*b));

	if (!b)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = b;
	return others_setup(run, &b->others, &way->others, &b->strategy.toggler);
}

/* Both forms by the engine; then both this way, before there is anybody to see it. */
static int strategy_check(struct bench_run *run)
{
	const struct way *way = run->bench->param;
	struct strategy_bench *b = run->priv;
	struct toggler *t = &b->strategy.toggler;
	int err = toggle_check(run, t);

	strategy_init(&b->strategy, way->how, run->seed);
	for (u32 i = 0; i < 2 && !err; i++) {
		struct strategy_cost cost;

		err = strategy_change(run, &b->strategy, &cost);
		if (!err && (!toggle_bytes_right(t) || !toggle_runs_as(t, t->new)))
			err = bench_fail(run, -ERR_VERIFY, "the sites are not as changed");
	}
	return err ? err : others_start(run, &b->others, t);
}

static int strategy_sample(struct bench_run *run, u64 *values)
{
	struct strategy_bench *b = run->priv;
	struct strategy_cost cost;
	int err = strategy_change(run, &b->strategy, &cost);

	if (err)
		return err;
	values[STRATEGY_CHANGE] = machine_ns(cost.change_ticks);
	values[STRATEGY_READY] = machine_ns(cost.ready_ticks);
	values[STRATEGY_WRITTEN] = machine_ns(cost.written_ticks);
	values[STRATEGY_OVER] = machine_ns(cost.over_ticks);
	values[STRATEGY_SYNCS] = cost.nr_syncs;
	if (!toggle_bytes_right(&b->strategy.toggler))
		bench_violation(run, "bytes of a site are wrong after a change");
	if (floor_sample(&b->floor, &b->strategy.toggler))
		return bench_fail(run, -ERR_FAULT, "the floor could not be measured");
	return others_wait_pass(run, &b->others, &b->strategy.toggler);
}

static void strategy_teardown(struct bench_run *run)
{
	const struct way *way = run->bench->param;
	struct strategy_bench *b = run->priv;

	if (!b || !others_end(run, &b->others, &b->strategy.toggler))
		return;
	run->floor[STRATEGY_CHANGE] = floor_ns(&b->floor, way->floor_phases);
	machine_free(b, sizeof(*b));
}

/* ---- The suite ---- */

#define WAY(fn, phases, where, ...)                                                                \
	.param = &(const struct way)                                                               \
	{                                                                                          \
		.how = (fn), .floor_phases = (phases), .others = { .what = (where), __VA_ARGS__ }, \
	}
#define STRATEGY_BENCH(title, caps, plan, ...)                                                     \
	{                                                                                          \
		.name = (title), .series = strategy_series, .nr_series = NR_STRATEGY_SERIES,       \
		.min_plan = (plan), .needs_caps = (caps), .budget_share = 4,                       \
		.setup = strategy_setup, .check = strategy_check, .sample = strategy_sample,       \
		.teardown = strategy_teardown, __VA_ARGS__                                         \
	}

/*
 * At every size of a batch. A change with several hundred syncs is not for a first look: under an
 * emulator on a busy machine it takes seconds.
 */
#define IN_CODE(title, fn, phases, plan)                                                           \
	STRATEGY_BENCH(title, 0, plan, .per_batch = true, WAY(fn, phases, OTHERS_IN_CODE))
#define ELSEWHERE(title, fn, phases, plan)                                                         \
	STRATEGY_BENCH(title, MACHINE_CAP_SMP, plan, .per_batch = true,                            \
		       WAY(fn, phases, OTHERS_ELSEWHERE))
#define IDLE(title, fn, phases)                                                                    \
	STRATEGY_BENCH(title, 0, PLAN_DEFAULT, .per_batch = true, WAY(fn, phases, OTHERS_IDLE))
#define IRQS_OFF(title, fn, phases, us, plan)                                                      \
	STRATEGY_BENCH(title, MACHINE_CAP_SMP | MACHINE_CAP_IRQ_OFF, plan,                         \
		       WAY(fn, phases, OTHERS_IRQS_OFF, .irqs_off_ns = (us)*NSEC_PER_USEC,         \
			   .nr_sites = 16))
#define IRQS_OFF_ANY(title, fn, phases)                                                            \
	STRATEGY_BENCH(title, MACHINE_CAP_SMP | MACHINE_CAP_IRQ_OFF, PLAN_FULL, .per_batch = true, \
		       WAY(fn, phases, OTHERS_IRQS_OFF, .irqs_off_ns = 100 * NSEC_PER_USEC))

/* By the number of CPUs. */
#define CPUS(title, fn, phases, where, sites, plan)                                                \
	STRATEGY_BENCH(title, MACHINE_CAP_SMP, plan, .per_cpus = true,                             \
		       WAY(fn, phases, where, .nr_sites = (sites)))
#define ALONE(title, fn, phases, plan)                                                             \
	STRATEGY_BENCH(title, 0, plan, WAY(fn, phases, OTHERS_IDLE, .nr_sites = 16, .alone = true))

static const struct bench strategy_benches[] = {
	IN_CODE("batch-in-code", strategy_batch, 3, PLAN_QUICK),
	IN_CODE("unsorted", strategy_unsorted, 3, PLAN_DEFAULT),
	IN_CODE("sorted-first", strategy_sorted_first, 3, PLAN_QUICK),
	IN_CODE("one-by-one-in-code", strategy_one_by_one, 3, PLAN_DEFAULT),
	IN_CODE("stop-machine-in-code", strategy_stop_machine, 1, PLAN_QUICK),
	ELSEWHERE("batch-elsewhere", strategy_batch, 3, PLAN_DEFAULT),
	ELSEWHERE("one-by-one-elsewhere", strategy_one_by_one, 3, PLAN_DEFAULT),
	ELSEWHERE("stop-machine-elsewhere", strategy_stop_machine, 1, PLAN_DEFAULT),
	ELSEWHERE("store-8-elsewhere", strategy_store_8, 1, PLAN_QUICK),
	ELSEWHERE("alias-batch", strategy_alias_batch, 3, PLAN_QUICK),
	ELSEWHERE("alias-phase", strategy_alias_phase, 3, PLAN_QUICK),
	ELSEWHERE("alias-store", strategy_alias_store, 3, PLAN_QUICK),
	IDLE("batch-idle", strategy_batch, 3),
	IDLE("one-by-one-idle", strategy_one_by_one, 3),
	IDLE("stop-machine-idle", strategy_stop_machine, 1),
	IDLE("store-8-idle", strategy_store_8, 1),
	IRQS_OFF("batch-irqs-off-10us", strategy_batch, 3, 10, PLAN_QUICK),
	IRQS_OFF("batch-irqs-off-100us", strategy_batch, 3, 100, PLAN_QUICK),
	IRQS_OFF("batch-irqs-off-1ms", strategy_batch, 3, 1000, PLAN_QUICK),
	IRQS_OFF("one-by-one-irqs-off-100us", strategy_one_by_one, 3, 100, PLAN_DEFAULT),
	IRQS_OFF("stop-machine-irqs-off-100us", strategy_stop_machine, 1, 100, PLAN_QUICK),
	IRQS_OFF("store-8-irqs-off-100us", strategy_store_8, 1, 100, PLAN_QUICK),
	IRQS_OFF_ANY("batch-irqs-off", strategy_batch, 3),
	IRQS_OFF_ANY("one-by-one-irqs-off", strategy_one_by_one, 3),
	IRQS_OFF_ANY("stop-machine-irqs-off", strategy_stop_machine, 1),
	IRQS_OFF_ANY("store-8-irqs-off", strategy_store_8, 1),
	ALONE("alone-batch-16", strategy_batch, 3, PLAN_QUICK),
	ALONE("alone-one-by-one-16", strategy_one_by_one, 3, PLAN_DEFAULT),
	ALONE("alone-stop-machine-16", strategy_stop_machine, 1, PLAN_DEFAULT),
	ALONE("alone-store-8-16", strategy_store_8, 1, PLAN_DEFAULT),
	CPUS("cpus-batch-16", strategy_batch, 3, OTHERS_IN_CODE, 16, PLAN_QUICK),
	CPUS("cpus-one-by-one-16", strategy_one_by_one, 3, OTHERS_IN_CODE, 16, PLAN_QUICK),
	CPUS("cpus-unsorted-16", strategy_unsorted, 3, OTHERS_IN_CODE, 16, PLAN_QUICK),
	CPUS("cpus-stop-machine-16", strategy_stop_machine, 1, OTHERS_IN_CODE, 16, PLAN_QUICK),
	CPUS("cpus-store-8-16", strategy_store_8, 1, OTHERS_ELSEWHERE, 16, PLAN_DEFAULT),
	CPUS("cpus-batch-1", strategy_batch, 3, OTHERS_IN_CODE, 1, PLAN_DEFAULT),
	CPUS("cpus-stop-machine-1", strategy_stop_machine, 1, OTHERS_IN_CODE, 1, PLAN_DEFAULT),
	CPUS("cpus-store-8-1", strategy_store_8, 1, OTHERS_ELSEWHERE, 1, PLAN_DEFAULT),
	CPUS("cpus-batch-256", strategy_batch, 3, OTHERS_IN_CODE, 256, PLAN_DEFAULT),
	CPUS("cpus-one-by-one-256", strategy_one_by_one, 3, OTHERS_IN_CODE, 256, PLAN_DEFAULT),
	CPUS("cpus-stop-machine-256", strategy_stop_machine, 1, OTHERS_IN_CODE, 256, PLAN_DEFAULT),
	CPUS("cpus-store-8-256", strategy_store_8, 1, OTHERS_ELSEWHERE, 256, PLAN_DEFAULT),
};

const struct suite suite_strategy = {
	.name = "strategy",
	.question = "what does it cost to change the same sites in other ways?",
	.benches = strategy_benches,
	.nr_benches = ARRAY_SIZE(strategy_benches),
};
