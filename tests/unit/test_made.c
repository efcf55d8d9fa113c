/* SPDX-License-Identifier: MIT */
/*
 * Guarantees: suites whose benches depend on how many CPUs there are have one for each CPU, and for
 * each ordered pair of CPUs and split, once, up to their cap; the names and variants say which.
 * Those that take some CPUs out, or are about one of many, run on four CPUs (threads that share
 * those of this machine), and leave all of them in.
 */
#include "unit.h"

#include <pthread.h>
#include <sched.h>
#include <string.h>

#include "bench.h"
#include "cpu_picks.h"
#include "format.h"
#include "host.h"
#include "machine.h"
#include "stop_machine.h"
#include "text_patching.h"

#define NR_CPUS 4
#define NR_SAMPLES 2 /* threads that share a CPU take their time */

/* ---- Four CPUs, wherever this runs ---- */

int sched_getaffinity(pid_t pid, size_t size, cpu_set_t *set)
{
	(void)pid;
	CPU_ZERO_S(size, set);
	for (int i = 0; i < NR_CPUS; i++)
		CPU_SET_S(i, size, set);
	return 0;
}

int pthread_setaffinity_np(pthread_t thread, size_t size, const cpu_set_t *set)
{
	(void)thread;
	(void)size;
	(void)set;
	return 0;
}

int pthread_attr_setaffinity_np(pthread_attr_t *attr, size_t size, const cpu_set_t *set)
{
	(void)attr;
	(void)size;
	(void)set;
	return 0;
}

/* ---- Picks ---- */

static void all_are_picked_where_there_are_no_more(void **state)
{
	struct cpu_picks p;

	(void)state;
	for (u32 nr = 1; nr <= 8; nr++) {
		cpu_picks(&p, nr, 8);
		assert_int_equal(p.nr, nr);
		for (u32 i = 0; i < nr; i++)
			assert_int_equal(p.cpu[i], i);
	}
}

static void of_many_the_first_two_the_last_and_some_between(void **state)
{
	static const u32 expected[] = { 0, 1, 64, 127 };
	struct cpu_picks p;

	(void)state;
	cpu_picks(&p, 128, 4);
	assert_int_equal(p.nr, 4);
	for (u32 i = 0; i < 4; i++)
		assert_int_equal(p.cpu[i], expected[i]);
	for (u32 nr = 3; nr < 1000; nr += 7) {
		cpu_picks(&p, nr, 16);
		for (u32 i = 1; i < p.nr; i++)
			assert_true(p.cpu[i] > p.cpu[i - 1]);
		assert_int_equal(p.cpu[p.nr - 1], nr - 1);
	}
	cpu_picks(&p, 2, 2);
	assert_int_equal(p.nr, 2);
	cpu_picks(&p, 5, 2);
	assert_int_equal(p.cpu[1], 1);
}

/* ---- What is made ---- */

static const struct bench *find(const struct suite *suite, const char *name)
{
	const struct bench *found = NULL;

	for (u32 i = 0; i < suite->nr_benches; i++) {
		if (strcmp(suite->benches[i].name, name))
			continue;
		expect(name, !found);
		found = &suite->benches[i];
	}
	return found;
}

static void each_pair_and_split_once(void **state)
{
	static const char *const splits[] = { "within",	  "line-1-7", "line-2-6",
					      "line-3-5", "line-4-4", "line-5-3",
					      "line-6-2", "line-7-1", "page-4-4" };
	u32 nr_pairs = 0;

	(void)state;
	suite_propagation.make(PLAN_DEFAULT, NR_CPUS, MACHINE_CAP_SILICON);
	assert_int_equal(suite_propagation.nr_benches, ARRAY_SIZE(splits) * (1 + NR_CPUS));
	for (u32 s = 0; s < ARRAY_SIZE(splits); s++) {
		assert_non_null(find(&suite_propagation, splits[s]));
		for (u32 writer = 0; writer < NR_CPUS; writer++) {
			const struct bench *bench;
			char name[32];
			u32 nr = 0;

			format(name, sizeof(name), "%s-from-%u", splits[s], writer);
			bench = find(&suite_propagation, name);
			expect(name, bench && bench->nr_series == NR_CPUS - 1);
			for (u32 runner = 0; runner < NR_CPUS; runner++) {
				char variant[32];

				if (runner == writer)
					continue;
				format(variant, sizeof(variant), "%u-to-%u", writer, runner);
				assert_string_equal(bench->series[nr++].variant, variant);
				nr_pairs++;
			}
		}
	}
	assert_int_equal(nr_pairs, ARRAY_SIZE(splits) * NR_CPUS * (NR_CPUS - 1));
}

/* Return: how many benches of @suite have "-from-" or "-to-" in their names. */
static u32 nr_made(const struct suite *suite)
{
	u32 nr = 0;

	for (u32 i = 0; i < suite->nr_benches; i++)
		nr += strstr(suite->benches[i].name, "-from-") ||
		      strstr(suite->benches[i].name, "-to-");
	return nr;
}

static u32 made(struct suite *suite, enum plan plan, u32 nr_cpus, u32 caps)
{
	suite->make(plan, nr_cpus, caps);
	return nr_made(suite);
}

static void as_many_as_the_plan_has_room_for(void **state)
{
	(void)state;
	assert_int_equal(made(&suite_propagation, PLAN_FULL, 2, MACHINE_CAP_SILICON), 0);
	assert_int_equal(made(&suite_propagation, PLAN_QUICK, 64, MACHINE_CAP_SILICON), 0);
	assert_int_equal(made(&suite_propagation, PLAN_DEFAULT, 64, MACHINE_CAP_SILICON), 9 * 4);
	assert_int_equal(made(&suite_propagation, PLAN_FULL, 64, MACHINE_CAP_SILICON), 9 * 8);
	assert_int_equal(made(&suite_propagation, PLAN_FULL, 64, 0), 0);
	assert_int_equal(made(&suite_sync, PLAN_FULL, 1, 0), 0);
	assert_int_equal(made(&suite_sync, PLAN_FULL, 2, 0), 0);
	assert_int_equal(made(&suite_sync, PLAN_QUICK, 64, 0), 2);
	assert_int_equal(made(&suite_sync, PLAN_DEFAULT, 8, 0), 6);
	assert_int_equal(made(&suite_sync, PLAN_FULL, 256, 0), 62);
	assert_non_null(find(&suite_sync, "interrupt-to-255"));
	assert_non_null(find(&suite_sync, "interrupt"));
}

/* ---- They run ---- */

/* A few samples of a bench, by hand. */
static void run_bench(const struct suite *suite, const char *name, u32 cpus, u32 sites)
{
	static const struct options options;
	const struct bench *bench = find(suite, name);
	u64 values[BENCH_MAX_SERIES];
	struct bench_run run = {
		.bench = bench, .options = &options, .cpus = cpus, .sites = sites, .seed = 1
	};
	int err;

	if (machine_nr_cpus() < NR_CPUS)
		skip();
	assert_non_null(bench);
	err = bench->setup(&run);
	if (!err && bench->check)
		err = bench->check(&run);
	for (u32 i = 0; i < NR_SAMPLES && !err; i++)
		err = bench->sample(&run, values);
	bench->teardown(&run);
	if (err || run.reason[0])
		print_error("%s: %s\n", name, run.reason);
	assert_int_equal(err, 0);
	assert_int_equal(run.violations, 0);
	assert_string_equal(run.reason, "");
	assert_int_equal(machine_nr_cpus_online(), NR_CPUS);
	for (u32 i = 0; i < bench->nr_series; i++)
		if (!strcmp(bench->series[i].unit, "ns"))
			assert_true(values[i] < 60 * NSEC_PER_SEC);
}

static void every_pair_has_its_shots(void **state)
{
	(void)state;
	suite_propagation.make(PLAN_DEFAULT, NR_CPUS, MACHINE_CAP_SILICON);
	for (u32 writer = 0; writer < NR_CPUS; writer++) {
		char name[32];

		format(name, sizeof(name), "line-3-5-from-%u", writer);
		run_bench(&suite_propagation, name, 0, 0);
	}
	run_bench(&suite_propagation, "page-4-4", 0, 0);
}

static void each_cpu_takes_its_interrupts(void **state)
{
	(void)state;
	suite_sync.make(PLAN_DEFAULT, NR_CPUS, 0);
	run_bench(&suite_sync, "interrupt", 0, 0);
	run_bench(&suite_sync, "interrupt-to-2", 0, 0);
	run_bench(&suite_sync, "interrupt-to-3", 0, 0);
	run_bench(&suite_sync, "interrupt-all", 0, 0);
	run_bench(&suite_sync, "cpus", 2, 0);
	run_bench(&suite_sync, "cpus", 3, 0);
}

static void some_cpus_are_out_meanwhile(void **state)
{
	(void)state;
	run_bench(&suite_poke, "cpus", 2, 0);
	run_bench(&suite_poke, "cpus", 3, 0);
	run_bench(&suite_strategy, "cpus-batch-16", 3, 0);
	run_bench(&suite_strategy, "cpus-stop-machine-16", 3, 0);
	run_bench(&suite_strategy, "cpus-store-8-16", 3, 0);
	run_bench(&suite_poke, "alone", 0, 0);
	run_bench(&suite_strategy, "alone-one-by-one-16", 0, 0);
}

static void every_way_takes_any_size(void **state)
{
	(void)state;
	for (u32 b = 0; b < suite_strategy.nr_benches; b++)
		if (suite_strategy.benches[b].per_batch)
			run_bench(&suite_strategy, suite_strategy.benches[b].name, 0, 3);
	run_bench(&suite_strategy, "batch-in-code", 0, 256);
	run_bench(&suite_strategy, "stop-machine-in-code", 0, 256);
	run_bench(&suite_strategy, "store-8-elsewhere", 0, 256);
}

static int setup(void **state)
{
	const char *reason;

	(void)state;
	if (host_setup(&reason) || text_poke_init() || stop_machine_init())
		return -1;
	return machine_start_cpus(0, &reason) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	return machine_stop_cpus();
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(all_are_picked_where_there_are_no_more),
		cmocka_unit_test(of_many_the_first_two_the_last_and_some_between),
		cmocka_unit_test(each_pair_and_split_once),
		cmocka_unit_test(as_many_as_the_plan_has_room_for),
		cmocka_unit_test(every_pair_has_its_shots),
		cmocka_unit_test(each_cpu_takes_its_interrupts),
		cmocka_unit_test(some_cpus_are_out_meanwhile),
		cmocka_unit_test(every_way_takes_any_size),
	};

	return cmocka_run_group_tests_name("made", tests, setup, teardown);
}
