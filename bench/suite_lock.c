/* SPDX-License-Identifier: MIT */
/*
 * What does a LOCK prefix cost, and what does patching it away gain?
 *
 * Each operation is built once with LOCK prefixes, three times over; two of the copies are then
 * switched to UP form by alternatives_smp_unlock(), one with the DS prefix (3E), one with the NOP
 * of 2006 (90). A fourth copy never had a prefix. All four stand at the same offset in a page. A
 * sample runs each of them, and the empty loop, one after the other, so that drift hits all alike.
 *
 * On one line every operation waits for the one before: latency. On eight lines in turn they could
 * overlap: throughput.
 */
#include "bench.h"
#include "machine.h"
#include "mem.h"
#include "region_locks.h"
#include "stats.h"
#include "x86.h"

enum {
	FORM_LOCK,
	FORM_3E,
	FORM_90,
	FORM_NONE,
	FORM_EMPTY, /* the loop alone */
	NR_FORMS,
};

static const struct series lock_series[NR_FORMS] = {
	[FORM_LOCK] = { "lock", "tsc_mcycles" },      [FORM_3E] = { "3e", "tsc_mcycles" },
	[FORM_90] = { "90", "tsc_mcycles" },	      [FORM_NONE] = { "none", "tsc_mcycles" },
	[FORM_EMPTY] = { "overhead", "tsc_mcycles" },
};

struct lock_subject {
	enum asm_rmw op;
	u32 nr_lines;
	u32 nr_ops; /* in one pass; an odd number a line, so that an XCHG shows */
	u64 start; /* of every line, in the check */
	u64 expect; /* after one pass */
};

/* The lines of the subject, each on its own; never shared with another CPU. */
struct lock_lines {
	u64 line[REGION_LINES][CACHE_LINE_BYTES / sizeof(u64)];
};

struct lock_bench {
	struct region region[NR_FORMS];
	struct lock_lines *lines;
	u64 nr_passes; /* of the loop in one sample */
	u64 empty_ticks; /* what so many passes of the empty loop cost: the median of some */
};

/* How long one form runs within a sample: long against the time stamps, short against a tick. */
#define FORM_TARGET_NS (20 * NSEC_PER_USEC)

static u64 run_form(struct lock_bench *lock, int form, u64 nr_passes)
{
	rmw_fn run = (rmw_fn)lock->region[form].text;
	u64 begin = rdtsc_ordered();

	run(lock->lines, nr_passes);
	return rdtsc_ordered() - begin;
}

static int lock_sample(struct bench_run *run, u64 *values)
{
	const struct lock_subject *subject = run->bench->param;
	struct lock_bench *lock = run->priv;
	u64 ticks[NR_FORMS], nr_ops = lock->nr_passes * subject->nr_ops;
	u64 flags = machine_irq_save();

	for (int form = 0; form < NR_FORMS; form++)
		ticks[form] = run_form(lock, form, lock->nr_passes);
	machine_irq_restore(flags);

	for (int form = 0; form < FORM_EMPTY; form++) {
		u64 net = ticks[form] > lock->empty_ticks ? ticks[form] - lock->empty_ticks : 0;

		values[form] = (net * 1000 + nr_ops / 2) / nr_ops;
	}
	values[FORM_EMPTY] = ticks[FORM_EMPTY] * 1000 / lock->nr_passes;
	return 0;
}

static int build_forms(struct bench_run *run, struct lock_bench *lock)
{
	const struct lock_subject *subject = run->bench->param;
	int err = 0;

	for (int form = 0; form < NR_FORMS && !err; form++)
		err = region_build_rmw(&lock->region[form], subject->op, form < FORM_NONE,
				       subject->nr_lines, form == FORM_EMPTY ? 0 : subject->nr_ops);
	if (err)
		return bench_fail(run, err, "%s", region_why());
	err = region_locks_to(run, &lock->region[FORM_3E], false, SMP_UP_DS);
	return err ? err : region_locks_to(run, &lock->region[FORM_90], false, SMP_UP_NOP);
}

/* Grow the passes until the slowest form takes its share of a sample. */
static void choose_passes(struct lock_bench *lock)
{
	u64 target = machine_ticks(FORM_TARGET_NS);

	lock->nr_passes = 1;
	run_form(lock, FORM_LOCK, lock->nr_passes);
	while (run_form(lock, FORM_LOCK, lock->nr_passes) < target)
		lock->nr_passes *= 2;
}

/*
 * Subtracted from every sample, so one number for all: taken sample by sample, an interrupt that
 * hit the empty loop would show as an operation that costs nothing.
 */
#define NR_EMPTY_RUNS 65

static void measure_empty(struct lock_bench *lock)
{
	u64 ticks[NR_EMPTY_RUNS], scratch[NR_EMPTY_RUNS];
	struct stats stats;

	for (u32 i = 0; i < NR_EMPTY_RUNS; i++)
		ticks[i] = run_form(lock, FORM_EMPTY, lock->nr_passes);
	stats_compute(&stats, ticks, scratch, NR_EMPTY_RUNS);
	lock->empty_ticks = stats.p50;
}

static int lock_setup(struct bench_run *run)
{
	struct lock_bench *lock = machine_alloc(sizeof(*lock));

	if (!lock)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = lock;
	run->cpus = 1;
	lock->lines = machine_alloc(sizeof(*lock->lines));
	if (!lock->lines)
		return bench_fail(run, -ERR_NOMEM, "no memory for the cache lines");
	return build_forms(run, lock);
}

static void fill_lines(struct lock_lines *lines, u64 value)
{
	for (u32 i = 0; i < REGION_LINES; i++)
		lines->line[i][0] = value;
}

struct one_pass {
	rmw_fn run;
	struct lock_lines *lines;
};

static void run_one_pass(void *arg)
{
	struct one_pass *pass = arg;

	pass->run(pass->lines, 1);
}

/* The first run of code made a moment ago: a trap in it is a failed check, not the end of the run.
 */
static bool form_is_right(struct lock_bench *lock, int form, const struct lock_subject *subject)
{
	struct one_pass pass = { (rmw_fn)lock->region[form].text, lock->lines };
	u64 nr_touched = form == FORM_EMPTY ? 0 : subject->nr_lines;

	fill_lines(lock->lines, subject->start);
	if (machine_probe(run_one_pass, &pass, NULL))
		return false;
	for (u32 i = 0; i < REGION_LINES; i++)
		if (lock->lines->line[i][0] != (i < nr_touched ? subject->expect : subject->start))
			return false;
	return true;
}

static int lock_check(struct bench_run *run)
{
	struct lock_bench *lock = run->priv;

	for (int form = 0; form < NR_FORMS; form++)
		if (!form_is_right(lock, form, run->bench->param))
			return bench_fail(run, -ERR_VERIFY,
					  "form %s trapped or computed a wrong result",
					  lock_series[form].variant);
	/* Timed as it is used: the comparison of CMPXCHG always holds. */
	fill_lines(lock->lines, 5);
	choose_passes(lock);
	measure_empty(lock);
	return 0;
}

static void lock_teardown(struct bench_run *run)
{
	struct lock_bench *lock = run->priv;

	if (!lock)
		return;
	for (int form = 0; form < NR_FORMS; form++)
		if (lock->region[form].text)
			region_free(&lock->region[form]);
	if (lock->lines)
		machine_free(lock->lines, sizeof(*lock->lines));
	machine_free(lock, sizeof(*lock));
}

/*
 * Odd numbers of operations a line, so that an XCHG shows. The results come from the definition of
 * each operation: XADD adds what the register took from memory the time before, so 5 and 5 grow
 * like Fibonacci numbers; CMPXCHG against 7 fails once, takes 7 along, and stores 5 from then on in
 * turn.
 */
#define SUBJECT_1LINE(operation, first, result)                                                    \
	{                                                                                          \
		.op = (operation), .nr_lines = 1, .nr_ops = 63, .start = (first),                  \
		.expect = (result),                                                                \
	}
#define SUBJECT_8LINES(operation, first, result)                                                   \
	{                                                                                          \
		.op = (operation), .nr_lines = REGION_LINES, .nr_ops = 7 * REGION_LINES,           \
		.start = (first), .expect = (result),                                              \
	}

static const struct lock_subject inc_1line = SUBJECT_1LINE(ASM_RMW_INC, 1, 64);
static const struct lock_subject inc_8lines = SUBJECT_8LINES(ASM_RMW_INC, 1, 8);
static const struct lock_subject add_1line = SUBJECT_1LINE(ASM_RMW_ADD, 1, 64);
static const struct lock_subject add_8lines = SUBJECT_8LINES(ASM_RMW_ADD, 1, 8);
static const struct lock_subject xadd_1line = SUBJECT_1LINE(ASM_RMW_XADD, 5, 85838400887825ull);
static const struct lock_subject xadd_8lines = SUBJECT_8LINES(ASM_RMW_XADD, 5, 170);
static const struct lock_subject cmpxchg_1line = SUBJECT_1LINE(ASM_RMW_CMPXCHG, 7, 5);
static const struct lock_subject cmpxchg_8lines = SUBJECT_8LINES(ASM_RMW_CMPXCHG, 7, 5);
static const struct lock_subject bts_1line = SUBJECT_1LINE(ASM_RMW_BTS, 1, 9);
static const struct lock_subject bts_8lines = SUBJECT_8LINES(ASM_RMW_BTS, 1, 9);
static const struct lock_subject xchg_1line = SUBJECT_1LINE(ASM_RMW_XCHG, 7, 5);
static const struct lock_subject xchg_8lines = SUBJECT_8LINES(ASM_RMW_XCHG, 7, 5);

#define LOCK_BENCH(title, subject)                                                                 \
	{                                                                                          \
		.name = (title), .series = lock_series, .nr_series = NR_FORMS,                     \
		.param = &(subject), .setup = lock_setup, .check = lock_check,                     \
		.sample = lock_sample, .teardown = lock_teardown,                                  \
	}

static const struct bench lock_benches[] = {
	LOCK_BENCH("inc-1line", inc_1line),	    LOCK_BENCH("inc-8lines", inc_8lines),
	LOCK_BENCH("add-1line", add_1line),	    LOCK_BENCH("add-8lines", add_8lines),
	LOCK_BENCH("xadd-1line", xadd_1line),	    LOCK_BENCH("xadd-8lines", xadd_8lines),
	LOCK_BENCH("cmpxchg-1line", cmpxchg_1line), LOCK_BENCH("cmpxchg-8lines", cmpxchg_8lines),
	LOCK_BENCH("bts-1line", bts_1line),	    LOCK_BENCH("bts-8lines", bts_8lines),
	LOCK_BENCH("xchg-1line", xchg_1line),	    LOCK_BENCH("xchg-8lines", xchg_8lines),
};

const struct suite suite_lock = {
	.name = "lock",
	.question = "what does a LOCK prefix cost, and what does patching it away gain?",
	.benches = lock_benches,
	.nr_benches = ARRAY_SIZE(lock_benches),
};
