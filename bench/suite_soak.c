/* SPDX-License-Identifier: MIT */
/*
 * The long test: does anything ever go wrong, over as many toggled sites as --toggles says?
 *
 * A layout is random, from the seed: how many sites, their forms, and where they stand; every other
 * site lies across two cache lines, at any split. It is built, toggled a number of times under
 * victims with every oracle on, and freed; then comes the next. The forms are those whose old and
 * new bytes all differ (but for the 0F of a Jcc), and a mix of both traps or counts wrong; see
 * tests/unit/test_region_places.c.
 */
#include "bench.h"
#include "machine.h"
#include "random.h"
#include "stress.h"
#include "text_patching.h"
#include "x86.h"

#define NR_SLICES 100 /* samples; each toggles its share of the sites */
#define NR_BATCHES_OF_LAYOUT 16

enum {
	SOAK_TOGGLES,
	SOAK_BATCHES,
	SOAK_TRAPS,
	SOAK_PASSES,
	NR_SOAK_SERIES,
};

static const struct series soak_series[NR_SOAK_SERIES] = {
	[SOAK_TOGGLES] = { "toggles", "count" },
	[SOAK_BATCHES] = { "batches", "count" },
	[SOAK_TRAPS] = { "traps", "count" },
	[SOAK_PASSES] = { "passes", "count" },
};

static const enum site_form soak_forms[] = {
	SITE_NOP5_JMP32, SITE_JMP32_CALL, SITE_NOP1_RET,
	SITE_NOP2_JMP8,	 SITE_NOP2_JZ8,	  SITE_JZ32_JNS32,
};

struct soak {
	struct stress stress;
	struct random random;
	struct site_place places[TEXT_POKE_ARRAY_MAX];
};

static int soak_setup(struct bench_run *run)
{
	struct soak *soak = machine_alloc(sizeof(*soak));

	if (!soak)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = soak;
	run->cpus = machine_nr_cpus();
	soak->random = random_from(run->seed);
	return stress_alloc(run, &soak->stress);
}

/* Move a site so that 1 to len - 1 of its bytes stand before the end of a line. */
static u32 across_a_line(struct random *random, const struct site_place *place)
{
	u32 split = 1 + random_below(random, site_form_len(place->form) - 1);
	u32 line = (place->offset + CACHE_LINE_BYTES - 1) & ~(CACHE_LINE_BYTES - 1);

	return line + CACHE_LINE_BYTES - split;
}

static void lay_out(struct soak *soak, u32 nr_sites)
{
	struct random *random = &soak->random;
	u32 offset = (nr_sites + 1) * SITE_FAR_BYTES;

	for (u32 i = 0; i < nr_sites; i++) {
		struct site_place *place = &soak->places[i];

		place->form = soak_forms[random_below(random, ARRAY_SIZE(soak_forms))];
		place->offset = offset + random_below(random, CACHE_LINE_BYTES);
		if (site_form_len(place->form) > 1 && random_below(random, 2))
			place->offset = across_a_line(random, place);
		offset = place->offset + SITE_LEAD_BYTES + SITE_TRAIL_BYTES;
	}
}

/* One layout, of no more toggles than are @left. Return: how many it was, or an error. */
static int one_layout(struct bench_run *run, u64 left, struct stress_counts *counts)
{
	struct soak *soak = run->priv;
	u32 nr_sites = 1 + random_below(&soak->random, TEXT_POKE_ARRAY_MAX);
	u32 nr_batches = NR_BATCHES_OF_LAYOUT;
	int err;

	if (nr_sites > left)
		nr_sites = (u32)left;
	if (nr_batches > left / nr_sites)
		nr_batches = (u32)(left / nr_sites);
	lay_out(soak, nr_sites);
	err = stress_run(run, &soak->stress, soak->places, nr_sites, PAGE_BYTES, nr_batches,
			 counts);
	return err ? err : (int)(nr_sites * nr_batches);
}

static int soak_sample(struct bench_run *run, u64 *values)
{
	u64 slice = (run->options->nr_toggles + NR_SLICES - 1) / NR_SLICES, done = 0;
	struct stress_counts counts = { 0 };

	while (done < slice) {
		int nr = one_layout(run, slice - done, &counts);

		if (nr < 0)
			return nr;
		done += nr;
	}
	values[SOAK_TOGGLES] = done;
	values[SOAK_BATCHES] = counts.batches;
	values[SOAK_TRAPS] = counts.traps;
	values[SOAK_PASSES] = counts.passes;
	return 0;
}

static void soak_teardown(struct bench_run *run)
{
	struct soak *soak = run->priv;

	if (!soak)
		return;
	stress_free(run, &soak->stress);
	machine_free(soak, sizeof(*soak));
}

static const struct bench soak_benches[] = {
	{
		.name = "soak",
		.series = soak_series,
		.nr_series = NR_SOAK_SERIES,
		.nr_samples = NR_SLICES,
		.setup = soak_setup,
		.sample = soak_sample,
		.teardown = soak_teardown,
	},
};

const struct suite suite_soak = {
	.name = "soak",
	.question = "does anything go wrong in --toggles patched sites?",
	.on_request = true,
	.benches = soak_benches,
	.nr_benches = ARRAY_SIZE(soak_benches),
};
