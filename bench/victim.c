/* SPDX-License-Identifier: MIT */
#include "victim.h"

#include "atomic.h"
#include "fault_text.h"
#include "format.h"
#include "machine.h"
#include "mem.h"
#include "text_patching.h"
#include "x86.h"

#define PASS_DEADLINE_NS (10 * NSEC_PER_SEC)

/*
 * A quiet pass lies wholly between two batches: the epoch did not move and no batch was under way.
 */
static void check_quiet_pass(struct victim *me, u64 epoch, const struct tokens *ran, u64 nr_stale)
{
	u64 wrong = epoch & EPOCH_NEW ? ran->old : ran->new;

	if (wrong)
		me->nr_old_after_new++;
	if (nr_stale)
		me->nr_late_traps++;
}

static bool is_said_new(const struct victims *v)
{
	return v->watch.is_new && v->watch.is_new(v->watch.client);
}

static enum pass_form form_of(const struct tokens *ran)
{
	if (ran->old && ran->new)
		return PASS_MIXED;
	return ran->new ? PASS_NEW : PASS_OLD;
}

/* What has come to this CPU since @before. */
static struct text_poke_traps traps_since(u32 cpu, const struct text_poke_traps *before)
{
	struct text_poke_traps traps = text_poke_traps(cpu);

	traps.nr_handled -= before->nr_handled;
	traps.nr_stale -= before->nr_stale;
	return traps;
}

static void run_pass(struct victim *me, const struct victims *v)
{
	struct tokens before = me->tokens, ran;
	struct text_poke_traps traps;
	/* A-epoch: pairs with R-epoch. Without it a pass could count as begun after a batch it
	 * overlapped. */
	u64 epoch = load_acquire(&v->epoch);
	bool said_new = is_said_new(v);

	/* Both looks between the two at the epoch: an interrupt outside may trap in a batch. */
	traps = text_poke_traps(me->cpu);
	v->run(&me->tokens);
	said_new = said_new && is_said_new(v);
	ran = tokens_since(&me->tokens, &before, v->is_traced);
	traps = traps_since(me->cpu, &traps);
	if (ran.old + ran.new != v->nr_sites || ran.new > v->nr_sites)
		me->nr_torn++;
	/* A-busy: pairs with R-busy. Loads are not reordered on x86, so this look is after the
	 * pass. */
	if (load_acquire(&v->epoch) == epoch) {
		me->nr_said_early += said_new && ran.old;
		if (!(epoch & EPOCH_BUSY))
			check_quiet_pass(me, epoch, &ran, traps.nr_stale);
	}
	if (v->watch.clocks)
		pass_clock_passed(&v->watch.clocks[me->cpu], form_of(&ran),
				  traps.nr_handled + traps.nr_stale, rdtsc_ordered());
	/* R-pass: what the pass has found is there before it counts. Pairs with A-pass. */
	store_release(&me->nr_passes, me->nr_passes + 1);
}

static void victim_main(void *arg)
{
	struct victim *me = arg;

	/* A-stop: pairs with R-stop. */
	while (!load_acquire(&me->all->stop))
		run_pass(me, me->all);
}

static void note_death(struct victims *v, u32 cpu, int err, const struct machine_fault *fault)
{

	if (v->nr_died++)
		return;
	if (err == -ERR_FAULT)
		fault_text(fault, v->why, sizeof(v->why));
	else
		format(v->why, sizeof(v->why), "cpu %u: %s", cpu, error_name(err));
}

/* Of one that was stopped before it could be given anything. */
static int explain_death(struct victims *v, u32 cpu)
{
	struct machine_fault fault;
	int err = machine_cpu_wait(cpu, 0, &fault);

	note_death(v, cpu, err, &fault);
	return err;
}

int victims_start(struct victims *v, const struct site_region *sites)
{
	return victims_start_watch(v, sites, &(struct watch){ 0 });
}

int victims_start_watch(struct victims *v, const struct site_region *sites,
			const struct watch *watch)
{
	u32 end = watch->nr_cpus ? watch->nr_cpus : machine_nr_cpus();
	int err = 0;

	memset(v, 0, sizeof(*v));
	v->run = (site_fn)sites->region.text;
	v->nr_sites = sites->nr_sites;
	v->is_traced = sites->is_traced;
	v->watch = *watch;
	v->each = machine_alloc(machine_nr_cpus() * sizeof(*v->each));
	if (!v->each)
		return -ERR_NOMEM;
	for (u32 cpu = watch->first_cpu ? watch->first_cpu : 1; cpu < end && !err; cpu++) {
		struct victim *victim = &v->each[v->nr];

		victim->all = v;
		victim->cpu = cpu;
		err = machine_cpu_start(cpu, victim_main, victim);
		if (!err)
			v->nr++;
		else if (machine_cpu_dead(cpu))
			err = explain_death(v, cpu);
	}
	if (!err)
		err = victims_wait_pass(v);
	if (err)
		victims_stop(v);
	return err;
}

void victims_free(struct victims *v)
{
	if (v->each)
		machine_free(v->each, machine_nr_cpus() * sizeof(*v->each));
	v->each = NULL;
}

void victims_stop(struct victims *v)
{
	struct machine_fault fault;

	if (!v->each || v->stop)
		return;
	/* R-stop: pairs with A-stop; nothing else is passed with it. */
	store_release(&v->stop, 1);
	for (u32 i = 0; i < v->nr; i++) {
		u32 cpu = v->each[i].cpu;
		int err = machine_cpu_wait(cpu, PASS_DEADLINE_NS, &fault);

		if (err)
			note_death(v, cpu, err, &fault);
	}
}

void victims_epoch_begin(struct victims *v)
{
	/*
	 * R-busy: pairs with A-busy. Stores are not reordered on x86, so the INT3s come after; were
	 * it the other way, a pass that met them could find that no batch was under way.
	 */
	store_release(&v->epoch, v->epoch | EPOCH_BUSY);
}

void victims_epoch_end(struct victims *v, bool new)
{
	u64 next = (v->epoch & ~(EPOCH_STEP - 1)) + EPOCH_STEP;

	/* R-epoch: pairs with A-epoch: who sees this epoch runs after the batch was live
	 * everywhere. */
	store_release(&v->epoch, next | (new ? EPOCH_NEW : 0));
}

/* Return: 0, -ERR_FAULT when the victim is not running any more, -ERR_TIMEOUT. */
static int wait_passes(const struct victim *victim, u64 goal, u64 deadline)
{
	/* A-pass: pairs with R-pass. */
	while (load_acquire(&victim->nr_passes) < goal) {
		if (!machine_cpu_busy(victim->cpu))
			return -ERR_FAULT;
		if (rdtsc() > deadline)
			return -ERR_TIMEOUT;
		cpu_relax();
	}
	return 0;
}

int victims_wait_pass(struct victims *v)
{
	u64 deadline = rdtsc() + machine_ticks(PASS_DEADLINE_NS);
	int err = 0;

	/* Two: the first may have begun before the call. */
	for (u32 i = 0; i < v->nr && !err; i++)
		err = wait_passes(&v->each[i], load_acquire(&v->each[i].nr_passes) + 2, deadline);
	return err;
}

u64 victims_passes(const struct victims *v)
{
	u64 sum = 0;

	for (u32 i = 0; i < v->nr; i++)
		sum += load_acquire(&v->each[i].nr_passes);
	return sum;
}

u64 victims_violations(const struct victims *v)
{
	u64 sum = v->nr_died;

	for (u32 i = 0; i < v->nr; i++) {
		const struct victim *victim = &v->each[i];

		sum += victim->nr_torn + victim->nr_old_after_new + victim->nr_late_traps;
	}
	return sum + victims_said_early(v);
}

u64 victims_said_early(const struct victims *v)
{
	u64 sum = 0;

	for (u32 i = 0; i < v->nr; i++)
		sum += v->each[i].nr_said_early;
	return sum;
}
