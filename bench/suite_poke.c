/* SPDX-License-Identifier: MIT */
/*
 * How long does a batch of patches take while the other CPUs run the patched code?
 *
 * Every sample toggles all sites of a region (NOP5 <-> JMP32) in one batch, after every victim has
 * passed through the sites since the last batch. The floor is what no patcher can avoid: its sync
 * rounds, one close of the alias, and the stores, each measured alone in this boot, with the same
 * victims running.
 */
#include "bench.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "region.h"
#include "stats.h"
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

#define NR_FLOOR_SAMPLES 65

struct poke {
	struct toggler toggler;
	u64 traps, stale, passes; /* at the last sample */
	u64 floor_samples[NR_FLOOR_SAMPLES], scratch[NR_FLOOR_SAMPLES];
};

/* ---- The floor ---- */

static int time_sync(struct poke *poke, u64 *ret_ticks)
{
	u64 begin = rdtsc_ordered();
	int err = smp_text_poke_sync_each_cpu();

	(void)poke;
	*ret_ticks = rdtsc_ordered() - begin;
	return err;
}

static int time_close(struct poke *poke, u64 *ret_ticks)
{
	ptrdiff_t delta;
	int err = text_alias_open(&delta);
	u64 begin;

	(void)poke;
	if (err)
		return err;
	begin = rdtsc_ordered();
	text_alias_close();
	*ret_ticks = rdtsc_ordered() - begin;
	return 0;
}

/* Three stores a site, as the protocol does them, of the bytes that stand there already. */
static int time_stores(struct poke *poke, u64 *ret_ticks)
{
	ptrdiff_t delta;
	int err = text_alias_open(&delta);
	u64 begin;

	if (err)
		return err;
	begin = rdtsc_ordered();
	for (int phase = 0; phase < 3; phase++) {
		for (u32 i = 0; i < poke->toggler.sites.nr_sites; i++) {
			const struct site *site = &poke->toggler.sites.sites[i];
			const u8 *bytes = poke->toggler.new ? site->new : site->old;
			u8 *text = site->addr + delta;

			if (phase == 1)
				memcpy(text + 1, bytes + 1, 4);
			else
				*(volatile u8 *)text = bytes[0];
		}
	}
	*ret_ticks = rdtsc_ordered() - begin;
	text_alias_close();
	return 0;
}

static int floor_part(struct poke *poke, int (*time_one)(struct poke *, u64 *), u64 *ret_ns)
{
	struct stats stats;
	int err = 0;

	text_mutex_lock();
	for (u32 i = 0; i < NR_FLOOR_SAMPLES && !err; i++)
		err = time_one(poke, &poke->floor_samples[i]);
	text_mutex_unlock();
	stats_compute(&stats, poke->floor_samples, poke->scratch, NR_FLOOR_SAMPLES);
	*ret_ns = machine_ns(stats.p50);
	return err;
}

/* Return: 0 or an error, with the floors of the rows set. */
static int measure_floor(struct bench_run *run, struct poke *poke)
{
	u64 sync = 0, close = 0, stores = 0;
	int err = floor_part(poke, time_sync, &sync);

	if (!err)
		err = floor_part(poke, time_close, &close);
	if (!err)
		err = floor_part(poke, time_stores, &stores);
	run->floor[POKE_PROCESS] = run->floor[POKE_TOTAL] = 3 * sync + close + stores;
	run->floor[POKE_SYNC1] = run->floor[POKE_SYNC2] = run->floor[POKE_SYNC3] = sync;
	run->floor[POKE_CLOSE] = close;
	return err;
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
	u64 stale, traps = toggle_traps(&stale), passes = victims_passes(&poke->toggler.victims);

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
	err = toggle_wait_pass(run, &poke->toggler);
	if (err)
		return err;
	fill_counts(poke, values);
	return 0;
}

/* ---- Set-up, check, tear-down ---- */

static int poke_setup(struct bench_run *run)
{
	struct poke *poke = machine_alloc(sizeof(*poke));
	int err;

	if (!poke)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = poke;
	run->cpus = machine_nr_cpus();
	err = region_build_sites(&poke->toggler.sites, SITE_NOP5_JMP32, run->sites,
				 SITE_STRIDE_BYTES, 0);
	if (err)
		return bench_fail(run, err, "%s", region_why());
	return 0;
}

/* Both forms on this CPU first, then with the victims in the sites. */
static int poke_check(struct bench_run *run)
{
	struct poke *poke = run->priv;
	u64 stale;
	int err = toggle_check(run, &poke->toggler);

	if (!err)
		err = toggle_start_victims(run, &poke->toggler);
	if (err)
		return err;
	err = measure_floor(run, poke);
	if (err)
		return bench_fail(run, err, "the floor could not be measured");
	poke->traps = toggle_traps(&stale);
	poke->stale = stale;
	poke->passes = victims_passes(&poke->toggler.victims);
	return 0;
}

static void poke_teardown(struct bench_run *run)
{
	struct poke *poke = run->priv;

	if (!poke)
		return;
	toggle_end(run, &poke->toggler);
	machine_free(poke, sizeof(*poke));
}

static const struct bench poke_benches[] = {
	{
		.name = "batch",
		.series = poke_series,
		.nr_series = NR_POKE_SERIES,
		.per_batch = true,
		.setup = poke_setup,
		.check = poke_check,
		.sample = poke_sample,
		.teardown = poke_teardown,
	},
};

const struct suite suite_poke = {
	.name = "poke",
	.question = "how long does a batch of patches take while other CPUs run the patched code?",
	.benches = poke_benches,
	.nr_benches = ARRAY_SIZE(poke_benches),
};
