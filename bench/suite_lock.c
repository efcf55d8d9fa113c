/* SPDX-License-Identifier: MIT */
/*
 * What does a LOCK prefix cost, and what does patching it away gain?
 *
 * Each operation is built once with LOCK prefixes, three times over; two of the copies are then
 * switched to UP form by alternatives_smp_unlock(), one with the DS prefix (3E), one with the NOP
 * of 2006 (90). A fourth copy never had a prefix. All four stand at the same offset in a page. A
 * sample runs each of them, and the empty loop, one after the other, so that drift hits all alike.
 * Each stands there a second time with twice as many operations in a pass: what the loop costs is
 * what does not double (loop_cost.h).
 *
 * On one line every operation waits for the one before: latency. On eight lines in turn they could
 * overlap: throughput. Held lines come from the cache of another CPU, which has written each of
 * them a moment ago. Split operands lie in two lines; a CPU locks its bus for them, all others
 * stand still, and some systems answer with a trap: so they are a suite of their own, on request.
 */
#include "bench.h"
#include "line_holder.h"
#include "lock_insn.h"
#include "loop_cost.h"
#include "machine.h"
#include "mem.h"
#include "region_locks.h"
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
/* Each line once, not in the order of their addresses, and no neighbours; also in the long loop. */
static const struct lock_layout layout_held = { 64, 128, 37, 2 * CACHE_LINE_BYTES, false };

struct lock_subject {
	struct lock_insn insn;
	const struct lock_layout *layout;
	bool held; /* by another CPU */
};

struct lock_bench {
	const struct lock_subject *subject;
	int first_form; /* FORM_NONE for what takes no LOCK */
	struct region region[NR_FORMS];
	struct region twice[FORM_EMPTY]; /* the same bodies two times over */
	u8 *lines, *want; /* LOCK_LINES_BYTES each */
	struct line_holder holder;
	u64 nr_passes[NR_FORMS]; /* of the loop in one sample: windows of all forms last as long */
	struct loop_cost cost[FORM_EMPTY]; /* of so many passes */
};

/*
 * How long one form runs within a sample, at least: long against the time stamps, and so short that
 * few windows see a CPU fall from one mode of an instruction into another on the way. Zen 4 begins
 * a run of LOCK INC on one line with 5.3 ticks each, and goes on with 4.4 some thousands later.
 */
#define FORM_TARGET_NS (4 * NSEC_PER_USEC)

static u64 run_region(struct lock_bench *lock, const struct region *region, u64 nr_passes)
{
	rmw_fn run = (rmw_fn)region->text;
	u64 begin = rdtsc_ordered();

	run(lock->lines, nr_passes);
	return rdtsc_ordered() - begin;
}

static int timed(struct bench_run *run, const struct region *region, u64 nr_passes, u64 *ret_ticks)
{
	struct lock_bench *lock = run->priv;
	u64 flags;

	if (lock->subject->held && line_holder_take(&lock->holder))
		return bench_fail(run, -ERR_TIMEOUT, "cpu 1 did not take the lines");
	flags = machine_irq_save();
	*ret_ticks = run_region(lock, region, nr_passes);
	machine_irq_restore(flags);
	return 0;
}

static u64 nr_ops_of(const struct lock_bench *lock, int form)
{
	return lock->nr_passes[form] * lock->subject->layout->nr_ops;
}

static int lock_sample(struct bench_run *run, u64 *values)
{
	struct lock_bench *lock = run->priv;
	u64 ticks[NR_FORMS];
	int err = 0;

	for (int form = lock->first_form; form < NR_FORMS && !err; form++)
		err = timed(run, &lock->region[form], lock->nr_passes[form], &ticks[form]);
	if (err)
		return err;
	for (int form = lock->first_form; form < FORM_EMPTY; form++)
		values[form - lock->first_form] = loop_cost_net(&lock->cost[form], ticks[form],
								nr_ops_of(lock, form));
	values[FORM_EMPTY - lock->first_form] = ticks[FORM_EMPTY] * 1000 /
						lock->nr_passes[FORM_EMPTY];
	return 0;
}

/* ---- Set-up ---- */

static int to_up(struct bench_run *run, struct lock_bench *lock, int form, enum smp_up_form up)
{
	int err = region_locks_to(run, &lock->region[form], false, up);

	return err ? err : region_locks_to(run, &lock->twice[form], false, up);
}

static int build_forms(struct bench_run *run, struct lock_bench *lock)
{
	const struct lock_subject *subject = lock->subject;
	int err = 0;

	for (int form = lock->first_form; form < NR_FORMS && !err; form++)
		err = lock_insn_build(&lock->region[form], &subject->insn, subject->layout,
				      form < FORM_NONE, form != FORM_EMPTY);
	for (int form = lock->first_form; form < FORM_EMPTY && !err; form++)
		err = lock_insn_build(&lock->twice[form], &subject->insn, subject->layout,
				      form < FORM_NONE, 2);
	if (err)
		return bench_fail(run, err, "%s", region_why());
	if (lock->first_form == FORM_NONE)
		return 0;
	err = to_up(run, lock, FORM_3E, SMP_UP_DS);
	return err ? err : to_up(run, lock, FORM_90, SMP_UP_NOP);
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

/* Grow the passes until they take their share of a sample; a held line is there once. */
static void choose_passes(struct lock_bench *lock, int form)
{
	const struct region *region = &lock->region[form];
	u64 target = machine_ticks(FORM_TARGET_NS), *nr_passes = &lock->nr_passes[form];

	*nr_passes = lock->subject->held ? 1 : 2; /* the long loop makes half of them */
	run_region(lock, region, *nr_passes);
	while (!lock->subject->held && run_region(lock, region, *nr_passes) < target)
		*nr_passes *= 2;
}

struct lengths {
	struct bench_run *run;
	int form;
};

static int timed_length(void *arg, enum loop_window which, u64 *ret_ticks)
{
	const struct lengths *lengths = arg;
	struct lock_bench *lock = lengths->run->priv;
	u64 nr_passes = lock->nr_passes[lengths->form];

	if (which == LOOP_BARE)
		return timed(lengths->run, &lock->region[FORM_EMPTY], 1, ret_ticks);
	if (which == LOOP_EMPTY)
		return timed(lengths->run, &lock->region[FORM_EMPTY], nr_passes, ret_ticks);
	if (which == LOOP_ONCE)
		return timed(lengths->run, &lock->region[lengths->form], nr_passes, ret_ticks);
	return timed(lengths->run, &lock->twice[lengths->form], nr_passes > 1 ? nr_passes / 2 : 1,
		     ret_ticks);
}

static int measure_loop(struct bench_run *run, int form)
{
	struct lock_bench *lock = run->priv;
	struct lengths lengths = { run, form };
	struct loop_cost *cost = &lock->cost[form];
	int err = loop_cost_measure(cost, lock->nr_passes[form], timed_length, &lengths);

	if (err == -ERR_VERIFY)
		return bench_fail(run, err, "form %s: the loop takes all of the time",
				  lock_series[form].variant);
	if (!err)
		run->cancelled[form - lock->first_form] = loop_cost_each(cost,
									 nr_ops_of(lock, form));
	return err;
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

/*
 * No operation but XCHG and CMPXCHG leaves the first as it was. From the second so many can be
 * subtracted, or added, that the long body has no carry; it is compared with the short one, too.
 */
#define CHECK_VALUE(times) ((times) == 2 ? 128 : 100)

/* The first run of code made a moment ago: a trap in it is a failed check, not the end of the run.
 */
static bool region_is_right(struct lock_bench *lock, const struct region *region, u32 times)
{
	const struct lock_subject *subject = lock->subject;
	struct one_pass pass = { (rmw_fn)region->text, lock->lines };

	lock_insn_fill(lock->lines, &subject->insn, subject->layout, CHECK_VALUE(times));
	lock_insn_fill(lock->want, &subject->insn, subject->layout, CHECK_VALUE(times));
	lock_insn_model(lock->want, &subject->insn, subject->layout, times);
	return !machine_probe(run_one_pass, &pass, NULL) &&
	       !memcmp(lock->lines, lock->want, LOCK_LINES_BYTES);
}

/* The long body is the short one, and the short one again; of held lines it is the next ones. */
static bool is_twice(const struct region *once, const struct region *twice, bool next_lines)
{
	size_t bytes = (size_t)(once->body_end - once->body);

	return (u64)once->body % PAGE_BYTES == (u64)twice->body % PAGE_BYTES &&
	       !memcmp(twice->body, once->body, bytes) &&
	       (next_lines || ((size_t)(twice->body_end - twice->body) == 2 * bytes &&
			       !memcmp(twice->body + bytes, once->body, bytes)));
}

static bool form_is_right(struct lock_bench *lock, int form)
{
	const struct region *once = &lock->region[form], *twice = &lock->twice[form];

	if (form == FORM_EMPTY)
		return region_is_right(lock, once, 0);
	return region_is_right(lock, once, 1) && region_is_right(lock, twice, 2) &&
	       is_twice(once, twice, lock->subject->held);
}

static int lock_check(struct bench_run *run)
{
	struct lock_bench *lock = run->priv;
	const struct lock_subject *subject = lock->subject;
	int err = 0;

	for (int form = lock->first_form; form < NR_FORMS; form++)
		if (!form_is_right(lock, form))
			return bench_fail(run, -ERR_VERIFY,
					  "form %s trapped or computed a wrong result",
					  lock_series[form].variant);
	/* Timed as it is used: the comparison of CMPXCHG always holds. */
	lock_insn_fill(lock->lines, &subject->insn, subject->layout, REGION_START_VALUE);
	for (int form = lock->first_form; form < NR_FORMS; form++)
		choose_passes(lock, form);
	for (int form = lock->first_form; form < FORM_EMPTY && !err; form++)
		err = measure_loop(run, form);
	return err;
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
	for (int form = 0; form < FORM_EMPTY; form++) {
		loop_cost_note(run, &lock->cost[form], lock_series[form].variant);
		if (lock->twice[form].text)
			region_free(&lock->twice[form]);
	}
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
