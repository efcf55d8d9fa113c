/* SPDX-License-Identifier: MIT */
/*
 * What does it cost to put a module on the list that every CPU reads without a lock, and to take it
 * off again, while the others read it, and while they are idle?
 *
 * A sample inserts one module by list_add_rcu() and one under stop_machine(), and takes both out
 * again, which is always done under stop_machine(). Four more modules stay, for look-ups to find.
 * Readers count what they must not see: one of the four that is not there, a name that is
 * another's.
 */
#include "bench.h"
#include "atomic.h"
#include "machine.h"
#include "machine_text.h"
#include "module.h"
#include "module_loading.h"
#include "x86.h"

#define NR_STAYING 4
#define NR_SLOTS (NR_STAYING + 2)
#define SLOT_RCU NR_STAYING
#define SLOT_STOP (NR_STAYING + 1)
#define SLOT_BYTES 256
#define DEADLINE_NS (10 * NSEC_PER_SEC)

enum {
	MODULE_RCU,
	MODULE_STOP,
	MODULE_REMOVE_RCU,
	MODULE_REMOVE_STOP,
	MODULE_LOOKUPS,
	NR_MODULE_SERIES,
};

static const struct series module_series[NR_MODULE_SERIES] = {
	[MODULE_RCU] = { "insert-rcu", "ns" },
	[MODULE_STOP] = { "insert-stop", "ns" },
	[MODULE_REMOVE_RCU] = { "remove-first", "ns" },
	[MODULE_REMOVE_STOP] = { "remove-second", "ns" },
	[MODULE_LOOKUPS] = { "lookups", "count" },
};

struct module_bench;

struct reader {
	u64 nr_rounds; /* a look-up of every slot each */
	u64 nr_wrong;
	const struct module_bench *all;
} __attribute__((aligned(FALSE_SHARING_BYTES)));

struct module_bench {
	struct module slots[NR_SLOTS];
	u8 *text;
	struct reader *readers; /* by CPU */
	u64 nr_rounds; /* at the last sample */
	u32 quit;
	bool running;
};

static const char *const slot_names[NR_SLOTS] = {
	"stays-0", "stays-1", "stays-2", "stays-3", "by-rcu", "by-stop",
};

static bool reads_meanwhile(const struct bench_run *run)
{
	return run->bench->param;
}

/* ---- The readers ---- */

/* Which one it found is told by one letter; a slot that comes and goes may be there or not. */
static bool is_right(const struct module_bench *m, u32 slot)
{
	struct module_name name;
	u64 offset;

	if (!module_name_at(m->text + slot * SLOT_BYTES + slot, &name, &offset))
		return slot >= NR_STAYING;
	return offset == slot && name.text[0] == slot_names[slot][0] &&
	       name.text[6] == slot_names[slot][6];
}

static void read_list(void *arg)
{
	struct reader *me = arg;

	/* A-over: pairs with R-over. */
	while (!load_acquire(&me->all->quit)) {
		for (u32 slot = 0; slot < NR_SLOTS; slot++)
			me->nr_wrong += !is_right(me->all, slot);
		/* R-round: what the round has found is there before it counts. Pairs with A-round.
		 */
		store_release(&me->nr_rounds, me->nr_rounds + 1);
	}
}

/* A-round: pairs with R-round. */
static u64 rounds_of(const struct module_bench *m, u32 cpu)
{
	return load_acquire(&m->readers[cpu].nr_rounds);
}

static u64 rounds_of_all(const struct bench_run *run, const struct module_bench *m)
{
	u64 sum = 0;

	for (u32 cpu = 1; m->running && cpu < run->cpus; cpu++)
		sum += rounds_of(m, cpu);
	return sum;
}

/* Until every reader has been through the list once more: it reads whenever a sample begins. */
static int wait_for_readers(struct bench_run *run, const struct module_bench *m)
{
	u64 deadline = rdtsc() + machine_ticks(DEADLINE_NS);

	for (u32 cpu = 1; m->running && cpu < run->cpus; cpu++) {
		for (u64 before = rounds_of(m, cpu); rounds_of(m, cpu) == before; cpu_relax())
			if (!machine_cpu_busy(cpu) || rdtsc() > deadline)
				return bench_fail(run, -ERR_TIMEOUT, "cpu %u reads no more", cpu);
	}
	return 0;
}

static int start_readers(struct bench_run *run, struct module_bench *m)
{
	m->running = true;
	for (u32 cpu = 1; cpu < run->cpus; cpu++) {
		int err;

		m->readers[cpu].all = m;
		err = machine_cpu_start(cpu, read_list, &m->readers[cpu]);
		if (err)
			return bench_fail(run, err, "cpu %u could not be started", cpu);
	}
	return wait_for_readers(run, m);
}

static void stop_readers(struct bench_run *run, struct module_bench *m)
{
	/* R-over: nothing is published with it. Pairs with A-over. */
	store_release(&m->quit, true);
	for (u32 cpu = 1; m->running && cpu < run->cpus; cpu++) {
		int err = machine_cpu_wait(cpu, DEADLINE_NS, NULL);

		/* -ERR_INVAL: it was never started. */
		if (err && err != -ERR_INVAL) {
			run->violations++;
			bench_fail(run, err, "a look-up on cpu %u did not end well", cpu);
		}
		run->violations += m->readers[cpu].nr_wrong;
		if (m->readers[cpu].nr_wrong)
			bench_fail(run, -ERR_VERIFY, "%lu look-ups on cpu %u were wrong",
				   m->readers[cpu].nr_wrong, cpu);
	}
	m->running = false;
}

/* ---- The modules: under module_mutex ---- */

static int insert(struct bench_run *run, struct module_bench *m, u32 slot, enum module_insert how)
{
	const struct module_info info = {
		.name = slot_names[slot],
		.text = m->text + slot * SLOT_BYTES,
		.text_end = m->text + (slot + 1) * SLOT_BYTES,
	};
	int err = module_link(&m->slots[slot], &info, how, NULL);

	if (!err)
		err = module_set_live(&m->slots[slot]);
	return err ? bench_fail(run, err, "%s could not be inserted", info.name) : 0;
}

static int take_out(struct bench_run *run, struct module_bench *m, u32 slot)
{
	struct stop_report report = { 0 };
	int err = module_set_going(&m->slots[slot]);

	if (!err)
		err = module_unlink(&m->slots[slot], &report);
	return err ? bench_fail(run, err, "%s could not be taken out (cpu %u, %s)",
				slot_names[slot], report.cpu, stop_state_name(report.state))
		   : 0;
}

static int insert_and_take_out(struct bench_run *run, struct module_bench *m, u64 *stamp)
{
	int err;

	stamp[0] = rdtsc_ordered();
	err = insert(run, m, SLOT_RCU, MODULE_INSERT_RCU);
	stamp[1] = rdtsc_ordered();
	if (!err)
		err = insert(run, m, SLOT_STOP, MODULE_INSERT_STOP);
	stamp[2] = rdtsc_ordered();
	if (!err)
		err = take_out(run, m, SLOT_RCU);
	stamp[3] = rdtsc_ordered();
	if (!err)
		err = take_out(run, m, SLOT_STOP);
	stamp[4] = rdtsc_ordered();
	return err;
}

/* ---- The bench ---- */

static int module_setup(struct bench_run *run)
{
	struct module_bench *m = machine_alloc(sizeof(*m));
	int err = 0;

	if (!m)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	run->priv = m;
	run->cpus = machine_nr_cpus();
	m->text = text_alloc(NR_SLOTS * SLOT_BYTES, PAGE_BYTES);
	m->readers = machine_alloc(run->cpus * sizeof(*m->readers));
	if (!m->text || !m->readers)
		return bench_fail(run, -ERR_NOMEM, "no memory for the bench");
	module_mutex_lock();
	for (u32 slot = 0; slot < NR_STAYING && !err; slot++)
		err = insert(run, m, slot, MODULE_INSERT_RCU);
	module_mutex_unlock();
	return err;
}

static int module_check(struct bench_run *run)
{
	struct module_bench *m = run->priv;

	for (u32 slot = 0; slot < NR_SLOTS; slot++)
		if (!is_right(m, slot))
			return bench_fail(run, -ERR_VERIFY, "%s is not found", slot_names[slot]);
	return reads_meanwhile(run) ? start_readers(run, m) : 0;
}

static int module_sample(struct bench_run *run, u64 *values)
{
	struct module_bench *m = run->priv;
	int err = wait_for_readers(run, m);
	u64 stamp[5], rounds;

	if (err)
		return err;
	module_mutex_lock();
	err = insert_and_take_out(run, m, stamp);
	module_mutex_unlock();
	for (u32 i = MODULE_RCU; i <= MODULE_REMOVE_STOP; i++)
		values[i] = machine_ns(stamp[i + 1] - stamp[i]);
	rounds = rounds_of_all(run, m);
	values[MODULE_LOOKUPS] = (rounds - m->nr_rounds) * NR_SLOTS;
	m->nr_rounds = rounds;
	return err;
}

/*
 * Readers first: they need the text's addresses. A module that cannot be taken out stays linked,
 * and so its memory and its text must stay.
 */
static void module_teardown(struct bench_run *run)
{
	struct module_bench *m = run->priv;
	bool all_out = true;

	if (!m)
		return;
	if (m->readers)
		stop_readers(run, m);
	module_mutex_lock();
	for (u32 slot = 0; slot < NR_SLOTS; slot++)
		if (m->slots[slot].state != MODULE_UNUSED)
			all_out = !take_out(run, m, slot) && all_out;
	module_mutex_unlock();
	if (!all_out)
		return;
	if (m->text)
		text_free(m->text, NR_SLOTS * SLOT_BYTES);
	if (m->readers)
		machine_free(m->readers, run->cpus * sizeof(*m->readers));
	machine_free(m, sizeof(*m));
}

static const bool meanwhile = true;

static const struct bench module_benches[] = {
	{
		.name = "read",
		.series = module_series,
		.nr_series = NR_MODULE_SERIES,
		.param = &meanwhile,
		.needs_caps = MACHINE_CAP_SMP,
		.min_cpus = 2,
		.setup = module_setup,
		.check = module_check,
		.sample = module_sample,
		.teardown = module_teardown,
	},
	{
		.name = "idle",
		.series = module_series,
		.nr_series = NR_MODULE_SERIES,
		.setup = module_setup,
		.check = module_check,
		.sample = module_sample,
		.teardown = module_teardown,
	},
	{
		.name = "load",
		.series = loading_series,
		.nr_series = LOADING_NR_SERIES,
		.setup = loading_setup,
		.sample = loading_sample,
		.teardown = loading_teardown,
	},
	{
		.name = "named-trap",
		.series = named_trap_series,
		.nr_series = NAMED_TRAP_NR_SERIES,
		.setup = named_trap_setup,
		.sample = named_trap_sample,
		.teardown = loading_teardown,
	},
};

const struct suite suite_module = {
	.name = "module",
	.question = "what does a list that is read without locks save over stopping every CPU?",
	.benches = module_benches,
	.nr_benches = ARRAY_SIZE(module_benches),
};
