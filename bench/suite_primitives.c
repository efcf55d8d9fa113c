/* SPDX-License-Identifier: MIT */
/*
 * What do the things that kernels are made of gain when their LOCK prefixes are taken out?
 *
 * Each primitive is built four times: with its LOCKs, and with them taken out by
 * alternatives_smp_unlock(), on one object again and again and on eight in turn. A sample runs all
 * four and the empty loop, one after the other, so that drift hits all alike. Nobody contends: this
 * is what a CPU pays when it is alone, in SMP form for nothing. contended.h is about company.
 */
#include "bench.h"
#include "contended.h"
#include "machine.h"
#include "primitive.h"
#include "region_locks.h"
#include "stats.h"
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

struct alone {
	struct region region[NR_FORMS];
	const struct primitive_kind *kind;
	struct primitive_data *data;
	struct primitive_node *node;
	u64 nr_passes; /* of the loop in one sample */
	u64 empty_ticks; /* what so many passes of the empty loop cost: the median of some */
};

#define FORM_TARGET_NS (20 * NSEC_PER_USEC)
#define NR_EMPTY_RUNS 65

static u64 run_pairs(struct alone *alone, int form, u64 nr_passes)
{
	return ((primitive_fn)alone->region[form].text)(alone->data, nr_passes, alone->node);
}

static u64 form_ticks(struct alone *alone, int form)
{
	u64 begin = rdtsc_ordered();

	run_pairs(alone, form, alone->nr_passes);
	return rdtsc_ordered() - begin;
}

static int alone_sample(struct bench_run *run, u64 *values)
{
	struct alone *alone = run->priv;
	u64 ticks[NR_FORMS], nr_pairs = alone->nr_passes * PRIMITIVE_MAX_PAIRS;
	u64 flags = machine_irq_save();

	for (int form = 0; form < NR_FORMS; form++)
		ticks[form] = form_ticks(alone, form);
	machine_irq_restore(flags);

	for (int form = 0; form < FORM_EMPTY; form++) {
		u64 net = ticks[form] > alone->empty_ticks ? ticks[form] - alone->empty_ticks : 0;

		values[form] = (net * 1000 + nr_pairs / 2) / nr_pairs;
	}
	values[FORM_EMPTY] = ticks[FORM_EMPTY] * 1000 / alone->nr_passes;
	return 0;
}

/* ---- Set-up and check ---- */

static int build_form(struct bench_run *run, struct alone *alone, int form)
{
	u32 nr_pairs = form == FORM_EMPTY ? 0 : PRIMITIVE_MAX_PAIRS;
	struct region *region = &alone->region[form];

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
		err = build_form(run, alone, form);
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
	int form;
	u64 left;
};

static void run_one_pass(void *arg)
{
	struct one_pass *pass = arg;

	pass->left = run_pairs(pass->alone, pass->form, 1);
}

/* All objects free: each is taken and released as often as it should. */
static bool takes_what_is_free(struct alone *alone, int form)
{
	u32 nr_objects = form == FORM_EMPTY ? 0 : form_objects(form);
	struct one_pass pass = { alone, form, 0 };

	set_words(alone, alone->kind->free);
	if (machine_probe(run_one_pass, &pass, NULL) || pass.left || alone->node->nr_errors)
		return false;
	for (u32 i = 0; i < PRIMITIVE_MAX_OBJECTS; i++) {
		u64 nr_pairs = i < nr_objects ? PRIMITIVE_MAX_PAIRS / nr_objects : 0;

		if (alone->data->object[i].word != alone->kind->free + nr_pairs * alone->kind->each)
			return false;
	}
	return true;
}

static bool waits_for_what_is_held(struct alone *alone, int form)
{
	struct one_pass pass = { alone, form, 0 };

	if (!alone->kind->waits || form == FORM_EMPTY)
		return true;
	set_words(alone, alone->kind->held);
	return !machine_probe(run_one_pass, &pass, NULL) && pass.left == 1;
}

static bool form_is_right(struct alone *alone, int form)
{
	const struct region *region = &alone->region[form];

	return region_locks_are(region, form_is_up(form) ? SMP_UP_DS : LOCK_PREFIX_BYTE) &&
	       takes_what_is_free(alone, form) && waits_for_what_is_held(alone, form);
}

/* Grow the passes until the slowest form takes its share of a sample. */
static void choose_passes(struct alone *alone)
{
	u64 target = machine_ticks(FORM_TARGET_NS);

	alone->nr_passes = 1;
	form_ticks(alone, FORM_SMP);
	while (form_ticks(alone, FORM_SMP) < target)
		alone->nr_passes *= 2;
}

static void measure_empty(struct alone *alone)
{
	u64 ticks[NR_EMPTY_RUNS], scratch[NR_EMPTY_RUNS];
	struct stats stats;

	for (u32 i = 0; i < NR_EMPTY_RUNS; i++)
		ticks[i] = form_ticks(alone, FORM_EMPTY);
	stats_compute(&stats, ticks, scratch, NR_EMPTY_RUNS);
	alone->empty_ticks = stats.p50;
}

static int alone_check(struct bench_run *run)
{
	struct alone *alone = run->priv;

	for (int form = 0; form < NR_FORMS; form++)
		if (!form_is_right(alone, form))
			return bench_fail(run, -ERR_VERIFY, "form %s is not what it should be",
					  alone_series[form].variant);
	set_words(alone, alone->kind->free);
	choose_passes(alone);
	measure_empty(alone);
	return 0;
}

static void alone_teardown(struct bench_run *run)
{
	struct alone *alone = run->priv;

	if (!alone)
		return;
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
