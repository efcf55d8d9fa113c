/* SPDX-License-Identifier: MIT */
#include "toggle.h"

#include "hash.h"
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

/*
 * I3 by the clock: no CPU has met an INT3 since the last batch came to its end. Not in a process,
 * where signals come late; there victims judge by pass. A machine whose CPUs' counters differ by
 * more than a trap takes would be blamed wrongly: the message says by how much.
 */
static void judge_quiet(struct bench_run *run)
{
	u64 quiet_tick = smp_text_poke_stats()->quiet_tick;

	if (!(machine_caps() & MACHINE_CAP_RING0))
		return;
	for (u32 cpu = 0; cpu < machine_nr_cpus(); cpu++) {
		s64 late = (s64)(text_poke_traps(cpu).last_tick - quiet_tick);

		if (late > 0)
			bench_violation(run, "cpu %u met an INT3 %lu ns after its batch", cpu,
					machine_ns((u64)late));
	}
}

static int change_in_batch(const struct toggler *t, bool new, u64 *ret_begin)
{
	int err;

	text_mutex_lock();
	*ret_begin = rdtsc_ordered();
	err = queue_all(t, new);
	if (!err)
		err = smp_text_poke_batch_finish();
	else
		/* Their text is about to be freed, and the next bench would patch it. */
		smp_text_poke_batch_finish();
	text_mutex_unlock();
	return err;
}

static int change_by_client(const struct toggler *t, bool new, u64 *ret_begin)
{
	*ret_begin = rdtsc_ordered();
	return t->change(t->client, new);
}

int toggle(struct bench_run *run, struct toggler *t, u64 *ret_begin)
{
	bool new = !t->new;
	int err;

	judge_quiet(run);
	victims_epoch_begin(&t->victims);
	err = t->change ? change_by_client(t, new, ret_begin) : change_in_batch(t, new, ret_begin);
	if (err)
		return toggle_failed(run, err);
	victims_epoch_end(&t->victims, new);
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

/* ---- What holds after each batch ---- */

static u64 hash_between_sites(const struct site_region *sites)
{
	const u8 *p = sites->region.pages, *end = p + sites->region.text_bytes;
	u64 hash = HASH_START;

	for (u32 i = 0; i < sites->nr_sites; i++) {
		const struct site *site = &sites->sites[i];

		hash = hash_bytes(hash, p, site->addr - p);
		p = site->addr + site->len;
	}
	return hash_bytes(hash, p, end - p);
}

/* Three rounds, but two when no site has a tail. */
static u32 expected_syncs(const struct toggler *t)
{
	for (u32 i = 0; i < t->sites.nr_sites; i++)
		if (t->sites.sites[i].len > 1)
			return 3;
	return 2;
}

void toggle_judge(struct bench_run *run, const struct toggler *t)
{
	u32 nr_syncs = smp_text_poke_stats()->nr_syncs, expected = expected_syncs(t);

	if (!toggle_bytes_right(t))
		bench_violation(run, "bytes of a site are wrong after a batch");
	if (hash_between_sites(&t->sites) != t->between)
		bench_violation(run, "text around the sites was changed by a batch");
	if (!text_poke_refs_idle())
		bench_violation(run, "a reference is held after a batch");
	if (nr_syncs != expected)
		bench_violation(run, "syncs are wrong after a batch: %u of %u", nr_syncs, expected);
}

/* ---- Both forms on this CPU ---- */

struct one_pass {
	site_fn run;
	struct tokens tokens;
};

static void run_one_pass(void *arg)
{
	struct one_pass *pass = arg;

	pass->run(&pass->tokens);
}

bool toggle_runs_as(const struct toggler *t, bool new)
{
	const struct tokens none = { 0 };
	struct one_pass pass = { .run = (site_fn)t->sites.region.text };
	struct tokens ran;
	u32 nr = t->sites.nr_sites;

	if (machine_probe(run_one_pass, &pass, NULL))
		return false;
	ran = tokens_since(&pass.tokens, &none, t->sites.is_traced);
	return ran.old == (new ? 0 : nr) && ran.new == (new ? nr : 0);
}

int toggle_check(struct bench_run *run, struct toggler *t)
{
	t->between = hash_between_sites(&t->sites);
	for (int i = 0; i < 2; i++) {
		u64 begin;
		int err;

		if (!toggle_runs_as(t, t->new) || !toggle_bytes_right(t))
			return bench_fail(run, -ERR_VERIFY,
					  "sites trap, or run or hold the wrong form");
		err = toggle(run, t, &begin);
		if (err)
			return err;
		toggle_judge(run, t);
		/* Not run any more: what has changed may be code. */
		if (run->violations)
			return -ERR_VERIFY;
	}
	return 0;
}

int toggle_start_victims(struct bench_run *run, struct toggler *t)
{
	int err = victims_start_watch(&t->victims, &t->sites, &t->watch);

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

static void blame_victims(struct bench_run *run, const struct victims *v)
{
	u64 torn = 0, old_after_new = 0, late = 0, early = victims_said_early(v);

	for (u32 i = 0; i < v->nr; i++) {
		torn += v->each[i].nr_torn;
		old_after_new += v->each[i].nr_old_after_new;
		late += v->each[i].nr_late_traps;
	}
	if (v->nr_died)
		bench_fail(run, -ERR_FAULT, "%s", v->why);
	else if (early && !run->reason[0])
		bench_fail(run, -ERR_VERIFY, "%lu passes ran the old form of a client that was on",
			   early);
	else if (torn + old_after_new + late && !run->reason[0])
		bench_fail(run, -ERR_VERIFY,
			   "passes of victims: %lu torn, %lu in the wrong form, %lu in a late INT3",
			   torn, old_after_new, late);
}

void toggle_end(struct bench_run *run, struct toggler *t)
{
	victims_stop(&t->victims);
	judge_quiet(run);
	run->violations += victims_violations(&t->victims);
	blame_victims(run, &t->victims);
	if (!text_poke_refs_idle())
		run->violations++;
	victims_free(&t->victims);
	if (t->sites.region.text)
		site_region_free(&t->sites);
}
