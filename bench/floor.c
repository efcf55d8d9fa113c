/* SPDX-License-Identifier: MIT */
#include "floor.h"

#include "machine.h"
#include "machine_text.h"
#include "stats.h"
#include "text_patching.h"
#include "x86.h"

#define NR_PHASES 3

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
	for (u32 phase = 0; phase < NR_PHASES; phase++) {
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

int floor_sample(struct floor *f, const struct toggler *t)
{
	u64 slot = f->nr_samples++ % NR_FLOOR_SAMPLES;
	int err;

	text_mutex_lock();
	err = time_stores_and_close(t, &f->samples[FLOOR_STORES][slot],
				    &f->samples[FLOOR_CLOSE][slot]);
	if (!err)
		err = time_sync(&f->samples[FLOOR_SYNC][slot]);
	text_mutex_unlock();
	return err;
}

u64 floor_median_ns(struct floor *f, enum floor_part part)
{
	struct stats stats;

	if (!f->nr_samples)
		return 0;
	stats_compute(&stats, f->samples[part], f->scratch,
		      f->nr_samples < NR_FLOOR_SAMPLES ? f->nr_samples : NR_FLOOR_SAMPLES);
	return machine_ns(stats.p50);
}

u64 floor_ns(struct floor *f, u32 nr_phases)
{
	return nr_phases * floor_median_ns(f, FLOOR_SYNC) + floor_median_ns(f, FLOOR_CLOSE) +
	       floor_median_ns(f, FLOOR_STORES) * nr_phases / NR_PHASES;
}
