/* SPDX-License-Identifier: MIT */
/*
 * How long after a store to code does another CPU run the new bytes?
 *
 * One shot: a CPU runs a MOV of eight immediate bytes over and over and looks at the clock after
 * each time; another changes all eight in one plain store, between two looks of its own. From the
 * store to the end of the first execution that is wholly new. The bytes lie within a line, across
 * two at every split, and across two pages. Nobody is asked to serialise.
 *
 * An emulator fetches nothing: what it tells is how long it keeps what it has translated, which can
 * be for ever. So it is not asked.
 */
#include "bench.h"
#include "atomic.h"
#include "cpu_picks.h"
#include "format.h"
#include "imm_sites.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "random.h"
#include "text_patching.h"
#include "x86.h"

#define NR_WARM_RUNS 64
#define MAX_DELAY_TICKS 1024 /* of the writer, at random, so that it hits no rhythm */
#define DEADLINE_NS (2 * NSEC_PER_SEC)
#define MIN_WAIT_NS (10 * NSEC_PER_SEC)

enum {
	PROPAGATION_0_TO_1,
	PROPAGATION_1_TO_0,
	PROPAGATION_ANY,
	PROPAGATION_PART,
	NR_PROPAGATION_SERIES,
};

static const struct series propagation_series[NR_PROPAGATION_SERIES] = {
	[PROPAGATION_0_TO_1] = { "0-to-1", "ns" },
	[PROPAGATION_1_TO_0] = { "1-to-0", "ns" },
	[PROPAGATION_ANY] = { "any", "ns" },
	[PROPAGATION_PART] = { "any-part", "ns" },
};

/* How many of the eight bytes stand before the boundary. */
struct split {
	u32 before;
	u32 boundary; /* its offset */
};

/* What a bench is of. */
struct subject {
	struct split split;
	/* NULL = both ways between CPUs 0 and 1, and all pairs in turn; else only @writer stores.
	 */
	const struct cpu_picks *runners;
	u32 writer;
};

struct propagation {
	struct imm_sites sites;
	struct random random;
	bool new; /* the form that stands there */
	u32 pair; /* the next one of "any" */
	u64 limit_ticks; /* of one shot */
	/* One shot. */
	struct imm_ran from, to;
	u32 delay_ticks;
	int error; /* the writer's */
	u64 store_tick;
	u64 part_tick, whole_tick; /* 0 = never */
	u32 ready __attribute__((aligned(FALSE_SHARING_BYTES))); /* the runner is in the loop */
};

/* ---- The two of a shot ---- */

static void runner_main(void *arg)
{
	struct propagation *p = arg;
	imm_fn run = p->sites.sites[0].run;
	u64 end = 0;
	u32 nr = 0;

	while (run().rax == p->from.rax && nr < NR_WARM_RUNS)
		nr++;
	/* R-ready: pairs with A-ready. The first executions are behind it. */
	store_release(&p->ready, true);
	while (!p->whole_tick) {
		struct imm_ran ran = run();
		u64 now = rdtsc_ordered();

		if (!end)
			end = now + p->limit_ticks;
		if (ran.rax != p->from.rax && !p->part_tick)
			p->part_tick = now;
		if (ran.rax == p->to.rax)
			p->whole_tick = now;
		if (now > end)
			return;
	}
}

static void writer_main(void *arg)
{
	struct propagation *p = arg;
	u64 end = rdtsc() + p->limit_ticks;
	ptrdiff_t delta;

	text_mutex_lock();
	p->error = text_alias_open(&delta);
	/* A-ready: pairs with R-ready. */
	while (!p->error && !load_acquire(&p->ready))
		if (rdtsc() > end)
			break;
	if (!p->error) {
		end = rdtsc() + p->delay_ticks;
		while (rdtsc() < end)
			cpu_relax();
		p->store_tick = rdtsc_ordered();
		imm_store(&p->sites, 0, delta, p->new);
		text_alias_close();
	}
	text_mutex_unlock();
}

/* ---- One shot ---- */

static int run_on(u32 cpu, cpu_fn fn, struct propagation *p)
{
	return cpu ? machine_cpu_start(cpu, fn, p) : 0;
}

static int wait_for(u32 cpu)
{
	return cpu ? machine_cpu_wait(cpu, MIN_WAIT_NS, NULL) : 0;
}

/* The boot CPU's own part comes when the other has been started. */
static int run_both(u32 writer, u32 runner, struct propagation *p)
{
	int err = run_on(runner, runner_main, p), end;

	if (err)
		return err;
	err = run_on(writer, writer_main, p);
	if (!err && !runner)
		err = machine_probe(runner_main, p, NULL);
	if (!err && !writer)
		err = machine_probe(writer_main, p, NULL);
	end = wait_for(runner);
	if (!err)
		err = end;
	end = err && writer ? 0 : wait_for(writer);
	return err ? err : end;
}

static int shot(struct bench_run *run, struct propagation *p, u32 writer, u32 runner)
{
	const struct imm_sites *s = &p->sites;
	int err;

	p->new = !p->new;
	p->from = p->new ? s->ran_old : s->ran_new;
	p->to = p->new ? s->ran_new : s->ran_old;
	p->delay_ticks = random_below(&p->random, MAX_DELAY_TICKS);
	p->part_tick = p->whole_tick = p->store_tick = 0;
	p->ready = false;
	err = run_both(writer, runner, p);
	if (!err)
		err = p->error;
	return err ? bench_fail(run, err, "a shot from cpu %u to cpu %u failed: %s", writer, runner,
				error_name(err))
		   : 0;
}

static u64 ns_since(u64 tick, u64 begin)
{
	return tick > begin ? machine_ns(tick - begin) : 0;
}

/* What a shot has come to, from its store on. */
struct hit {
	u64 part_ns, whole_ns;
};

static int shoot(struct bench_run *run, struct propagation *p, u32 writer, u32 runner,
		 struct hit *ret)
{
	int err = shot(run, p, writer, runner);

	if (err)
		return err;
	if (!p->whole_tick)
		return bench_fail(run, -ERR_VERIFY, "cpu %u did not come to run the new bytes",
				  runner);
	ret->whole_ns = ns_since(p->whole_tick, p->store_tick);
	ret->part_ns = ns_since(p->part_tick, p->store_tick);
	return 0;
}

/* Pair i of n CPUs: writer i / (n - 1), runner the i % (n - 1)-th of the others. */
static void pair_of(u32 pair, u32 nr_cpus, u32 *ret_writer, u32 *ret_runner)
{
	u32 other;

	pair %= nr_cpus * (nr_cpus - 1);
	*ret_writer = pair / (nr_cpus - 1);
	other = pair % (nr_cpus - 1);
	*ret_runner = other + (other >= *ret_writer);
}

/* Of two CPUs both pairs have had their turn already. */
static int any_pair(struct bench_run *run, struct propagation *p, const struct hit both[2],
		    struct hit *ret)
{
	u32 pair = p->pair++, writer, runner;

	if (run->cpus == 2) {
		*ret = both[pair % 2];
		return 0;
	}
	pair_of(pair, run->cpus, &writer, &runner);
	return shoot(run, p, writer, runner, ret);
}

/* One writer, and each of the others in turn. */
static int from_one_sample(struct bench_run *run, u64 *values)
{
	const struct subject *subject = run->bench->param;
	int err = 0;

	for (u32 i = 0; i < subject->runners->nr && !err; i++) {
		struct hit hit = { 0 };

		err = shoot(run, run->priv, subject->writer, subject->runners->cpu[i], &hit);
		values[i] = hit.whole_ns;
	}
	return err;
}

static int propagation_sample(struct bench_run *run, u64 *values)
{
	struct propagation *p = run->priv;
	struct hit both[2], any;
	int err = shoot(run, p, 0, 1, &both[0]);

	if (!err)
		err = shoot(run, p, 1, 0, &both[1]);
	if (!err)
		err = any_pair(run, p, both, &any);
	if (err)
		return err;
	values[PROPAGATION_0_TO_1] = both[0].whole_ns;
	values[PROPAGATION_1_TO_0] = both[1].whole_ns;
	values[PROPAGATION_ANY] = any.whole_ns;
	values[PROPAGATION_PART] = any.part_ns;
	return 0;
}

/* ---- Set-up, tear-down ---- */

static int propagation_setup(struct bench_run *run)
{
	const struct split *split = &((const struct subject *)run->bench->param)->split;
	struct propagation *p = machine_alloc(sizeof(*p));
	u32 offset = split->boundary - split->before;

	if (!p)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = p;
	run->cpus = machine_nr_cpus();
	run->sites = 1;
	p->random = random_from(run->seed);
	p->limit_ticks = machine_ticks(DEADLINE_NS);
	return imm_sites_build(&p->sites, IMM_8, &offset, 1)
		       ? bench_fail(run, -ERR_NOMEM, "%s", region_why())
		       : 0;
}

/* What a lost CPU may still run and read stays. */
static void propagation_teardown(struct bench_run *run)
{
	struct propagation *p = run->priv;

	if (!p)
		return;
	for (u32 cpu = 1; cpu < run->cpus; cpu++)
		if (machine_cpu_lost(cpu) || machine_cpu_busy(cpu))
			return;
	imm_sites_free(&p->sites);
	machine_free(p, sizeof(*p));
}

/* ---- The suite ---- */

#define LINE_END (PAGE_BYTES / 2)

#define WITHIN(offset, end)                                                                        \
	{                                                                                          \
		.split = { offset, end }                                                           \
	}

static const struct subject subjects[] = {
	WITHIN(0, LINE_END), WITHIN(1, LINE_END), WITHIN(2, LINE_END),
	WITHIN(3, LINE_END), WITHIN(4, LINE_END), WITHIN(5, LINE_END),
	WITHIN(6, LINE_END), WITHIN(7, LINE_END), WITHIN(4, PAGE_BYTES),
};
#define NR_SPLITS ARRAY_SIZE(subjects)

#define PROPAGATION_BENCH(title, values, nr, what, share, fn)                                      \
	{                                                                                          \
		.name = (title), .series = (values), .nr_series = (nr), .min_cpus = 2,             \
		.needs_caps = MACHINE_CAP_SMP | MACHINE_CAP_SILICON, .budget_share = (share),      \
		.param = (what), .setup = propagation_setup, .sample = (fn),                       \
		.teardown = propagation_teardown,                                                  \
	}
#define BOTH_WAYS(title, i)                                                                        \
	PROPAGATION_BENCH(title, propagation_series, NR_PROPAGATION_SERIES, &subjects[i], 2,       \
			  propagation_sample)

static const struct bench fixed_benches[NR_SPLITS] = {
	BOTH_WAYS("within", 0),	  BOTH_WAYS("line-1-7", 1), BOTH_WAYS("line-2-6", 2),
	BOTH_WAYS("line-3-5", 3), BOTH_WAYS("line-4-4", 4), BOTH_WAYS("line-5-3", 5),
	BOTH_WAYS("line-6-2", 6), BOTH_WAYS("line-7-1", 7), BOTH_WAYS("page-4-4", 8),
};

/* ---- A bench for each writer and split, where there are more than two CPUs ---- */

#define MAX_PICKED 8 /* so many squared, times the splits, are the rows */

static struct bench benches[NR_SPLITS * (1 + MAX_PICKED)];
static struct from_one {
	struct subject subjects[NR_SPLITS];
	char names[NR_SPLITS][24];
	char variants[MAX_PICKED - 1][16];
	struct series series[MAX_PICKED - 1];
	struct cpu_picks runners;
} from[MAX_PICKED];

static void make_from_one(struct from_one *f, u32 writer, const struct cpu_picks *picks)
{
	u32 nr = 0;

	for (u32 i = 0; i < picks->nr; i++) {
		u32 runner = picks->cpu[i];

		if (runner == writer)
			continue;
		format(f->variants[nr], sizeof(f->variants[nr]), "%u-to-%u", writer, runner);
		f->series[nr] = (struct series){ f->variants[nr], "ns" };
		f->runners.cpu[nr++] = runner;
	}
	f->runners.nr = nr;
	for (u32 i = 0; i < NR_SPLITS; i++) {
		f->subjects[i] = (struct subject){ subjects[i].split, &f->runners, writer };
		format(f->names[i], sizeof(f->names[i]), "%s-from-%u", fixed_benches[i].name,
		       writer);
	}
}

static void propagation_make(enum plan plan, u32 nr_cpus, u32 caps)
{
	static const u32 most[] = { [PLAN_QUICK] = 2, [PLAN_DEFAULT] = 4, [PLAN_FULL] = 8 };
	struct cpu_picks picks;
	u32 nr = NR_SPLITS;

	memcpy(benches, fixed_benches, sizeof(fixed_benches));
	/* An emulator has none of them; that the others are skipped says so. */
	cpu_picks(&picks, caps & MACHINE_CAP_SILICON ? nr_cpus : 1, most[plan]);
	for (u32 i = 0; picks.nr > 2 && i < picks.nr; i++) {
		make_from_one(&from[i], picks.cpu[i], &picks);
		for (u32 s = 0; s < NR_SPLITS; s++)
			benches[nr++] = (struct bench)PROPAGATION_BENCH(
				from[i].names[s], from[i].series, picks.nr - 1,
				&from[i].subjects[s], 4, from_one_sample);
	}
	suite_propagation.nr_benches = nr;
}

struct suite suite_propagation = {
	.name = "propagation",
	.question = "how long after a store to code does another CPU run the new bytes?",
	.benches = benches,
	.make = propagation_make,
};
