/* SPDX-License-Identifier: MIT */
/*
 * What do the things that kernels are made of gain when their LOCK prefixes are taken out?
 *
 * Each primitive is built four times: with its LOCKs, and with them taken out by
 * alternatives_smp_unlock(), on one object again and again and on eight in turn. A sample runs all
 * four and the empty loop, one after the other, so that drift hits all alike. Each stands there a
 * second time with twice as many pairs: what the loop costs is what does not double (loop_cost.h).
 * Nobody contends: this is what a CPU pays when it is alone, in SMP form for nothing. contended.h
 * is about company.
 */
#include "bench.h"
#include "contended.h"
#include "loop_cost.h"
#include "machine.h"
#include "primitive.h"
#include "region_locks.h"
#include "x86.h"

enum {
	FORM_UP,
	FORM_SMP,
	FORM_UP_8,
	FORM_SMP_8,
	FORM_EMPTY, /* the loop alone */
	NR_FORMS,
};

static const struct series alone_series[NR_FORMS] = {
	[FORM_UP] = { "up", "tsc_mcycles" },	      [FORM_SMP] = { "smp", "tsc_mcycles" },
	[FORM_UP_8] = { "up-8", "tsc_mcycles" },      [FORM_SMP_8] = { "smp-8", "tsc_mcycles" },
	[FORM_EMPTY] = { "overhead", "tsc_mcycles" },
};

static u32 form_objects(int form)
{
	return form == FORM_UP_8 || form == FORM_SMP_8 ? PRIMITIVE_MAX_OBJECTS : 1;
}

static bool form_is_up(int form)
{
	return form == FORM_UP || form == FORM_UP_8;
}

#define NR_PAIRS (PRIMITIVE_MAX_PAIRS / 2) /* in one pass; in the long loops all of them */

struct alone {
	struct region region[NR_FORMS];
	struct region twice[FORM_EMPTY]; /* the same with two times the pairs */
	const struct primitive_kind *kind;
	struct primitive_data *data;
	struct primitive_node *node;
	u64 nr_passes[NR_FORMS]; /* of the loop in one sample: windows of all forms last as long */
	struct loop_cost cost[FORM_EMPTY]; /* of so many passes */
};

#define FORM_TARGET_NS (4 * NSEC_PER_USEC) /* as in suite lock */

static u64 run_pairs(struct alone *alone, const struct region *region, u64 nr_passes)
{
	return ((primitive_fn)region->text)(alone->data, nr_passes, alone->node);
}

static u64 ticks_of(struct alone *alone, const struct region *region, u64 nr_passes)
{
	u64 begin = rdtsc_ordered();

	run_pairs(alone, region, nr_passes);
	return rdtsc_ordered() - begin;
}

static int alone_sample(struct bench_run *run, u64 *values)
{
	struct alone *alone = run->priv;
	u64 ticks[NR_FORMS];
	u64 flags = machine_irq_save();

	for (int form = 0; form < NR_FORMS; form++)
		ticks[form] = ticks_of(alone, &alone->region[form], alone->nr_passes[form]);
	machine_irq_restore(flags);

	for (int form = 0; form < FORM_EMPTY; form++)
		values[form] = loop_cost_net(&alone->cost[form], ticks[form],
					     alone->nr_passes[form] * NR_PAIRS);
	values[FORM_EMPTY] = ticks[FORM_EMPTY] * 1000 / alone->nr_passes[FORM_EMPTY];
	return 0;
}

/* ---- Set-up and check ---- */

static int build_form(struct bench_run *run, struct region *region, int form, u32 nr_pairs)
{
	if (primitive_build(region, *(const u32 *)run->bench->param, form_objects(form), nr_pairs,
			    false))
		return bench_fail(run, -ERR_NOMEM, "%s", region_why());
	return form_is_up(form) ? region_locks_to(run, region, false, SMP_UP_DS) : 0;
}

static int alone_setup(struct bench_run *run)
{
	struct alone *alone = machine_alloc(sizeof(*alone));
	int err = 0;

	if (!alone)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = alone;
	run->cpus = 1;
	alone->kind = &primitive_kinds[*(const u32 *)run->bench->param];
	alone->data = machine_alloc(sizeof(*alone->data));
	alone->node = machine_alloc(sizeof(*alone->node));
	if (!alone->data || !alone->node)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	for (int form = 0; form < NR_FORMS && !err; form++)
		err = build_form(run, &alone->region[form], form,
				 form == FORM_EMPTY ? 0 : NR_PAIRS);
	for (int form = 0; form < FORM_EMPTY && !err; form++)
		err = build_form(run, &alone->twice[form], form, 2 * NR_PAIRS);
	return err;
}

static void set_words(struct alone *alone, u64 word)
{
	for (u32 i = 0; i < PRIMITIVE_MAX_OBJECTS; i++)
		alone->data->object[i].word = word;
	alone->data->max_spins = 1;
	alone->node->nr_errors = 0;
}

struct one_pass {
	struct alone *alone;
	const struct region *region;
	u64 left;
};

static void run_one_pass(void *arg)
{
	struct one_pass *pass = arg;

	pass->left = run_pairs(pass->alone, pass->region, 1);
}

/* All objects free: each is taken and released as often as it should. */
static bool takes_what_is_free(struct alone *alone, const struct region *region, u32 nr_objects)
{
	struct one_pass pass = { alone, region, 0 };

	set_words(alone, alone->kind->free);
	if (machine_probe(run_one_pass, &pass, NULL) || pass.left || alone->node->nr_errors)
		return false;
	for (u32 i = 0; i < PRIMITIVE_MAX_OBJECTS; i++) {
		u64 nr_pairs = i < nr_objects ? region->nr_ops / nr_objects : 0;

		if (alone->data->object[i].word != alone->kind->free + nr_pairs * alone->kind->each)
			return false;
	}
	return true;
}

static bool waits_for_what_is_held(struct alone *alone, const struct region *region)
{
	struct one_pass pass = { alone, region, 0 };

	if (!alone->kind->waits || !region->nr_ops)
		return true;
	set_words(alone, alone->kind->held);
	return !machine_probe(run_one_pass, &pass, NULL) && pass.left == 1;
}

static bool region_is_right(struct alone *alone, const struct region *region, int form)
{
	u32 nr_objects = form == FORM_EMPTY ? 0 : form_objects(form);

	return region_locks_are(region, form_is_up(form) ? SMP_UP_DS : LOCK_PREFIX_BYTE) &&
	       takes_what_is_free(alone, region, nr_objects) &&
	       waits_for_what_is_held(alone, region);
}

static bool form_is_right(struct alone *alone, int form)
{
	return region_is_right(alone, &alone->region[form], form) &&
	       (form == FORM_EMPTY || region_is_right(alone, &alone->twice[form], form));
}

/* Grow the passes until they take their share of a sample. */
static void choose_passes(struct alone *alone, int form)
{
	const struct region *region = &alone->region[form];
	u64 target = machine_ticks(FORM_TARGET_NS), *nr_passes = &alone->nr_passes[form];

	*nr_passes = 2; /* the long loop makes half of them */
	ticks_of(alone, region, *nr_passes);
	while (ticks_of(alone, region, *nr_passes) < target)
		*nr_passes *= 2;
}

struct lengths {
	struct alone *alone;
	int form;
};

static int timed_length(void *arg, enum loop_window which, u64 *ret_ticks)
{
	const struct lengths *lengths = arg;
	struct alone *alone = lengths->alone;
	u64 nr_passes = alone->nr_passes[lengths->form], flags = machine_irq_save();

	if (which == LOOP_BARE)
		*ret_ticks = ticks_of(alone, &alone->region[FORM_EMPTY], 1);
	else if (which == LOOP_EMPTY)
		*ret_ticks = ticks_of(alone, &alone->region[FORM_EMPTY], nr_passes);
	else if (which == LOOP_ONCE)
		*ret_ticks = ticks_of(alone, &alone->region[lengths->form], nr_passes);
	else
		*ret_ticks = ticks_of(alone, &alone->twice[lengths->form], nr_passes / 2);
	machine_irq_restore(flags);
	return 0;
}

static int measure_loop(struct bench_run *run, int form)
{
	struct alone *alone = run->priv;
	struct lengths lengths = { alone, form };
	int err = loop_cost_measure(&alone->cost[form], alone->nr_passes[form], timed_length,
				    &lengths);

	if (err)
		return bench_fail(run, err, "form %s: the loop takes all of the time",
				  alone_series[form].variant);
	run->cancelled[form] = loop_cost_each(&alone->cost[form],
					      alone->nr_passes[form] * NR_PAIRS);
	return 0;
}

static int alone_check(struct bench_run *run)
{
	struct alone *alone = run->priv;
	int err = 0;

	for (int form = 0; form < NR_FORMS; form++)
		if (!form_is_right(alone, form))
			return bench_fail(run, -ERR_VERIFY, "form %s is not what it should be",
					  alone_series[form].variant);
	set_words(alone, alone->kind->free);
	for (int form = 0; form < NR_FORMS; form++)
		choose_passes(alone, form);
	for (int form = 0; form < FORM_EMPTY && !err; form++)
		err = measure_loop(run, form);
	return err;
}

static void alone_teardown(struct bench_run *run)
{
	struct alone *alone = run->priv;

	if (!alone)
		return;
	for (int form = 0; form < FORM_EMPTY; form++) {
		loop_cost_note(run, &alone->cost[form], alone_series[form].variant);
		if (alone->twice[form].text)
			region_free(&alone->twice[form]);
	}
	for (int form = 0; form < NR_FORMS; form++)
		if (alone->region[form].text)
			region_free(&alone->region[form]);
	if (alone->node)
		machine_free(alone->node, sizeof(*alone->node));
	if (alone->data)
		machine_free(alone->data, sizeof(*alone->data));
	machine_free(alone, sizeof(*alone));
}

/* ---- The suite ---- */

static const u32 tas = PRIMITIVE_TAS, xchg = PRIMITIVE_XCHG, ticket = PRIMITIVE_TICKET;
static const u32 queued = PRIMITIVE_QUEUED, read = PRIMITIVE_READ, write = PRIMITIVE_WRITE;
static const u32 semaphore = PRIMITIVE_SEMAPHORE, mutex = PRIMITIVE_MUTEX;
static const u32 ref = PRIMITIVE_REF, bit = PRIMITIVE_BIT;

#define ALONE_BENCH(title, primitive)                                                              \
	{                                                                                          \
		.name = (title), .series = alone_series, .nr_series = NR_FORMS,                    \
		.param = &(primitive), .budget_share = 3, .setup = alone_setup,                    \
		.check = alone_check, .sample = alone_sample, .teardown = alone_teardown,          \
	}

#define CONTENDED_BENCH(title, primitive, writer)                                                  \
	{                                                                                          \
		.name = title "-contended", .series = contended_series,                            \
		.nr_series = CONTENDED_NR_SERIES, .needs_caps = MACHINE_CAP_SMP, .per_cpus = true, \
		.param = &(const struct contended_subject){ primitive, writer },                   \
		.budget_share = 3, .setup = contended_setup, .check = contended_check,             \
		.sample = contended_sample, .teardown = contended_teardown,                        \
	}

static const struct bench primitive_benches[] = {
	ALONE_BENCH("tas", tas),
	ALONE_BENCH("xchg", xchg),
	ALONE_BENCH("ticket", ticket),
	ALONE_BENCH("queued", queued),
	ALONE_BENCH("rwlock-read", read),
	ALONE_BENCH("rwlock-write", write),
	ALONE_BENCH("semaphore", semaphore),
	ALONE_BENCH("mutex", mutex),
	ALONE_BENCH("ref", ref),
	ALONE_BENCH("bit", bit),
	CONTENDED_BENCH("tas", PRIMITIVE_TAS, false),
	CONTENDED_BENCH("xchg", PRIMITIVE_XCHG, false),
	CONTENDED_BENCH("ticket", PRIMITIVE_TICKET, false),
	CONTENDED_BENCH("queued", PRIMITIVE_QUEUED, false),
	CONTENDED_BENCH("rwlock-read", PRIMITIVE_READ, false),
	CONTENDED_BENCH("rwlock-write", PRIMITIVE_WRITE, false),
	CONTENDED_BENCH("rwlock-mixed", PRIMITIVE_READ, true),
	CONTENDED_BENCH("semaphore", PRIMITIVE_SEMAPHORE, false),
	CONTENDED_BENCH("mutex", PRIMITIVE_MUTEX, false),
	CONTENDED_BENCH("ref", PRIMITIVE_REF, false),
	CONTENDED_BENCH("bit", PRIMITIVE_BIT, false),
};

const struct suite suite_primitives = {
	.name = "primitives",
	.question = "what do spinlocks, counts and bits gain when their LOCKs go?",
	.benches = primitive_benches,
	.nr_benches = ARRAY_SIZE(primitive_benches),
};
