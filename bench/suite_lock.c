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
 * overlap: throughput. Held lines come from the cache of another CPU, which has written each of
 * them a moment ago. Split operands lie in two lines; a CPU locks its bus for them, all others
 * stand still, and some systems answer with a trap: so they are a suite of their own, on request.
 */
#include "bench.h"
#include "line_holder.h"
#include "lock_insn.h"
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

/* Odd numbers of operations on each line, so that an XCHG or a NOT shows. */
static const struct lock_layout layout_1line = { 63, 1, 1, CACHE_LINE_BYTES, false };
static const struct lock_layout layout_8lines = { 7 * REGION_LINES, REGION_LINES, 1,
						  CACHE_LINE_BYTES, false };
static const struct lock_layout layout_split = { 63, 1, 1, CACHE_LINE_BYTES, true };
/* Each line once, not in the order of their addresses, and no neighbours. */
static const struct lock_layout layout_held = { 64, 64, 37, 2 * CACHE_LINE_BYTES, false };

struct lock_subject {
	struct lock_insn insn;
	const struct lock_layout *layout;
	bool held; /* by another CPU */
};

struct lock_bench {
	const struct lock_subject *subject;
	int first_form; /* FORM_NONE for what takes no LOCK */
	struct region region[NR_FORMS];
	u8 *lines, *want; /* LOCK_LINES_BYTES each */
	struct line_holder holder;
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

static int timed_form(struct bench_run *run, int form, u64 *ret_ticks)
{
	struct lock_bench *lock = run->priv;
	u64 flags;

	if (lock->subject->held && line_holder_take(&lock->holder))
		return bench_fail(run, -ERR_TIMEOUT, "cpu 1 did not take the lines");
	flags = machine_irq_save();
	*ret_ticks = run_form(lock, form, lock->nr_passes);
	machine_irq_restore(flags);
	return 0;
}

static int lock_sample(struct bench_run *run, u64 *values)
{
	struct lock_bench *lock = run->priv;
	u64 ticks[NR_FORMS], nr_ops = lock->nr_passes * lock->subject->layout->nr_ops;
	int err = 0;

	for (int form = lock->first_form; form < NR_FORMS && !err; form++)
		err = timed_form(run, form, &ticks[form]);
	if (err)
		return err;
	for (int form = lock->first_form; form < FORM_EMPTY; form++) {
		u64 net = ticks[form] > lock->empty_ticks ? ticks[form] - lock->empty_ticks : 0;

		values[form - lock->first_form] = (net * 1000 + nr_ops / 2) / nr_ops;
	}
	values[FORM_EMPTY - lock->first_form] = ticks[FORM_EMPTY] * 1000 / lock->nr_passes;
	return 0;
}

/* ---- Set-up ---- */

static int build_forms(struct bench_run *run, struct lock_bench *lock)
{
	const struct lock_subject *subject = lock->subject;
	int err = 0;

	for (int form = lock->first_form; form < NR_FORMS && !err; form++)
		err = lock_insn_build(&lock->region[form], &subject->insn, subject->layout,
				      form < FORM_NONE, form == FORM_EMPTY);
	if (err)
		return bench_fail(run, err, "%s", region_why());
	if (lock->first_form == FORM_NONE)
		return 0;
	err = region_locks_to(run, &lock->region[FORM_3E], false, SMP_UP_DS);
	return err ? err : region_locks_to(run, &lock->region[FORM_90], false, SMP_UP_NOP);
}

static int lock_setup(struct bench_run *run)
{
	const struct lock_subject *subject = run->bench->param;
	struct lock_bench *lock = machine_alloc(sizeof(*lock));
	int err;

	if (!lock)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = lock;
	run->cpus = subject->held ? 2 : 1;
	lock->subject = subject;
	lock->first_form = subject->insn.op == ASM_MFENCE ? FORM_NONE : FORM_LOCK;
	lock->lines = machine_alloc(LOCK_LINES_BYTES);
	lock->want = machine_alloc(LOCK_LINES_BYTES);
	if (!lock->lines || !lock->want)
		return bench_fail(run, -ERR_NOMEM, "no memory for the cache lines");
	err = build_forms(run, lock);
	if (err || !subject->held)
		return err;
	lock->holder.lines = lock->lines;
	lock->holder.bytes = LOCK_LINES_BYTES;
	err = line_holder_start(&lock->holder);
	return err ? bench_fail(run, err, "a CPU could not be started") : 0;
}

/* ---- Check ---- */

/* Grow the passes until the slowest form takes its share of a sample; a held line is there once. */
static void choose_passes(struct lock_bench *lock)
{
	u64 target = machine_ticks(FORM_TARGET_NS);

	lock->nr_passes = 1;
	run_form(lock, lock->first_form, lock->nr_passes);
	while (!lock->subject->held && run_form(lock, lock->first_form, lock->nr_passes) < target)
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

struct one_pass {
	rmw_fn run;
	u8 *lines;
};

static void run_one_pass(void *arg)
{
	struct one_pass *pass = arg;

	pass->run(pass->lines, 1);
}

/* No operation but XCHG and CMPXCHG leaves this as it was. */
#define CHECK_VALUE 100

/* The first run of code made a moment ago: a trap in it is a failed check, not the end of the run.
 */
static bool form_is_right(struct lock_bench *lock, int form)
{
	const struct lock_subject *subject = lock->subject;
	struct one_pass pass = { (rmw_fn)lock->region[form].text, lock->lines };

	lock_insn_fill(lock->lines, &subject->insn, subject->layout, CHECK_VALUE);
	lock_insn_fill(lock->want, &subject->insn, subject->layout, CHECK_VALUE);
	if (form != FORM_EMPTY)
		lock_insn_model(lock->want, &subject->insn, subject->layout);
	return !machine_probe(run_one_pass, &pass, NULL) &&
	       !memcmp(lock->lines, lock->want, LOCK_LINES_BYTES);
}

static int lock_check(struct bench_run *run)
{
	struct lock_bench *lock = run->priv;
	const struct lock_subject *subject = lock->subject;

	for (int form = lock->first_form; form < NR_FORMS; form++)
		if (!form_is_right(lock, form))
			return bench_fail(run, -ERR_VERIFY,
					  "form %s trapped or computed a wrong result",
					  lock_series[form].variant);
	/* Timed as it is used: the comparison of CMPXCHG always holds. */
	lock_insn_fill(lock->lines, &subject->insn, subject->layout, REGION_START_VALUE);
	choose_passes(lock);
	measure_empty(lock);
	return 0;
}

static void lock_teardown(struct bench_run *run)
{
	struct lock_bench *lock = run->priv;
	int err;

	if (!lock)
		return;
	err = lock->holder.lines ? line_holder_stop(&lock->holder) : 0;
	if (err)
		bench_violation(run, "cpu 1 did not end well");
	/* It may still write the lines. */
	if (err == -ERR_TIMEOUT)
		return;
	for (int form = 0; form < NR_FORMS; form++)
		if (lock->region[form].text)
			region_free(&lock->region[form]);
	if (lock->want)
		machine_free(lock->want, LOCK_LINES_BYTES);
	if (lock->lines)
		machine_free(lock->lines, LOCK_LINES_BYTES);
	machine_free(lock, sizeof(*lock));
}

/* ---- The suite ---- */

#define LOCK_BENCH(title, plan, caps, op, bytes, from, imm, layout, is_held)                       \
	{                                                                                          \
		.name = (title), .series = lock_series, .nr_series = NR_FORMS, .min_plan = (plan), \
		.budget_share = 6, .needs_caps = (caps),                                           \
		.param =                                                                           \
			&(const struct lock_subject){ { op, bytes, LOCK_INSN_##from, imm, false }, \
						      &(layout),                                   \
						      is_held },                                   \
		.setup = lock_setup, .check = lock_check, .sample = lock_sample,                   \
		.teardown = lock_teardown,                                                         \
	}

#define LOCK_PLACES(title, plan, plan_held, op, bytes, from, imm)                                  \
	LOCK_BENCH(title "-1line", plan, 0, op, bytes, from, imm, layout_1line, false),            \
		LOCK_BENCH(title "-8lines", plan, 0, op, bytes, from, imm, layout_8lines, false),  \
		LOCK_BENCH(title "-held", plan_held, MACHINE_CAP_SMP, op, bytes, from, imm,        \
			   layout_held, true)

/* The quick plan has the 64-bit operands, the others have every width. */
#define LOCK_WIDE(title, plan_held, op, from, imm)                                                 \
	LOCK_PLACES(title, PLAN_QUICK, plan_held, op, 8, from, imm),                               \
		LOCK_PLACES(title "-32bit", PLAN_DEFAULT, PLAN_DEFAULT, op, 4, from, imm),         \
		LOCK_PLACES(title "-16bit", PLAN_DEFAULT, PLAN_DEFAULT, op, 2, from, imm)

#define LOCK_WIDTHS(title, plan_held, op, from, imm)                                               \
	LOCK_WIDE(title, plan_held, op, from, imm),                                                \
		LOCK_PLACES(title "-8bit", PLAN_DEFAULT, PLAN_DEFAULT, op, 1, from, imm)

#define LOCK_SPLIT(title, op, bytes, from, imm)                                                    \
	LOCK_BENCH(title "-split", PLAN_QUICK, 0, op, bytes, from, imm, layout_split, false)

#define LOCK_SPLITS(title, op, from, imm)                                                          \
	LOCK_SPLIT(title, op, 8, from, imm), LOCK_SPLIT(title "-32bit", op, 4, from, imm),         \
		LOCK_SPLIT(title "-16bit", op, 2, from, imm)

static const struct bench lock_benches[] = {
	LOCK_WIDTHS("inc", PLAN_QUICK, ASM_INC, ALONE, 0),
	LOCK_WIDTHS("add", PLAN_QUICK, ASM_ADD, IMM, 1),
	LOCK_WIDTHS("xadd", PLAN_QUICK, ASM_XADD, REG, 0),
	LOCK_WIDTHS("cmpxchg", PLAN_QUICK, ASM_CMPXCHG, REG, 0),
	LOCK_WIDE("bts", PLAN_QUICK, ASM_BTS, IMM, 3),
	LOCK_WIDTHS("xchg", PLAN_QUICK, ASM_XCHG, REG, 0),
	LOCK_WIDTHS("dec", PLAN_DEFAULT, ASM_DEC, ALONE, 0),
	LOCK_WIDTHS("sub", PLAN_DEFAULT, ASM_SUB, IMM, 1),
	LOCK_WIDTHS("adc", PLAN_DEFAULT, ASM_ADC, IMM, 1),
	LOCK_WIDTHS("sbb", PLAN_DEFAULT, ASM_SBB, IMM, 1),
	LOCK_WIDTHS("and", PLAN_DEFAULT, ASM_AND, IMM, 0x35),
	LOCK_WIDTHS("or", PLAN_DEFAULT, ASM_OR, IMM, 3),
	LOCK_WIDTHS("xor", PLAN_DEFAULT, ASM_XOR, IMM, 3),
	LOCK_WIDTHS("neg", PLAN_DEFAULT, ASM_NEG, ALONE, 0),
	LOCK_WIDTHS("not", PLAN_DEFAULT, ASM_NOT, ALONE, 0),
	LOCK_WIDE("btr", PLAN_DEFAULT, ASM_BTR, IMM, 5),
	LOCK_WIDE("btc", PLAN_DEFAULT, ASM_BTC, IMM, 3),
	LOCK_PLACES("cmpxchg8b", PLAN_QUICK, PLAN_DEFAULT, ASM_CMPXCHG8B, 8, ALONE, 0),
	LOCK_PLACES("cmpxchg16b", PLAN_QUICK, PLAN_DEFAULT, ASM_CMPXCHG16B, 16, ALONE, 0),
	/* What else makes a CPU wait for its stores: for comparison. */
	{
		.name = "or-rsp",
		.series = lock_series,
		.nr_series = NR_FORMS,
		.budget_share = 6,
		.param = &(const struct lock_subject){ { ASM_OR, 4, LOCK_INSN_IMM, 0, true },
						       &layout_1line,
						       false },
		.setup = lock_setup,
		.check = lock_check,
		.sample = lock_sample,
		.teardown = lock_teardown,
	},
	{
		.name = "mfence",
		.series = &lock_series[FORM_NONE],
		.nr_series = NR_FORMS - FORM_NONE,
		.budget_share = 6,
		.param = &(const struct lock_subject){ { ASM_MFENCE, 8, LOCK_INSN_ALONE, 0, false },
						       &layout_1line,
						       false },
		.setup = lock_setup,
		.check = lock_check,
		.sample = lock_sample,
		.teardown = lock_teardown,
	},
};

const struct suite suite_lock = {
	.name = "lock",
	.question = "what does a LOCK prefix cost, and what does patching it away gain?",
	.benches = lock_benches,
	.nr_benches = ARRAY_SIZE(lock_benches),
};

/* CMPXCHG16B takes no operand that is not aligned. */
static const struct bench split_benches[] = {
	LOCK_SPLITS("inc", ASM_INC, ALONE, 0),
	LOCK_SPLITS("add", ASM_ADD, IMM, 1),
	LOCK_SPLITS("xadd", ASM_XADD, REG, 0),
	LOCK_SPLITS("cmpxchg", ASM_CMPXCHG, REG, 0),
	LOCK_SPLITS("bts", ASM_BTS, IMM, 3),
	LOCK_SPLITS("xchg", ASM_XCHG, REG, 0),
	LOCK_SPLIT("cmpxchg8b", ASM_CMPXCHG8B, 8, ALONE, 0),
};

const struct suite suite_split = {
	.name = "split",
	.question = "what does a LOCK cost on an operand that lies in two lines?",
	.on_request = true,
	.benches = split_benches,
	.nr_benches = ARRAY_SIZE(split_benches),
};
