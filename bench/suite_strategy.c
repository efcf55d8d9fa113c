/* SPDX-License-Identifier: MIT */
/*
 * The same sites in other ways: what does it cost not to do as suite poke does?
 *
 * The order that sites are queued in; a batch for each; everybody stopped; one aligned store for
 * each; the alias opened for a batch, for a phase, for every store; other CPUs that hold interrupts
 * back.
 */
#include "bench.h"
#include "atomic.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "random.h"
#include "stop_machine.h"
#include "text_patching.h"
#include "toggle.h"
#include "x86.h"

#define DEADLINE_NS (5 * NSEC_PER_SEC)
#define MAX_STOPPED_BYTES (5 * PAGE_BYTES)

enum {
	STRATEGY_CHANGE,
	STRATEGY_SYNCS,
	NR_STRATEGY_SERIES,
};

static const struct series strategy_series[NR_STRATEGY_SERIES] = {
	[STRATEGY_CHANGE] = { "change", "ns" },
	[STRATEGY_SYNCS] = { "syncs", "count" },
};

/* What the other CPUs do meanwhile. */
enum others {
	OTHERS_IN_SITES,
	OTHERS_ELSEWHERE,
	OTHERS_IRQS_OFF, /* for so long, and on again for a moment */
};

struct strategy;

struct way {
	int (*change)(struct strategy *s, bool new); /* under text_mutex. Return: 0 or an error */
	u32 nr_sites;
	enum others others;
	u32 irqs_off_ns;
};

struct strategy {
	struct toggler toggler;
	const struct way *way;
	struct site_region other_sites;
	struct victims elsewhere;
	struct random random;
	u32 order[TEXT_POKE_ARRAY_MAX]; /* in which sites are queued */
	u64 nr_syncs; /* besides the engine's */
	u32 stop; /* of those with interrupts off */
	u8 image[MAX_STOPPED_BYTES];
};

static const u8 *form_of(const struct site *site, bool new)
{
	return new ? site->new : site->old;
}

/* ---- By the engine ---- */

static int queue_site(const struct strategy *s, u32 i, bool new)
{
	const struct site *site = &s->toggler.sites.sites[i];

	return smp_text_poke_batch_add(site->addr, form_of(site, new), site->len, NULL);
}

static int change_batch(struct strategy *s, bool new)
{
	int err = 0;

	for (u32 i = 0; i < s->way->nr_sites && !err; i++)
		err = queue_site(s, i, new);
	return err ? err : smp_text_poke_batch_finish();
}

static int change_one_by_one(struct strategy *s, bool new)
{
	int err = 0;

	for (u32 i = 0; i < s->way->nr_sites && !err; i++) {
		err = queue_site(s, i, new);
		if (!err)
			err = smp_text_poke_batch_finish();
	}
	return err;
}

/* As they come: each one below the last begins a new batch. */
static int queue_in_order(const struct strategy *s, bool new)
{
	int err = 0;

	for (u32 i = 0; i < s->way->nr_sites && !err; i++)
		err = queue_site(s, s->order[i], new);
	return err ? err : smp_text_poke_batch_finish();
}

static void shuffle(struct strategy *s)
{
	for (u32 i = 0; i < s->way->nr_sites; i++) {
		u32 j = random_below(&s->random, i + 1);

		s->order[i] = s->order[j];
		s->order[j] = i;
	}
}

static int change_unsorted(struct strategy *s, bool new)
{
	return queue_in_order(s, new);
}

/* Shell's, with Ciura's gaps: short, no recursion, and fast enough for 256. */
static void sort_order(struct strategy *s)
{
	static const u32 gaps[] = { 132, 57, 23, 10, 4, 1 };

	for (u32 g = 0; g < ARRAY_SIZE(gaps); g++) {
		for (u32 i = gaps[g]; i < s->way->nr_sites; i++) {
			u32 one = s->order[i], at = i;

			for (; at >= gaps[g] && s->order[at - gaps[g]] > one; at -= gaps[g])
				s->order[at] = s->order[at - gaps[g]];
			s->order[at] = one;
		}
	}
}

static int change_sorted_first(struct strategy *s, bool new)
{
	sort_order(s);
	return queue_in_order(s, new);
}

/* ---- While everybody stands still ---- */

struct stopped {
	struct strategy *s;
	bool new;
	int err;
};

/* Two pages at most in one text_poke(). */
static int write_image(const struct strategy *s, u8 *first, size_t bytes)
{
	int err = 0;

	for (size_t done = 0; done < bytes && !err; done += PAGE_BYTES) {
		size_t len = bytes - done < PAGE_BYTES ? bytes - done : PAGE_BYTES;

		err = text_poke(first + done, s->image + done, len);
	}
	return err;
}

static void write_stopped(void *arg)
{
	struct stopped *stopped = arg;
	struct strategy *s = stopped->s;
	const struct site *sites = s->toggler.sites.sites;
	u8 *first = sites[0].addr;
	size_t bytes = sites[s->way->nr_sites - 1].addr + SITE_MAX_BYTES - first;

	memcpy(s->image, first, bytes);
	for (u32 i = 0; i < s->way->nr_sites; i++)
		memcpy(s->image + (sites[i].addr - first), form_of(&sites[i], stopped->new),
		       sites[i].len);
	stopped->err = write_image(s, first, bytes);
}

static int change_stopped(struct strategy *s, bool new)
{
	struct stopped stopped = { .s = s, .new = new };
	int err = stop_machine(0, write_stopped, &stopped, DEADLINE_NS, NULL);

	return err ? err : stopped.err;
}

/* ---- One aligned store each, while nobody runs them ---- */

static int sync_all(struct strategy *s)
{
	s->nr_syncs++;
	return smp_text_poke_sync_each_cpu();
}

static void store_site(const struct site *site, ptrdiff_t delta, bool new)
{
	u8 *word = site->addr + delta;
	u64 v;

	memcpy(&v, word, sizeof(v));
	memcpy(&v, form_of(site, new), site->len);
	store_8(word, v);
}

static int change_store(struct strategy *s, bool new)
{
	ptrdiff_t delta;
	int err = text_alias_open(&delta);

	if (err)
		return err;
	for (u32 i = 0; i < s->way->nr_sites; i++)
		store_site(&s->toggler.sites.sites[i], delta, new);
	text_alias_close();
	return sync_all(s);
}

/* ---- Three phases, and how often the alias is opened; nobody runs the sites ---- */

static void store_phase(const struct site *site, ptrdiff_t delta, u32 phase, bool new)
{
	u8 *addr = site->addr + delta;
	u32 tail;

	memcpy(&tail, form_of(site, new) + 1, sizeof(tail));
	if (phase == 1)
		store_4(addr + 1, tail);
	else
		store_1(addr, phase ? form_of(site, new)[0] : INT3_INSN_OPCODE);
}

enum alias_for {
	ALIAS_FOR_BATCH,
	ALIAS_FOR_PHASE,
	ALIAS_FOR_STORE,
};

static int write_phase(const struct strategy *s, u32 phase, bool new, enum alias_for each,
		       ptrdiff_t delta)
{
	int err = each == ALIAS_FOR_PHASE ? text_alias_open(&delta) : 0;

	for (u32 i = 0; i < s->way->nr_sites && !err; i++) {
		if (each == ALIAS_FOR_STORE)
			err = text_alias_open(&delta);
		if (err)
			break;
		store_phase(&s->toggler.sites.sites[i], delta, phase, new);
		if (each == ALIAS_FOR_STORE)
			text_alias_close();
	}
	if (each == ALIAS_FOR_PHASE && !err)
		text_alias_close();
	return err;
}

static int change_in_phases(struct strategy *s, bool new, enum alias_for each)
{
	ptrdiff_t delta = 0;
	int err = each == ALIAS_FOR_BATCH ? text_alias_open(&delta) : 0;

	if (err)
		return err;
	for (u32 phase = 0; phase < 3 && !err; phase++) {
		err = write_phase(s, phase, new, each, delta);
		if (!err)
			err = sync_all(s);
	}
	if (each == ALIAS_FOR_BATCH)
		text_alias_close();
	return err;
}

static int change_alias_for_batch(struct strategy *s, bool new)
{
	return change_in_phases(s, new, ALIAS_FOR_BATCH);
}

static int change_alias_for_phase(struct strategy *s, bool new)
{
	return change_in_phases(s, new, ALIAS_FOR_PHASE);
}

static int change_alias_for_store(struct strategy *s, bool new)
{
	return change_in_phases(s, new, ALIAS_FOR_STORE);
}

/* ---- Others that hold interrupts back ---- */

static void hold_interrupts_back(void *arg)
{
	struct strategy *s = arg;
	u64 ticks = machine_ticks(s->way->irqs_off_ns);

	/* A-stop: pairs with R-stop. */
	while (!load_acquire(&s->stop)) {
		u64 flags = machine_irq_save(), end = rdtsc() + ticks;

		while (rdtsc() < end)
			barrier();
		machine_irq_restore(flags);
	}
}

static int start_holding(struct bench_run *run, struct strategy *s)
{
	int err = 0;

	for (u32 cpu = 1; cpu < run->cpus && !err; cpu++)
		err = machine_cpu_start(cpu, hold_interrupts_back, s);
	return err ? bench_fail(run, err, "a CPU could not be started") : 0;
}

/* Return: true when all are home. */
static bool stop_holding(struct bench_run *run, struct strategy *s)
{
	bool all_home = true;

	/* R-stop: pairs with A-stop; nothing else is passed with it. */
	store_release(&s->stop, 1);
	for (u32 cpu = 1; s->way->others == OTHERS_IRQS_OFF && cpu < run->cpus; cpu++) {
		int err = machine_cpu_wait(cpu, DEADLINE_NS, NULL);

		all_home = all_home && err != -ERR_TIMEOUT;
		/* -ERR_INVAL: it was never started. */
		if (err && err != -ERR_INVAL)
			bench_violation(run, "cpu %u did not end well", cpu);
	}
	return all_home;
}

/* ---- Samples ---- */

static int change_by_way(void *client, bool new)
{
	struct strategy *s = client;
	int err;

	text_mutex_lock();
	err = s->way->change(s, new);
	/* Whatever was queued before an error. */
	if (err)
		smp_text_poke_batch_finish();
	text_mutex_unlock();
	return err;
}

static u64 nr_syncs(const struct strategy *s)
{
	return smp_text_poke_stats()->nr_syncs_ever + s->nr_syncs;
}

static int strategy_sample(struct bench_run *run, u64 *values)
{
	struct strategy *s = run->priv;
	u64 syncs = nr_syncs(s), begin;
	int err;

	shuffle(s);
	err = toggle(run, &s->toggler, &begin);
	values[STRATEGY_CHANGE] = machine_ns(rdtsc_ordered() - begin);
	values[STRATEGY_SYNCS] = nr_syncs(s) - syncs;
	if (err)
		return err;
	if (!toggle_bytes_right(&s->toggler))
		bench_violation(run, "bytes of a site are wrong after a change");
	if (victims_wait_pass(&s->elsewhere))
		return bench_fail(run, -ERR_TIMEOUT, "a CPU stopped running elsewhere");
	return toggle_wait_pass(run, &s->toggler);
}

/* ---- Set-up, check, tear-down ---- */

static int strategy_setup(struct bench_run *run)
{
	struct strategy *s = machine_alloc(sizeof(*s));
	int err;

	if (!s)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = s;
	s->way = run->bench->param;
	s->random = random_from(run->seed);
	run->cpus = machine_nr_cpus();
	run->sites = s->way->nr_sites;
	err = region_build_sites(&s->toggler.sites, SITE_NOP5_JMP32, run->sites, SITE_STRIDE_BYTES,
				 0);
	if (!err && s->way->others == OTHERS_ELSEWHERE)
		err = region_build_sites(&s->other_sites, SITE_NOP5_JMP32, 1, SITE_STRIDE_BYTES, 0);
	return err ? bench_fail(run, err, "%s", region_why()) : 0;
}

static int start_others(struct bench_run *run, struct strategy *s)
{
	int err;

	switch (s->way->others) {
	case OTHERS_IN_SITES:
		return toggle_start_victims(run, &s->toggler);
	case OTHERS_IRQS_OFF:
		return start_holding(run, s);
	default:
		err = victims_start(&s->elsewhere, &s->other_sites);
		return err ? bench_fail(run, err, "no CPU ran elsewhere: %s", s->elsewhere.why) : 0;
	}
}

/* Both forms by the engine; then both this way, before there is anybody to see it. */
static int strategy_check(struct bench_run *run)
{
	struct strategy *s = run->priv;
	int err = toggle_check(run, &s->toggler);

	s->toggler.change = change_by_way;
	s->toggler.client = s;
	for (u32 i = 0; i < 2 && !err; i++) {
		u64 begin;

		shuffle(s);
		err = toggle(run, &s->toggler, &begin);
		if (!err && (!toggle_bytes_right(&s->toggler) ||
			     !toggle_runs_as(&s->toggler, s->toggler.new)))
			err = bench_fail(run, -ERR_VERIFY, "the sites are not as changed");
	}
	return err ? err : start_others(run, s);
}

static void strategy_teardown(struct bench_run *run)
{
	struct strategy *s = run->priv;

	if (!s || !stop_holding(run, s))
		return;
	victims_stop(&s->elsewhere);
	run->violations += victims_violations(&s->elsewhere);
	victims_free(&s->elsewhere);
	if (s->other_sites.region.text)
		site_region_free(&s->other_sites);
	toggle_end(run, &s->toggler);
	machine_free(s, sizeof(*s));
}

/* ---- The suite ---- */

#define STRATEGY_BENCH(title, fn, sites, where, caps, off_ns)                                      \
	{                                                                                          \
		.name = (title), .series = strategy_series, .nr_series = NR_STRATEGY_SERIES,       \
		.needs_caps = (caps), .setup = strategy_setup, .check = strategy_check,            \
		.sample = strategy_sample, .teardown = strategy_teardown,                          \
		.param = &(const struct way){ (fn), (sites), (where), (off_ns) },                  \
	}
#define IN_SITES(title, fn, sites) STRATEGY_BENCH(title, fn, sites, OTHERS_IN_SITES, 0, 0)
#define ELSEWHERE(title, fn, sites)                                                                \
	STRATEGY_BENCH(title, fn, sites, OTHERS_ELSEWHERE, MACHINE_CAP_SMP, 0)
#define IRQS_OFF(title, ns)                                                                        \
	STRATEGY_BENCH(title, change_batch, 16, OTHERS_IRQS_OFF,                                   \
		       MACHINE_CAP_SMP | MACHINE_CAP_IRQ_OFF, ns)

static const struct bench strategy_benches[] = {
	IN_SITES("batch-16", change_batch, 16),
	IN_SITES("batch-256", change_batch, 256),
	IN_SITES("unsorted-16", change_unsorted, 16),
	IN_SITES("sorted-first-16", change_sorted_first, 16),
	IN_SITES("sorted-first-256", change_sorted_first, 256),
	IN_SITES("one-by-one-16", change_one_by_one, 16),
	IN_SITES("stop-machine-1", change_stopped, 1),
	IN_SITES("stop-machine-16", change_stopped, 16),
	IN_SITES("stop-machine-256", change_stopped, 256),
	ELSEWHERE("store-8-16", change_store, 16),
	ELSEWHERE("store-8-256", change_store, 256),
	ELSEWHERE("alias-batch-256", change_alias_for_batch, 256),
	ELSEWHERE("alias-phase-256", change_alias_for_phase, 256),
	ELSEWHERE("alias-store-16", change_alias_for_store, 16),
	ELSEWHERE("alias-store-256", change_alias_for_store, 256),
	IRQS_OFF("irqs-off-10us", 10 * NSEC_PER_USEC),
	IRQS_OFF("irqs-off-100us", 100 * NSEC_PER_USEC),
	IRQS_OFF("irqs-off-1ms", NSEC_PER_MSEC),
};

const struct suite suite_strategy = {
	.name = "strategy",
	.question = "what does it cost to change the same sites in other ways?",
	.benches = strategy_benches,
	.nr_benches = ARRAY_SIZE(strategy_benches),
};
