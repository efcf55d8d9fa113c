/* SPDX-License-Identifier: MIT */
/*
 * The clock that everything is measured with: what a look at it costs, what it moves by, and how
 * far the counters of two CPUs are apart. A figure that two CPUs took part in is no better than
 * that.
 *
 * The offset is asked as a network asks for the time: this CPU looks, another one looks when it
 * sees that, and this one looks again when it sees the other's. The other's look lies between the
 * two; of many tries the one with the narrowest bounds counts.
 */
#include "bench.h"
#include "atomic.h"
#include "machine.h"
#include "x86.h"

#define NR_LOOKS 64
#define NR_TRIES 256
#define DEADLINE_NS (10 * NSEC_PER_SEC)

/* ---- One CPU's look ---- */

enum {
	CLOCK_COST,
	CLOCK_STEP,
	NR_LOOK_SERIES,
};

static const struct series look_series[NR_LOOK_SERIES] = {
	[CLOCK_COST] = { "cost", "tsc_mcycles" },
	[CLOCK_STEP] = { "step", "tsc_mcycles" },
};

static int look_setup(struct bench_run *run)
{
	run->cpus = 1;
	return 0;
}

/* It stands still for no two looks in a row for long, and never goes back. */
static int look_check(struct bench_run *run)
{
	u64 before = rdtsc_ordered();

	for (u32 i = 0; i < 100000; i++) {
		u64 now = rdtsc_ordered();

		if (now < before)
			return bench_fail(run, -ERR_VERIFY, "the counter went back by %lu",
					  before - now);
		before = now;
	}
	return 0;
}

static int look_sample(struct bench_run *run, u64 *values)
{
	u64 begin = rdtsc_ordered(), last = begin, step = UINT64_MAX;

	(void)run;
	for (u32 i = 0; i < NR_LOOKS; i++)
		rdtsc_ordered();
	values[CLOCK_COST] = (rdtsc_ordered() - begin) * 1000 / (NR_LOOKS + 1);
	/* Without waiting for each other, so that they come as close as the counter lets them. */
	for (u32 i = 0; i < NR_LOOKS; i++) {
		u64 now = rdtsc();

		if (now != last && now - last < step)
			step = now - last;
		last = now;
	}
	values[CLOCK_STEP] = step * 1000;
	return 0;
}

/* ---- Two CPUs' ---- */

enum {
	CLOCK_APART,
	CLOCK_BOUND,
	NR_OFFSET_SERIES,
};

static const struct series offset_series[NR_OFFSET_SERIES] = {
	[CLOCK_APART] = { "apart", "ns" },
	[CLOCK_BOUND] = { "bound", "ns" },
};

struct offset {
	u32 cpu; /* whose clock is asked next */
	bool left_behind; /* a CPU did not end, and may still answer */
	u32 asked __attribute__((aligned(FALSE_SHARING_BYTES))); /* number of the question */
	u32 answered __attribute__((aligned(FALSE_SHARING_BYTES)));
	u64 tick; /* of the answer */
};

static void answer(void *arg)
{
	struct offset *o = arg;
	u64 deadline = rdtsc() + machine_ticks(DEADLINE_NS);

	for (u32 nr = 1; nr <= NR_TRIES; nr++) {
		/* A-asked: pairs with R-asked; the look comes after the question. */
		while (load_acquire(&o->asked) != nr)
			if (rdtsc() > deadline)
				return;
		o->tick = rdtsc_ordered();
		/* R-answered: the look is there with it. Pairs with A-answered. */
		store_release(&o->answered, nr);
	}
}

/* The bounds of where the other's zero is, as this CPU sees it. */
struct bounds {
	s64 low, high; /* ticks that the other is ahead */
};

static bool ask(struct offset *o, u32 nr, u64 deadline, struct bounds *ret)
{
	u64 before = rdtsc_ordered(), after;

	/* R-asked: nothing is passed with it but the time. Pairs with A-asked. */
	store_release(&o->asked, nr);
	/* A-answered: pairs with R-answered. */
	while (load_acquire(&o->answered) != nr)
		if (rdtsc() > deadline)
			return false;
	after = rdtsc_ordered();
	ret->low = (s64)(o->tick - after);
	ret->high = (s64)(o->tick - before);
	return true;
}

static s64 width(const struct bounds *b)
{
	return b->high - b->low;
}

/* Every try is right, so all of them together are: the highest low, and the lowest high. */
static int ask_all(struct offset *o, struct bounds *best)
{
	u64 deadline = rdtsc() + machine_ticks(DEADLINE_NS);
	struct bounds one;

	*best = (struct bounds){ INT64_MIN / 2, INT64_MAX / 2 };
	for (u32 nr = 1; nr <= NR_TRIES; nr++) {
		if (!ask(o, nr, deadline, &one))
			return -ERR_TIMEOUT;
		if (one.low > best->low)
			best->low = one.low;
		if (one.high < best->high)
			best->high = one.high;
	}
	return 0;
}

static int offset_setup(struct bench_run *run)
{
	struct offset *o = machine_alloc(sizeof(*o));

	if (!o)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = o;
	run->cpus = machine_nr_cpus();
	o->cpu = 1;
	return 0;
}

static int measure(struct bench_run *run, struct offset *o, struct bounds *ret)
{
	int err, end;

	o->asked = o->answered = 0;
	err = machine_cpu_start(o->cpu, answer, o);
	if (err)
		return bench_fail(run, err, "cpu %u could not be started", o->cpu);
	err = ask_all(o, ret);
	end = machine_cpu_wait(o->cpu, 2 * DEADLINE_NS, NULL);
	o->left_behind = o->left_behind || end == -ERR_TIMEOUT;
	if (err || end)
		return bench_fail(run, err ? err : end, "cpu %u did not answer", o->cpu);
	return 0;
}

static u64 ns_of(s64 ticks)
{
	return machine_ns((u64)(ticks < 0 ? -ticks : ticks));
}

static int offset_sample(struct bench_run *run, u64 *values)
{
	struct offset *o = run->priv;
	struct bounds b = { 0 };
	int err = measure(run, o, &b);

	if (err)
		return err;
	if (width(&b) < 0)
		return bench_fail(run, -ERR_VERIFY, "the counters of cpu 0 and %u drift apart",
				  o->cpu);
	values[CLOCK_APART] = ns_of((b.low + b.high) / 2);
	values[CLOCK_BOUND] = ns_of(width(&b) / 2);
	o->cpu = o->cpu + 1 < run->cpus ? o->cpu + 1 : 1;
	return 0;
}

static void offset_teardown(struct bench_run *run)
{
	struct offset *o = run->priv;

	if (o && !o->left_behind)
		machine_free(o, sizeof(*o));
}

/* ---- The suite ---- */

static const struct bench clock_benches[] = {
	{
		.name = "look",
		.series = look_series,
		.nr_series = NR_LOOK_SERIES,
		.budget_share = 4,
		.setup = look_setup,
		.check = look_check,
		.sample = look_sample,
	},
	{
		.name = "offset",
		.series = offset_series,
		.nr_series = NR_OFFSET_SERIES,
		.min_cpus = 2,
		.needs_caps = MACHINE_CAP_SMP,
		.setup = offset_setup,
		.sample = offset_sample,
		.teardown = offset_teardown,
	},
};

const struct suite suite_clock = {
	.name = "clock",
	.question = "how good is the clock, and do the CPUs agree on it?",
	.benches = clock_benches,
	.nr_benches = ARRAY_SIZE(clock_benches),
};
