/* SPDX-License-Identifier: MIT */
#include "answers.h"

#include "machine.h"
#include "text_patching.h"

int answers_alloc(struct bench_run *run, struct answers *a)
{
	a->before = machine_alloc(machine_nr_cpus() * sizeof(*a->before));
	return a->before ? 0 : bench_fail(run, -ERR_NOMEM, "no memory for the counts of syncs");
}

void answers_free(struct answers *a)
{
	if (a->before)
		machine_free(a->before, machine_nr_cpus() * sizeof(*a->before));
	a->before = NULL;
}

void answers_note(struct answers *a)
{
	for (u32 cpu = 0; cpu < machine_nr_cpus(); cpu++)
		a->before[cpu] = machine_syncs_answered(cpu);
}

void answers_check(struct bench_run *run, const struct answers *a)
{
	const struct smp_text_poke_stats *stats = smp_text_poke_stats();
	u64 want = stats->nr_syncs + stats->nr_settle_syncs;

	for (u32 cpu = 1; cpu < machine_nr_cpus(); cpu++) {
		u64 got = machine_syncs_answered(cpu) - a->before[cpu];

		if (got != want)
			bench_violation(run, "cpu %u answered %lu syncs of %lu", cpu, got, want);
	}
}
