/* SPDX-License-Identifier: MIT */
/*
 * LOCK prefixes of a code region, to UP form and back: is it what it is said to be, and how long
 * does it take? (I10)
 *
 * A UP form that still locked would lose no update either, so that SMP form loses none proves
 * something only beside UP form, run the same way on the same CPUs, which has to lose some.
 */
#include "bench.h"
#include "machine.h"
#include "region_locks.h"
#include "switch_time.h"
#include "together.h"
#include "x86.h"

#define NR_OPS 64
#define NR_PASSES 2000 /* of each CPU in a round */

struct switched {
	struct region region;
	u64 smp_hash; /* of its text, as it was built */
	struct together together;
	u64 counter __attribute__((aligned(FALSE_SHARING_BYTES)));
};

static const enum smp_up_form up_forms[] = { SMP_UP_DS, SMP_UP_NOP };

/* ---- The region ---- */

static void count(void *arg, u32 cpu)
{
	struct switched *s = arg;

	(void)cpu;
	((rmw_fn)s->region.text)(&s->counter, NR_PASSES);
}

static int there_and_back(struct bench_run *run, struct switched *s, enum smp_up_form form)
{
	int err = region_locks_to(run, &s->region, false, form);

	if (err)
		return err;
	if (!region_locks_are(&s->region, form))
		return bench_fail(run, -ERR_VERIFY, "a prefix is not in UP form %02x", form);
	err = region_locks_to(run, &s->region, true, form);
	if (!err && region_hash(&s->region) != s->smp_hash)
		return bench_fail(run, -ERR_VERIFY, "form %02x and back is not the same text",
				  form);
	return err;
}

static int switched_setup(struct bench_run *run)
{
	struct switched *s = machine_alloc(sizeof(*s));

	if (!s)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = s;
	run->sites = NR_OPS;
	run->cpus = s->together.nr_cpus = run->bench->min_cpus > 1 ? machine_nr_cpus() : 1;
	if (run->cpus > TOGETHER_MAX_CPUS)
		return bench_fail(run, -ERR_UNSUPPORTED, "needs %u CPUs or fewer",
				  TOGETHER_MAX_CPUS);
	s->together.run = count;
	s->together.arg = s;
	if (region_build_rmw(&s->region, ASM_RMW_INC, true, 1, NR_OPS))
		return bench_fail(run, -ERR_NOMEM, "%s", region_why());
	s->smp_hash = region_hash(&s->region);
	return 0;
}

static void switched_teardown(struct bench_run *run)
{
	struct switched *s = run->priv;

	if (!s || s->together.left_behind)
		return;
	if (s->region.text)
		region_free(&s->region);
	machine_free(s, sizeof(*s));
}

static int round_trip_sample(struct bench_run *run, u64 *values)
{
	struct switched *s = run->priv;
	int err = 0;

	for (u32 i = 0; i < ARRAY_SIZE(up_forms) && !err; i++)
		err = there_and_back(run, s, up_forms[i]);
	values[0] = ARRAY_SIZE(up_forms) * 2 * NR_OPS;
	return err;
}

/* ---- CPUs that count together ---- */

static u64 nr_updates(const struct switched *s)
{
	return (u64)s->together.nr_cpus * NR_PASSES * NR_OPS;
}

/* One round of all CPUs. Return: 0 with the updates that got lost, or an error with reason. */
static int count_together(struct bench_run *run, struct switched *s, u64 *ret_lost)
{
	int err;

	s->counter = 0;
	err = together_run(run, &s->together);
	*ret_lost = nr_updates(s) - s->counter;
	return err;
}

/* It is the text that came back which must lose nothing. */
static int no_lost_update_check(struct bench_run *run)
{
	struct switched *s = run->priv;
	int err = region_locks_to(run, &s->region, false, SMP_UP_DS);

	return err ? err : region_locks_to(run, &s->region, true, SMP_UP_DS);
}

static int no_lost_update_sample(struct bench_run *run, u64 *values)
{
	struct switched *s = run->priv;
	int err = count_together(run, s, &values[1]);

	values[0] = nr_updates(s);
	if (!err && values[1])
		bench_violation(run, "%lu of %lu updates lost in SMP form", values[1], values[0]);
	return err;
}

/* Lost are some thousand a round, if the CPUs meet at all. */
static int up_loses_check(struct bench_run *run)
{
	struct switched *s = run->priv;
	u64 deadline = rdtsc() + machine_ticks(together_patience_ns());
	u64 lost = 0;
	int err = region_locks_to(run, &s->region, false, SMP_UP_DS);

	while (!err && !lost && rdtsc() < deadline)
		err = count_together(run, s, &lost);
	if (!err && !lost)
		err = bench_fail(run, -ERR_VERIFY, "no update lost in UP form: it still locks");
	return err;
}

static int up_loses_sample(struct bench_run *run, u64 *values)
{
	struct switched *s = run->priv;

	values[0] = nr_updates(s);
	return count_together(run, s, &values[1]);
}

/* ---- The suite ---- */

static const struct series round_trip_series[] = { { "switched", "count" } };
static const struct series count_series[] = { { "updates", "count" }, { "lost", "count" } };

#define COUNT_BENCH(title, prefix)                                                                 \
	{                                                                                          \
		.name = (title), .series = count_series, .nr_series = ARRAY_SIZE(count_series),    \
		.min_cpus = 2, .needs_caps = MACHINE_CAP_SMP, .setup = switched_setup,             \
		.check = prefix##_check, .sample = prefix##_sample, .teardown = switched_teardown, \
	}

#define TIME_BENCH(title, subject)                                                                 \
	{                                                                                          \
		.name = (title), .series = switch_time_series, .nr_series = SWITCH_TIME_NR_SERIES, \
		.param = &(subject), .setup = switch_time_setup, .check = switch_time_check,       \
		.sample = switch_time_sample, .teardown = region_run_teardown,                     \
	}

static const struct switch_time sweep_4096 = { 4096, 32, SWITCH_SWEEP };
static const struct switch_time sweep_8192 = { 8192, 32, SWITCH_SWEEP };
static const struct switch_time sweep_16384 = { 16384, 32, SWITCH_SWEEP };
static const struct switch_time sweep_apart = { 4096, 256, SWITCH_SWEEP };
static const struct switch_time sweep_flushed = { 16384, 32, SWITCH_SWEEP_FLUSHED };
static const struct switch_time poke_each = { 256, 32, SWITCH_POKE_EACH };

static const struct bench switch_benches[] = {
	{
		.name = "round-trip",
		.series = round_trip_series,
		.nr_series = 1,
		.setup = switched_setup,
		.sample = round_trip_sample,
		.teardown = switched_teardown,
	},
	COUNT_BENCH("no-lost-update", no_lost_update),
	COUNT_BENCH("up-loses", up_loses),
	TIME_BENCH("sweep-4096", sweep_4096),
	TIME_BENCH("sweep-8192", sweep_8192),
	TIME_BENCH("sweep-16384", sweep_16384),
	TIME_BENCH("sweep-stride256", sweep_apart),
	TIME_BENCH("sweep-flushed", sweep_flushed),
	TIME_BENCH("poke-each", poke_each),
};

const struct suite suite_switch = {
	.name = "switch",
	.question = "is UP form what it is said to be, and how long do thousands of LOCKs take?",
	.benches = switch_benches,
	.nr_benches = ARRAY_SIZE(switch_benches),
};
