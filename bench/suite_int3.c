/* SPDX-License-Identifier: MIT */
/*
 * What does it cost to meet an INT3 of ours, and what do many CPUs do to each other there?
 *
 * The whole way for each form that is emulated; the search alone, and the way with so many entries;
 * all CPUs in a storm of traps; and the reference that each of them takes and drops, of its own or
 * shared by all: Linux shared one until 4334336e769b.
 */
#include "bench.h"
#include "machine.h"
#include "random.h"
#include "together.h"
#include "trapped_sites.h"
#include "x86.h"

#define NR_FORM_SITES 16
#define NR_STORM_SITES 64
#define NR_SEARCHES 256
#define NR_REFS 1024 /* got and put by each CPU in a round */

struct int3_bench {
	struct trapped_sites trapped;
	struct together together;
	struct random random;
	bool shared;
	bool wrong[TOGETHER_MAX_CPUS]; /* a pass of this CPU was */
};

static struct int3_bench *int3_alloc(struct bench_run *run)
{
	struct int3_bench *b = machine_alloc(sizeof(*b));

	run->priv = b;
	if (!b)
		bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	else
		b->random = random_from(run->seed);
	return b;
}

static void int3_teardown(struct bench_run *run)
{
	struct int3_bench *b = run->priv;

	/* What a CPU that did not end may still run must stay, and so must the hook. */
	if (!b || b->together.left_behind)
		return;
	trapped_sites_teardown(&b->trapped);
	machine_free(b, sizeof(*b));
}

static int wrong_pass(struct bench_run *run)
{
	return bench_fail(run, -ERR_VERIFY, "a pass did not do what its sites say, each by a trap");
}

/* ---- One trap, whole ---- */

static int trap_setup(struct bench_run *run)
{
	struct int3_bench *b = int3_alloc(run);

	run->cpus = 1;
	run->sites = NR_FORM_SITES;
	return b ? trapped_sites_setup(run, &b->trapped, run->bench->param, run->sites)
		 : -ERR_NOMEM;
}

struct first_pass {
	struct trapped_sites *trapped;
	bool right;
};

static void make_first_pass(void *arg)
{
	struct first_pass *first = arg;

	first->right = trapped_sites_plain_pass(first->trapped) &&
		       trapped_sites_pass(first->trapped, 0);
}

/* The first run of code made a moment ago: a foreign trap in it is a failed check. */
static int trap_check(struct bench_run *run)
{
	struct int3_bench *b = run->priv;
	struct first_pass first = { &b->trapped, false };

	return machine_probe(make_first_pass, &first, NULL) || !first.right ? wrong_pass(run) : 0;
}

static u64 thousandths_each(u64 ticks, u64 nr)
{
	return (ticks * 1000 + nr / 2) / nr;
}

static int timed_pass(struct bench_run *run, u64 *ret_trap, u64 *ret_plain)
{
	struct int3_bench *b = run->priv;
	u64 begin = rdtsc_ordered(), middle, end;
	bool right = trapped_sites_pass(&b->trapped, 0);

	middle = rdtsc_ordered();
	right = trapped_sites_plain_pass(&b->trapped) && right;
	end = rdtsc_ordered();
	*ret_trap = thousandths_each(middle - begin, run->sites);
	*ret_plain = thousandths_each(end - middle, run->sites);
	return right ? 0 : wrong_pass(run);
}

static int trap_sample(struct bench_run *run, u64 *values)
{
	u64 flags = machine_irq_save();
	int err = timed_pass(run, &values[0], &values[1]);

	machine_irq_restore(flags);
	return err;
}

/* ---- The search ---- */

static const struct trapped_form jmp32_form = { SITE_NOP5_JMP32, false };

static int search_setup(struct bench_run *run)
{
	struct int3_bench *b = int3_alloc(run);

	run->cpus = 1;
	run->sites = *(const u32 *)run->bench->param;
	return b ? trapped_sites_setup(run, &b->trapped, &jmp32_form, run->sites) : -ERR_NOMEM;
}

/* By lot, or the branches of a search would be learnt by heart. Return: is each found? */
static bool search_all(const struct trapped_sites *t, const u64 *ips)
{
	struct trap_regs regs = { 0 };
	bool found = true;

	for (u32 i = 0; i < NR_SEARCHES; i++) {
		regs.ip = ips[i];
		found &= text_poke_emulate_site(t->vec, t->sites.nr_sites, &regs);
	}
	return found;
}

static int search_sample(struct bench_run *run, u64 *values)
{
	struct int3_bench *b = run->priv;
	const struct trapped_sites *t = &b->trapped;
	u64 ips[NR_SEARCHES], flags, begin, ticks, plain;
	bool found;
	int err;

	for (u32 i = 0; i < NR_SEARCHES; i++)
		ips[i] = (u64)t->sites.sites[random_below(&b->random, run->sites)].addr +
			 INT3_INSN_SIZE;
	flags = machine_irq_save();
	begin = rdtsc_ordered();
	found = search_all(t, ips);
	ticks = rdtsc_ordered() - begin;
	err = timed_pass(run, &values[1], &plain);
	machine_irq_restore(flags);
	values[0] = thousandths_each(ticks, NR_SEARCHES);
	if (!err && !found)
		err = bench_fail(run, -ERR_VERIFY, "an entry was not found");
	return err;
}

/* ---- All CPUs at once ---- */

static const bool own, shared = true;

static void storm(void *arg, u32 cpu)
{
	struct int3_bench *b = arg;

	b->wrong[cpu] = !trapped_sites_pass(&b->trapped, cpu);
}

static void take_refs(void *arg, u32 cpu)
{
	struct int3_bench *b = arg;
	u32 *ref = trapped_sites_ref(&b->trapped, cpu, b->shared);

	b->wrong[cpu] = false;
	for (u32 i = 0; i < NR_REFS; i++) {
		b->wrong[cpu] |= !try_get_text_poke_array(ref);
		put_text_poke_array(ref);
	}
}

static int together_setup(struct bench_run *run, void (*what)(void *arg, u32 cpu))
{
	struct int3_bench *b = int3_alloc(run);
	int err;

	if (!b)
		return -ERR_NOMEM;
	if (run->cpus > TOGETHER_MAX_CPUS)
		return bench_fail(run, -ERR_UNSUPPORTED, "needs %u CPUs or fewer",
				  TOGETHER_MAX_CPUS);
	run->sites = NR_STORM_SITES;
	b->shared = *(const bool *)run->bench->param;
	b->together.nr_cpus = run->cpus;
	b->together.run = what;
	b->together.arg = b;
	err = trapped_sites_setup(run, &b->trapped, &jmp32_form, run->sites);
	if (!err)
		trapped_sites_share(&b->trapped, b->shared);
	return err;
}

static int storm_setup(struct bench_run *run)
{
	return together_setup(run, storm);
}

static int refs_setup(struct bench_run *run)
{
	return together_setup(run, take_refs);
}

/* Every reference that was taken is back: 1 is left, ours. */
static int judge_round(struct bench_run *run, struct int3_bench *b)
{
	for (u32 cpu = 0; cpu < run->cpus; cpu++)
		if (b->wrong[cpu])
			return wrong_pass(run);
	for (u32 i = 0; i < b->trapped.nr_refs; i++)
		if (b->trapped.refs[i].count != 1)
			return bench_fail(run, -ERR_VERIFY, "a reference is %u and not 1",
					  b->trapped.refs[i].count);
	return 0;
}

static int together_sample(struct bench_run *run, u64 nr_each, u64 *values)
{
	struct int3_bench *b = run->priv;
	int err = together_run(run, &b->together);
	u64 ticks = together_ticks(&b->together);

	if (err)
		return err;
	values[0] = thousandths_each(ticks, nr_each);
	values[1] = thousandths_each(ticks, nr_each * run->cpus);
	return judge_round(run, b);
}

static int storm_sample(struct bench_run *run, u64 *values)
{
	return together_sample(run, NR_STORM_SITES, values);
}

static int refs_sample(struct bench_run *run, u64 *values)
{
	return together_sample(run, NR_REFS, values);
}

/* ---- The suite ---- */

static const struct series trap_series[] = { { "trap", "tsc_mcycles" },
					     { "plain", "tsc_mcycles" } };
static const struct series search_series[] = { { "search", "tsc_mcycles" },
					       { "trap", "tsc_mcycles" } };
static const struct series storm_series[] = { { "trap", "tsc_mcycles" }, { "all", "tsc_mcycles" } };
static const struct series refs_series[] = { { "get-put", "tsc_mcycles" },
					     { "all", "tsc_mcycles" } };

static const struct trapped_form form_nop = { SITE_NOP5_JMP32, true };
static const struct trapped_form form_jmp8 = { SITE_NOP2_JMP8, false };
static const struct trapped_form form_call = { SITE_CALL_CALL, false };
static const struct trapped_form form_ret = { SITE_NOP1_RET, false };
static const struct trapped_form form_jcc8 = { SITE_NOP2_JZ8, false };
static const struct trapped_form form_jcc32 = { SITE_JZ32_JZ32, false };
static const u32 entries_1 = 1, entries_2 = 2, entries_56 = 56, entries_164 = 164;
static const u32 entries_256 = 256;

#define INT3_BENCH(title, kind, subject)                                                           \
	{                                                                                          \
		.name = (title), .series = kind##_series, .nr_series = ARRAY_SIZE(kind##_series),  \
		.param = &(subject), .budget_share = 3, .setup = kind##_setup,                     \
		.check = trap_check, .sample = kind##_sample, .teardown = int3_teardown,           \
	}

#define TOGETHER_BENCH(title, kind, subject)                                                       \
	{                                                                                          \
		.name = (title), .series = kind##_series, .nr_series = ARRAY_SIZE(kind##_series),  \
		.param = &(subject), .budget_share = 3, .needs_caps = MACHINE_CAP_SMP,             \
		.per_cpus = true, .setup = kind##_setup, .check = trap_check,                      \
		.sample = kind##_sample, .teardown = int3_teardown,                                \
	}

static const struct bench int3_benches[] = {
	INT3_BENCH("nop", trap, form_nop),
	INT3_BENCH("jmp8", trap, form_jmp8),
	INT3_BENCH("jmp32", trap, jmp32_form),
	INT3_BENCH("call", trap, form_call),
	INT3_BENCH("ret", trap, form_ret),
	INT3_BENCH("jcc8", trap, form_jcc8),
	INT3_BENCH("jcc32", trap, form_jcc32),
	INT3_BENCH("search-1", search, entries_1),
	INT3_BENCH("search-2", search, entries_2),
	INT3_BENCH("search-56", search, entries_56),
	INT3_BENCH("search-164", search, entries_164),
	INT3_BENCH("search-256", search, entries_256),
	TOGETHER_BENCH("storm-own", storm, own),
	TOGETHER_BENCH("storm-shared", storm, shared),
	TOGETHER_BENCH("refs-own", refs, own),
	TOGETHER_BENCH("refs-shared", refs, shared),
};

const struct suite suite_int3 = {
	.name = "int3",
	.question = "what does meeting an INT3 of ours cost, and sharing its reference?",
	.benches = int3_benches,
	.nr_benches = ARRAY_SIZE(int3_benches),
};
