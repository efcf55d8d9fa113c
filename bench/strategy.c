/* SPDX-License-Identifier: MIT */
#include "strategy.h"

#include "atomic.h"
#include "machine.h"
#include "machine_text.h"
#include "mem.h"
#include "stop_machine.h"
#include "text_patching.h"
#include "x86.h"

#define DEADLINE_NS (5 * NSEC_PER_SEC)

static const u8 *form_of(const struct site *site, bool new)
{
	return new ? site->new : site->old;
}

/* ---- By the engine ---- */

/* What the batch that has just come to its end adds, if there was one. */
static void note_batch(struct strategy *s)
{
	const struct smp_text_poke_stats *stats = smp_text_poke_stats();
	const u64 *stamp = stats->stamp;

	if (stats->nr_batches == s->nr_batches)
		return;
	s->nr_batches = stats->nr_batches;
	s->written_ticks += stamp[TEXT_POKE_STAMP_HEAD] - stamp[TEXT_POKE_STAMP_OPEN];
	s->over_ticks += stamp[TEXT_POKE_STAMP_END] - stamp[TEXT_POKE_STAMP_HEAD];
	s->settle_ticks += stats->settle_ticks;
}

/* One that does not fit behind the others has them flushed. */
static int queue_site(struct strategy *s, u32 i, bool new)
{
	const struct site *site = &s->toggler.sites.sites[i];
	int err = smp_text_poke_batch_add(site->addr, form_of(site, new), site->len, NULL);

	note_batch(s);
	return err;
}

static int finish(struct strategy *s)
{
	int err = smp_text_poke_batch_finish();

	note_batch(s);
	return err;
}

int strategy_batch(struct strategy *s, bool new)
{
	int err = 0;

	for (u32 i = 0; i < s->toggler.sites.nr_sites && !err; i++)
		err = queue_site(s, i, new);
	return err ? err : finish(s);
}

int strategy_one_by_one(struct strategy *s, bool new)
{
	int err = 0;

	for (u32 i = 0; i < s->toggler.sites.nr_sites && !err; i++) {
		err = queue_site(s, i, new);
		if (!err)
			err = finish(s);
	}
	return err;
}

/* As they come: each one below the last begins a new batch. */
static int queue_in_order(struct strategy *s, bool new)
{
	int err = 0;

	for (u32 i = 0; i < s->toggler.sites.nr_sites && !err; i++)
		err = queue_site(s, s->order[i], new);
	return err ? err : finish(s);
}

int strategy_unsorted(struct strategy *s, bool new)
{
	return queue_in_order(s, new);
}

/* Shell's, with Ciura's gaps: short, no recursion, and fast enough for 256. */
static void sort_order(struct strategy *s)
{
	static const u32 gaps[] = { 132, 57, 23, 10, 4, 1 };

	for (u32 g = 0; g < ARRAY_SIZE(gaps); g++) {
		for (u32 i = gaps[g]; i < s->toggler.sites.nr_sites; i++) {
			u32 one = s->order[i], at = i;

			for (; at >= gaps[g] && s->order[at - gaps[g]] > one; at -= gaps[g])
				s->order[at] = s->order[at - gaps[g]];
			s->order[at] = one;
		}
	}
}

int strategy_sorted_first(struct strategy *s, bool new)
{
	sort_order(s);
	return queue_in_order(s, new);
}

/* ---- Without the engine: when text may be written, and when it has been ---- */

static void text_is_open(struct strategy *s)
{
	s->open_tick = rdtsc_ordered();
}

static void text_is_written(struct strategy *s)
{
	s->written_tick = rdtsc_ordered();
	s->written_ticks = s->written_tick - s->open_tick;
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
	size_t bytes = sites[s->toggler.sites.nr_sites - 1].addr + SITE_MAX_BYTES - first;

	text_is_open(s);
	memcpy(s->image, first, bytes);
	for (u32 i = 0; i < s->toggler.sites.nr_sites; i++)
		memcpy(s->image + (sites[i].addr - first), form_of(&sites[i], stopped->new),
		       sites[i].len);
	stopped->err = write_image(s, first, bytes);
	text_is_written(s);
}

int strategy_stop_machine(struct strategy *s, bool new)
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

int strategy_store_8(struct strategy *s, bool new)
{
	ptrdiff_t delta;
	int err = text_alias_open(&delta);

	if (err)
		return err;
	text_is_open(s);
	for (u32 i = 0; i < s->toggler.sites.nr_sites; i++)
		store_site(&s->toggler.sites.sites[i], delta, new);
	text_is_written(s);
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

	for (u32 i = 0; i < s->toggler.sites.nr_sites && !err; i++) {
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
	text_is_open(s);
	for (u32 phase = 0; phase < 3 && !err; phase++) {
		err = write_phase(s, phase, new, each, delta);
		text_is_written(s);
		if (!err)
			err = sync_all(s);
	}
	if (each == ALIAS_FOR_BATCH)
		text_alias_close();
	return err;
}

int strategy_alias_batch(struct strategy *s, bool new)
{
	return change_in_phases(s, new, ALIAS_FOR_BATCH);
}

int strategy_alias_phase(struct strategy *s, bool new)
{
	return change_in_phases(s, new, ALIAS_FOR_PHASE);
}

int strategy_alias_store(struct strategy *s, bool new)
{
	return change_in_phases(s, new, ALIAS_FOR_STORE);
}

/* ---- One change, whole ---- */

static void shuffle(struct strategy *s)
{
	for (u32 i = 0; i < s->toggler.sites.nr_sites; i++) {
		u32 j = random_below(&s->random, i + 1);

		s->order[i] = s->order[j];
		s->order[j] = i;
	}
}

static int change(void *client, bool new)
{
	struct strategy *s = client;
	int err;

	text_mutex_lock();
	err = s->how(s, new);
	/* Whatever was queued before an error. */
	if (err)
		smp_text_poke_batch_finish();
	text_mutex_unlock();
	return err;
}

void strategy_init(struct strategy *s, strategy_fn how, u64 seed)
{
	s->how = how;
	s->random = random_from(seed);
	s->toggler.change = change;
	s->toggler.client = s;
}

static u64 nr_syncs(const struct strategy *s)
{
	return smp_text_poke_stats()->nr_syncs_ever + s->nr_syncs;
}

int strategy_change(struct bench_run *run, struct strategy *s, struct strategy_cost *ret)
{
	u64 syncs = nr_syncs(s), begin, end;
	int err;

	shuffle(s);
	s->nr_batches = smp_text_poke_stats()->nr_batches;
	s->written_ticks = s->over_ticks = s->settle_ticks = s->written_tick = 0;
	err = toggle(run, &s->toggler, &begin);
	end = rdtsc_ordered();
	if (err)
		return err;
	if (s->written_tick)
		s->over_ticks = end - s->written_tick;
	ret->change_ticks = end - begin;
	ret->written_ticks = s->written_ticks;
	ret->over_ticks = s->over_ticks;
	ret->ready_ticks = ret->change_ticks - s->written_ticks - s->over_ticks - s->settle_ticks;
	ret->nr_syncs = nr_syncs(s) - syncs;
	return 0;
}
