/* SPDX-License-Identifier: MIT */
#include "peers.h"

#include "all_cpus.h"
#include "atomic.h"
#include "text_patching.h"
#include "x86.h"

#define DEADLINE_NS (10 * NSEC_PER_SEC)

static size_t peers_bytes(void)
{
	return sizeof(struct peers) + machine_nr_cpus() * sizeof(struct peer);
}

static void spin(void *arg)
{
	struct peers *peers = arg;

	/* A-quit: pairs with R-quit. */
	while (!load_acquire(&peers->quit))
		cpu_relax();
}

static void tell(void *arg)
{
	struct peers *peers = arg;

	/* R-told: nothing is passed with it but that it has run. Pairs with A-told. */
	store_release(&peers->each[machine_this_cpu()].told, true);
}

static int borrow_interrupts(struct bench_run *run, struct peers *peers)
{
	int err;

	peers->before = machine_interrupt_fn(&peers->before_arg);
	err = machine_on_interrupt(tell, peers);
	if (err)
		return bench_fail(run, err, "needs interrupts");
	peers->borrowed = true;
	return 0;
}

int peers_setup(struct bench_run *run, bool spinning, bool interrupts)
{
	struct peers *peers = machine_alloc(peers_bytes());
	int err = 0;

	if (!peers)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = peers;
	if (!run->bench->per_cpus)
		run->cpus = machine_nr_cpus();
	peers->nr_cpus = run->cpus;
	peers->some_out = run->cpus < machine_nr_cpus();
	if (peers->some_out)
		err = all_cpus_down_from(run, run->cpus);
	if (err)
		return err;
	for (u32 cpu = 1; spinning && cpu < peers->nr_cpus && !err; cpu++)
		err = machine_cpu_start(cpu, spin, peers);
	if (err)
		return bench_fail(run, err, "a CPU could not be started");
	return interrupts ? borrow_interrupts(run, peers) : 0;
}

/* What a CPU that did not end still reads must stay. */
void peers_teardown(struct bench_run *run)
{
	struct peers *peers = run->priv;
	bool all_home;

	if (!peers)
		return;
	/* R-quit: nothing is published with it. Pairs with A-quit. */
	store_release(&peers->quit, true);
	all_home = all_cpus_home(run, peers->nr_cpus, DEADLINE_NS);
	if (peers->borrowed)
		machine_on_interrupt(peers->before, peers->before_arg);
	if (peers->some_out)
		all_cpus_up(run);
	if (all_home)
		machine_free(peers, peers_bytes());
}

int peers_sync(struct bench_run *run, u64 *ret_ns)
{
	u64 begin;
	u32 cpu;
	int err;

	text_mutex_lock();
	begin = rdtsc_ordered();
	err = machine_sync_core_each_cpu(&cpu);
	*ret_ns = machine_ns(rdtsc_ordered() - begin);
	text_mutex_unlock();
	return err ? bench_fail(run, err, "cpu %u did not serialise", cpu) : 0;
}

static int wait_until_told(struct bench_run *run, const struct peers *peers, u32 cpu, u64 deadline)
{
	/* A-told: pairs with R-told. */
	while (!load_acquire(&peers->each[cpu].told))
		if (rdtsc() > deadline)
			return bench_fail(run, -ERR_TIMEOUT, "cpu %u took no interrupt", cpu);
	return 0;
}

int peers_interrupt(struct bench_run *run, u32 first, u32 end, enum machine_interrupt kind,
		    u64 *ret_ns)
{
	struct peers *peers = run->priv;
	u64 begin, deadline;
	int err = 0;

	for (u32 cpu = first; cpu < end; cpu++)
		peers->each[cpu].told = false;
	deadline = rdtsc() + machine_ticks(DEADLINE_NS);
	begin = rdtsc_ordered();
	for (u32 cpu = first; cpu < end && !err; cpu++) {
		err = machine_interrupt(cpu, kind);
		if (err)
			bench_fail(run, err, "cpu %u could not be interrupted", cpu);
	}
	for (u32 cpu = first; cpu < end && !err; cpu++)
		err = wait_until_told(run, peers, cpu, deadline);
	*ret_ns = machine_ns(rdtsc_ordered() - begin);
	return err;
}
