/* SPDX-License-Identifier: MIT */
#include "toggle.h"

#include "format.h"
#include "machine.h"
#include "mem.h"
#include "text_patching.h"
#include "x86.h"

static int queue_all(const struct toggler *t, bool new)
{
	int err = 0;

	for (u32 i = 0; i < t->sites.nr_sites && !err; i++) {
		const struct site *site = &t->sites.sites[i];

		err = smp_text_poke_batch_add(site->addr, new ? site->new : site->old, site->len,
					      NULL);
	}
	return err;
}

static int toggle_failed(struct bench_run *run, int err)
{
	const struct text_poke_refusal *refusal = smp_text_poke_refusal();

	if (err == -ERR_REFUSED)
		return bench_fail(run, err, "site %lx refused: %s", (u64)refusal->addr,
				  text_poke_rule_name(refusal->rule));
	return bench_fail(run, err, "batch of %u: %s", run->sites, error_name(err));
}

int toggle(struct bench_run *run, struct toggler *t, u64 *ret_begin)
{
	bool new = !t->new;
	int err;

	text_mutex_lock();
	victims_epoch_begin(&t->victims);
	*ret_begin = rdtsc_ordered();
	err = queue_all(t, new);
	if (!err)
		err = smp_text_poke_batch_finish();
	else
		/* Their text is about to be freed, and the next bench would patch it. */
		smp_text_poke_batch_finish();
	if (!err)
		victims_epoch_end(&t->victims, new);
	text_mutex_unlock();
	if (err)
		return toggle_failed(run, err);
	t->new = new;
	return 0;
}

bool toggle_bytes_right(const struct toggler *t)
{
	for (u32 i = 0; i < t->sites.nr_sites; i++) {
		const struct site *site = &t->sites.sites[i];

		if (memcmp(site->addr, t->new ? site->new : site->old, site->len))
			return false;
	}
	return true;
}

struct one_pass {
	site_fn run;
	struct tokens tokens;
};

static void run_one_pass(void *arg)
{
	struct one_pass *pass = arg;

	pass->run(&pass->tokens);
}

/* A trap in it is a failed check, not the end of the run. */
static bool runs_as_live(const struct toggler *t)
{
	struct one_pass pass = { .run = (site_fn)t->sites.region.text };
	u32 nr = t->sites.nr_sites;

	if (machine_probe(run_one_pass, &pass, NULL))
		return false;
	return pass.tokens.old == (t->new ? 0 : nr) && pass.tokens.new == (t->new ? nr : 0);
}

int toggle_check(struct bench_run *run, struct toggler *t)
{
	for (int i = 0; i < 2; i++) {
		u64 begin;
		int err;

		if (!runs_as_live(t) || !toggle_bytes_right(t))
			return bench_fail(run, -ERR_VERIFY,
					  "sites trap, or run or hold the wrong form");
		err = toggle(run, t, &begin);
		if (err)
			return err;
	}
	return 0;
}

int toggle_start_victims(struct bench_run *run, struct toggler *t)
{
	int err = victims_start(&t->victims, &t->sites);

	return err ? bench_fail(run, err, "victims did not start: %s", t->victims.why) : 0;
}

int toggle_wait_pass(struct bench_run *run, struct toggler *t)
{
	int err = victims_wait_pass(&t->victims);

	return err ? bench_fail(run, err, "a victim stopped passing through the sites") : 0;
}

u64 toggle_traps(u64 *ret_stale)
{
	u64 handled = 0, stale = 0;

	for (u32 cpu = 0; cpu < machine_nr_cpus(); cpu++) {
		struct text_poke_traps traps = text_poke_traps(cpu);

		handled += traps.nr_handled;
		stale += traps.nr_stale;
	}
	if (ret_stale)
		*ret_stale = stale;
	return handled;
}

void toggle_end(struct bench_run *run, struct toggler *t)
{
	victims_stop(&t->victims);
	run->violations += victims_violations(&t->victims);
	if (t->victims.nr_died)
		bench_fail(run, -ERR_FAULT, "%s", t->victims.why);
	if (!text_poke_refs_idle())
		run->violations++;
	victims_free(&t->victims);
	if (t->sites.region.text)
		site_region_free(&t->sites);
}
