/* SPDX-License-Identifier: MIT */
/*
 * What does it cost to put a module on the list that every CPU reads without a lock, and to take it
 * off again, while others read it, and while they are idle; and what does it take from those?
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
#include "module_del.h"
#include "module_loading.h"
#include "pass_clock.h"
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
	NR_IDLE_SERIES,
	MODULE_STOLEN_RCU = NR_IDLE_SERIES,
	MODULE_STOLEN_STOP,
	MODULE_STOLEN_REMOVE_RCU,
	MODULE_STOLEN_REMOVE_STOP,
	NR_MODULE_SERIES,
};

#define NR_STEPS 4 /* RCU to REMOVE_STOP; what each has stolen comes in the same order */
#define LEARN_NS (5 * NSEC_PER_SEC)

static const struct series module_series[NR_MODULE_SERIES] = {
	[MODULE_RCU] = { "insert-rcu", "ns" },
	[MODULE_STOP] = { "insert-stop", "ns" },
	[MODULE_REMOVE_RCU] = { "remove-first", "ns" },
	[MODULE_REMOVE_STOP] = { "remove-second", "ns" },
	[MODULE_LOOKUPS] = { "lookups", "count" },
	[MODULE_STOLEN_RCU] = { "stolen-rcu", "ns" },
	[MODULE_STOLEN_STOP] = { "stolen-stop", "ns" },
	[MODULE_STOLEN_REMOVE_RCU] = { "stolen-first", "ns" },
	[MODULE_STOLEN_REMOVE_STOP] = { "stolen-second", "ns" },
};

struct module_bench;

struct reader {
	u64 nr_rounds; /* a look-up of every slot each */
	u64 nr_wrong;
	const struct module_bench *all;
	struct pass_clock clock; /* a round is a pass */
} __attribute__((aligned(FALSE_SHARING_BYTES)));

struct module_bench {
	struct module slots[NR_SLOTS];
	u8 *text;
	struct reader *readers; /* by CPU */
	struct pass_window window; /* 0 until all readers know what a round takes */
	u32 turn; /* whose stolen time is told next */
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
		pass_clock_passed(&me->clock, PASS_OLD, false, rdtsc());
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

static bool all_learned(const struct bench_run *run, const struct module_bench *m)
{
	bool all = true;

	for (u32 cpu = 1; cpu < run->cpus; cpu++)
		all = all && pass_clock_learned(&m->readers[cpu].clock, false);
	return all;
}

/* What a round takes when nobody is stopped. */
static int learn(struct bench_run *run, struct module_bench *m)
{
	u64 deadline = rdtsc() + machine_ticks(LEARN_NS);
	int err = wait_for_readers(run, m);

	while (!err && !all_learned(run, m)) {
		if (rdtsc() > deadline)
			return bench_fail(run, -ERR_TIMEOUT, "a reader is slow");
		err = wait_for_readers(run, m);
	}
	return err;
}

static int start_readers(struct bench_run *run, struct module_bench *m)
{
	m->running = true;
	for (u32 cpu = 1; cpu < run->cpus; cpu++) {
		int err;

		m->readers[cpu].all = m;
		m->readers[cpu].clock.window = &m->window;
		err = machine_cpu_start(cpu, read_list, &m->readers[cpu]);
		if (err)
			return bench_fail(run, err, "cpu %u could not be started", cpu);
	}
	return learn(run, m);
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

static int do_step(struct bench_run *run, struct module_bench *m, u32 step)
{
	switch (step) {
	case MODULE_RCU:
		return insert(run, m, SLOT_RCU, MODULE_INSERT_RCU);
	case MODULE_STOP:
		return insert(run, m, SLOT_STOP, MODULE_INSERT_STOP);
	case MODULE_REMOVE_RCU:
		return take_out(run, m, SLOT_RCU);
	default:
		return take_out(run, m, SLOT_STOP);
	}
}

/* One of the readers in turn tells what the step has taken from it. */
static int timed_step(struct bench_run *run, struct module_bench *m, u32 step, u64 *values)
{
	u64 begin;
	int err;

	pass_window_begin(&m->window, false);
	begin = rdtsc_ordered();
	err = do_step(run, m, step);
	values[step] = machine_ns(rdtsc_ordered() - begin);
	if (err || !m->running)
		return err;
	err = wait_for_readers(run, m);
	values[MODULE_STOLEN_RCU + step] =
		machine_ns(m->readers[1 + m->turn % (run->cpus - 1)].clock.taken_ticks);
	return err;
}

static int insert_and_take_out(struct bench_run *run, struct module_bench *m, u64 *values)
{
	int err = 0;

	for (u32 step = 0; step < NR_STEPS && !err; step++)
		err = timed_step(run, m, step, values);
	m->turn++;
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
	if (!run->bench->per_cpus)
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
	u64 rounds;

	if (err)
		return err;
	module_mutex_lock();
	err = insert_and_take_out(run, m, values);
	module_mutex_unlock();
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

static const struct module_del before_1 = { 1, true };
static const struct module_del before_64 = { 64, true };
static const struct module_del before_1024 = { 1024, true };
static const struct module_del before_4096 = { 4096, true };
static const struct module_del since_1 = { 1, false };
static const struct module_del since_4096 = { 4096, false };

#define DEL_BENCH(title, subject)                                                                  \
	{                                                                                          \
		.name = (title), .series = module_del_series, .nr_series = MODULE_DEL_NR_SERIES,   \
		.param = &(subject), .min_cpus = 2, .needs_caps = MACHINE_CAP_SMP,                 \
		.budget_share = 4, .setup = module_del_setup, .check = module_del_check,           \
		.sample = module_del_sample, .teardown = module_del_teardown,                      \
	}

static const struct bench module_benches[] = {
	{
		.name = "read",
		.series = module_series,
		.nr_series = NR_MODULE_SERIES,
		.param = &meanwhile,
		.needs_caps = MACHINE_CAP_SMP,
		.min_cpus = 2,
		.per_cpus = true,
		.setup = module_setup,
		.check = module_check,
		.sample = module_sample,
		.teardown = module_teardown,
	},
	{
		.name = "idle",
		.series = module_series,
		.nr_series = NR_IDLE_SERIES,
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
	DEL_BENCH("del-before-1", before_1),
	DEL_BENCH("del-before-64", before_64),
	DEL_BENCH("del-before-1024", before_1024),
	DEL_BENCH("del-before-4096", before_4096),
	DEL_BENCH("del-since-1", since_1),
	DEL_BENCH("del-since-4096", since_4096),
};

const struct suite suite_module = {
	.name = "module",
	.question = "what does a list that is read without locks save over stopping every CPU?",
	.benches = module_benches,
	.nr_benches = ARRAY_SIZE(module_benches),
};
