/* SPDX-License-Identifier: MIT */
/*
 * What does it cost to make this CPU serialise, by each instruction that does, and all CPUs at
 * once?
 *
 * Instructions are run in a loop, interrupts off; the cost of the empty loop, its median taken
 * before, is subtracted, and shown. LFENCE and MFENCE stand beside them for comparison: neither is
 * serialising for this purpose on every CPU.
 */
#include "bench.h"
#include "cpu_picks.h"
#include "format.h"
#include "machine.h"
#include "mem.h"
#include "peers.h"
#include "stats.h"
#include "x86.h"

#define NR_LOOPS 256 /* in one sample */
#define NR_EMPTY_RUNS 65

/* ---- One instruction ---- */

struct sync_insn {
	u64 (*run)(u32 nr); /* ticks of @nr of them */
	bool (*is_there)(void); /* NULL = on every CPU */
	const char *need;
};

/* Inlined with @insn into one function an instruction, so that no call is measured. */
static force_inline u64 ticks_of(u32 nr, void (*insn)(void))
{
	u64 begin = rdtsc_ordered();

	for (u32 i = 0; i < nr; i++)
		insn();
	return rdtsc_ordered() - begin;
}

static force_inline void do_cpuid(void)
{
	cpuid(0, 0);
}

static force_inline void do_write_cr2(void)
{
	write_cr2(0);
}

static force_inline void do_write_cr3(void)
{
	write_cr3(read_cr3());
}

static u64 run_empty(u32 nr)
{
	return ticks_of(nr, barrier);
}

static u64 run_serialize(u32 nr)
{
	return ticks_of(nr, serialize);
}

static u64 run_iret(u32 nr)
{
	return ticks_of(nr, iret_to_self);
}

static u64 run_cpuid(u32 nr)
{
	return ticks_of(nr, do_cpuid);
}

static u64 run_write_cr2(u32 nr)
{
	return ticks_of(nr, do_write_cr2);
}

static u64 run_write_cr3(u32 nr)
{
	return ticks_of(nr, do_write_cr3);
}

static u64 run_mfence(u32 nr)
{
	return ticks_of(nr, mfence);
}

static u64 run_lfence(u32 nr)
{
	return ticks_of(nr, lfence);
}

static u64 empty_ticks(void)
{
	u64 ticks[NR_EMPTY_RUNS], scratch[NR_EMPTY_RUNS];
	struct stats stats;

	for (u32 i = 0; i < NR_EMPTY_RUNS; i++)
		ticks[i] = run_empty(NR_LOOPS);
	stats_compute(&stats, ticks, scratch, NR_EMPTY_RUNS);
	return stats.p50;
}

static int insn_setup(struct bench_run *run)
{
	const struct sync_insn *insn = run->bench->param;
	u64 *empty;

	run->cpus = 1;
	if (insn->is_there && !insn->is_there())
		return bench_fail(run, -ERR_UNSUPPORTED, "needs %s", insn->need);
	empty = machine_alloc(sizeof(*empty));
	if (!empty)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = empty;
	return 0;
}

static void run_one(void *arg)
{
	((const struct sync_insn *)arg)->run(1);
}

/* Some hypervisors and rings refuse some of them, whatever CPUID says. */
static int insn_check(struct bench_run *run)
{
	struct machine_fault fault = { 0 };
	u64 *empty = run->priv;

	if (machine_probe(run_one, (void *)run->bench->param, &fault))
		return bench_fail(run, -ERR_FAULT, "it took vector %u", fault.vector);
	*empty = empty_ticks();
	return 0;
}

static int insn_sample(struct bench_run *run, u64 *values)
{
	const struct sync_insn *insn = run->bench->param;
	u64 *empty = run->priv;
	u64 flags = machine_irq_save();
	u64 ticks = insn->run(NR_LOOPS);

	machine_irq_restore(flags);
	values[0] = (ticks > *empty ? ticks - *empty : 0) * 1000 / NR_LOOPS;
	values[1] = *empty * 1000 / NR_LOOPS;
	return 0;
}

static void insn_teardown(struct bench_run *run)
{
	if (run->priv)
		machine_free(run->priv, sizeof(u64));
}

/* ---- All CPUs, some of them, and one other ---- */

/* What other CPUs do meanwhile. */
static const bool spinning = true, idle;

static int round_setup(struct bench_run *run)
{
	return peers_setup(run, *(const bool *)run->bench->param, false);
}

/* Each CPU has counted that it was asked. */
static int round_check(struct bench_run *run)
{
	u64 ns, before;
	int err = 0;

	for (u32 cpu = 1; cpu < run->cpus && !err; cpu++) {
		before = machine_syncs_answered(cpu);
		err = peers_sync(run, &ns);
		if (!err && machine_syncs_answered(cpu) == before)
			err = bench_fail(run, -ERR_VERIFY, "a round came back without cpu %u", cpu);
	}
	return err;
}

static int round_sample(struct bench_run *run, u64 *values)
{
	return peers_sync(run, values);
}

static int interrupt_setup(struct bench_run *run)
{
	return peers_setup(run, true, true);
}

/* Return: both kinds, to CPUs @first to before @end. */
static int both_kinds(struct bench_run *run, u32 first, u32 end, u64 *values)
{
	int err = peers_interrupt(run, first, end, MACHINE_INTERRUPT_FIXED, &values[0]);

	return err ? err : peers_interrupt(run, first, end, MACHINE_INTERRUPT_NMI, &values[1]);
}

static int interrupt_sample(struct bench_run *run, u64 *values)
{
	u32 target = *(const u32 *)run->bench->param;

	return both_kinds(run, target, target + 1, values);
}

static int interrupt_all_sample(struct bench_run *run, u64 *values)
{
	return both_kinds(run, 1, run->cpus, values);
}

static int cpus_sample(struct bench_run *run, u64 *values)
{
	int err = peers_sync(run, &values[0]);

	return err ? err : both_kinds(run, 1, run->cpus, &values[1]);
}

/* ---- The suite ---- */

static const struct series insn_series[] = { { "cost", "tsc_mcycles" },
					     { "overhead", "tsc_mcycles" } };
static const struct series round_series[] = { { "round", "ns" } };
static const struct series interrupt_series[] = { { "fixed", "ns" }, { "nmi", "ns" } };
static const struct series cpus_series[] = { { "round", "ns" },
					     { "fixed", "ns" },
					     { "nmi", "ns" } };

static const struct sync_insn insn_serialize = { run_serialize, has_serialize, "serialize" };
static const struct sync_insn insn_iret = { run_iret, NULL, NULL };
static const struct sync_insn insn_cpuid = { run_cpuid, NULL, NULL };
static const struct sync_insn insn_cr2 = { run_write_cr2, NULL, NULL };
static const struct sync_insn insn_cr3 = { run_write_cr3, NULL, NULL };
static const struct sync_insn insn_mfence = { run_mfence, NULL, NULL };
static const struct sync_insn insn_lfence = { run_lfence, NULL, NULL };

#define INSN_BENCH(title, caps, insn)                                                              \
	{                                                                                          \
		.name = (title), .series = insn_series, .nr_series = ARRAY_SIZE(insn_series),      \
		.needs_caps = (caps), .param = &(insn), .setup = insn_setup, .check = insn_check,  \
		.sample = insn_sample, .teardown = insn_teardown,                                  \
	}

#define PEERS_BENCH(title, kind, values, what, ...)                                                \
	{                                                                                          \
		.name = (title), .series = values##_series,                                        \
		.nr_series = ARRAY_SIZE(values##_series), .param = &(what), .setup = kind##_setup, \
		.teardown = peers_teardown, __VA_ARGS__                                            \
	}

static const u32 first_other = 1;

#define NR_FIXED ARRAY_SIZE(fixed_benches)

static const struct bench fixed_benches[] = {
	INSN_BENCH("serialize", 0, insn_serialize),
	INSN_BENCH("iret", 0, insn_iret),
	INSN_BENCH("cpuid", 0, insn_cpuid),
	INSN_BENCH("mov-cr2", MACHINE_CAP_RING0, insn_cr2),
	INSN_BENCH("mov-cr3", MACHINE_CAP_RING0, insn_cr3),
	INSN_BENCH("mfence", 0, insn_mfence),
	INSN_BENCH("lfence", 0, insn_lfence),
	PEERS_BENCH("round-spinning", round, round, spinning, .needs_caps = MACHINE_CAP_SMP,
		    .check = round_check, .sample = round_sample),
	PEERS_BENCH("round-idle", round, round, idle, .check = round_check, .sample = round_sample),
	PEERS_BENCH("cpus", interrupt, cpus, spinning, .needs_caps = MACHINE_CAP_SMP,
		    .per_cpus = true, .check = round_check, .sample = cpus_sample),
	PEERS_BENCH("interrupt-all", interrupt, interrupt, spinning, .needs_caps = MACHINE_CAP_SMP,
		    .sample = interrupt_all_sample),
	PEERS_BENCH("interrupt", interrupt, interrupt, first_other, .needs_caps = MACHINE_CAP_SMP,
		    .sample = interrupt_sample),
};

/* ---- A bench for each target ---- */

static struct bench benches[NR_FIXED + CPU_PICKS_MAX];
static struct cpu_picks targets;
static char target_names[CPU_PICKS_MAX][24];

static void sync_make(enum plan plan, u32 nr_cpus, u32 caps)
{
	static const u32 most[] = { [PLAN_QUICK] = 4, [PLAN_DEFAULT] = 16, [PLAN_FULL] = 64 };
	u32 nr = NR_FIXED;

	memcpy(benches, fixed_benches, sizeof(fixed_benches));
	(void)caps;
	cpu_picks(&targets, nr_cpus, most[plan]);
	/* CPU 1 is there already. */
	for (u32 i = 2; i < targets.nr; i++) {
		format(target_names[i], sizeof(target_names[i]), "interrupt-to-%u", targets.cpu[i]);
		benches[nr++] =
			(struct bench)PEERS_BENCH(target_names[i], interrupt, interrupt,
						  targets.cpu[i], .needs_caps = MACHINE_CAP_SMP,
						  .budget_share = 4, .sample = interrupt_sample);
	}
	suite_sync.nr_benches = nr;
}

struct suite suite_sync = {
	.name = "sync",
	.question = "what does it cost to make this CPU serialise, and all of them?",
	.benches = benches,
	.make = sync_make,
};
