/* SPDX-License-Identifier: MIT */
/*
 * Guarantee: a run says what the program has made of its own text, and puts LOCKs back before it
 * starts other CPUs. On a fake machine, with nothing to measure.
 */
#include "unit.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "fake_machine.h"
#include "smpoke.h"

const struct suite *const suites[] = { NULL };

static int run(int argc, const char *const *argv)
{
	const struct smpoke_args args = { .argc = argc,
					  .argv = argv,
					  .default_then = MACHINE_THEN_EXIT };
	enum machine_then then;

	return smpoke_main(&args, &then);
}

static int begin(void **state)
{
	(void)state;
	fake_reset();
	return 0;
}

static void expect_fact(const char *key, const char *value)
{
	char line[256];

	snprintf(line, sizeof(line), ",%s,%s\n", key, value);
	assert_non_null(strstr(fake_file("machine.csv"), line));
}

static void expect_log(const char *text)
{
	assert_non_null(strstr(fake_file("log.txt"), text));
}

static void own_text_was_patched(void)
{
	fake.patched = (struct image_patched){
		.done = true,
		.alternatives = { .nr_sites = 2, .nr_replaced = 1, .nr_kept = 1, .nr_bytes = 11 },
		.started_up = true,
		.to_up = { .nr_changed = 7 },
		.to_smp = { .nr_changed = 7 },
		.nr_sequences_to_up = 2,
		.nr_sequences_to_smp = 2,
		.apply_ns = 4711,
	};
}

static void what_was_patched_to_what_is_in_the_log(void **state)
{
	(void)state;
	own_text_was_patched();
	assert_int_equal(run(0, NULL), SMPOKE_EXIT_OK);
	expect_log(", 8 bytes, rdtscp: 0f ae e8 0f 31 0f ae e8 -> 0f 01 f9 0f ae e8 66 90\n");
	expect_log(", 3 bytes, kept: 90 90 90 -> 0f 1f 00\n");
	expect_log("7 LOCK prefixes to 3e, 2 sequences to UP form, until other CPUs start\n");
	expect_log("7 LOCK prefixes back to f0, 2 sequences to SMP form\n");
	expect_fact("own_text", "patched");
	expect_fact("own_sites", "2");
	expect_fact("own_sites_replaced", "1");
	expect_fact("own_sites_kept", "1");
	expect_fact("own_sites_bytes", "11");
	expect_fact("own_apply_ns", "4711");
	expect_fact("own_locks_started", "up");
	expect_fact("own_locks_now", "smp");
	expect_fact("own_locks_to_up", "7");
	expect_fact("own_locks_to_smp", "7");
	expect_fact("own_sequences_to_up", "2");
	expect_fact("own_sequences_to_smp", "2");
}

static void own_text_that_is_not_patched_is_said_and_why(void **state)
{
	(void)state;
	assert_int_equal(run(0, NULL), SMPOKE_EXIT_OK);
	expect_fact("own_text", "not patched: this machine is a fake");
	expect_log("own text not patched: this machine is a fake\n");
	assert_null(strstr(fake_file("machine.csv"), "own_sites"));
}

static void locks_are_put_back_before_other_cpus_start(void **state)
{
	static const char *const one_cpu[] = { "--cpus", "1" };

	assert_int_equal(run(0, NULL), SMPOKE_EXIT_OK);
	assert_int_equal(fake.nr_smp_enabled, 1);
	begin(state);
	assert_int_equal(run(2, one_cpu), SMPOKE_EXIT_OK);
	assert_int_equal(fake.nr_smp_enabled, 0);
}

static void without_them_no_cpu_is_started(void **state)
{
	(void)state;
	fake.enable_smp_error = -ERR_VERIFY;
	assert_int_equal(run(0, NULL), SMPOKE_EXIT_MACHINE);
	assert_int_equal(fake.nr_cpus, 1);
	expect_log("LOCK prefixes cannot be put back");
	expect_log("end status=4\n");
}

int main(void)
{
#define TEST(name) cmocka_unit_test_setup(name, begin)
	const struct CMUnitTest tests[] = {
		TEST(what_was_patched_to_what_is_in_the_log),
		TEST(own_text_that_is_not_patched_is_said_and_why),
		TEST(locks_are_put_back_before_other_cpus_start),
		TEST(without_them_no_cpu_is_started),
	};

	cmocka_set_test_filter(getenv("ONLY"));
	return cmocka_run_group_tests_name("patched", tests, NULL, NULL);
}
