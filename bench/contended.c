/* SPDX-License-Identifier: MIT */
#include "contended.h"

#include "machine.h"
#include "region_locks.h"
#include "together.h"
#include "x86.h"

const struct series contended_series[CONTENDED_NR_SERIES] = {
	{ "contended", "tsc_mcycles" },
	{ "lost", "count" },
};

/* Long against the moments at which the CPUs come and go. */
#define ROUND_NS (100 * NSEC_PER_USEC)
/* Few: where CPUs are run in turn, each pass of a fair lock can take a whole turn. */
#define FIRST_PASSES 2
/*
 * CPUs that an emulator or a hypervisor runs in turn meet only at the end of a turn, so a round has
 * to grow to be longer than that.
 */
#define CONTROL_PASSES 4096
#define CONTROL_MAX_PASSES (1u << 20)
#define STUCK_NS (2 * NSEC_PER_SEC) /* a holder may be out of sight for some of it, on the host */
#define CONTROL_STUCK_NS (50 * NSEC_PER_MSEC)
#define TRIAL_SPINS 1000

struct contended {
	struct region region;
	struct region writer; /* what CPU 0 runs, where it is another */
	const struct primitive_kind *kind;
	struct primitive_data *data;
	struct primitive_node *nodes;
	struct together together;
	u64 nr_passes; /* of each CPU in a round; one pair each */
	u64 left[TOGETHER_MAX_CPUS]; /* passes that a CPU gave up */
	u64 ticks_per_spins; /* of TRIAL_SPINS turns of a wait */
};

/* What a round has shown. */
struct found {
	u64 nr_done;
	u64 lost; /* by how much the counts are wrong */
	u64 nr_stuck; /* CPUs for which the lock did not come free */
};

static u64 run_pairs(struct contended *c, u32 cpu, u64 nr_passes)
{
	const u8 *text = c->writer.text && !cpu ? c->writer.text : c->region.text;

	return ((primitive_fn)text)(c->data, nr_passes, &c->nodes[cpu]);
}

static void take_turns(void *arg, u32 cpu)
{
	struct contended *c = arg;

	c->left[cpu] = run_pairs(c, cpu, c->nr_passes);
}

static void reset(struct contended *c, u64 word)
{
	c->data->object[0].word = word;
	c->data->counter = c->data->mirror = 0;
	for (u32 cpu = 0; cpu < c->together.nr_cpus; cpu++)
		c->nodes[cpu] = (struct primitive_node){ .bit = cpu % 64 };
}

static u64 distance(u64 a, u64 b)
{
	return a > b ? a - b : b - a;
}

/* Who gave up has left no trace: not in the counter, and not in the word of those that share it. */
static void look(const struct contended *c, struct found *ret)
{
	const struct primitive_kind *kind = c->kind;

	*ret = (struct found){ 0 };
	for (u32 cpu = 0; cpu < c->together.nr_cpus; cpu++) {
		ret->nr_done += c->nr_passes - c->left[cpu];
		ret->nr_stuck += c->left[cpu] != 0;
		ret->lost += c->nodes[cpu].nr_errors;
	}
	if (c->writer.text)
		ret->lost += distance(c->data->counter, c->nr_passes - c->left[0]);
	if (kind->excludes)
		ret->lost += distance(c->data->counter, ret->nr_done);
	else
		ret->lost += distance(c->data->object[0].word, kind->free);
}

static int one_round(struct bench_run *run, struct contended *c, struct found *ret)
{
	int err;

	reset(c, c->kind->free);
	err = together_run(run, &c->together);
	if (!err)
		look(c, ret);
	return err;
}

static void spin_at_most(struct contended *c, u64 ns)
{
	if (c->kind->waits)
		c->data->max_spins = machine_ticks(ns) * TRIAL_SPINS / c->ticks_per_spins + 1;
}

/* ---- Set-up and check ---- */

int contended_setup(struct bench_run *run)
{
	const struct contended_subject *subject = run->bench->param;
	struct contended *c = machine_alloc(sizeof(*c));

	if (!c)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = c;
	if (run->cpus > TOGETHER_MAX_CPUS)
		return bench_fail(run, -ERR_UNSUPPORTED, "needs %u CPUs or fewer",
				  TOGETHER_MAX_CPUS);
	c->kind = &primitive_kinds[subject->primitive];
	c->together.nr_cpus = run->cpus;
	c->together.run = take_turns;
	c->together.arg = c;
	c->data = machine_alloc(sizeof(*c->data));
	c->nodes = machine_alloc(run->cpus * sizeof(*c->nodes));
	if (!c->data || !c->nodes)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	if (primitive_build(&c->region, subject->primitive, 1, 1,
			    c->kind->excludes || subject->has_writer) ||
	    (subject->has_writer && primitive_build(&c->writer, PRIMITIVE_WRITE, 1, 1, true)))
		return bench_fail(run, -ERR_NOMEM, "%s", region_why());
	return 0;
}

struct trial {
	struct contended *c;
	u64 left, ticks;
};

static void run_trial(void *arg)
{
	struct trial *trial = arg;
	u64 begin = rdtsc_ordered();

	trial->left = run_pairs(trial->c, 0, 1);
	trial->ticks = rdtsc_ordered() - begin;
}

/* A lock that somebody holds is waited for, and given up at last; and how long that takes. */
static int check_wait(struct bench_run *run, struct contended *c)
{
	struct trial trial = { .c = c };

	c->data->max_spins = TRIAL_SPINS;
	reset(c, c->kind->held);
	if (machine_probe(run_trial, &trial, NULL))
		return bench_fail(run, -ERR_FAULT, "it trapped");
	if (c->kind->waits && (trial.left != 1 || c->data->counter))
		return bench_fail(run, -ERR_VERIFY, "it took a lock that was held");
	c->ticks_per_spins = trial.ticks ? trial.ticks : 1;
	return 0;
}

/* Without the first @nr LOCKs updates get lost, and this is seen. */
static int check_control(struct bench_run *run, struct contended *c, u32 nr)
{
	u64 deadline = rdtsc() + machine_ticks(together_patience_ns());
	struct found found = { 0 };
	struct region some = c->region;
	int err;

	some.locks_end = some.locks + nr;
	spin_at_most(c, CONTROL_STUCK_NS);
	c->nr_passes = CONTROL_PASSES;
	err = region_locks_to(run, &some, false, SMP_UP_DS);
	while (!err && !found.lost && rdtsc() < deadline) {
		err = one_round(run, c, &found);
		if (c->nr_passes < CONTROL_MAX_PASSES)
			c->nr_passes *= 2;
	}
	if (!err && !found.lost)
		err = bench_fail(run, -ERR_VERIFY, "no update lost without %u LOCKs: not seen", nr);
	return err ? err : region_locks_to(run, &some, true, SMP_UP_DS);
}

/* The first is the one that takes. Where there are none to take out, nothing gets lost. */
static int check_controls(struct bench_run *run, struct contended *c)
{
	u32 nr_locks = (u32)(c->region.locks_end - c->region.locks);
	int err = nr_locks ? check_control(run, c, 1) : 0;

	return err || nr_locks < 2 ? err : check_control(run, c, nr_locks);
}

/* In SMP form nothing is lost, and nobody is stuck. */
static int judged_round(struct bench_run *run, struct contended *c, struct found *found)
{
	int err = one_round(run, c, found);

	if (err)
		return err;
	if (found->lost)
		bench_violation(run, "%lu of %lu updates lost in SMP form", found->lost,
				found->nr_done);
	if (found->nr_stuck)
		return bench_fail(run, -ERR_VERIFY, "%lu CPUs stuck in SMP form", found->nr_stuck);
	return 0;
}

int contended_check(struct bench_run *run)
{
	struct contended *c = run->priv;
	struct found found;
	int err = check_wait(run, c);

	if (!err)
		err = check_controls(run, c);
	spin_at_most(c, STUCK_NS);
	c->nr_passes = FIRST_PASSES;
	while (!err && (c->nr_passes == FIRST_PASSES ||
			together_ticks(&c->together) < machine_ticks(ROUND_NS))) {
		c->nr_passes *= 2;
		err = judged_round(run, c, &found);
	}
	return err;
}

/* ---- Samples ---- */

int contended_sample(struct bench_run *run, u64 *values)
{
	struct contended *c = run->priv;
	struct found found;
	int err = judged_round(run, c, &found);

	if (err)
		return err;
	values[0] = together_ticks(&c->together) * 1000 / found.nr_done;
	values[1] = found.lost;
	return 0;
}

void contended_teardown(struct bench_run *run)
{
	struct contended *c = run->priv;

	if (!c || c->together.left_behind)
		return;
	if (c->region.text)
		region_free(&c->region);
	if (c->writer.text)
		region_free(&c->writer);
	if (c->nodes)
		machine_free(c->nodes, run->cpus * sizeof(*c->nodes));
	if (c->data)
		machine_free(c->data, sizeof(*c->data));
	machine_free(c, sizeof(*c));
}
