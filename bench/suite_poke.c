/* SPDX-License-Identifier: MIT */
/*
 * How long does a batch of patches take, with the other CPUs in the patched code, elsewhere, or
 * idle?
 *
 * Every sample toggles all sites of a region (NOP5 <-> JMP32) in one batch, after every victim has
 * passed through the sites since the last batch. The floor is what no patcher can avoid: its sync
 * rounds, one close of the alias, and the stores. Each of them is measured alone after every batch,
 * so that a machine which changes its mood changes it for both.
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

/* What the other CPUs do meanwhile. */
enum others {
	OTHERS_IN_SITES,
	OTHERS_ELSEWHERE, /* they run, but other code */
	OTHERS_IDLE, /* nobody else runs */
};

enum floor_part {
	FLOOR_SYNC,
	FLOOR_CLOSE,
	FLOOR_STORES,
	NR_FLOOR_PARTS,
};

/* The last so many of each part. */
#define NR_FLOOR_SAMPLES 1024

struct poke {
	struct toggler toggler;
	struct site_region other_sites;
	struct victims elsewhere;
	u64 traps, stale, passes; /* at the last sample */
	u64 nr_floor_samples; /* taken, of each part */
	u64 floor_samples[NR_FLOOR_PARTS][NR_FLOOR_SAMPLES], scratch[NR_FLOOR_SAMPLES];
};

static enum others others_of(const struct bench_run *run)
{
	return *(const enum others *)run->bench->param;
}

/* ---- The floor ---- */

static int time_sync(u64 *ret_ticks)
{
	u64 begin = rdtsc_ordered();
	int err = smp_text_poke_sync_each_cpu();

	*ret_ticks = rdtsc_ordered() - begin;
	return err;
}

/* The bytes that stand there already, in the stores that the protocol makes of them. */
static void store_all(const struct toggler *t, ptrdiff_t delta)
{
	for (int phase = 0; phase < 3; phase++) {
		for (u32 i = 0; i < t->sites.nr_sites; i++) {
			const struct site *site = &t->sites.sites[i];
			u8 *text = site->addr + delta;
			volatile u64 *word = (volatile u64 *)((u64)text & ~7ull);

			if (phase == 1)
				*word = *word;
			else
				*(volatile u8 *)text = t->new ? site->new[0] : site->old[0];
		}
	}
}

static int time_stores_and_close(const struct toggler *t, u64 *ret_stores, u64 *ret_close)
{
	ptrdiff_t delta;
	int err = text_alias_open(&delta);
	u64 begin, stored;

	if (err)
		return err;
	begin = rdtsc_ordered();
	store_all(t, delta);
	stored = rdtsc_ordered();
	text_alias_close();
	*ret_close = rdtsc_ordered() - stored;
	*ret_stores = stored - begin;
	return 0;
}

static int sample_floor(struct poke *poke)
{
	u64 slot = poke->nr_floor_samples++ % NR_FLOOR_SAMPLES;
	int err;

	text_mutex_lock();
	err = time_stores_and_close(&poke->toggler, &poke->floor_samples[FLOOR_STORES][slot],
				    &poke->floor_samples[FLOOR_CLOSE][slot]);
	if (!err)
		err = time_sync(&poke->floor_samples[FLOOR_SYNC][slot]);
	text_mutex_unlock();
	return err;
}

static u64 floor_median_ns(struct poke *poke, enum floor_part part)
{
	u64 nr = poke->nr_floor_samples;
	struct stats stats;

	if (!nr)
		return 0;
	stats_compute(&stats, poke->floor_samples[part], poke->scratch,
		      nr < NR_FLOOR_SAMPLES ? nr : NR_FLOOR_SAMPLES);
	return machine_ns(stats.p50);
}

static void set_floors(struct bench_run *run, struct poke *poke)
{
	u64 sync = floor_median_ns(poke, FLOOR_SYNC), close = floor_median_ns(poke, FLOOR_CLOSE);
	u64 stores = floor_median_ns(poke, FLOOR_STORES);

	run->floor[POKE_PROCESS] = run->floor[POKE_TOTAL] = 3 * sync + close + stores;
	run->floor[POKE_SYNC1] = run->floor[POKE_SYNC2] = run->floor[POKE_SYNC3] = sync;
	run->floor[POKE_CLOSE] = close;
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

static u64 passes_of(const struct poke *poke)
{
	return victims_passes(&poke->toggler.victims) + victims_passes(&poke->elsewhere);
}

static void fill_counts(struct poke *poke, u64 *values)
{
	u64 stale, traps = toggle_traps(&stale), passes = passes_of(poke);

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
	if (sample_floor(poke))
		return bench_fail(run, -ERR_FAULT, "the floor could not be measured");
	if (victims_wait_pass(&poke->elsewhere))
		return bench_fail(run, -ERR_TIMEOUT, "a CPU stopped running elsewhere");
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
	run->cpus = others_of(run) == OTHERS_IDLE ? 1 : machine_nr_cpus();
	err = region_build_sites(&poke->toggler.sites, SITE_NOP5_JMP32, run->sites,
				 SITE_STRIDE_BYTES, 0);
	if (!err && others_of(run) == OTHERS_ELSEWHERE)
		err = region_build_sites(&poke->other_sites, SITE_NOP5_JMP32, 1, SITE_STRIDE_BYTES,
					 0);
	return err ? bench_fail(run, err, "%s", region_why()) : 0;
}

static int start_others(struct bench_run *run, struct poke *poke)
{
	int err;

	switch (others_of(run)) {
	case OTHERS_IN_SITES:
		return toggle_start_victims(run, &poke->toggler);
	case OTHERS_ELSEWHERE:
		err = victims_start(&poke->elsewhere, &poke->other_sites);
		return err ? bench_fail(run, err, "no CPU ran elsewhere: %s", poke->elsewhere.why)
			   : 0;
	default:
		return 0;
	}
}

/* Both forms on this CPU first, then with the others where they belong. */
static int poke_check(struct bench_run *run)
{
	struct poke *poke = run->priv;
	u64 stale;
	int err = toggle_check(run, &poke->toggler);

	if (!err)
		err = start_others(run, poke);
	if (err)
		return err;
	poke->traps = toggle_traps(&stale);
	poke->stale = stale;
	poke->passes = passes_of(poke);
	return 0;
}

static void poke_teardown(struct bench_run *run)
{
	struct poke *poke = run->priv;

	if (!poke)
		return;
	victims_stop(&poke->elsewhere);
	run->violations += victims_violations(&poke->elsewhere);
	victims_free(&poke->elsewhere);
	if (poke->other_sites.region.text)
		site_region_free(&poke->other_sites);
	toggle_end(run, &poke->toggler);
	set_floors(run, poke);
	machine_free(poke, sizeof(*poke));
}

static const enum others in_sites = OTHERS_IN_SITES, elsewhere = OTHERS_ELSEWHERE,
			 idle = OTHERS_IDLE;

#define POKE_BENCH(title, others, caps)                                                            \
	{                                                                                          \
		.name = (title), .series = poke_series, .nr_series = NR_POKE_SERIES,               \
		.needs_caps = (caps), .param = &(others), .per_batch = true, .setup = poke_setup,  \
		.check = poke_check, .sample = poke_sample, .teardown = poke_teardown,             \
	}

static const struct bench poke_benches[] = {
	POKE_BENCH("batch", in_sites, 0),
	POKE_BENCH("elsewhere", elsewhere, MACHINE_CAP_SMP),
	POKE_BENCH("idle", idle, 0),
};

const struct suite suite_poke = {
	.name = "poke",
	.question = "how long does a batch of patches take while other CPUs run the patched code?",
	.benches = poke_benches,
	.nr_benches = ARRAY_SIZE(poke_benches),
};
