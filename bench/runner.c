/* SPDX-License-Identifier: MIT */
#include "runner.h"

#include "fault_text.h"
#include "format.h"
#include "machine.h"
#include "mem.h"
#include "runner_rows.h"
#include "screen.h"
#include "text_patching.h"
#include "x86.h"

#define SAMPLES_MAX RUNNER_SAMPLES_MAX
#define SAMPLES_MIN 20u
#define NR_WARM_UPS 2
#define HARD_LIMIT 10 /* budgets */
#define SAMPLE_ROW_BYTES 44 /* of samples.csv, as they come */

static const struct runner_plan plans[] = {
	[PLAN_QUICK] = { 150 * NSEC_PER_MSEC, 120 * NSEC_PER_SEC, 256, 4ul << 20 },
	[PLAN_DEFAULT] = { 500 * NSEC_PER_MSEC, 180 * NSEC_PER_SEC, 1024, 8ul << 20 },
	[PLAN_FULL] = { 3 * NSEC_PER_SEC, 600 * NSEC_PER_SEC, 4096, 32ul << 20 },
};

_Static_assert(SAMPLES_MAX >= 4096, "samples_per_row of every plan must be there to be written");

const struct runner_plan *runner_plan(enum plan plan)
{
	return &plans[plan];
}

/* 2, 3, 4, 8, 16 ... */
static u32 nr_cpus_step(u32 i)
{
	return i < 2 ? i + 2 : 1u << i;
}

/*
 * Those steps, and all CPUs there are; of an emulator 2, for its CPUs may be more than those that
 * it runs on, and then who holds a lock does not run. Return: the @i-th, 0 when there are not so
 * many.
 */
static u32 nth_nr_cpus(u32 i)
{
	u32 nr = machine_nr_cpus();
	u32 all = nr > 2 && !(machine_caps() & MACHINE_CAP_SILICON) ? 2 : nr;
	u32 before = i ? nr_cpus_step(i - 1) : 1;

	if (before >= all)
		return 0;
	return nr_cpus_step(i) < all ? nr_cpus_step(i) : all;
}

/* How often a bench is run: where the plan has it at least once, to say why it is skipped. */
static u32 nr_sizes(const struct options *options, const struct bench *bench)
{
	u32 nr = 0;

	if (bench->min_plan > options->plan)
		return 0;
	if (bench->per_batch)
		return options->nr_batches;
	while (bench->per_cpus && nth_nr_cpus(nr))
		nr++;
	return nr ? nr : 1;
}

/* How many times a bench will run, or how many rows that gives. */
static u32 count(const struct runner *runner, const struct suite *const *list, bool rows)
{
	const struct options *options = runner->options;
	u32 nr = 0;

	for (u32 s = 0; list[s]; s++) {
		if (s >= OPTIONS_MAX_SUITES || !options->suite_wanted[s])
			continue;
		for (u32 b = 0; b < list[s]->nr_benches; b++) {
			const struct bench *bench = &list[s]->benches[b];

			nr += (rows ? runner_nr_rows(runner, bench) : 1) * nr_sizes(options, bench);
		}
	}
	return nr;
}

int runner_init(struct runner *runner, const struct options *options, struct results *results,
		const struct suite *const *list)
{
	const struct runner_plan *plan = runner_plan(options->plan);
	size_t fair_share;
	const char *why;
	u32 nr_rows;

	memset(runner, 0, sizeof(*runner));
	runner->options = options;
	runner->results = results;
	runner->has_core = machine_core_clock(&why) != CORE_CLOCK_NONE;
	nr_rows = count(runner, list, true);
	runner->max_rows = nr_rows;
	runner->nr_runs = count(runner, list, false);
	fair_share = plan->samples_bytes / SAMPLE_ROW_BYTES / (nr_rows ? nr_rows : 1);
	runner->begin = rdtsc();
	/* The same for every row: else the suites that come last would have no samples. */
	results->samples_per_row = fair_share < plan->samples_per_row ? (u32)fair_share
								      : plan->samples_per_row;

	runner->rows = machine_alloc((nr_rows + 1) * sizeof(*runner->rows));
	runner->samples = machine_alloc(BENCH_MAX_SERIES * SAMPLES_MAX * sizeof(u64));
	runner->ratios = machine_alloc(SAMPLES_MAX * sizeof(u64));
	runner->sorted = machine_alloc(SAMPLES_MAX * sizeof(u64));
	runner->scratch = machine_alloc(SAMPLES_MAX * sizeof(u64));
	if (runner->rows && runner->samples && runner->ratios && runner->sorted && runner->scratch)
		return 0;
	runner_free(runner);
	return -ERR_NOMEM;
}

static void free_if(void *mem, size_t bytes)
{
	if (mem)
		machine_free(mem, bytes);
}

void runner_free(struct runner *runner)
{
	free_if(runner->rows, (runner->max_rows + 1) * sizeof(*runner->rows));
	free_if(runner->samples, BENCH_MAX_SERIES * SAMPLES_MAX * sizeof(u64));
	free_if(runner->ratios, SAMPLES_MAX * sizeof(u64));
	free_if(runner->sorted, SAMPLES_MAX * sizeof(u64));
	free_if(runner->scratch, SAMPLES_MAX * sizeof(u64));
	memset(runner, 0, sizeof(*runner));
}

/*
 * A seed of its own for each bench, from its names: the same whichever others are run with it.
 * FNV-1a over the names, then the finaliser of SplitMix64.
 */
static u64 bench_seed(u64 seed, const struct suite *suite, const struct bench *bench, u32 sites)
{
	const char *const names[] = { suite->name, bench->name };
	u64 hash = 0xcbf29ce484222325 ^ sites;

	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		for (const char *c = names[i]; *c; c++)
			hash = (hash ^ (u8)*c) * 0x100000001b3;
	}
	hash += seed;
	hash = (hash ^ (hash >> 30)) * 0xbf58476d1ce4e5b9;
	hash = (hash ^ (hash >> 27)) * 0x94d049bb133111eb;
	return hash ^ (hash >> 31);
}

static u32 nr_live_cpus(void)
{
	u32 nr = 0;

	for (u32 cpu = 0; cpu < machine_nr_cpus(); cpu++)
		nr += !machine_cpu_lost(cpu);
	return nr;
}

/* Return: false with run->reason set when this machine lacks what the bench needs. */
static bool needs_are_met(struct bench_run *run)
{
	const struct bench *bench = run->bench;
	u32 missing = bench->needs_caps & ~machine_caps();

	if (missing) {
		bench_fail(run, 0, "needs %s", machine_cap_name(missing & -missing));
		return false;
	}
	if (bench->min_cpus > nr_live_cpus()) {
		bench_fail(run, 0, "needs %u CPUs", bench->min_cpus);
		return false;
	}
	return true;
}

/* What an error of @what means for the rows; gives a reason where the bench gave none. */
static enum row_status status_of(struct bench_run *run, int error, const char *what)
{
	if (!run->reason[0])
		bench_fail(run, 0, "%s: %s", what, error_name(error));
	return error == -ERR_TIMEOUT ? ROW_HANG : ROW_FAIL;
}

/* What the run before left out: it is a row, too. */
static void hung_before(struct bench_run *run)
{
	bench_fail(run, 0, "it was under way when the run before this one stopped");
}

static enum row_status prepare(struct bench_run *run)
{
	const char *what = "set-up";
	int error = run->bench->setup ? run->bench->setup(run) : 0;

	if (!error && run->bench->check) {
		what = "check";
		error = run->bench->check(run);
	}
	if (!error)
		return ROW_OK;
	if (error == -ERR_UNSUPPORTED) {
		status_of(run, error, what);
		return ROW_SKIP;
	}
	return status_of(run, error, what);
}

static int warm_up(struct bench_run *run)
{
	u64 values[BENCH_MAX_SERIES];
	int error = 0;

	for (u32 i = 0; i < NR_WARM_UPS && !error; i++)
		error = run->bench->sample(run, values);
	return error;
}

/* Is another sample due, after @nr that took @spent ticks? */
static bool want_sample(const struct runner *runner, const struct bench *bench, size_t nr,
			u64 spent)
{
	u64 whole = machine_ticks(runner_plan(runner->options->plan)->budget_ns);
	u64 budget = bench->budget_share ? whole / bench->budget_share : whole;

	if (bench->nr_samples)
		return nr < bench->nr_samples;
	return nr < SAMPLES_MAX && spent < HARD_LIMIT * whole &&
	       (nr < SAMPLES_MIN || spent < budget);
}

/* Says why the machine starts again; what hung is on the medium already. */
static void deadman_note(void *arg, const char *why)
{
	struct runner *runner = arg;

	screen_note(runner->results, "%s", why);
	results_flush(runner->results);
}

static void alive(struct runner *runner)
{
	if (!runner->options->no_store) /* nobody would know what hung, and it would hang again */
		machine_deadman(runner_plan(runner->options->plan)->deadman_ns, deadman_note,
				runner);
}

/*
 * With the core's cycles around all of it, where it has values in ticks. Counters are not read
 * within its windows, which they would lengthen, and by an exit where there is a hypervisor.
 */
static int take_sample(struct bench_run *run, bool has_core, u64 *values, u64 *ret_ratio)
{
	struct core_cycles before, after;
	int error;

	*ret_ratio = 0;
	if (!has_core || !machine_core_cycles(&before))
		return run->bench->sample(run, values);
	error = run->bench->sample(run, values);
	if (machine_core_cycles(&after))
		*ret_ratio = tags_ratio(&before, &after);
	return error;
}

/*
 * Nothing is printed, written or allocated between the first sample and the last. A bench that asks
 * for its samples may take hours for them, and says that it is alive; it is not measuring time.
 */
static int take_samples(struct runner *runner, struct bench_run *run, size_t *ret_nr)
{
	u64 values[BENCH_MAX_SERIES] = { 0 };
	bool has_core = runner_has_core(runner, run->bench);
	u64 begin = rdtsc(), spent = 0;
	size_t nr = 0;

	while (want_sample(runner, run->bench, nr, spent)) {
		int error = take_sample(run, has_core, values, &runner->ratios[nr]);

		if (error)
			return error;
		for (u32 i = 0; i < run->bench->nr_series; i++)
			runner->samples[i * SAMPLES_MAX + nr] = values[i];
		nr++;
		spent = rdtsc() - begin;
		if (run->bench->nr_samples)
			alive(runner);
	}
	*ret_nr = nr;
	return 0;
}

/* Only after tear-down are all violations counted, and all victims heard. */
static void judge(struct bench_run *run, struct outcome *outcome)
{
	char why[BENCH_REASON_BYTES];

	if (outcome->status == ROW_HANG || outcome->status == ROW_FAIL)
		return;
	if (run->violations) {
		format(why, sizeof(why), "%s", run->reason);
		bench_fail(run, 0, "%lu violations%s%s", run->violations, why[0] ? ": " : "", why);
		outcome->status = ROW_FAIL;
	} else if (outcome->status == ROW_OK && run->reason[0]) {
		outcome->status = ROW_FAIL;
	}
}

/* What measure() does in steps that a trap may end. */
struct measuring {
	struct runner *runner;
	struct bench_run *run;
	struct outcome outcome;
};

static void do_measure(void *arg)
{
	struct measuring *m = arg;
	enum row_status status = prepare(m->run);
	int error;

	if (status == ROW_OK) {
		screen_quiet(m->runner->results);
		error = warm_up(m->run);
		tags_begin(&m->outcome.watch);
		if (!error)
			error = take_samples(m->runner, m->run, &m->outcome.nr_samples);
		tags_end(&m->outcome.watch);
		if (error)
			status = status_of(m->run, error, "sample");
		m->outcome.measured = !error;
	}
	m->outcome.status = status;
}

static void do_teardown(void *arg)
{
	struct measuring *m = arg;

	if (m->run->bench->teardown)
		m->run->bench->teardown(m->run);
}

/*
 * A trap on this CPU that the bench does not expect ends the bench and not the run. What it held is
 * given back as far as its tear-down can; memory may be lost.
 */
static void survive(struct measuring *m, cpu_fn step)
{
	char text[FAULT_TEXT_BYTES];
	struct machine_fault fault;

	if (!machine_probe(step, m, &fault))
		return;
	if (text_mutex_held())
		text_mutex_unlock();
	fault_text(&fault, text, sizeof(text));
	bench_fail(m->run, 0, "%s", text);
	m->outcome = (struct outcome){ .status = ROW_FAIL };
}

static void do_all(void *measuring)
{
	struct measuring *m = measuring;
	u32 nr_said;

	survive(m, do_measure);
	nr_said = screen_quiet_end();
	survive(m, do_teardown);
	if (nr_said)
		bench_violation(m->run, "text was printed while it was measured");
}

static struct outcome measure(struct runner *runner, struct bench_run *run)
{
	struct measuring m = { .runner = runner, .run = run, .outcome = { .status = ROW_SKIP } };
	int error;

	if (run->bench->nr_series > BENCH_MAX_SERIES || run->bench->nr_samples > SAMPLES_MAX ||
	    !run->bench->sample) {
		bench_fail(run, 0, "its row in the table of benches is wrong");
		m.outcome.status = ROW_FAIL;
		return m.outcome;
	}
	if (!needs_are_met(run))
		return m.outcome;
	error = machine_stage(do_all, &m);
	if (error)
		m.outcome = (struct outcome){ .status = status_of(run, error, "stage") };
	judge(run, &m.outcome);
	return m.outcome;
}

/* @i: which of its sizes. */
static void run_bench(struct runner *runner, const struct suite *suite, const struct bench *bench,
		      u32 i)
{
	u32 sites = bench->per_batch ? runner->options->batch[i] : 0;
	struct results *log = runner->results;
	struct bench_run run = {
		.bench = bench,
		.options = runner->options,
		.cpus = bench->per_cpus ? nth_nr_cpus(i) : 0,
		.sites = sites,
		.seed = bench_seed(runner->options->seed, suite, bench, sites),
		.log = log,
	};
	struct outcome outcome = { .status = ROW_HANG };
	enum stage stage;
	u32 nr_dead;

	stage = stages_bench(runner->stages);
	if (stage == STAGE_PASS)
		return;
	/* On the medium before it runs: after a hang the log names the culprit. */
	screen_note(log, "begin %s/%s sites=%u", suite->name, bench->name, sites);
	results_flush_log(log);
	alive(runner);
	if (stage == STAGE_RUN)
		outcome = measure(runner, &run);
	else
		hung_before(&run);
	screen_note(log, "end %s/%s sites=%u samples=%lu %s", suite->name, bench->name, run.sites,
		    (u64)outcome.nr_samples, run.reason[0] ? run.reason : "ok");
	if (outcome.status == ROW_FAIL || outcome.status == ROW_HANG)
		screen_failure(log, suite->name, bench->name, sites, run.reason);
	runner_report(runner, suite, &run, &outcome);
	nr_dead = machine_forget_dead_cpus();
	if (nr_dead)
		screen_say(log, "%s/%s: %u CPU%s stopped by a trap, %u left\n", suite->name,
			   bench->name, nr_dead, nr_dead > 1 ? "s" : "", machine_nr_cpus());
}

struct runner_totals runner_run_suite(struct runner *runner, const struct suite *suite)
{
	const struct options *options = runner->options;
	struct runner_totals totals = { 0 };
	u32 first = runner->nr_rows;
	u64 begin = rdtsc();

	for (u32 b = 0; b < suite->nr_benches; b++) {
		const struct bench *bench = &suite->benches[b];

		for (u32 i = 0; i < nr_sizes(options, bench); i++) {
			run_bench(runner, suite, bench, i);
			runner->nr_done++;
		}
	}
	for (u32 i = first; i < runner->nr_rows; i++) {
		enum row_status status = runner->rows[i].status;

		totals.nr_ok += status == ROW_OK;
		totals.nr_skip += status == ROW_SKIP;
		totals.nr_fail += status == ROW_FAIL || status == ROW_HANG;
	}
	totals.nr_rows = runner->nr_rows - first;
	totals.ns = machine_ns(rdtsc() - begin);
	if (runner->nr_done < runner->nr_runs)
		totals.left_ns = machine_ns(rdtsc() - runner->begin) / runner->nr_done *
				 (runner->nr_runs - runner->nr_done);
	return totals;
}
