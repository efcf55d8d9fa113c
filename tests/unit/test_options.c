/* SPDX-License-Identifier: MIT */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "format.h"
#include "options.h"

#define MAX_ARGS 80

static const char *const suite_names[] = { "check", "lock", "poke", NULL };

static struct options options;
static char error[384], words[2048];

/* The words of @line, separated by single blanks, as a command line. */
static int parse(const char *line)
{
	const char *argv[MAX_ARGS];
	struct smpoke_args args = { .argv = argv, .default_then = MACHINE_THEN_EXIT };

	strcpy(words, line);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		argv[args.argc++] = word;
	strcpy(error, "");
	return options_parse(&options, &args, suite_names, error, sizeof(error));
}

/* The same from a file, which lies in memory of exactly its size: ASan watches the end. */
static int parse_file_bytes(const char *text, size_t len)
{
	char *exact = malloc(len ? len : 1);
	struct smpoke_args args = {
		.file_name = "smpoke.cfg",
		.file_text = exact,
		.file_bytes = len,
		.default_then = MACHINE_THEN_POWEROFF,
	};
	int result;

	memcpy(exact, text, len);
	strcpy(error, "");
	result = options_parse(&options, &args, suite_names, error, sizeof(error));
	free(exact);
	return result;
}

static int parse_file(const char *text)
{
	return parse_file_bytes(text, strlen(text));
}

static void expect_error(const char *line, int code, const char *message)
{
	assert_int_equal(parse(line), code);
	assert_string_equal(error, message);
}

static void nothing_asked_for_means_the_documented_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse(""), 0);
	assert_false(options.help || options.version || options.list);
	assert_true(options.suite_wanted[0] && options.suite_wanted[1] && options.suite_wanted[2]);
	assert_int_equal(options.nr_cpus, 0);
	assert_int_equal(options.nr_batches, 9);
	for (u32 i = 0; i < 9; i++)
		assert_int_equal(options.batch[i], 1u << i);
	assert_false(options.seed_given);
	assert_false(options.suites_given);
	assert_int_equal(options.nr_toggles, 1000000);
	assert_int_equal(options.plan, PLAN_DEFAULT);
	assert_null(options.out);
	assert_int_equal(options.serialize, SYNC_CORE_AUTO);
	assert_int_equal(options.then, MACHINE_THEN_EXIT);
}

static void the_plan_says_how_many_sizes_unless_they_are_given(void **state)
{
	(void)state;
	assert_int_equal(parse("--quick"), 0);
	assert_int_equal(options.nr_batches, 4);
	assert_int_equal(options.batch[0], 1);
	assert_int_equal(options.batch[3], 256);
	assert_int_equal(parse("--full"), 0);
	assert_int_equal(options.nr_batches, 18);
	for (u32 i = 1; i < options.nr_batches; i++)
		assert_true(options.batch[i] > options.batch[i - 1]);
	assert_int_equal(options.batch[17], 256);
	assert_int_equal(parse("--batch 5 --full"), 0);
	assert_int_equal(options.nr_batches, 1);
	assert_int_equal(options.batch[0], 5);
}

static void expect_all_set(void)
{
	assert_true(!options.suite_wanted[0] && options.suite_wanted[1] && options.suite_wanted[2]);
	assert_int_equal(options.nr_cpus, 3);
	assert_int_equal(options.nr_batches, 3);
	assert_int_equal(options.batch[0], 1);
	assert_int_equal(options.batch[1], 256);
	assert_int_equal(options.batch[2], 7);
	assert_true(options.seed_given);
	assert_true(options.seed == UINT64_MAX);
	assert_string_equal(options.out, "fs1:\\results");
	assert_int_equal(options.then, MACHINE_THEN_REBOOT);
}

static void both_spellings_of_every_value_mean_the_same(void **state)
{
	(void)state;
	assert_int_equal(parse("--suite lock,poke --cpus 3 --batch 1,256,7 --seed "
			       "0xffffffffffffffff --out fs1:\\results --then reboot"),
			 0);
	expect_all_set();
	assert_int_equal(parse("--suite=lock,poke --cpus=3 --batch=1,256,7 "
			       "--seed=0xffffffffffffffff --out=fs1:\\results --then=reboot"),
			 0);
	expect_all_set();
}

static void words_without_value_are_taken_alone(void **state)
{
	(void)state;
	assert_int_equal(parse("--help"), 0);
	assert_true(options.help);
	assert_int_equal(parse("--version"), 0);
	assert_true(options.version);
	assert_int_equal(parse("--list"), 0);
	assert_true(options.list);
	assert_int_equal(parse("--quick"), 0);
	assert_int_equal(options.plan, PLAN_QUICK);
	assert_int_equal(parse("--full --full"), 0);
	assert_int_equal(options.plan, PLAN_FULL);
	assert_int_equal(parse("--then poweroff"), 0);
	assert_int_equal(options.then, MACHINE_THEN_POWEROFF);
	assert_int_equal(parse("--then=exit"), 0);
	assert_int_equal(options.then, MACHINE_THEN_EXIT);
}

static void the_last_of_two_wins_and_lists_do_not_pile_up(void **state)
{
	(void)state;
	assert_int_equal(
		parse("--cpus 2 --cpus 4 --suite lock --suite check --batch 1,2 --batch 3"), 0);
	assert_int_equal(options.nr_cpus, 4);
	assert_true(options.suite_wanted[0] && !options.suite_wanted[1]);
	assert_int_equal(options.nr_batches, 1);
	assert_int_equal(options.batch[0], 3);
	assert_int_equal(parse("--batch 8,8,8"), 0);
	assert_int_equal(options.nr_batches, 1);
}

static void an_unknown_word_is_named_with_all_that_there_are(void **state)
{
	static const char there_are[] =
		"no such option; there are --help, --version, --list, --suite, --cpus, --batch, "
		"--toggles, --seed, --quick, --full, --out, --serialize, --mp-rung, "
		"--x2apic, --noreplace-smp, --smp-alt-boot, --smp-alt-two-way, --then";
	char want[320];

	(void)state;
	format(want, sizeof(want), "--foo: %s", there_are);
	expect_error("--foo", -ERR_INVAL, want);
	format(want, sizeof(want), "lock: %s", there_are);
	expect_error("--suite lock lock", -ERR_INVAL, want);
	format(want, sizeof(want), "--suitelock: %s", there_are);
	expect_error("--suitelock", -ERR_INVAL, want);
	format(want, sizeof(want), "--suit=lock: %s", there_are);
	expect_error("--suit=lock", -ERR_INVAL, want);
}

static void an_unknown_suite_is_named_with_all_that_there_are(void **state)
{
	(void)state;
	expect_error("--suite foo", -ERR_INVAL,
		     "--suite foo: no such suite; there are check, lock, poke");
	expect_error("--suite=lock,foo", -ERR_INVAL,
		     "--suite foo: no such suite; there are check, lock, poke");
	expect_error("--suite lock,,poke", -ERR_INVAL,
		     "--suite : no such suite; there are check, lock, poke");
	expect_error("--suite=", -ERR_INVAL,
		     "--suite : no such suite; there are check, lock, poke");
	expect_error("--suite lockx", -ERR_INVAL,
		     "--suite lockx: no such suite; there are check, lock, poke");
}

static void numbers_out_of_range_or_none_at_all_are_named(void **state)
{
	static const char batch[] = "must be a number from 1 to 256";
	char want[128];

	(void)state;
	expect_error("--cpus 0", -ERR_RANGE, "--cpus 0: must be a number from 1 to 65535");
	expect_error("--cpus two", -ERR_INVAL, "--cpus two: must be a number from 1 to 65535");
	expect_error("--cpus=4294967297", -ERR_RANGE,
		     "--cpus 4294967297: must be a number from 1 to 65535");
	format(want, sizeof(want), "--batch 257: %s", batch);
	expect_error("--batch 1,257", -ERR_RANGE, want);
	format(want, sizeof(want), "--batch 0: %s", batch);
	expect_error("--batch=0", -ERR_RANGE, want);
	format(want, sizeof(want), "--batch : %s", batch);
	expect_error("--batch 1,,2", -ERR_INVAL, want);
	expect_error("--batch 1,2,", -ERR_INVAL, want);
	expect_error("--seed 18446744073709551616", -ERR_RANGE,
		     "--seed 18446744073709551616: must be a number from 0 to "
		     "18446744073709551615");
	expect_error("--seed 12x", -ERR_INVAL,
		     "--seed 12x: must be a number from 0 to 18446744073709551615");
}

static void a_number_of_toggles_is_taken_and_described(void **state)
{
	char text[512];

	(void)state;
	assert_int_equal(parse("--suite lock --toggles 20000 --seed 1"), 0);
	assert_true(options.suites_given);
	assert_int_equal(options.nr_toggles, 20000);
	options_describe(&options, suite_names, text, sizeof(text));
	assert_non_null(strstr(text, " --toggles 20000 --seed 1"));
	expect_error("--toggles 0", -ERR_RANGE,
		     "--toggles 0: must be a number from 1 to 1000000000000");
	expect_error("--toggles 1000000000001", -ERR_RANGE,
		     "--toggles 1000000000001: must be a number from 1 to 1000000000000");
	expect_error("--toggles --quick", -ERR_INVAL, "--toggles: needs a number of sites");
}

static void an_overlong_item_is_not_cut_into_a_valid_one(void **state)
{
	(void)state;
	assert_int_equal(parse("--batch 00000000000000000000000000000000000000000000000000000000000"
			       "000000000000000000000257"),
			 -ERR_INVAL);
	assert_int_equal(parse("--batch 11111111111111111111111111111111111111111111111111111111111"
			       "1111111111111111111"),
			 -ERR_INVAL);
}

static void more_batch_sizes_than_there_is_room_for_are_refused(void **state)
{
	(void)state;
	assert_int_equal(parse("--batch 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,"
			       "23,24,25,26,27,28,29,30,31,32"),
			 0);
	assert_int_equal(options.nr_batches, 32);
	expect_error("--batch 1,2,3,4,5,6,7,8,9,10,11,12,13,14,15,16,17,18,19,20,21,22,23,24,25,"
		     "26,27,28,29,30,31,32,33",
		     -ERR_RANGE, "--batch: more than 32 sizes");
}

static void a_forgotten_value_is_not_taken_from_the_next_option(void **state)
{
	(void)state;
	expect_error("--suite", -ERR_INVAL,
		     "--suite: needs the name of a suite, or several with commas");
	expect_error("--cpus --quick", -ERR_INVAL, "--cpus: needs a number of CPUs");
	expect_error("--batch", -ERR_INVAL,
		     "--batch: needs a batch size from 1 to 256, or several with commas");
	expect_error("--seed", -ERR_INVAL, "--seed: needs a number");
	expect_error("--out --quick", -ERR_INVAL, "--out: needs the name of a folder");
	expect_error("--out=", -ERR_INVAL, "--out: needs the name of a folder");
	expect_error("--then", -ERR_INVAL, "--then: needs poweroff, reboot or exit");
}

static void other_wrong_values_are_named(void **state)
{
	(void)state;
	expect_error("--then sleep", -ERR_INVAL, "--then sleep: must be poweroff, reboot or exit");
	expect_error("--quick=1", -ERR_INVAL, "--quick: takes no value");
	expect_error("--help=", -ERR_INVAL, "--help: takes no value");
	expect_error("--quick --full", -ERR_INVAL, "--quick and --full: only one of the two");
}

static void errors_after_a_help_are_still_errors(void **state)
{
	(void)state;
	assert_int_equal(parse("--help --cpus 0"), -ERR_RANGE);
}

static void a_short_error_buffer_is_never_overrun(void **state)
{
	const char *argv[] = { "--suite", "a-name-longer-than-the-buffer" };
	struct smpoke_args args = { .argc = 2, .argv = argv };

	(void)state;
	for (size_t size = 1; size < 80; size++) {
		char *exact = malloc(size);

		assert_int_equal(options_parse(&options, &args, suite_names, exact, size),
				 -ERR_INVAL);
		assert_true(strlen(exact) < size);
		free(exact);
	}
}

static void a_file_means_the_same_as_the_command_line(void **state)
{
	(void)state;
	assert_int_equal(parse_file("# a comment\r\n--suite lock,poke  --cpus=3\r\n\n"
				    "\t--batch 1,256,7 # sizes --full\n"
				    "--seed\n0xffffffffffffffff --out fs1:\\results#x\n"
				    "--then reboot\n"),
			 0);
	expect_all_set();
	assert_int_equal(options.plan, PLAN_DEFAULT);
}

static void a_file_without_words_gives_the_defaults(void **state)
{
	(void)state;
	assert_int_equal(parse_file(""), 0);
	assert_int_equal(parse_file("\n \t\r\n# only a comment\n"), 0);
	assert_true(options.suite_wanted[0]);
	assert_int_equal(options.then, MACHINE_THEN_POWEROFF);
}

static void the_file_counts_only_without_arguments(void **state)
{
	const char *argv[] = { "--cpus", "2" };
	struct smpoke_args args = {
		.argc = 2,
		.argv = argv,
		.file_name = "smpoke.cfg",
		.file_text = "\x01",
		.file_bytes = 1,
	};

	(void)state;
	assert_int_equal(options_parse(&options, &args, suite_names, error, sizeof(error)), 0);
	assert_int_equal(options.nr_cpus, 2);
}

static void an_error_in_a_file_names_file_and_line(void **state)
{
	(void)state;
	assert_int_equal(parse_file("--quick\n# x\n--suite foo\n"), -ERR_INVAL);
	assert_string_equal(error, "smpoke.cfg:3: --suite foo: no such suite; there are check, "
				   "lock, poke");
	assert_int_equal(parse_file("--quick\n\n--cpus\n"), -ERR_INVAL);
	assert_string_equal(error, "smpoke.cfg:3: --cpus: needs a number of CPUs");
}

static void a_file_cut_off_anywhere_is_refused_or_ends_between_lines(void **state)
{
	static const char whole[] = "--suite lock\n--cpus 16 # all\n--batch 128\n";

	(void)state;
	for (size_t len = 1; len < sizeof(whole) - 1; len++) {
		int result = parse_file_bytes(whole, len);

		if (whole[len - 1] == '\n') {
			assert_int_equal(result, 0);
		} else {
			assert_int_equal(result, -ERR_CORRUPT);
			assert_non_null(strstr(error, "cut off"));
		}
	}
	assert_int_equal(parse_file("--quick\n--cpus 1"), -ERR_CORRUPT);
	assert_string_equal(error, "smpoke.cfg:2: cut off: the last line must end in a line end");
}

static void any_byte_that_is_not_plain_text_damages_the_file(void **state)
{
	char text[] = "--quick\n--cpus ?\n";

	(void)state;
	for (int byte = 0; byte < 256; byte++) {
		bool plain = (byte >= ' ' && byte <= '~') || byte == '\t' || byte == '\r' ||
			     byte == '\n';
		char want[80];

		text[15] = (char)byte;
		if (plain) {
			assert_int_not_equal(parse_file_bytes(text, sizeof(text) - 1),
					     -ERR_CORRUPT);
			continue;
		}
		assert_int_equal(parse_file_bytes(text, sizeof(text) - 1), -ERR_CORRUPT);
		format(want, sizeof(want), "smpoke.cfg:2: damaged: byte %02x is not plain text",
		       (u32)byte);
		assert_string_equal(error, want);
	}
}

static void a_file_of_the_largest_size_is_read_and_one_byte_more_refused(void **state)
{
	char text[OPTIONS_FILE_MAX_BYTES + 1];

	(void)state;
	memset(text, ' ', sizeof(text));
	memcpy(text, "--cpus 5", 8);
	text[OPTIONS_FILE_MAX_BYTES - 1] = '\n';
	assert_int_equal(parse_file_bytes(text, OPTIONS_FILE_MAX_BYTES), 0);
	assert_int_equal(options.nr_cpus, 5);
	text[OPTIONS_FILE_MAX_BYTES] = '\n';
	assert_int_equal(parse_file_bytes(text, OPTIONS_FILE_MAX_BYTES + 1), -ERR_CORRUPT);
	assert_string_equal(error, "smpoke.cfg:1: damaged: longer than 4096 bytes");
}

static void more_words_than_there_is_room_for_are_refused(void **state)
{
	char text[512] = "";

	(void)state;
	for (int i = 0; i < OPTIONS_MAX_WORDS; i++)
		strcat(text, "--list\n");
	assert_int_equal(parse_file(text), 0);
	strcat(text, "--list\n");
	assert_int_equal(parse_file(text), -ERR_RANGE);
	assert_string_equal(error, "smpoke.cfg:65: more than 64 words");
}

#define MORE "--serialize iret --noreplace-smp --smp-alt-boot --smp-alt-two-way --then poweroff"

static void described_options_ask_for_the_same_run_again(void **state)
{
	struct options first;
	char text[512];

	(void)state;
	assert_int_equal(
		parse("--suite poke,check --cpus 2 --batch 3,1 --seed 9 --full --out d " MORE), 0);
	options_describe(&options, suite_names, text, sizeof(text));
	assert_string_equal(
		text, "--suite check,poke --cpus 2 --batch 3,1 --seed 9 --full --out=d " MORE);
	first = options;
	assert_int_equal(parse(text), 0);
	assert_memory_equal(first.suite_wanted, options.suite_wanted, 3);
	assert_int_equal(first.plan, options.plan);
}

static void a_folder_named_like_an_option_is_described_too(void **state)
{
	char text[512];

	(void)state;
	assert_int_equal(parse("--out=--suite"), 0);
	options_describe(&options, suite_names, text, sizeof(text));
	assert_int_equal(parse(text), 0);
	assert_string_equal(options.out, "--suite");
}

static void help_fits_one_screen_and_names_every_option(void **state)
{
	static const char *const names[] = {
		"--suite",	   "--cpus",	     "--batch",
		"--quick",	   "--full",	     "--seed",
		"--out",	   "--then",	     "--list",
		"--version",	   "--serialize",    "--toggles",
		"--noreplace-smp", "--smp-alt-boot", "--smp-alt-two-way",
		"--mp-rung",	   "--x2apic",
	};
	u32 column = 0, nr_lines = 0;

	(void)state;
	for (const char *c = options_help; *c; c++) {
		column = *c == '\n' ? 0 : column + 1;
		nr_lines += *c == '\n';
		assert_true(column <= 80);
	}
	assert_true(nr_lines <= 24);
	for (u32 i = 0; i < ARRAY_SIZE(names); i++)
		assert_non_null(strstr(options_help, names[i]));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_asked_for_means_the_documented_defaults),
		cmocka_unit_test(the_plan_says_how_many_sizes_unless_they_are_given),
		cmocka_unit_test(both_spellings_of_every_value_mean_the_same),
		cmocka_unit_test(words_without_value_are_taken_alone),
		cmocka_unit_test(the_last_of_two_wins_and_lists_do_not_pile_up),
		cmocka_unit_test(an_unknown_word_is_named_with_all_that_there_are),
		cmocka_unit_test(an_unknown_suite_is_named_with_all_that_there_are),
		cmocka_unit_test(numbers_out_of_range_or_none_at_all_are_named),
		cmocka_unit_test(a_number_of_toggles_is_taken_and_described),
		cmocka_unit_test(an_overlong_item_is_not_cut_into_a_valid_one),
		cmocka_unit_test(more_batch_sizes_than_there_is_room_for_are_refused),
		cmocka_unit_test(a_forgotten_value_is_not_taken_from_the_next_option),
		cmocka_unit_test(other_wrong_values_are_named),
		cmocka_unit_test(errors_after_a_help_are_still_errors),
		cmocka_unit_test(a_short_error_buffer_is_never_overrun),
		cmocka_unit_test(a_file_means_the_same_as_the_command_line),
		cmocka_unit_test(a_file_without_words_gives_the_defaults),
		cmocka_unit_test(the_file_counts_only_without_arguments),
		cmocka_unit_test(an_error_in_a_file_names_file_and_line),
		cmocka_unit_test(a_file_cut_off_anywhere_is_refused_or_ends_between_lines),
		cmocka_unit_test(any_byte_that_is_not_plain_text_damages_the_file),
		cmocka_unit_test(a_file_of_the_largest_size_is_read_and_one_byte_more_refused),
		cmocka_unit_test(more_words_than_there_is_room_for_are_refused),
		cmocka_unit_test(described_options_ask_for_the_same_run_again),
		cmocka_unit_test(a_folder_named_like_an_option_is_described_too),
		cmocka_unit_test(help_fits_one_screen_and_names_every_option),
	};

	return cmocka_run_group_tests_name("options", tests, NULL, NULL);
}
