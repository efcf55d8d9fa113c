/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: a rendezvous goes through all its states with every CPU in each; its procedure runs
 * once, on the CPU that was asked for, or not at all; who did not come is named, everybody else
 * goes on, and nothing is left behind for the next one.
 *
 * Each oracle here has been seen to report its planted fault: tests/fault/faults.t.
 */
#include "unit.h"

#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "sim_cpus.h"
#include "stop_machine.h"
#include "text_patching.h"

#define LONG_NS (20 * NSEC_PER_SEC) /* for what comes; a deadline, not a wait */
#define SHORT_NS (100 * NSEC_PER_MSEC) /* for what does not */

static volatile u32 nr_runs, ran_on, nr_irqs_on;
static struct stop_report report;

static void note_run(void *arg)
{
	(void)arg;
	nr_runs++;
	ran_on = machine_this_cpu();
	for (u32 cpu = 0; cpu < sim.nr_cpus; cpu++)
		nr_irqs_on += !sim_cpus[cpu].irqs_off;
}

static int reset(void **state)
{
	(void)state;
	sim_cpus_reset();
	assert_int_equal(stop_machine_init(), 0);
	text_mutex_lock();
	nr_runs = nr_irqs_on = 0;
	ran_on = ~0u;
	return 0;
}

static int stop_on(u32 cpu, u64 timeout_ns)
{
	return stop_machine(cpu, note_run, NULL, timeout_ns, &report);
}

static void sleep_ms(long ms)
{
	nanosleep(&(struct timespec){ ms / 1000, ms % 1000 * 1000000 }, NULL);
}

/* ---- Everybody comes ---- */

static void the_procedure_runs_once_on_the_cpu_that_was_asked_for(void **state)
{
	(void)state;
	for (u32 cpu = 0; cpu < SIM_NR_CPUS; cpu++) {
		nr_runs = 0;
		assert_int_equal(stop_on(cpu, LONG_NS), 0);
		assert_int_equal(nr_runs, 1);
		assert_int_equal(ran_on, cpu);
		assert_int_equal(report.state, STOP_EXIT);
		assert_int_equal(report.nr_missing, 0);
	}
}

static void every_cpu_has_its_interrupts_off_while_the_procedure_runs(void **state)
{
	(void)state;
	assert_int_equal(stop_on(SIM_NR_CPUS - 1, LONG_NS), 0);
	assert_int_equal(nr_irqs_on, 0);
	for (u32 cpu = 0; cpu < SIM_NR_CPUS; cpu++)
		assert_false(sim_cpus[cpu].irqs_off);
}

static void a_cpu_alone_interrupts_nobody(void **state)
{
	(void)state;
	sim.nr_cpus = 1;
	assert_int_equal(stop_on(0, LONG_NS), 0);
	assert_int_equal(nr_runs, 1);
	assert_int_equal(nr_irqs_on, 0);
	for (u32 cpu = 1; cpu < SIM_NR_CPUS; cpu++)
		assert_int_equal(sim_cpus[cpu].nr_taken, 0);
}

/* ---- Who is held comes when it is released ---- */

static volatile u32 nr_runs_before_release;

/* CPU 3 is in a section, nested; the interrupt has been there, and time goes by. */
static void *release_late(void *arg)
{
	(void)arg;
	sim_this_cpu = 3;
	while (!sim_cpus[3].nr_taken)
		sleep_ms(1);
	stop_release();
	sleep_ms(20);
	nr_runs_before_release = nr_runs;
	stop_release();
	return NULL;
}

static void nothing_runs_before_the_last_cpu_has_left_its_section(void **state)
{
	pthread_t thread;

	(void)state;
	sim_cpu_is(3, stop_hold);
	sim_cpu_is(3, stop_hold);
	assert_int_equal(pthread_create(&thread, NULL, release_late, NULL), 0);
	assert_int_equal(stop_on(0, LONG_NS), 0);
	pthread_join(thread, NULL);
	assert_int_equal(nr_runs_before_release, 0);
	assert_int_equal(nr_runs, 1);
}

/* ---- Who does not come ---- */

static void expect_given_up(u32 missing)
{
	assert_int_equal(stop_on(0, SHORT_NS), -ERR_TIMEOUT);
	assert_int_equal(nr_runs, 0);
	assert_int_equal(report.cpu, missing);
	assert_int_equal(report.nr_missing, 1);
	assert_int_equal(report.state, STOP_PREPARE);
	for (u32 cpu = 0; cpu < SIM_NR_CPUS; cpu++)
		assert_false(sim_cpus[cpu].irqs_off);
}

static void expect_next_one_to_run(void)
{
	assert_int_equal(stop_on(2, LONG_NS), 0);
	assert_int_equal(nr_runs, 1);
	assert_int_equal(ran_on, 2);
}

static void a_cpu_that_does_not_answer_is_named_and_nothing_runs(void **state)
{
	(void)state;
	for (u32 cpu = 1; cpu < SIM_NR_CPUS; cpu++) {
		sim_cpus[cpu].deaf = true;
		nr_runs = 0;
		expect_given_up(cpu);
		sim_cpus_take_late(cpu);
		assert_int_equal(nr_runs, 0);
		expect_next_one_to_run();
	}
}

static void two_that_do_not_answer_are_counted_and_the_first_is_named(void **state)
{
	(void)state;
	sim_cpus[1].deaf = sim_cpus[3].deaf = true;
	assert_int_equal(stop_on(2, SHORT_NS), -ERR_TIMEOUT);
	assert_int_equal(nr_runs, 0);
	assert_int_equal(report.cpu, 1);
	assert_int_equal(report.nr_missing, 2);
}

static void a_section_that_does_not_end_is_named_and_ends_in_no_rendezvous(void **state)
{
	(void)state;
	sim_cpu_is(2, stop_hold);
	expect_given_up(2);
	/* The mark of the interrupt is still there, the call is not. */
	sim_cpu_is(2, stop_release);
	assert_int_equal(nr_runs, 0);
	expect_next_one_to_run();
}

static void a_lost_cpu_is_named_and_nobody_is_stopped(void **state)
{
	(void)state;
	sim_cpus[1].lost = true;
	assert_int_equal(stop_on(0, LONG_NS), -ERR_TIMEOUT);
	assert_int_equal(nr_runs, 0);
	assert_int_equal(report.cpu, 1);
	assert_int_equal(report.nr_missing, 1);
	for (u32 cpu = 1; cpu < SIM_NR_CPUS; cpu++)
		assert_int_equal(sim_cpus[cpu].nr_taken, 0);
}

/* ---- The owner of the interrupts ---- */

static void *owner_saw;

static void owner(void *arg)
{
	owner_saw = arg;
}

static void expect_owner_back(void)
{
	void *arg;

	assert_ptr_equal(machine_interrupt_fn(&arg), owner);
	assert_ptr_equal(arg, &owner_saw);
	/* And it is really what runs. */
	owner_saw = NULL;
	sim_cpus[1].deaf = true;
	assert_int_equal(machine_interrupt(1, MACHINE_INTERRUPT_FIXED), 0);
	sim_cpus_take_late(1);
	assert_ptr_equal(owner_saw, &owner_saw);
}

static void the_owner_of_the_interrupts_gets_them_back(void **state)
{
	(void)state;
	assert_int_equal(machine_on_interrupt(owner, &owner_saw), 0);
	assert_int_equal(stop_on(0, LONG_NS), 0);
	assert_null(owner_saw);
	expect_owner_back();
	nr_runs = 0;
	sim_cpus[3].deaf = true;
	expect_given_up(3);
	expect_owner_back();
}

/* ---- Refused ---- */

static void expect_refused(int err)
{
	assert_int_equal(stop_on(0, LONG_NS), err);
	assert_int_equal(nr_runs, 0);
	for (u32 cpu = 1; cpu < SIM_NR_CPUS; cpu++)
		assert_int_equal(sim_cpus[cpu].nr_taken, 0);
}

static void the_wrong_context_stops_nobody(void **state)
{
	(void)state;
	text_mutex_unlock();
	expect_refused(-ERR_PERM);
	sim_this_cpu = 1;
	text_mutex_lock();
	expect_refused(-ERR_PERM);
	text_mutex_unlock();
	sim_this_cpu = 0;
	text_mutex_lock();
	sim.irqs_off = true;
	expect_refused(-ERR_PERM);
	sim.irqs_off = false;
	stop_hold();
	expect_refused(-ERR_PERM);
	stop_release();
	assert_int_equal(stop_on(SIM_NR_CPUS, LONG_NS), -ERR_INVAL);
	assert_int_equal(nr_runs, 0);
	assert_int_equal(stop_on(0, LONG_NS), 0);
}

/* ---- A procedure that does not end ---- */

static volatile bool may_end;

static void run_until_told(void *arg)
{
	(void)arg;
	nr_runs++;
	while (!may_end)
		sleep_ms(1);
}

static void a_procedure_that_overruns_lets_the_others_go_and_is_the_last(void **state)
{
	(void)state;
	may_end = false;
	assert_int_equal(stop_machine(2, run_until_told, NULL, SHORT_NS, &report), -ERR_STOPPED);
	assert_int_equal(nr_runs, 1);
	assert_int_equal(report.cpu, 2);
	assert_int_equal(report.state, STOP_RUN);
	assert_int_equal(stop_on(0, LONG_NS), -ERR_STOPPED);
	assert_int_equal(nr_runs, 1);
	may_end = true;
}

#define STOP_TEST(name) cmocka_unit_test_setup(name, reset)

int main(void)
{
	const struct CMUnitTest tests[] = {
		STOP_TEST(the_procedure_runs_once_on_the_cpu_that_was_asked_for),
		STOP_TEST(every_cpu_has_its_interrupts_off_while_the_procedure_runs),
		STOP_TEST(a_cpu_alone_interrupts_nobody),
		STOP_TEST(nothing_runs_before_the_last_cpu_has_left_its_section),
		STOP_TEST(a_cpu_that_does_not_answer_is_named_and_nothing_runs),
		STOP_TEST(two_that_do_not_answer_are_counted_and_the_first_is_named),
		STOP_TEST(a_section_that_does_not_end_is_named_and_ends_in_no_rendezvous),
		STOP_TEST(a_lost_cpu_is_named_and_nobody_is_stopped),
		STOP_TEST(the_owner_of_the_interrupts_gets_them_back),
		STOP_TEST(the_wrong_context_stops_nobody),
		STOP_TEST(a_procedure_that_overruns_lets_the_others_go_and_is_the_last),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("stop_states", tests, NULL, NULL);
}
