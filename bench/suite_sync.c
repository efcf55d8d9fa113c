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
#include "atomic.h"
#include "machine.h"
#include "stats.h"
#include "text_patching.h"
#include "x86.h"

#define NR_LOOPS 256 /* in one sample */
#define NR_EMPTY_RUNS 65
#define DEADLINE_NS (10 * NSEC_PER_SEC)

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

/* ---- All CPUs, and one other ---- */

struct peers {
	u32 quit __attribute__((aligned(FALSE_SHARING_BYTES)));
	u32 told __attribute__((aligned(FALSE_SHARING_BYTES))); /* by the interrupt */
	bool borrowed;
	interrupt_fn before; /* what interrupts ran, and will again */
	void *before_arg;
};

/* What other CPUs do meanwhile. */
static const bool spinning = true, idle;

static void spin(void *arg)
{
	struct peers *peers = arg;

	/* A-quit: pairs with R-quit. */
	while (!load_acquire(&peers->quit))
		cpu_relax();
}

static int peers_setup(struct bench_run *run)
{
	bool spins = *(const bool *)run->bench->param;
	struct peers *peers = machine_alloc(sizeof(*peers));
	int err = 0;

	if (!peers)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = peers;
	run->cpus = machine_nr_cpus();
	for (u32 cpu = 1; spins && cpu < run->cpus && !err; cpu++)
		err = machine_cpu_start(cpu, spin, peers);
	return err ? bench_fail(run, err, "a CPU could not be started") : 0;
}

/* What a CPU that did not end still reads must stay. */
static void peers_teardown(struct bench_run *run)
{
	struct peers *peers = run->priv;
	bool all_home = true;

	if (!peers)
		return;
	/* R-quit: nothing is published with it. Pairs with A-quit. */
	store_release(&peers->quit, true);
	for (u32 cpu = 1; cpu < run->cpus; cpu++) {
		int err = machine_cpu_wait(cpu, DEADLINE_NS, NULL);

		all_home = all_home && err != -ERR_TIMEOUT;
		/* -ERR_INVAL: it was never started. */
		if (err && err != -ERR_INVAL)
			bench_violation(run, "cpu %u did not end well", cpu);
	}
	if (peers->borrowed)
		machine_on_interrupt(peers->before, peers->before_arg);
	if (all_home)
		machine_free(peers, sizeof(*peers));
}

static int one_round(struct bench_run *run, u64 *ret_ns)
{
	u64 begin;
	u32 cpu;
	int err;

	text_mutex_lock();
	begin = rdtsc_ordered();
	err = machine_sync_core_each_cpu(&cpu);
	*ret_ns = machine_ns(rdtsc_ordered() - begin);
	text_mutex_unlock();
	return err ? bench_fail(run, err, "cpu %u did not serialise", cpu) : 0;
}

/* Each CPU has counted that it was asked. */
static int round_check(struct bench_run *run)
{
	u64 ns, before;
	int err = 0;

	for (u32 cpu = 1; cpu < run->cpus && !err; cpu++) {
		before = machine_syncs_answered(cpu);
		err = one_round(run, &ns);
		if (!err && machine_syncs_answered(cpu) == before)
			err = bench_fail(run, -ERR_VERIFY, "a round came back without cpu %u", cpu);
	}
	return err;
}

static int round_sample(struct bench_run *run, u64 *values)
{
	return one_round(run, values);
}

static void tell(void *arg)
{
	struct peers *peers = arg;

	/* R-told: nothing is passed with it but that it has run. Pairs with A-told. */
	store_release(&peers->told, true);
}

static int there_and_back(struct bench_run *run, enum machine_interrupt kind, u64 *ret_ns)
{
	struct peers *peers = run->priv;
	u64 begin, deadline;
	int err;

	peers->told = false;
	deadline = rdtsc() + machine_ticks(DEADLINE_NS);
	begin = rdtsc_ordered();
	err = machine_interrupt(1, kind);
	if (err)
		return bench_fail(run, err, "cpu 1 could not be interrupted");
	/* A-told: pairs with R-told. */
	while (!load_acquire(&peers->told))
		if (rdtsc() > deadline)
			return bench_fail(run, -ERR_TIMEOUT, "cpu 1 took no interrupt");
	*ret_ns = machine_ns(rdtsc_ordered() - begin);
	return 0;
}

static int interrupt_setup(struct bench_run *run)
{
	struct peers *peers;
	int err = peers_setup(run);

	if (err)
		return err;
	peers = run->priv;
	peers->before = machine_interrupt_fn(&peers->before_arg);
	err = machine_on_interrupt(tell, peers);
	if (err)
		return bench_fail(run, err, "needs interrupts");
	peers->borrowed = true;
	return 0;
}

static int interrupt_sample(struct bench_run *run, u64 *values)
{
	int err = there_and_back(run, MACHINE_INTERRUPT_FIXED, &values[0]);

	return err ? err : there_and_back(run, MACHINE_INTERRUPT_NMI, &values[1]);
}

/* ---- The suite ---- */

static const struct series insn_series[] = { { "cost", "tsc_mcycles" },
					     { "overhead", "tsc_mcycles" } };
static const struct series round_series[] = { { "round", "ns" } };
static const struct series interrupt_series[] = { { "fixed", "ns" }, { "nmi", "ns" } };

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

static const struct bench sync_benches[] = {
	INSN_BENCH("serialize", 0, insn_serialize),
	INSN_BENCH("iret", 0, insn_iret),
	INSN_BENCH("cpuid", 0, insn_cpuid),
	INSN_BENCH("mov-cr2", MACHINE_CAP_RING0, insn_cr2),
	INSN_BENCH("mov-cr3", MACHINE_CAP_RING0, insn_cr3),
	INSN_BENCH("mfence", 0, insn_mfence),
	INSN_BENCH("lfence", 0, insn_lfence),
	{
		.name = "round-spinning",
		.series = round_series,
		.nr_series = ARRAY_SIZE(round_series),
		.needs_caps = MACHINE_CAP_SMP,
		.param = &spinning,
		.setup = peers_setup,
		.check = round_check,
		.sample = round_sample,
		.teardown = peers_teardown,
	},
	{
		.name = "round-idle",
		.series = round_series,
		.nr_series = ARRAY_SIZE(round_series),
		.param = &idle,
		.setup = peers_setup,
		.check = round_check,
		.sample = round_sample,
		.teardown = peers_teardown,
	},
	{
		.name = "interrupt",
		.series = interrupt_series,
		.nr_series = ARRAY_SIZE(interrupt_series),
		.needs_caps = MACHINE_CAP_SMP,
		.param = &spinning,
		.setup = interrupt_setup,
		.sample = interrupt_sample,
		.teardown = peers_teardown,
	},
};

const struct suite suite_sync = {
	.name = "sync",
	.question = "what does it cost to make this CPU serialise, and all of them?",
	.benches = sync_benches,
	.nr_benches = ARRAY_SIZE(sync_benches),
};
