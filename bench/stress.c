/* SPDX-License-Identifier: MIT */
#include "stress.h"

#include "mem.h"

int stress_alloc(struct bench_run *run, struct stress *s)
{
	memset(s, 0, sizeof(*s));
	return answers_alloc(run, &s->answers);
}

void stress_free(struct bench_run *run, struct stress *s)
{
	stress_end(run, s);
	answers_free(&s->answers);
}

int stress_begin(struct bench_run *run, struct stress *s, const struct site_place *places,
		 u32 nr_sites, size_t align_bytes)
{
	int err = region_build_places(&s->t.sites, places, nr_sites, align_bytes);

	if (err)
		return bench_fail(run, err, "%s", region_why());
	err = toggle_check(run, &s->t);
	return err ? err : toggle_start_victims(run, &s->t);
}

int stress_batch(struct bench_run *run, struct stress *s, struct stress_counts *counts)
{
	u64 begin, traps = toggle_traps(NULL), passes = victims_passes(&s->t.victims);
	int err;

	answers_note(&s->answers);
	err = toggle(run, &s->t, &begin);
	if (err)
		return err;
	answers_check(run, &s->answers);
	toggle_judge(run, &s->t);
	err = toggle_wait_pass(run, &s->t);
	counts->batches++;
	counts->traps += toggle_traps(NULL) - traps;
	counts->passes += victims_passes(&s->t.victims) - passes;
	return err;
}

void stress_end(struct bench_run *run, struct stress *s)
{
	toggle_end(run, &s->t);
	memset(&s->t, 0, sizeof(s->t));
}

int stress_run(struct bench_run *run, struct stress *s, const struct site_place *places,
	       u32 nr_sites, size_t align_bytes, u32 nr_batches, struct stress_counts *counts)
{
	int err = stress_begin(run, s, places, nr_sites, align_bytes);

	for (u32 i = 0; i < nr_batches && !err; i++)
		err = stress_batch(run, s, counts);
	stress_end(run, s);
	return err;
}
