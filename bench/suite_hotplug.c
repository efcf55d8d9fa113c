/* SPDX-License-Identifier: MIT */
/*
 * CPUs are taken out and brought in: what does that cost, does a CPU that was away run what was
 * patched meanwhile, and does code that gave up its LOCKs for the last CPU keep every update?
 */
#include "bench.h"
#include "all_cpus.h"
#include "cpu_hotplug.h"
#include "image_patching.h"
#include "machine.h"
#include "region_locks.h"
#include "region_sequences.h"
#include "text_patching.h"
#include "toggle.h"
#include "together.h"
#include "x86.h"

#define DEADLINE_NS (10 * NSEC_PER_SEC)

/* ---- A CPU that was away while text was patched ---- */

#define NR_SITES 16

enum {
	RESYNC_DOWN,
	RESYNC_UP,
	RESYNC_SERIALISED,
	NR_RESYNC_SERIES,
};

static const struct series resync_series[NR_RESYNC_SERIES] = {
	[RESYNC_DOWN] = { "down", "ns" },
	[RESYNC_UP] = { "up", "ns" },
	[RESYNC_SERIALISED] = { "serialised", "count" },
};

struct resync {
	struct toggler t;
	u32 cpu; /* that goes next */
	bool runs_right;
	bool left_behind; /* a CPU did not end, and may still run the sites */
};

static int resync_setup(struct bench_run *run)
{
	struct resync *r = machine_alloc(sizeof(*r));

	if (!r)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = r;
	run->sites = NR_SITES;
	run->cpus = machine_nr_cpus();
	r->cpu = 1;
	if (region_build_sites(&r->t.sites, SITE_NOP5_JMP32, NR_SITES, SITE_STRIDE_BYTES, 0))
		return bench_fail(run, -ERR_NOMEM, "%s", region_why());
	return 0;
}

static int resync_check(struct bench_run *run)
{
	struct resync *r = run->priv;

	return toggle_check(run, &r->t);
}

static void run_sites(void *arg)
{
	struct resync *r = arg;

	r->runs_right = toggle_runs_as(&r->t, r->t.new);
}

/* So that the CPU has the form of now in its caches, and then meets the one that comes. */
static int run_on(struct bench_run *run, struct resync *r)
{
	int err;

	r->runs_right = false;
	err = machine_cpu_start(r->cpu, run_sites, r);
	if (!err)
		err = machine_cpu_wait(r->cpu, DEADLINE_NS, NULL);
	r->left_behind = r->left_behind || err == -ERR_TIMEOUT;
	if (err)
		return bench_fail(run, err, "cpu %u did not run the sites", r->cpu);
	if (!r->runs_right)
		bench_violation(run, "cpu %u runs what was there before it went", r->cpu);
	return 0;
}

/* A batch while the CPU is out; it is to hear nothing of it. */
static int patch_behind_its_back(struct bench_run *run, struct resync *r)
{
	u64 answered = machine_syncs_answered(r->cpu), begin;
	int err = toggle(run, &r->t, &begin);

	if (err)
		return err;
	toggle_judge(run, &r->t);
	if (machine_syncs_answered(r->cpu) != answered)
		bench_violation(run, "cpu %u answered a sync while it was out", r->cpu);
	return 0;
}

static int go_and_come(struct bench_run *run, struct resync *r, u64 *values)
{
	u64 begin = rdtsc_ordered();
	int err = cpu_down(r->cpu);

	values[RESYNC_DOWN] = machine_ns(rdtsc_ordered() - begin);
	if (err)
		return bench_fail(run, err, "cpu %u could not be taken out", r->cpu);
	err = patch_behind_its_back(run, r);
	if (err)
		return err;
	values[RESYNC_SERIALISED] = machine_syncs_answered(r->cpu);
	begin = rdtsc_ordered();
	err = cpu_up(r->cpu);
	values[RESYNC_UP] = machine_ns(rdtsc_ordered() - begin);
	values[RESYNC_SERIALISED] = machine_syncs_answered(r->cpu) - values[RESYNC_SERIALISED];
	if (err)
		return bench_fail(run, err, "cpu %u could not be brought in", r->cpu);
	if (values[RESYNC_SERIALISED] != 1)
		bench_violation(run, "cpu %u serialised %lu times on its way in", r->cpu,
				values[RESYNC_SERIALISED]);
	return 0;
}

static int resync_sample(struct bench_run *run, u64 *values)
{
	struct resync *r = run->priv;
	int err = run_on(run, r);

	if (!err)
		err = go_and_come(run, r, values);
	if (!err)
		err = run_on(run, r);
	r->cpu = r->cpu + 1 < machine_nr_cpus() ? r->cpu + 1 : 1;
	return err;
}

static void resync_teardown(struct bench_run *run)
{
	struct resync *r = run->priv;

	if (!r)
		return;
	all_cpus_up(run);
	if (r->left_behind)
		return;
	site_region_free(&r->t.sites);
	machine_free(r, sizeof(*r));
}

/* ---- The last CPU gives up its LOCKs ---- */

#define NR_PASSES 1000 /* of each CPU in a round */

enum {
	LAST_DOWN,
	LAST_TO_UP,
	LAST_TO_SMP,
	LAST_UP,
	LAST_UPDATES,
	LAST_LOST,
	NR_LAST_SERIES,
};

static const struct series last_series[NR_LAST_SERIES] = {
	[LAST_DOWN] = { "all-down", "ns" },	 [LAST_TO_UP] = { "to-up", "ns" },
	[LAST_TO_SMP] = { "to-smp", "ns" },	 [LAST_UP] = { "all-up", "ns" },
	[LAST_UPDATES] = { "updates", "count" }, [LAST_LOST] = { "lost", "count" },
};

struct last {
	struct together together;
	struct sequence_region region;
	u64 smp_hash; /* of its text, as it was built */
	struct guarded words;
};

static void count(void *arg, u32 cpu)
{
	struct last *last = arg;

	(void)cpu;
	((sequences_fn)last->region.region.text)(&last->words, NR_PASSES);
}

static int last_setup(struct bench_run *run)
{
	struct last *last = machine_alloc(sizeof(*last));

	if (!last)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = last;
	run->cpus = machine_nr_cpus();
	last->together.nr_cpus = run->cpus;
	last->together.run = count;
	last->together.arg = last;
	if (run->cpus > TOGETHER_MAX_CPUS)
		return bench_fail(run, -ERR_UNSUPPORTED, "needs %u CPUs or fewer",
				  TOGETHER_MAX_CPUS);
	if (region_build_sequences(&last->region))
		return bench_fail(run, -ERR_NOMEM, "%s", region_why());
	last->smp_hash = region_hash(&last->region.region);
	return 0;
}

static void count_here(void *arg)
{
	count(arg, 0);
}

static void begin_round(struct last *last)
{
	last->words = (struct guarded){ .semaphore = 1 };
}

/* Both words were counted up once a pass by each CPU. */
static u64 nr_lost(const struct last *last, u32 nr_cpus)
{
	return 2ull * nr_cpus * NR_PASSES - last->words.under_spinlock -
	       last->words.under_semaphore;
}

static int count_together(struct bench_run *run, struct last *last, u64 *values)
{
	int err;

	begin_round(last);
	err = together_run(run, &last->together);
	values[LAST_UPDATES] = 2ull * run->cpus * NR_PASSES;
	values[LAST_LOST] = nr_lost(last, run->cpus);
	if (!err && values[LAST_LOST])
		bench_violation(run, "%lu of %lu updates lost in SMP form", values[LAST_LOST],
				values[LAST_UPDATES]);
	return err;
}

/* The program's own LOCKs are out exactly when they follow the number of CPUs. */
static void expect_own_form(struct bench_run *run, bool alone)
{
	const struct image_patched *own = image_patched();
	bool is_up;

	text_mutex_lock();
	is_up = alternatives_smp_state()->uniproc_patched;
	text_mutex_unlock();
	if (own->done && is_up != (own->two_way && alone))
		bench_violation(run, "with %s its own LOCKs are %s",
				alone ? "one CPU in" : "all CPUs in", is_up ? "out" : "in place");
}

static int count_alone(struct bench_run *run, struct last *last)
{
	int err;

	if (!region_locks_are(&last->region.region, SMP_UP_DS))
		return bench_fail(run, -ERR_VERIFY, "a LOCK is not in UP form");
	begin_round(last);
	err = machine_probe(count_here, last, NULL);
	if (err)
		return bench_fail(run, err, "UP form could not be run");
	if (nr_lost(last, 1))
		bench_violation(run, "%lu updates lost by one CPU alone", nr_lost(last, 1));
	return 0;
}

static int timed_switch(struct bench_run *run, struct last *last, bool smp, u64 *ret_ns)
{
	u64 begin = rdtsc_ordered();
	int err = sequences_to(run, &last->region, smp);

	*ret_ns = machine_ns(rdtsc_ordered() - begin);
	return err;
}

/* In UP form as long as this CPU is alone. */
static int be_alone(struct bench_run *run, struct last *last, u64 *values)
{
	int err = timed_switch(run, last, false, &values[LAST_TO_UP]), back;

	expect_own_form(run, true);
	if (!err)
		err = count_alone(run, last);
	back = timed_switch(run, last, true, &values[LAST_TO_SMP]);
	if (!back && region_hash(&last->region.region) != last->smp_hash)
		back = bench_fail(run, -ERR_VERIFY, "UP form and back is not the same text");
	return err ? err : back;
}

static int go_and_come_back(struct bench_run *run, struct last *last, u64 *values)
{
	u64 begin = rdtsc_ordered();
	int err = all_cpus_down(run), up;

	values[LAST_DOWN] = machine_ns(rdtsc_ordered() - begin);
	if (!err)
		err = be_alone(run, last, values);
	begin = rdtsc_ordered();
	up = all_cpus_up(run);
	values[LAST_UP] = machine_ns(rdtsc_ordered() - begin);
	expect_own_form(run, false);
	return err ? err : up;
}

static int last_sample(struct bench_run *run, u64 *values)
{
	struct last *last = run->priv;
	int err = go_and_come_back(run, last, values);

	return err ? err : count_together(run, last, values);
}

static void last_teardown(struct bench_run *run)
{
	struct last *last = run->priv;

	if (!last)
		return;
	all_cpus_up(run);
	if (last->together.left_behind)
		return;
	sequence_region_free(&last->region);
	machine_free(last, sizeof(*last));
}

/* ---- The suite ---- */

#define HOTPLUG_BENCH(title, prefix, nr, check_fn)                                                 \
	{                                                                                          \
		.name = (title), .series = prefix##_series, .nr_series = (nr), .min_cpus = 2,      \
		.needs_caps = MACHINE_CAP_SMP, .setup = prefix##_setup, .check = (check_fn),       \
		.sample = prefix##_sample, .teardown = prefix##_teardown,                          \
	}

static const struct bench hotplug_benches[] = {
	HOTPLUG_BENCH("resync", resync, NR_RESYNC_SERIES, resync_check),
	HOTPLUG_BENCH("last-cpu", last, NR_LAST_SERIES, NULL),
};

const struct suite suite_hotplug = {
	.name = "hotplug",
	.question = "what does it cost to take CPUs out and in, and text along with them?",
	.benches = hotplug_benches,
	.nr_benches = ARRAY_SIZE(hotplug_benches),
};
