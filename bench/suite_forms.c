/* SPDX-License-Identifier: MIT */
/*
 * Does every instruction form survive being patched while the other CPUs run it?
 *
 * Sixteen sites at a random place within their lines, toggled in one batch a sample. After each
 * batch every victim must pass through them; victims check I1-I3, toggle_judge() the rest.
 */
#include "bench.h"
#include "machine.h"
#include "random.h"
#include "text_patching.h"
#include "toggle.h"

#define NR_FORM_SITES 16

enum {
	FORMS_TRAPS,
	FORMS_PASSES,
	NR_FORMS_SERIES,
};

static const struct series forms_series[NR_FORMS_SERIES] = {
	[FORMS_TRAPS] = { "traps", "count" },
	[FORMS_PASSES] = { "passes", "count" },
};

static const enum site_form forms[] = {
	SITE_NOP5_JMP32, SITE_NOP2_JMP8, SITE_CALL_CALL,
	SITE_NOP1_RET,	 SITE_NOP2_JZ8,	 SITE_JZ32_JZ32,
};

static int forms_setup(struct bench_run *run)
{
	const enum site_form *form = run->bench->param;
	struct random random = random_from(run->seed);
	struct toggler *t = machine_alloc(sizeof(*t));
	int err;

	if (!t)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = t;
	run->cpus = machine_nr_cpus();
	run->sites = NR_FORM_SITES;
	err = region_build_sites(&t->sites, *form, run->sites, SITE_STRIDE_BYTES,
				 random_below(&random, SITE_STRIDE_BYTES));
	return err ? bench_fail(run, err, "%s", region_why()) : 0;
}

static int forms_check(struct bench_run *run)
{
	struct toggler *t = run->priv;
	int err = toggle_check(run, t);

	return err ? err : toggle_start_victims(run, t);
}

static int forms_sample(struct bench_run *run, u64 *values)
{
	struct toggler *t = run->priv;
	u64 begin, traps = toggle_traps(NULL), passes = victims_passes(&t->victims);
	int err = toggle(run, t, &begin);

	if (err)
		return err;
	toggle_judge(run, t);
	err = toggle_wait_pass(run, t);
	if (err)
		return err;
	values[FORMS_TRAPS] = toggle_traps(NULL) - traps;
	values[FORMS_PASSES] = victims_passes(&t->victims) - passes;
	return 0;
}

static void forms_teardown(struct bench_run *run)
{
	struct toggler *t = run->priv;

	if (!t)
		return;
	toggle_end(run, t);
	machine_free(t, sizeof(*t));
}

#define FORM_BENCH(title, i)                                                                       \
	{                                                                                          \
		.name = (title), .series = forms_series, .nr_series = NR_FORMS_SERIES,             \
		.param = &forms[i], .needs_caps = MACHINE_CAP_SMP, .min_cpus = 2,                  \
		.setup = forms_setup, .check = forms_check, .sample = forms_sample,                \
		.teardown = forms_teardown,                                                        \
	}

static const struct bench form_benches[] = {
	FORM_BENCH("nop5-jmp32", SITE_NOP5_JMP32), FORM_BENCH("nop2-jmp8", SITE_NOP2_JMP8),
	FORM_BENCH("call-call", SITE_CALL_CALL),   FORM_BENCH("nop1-ret", SITE_NOP1_RET),
	FORM_BENCH("nop2-jz8", SITE_NOP2_JZ8),	   FORM_BENCH("jz32-jz32", SITE_JZ32_JZ32),
};

const struct suite suite_forms = {
	.name = "forms",
	.question = "does every instruction form survive being patched while other CPUs run it?",
	.benches = form_benches,
	.nr_benches = ARRAY_SIZE(form_benches),
};
