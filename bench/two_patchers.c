/* SPDX-License-Identifier: MIT */
/*
 * Two CPUs change one static key, and each checks, after its own call has returned, that value and
 * code agree where it stands. The CPUs beyond them, if there are any, run through the sites.
 *
 * In turn: the boot CPU enables, the other one finds it on, disables, and both find it off. At
 * once: both count the key up, meet, find it on, and count it down again. Until its own count down
 * nobody can take it from either, whatever the other does; and in the end it is off.
 */
#include "two_patchers.h"

#include "atomic.h"
#include "client.h"
#include "text_patching.h"
#include "x86.h"

#define NR_SITES 56
#define NR_ROUNDS 4 /* of each patcher, at once */
#define SECOND_CPU 1
#define DEADLINE_NS (10 * NSEC_PER_SEC)

enum {
	PATCHERS_ENABLE,
	PATCHERS_DISABLE,
	PATCHERS_AT_ONCE,
	PATCHERS_SYNCS,
	PATCHERS_TRAPS,
	PATCHERS_PASSES,
	NR_PATCHERS_SERIES,
};

_Static_assert(NR_PATCHERS_SERIES == TWO_PATCHERS_NR_SERIES, "two_patchers.h says how many");

const struct series two_patchers_series[TWO_PATCHERS_NR_SERIES] = {
	[PATCHERS_ENABLE] = { "enable", "ns" },	  [PATCHERS_DISABLE] = { "disable", "ns" },
	[PATCHERS_AT_ONCE] = { "at-once", "ns" }, [PATCHERS_SYNCS] = { "syncs", "count" },
	[PATCHERS_TRAPS] = { "traps", "count" },  [PATCHERS_PASSES] = { "passes", "count" },
};

/* What the second CPU is to do next. */
enum order {
	ORDER_DISABLE,
	ORDER_COUNT_UP_AND_DOWN,
};

/* What one of the two has found; written by it alone. */
struct patcher {
	u32 nr_met; /* read by the other */
	u64 nr_passes;
	u64 nr_errors; /* calls that failed */
	u64 nr_disagreements; /* value or code was not what it must be */
} __attribute__((aligned(FALSE_SHARING_BYTES)));

struct pair {
	struct client client;
	struct bench_run *run;
	struct patcher first, second;
	bool started;
	u64 disable_ns;
	enum order order;
	u32 ordered __attribute__((aligned(FALSE_SHARING_BYTES))); /* orders given so far */
	u32 stop;
	u32 obeyed __attribute__((aligned(FALSE_SHARING_BYTES)));
};

/* ---- On either CPU ---- */

static void expect(struct pair *pair, struct patcher *me, bool on)
{
	bool agree = static_key_enabled(&pair->client.key) == on;

	me->nr_passes++;
	if (!toggle_runs_as(&pair->client.t, on) || !agree)
		me->nr_disagreements++;
}

/* Wait until the other has come as far. Return: 0 or -ERR_TIMEOUT. */
static int meet(struct patcher *me, const struct patcher *other)
{
	u64 deadline = rdtsc() + machine_ticks(DEADLINE_NS);

	/* R-meet: pairs with A-meet; what they have changed they see by text_mutex. */
	store_release(&me->nr_met, me->nr_met + 1);
	while (load_acquire(&other->nr_met) < me->nr_met) {
		if (rdtsc() > deadline)
			return -ERR_TIMEOUT;
		cpu_relax();
	}
	return 0;
}

static void count_up_and_down(struct pair *pair, struct patcher *me, const struct patcher *other)
{
	int err = 0;

	for (u32 i = 0; i < NR_ROUNDS && !err; i++) {
		me->nr_errors += static_key_slow_inc(&pair->client.key) != 0;
		err = meet(me, other);
		expect(pair, me, true);
		me->nr_errors += static_key_slow_dec(&pair->client.key) != 0;
	}
	me->nr_errors += err != 0;
}

/* The other way round from how it is. */
static int change(struct pair *pair, u64 *ret_ns)
{
	const struct smp_text_poke_stats *stats = smp_text_poke_stats();
	u64 begin, syncs = stats->nr_syncs_ever;
	int err = toggle(pair->run, &pair->client.t, &begin);

	if (err)
		return err;
	*ret_ns = machine_ns(stats->stamp[TEXT_POKE_STAMP_END] - begin);
	client_check_change(pair->run, &pair->client, stats->nr_syncs_ever - syncs);
	return 0;
}

/* ---- The second CPU ---- */

static void disable_in_turn(struct pair *pair)
{
	expect(pair, &pair->second, true);
	if (change(pair, &pair->disable_ns))
		pair->second.nr_errors++;
	expect(pair, &pair->second, false);
}

static void second_main(void *arg)
{
	struct pair *pair = arg;
	u32 nr = 0;

	/* A-stop: pairs with R-stop. */
	while (!load_acquire(&pair->stop)) {
		/* A-order: pairs with R-order. Without it the order read could be the one before.
		 */
		if (load_acquire(&pair->ordered) == nr) {
			cpu_relax();
			continue;
		}
		if (pair->order == ORDER_DISABLE)
			disable_in_turn(pair);
		else
			count_up_and_down(pair, &pair->second, &pair->first);
		/* R-obeyed: pairs with A-obeyed: what was found and changed is there for the boot
		 * CPU. */
		store_release(&pair->obeyed, ++nr);
	}
}

/* ---- The boot CPU ---- */

static void give_order(struct pair *pair, enum order order)
{
	pair->order = order;
	/* R-order: pairs with A-order. */
	store_release(&pair->ordered, pair->ordered + 1);
}

static int wait_obeyed(struct bench_run *run, const struct pair *pair)
{
	u64 deadline = rdtsc() + machine_ticks(DEADLINE_NS);

	/* A-obeyed: pairs with R-obeyed. Without it this CPU could read what was found before. */
	while (load_acquire(&pair->obeyed) != pair->ordered) {
		if (!machine_cpu_busy(SECOND_CPU))
			return bench_fail(run, -ERR_FAULT, "the second patcher took a trap");
		if (rdtsc() > deadline)
			return bench_fail(run, -ERR_TIMEOUT, "the second patcher does not answer");
		cpu_relax();
	}
	return 0;
}

/* I8, told by this CPU: it was reached by every sync of the other's batch, and once. */
static void check_answers(struct bench_run *run, u64 nr_answered)
{
	const struct smp_text_poke_stats *stats = smp_text_poke_stats();
	u64 nr_syncs = stats->nr_syncs + stats->nr_settle_syncs;

	if (nr_answered != nr_syncs)
		bench_violation(run, "cpu 0 answered %lu syncs of %lu", nr_answered, nr_syncs);
}

static int in_turn(struct bench_run *run, struct pair *pair, u64 *values)
{
	int err = change(pair, &values[PATCHERS_ENABLE]);
	u64 answered = machine_syncs_answered(0);

	if (err)
		return err;
	expect(pair, &pair->first, true);
	give_order(pair, ORDER_DISABLE);
	err = wait_obeyed(run, pair);
	if (err)
		return err;
	check_answers(run, machine_syncs_answered(0) - answered);
	expect(pair, &pair->first, false);
	values[PATCHERS_DISABLE] = pair->disable_ns;
	return 0;
}

static int at_once(struct bench_run *run, struct pair *pair, u64 *ret_ns)
{
	struct victims *victims = &pair->client.t.victims;
	u64 begin = rdtsc_ordered();
	int err;

	victims_epoch_begin(victims);
	give_order(pair, ORDER_COUNT_UP_AND_DOWN);
	count_up_and_down(pair, &pair->first, &pair->second);
	err = wait_obeyed(run, pair);
	if (err)
		return err;
	victims_epoch_end(victims, false);
	*ret_ns = machine_ns(rdtsc_ordered() - begin);
	expect(pair, &pair->first, false);
	return 0;
}

static void check_patcher(struct bench_run *run, const struct patcher *patcher, u32 cpu)
{
	if (!patcher->nr_errors && !patcher->nr_disagreements)
		return;
	run->violations += patcher->nr_errors + patcher->nr_disagreements;
	bench_fail(run, -ERR_VERIFY, "cpu %u: %lu calls failed, value and code disagreed %lu times",
		   cpu, patcher->nr_errors, patcher->nr_disagreements);
}

static u64 passes_of(const struct pair *pair)
{
	return pair->first.nr_passes + pair->second.nr_passes +
	       victims_passes(&pair->client.t.victims);
}

int two_patchers_setup(struct bench_run *run)
{
	struct pair *pair = machine_alloc(sizeof(*pair));

	if (!pair)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = pair;
	run->cpus = machine_nr_cpus();
	run->sites = NR_SITES;
	pair->run = run;
	return client_build(run, &pair->client, &client_static_key, NR_SITES);
}

int two_patchers_check(struct bench_run *run)
{
	struct pair *pair = run->priv;
	struct toggler *t = &pair->client.t;
	int err = toggle_check(run, t);

	if (err)
		return err;
	t->watch.first_cpu = SECOND_CPU + 1;
	/* On, off and on again within one epoch: two looks say nothing of the time between. */
	t->watch.is_new = NULL;
	err = toggle_start_victims(run, t);
	if (err)
		return err;
	err = machine_cpu_start(SECOND_CPU, second_main, pair);
	pair->started = !err;
	return err ? bench_fail(run, err, "the second patcher did not start") : 0;
}

int two_patchers_sample(struct bench_run *run, u64 *values)
{
	struct pair *pair = run->priv;
	u64 syncs = smp_text_poke_stats()->nr_syncs_ever, traps = toggle_traps(NULL);
	u64 passes = passes_of(pair);
	int err = in_turn(run, pair, values);

	if (!err)
		err = toggle_wait_pass(run, &pair->client.t);
	if (!err)
		err = at_once(run, pair, &values[PATCHERS_AT_ONCE]);
	if (!err)
		err = toggle_wait_pass(run, &pair->client.t);
	values[PATCHERS_SYNCS] = smp_text_poke_stats()->nr_syncs_ever - syncs;
	values[PATCHERS_TRAPS] = toggle_traps(NULL) - traps;
	values[PATCHERS_PASSES] = passes_of(pair) - passes;
	return err;
}

static void stop_second(struct bench_run *run, struct pair *pair)
{
	char text[FAULT_TEXT_BYTES];
	struct machine_fault fault;
	int err;

	if (!pair->started)
		return;
	/* R-stop: pairs with A-stop; nothing else is passed with it. */
	store_release(&pair->stop, 1);
	err = machine_cpu_wait(SECOND_CPU, DEADLINE_NS, &fault);
	if (!err)
		return;
	run->violations++;
	if (err != -ERR_FAULT)
		return;
	fault_text(&fault, text, sizeof(text));
	bench_fail(run, err, "the second patcher: %s", text);
}

void two_patchers_teardown(struct bench_run *run)
{
	struct pair *pair = run->priv;

	if (!pair)
		return;
	stop_second(run, pair);
	check_patcher(run, &pair->first, 0);
	check_patcher(run, &pair->second, SECOND_CPU);
	client_end(run, &pair->client);
	machine_free(pair, sizeof(*pair));
}
