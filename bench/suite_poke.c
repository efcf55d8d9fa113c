/* SPDX-License-Identifier: MIT */
/*
 * How long does a batch of patches take, with the other CPUs in the patched code, elsewhere, or
 * idle?
 *
 * Every sample toggles all sites of a region (NOP5 <-> JMP32) in one batch, after every victim has
 * passed through the sites since the last batch.
 */
#include "bench.h"
#include "floor.h"
#include "machine.h"
#include "others.h"
#include "region.h"
#include "text_patching.h"
#include "toggle.h"
#include "x86.h"

enum {
	POKE_TOTAL,
	POKE_QUEUE,
	POKE_PROCESS,
	POKE_OPEN,
	POKE_INT3,
	POKE_SYNC1,
	POKE_TAIL,
	POKE_SYNC2,
	POKE_HEAD,
	POKE_SYNC3,
	POKE_CLOSE,
	POKE_SYNCS,
	POKE_TRAPS,
	POKE_PASSES,
	POKE_STALE,
	POKE_SETTLE,
	NR_POKE_SERIES,
};

static const struct series poke_series[NR_POKE_SERIES] = {
	[POKE_TOTAL] = { "total", "ns" },     [POKE_QUEUE] = { "queue", "ns" },
	[POKE_PROCESS] = { "process", "ns" }, [POKE_OPEN] = { "open", "ns" },
	[POKE_INT3] = { "int3", "ns" },	      [POKE_SYNC1] = { "sync1", "ns" },
	[POKE_TAIL] = { "tail", "ns" },	      [POKE_SYNC2] = { "sync2", "ns" },
	[POKE_HEAD] = { "head", "ns" },	      [POKE_SYNC3] = { "sync3", "ns" },
	[POKE_CLOSE] = { "close", "ns" },     [POKE_SYNCS] = { "syncs", "count" },
	[POKE_TRAPS] = { "traps", "count" },  [POKE_PASSES] = { "passes", "count" },
	[POKE_STALE] = { "stale", "count" },  [POKE_SETTLE] = { "settle", "ns" },
};

struct poke {
	struct toggler toggler;
	struct others others;
	struct floor floor;
	u64 traps, stale, passes; /* at the last sample */
};

static void set_floors(struct bench_run *run, struct poke *poke)
{
	u64 sync = floor_median_ns(&poke->floor, FLOOR_SYNC);

	run->floor[POKE_PROCESS] = run->floor[POKE_TOTAL] = floor_ns(&poke->floor, 3);
	run->floor[POKE_SYNC1] = run->floor[POKE_SYNC2] = run->floor[POKE_SYNC3] = sync;
	run->floor[POKE_CLOSE] = floor_median_ns(&poke->floor, FLOOR_CLOSE);
}

/* ---- One batch ---- */

static void fill_times(u64 *values, const struct smp_text_poke_stats *stats, u64 begin)
{
	const u64 *stamp = stats->stamp;

	values[POKE_TOTAL] = machine_ns(stamp[TEXT_POKE_STAMP_END] - begin);
	values[POKE_QUEUE] = machine_ns(stamp[TEXT_POKE_STAMP_BEGIN] - begin);
	values[POKE_PROCESS] =
		machine_ns(stamp[TEXT_POKE_STAMP_END] - stamp[TEXT_POKE_STAMP_BEGIN]);
	for (u32 i = TEXT_POKE_STAMP_OPEN; i < NR_TEXT_POKE_STAMPS; i++)
		values[POKE_OPEN + i - TEXT_POKE_STAMP_OPEN] = machine_ns(stamp[i] - stamp[i - 1]);
	values[POKE_SETTLE] = machine_ns(stats->settle_ticks);
	values[POKE_SYNCS] = stats->nr_syncs;
}

static void fill_counts(struct poke *poke, u64 *values)
{
	u64 stale, traps = toggle_traps(&stale),
		   passes = others_passes(&poke->others, &poke->toggler);

	values[POKE_TRAPS] = traps - poke->traps;
	values[POKE_STALE] = stale - poke->stale;
	values[POKE_PASSES] = passes - poke->passes;
	poke->traps = traps;
	poke->stale = stale;
	poke->passes = passes;
}

static int poke_sample(struct bench_run *run, u64 *values)
{
	struct poke *poke = run->priv;
	u64 begin;
	int err = toggle(run, &poke->toggler, &begin);

	if (err)
		return err;
	fill_times(values, smp_text_poke_stats(), begin);
	if (floor_sample(&poke->floor, &poke->toggler))
		return bench_fail(run, -ERR_FAULT, "the floor could not be measured");
	err = others_wait_pass(run, &poke->others, &poke->toggler);
	if (err)
		return err;
	fill_counts(poke, values);
	return 0;
}

/* ---- Set-up, check, tear-down ---- */

static int poke_setup(struct bench_run *run)
{
	struct poke *poke = machine_alloc(sizeof(*poke));

	if (!poke)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = poke;
	return others_setup(run, &poke->others, run->bench->param, &poke->toggler);
}

/* Both forms on this CPU first, then with the others where they belong. */
static int poke_check(struct bench_run *run)
{
	struct poke *poke = run->priv;
	u64 stale;
	int err = toggle_check(run, &poke->toggler);

	if (!err)
		err = others_start(run, &poke->others, &poke->toggler);
	if (err)
		return err;
	poke->traps = toggle_traps(&stale);
	poke->stale = stale;
	poke->passes = others_passes(&poke->others, &poke->toggler);
	return 0;
}

static void poke_teardown(struct bench_run *run)
{
	struct poke *poke = run->priv;

	if (!poke || !others_end(run, &poke->others, &poke->toggler))
		return;
	set_floors(run, poke);
	machine_free(poke, sizeof(*poke));
}

static const struct others_kind in_sites = { .what = OTHERS_IN_CODE };
static const struct others_kind elsewhere = { .what = OTHERS_ELSEWHERE };
static const struct others_kind idle = { .what = OTHERS_IDLE };
static const struct others_kind irqs_off = {
	.what = OTHERS_IRQS_OFF,
	.irqs_off_ns = 100 * NSEC_PER_USEC,
	.nr_sites = 16,
};
static const struct others_kind some_cpus = { .what = OTHERS_IN_CODE, .nr_sites = 16 };
static const struct others_kind alone = { .nr_sites = 16, .alone = true };

#define POKE_BENCH(title, bench, caps, ...)                                                        \
	{                                                                                          \
		.name = (title), .series = poke_series, .nr_series = NR_POKE_SERIES,               \
		.needs_caps = (caps), .param = &(bench), .setup = poke_setup, .check = poke_check, \
		.sample = poke_sample, .teardown = poke_teardown, __VA_ARGS__                      \
	}

static const struct bench poke_benches[] = {
	POKE_BENCH("batch", in_sites, 0, .per_batch = true),
	POKE_BENCH("elsewhere", elsewhere, MACHINE_CAP_SMP, .per_batch = true),
	POKE_BENCH("idle", idle, 0, .per_batch = true),
	POKE_BENCH("irqs-off", irqs_off, MACHINE_CAP_SMP | MACHINE_CAP_IRQ_OFF, .budget_share = 2),
	POKE_BENCH("cpus", some_cpus, MACHINE_CAP_SMP, .per_cpus = true),
	POKE_BENCH("alone", alone, 0),
};

const struct suite suite_poke = {
	.name = "poke",
	.question = "how long does a batch of patches take while other CPUs run the patched code?",
	.benches = poke_benches,
	.nr_benches = ARRAY_SIZE(poke_benches),
};
