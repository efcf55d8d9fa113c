/* SPDX-License-Identifier: MIT */
/*
 * Does it matter where an instruction stands (I11)? Sites of every form at every offset of a cache
 * line, so at every split of a line and of 16 and 32 bytes; across a page boundary and across a
 * 2 MiB boundary at every split.
 *
 * A layout is a region of its own: built, run by every victim, toggled with every oracle on, and
 * freed. The check goes through all layouts, so that none is left out where time is short; the
 * samples are batches of one of them.
 */
#include "bench.h"
#include "machine.h"
#include "random.h"
#include "stress.h"
#include "text_patching.h"
#include "x86.h"

#define TWO_MIB (2u << 20)
#define MAX_PLACES 64
/* Where the first site of a region of so many may stand. */
#define FIRST_OFFSET(nr_sites) (((nr_sites) + 1) * SITE_FAR_BYTES)
#define NR_TOGGLES 2 /* there and back */

enum {
	PLACES_TRAPS,
	PLACES_PASSES,
	NR_PLACES_SERIES,
};

static const struct series places_series[NR_PLACES_SERIES] = {
	[PLACES_TRAPS] = { "traps", "count" },
	[PLACES_PASSES] = { "passes", "count" },
};

/* A bench: its layouts, by number. */
struct place_set {
	size_t align_bytes;
	u32 nr_sites; /* of each layout */
	u32 nr_layouts;
	void (*lay_out)(struct site_place *places, u32 layout);
};

struct places {
	struct stress stress;
	struct site_place places[MAX_PLACES];
};

/* ---- Layouts ---- */

/* One form a layout, and a site at each offset; one byte more than the least distance moves it. */
static void lay_out_line(struct site_place *places, u32 layout)
{
	u32 first = FIRST_OFFSET(CACHE_LINE_BYTES + 1) & ~(CACHE_LINE_BYTES - 1);

	for (u32 i = 0; i < CACHE_LINE_BYTES; i++)
		places[i] = (struct site_place){
			.form = (enum site_form)layout,
			.offset = first + i * (SITE_LEAD_BYTES + SITE_TRAIL_BYTES + 1),
		};
}

/*
 * Number @n of all forms at all splits: @ret gets the form, and the split is how many of its bytes
 * stand before a boundary, from 1 to len - 1. Return: the split, or 0 for a number too high.
 */
static u32 nth_split(u32 n, enum site_form *ret)
{
	for (u32 form = 0; form < NR_SITE_FORMS; form++) {
		u32 nr_splits = site_form_len(form) - 1;

		*ret = (enum site_form)form;
		if (n < nr_splits)
			return n + 1;
		n -= nr_splits;
	}
	return 0;
}

#define NR_SPLITS (4 + 1 + 4 + 0 + 1 + 5 + 4 + 5) /* in the order of enum site_form */

/* All of them in one region, each at a page boundary of its own. */
static void lay_out_pages(struct site_place *places, u32 layout)
{
	u32 first = FIRST_OFFSET(NR_SPLITS) / PAGE_BYTES + 1;

	(void)layout;
	for (u32 i = 0; i < NR_SPLITS; i++) {
		u32 split = nth_split(i, &places[i].form);

		places[i].offset = (first + i) * (u32)PAGE_BYTES - split;
	}
}

/* There is one boundary in a region of little more than 2 MiB, so each layout has one site. */
static void lay_out_two_mib(struct site_place *places, u32 layout)
{
	u32 split = nth_split(layout, &places[0].form);

	places[0].offset = TWO_MIB - split;
}

static const struct place_set line = {
	.align_bytes = PAGE_BYTES,
	.nr_sites = CACHE_LINE_BYTES,
	.nr_layouts = NR_SITE_FORMS,
	.lay_out = lay_out_line,
};

static const struct place_set page = {
	.align_bytes = PAGE_BYTES,
	.nr_sites = NR_SPLITS,
	.nr_layouts = 1,
	.lay_out = lay_out_pages,
};

static const struct place_set two_mib = {
	.align_bytes = TWO_MIB,
	.nr_sites = 1,
	.nr_layouts = NR_SPLITS,
	.lay_out = lay_out_two_mib,
};

/* ---- The bench ---- */

static int places_setup(struct bench_run *run)
{
	const struct place_set *set = run->bench->param;
	struct places *p = machine_alloc(sizeof(*p));
	enum site_form form;

	if (!p)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = p;
	run->cpus = machine_nr_cpus();
	run->sites = set->nr_sites;
	if (!nth_split(NR_SPLITS - 1, &form) || nth_split(NR_SPLITS, &form))
		return bench_fail(run, -ERR_RANGE, "not all splits of all forms are laid out");
	return stress_alloc(run, &p->stress);
}

/* Every layout there and back, and one of them, which the seed chooses, to stay. */
static int places_check(struct bench_run *run)
{
	const struct place_set *set = run->bench->param;
	struct random random = random_from(run->seed);
	struct stress_counts counts = { 0 };
	struct places *p = run->priv;
	int err = 0;

	for (u32 i = 0; i < set->nr_layouts && !err; i++) {
		set->lay_out(p->places, i);
		err = stress_run(run, &p->stress, p->places, set->nr_sites, set->align_bytes,
				 NR_TOGGLES, &counts);
	}
	if (err)
		return err;
	set->lay_out(p->places, random_below(&random, set->nr_layouts));
	return stress_begin(run, &p->stress, p->places, set->nr_sites, set->align_bytes);
}

static int places_sample(struct bench_run *run, u64 *values)
{
	struct stress_counts counts = { 0 };
	struct places *p = run->priv;
	int err = stress_batch(run, &p->stress, &counts);

	values[PLACES_TRAPS] = counts.traps;
	values[PLACES_PASSES] = counts.passes;
	return err;
}

static void places_teardown(struct bench_run *run)
{
	struct places *p = run->priv;

	if (!p)
		return;
	stress_free(run, &p->stress);
	machine_free(p, sizeof(*p));
}

#define PLACES_BENCH(title, set)                                                                   \
	{                                                                                          \
		.name = (title), .series = places_series, .nr_series = NR_PLACES_SERIES,           \
		.param = &(set), .setup = places_setup, .check = places_check,                     \
		.sample = places_sample, .teardown = places_teardown,                              \
	}

static const struct bench places_benches[] = {
	PLACES_BENCH("line", line),
	PLACES_BENCH("page", page),
	PLACES_BENCH("two-mib", two_mib),
};

const struct suite suite_places = {
	.name = "places",
	.question = "does it matter where an instruction stands, across lines or pages?",
	.benches = places_benches,
	.nr_benches = ARRAY_SIZE(places_benches),
};
