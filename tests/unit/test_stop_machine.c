/* SPDX-License-Identifier: MIT */
/*
 * Guarantees, with CPUs that really run: nobody makes progress while the procedure runs, whatever
 * he was doing; who does not come is named, and everybody else goes on; text that is written
 * meanwhile is run as it stands afterwards; look-ups among thousands of insertions and removals
 * never find a module that is not live, and always one that is.
 */
#include "unit.h"

#include <pthread.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "atomic.h"
#include "host.h"
#include "module.h"
#include "stop_machine.h"
#include "text_patching.h"
#include "x86.h"

#define LONG_NS (20 * NSEC_PER_SEC) /* for what comes; a deadline, not a wait */
#define SHORT_NS (300 * NSEC_PER_MSEC) /* for what does not */
#define WINDOW_NS (50 * NSEC_PER_USEC) /* how long the procedure looks at the others */
#define NR_STOPS 300
#define NR_LOADS 1500
#define MAX_CPUS 8

/* What one CPU does, and what it has seen. */
struct runner {
	u64 nr_passes;
	u64 nr_wrong;
	u64 nr_found, nr_unknown;
} __attribute__((aligned(FALSE_SHARING_BYTES)));

static struct runner runners[MAX_CPUS];
static bool quit;
static struct stop_report report;

static u64 passes_of(u32 cpu)
{
	return load_acquire(&runners[cpu].nr_passes);
}

static void pass_done(void)
{
	struct runner *me = &runners[machine_this_cpu()];

	store_release(&me->nr_passes, me->nr_passes + 1);
}

static void wait_for_progress(void)
{
	u64 deadline = rdtsc() + machine_ticks(LONG_NS);

	for (u32 cpu = 1; cpu < machine_nr_cpus(); cpu++) {
		for (u64 before = passes_of(cpu); passes_of(cpu) == before;) {
			assert_true(machine_cpu_busy(cpu));
			assert_true(rdtsc() < deadline);
			cpu_relax();
		}
	}
}

static void start_all(cpu_fn fn)
{
	if (machine_nr_cpus() < 2)
		skip();
	memset(runners, 0, sizeof(runners));
	store_release(&quit, false);
	for (u32 cpu = 1; cpu < machine_nr_cpus(); cpu++)
		assert_int_equal(machine_cpu_start(cpu, fn, NULL), 0);
	wait_for_progress();
}

static void end_all(void)
{
	store_release(&quit, true);
	for (u32 cpu = 1; cpu < machine_nr_cpus(); cpu++)
		assert_int_equal(machine_cpu_wait(cpu, LONG_NS, NULL), 0);
}

static int stop_on(u32 cpu, cpu_fn fn, u64 timeout_ns)
{
	int err;

	text_mutex_lock();
	err = stop_machine(cpu, fn, NULL, timeout_ns, &report);
	text_mutex_unlock();
	return err;
}

/* ---- Nobody makes progress ---- */

static u32 nr_runs, ran_on, nr_moved;

/* Counts of the others, over a while in which each would make thousands of passes. */
static void watch_the_others(void *arg)
{
	u64 before[MAX_CPUS], end;

	(void)arg;
	nr_runs++;
	ran_on = machine_this_cpu();
	for (u32 cpu = 0; cpu < machine_nr_cpus(); cpu++)
		before[cpu] = passes_of(cpu);
	for (end = rdtsc() + machine_ticks(WINDOW_NS); rdtsc() < end;)
		cpu_relax();
	for (u32 cpu = 0; cpu < machine_nr_cpus(); cpu++)
		nr_moved += passes_of(cpu) != before[cpu];
}

static void count_passes(void *arg)
{
	(void)arg;
	while (!load_acquire(&quit))
		pass_done();
}

static void stop_again_and_again(cpu_fn fn)
{
	start_all(fn);
	nr_runs = nr_moved = 0;
	for (u32 i = 0; i < NR_STOPS; i++) {
		u32 cpu = i % machine_nr_cpus();

		assert_int_equal(stop_on(cpu, watch_the_others, LONG_NS), 0);
		assert_int_equal(ran_on, cpu);
		assert_int_equal(nr_runs, i + 1);
		wait_for_progress();
	}
	end_all();
	assert_int_equal(nr_moved, 0);
}

static void cpus_that_run_stand_still_while_the_procedure_runs(void **state)
{
	(void)state;
	stop_again_and_again(count_passes);
}

/* Sections with hardly anything in between: each stop has to wait for the end of one. */
static void count_in_sections(void *arg)
{
	(void)arg;
	while (!load_acquire(&quit)) {
		stop_hold();
		for (u32 i = 0; i < 10000; i++)
			pass_done();
		stop_release();
	}
}

static void cpus_in_a_section_are_stopped_behind_it(void **state)
{
	(void)state;
	stop_again_and_again(count_in_sections);
}

static void cpus_that_are_idle_come_and_can_be_given_work_afterwards(void **state)
{
	(void)state;
	nr_runs = 0;
	for (u32 cpu = 0; cpu < machine_nr_cpus(); cpu++) {
		assert_int_equal(stop_on(cpu, watch_the_others, LONG_NS), 0);
		assert_int_equal(ran_on, cpu);
	}
	assert_int_equal(nr_runs, machine_nr_cpus());
	start_all(count_passes);
	end_all();
}

/* ---- A trap in the procedure ---- */

static void trap(void *arg)
{
	(void)arg;
	__asm__ volatile("int3"); /* none of core's, so a trap like any other */
}

static void a_trap_ends_the_procedure_and_everybody_goes_on(void **state)
{
	(void)state;
	start_all(count_passes);
	for (u32 cpu = 0; cpu < machine_nr_cpus(); cpu++) {
		assert_int_equal(stop_on(cpu, trap, LONG_NS), -ERR_FAULT);
		assert_int_equal(report.cpu, cpu);
		assert_int_equal(report.fault.vector, TRAP_BP);
		assert_int_equal(report.fault.cpu, cpu);
		wait_for_progress();
	}
	end_all();
}

/* ---- Who does not come ---- */

static void run_with_interrupts_off(void *arg)
{
	sigset_t all, before;

	(void)arg;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	count_passes(NULL);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
}

static void run_held(void *arg)
{
	(void)arg;
	stop_hold();
	count_passes(NULL);
	stop_release();
}

static void expect_to_be_named(cpu_fn fn)
{
	if (machine_nr_cpus() < 2)
		skip();
	store_release(&quit, false);
	nr_runs = 0;
	assert_int_equal(machine_cpu_start(1, fn, NULL), 0);
	for (u64 before = passes_of(1); passes_of(1) == before;)
		cpu_relax();
	assert_int_equal(stop_on(0, watch_the_others, SHORT_NS), -ERR_TIMEOUT);
	assert_int_equal(report.cpu, 1);
	assert_int_equal(report.state, STOP_PREPARE);
	store_release(&quit, true);
	assert_int_equal(machine_cpu_wait(1, LONG_NS, NULL), 0);
	assert_int_equal(nr_runs, 0);
	assert_int_equal(stop_on(1, watch_the_others, LONG_NS), 0);
	assert_int_equal(nr_runs, 1);
}

static void a_cpu_with_interrupts_off_is_named_and_nothing_hangs(void **state)
{
	(void)state;
	expect_to_be_named(run_with_interrupts_off);
}

static void a_cpu_that_holds_the_stop_back_is_named_and_nothing_hangs(void **state)
{
	(void)state;
	expect_to_be_named(run_held);
}

/* ---- Text that is written meanwhile ---- */

static u8 *text;
static u32 value; /* that the code returns; 0 = about to change */

static void call_text(void *arg)
{
	struct runner *me = &runners[machine_this_cpu()];

	(void)arg;
	while (!load_acquire(&quit)) {
		u32 before = load_acquire(&value), got = ((u32(*)(void))text)();

		if (before && load_acquire(&value) == before)
			me->nr_wrong += got != before;
		pass_done();
	}
}

static u8 next_value;
static int poke_err;

static void poke(void *arg)
{
	(void)arg;
	poke_err = text_poke(text + 1, &next_value, 1);
}

static void text_that_is_written_meanwhile_is_run_as_it_stands(void **state)
{
	static const u8 mov_ret[] = { 0xB8, 1, 0, 0, 0, 0xC3 };

	(void)state;
	assert_int_equal(text_poke_copy(text, mov_ret, sizeof(mov_ret)), 0);
	value = 1;
	start_all(call_text);
	for (u32 i = 0; i < NR_STOPS; i++) {
		next_value = 1 + (i + 1) % 100;
		store_release(&value, 0);
		assert_int_equal(stop_on(0, poke, LONG_NS), 0);
		assert_int_equal(poke_err, 0);
		store_release(&value, next_value);
		wait_for_progress();
	}
	end_all();
	for (u32 cpu = 1; cpu < machine_nr_cpus(); cpu++)
		assert_int_equal(runners[cpu].nr_wrong, 0);
}

/* ---- Look-ups among insertions and removals ---- */

#define NR_SLOTS 8
#define SLOT_BYTES 64
#define SLOT_CHANGING 1u
#define SLOT_LIVE 2u
#define SLOT_NEXT 4u

static struct slot {
	u32 seq;
	struct module mod;
} slots[NR_SLOTS];

static const char *const slot_names[NR_SLOTS] = { "m0", "m1", "m2", "m3", "m4", "m5", "m6", "m7" };

/* A look-up between two looks at a number that did not move must say what the number says. */
static void look_up_slot(struct runner *me, u32 i)
{
	u32 before = load_acquire(&slots[i].seq);
	struct module_name name;
	u64 offset;
	bool found = module_name_at(text + i * SLOT_BYTES + i, &name, &offset);

	if (found && (strcmp(name.text, slot_names[i]) || offset != i))
		me->nr_wrong++;
	if (before & SLOT_CHANGING || load_acquire(&slots[i].seq) != before)
		return;
	me->nr_wrong += found != !!(before & SLOT_LIVE);
	*(found ? &me->nr_found : &me->nr_unknown) += 1;
}

static void look_up_all(void *arg)
{
	struct runner *me = &runners[machine_this_cpu()];

	(void)arg;
	while (!load_acquire(&quit)) {
		for (u32 i = 0; i < NR_SLOTS; i++)
			look_up_slot(me, i);
		pass_done();
	}
}

static void load_slot(u32 i, enum module_insert how)
{
	const struct module_info info = {
		.name = slot_names[i],
		.text = text + i * SLOT_BYTES,
		.text_end = text + (i + 1) * SLOT_BYTES,
	};

	assert_int_equal(module_link(&slots[i].mod, &info, how, NULL), 0);
	assert_int_equal(module_set_live(&slots[i].mod), 0);
}

/* Afterwards the memory looks as if it were a module with all the text, and leads nowhere. */
static void unload_slot(u32 i)
{
	struct module *mod = &slots[i].mod;

	assert_int_equal(module_set_going(mod), 0);
	assert_int_equal(module_unlink(mod, &report), 0);
	memset(mod, 0, sizeof(*mod));
	mod->list.next = &slots[(i + 1) % NR_SLOTS].mod.list;
	mod->state = MODULE_LIVE;
	memcpy(mod->name.text, "decoy", 6);
	mod->text = text;
	mod->text_end = text + NR_SLOTS * SLOT_BYTES;
}

static void change_slot(u32 i, enum module_insert how)
{
	u32 seq = slots[i].seq;

	store_release(&slots[i].seq, seq | SLOT_CHANGING);
	if (seq & SLOT_LIVE)
		unload_slot(i);
	else
		load_slot(i, how);
	store_release(&slots[i].seq, (seq ^ SLOT_LIVE) + SLOT_NEXT);
}

static void look_ups_among_insertions_and_removals_are_never_wrong(void **state)
{
	const char *seed = getenv("SEED");
	u32 random = seed ? (u32)strtoul(seed, NULL, 0) : 1;

	(void)state;
	print_message("# SEED=%u build/unit/test_stop_machine\n", random);
	start_all(look_up_all);
	module_mutex_lock();
	for (u32 n = 0; n < NR_LOADS; n++) {
		random = random * 1664525 + 1013904223;
		change_slot(random >> 24 & (NR_SLOTS - 1),
			    random & 1u << 20 ? MODULE_INSERT_RCU : MODULE_INSERT_STOP);
	}
	wait_for_progress();
	end_all();
	for (u32 i = 0; i < NR_SLOTS; i++)
		if (slots[i].seq & SLOT_LIVE)
			change_slot(i, MODULE_INSERT_RCU);
	assert_int_equal(module_nr(), 0);
	module_mutex_unlock();
	for (u32 cpu = 1; cpu < machine_nr_cpus(); cpu++) {
		assert_int_equal(runners[cpu].nr_wrong, 0);
		assert_true(runners[cpu].nr_found > 0 && runners[cpu].nr_unknown > 0);
	}
}

/* What a test that failed left running would make all others fail. */
static int after_each(void **state)
{
	(void)state;
	store_release(&quit, true);
	for (u32 cpu = 1; cpu < machine_nr_cpus(); cpu++)
		machine_cpu_wait(cpu, LONG_NS, NULL);
	text_mutex_unlock();
	module_mutex_unlock();
	return 0;
}

static int setup(void **state)
{
	const char *reason;
	u32 nr;

	(void)state;
	if (host_setup(&reason) || text_poke_init() || stop_machine_init())
		return -1;
	nr = machine_nr_cpus_present();
	if (machine_start_cpus(nr < MAX_CPUS ? nr : MAX_CPUS, &reason))
		return -1;
	text = text_alloc(PAGE_BYTES, PAGE_BYTES);
	return text ? 0 : -1;
}

static int teardown(void **state)
{
	(void)state;
	text_free(text, PAGE_BYTES);
	return machine_stop_cpus();
}

#define STOP_TEST(name) cmocka_unit_test_teardown(name, after_each)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STOP_TEST(cpus_that_run_stand_still_while_the_procedure_runs),
		STOP_TEST(cpus_in_a_section_are_stopped_behind_it),
		STOP_TEST(cpus_that_are_idle_come_and_can_be_given_work_afterwards),
		STOP_TEST(a_trap_ends_the_procedure_and_everybody_goes_on),
		STOP_TEST(a_cpu_with_interrupts_off_is_named_and_nothing_hangs),
		STOP_TEST(a_cpu_that_holds_the_stop_back_is_named_and_nothing_hangs),
		STOP_TEST(text_that_is_written_meanwhile_is_run_as_it_stands),
		STOP_TEST(look_ups_among_insertions_and_removals_are_never_wrong),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("stop_machine", tests, setup, teardown);
}
