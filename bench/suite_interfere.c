/* SPDX-License-Identifier: MIT */
/*
 * Do interrupts that land in the middle of a batch run the sites as everybody else does?
 *
 * Before each batch the patcher interrupts every victim twice: the second interrupt goes out when
 * the procedure of the first has begun. An interrupt runs whole passes through the very sites that
 * are being patched, until one of them has met an INT3. So its traps nest into whatever the victim
 * was doing, its own #BP included, and the IRET of such a trap lets the second NMI in while the
 * first is still running. Each pass of an interrupt is held to I1 like those of a victim.
 */
#include "bench.h"
#include "answers.h"
#include "atomic.h"
#include "machine.h"
#include "random.h"
#include "text_patching.h"
#include "toggle.h"
#include "x86.h"

#define NR_INTERFERE_SITES 16
#define NR_INTERRUPTS 2 /* to each victim, before each batch */
/* A batch that does not start meanwhile is met by the next interrupt. */
#define MAX_PASSES 2000
#define DEADLINE_NS (10 * NSEC_PER_SEC)

enum {
	INTERFERE_INTERRUPTS,
	INTERFERE_TRAPPED,
	INTERFERE_NESTED,
	NR_INTERFERE_SERIES,
};

static const struct series interfere_series[NR_INTERFERE_SERIES] = {
	[INTERFERE_INTERRUPTS] = { "interrupts", "count" },
	[INTERFERE_TRAPPED] = { "trapped", "count" },
	[INTERFERE_NESTED] = { "nested", "count" },
};

/* What interrupts send, and whether each also meets an INT3 that is nobody's. */
struct kind {
	enum machine_interrupt send;
	bool foreign;
};

static const struct kind kinds[] = {
	{ MACHINE_INTERRUPT_FIXED, false },
	{ MACHINE_INTERRUPT_NMI, false },
	{ MACHINE_INTERRUPT_NMI, true },
};

/*
 * What the interrupts of one CPU did. An NMI may come between any two instructions of another's
 * procedure, so the counts are locked additions; depth is as it was when a nested one has gone.
 */
struct interrupted {
	u32 depth;
	u32 nr_begun, nr_ended;
	u32 nr_trapped; /* met an INT3 of the batch */
	u32 nr_nested; /* begun inside another */
	u32 nr_torn; /* I1 */
	u32 nr_unreported; /* a foreign INT3 that was not reported as one */
} __attribute__((aligned(FALSE_SHARING_BYTES)));

struct interfere {
	struct toggler t;
	const struct kind *kind;
	struct interrupted *each; /* by CPU */
	struct answers answers;
	u32 nr_sent; /* to each victim so far */
	u64 nr_trapped; /* interrupts of all CPUs that met an INT3 */
};

/* ---- In the interrupt ---- */

static u64 traps_of(u32 cpu)
{
	struct text_poke_traps traps = text_poke_traps(cpu);

	return traps.nr_handled + traps.nr_stale;
}

/* The tokens are on the stack: those of the interrupted pass are not touched. */
static void pass_in_interrupt(struct interfere *in, struct interrupted *me)
{
	struct tokens ran = { 0 };

	in->t.victims.run(&ran);
	if (ran.old + ran.new != in->t.sites.nr_sites)
		raw_atomic_fetch_add(&me->nr_torn, 1);
}

static void call_code(void *addr)
{
	((void (*)(void))addr)();
}

/* Right behind the last instruction of the sites. */
static void meet_foreign_int3(struct interfere *in, struct interrupted *me)
{
	struct machine_fault fault;
	u8 *int3 = in->t.sites.region.text_end;

	if (machine_probe(call_code, int3, &fault) != -ERR_FAULT || fault.vector != TRAP_BP ||
	    fault.ip != (u64)int3)
		raw_atomic_fetch_add(&me->nr_unreported, 1);
}

static void interrupted(void *arg)
{
	struct interfere *in = arg;
	u32 cpu = machine_this_cpu();
	struct interrupted *me = &in->each[cpu];
	u64 before = traps_of(cpu);

	if (me->depth++)
		raw_atomic_fetch_add(&me->nr_nested, 1);
	raw_atomic_fetch_add(&me->nr_begun, 1);
	for (u32 i = 0; i < MAX_PASSES && traps_of(cpu) == before; i++)
		pass_in_interrupt(in, me);
	if (in->kind->foreign)
		meet_foreign_int3(in, me);
	if (traps_of(cpu) != before)
		raw_atomic_fetch_add(&me->nr_trapped, 1);
	me->depth--;
	raw_atomic_fetch_add(&me->nr_ended, 1);
}

/* ---- The bench ---- */

static int interfere_setup(struct bench_run *run)
{
	struct random random = random_from(run->seed);
	struct interfere *in = machine_alloc(sizeof(*in));
	int err;

	if (!in)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = in;
	run->cpus = machine_nr_cpus();
	run->sites = NR_INTERFERE_SITES;
	in->kind = run->bench->param;
	in->each = machine_alloc(run->cpus * sizeof(*in->each));
	if (!in->each)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	if (answers_alloc(run, &in->answers))
		return -ERR_NOMEM;
	err = region_build_sites(&in->t.sites, SITE_NOP5_JMP32, run->sites, SITE_STRIDE_BYTES,
				 random_below(&random, SITE_STRIDE_BYTES));
	if (err)
		return bench_fail(run, err, "%s", region_why());
	if (in->kind->foreign && *in->t.sites.region.text_end != INT3_INSN_OPCODE)
		return bench_fail(run, -ERR_VERIFY, "no INT3 behind the sites");
	return 0;
}

static int interfere_check(struct bench_run *run)
{
	struct interfere *in = run->priv;
	int err = toggle_check(run, &in->t);

	if (!err)
		err = toggle_start_victims(run, &in->t);
	if (!err && machine_on_interrupt(interrupted, in))
		err = bench_fail(run, -ERR_UNSUPPORTED, "CPUs cannot interrupt each other here");
	return err;
}

/* Until every victim's count has come to @goal. @count: of CPU 0. */
static int wait_for_all(struct bench_run *run, const u32 *count, u32 goal, const char *what)
{
	u64 deadline = rdtsc() + machine_ticks(DEADLINE_NS);
	const size_t step = sizeof(struct interrupted) / sizeof(*count);

	for (u32 cpu = 1; cpu < run->cpus; cpu++) {
		while (load_acquire(count + cpu * step) != goal) {
			if (!machine_cpu_busy(cpu) || rdtsc() > deadline)
				return bench_fail(run, -ERR_TIMEOUT,
						  "cpu %u %s %u interrupts instead of %u", cpu,
						  what, load_acquire(count + cpu * step), goal);
			cpu_relax();
		}
	}
	return 0;
}

static int interrupt_all(struct bench_run *run, struct interfere *in)
{
	int err = 0;

	for (u32 i = 0; i < NR_INTERRUPTS && !err; i++) {
		for (u32 cpu = 1; cpu < run->cpus && !err; cpu++)
			err = machine_interrupt(cpu, in->kind->send);
		if (err)
			return bench_fail(run, err, "an interrupt could not be sent");
		in->nr_sent++;
		/* The next would otherwise become one with this. */
		if (i + 1 < NR_INTERRUPTS)
			err = wait_for_all(run, &in->each[0].nr_begun, in->nr_sent, "has begun");
	}
	return err;
}

struct sums {
	u64 interrupts, trapped, nested;
};

static struct sums sum_up(const struct bench_run *run, const struct interfere *in)
{
	struct sums sums = { 0 };

	for (u32 cpu = 1; cpu < run->cpus; cpu++) {
		sums.interrupts += load_acquire(&in->each[cpu].nr_ended);
		sums.trapped += load_relaxed(&in->each[cpu].nr_trapped);
		sums.nested += load_relaxed(&in->each[cpu].nr_nested);
	}
	return sums;
}

static int interfere_sample(struct bench_run *run, u64 *values)
{
	struct interfere *in = run->priv;
	struct sums before = sum_up(run, in), after;
	u64 begin;
	int err;

	answers_note(&in->answers);
	err = interrupt_all(run, in);
	if (!err)
		err = toggle(run, &in->t, &begin);
	if (!err)
		err = wait_for_all(run, &in->each[0].nr_ended, in->nr_sent, "has ended");
	if (err)
		return err;
	answers_check(run, &in->answers);
	toggle_judge(run, &in->t);
	after = sum_up(run, in);
	values[INTERFERE_INTERRUPTS] = after.interrupts - before.interrupts;
	values[INTERFERE_TRAPPED] = after.trapped - before.trapped;
	values[INTERFERE_NESTED] = after.nested - before.nested;
	in->nr_trapped += values[INTERFERE_TRAPPED];
	return toggle_wait_pass(run, &in->t);
}

static void add_violations(struct bench_run *run, const struct interfere *in)
{
	for (u32 cpu = 1; cpu < run->cpus; cpu++) {
		const struct interrupted *each = &in->each[cpu];

		run->violations += each->nr_torn + each->nr_unreported;
		if (each->nr_torn || each->nr_unreported)
			bench_fail(run, -ERR_VERIFY,
				   "interrupts of cpu %u: %u passes torn, %u INT3s unreported", cpu,
				   each->nr_torn, each->nr_unreported);
	}
	/* Without one the bench has not shown what it is there to show. */
	if (!run->reason[0] && in->nr_sent && !in->nr_trapped) {
		run->violations++;
		bench_fail(run, -ERR_VERIFY, "no interrupt has met an INT3");
	}
}

/* The victims come home first: until then one may be in an interrupt, which needs all of it. */
static void interfere_teardown(struct bench_run *run)
{
	struct interfere *in = run->priv;

	if (!in)
		return;
	machine_on_interrupt(NULL, NULL);
	toggle_end(run, &in->t);
	if (in->each) {
		add_violations(run, in);
		machine_free(in->each, run->cpus * sizeof(*in->each));
	}
	answers_free(&in->answers);
	machine_free(in, sizeof(*in));
}

#define INTERFERE_BENCH(title, i)                                                                  \
	{                                                                                          \
		.name = (title), .series = interfere_series, .nr_series = NR_INTERFERE_SERIES,     \
		.param = &kinds[i], .needs_caps = MACHINE_CAP_SMP, .min_cpus = 2,                  \
		.setup = interfere_setup, .check = interfere_check, .sample = interfere_sample,    \
		.teardown = interfere_teardown,                                                    \
	}

static const struct bench interfere_benches[] = {
	INTERFERE_BENCH("irq", 0),
	INTERFERE_BENCH("nmi", 1),
	INTERFERE_BENCH("nmi-foreign", 2),
};

const struct suite suite_interfere = {
	.name = "interfere",
	.question = "do interrupts that land in the middle of a batch run the sites right?",
	.benches = interfere_benches,
	.nr_benches = ARRAY_SIZE(interfere_benches),
};
