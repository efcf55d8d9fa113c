/* SPDX-License-Identifier: MIT */
/*
 * The same sites, changed by every way there is: what does it cost, whom, and how often does it
 * fail?
 *
 * Sixteen MOVs, of which every byte changes, lie each within an aligned word; those of the rows
 * "-across" lie across two lines. The other CPUs run through them, count what they ran, and time
 * their rounds. A way that promises nothing may fail: that is a count. Whatever happened, the next
 * change writes every byte again, and after each sample they are looked at.
 */
#include "bench.h"
#include "change.h"
#include "executor.h"
#include "imm_sites.h"
#include "machine.h"
#include "mem.h"
#include "pass_clock.h"
#include "text_patching.h"
#include "x86.h"

#define NR_SITES 16
#define SITE_SPACING_BYTES 128
/* Of all sites, in a sample: fails are rare where nothing is promised, and such changes are cheap.
 */
#define NR_CHANGES 8
#define NR_PROMISED_CHANGES 1
#define LEARN_NS (5 * NSEC_PER_SEC)

enum {
	PROTOCOL_CHANGE,
	PROTOCOL_TAKEN,
	PROTOCOL_LONGEST,
	PROTOCOL_EXECUTED,
	PROTOCOL_TORN,
	PROTOCOL_FIRST,
	PROTOCOL_FAULTS,
	PROTOCOL_LATE,
	PROTOCOL_TRAPS,
	NR_PROTOCOL_SERIES,
};

static const struct series protocol_series[NR_PROTOCOL_SERIES] = {
	[PROTOCOL_CHANGE] = { "change", "ns" },	   [PROTOCOL_TAKEN] = { "taken", "ns" },
	[PROTOCOL_LONGEST] = { "longest", "ns" },  [PROTOCOL_EXECUTED] = { "executed", "count" },
	[PROTOCOL_TORN] = { "torn", "count" },	   [PROTOCOL_FIRST] = { "first", "count" },
	[PROTOCOL_FAULTS] = { "faults", "count" }, [PROTOCOL_LATE] = { "late", "count" },
	[PROTOCOL_TRAPS] = { "traps", "count" },
};

struct protocol {
	struct change change;
	bool across; /* lines; else each site is within an aligned word */
};

struct protocol_bench {
	struct imm_sites sites;
	struct executors executors;
	struct pass_window window;
	struct pass_clock *clocks; /* by CPU */
	bool new; /* the form that is live */
	u32 turn; /* whose clock the next sample tells */
	u64 traps; /* before the bench */
};

static const struct protocol *protocol_of(const struct bench_run *run)
{
	return run->bench->param;
}

static u32 nr_changes(const struct bench_run *run)
{
	return protocol_of(run)->change.promises ? NR_PROMISED_CHANGES : NR_CHANGES;
}

/* ---- One change, and some ---- */

static int change_once(struct bench_run *run, struct protocol_bench *pb, const struct change *how,
		       u64 *ret_ticks)
{
	int err;

	executors_change_begin(&pb->executors);
	err = change_sites(run, how, &pb->sites, !pb->new, ret_ticks);
	if (err)
		return err;
	pb->new = !pb->new;
	executors_change_end(&pb->executors, pb->new);
	return executors_wait_round(run, &pb->executors);
}

static bool bytes_are_right(const struct protocol_bench *pb)
{
	const struct imm_sites *s = &pb->sites;

	for (u32 i = 0; i < s->nr_sites; i++)
		if (memcmp(s->sites[i].addr, pb->new ? s->new : s->old, IMM_WHOLE_BYTES))
			return false;
	return true;
}

/* Counts are since the bench began. */
static void tell(const struct bench_run *run, struct protocol_bench *pb, u64 ticks, u64 *values)
{
	const struct executors *e = &pb->executors;
	const struct pass_clock *clock = &pb->clocks[1 + pb->turn++ % (run->cpus - 1)];
	struct exec_count all = executors_total(e);

	values[PROTOCOL_CHANGE] = machine_ns(ticks / nr_changes(run));
	values[PROTOCOL_TAKEN] = machine_ns(clock->taken_ticks / nr_changes(run));
	values[PROTOCOL_LONGEST] = machine_ns(clock->longest_ticks);
	values[PROTOCOL_EXECUTED] = all.executed;
	values[PROTOCOL_TORN] = all.torn;
	values[PROTOCOL_FIRST] = executors_first_torn(e);
	values[PROTOCOL_FAULTS] = executors_faults(e);
	values[PROTOCOL_LATE] = executors_late(e);
	values[PROTOCOL_TRAPS] = change_traps() - pb->traps;
}

static int protocol_sample(struct bench_run *run, u64 *values)
{
	struct protocol_bench *pb = run->priv;
	u64 sum = 0;
	int err = 0;

	pass_window_begin(&pb->window, !pb->new);
	for (u32 i = 0; i < nr_changes(run) && !err; i++) {
		u64 ticks = 0;

		err = change_once(run, pb, &protocol_of(run)->change, &ticks);
		sum += ticks;
	}
	if (err)
		return err;
	tell(run, pb, sum, values);
	if (!bytes_are_right(pb))
		bench_violation(run, "bytes of a site are wrong after a change");
	return 0;
}

/* ---- Set-up, check, tear-down ---- */

static u32 offset_of(u32 i, bool across)
{
	u32 line = PAGE_BYTES / 2 + i * SITE_SPACING_BYTES;

	/* 1 to 4 bytes before the end of a line, or 0 to 3 into a word. */
	return across ? line + CACHE_LINE_BYTES - 1 - i % 4 : line + i % 4;
}

static int protocol_setup(struct bench_run *run)
{
	struct protocol_bench *pb = machine_alloc(sizeof(*pb));
	u32 offsets[NR_SITES];

	if (!pb)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = pb;
	run->cpus = machine_nr_cpus();
	run->sites = NR_SITES;
	pb->clocks = machine_alloc(run->cpus * sizeof(*pb->clocks));
	if (!pb->clocks)
		return bench_fail(run, -ERR_NOMEM, "no memory for the clocks");
	for (u32 cpu = 0; cpu < run->cpus; cpu++)
		pb->clocks[cpu].window = &pb->window;
	for (u32 i = 0; i < NR_SITES; i++)
		offsets[i] = offset_of(i, protocol_of(run)->across);
	if (imm_sites_build(&pb->sites, IMM_WHOLE, offsets, NR_SITES))
		return bench_fail(run, -ERR_NOMEM, "%s", region_why());
	return 0;
}

static bool all_learned(const struct bench_run *run, const struct protocol_bench *pb)
{
	bool all = true;

	for (u32 cpu = 1; cpu < run->cpus; cpu++)
		all = all && pass_clock_learned(&pb->clocks[cpu], pb->new);
	return all;
}

static int learn(struct bench_run *run, struct protocol_bench *pb)
{
	u64 deadline = rdtsc() + machine_ticks(LEARN_NS);
	int err = 0;

	while (!err && !all_learned(run, pb)) {
		if (rdtsc() > deadline)
			return bench_fail(run, -ERR_TIMEOUT, "rounds of a CPU are never quiet");
		err = executors_wait_round(run, &pb->executors);
	}
	return err;
}

/*
 * What rounds take in either form, by the engine: an emulator may keep what a CPU fetched in the
 * middle of another change for as long as nobody writes there again.
 */
static int learn_both(struct bench_run *run, struct protocol_bench *pb)
{
	static const struct change by_engine = { .how = CHANGE_BATCH };
	u64 ticks;
	int err = 0;

	for (u32 i = 0; i < 2 && !err; i++) {
		err = learn(run, pb);
		if (!err)
			err = change_once(run, pb, &by_engine, &ticks);
	}
	return err;
}

static int protocol_check(struct bench_run *run)
{
	const struct change *how = &protocol_of(run)->change;
	struct protocol_bench *pb = run->priv;
	u64 ticks;
	int err = executors_start(run, &pb->executors, &pb->sites, pb->clocks);

	if (!err)
		err = learn_both(run, pb);
	if (!err)
		err = change_begin(run, how, &pb->sites);
	pb->traps = change_traps();
	if (!err)
		err = change_once(run, pb, how, &ticks);
	if (!err && !bytes_are_right(pb))
		err = bench_fail(run, -ERR_VERIFY, "a change has not changed the sites");
	return err;
}

static void judge(struct bench_run *run, const struct protocol_bench *pb)
{
	struct exec_count all = executors_total(&pb->executors);
	u64 late = executors_late(&pb->executors), faults = executors_faults(&pb->executors);

	executors_note(run, &pb->executors);
	if (protocol_of(run)->change.promises && all.torn + late + faults) {
		run->violations += all.torn + late + faults - 1;
		bench_violation(run, "%lu torn, %lu old after the change, %lu faults of %lu",
				all.torn, late, faults, all.executed);
	}
}

static void protocol_teardown(struct bench_run *run)
{
	struct protocol_bench *pb = run->priv;

	if (!pb)
		return;
	executors_stop(run, &pb->executors);
	if (pb->executors.each)
		judge(run, pb);
	change_end();
	if (!executors_all_home(&pb->executors))
		return;
	executors_free(&pb->executors);
	imm_sites_free(&pb->sites);
	if (pb->clocks)
		machine_free(pb->clocks, run->cpus * sizeof(*pb->clocks));
	machine_free(pb, sizeof(*pb));
}

/* ---- The suite ---- */

#define TIMED(n)                                                                                   \
	{                                                                                          \
		.how = CHANGE_PHASES, .gap = { GAP_WAIT, GAP_WAIT, GAP_NOTHING },                  \
		.wait_ticks = (n)                                                                  \
	}

static const struct protocol batch = { { .how = CHANGE_BATCH, .promises = true }, false };
static const struct protocol single = { { .how = CHANGE_SINGLE, .promises = true }, false };
static const struct protocol nmi_sync = {
	{ .how = CHANGE_PHASES, .gap = { GAP_NMI, GAP_NMI, GAP_NMI }, .promises = true }, false
};
static const struct protocol stopped = { { .how = CHANGE_STOP, .promises = true }, false };
static const struct protocol one_store = { { .how = CHANGE_STORE }, false };
static const struct protocol timed_0 = { TIMED(0), false };
static const struct protocol timed_500 = { TIMED(500), false };
static const struct protocol timed_2000 = { TIMED(2000), false };
static const struct protocol timed_10000 = { TIMED(10000), false };
static const struct protocol timed_100000 = { TIMED(100000), false };
static const struct protocol copy = { { .how = CHANGE_COPY }, false };
static const struct protocol batch_across = { { .how = CHANGE_BATCH, .promises = true }, true };
static const struct protocol timed_0_across = { TIMED(0), true };
static const struct protocol timed_2000_across = { TIMED(2000), true };
static const struct protocol copy_across = { { .how = CHANGE_COPY }, true };

#define PROTOCOL_BENCH(title, subject, share)                                                      \
	{                                                                                          \
		.name = (title), .series = protocol_series, .nr_series = NR_PROTOCOL_SERIES,       \
		.min_cpus = 2, .needs_caps = MACHINE_CAP_SMP, .budget_share = (share),             \
		.param = &(subject), .setup = protocol_setup, .check = protocol_check,             \
		.sample = protocol_sample, .teardown = protocol_teardown,                          \
	}

static const struct bench protocol_benches[] = {
	PROTOCOL_BENCH("int3-batch", batch, 2),
	PROTOCOL_BENCH("int3-single", single, 1),
	PROTOCOL_BENCH("nmi-sync", nmi_sync, 2),
	PROTOCOL_BENCH("stop-machine", stopped, 1),
	PROTOCOL_BENCH("int3-batch-across", batch_across, 2),
	PROTOCOL_BENCH("store-8", one_store, 2),
	PROTOCOL_BENCH("timed-100000", timed_100000, 2),
	PROTOCOL_BENCH("timed-10000", timed_10000, 2),
	PROTOCOL_BENCH("timed-2000", timed_2000, 2),
	PROTOCOL_BENCH("timed-500", timed_500, 2),
	PROTOCOL_BENCH("timed-0", timed_0, 2),
	PROTOCOL_BENCH("timed-2000-across", timed_2000_across, 2),
	PROTOCOL_BENCH("timed-0-across", timed_0_across, 2),
	PROTOCOL_BENCH("copy", copy, 2),
	PROTOCOL_BENCH("copy-across", copy_across, 2),
};

const struct suite suite_protocols = {
	.name = "protocols",
	.question =
		"the same sites changed by every way there is: what does it cost, does it fail?",
	.benches = protocol_benches,
	.nr_benches = ARRAY_SIZE(protocol_benches),
};
