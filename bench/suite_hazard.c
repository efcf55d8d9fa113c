/* SPDX-License-Identifier: MIT */
/*
 * Does a plain store to code tear here?
 *
 * MOVs of an immediate are changed by one store after the other, no protocol at all, while every
 * other CPU runs the one that is being changed. The stores stand at every place around a boundary
 * of 8, 16, 32 and 64 bytes and of a page: ending at it, beginning at it, and across it at each
 * split. An execution whose registers show bytes of both forms in one instruction is torn. That is
 * a fact about this machine and no failure; that none was seen is no promise.
 *
 * Beside it the same CPUs run such MOVs changed by the INT3 protocol, where nothing may be torn,
 * and by its three phases without the sync in the middle.
 */
#include "bench.h"
#include "change.h"
#include "executor.h"
#include "imm_sites.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "random.h"
#include "text_patching.h"
#include "x86.h"

#define NR_STORES 16 /* of each site in a sample */
#define MAX_GAP_TICKS 512 /* between two of them, at random */
#define NR_CHANGES 2 /* of all sites in a sample, by a protocol */

enum boundary {
	BOUNDARY_8,
	BOUNDARY_16,
	BOUNDARY_32,
	BOUNDARY_64,
	BOUNDARY_PAGE,
	NR_BOUNDARIES,
	BOUNDARY_NONE = NR_BOUNDARIES,
	NR_CLASSES,
};

static const u32 boundary_bytes[NR_BOUNDARIES] = { 8, 16, 32, 64, PAGE_BYTES };

/*
 * Page k holds the sites of which k bytes stand before the boundary: one for each boundary, 256
 * bytes apart, and the last one at the page's end. None is a coarser boundary than it says.
 */
#define SLOT_BYTES 256
static const u32 boundary_offset[NR_BOUNDARIES] = {
	[BOUNDARY_8] = 0x98,
	[BOUNDARY_16] = SLOT_BYTES + 0x90,
	[BOUNDARY_32] = 2 * SLOT_BYTES + 0xA0,
	[BOUNDARY_64] = 3 * SLOT_BYTES + 0xC0,
	[BOUNDARY_PAGE] = PAGE_BYTES,
};

enum {
	HAZARD_EXECUTED,
	HAZARD_TORN,
	HAZARD_FIRST,
	HAZARD_FAULTS,
	HAZARD_CHANGES,
	HAZARD_EXECUTED_IN, /* one for each class */
	HAZARD_TORN_IN = HAZARD_EXECUTED_IN + NR_CLASSES,
	NR_HAZARD_SERIES = HAZARD_TORN_IN + NR_CLASSES,
};

static const struct series hazard_series[NR_HAZARD_SERIES] = {
	[HAZARD_EXECUTED] = { "executed", "count" },
	[HAZARD_TORN] = { "torn", "count" },
	[HAZARD_FIRST] = { "first", "count" },
	[HAZARD_FAULTS] = { "faults", "count" },
	[HAZARD_CHANGES] = { "changes", "count" },
	[HAZARD_EXECUTED_IN + BOUNDARY_8] = { "executed-8", "count" },
	[HAZARD_EXECUTED_IN + BOUNDARY_16] = { "executed-16", "count" },
	[HAZARD_EXECUTED_IN + BOUNDARY_32] = { "executed-32", "count" },
	[HAZARD_EXECUTED_IN + BOUNDARY_64] = { "executed-64", "count" },
	[HAZARD_EXECUTED_IN + BOUNDARY_PAGE] = { "executed-page", "count" },
	[HAZARD_EXECUTED_IN + BOUNDARY_NONE] = { "executed-within", "count" },
	[HAZARD_TORN_IN + BOUNDARY_8] = { "torn-8", "count" },
	[HAZARD_TORN_IN + BOUNDARY_16] = { "torn-16", "count" },
	[HAZARD_TORN_IN + BOUNDARY_32] = { "torn-32", "count" },
	[HAZARD_TORN_IN + BOUNDARY_64] = { "torn-64", "count" },
	[HAZARD_TORN_IN + BOUNDARY_PAGE] = { "torn-page", "count" },
	[HAZARD_TORN_IN + BOUNDARY_NONE] = { "torn-within", "count" },
};

struct hazard_subject {
	enum imm_kind kind;
	const struct change *change; /* NULL = one store */
};

struct hazard {
	struct imm_sites sites;
	struct executors executors;
	struct random random;
	bool new; /* the form that is live, of all sites */
	u32 turn; /* samples so far */
	u64 nr_changes; /* of one site each */
};

static const struct hazard_subject *subject_of(const struct bench_run *run)
{
	return run->bench->param;
}

/* ---- Where the sites stand ---- */

static enum boundary boundary_of(u32 site)
{
	return site % NR_BOUNDARIES;
}

static u32 bytes_before(u32 site)
{
	return site / NR_BOUNDARIES;
}

/* The coarsest boundary that the bytes of a site lie across: 16 of them cross more than one. */
static enum boundary class_of(const struct imm_sites *sites, u32 site)
{
	u64 first = (u64)sites->sites[site].bytes, last = first + sites->width - 1;

	for (u32 b = NR_BOUNDARIES; b-- > 0;)
		if (first / boundary_bytes[b] != last / boundary_bytes[b])
			return b;
	return BOUNDARY_NONE;
}

static u32 nr_sites_of(u32 width)
{
	return (width + 1) * NR_BOUNDARIES;
}

static int build(struct bench_run *run, struct hazard *hz)
{
	static const u32 widths[NR_IMM_KINDS] = { 1, 2, 4, 8, 16, IMM_WHOLE_BYTES };
	enum imm_kind kind = subject_of(run)->kind;
	u32 offsets[EXECUTOR_MAX_SITES], nr = nr_sites_of(widths[kind]);

	for (u32 i = 0; i < nr; i++)
		offsets[i] = bytes_before(i) * PAGE_BYTES + boundary_offset[boundary_of(i)] -
			     bytes_before(i);
	run->sites = nr;
	return imm_sites_build(&hz->sites, kind, offsets, nr)
		       ? bench_fail(run, -ERR_NOMEM, "%s", region_why())
		       : 0;
}

/* ---- Samples ---- */

static void pause_at_random(struct hazard *hz)
{
	u64 end = rdtsc() + random_below(&hz->random, MAX_GAP_TICKS);

	while (rdtsc() < end)
		cpu_relax();
}

/* An even number of stores: the form is in the end what it was. */
static int store_at(struct bench_run *run, struct hazard *hz, u32 site)
{
	ptrdiff_t delta;
	int err = executors_range(run, &hz->executors, site, 1);

	if (err)
		return err;
	text_mutex_lock();
	err = text_alias_open(&delta);
	for (u32 i = 0; i < NR_STORES && !err; i++) {
		imm_store(&hz->sites, site, delta, !(i % 2));
		pause_at_random(hz);
	}
	if (!err)
		text_alias_close();
	text_mutex_unlock();
	hz->nr_changes += NR_STORES;
	return err ? bench_fail(run, err, "the alias could not be opened") : 0;
}

/* One boundary a sample, in turn: an emulator would take too long for all. */
static int store_everywhere(struct bench_run *run, struct hazard *hz)
{
	int err = 0;

	for (u32 i = hz->turn++ % NR_BOUNDARIES; i < hz->sites.nr_sites && !err; i += NR_BOUNDARIES)
		err = store_at(run, hz, i);
	return err;
}

static int change_all(struct bench_run *run, struct hazard *hz)
{
	u64 ticks;
	int err = 0;

	for (u32 i = 0; i < NR_CHANGES && !err; i++) {
		executors_change_begin(&hz->executors);
		err = change_sites(run, subject_of(run)->change, &hz->sites, !hz->new, &ticks);
		if (err)
			return err;
		hz->new = !hz->new;
		executors_change_end(&hz->executors, hz->new);
		hz->nr_changes += hz->sites.nr_sites;
		err = executors_wait_round(run, &hz->executors);
	}
	return err;
}

/* All of them since the bench began, warm-up and check too. */
static void tell(const struct hazard *hz, u64 *values)
{
	const struct executors *e = &hz->executors;
	struct exec_count all = executors_total(e);

	values[HAZARD_EXECUTED] = all.executed;
	values[HAZARD_TORN] = all.torn;
	values[HAZARD_FIRST] = executors_first_torn(e);
	values[HAZARD_FAULTS] = executors_faults(e);
	values[HAZARD_CHANGES] = hz->nr_changes;
	for (u32 class = 0; class < NR_CLASSES; class ++)
		values[HAZARD_EXECUTED_IN + class] = values[HAZARD_TORN_IN + class] = 0;
	for (u32 i = 0; i < hz->sites.nr_sites; i++) {
		struct exec_count one = executors_site(e, i);
		enum boundary class = class_of(&hz->sites, i);

		values[HAZARD_EXECUTED_IN + class] += one.executed;
		values[HAZARD_TORN_IN + class] += one.torn;
	}
}

static int hazard_sample(struct bench_run *run, u64 *values)
{
	struct hazard *hz = run->priv;
	int err = subject_of(run)->change ? change_all(run, hz) : store_everywhere(run, hz);

	if (!err)
		tell(hz, values);
	return err;
}

/* ---- Set-up, check, tear-down ---- */

static int hazard_setup(struct bench_run *run)
{
	struct hazard *hz = machine_alloc(sizeof(*hz));

	if (!hz)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = hz;
	run->cpus = machine_nr_cpus();
	hz->random = random_from(run->seed);
	return build(run, hz);
}

struct first_run {
	const struct imm_sites *sites;
	u32 nr_old;
};

static void run_each_once(void *arg)
{
	struct first_run *first = arg;

	for (u32 i = 0; i < first->sites->nr_sites; i++)
		first->nr_old += imm_outcome(first->sites, first->sites->sites[i].run()) ==
				 IMM_RAN_OLD;
}

/* Every site in its old form is what it says on this CPU. */
static int hazard_check(struct bench_run *run)
{
	const struct hazard_subject *subject = subject_of(run);
	struct hazard *hz = run->priv;
	struct first_run first = { .sites = &hz->sites };
	int err = machine_probe(run_each_once, &first, NULL);

	if (err || first.nr_old != hz->sites.nr_sites)
		return bench_fail(run, -ERR_VERIFY, "a site traps, or is not its old form");
	if (subject->change)
		err = change_begin(run, subject->change, &hz->sites);
	if (err)
		return err;
	/* One site at a time is under no epoch that all could be judged by. */
	if (!subject->change)
		executors_change_begin(&hz->executors);
	return executors_start(run, &hz->executors, &hz->sites, NULL);
}

static void note_site(const struct bench_run *run, const struct hazard *hz, u32 site)
{
	struct exec_count one = executors_site(&hz->executors, site);

	if (one.torn)
		bench_note(run, "%u of %u bytes before a boundary of %u bytes: %lu of %lu torn",
			   bytes_before(site), hz->sites.width, boundary_bytes[boundary_of(site)],
			   one.torn, one.executed);
}

static void judge(struct bench_run *run, const struct hazard *hz)
{
	const struct change *change = subject_of(run)->change;
	struct exec_count all = executors_total(&hz->executors);
	u64 late = executors_late(&hz->executors), faults = executors_faults(&hz->executors);

	for (u32 i = 0; i < hz->sites.nr_sites; i++)
		note_site(run, hz, i);
	executors_note(run, &hz->executors);
	if (change && change->promises && all.torn + late + faults) {
		run->violations += all.torn + late + faults - 1;
		bench_violation(run, "%lu torn, %lu old after the change, %lu faults of %lu",
				all.torn, late, faults, all.executed);
	}
}

static void hazard_teardown(struct bench_run *run)
{
	struct hazard *hz = run->priv;

	if (!hz)
		return;
	executors_stop(run, &hz->executors);
	if (hz->executors.each)
		judge(run, hz);
	change_end();
	if (!executors_all_home(&hz->executors))
		return;
	executors_free(&hz->executors);
	imm_sites_free(&hz->sites);
	machine_free(hz, sizeof(*hz));
}

/* ---- The suite ---- */

static const struct change by_batch = { .how = CHANGE_BATCH, .promises = true };
static const struct change by_phases = { .how = CHANGE_PHASES, .promises = true };
static const struct change without_sync2 = { .how = CHANGE_PHASES,
					     .gap = { GAP_SYNC, GAP_NOTHING, GAP_SYNC } };

static const struct hazard_subject store_1_byte = { IMM_1, NULL };
static const struct hazard_subject store_2_bytes = { IMM_2, NULL };
static const struct hazard_subject store_4_bytes = { IMM_4, NULL };
static const struct hazard_subject store_8_bytes = { IMM_8, NULL };
static const struct hazard_subject store_16_bytes = { IMM_16, NULL };
static const struct hazard_subject batch = { IMM_WHOLE, &by_batch };
static const struct hazard_subject phases = { IMM_WHOLE, &by_phases };
static const struct hazard_subject no_sync2 = { IMM_WHOLE, &without_sync2 };

#define HAZARD_BENCH(title, subject)                                                               \
	{                                                                                          \
		.name = (title), .series = hazard_series, .nr_series = NR_HAZARD_SERIES,           \
		.min_cpus = 2, .needs_caps = MACHINE_CAP_SMP, .budget_share = 2,                   \
		.param = &(subject), .setup = hazard_setup, .check = hazard_check,                 \
		.sample = hazard_sample, .teardown = hazard_teardown,                              \
	}

static const struct bench hazard_benches[] = {
	HAZARD_BENCH("int3-batch", batch),	HAZARD_BENCH("phases", phases),
	HAZARD_BENCH("no-sync2", no_sync2),	HAZARD_BENCH("store-1", store_1_byte),
	HAZARD_BENCH("store-2", store_2_bytes), HAZARD_BENCH("store-4", store_4_bytes),
	HAZARD_BENCH("store-8", store_8_bytes), HAZARD_BENCH("store-16", store_16_bytes),
};

const struct suite suite_hazard = {
	.name = "hazard",
	.question = "does a plain store to code tear here, and does the protocol not?",
	.benches = hazard_benches,
	.nr_benches = ARRAY_SIZE(hazard_benches),
};
