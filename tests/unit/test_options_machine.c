/* SPDX-License-Identifier: MIT */
/*
 * Options that choose among what a machine can do: by name alone, and refused by name.
 */
#include "unit.h"

#include <string.h>

#include "format.h"
#include "options.h"

static const char *const suite_names[] = { "check", NULL };

static struct options options;
static char error[384], words[128];

/* The words of @line, separated by single blanks, as a command line. */
static int parse(const char *line)
{
	const char *argv[16];
	struct smpoke_args args = { .argv = argv, .default_then = MACHINE_THEN_EXIT };

	strcpy(words, line);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		argv[args.argc++] = word;
	strcpy(error, "");
	return options_parse(&options, &args, suite_names, error, sizeof(error));
}

static void expect_error(const char *line, int code, const char *message)
{
	assert_int_equal(parse(line), code);
	assert_string_equal(error, message);
}

static void the_serialising_instruction_is_taken_by_name_alone(void **state)
{
	static const char *const names[] = { "auto", "serialize", "iret", "mov-cr2", "cpuid" };

	(void)state;
	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		char line[64];

		format(line, sizeof(line), "--serialize %s", names[i]);
		assert_int_equal(parse(line), 0);
		assert_int_equal(options.serialize, SYNC_CORE_AUTO + i);
		assert_string_equal(sync_core_name(options.serialize), names[i]);
	}
	assert_int_equal(NR_SYNC_CORES, ARRAY_SIZE(names));
	expect_error("--serialize lfence", -ERR_INVAL,
		     "--serialize lfence: must be auto, serialize, iret, mov-cr2 or cpuid");
	expect_error("--serialize", -ERR_INVAL,
		     "--serialize: needs auto, serialize, iret, mov-cr2 or cpuid");
	expect_error("--serialize=", -ERR_INVAL,
		     "--serialize : must be auto, serialize, iret, mov-cr2 or cpuid");
}

static void the_way_to_start_cpus_is_taken_by_name_alone(void **state)
{
	static const char *const names[] = { "auto",	  "all",  "each", "timer",
					     "conductor", "sipi", "up" };
	char line[64], text[256];

	(void)state;
	assert_int_equal(parse(""), 0);
	assert_int_equal(options.mp_rung, START_AUTO);
	for (u32 i = 0; i < ARRAY_SIZE(names); i++) {
		format(line, sizeof(line), "--mp-rung %s", names[i]);
		assert_int_equal(parse(line), 0);
		assert_int_equal(options.mp_rung, START_AUTO + i);
		assert_string_equal(machine_start_name(options.mp_rung), names[i]);
		options_describe(&options, suite_names, text, sizeof(text));
		assert_int_equal(strstr(text, line) != NULL, i > 0);
	}
	assert_int_equal(NR_MACHINE_STARTS, ARRAY_SIZE(names));
	expect_error("--mp-rung A", -ERR_INVAL,
		     "--mp-rung A: must be auto, all, each, timer, conductor, sipi or up");
	expect_error("--mp-rung", -ERR_INVAL,
		     "--mp-rung: needs auto, all, each, timer, conductor, sipi or up");
}

static void x2apic_goes_with_one_way_to_start_cpus(void **state)
{
	char text[256];

	(void)state;
	assert_int_equal(parse("--x2apic"), 0);
	assert_true(options.x2apic);
	assert_int_equal(options.mp_rung, START_SIPI);
	options_describe(&options, suite_names, text, sizeof(text));
	assert_non_null(strstr(text, "--mp-rung sipi --x2apic"));
	assert_int_equal(parse(text), 0);
	assert_true(options.x2apic);
	assert_int_equal(parse("--x2apic --mp-rung sipi"), 0);
	assert_int_equal(parse("--mp-rung auto --x2apic"), 0);
	assert_int_equal(options.mp_rung, START_SIPI);
	expect_error("--mp-rung all --x2apic", -ERR_INVAL,
		     "--x2apic: takes --mp-rung sipi, not all");
	expect_error("--x2apic --mp-rung up", -ERR_INVAL, "--x2apic: takes --mp-rung sipi, not up");
	assert_int_equal(parse("--mp-rung sipi"), 0);
	assert_false(options.x2apic);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_serialising_instruction_is_taken_by_name_alone),
		cmocka_unit_test(the_way_to_start_cpus_is_taken_by_name_alone),
		cmocka_unit_test(x2apic_goes_with_one_way_to_start_cpus),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
