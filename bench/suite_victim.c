/* SPDX-License-Identifier: MIT */
/*
 * What does a batch of patches take from a CPU that has nothing to do with it, and when does the
 * last CPU run the new code?
 *
 * Every other CPU runs passes without end, through the sites or elsewhere, and holds a clock
 * against them (pass_clock.h). One sample is a window in which nothing is patched, as long as the
 * last batch, and then a batch. What the first one says is what the machine takes anyway.
 */
#include "bench.h"
#include "machine.h"
#include "mem.h"
#include "pass_clock.h"
#include "text_patching.h"
#include "toggle.h"
#include "x86.h"

#define LEARN_NS (5 * NSEC_PER_SEC)

enum {
	VICTIM_TAKEN,
	VICTIM_LONGEST,
	VICTIM_QUIET,
	VICTIM_BATCH,
	NR_ELSEWHERE_SERIES,
	VICTIM_NEW = NR_ELSEWHERE_SERIES,
	VICTIM_LIVE,
	NR_IN_CODE_SERIES,
};

static const struct series victim_series[NR_IN_CODE_SERIES] = {
	[VICTIM_TAKEN] = { "taken", "ns" }, [VICTIM_LONGEST] = { "longest", "ns" },
	[VICTIM_QUIET] = { "quiet", "ns" }, [VICTIM_BATCH] = { "batch", "ns" },
	[VICTIM_NEW] = { "new", "ns" },	    [VICTIM_LIVE] = { "live", "ns" },
};

struct bystanders {
	u32 nr_sites;
	bool in_code; /* they run the sites; else other code, which nobody patches */
};

struct victim_bench {
	struct toggler toggler;
	struct site_region other_sites;
	struct victims elsewhere;
	struct pass_window window;
	struct pass_clock *clocks; /* by CPU */
	u64 batch_ticks; /* of the last one */
	u32 turn; /* whose clock the next sample tells */
};

static const struct bystanders *bystanders_of(const struct bench_run *run)
{
	return run->bench->param;
}

/* ---- Clocks ---- */

static int wait_pass(struct bench_run *run, struct victim_bench *vb)
{
	if (victims_wait_pass(&vb->elsewhere))
		return bench_fail(run, -ERR_TIMEOUT, "a CPU stopped running elsewhere");
	return toggle_wait_pass(run, &vb->toggler);
}

static bool all_learned(const struct bench_run *run, const struct victim_bench *vb, bool new)
{
	bool all = true;

	for (u32 cpu = 1; cpu < run->cpus; cpu++)
		all = all && pass_clock_learned(&vb->clocks[cpu], new);
	return all;
}

static int learn(struct bench_run *run, struct victim_bench *vb, bool new)
{
	u64 deadline = rdtsc() + machine_ticks(LEARN_NS);
	int err = wait_pass(run, vb);

	while (!err && !all_learned(run, vb, new)) {
		if (rdtsc() > deadline)
			return bench_fail(run, -ERR_TIMEOUT, "passes of a CPU are never quiet");
		err = wait_pass(run, vb);
	}
	return err;
}

/* Right after wait_pass() in the same window, all is there. */
static const struct pass_clock *clock_in_turn(const struct bench_run *run,
					      const struct victim_bench *vb)
{
	return &vb->clocks[1 + vb->turn % (run->cpus - 1)];
}

static u64 ns_since(u64 tick, u64 begin)
{
	return tick > begin ? machine_ns(tick - begin) : 0;
}

/* ---- A window without a batch, and one with ---- */

static int quiet_window(struct bench_run *run, struct victim_bench *vb, u64 *ret_ns)
{
	u64 end;
	int err;

	pass_window_begin(&vb->window, vb->toggler.new);
	end = rdtsc() + vb->batch_ticks;
	while (rdtsc() < end)
		cpu_relax();
	err = wait_pass(run, vb);
	if (!err)
		*ret_ns = machine_ns(clock_in_turn(run, vb)->taken_ticks);
	return err;
}

/* The last CPU of all is what counts. Return: 0, or -ERR_VERIFY when one has not come to it. */
static int tell_last(struct bench_run *run, const struct victim_bench *vb, u64 begin, u64 *values)
{
	values[VICTIM_NEW] = values[VICTIM_LIVE] = 0;
	for (u32 cpu = 1; cpu < run->cpus; cpu++) {
		const struct pass_clock *clock = &vb->clocks[cpu];
		u64 new = ns_since(clock->new_tick, begin);
		u64 live = ns_since(clock->live_tick, begin);

		if (!clock->new_tick || !clock->live_tick)
			return bench_fail(run, -ERR_VERIFY,
					  "cpu %u has not run what a finished batch wrote", cpu);
		if (new > values[VICTIM_NEW])
			values[VICTIM_NEW] = new;
		if (live > values[VICTIM_LIVE])
			values[VICTIM_LIVE] = live;
	}
	return 0;
}

static int batch_window(struct bench_run *run, struct victim_bench *vb, u64 *values)
{
	const struct smp_text_poke_stats *stats = smp_text_poke_stats();
	const struct pass_clock *clock = clock_in_turn(run, vb);
	u64 begin, start;
	int err;

	pass_window_begin(&vb->window, !vb->toggler.new);
	err = toggle(run, &vb->toggler, &begin);
	start = stats->stamp[TEXT_POKE_STAMP_BEGIN];
	vb->batch_ticks = stats->stamp[TEXT_POKE_STAMP_END] - start;
	if (!err)
		err = wait_pass(run, vb);
	if (err)
		return err;
	values[VICTIM_TAKEN] = machine_ns(clock->taken_ticks);
	values[VICTIM_LONGEST] = machine_ns(clock->longest_ticks);
	values[VICTIM_BATCH] = machine_ns(vb->batch_ticks);
	return bystanders_of(run)->in_code ? tell_last(run, vb, start, values) : 0;
}

static int victim_sample(struct bench_run *run, u64 *values)
{
	struct victim_bench *vb = run->priv;
	int err = quiet_window(run, vb, &values[VICTIM_QUIET]);

	if (!err)
		err = batch_window(run, vb, values);
	vb->turn++;
	return err;
}

/* ---- Set-up, check, tear-down ---- */

static int victim_setup(struct bench_run *run)
{
	struct victim_bench *vb = machine_alloc(sizeof(*vb));
	int err;

	if (!vb)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = vb;
	run->cpus = machine_nr_cpus();
	run->sites = bystanders_of(run)->nr_sites;
	vb->clocks = machine_alloc(run->cpus * sizeof(*vb->clocks));
	if (!vb->clocks)
		return bench_fail(run, -ERR_NOMEM, "no memory for the clocks");
	for (u32 cpu = 0; cpu < run->cpus; cpu++)
		vb->clocks[cpu].window = &vb->window;
	err = region_build_sites(&vb->toggler.sites, SITE_NOP5_JMP32, run->sites, SITE_STRIDE_BYTES,
				 0);
	if (!err && !bystanders_of(run)->in_code)
		err = region_build_sites(&vb->other_sites, SITE_NOP5_JMP32, 1, SITE_STRIDE_BYTES,
					 0);
	return err ? bench_fail(run, err, "%s", region_why()) : 0;
}

static int start_elsewhere(struct bench_run *run, struct victim_bench *vb)
{
	struct watch watch = { .clocks = vb->clocks };
	int err = victims_start_watch(&vb->elsewhere, &vb->other_sites, &watch);

	return err ? bench_fail(run, err, "no CPU ran elsewhere: %s", vb->elsewhere.why) : 0;
}

/* In the code both forms are learned, and so the batch that makes the new one live comes first. */
static int start_in_code(struct bench_run *run, struct victim_bench *vb)
{
	u64 begin;
	int err;

	vb->toggler.watch.clocks = vb->clocks;
	err = toggle_start_victims(run, &vb->toggler);
	if (!err)
		err = learn(run, vb, false);
	if (!err)
		err = toggle(run, &vb->toggler, &begin);
	return err ? err : learn(run, vb, true);
}

static int victim_check(struct bench_run *run)
{
	struct victim_bench *vb = run->priv;
	int err = toggle_check(run, &vb->toggler);

	if (err)
		return err;
	if (bystanders_of(run)->in_code)
		return start_in_code(run, vb);
	err = start_elsewhere(run, vb);
	return err ? err : learn(run, vb, false);
}

static void victim_teardown(struct bench_run *run)
{
	struct victim_bench *vb = run->priv;

	if (!vb)
		return;
	victims_stop(&vb->elsewhere);
	run->violations += victims_violations(&vb->elsewhere);
	victims_free(&vb->elsewhere);
	if (vb->other_sites.region.text)
		site_region_free(&vb->other_sites);
	toggle_end(run, &vb->toggler);
	if (vb->clocks)
		machine_free(vb->clocks, run->cpus * sizeof(*vb->clocks));
	machine_free(vb, sizeof(*vb));
}

/* ---- The suite ---- */

#define VICTIM_BENCH(title, subject, series_of)                                                    \
	{                                                                                          \
		.name = (title), .series = victim_series, .nr_series = (series_of), .min_cpus = 2, \
		.needs_caps = MACHINE_CAP_SMP, .param = &(subject), .setup = victim_setup,         \
		.check = victim_check, .sample = victim_sample, .teardown = victim_teardown,       \
	}

static const struct bystanders in_code_1 = { 1, true }, in_code_16 = { 16, true };
static const struct bystanders in_code_256 = { 256, true }, elsewhere_1 = { 1, false };
static const struct bystanders elsewhere_16 = { 16, false }, elsewhere_256 = { 256, false };

static const struct bench victim_benches[] = {
	VICTIM_BENCH("in-code-1", in_code_1, NR_IN_CODE_SERIES),
	VICTIM_BENCH("in-code-16", in_code_16, NR_IN_CODE_SERIES),
	VICTIM_BENCH("in-code-256", in_code_256, NR_IN_CODE_SERIES),
	VICTIM_BENCH("elsewhere-1", elsewhere_1, NR_ELSEWHERE_SERIES),
	VICTIM_BENCH("elsewhere-16", elsewhere_16, NR_ELSEWHERE_SERIES),
	VICTIM_BENCH("elsewhere-256", elsewhere_256, NR_ELSEWHERE_SERIES),
};

const struct suite suite_victim = {
	.name = "victim",
	.question = "what does a batch take from another CPU, and when does the last run new code?",
	.benches = victim_benches,
	.nr_benches = ARRAY_SIZE(victim_benches),
};
