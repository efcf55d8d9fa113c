/* SPDX-License-Identifier: MIT */
/*
 * The end of a whole run on a screen that draws, or holds a code: what is shown is what the table
 * says, it comes last, it stays as long as was asked for; and a run that stores nothing says so.
 */
#include "unit.h"

#include <stdlib.h>
#include <string.h>

#include "bench.h"
#include "fake_machine.h"
#include "format.h"
#include "smpoke.h"

/* ---- Suites named like the real ones ---- */

static int set_up_cpus(struct bench_run *run)
{
	run->cpus = run->bench->min_cpus > 1 ? machine_nr_cpus() : 1;
	return 0;
}

static int sample(struct bench_run *run, u64 *values)
{
	memcpy(values, run->bench->param, run->bench->nr_series * sizeof(u64));
	return 0;
}

static int sample_fails(struct bench_run *run, u64 *values)
{
	(void)values;
	return bench_fail(run, -ERR_FAULT, "as planned");
}

static const struct series up_smp[] = { { "up", "tsc_mcycles" },
					{ "smp", "tsc_mcycles" },
					{ "up-8", "tsc_mcycles" },
					{ "smp-8", "tsc_mcycles" } };
static const struct series contended[] = { { "contended", "tsc_mcycles" } };
static const struct series lock_series[] = { { "lock", "tsc_mcycles" }, { "3e", "tsc_mcycles" } };
static const struct series poke_series[] = { { "total", "ns" } };
static const u64 tas[] = { 1330, 5480, 1290, 5470 }, mutex[] = { 0, 41480, 900, 1000 };
static const u64 shared[] = { 47860 }, inc[] = { 16000, 4000 }, batch[] = { 110170 };

#define BENCH(title, columns, figures, ...)                                                        \
	{                                                                                          \
		.name = (title), .series = (columns), .nr_series = ARRAY_SIZE(columns),            \
		.param = (figures), .setup = set_up_cpus, .sample = sample, .nr_samples = 20,      \
		__VA_ARGS__                                                                        \
	}

static const struct bench primitive_benches[] = {
	BENCH("tas", up_smp, tas),
	BENCH("tas-held", contended, shared, .min_cpus = 2),
	BENCH("mutex", up_smp, mutex),
	{ .name = "ref",
	  .series = up_smp,
	  .nr_series = 4,
	  .setup = set_up_cpus,
	  .sample = sample_fails },
};
static const struct bench lock_benches[] = { BENCH("inc-1line", lock_series, inc) };
static const struct bench poke_benches[] = { BENCH("batch", poke_series, batch) };

#define SUITE(title, array)                                                                        \
	{                                                                                          \
		.name = (title), .question = "?", .benches = (array),                              \
		.nr_benches = ARRAY_SIZE(array)                                                    \
	}

static const struct suite lock_suite = SUITE("lock", lock_benches);
static const struct suite primitive_suite = SUITE("primitives", primitive_benches);
static const struct suite poke_suite = SUITE("poke", poke_benches);
const struct suite *const suites[] = { &lock_suite, &primitive_suite, &poke_suite, NULL };

/* ---- Running it ---- */

static enum machine_then then;

/* Each run on a machine that has just been started, with what the one before has left. */
static int run_args(struct smpoke_args *args)
{
	for (u32 i = 0; i < fake.nr_files; i++)
		free(fake.files[i].data);
	memset(fake.files, 0, sizeof(fake.files));
	fake.nr_files = 0;
	args->default_then = MACHINE_THEN_EXIT;
	fake.nr_cpus = 1;
	return smpoke_main(args, &then);
}

static int run(const char *line)
{
	const char *argv[16];
	struct smpoke_args args = { .argv = argv };
	char words[256];

	strcpy(words, line);
	for (char *word = strtok(words, " "); word; word = strtok(NULL, " "))
		argv[args.argc++] = word;
	return run_args(&args);
}

/* Words of the options file, which a menu may go before. */
static int run_file(const char *text)
{
	struct smpoke_args args = {
		.file_name = "smpoke.cfg",
		.file_text = text,
		.file_bytes = strlen(text),
	};

	return run_args(&args);
}

static int begin(void **state)
{
	(void)state;
	fake_reset();
	fake.screen = (struct machine_screen){ .draws = true, .code_bytes = 1000 };
	fake.somebody = true;
	return 0;
}

static int end(void **state)
{
	(void)state;
	return fake.nr_allocated || fake.shows ? -1 : 0;
}

static bool on_screen(const char *text)
{
	return strstr(fake.console, text) != NULL;
}

static void expect_last_line(const char *line)
{
	assert_true(fake.console_len > strlen(line));
	assert_string_equal(fake.console + fake.console_len - strlen(line), line);
}

/* ---- The picture ---- */

static void the_picture_leads_with_what_the_table_leads_with(void **state)
{
	const struct machine_picture *p = &fake.picture;

	(void)state;
	assert_int_equal(run("--quick --seed 7"), SMPOKE_EXIT_FAIL);
	assert_int_equal(fake.nr_shown, 1);
	assert_string_equal(p->title, "what patching LOCKs away gains: TSC ticks, median");
	assert_string_equal(p->names[0], "UP");
	assert_string_equal(p->names[1], "SMP");
	/* What failed has no bar. */
	assert_int_equal(p->nr_rows, 2);
	assert_string_equal(p->rows[0].label, "tas");
	assert_int_equal(p->rows[0].value[0], 1330);
	assert_int_equal(p->rows[0].value[1], 5480);
	assert_string_equal(p->rows[0].text[0], "1.33");
	assert_string_equal(p->rows[0].text[1], "5.48");
	assert_string_equal(p->rows[0].gain, "4.12");
	assert_true(on_screen("tas              1.33    5.48   4.12 "));
	assert_string_equal(p->rows[1].label, "mutex");
	assert_string_equal(p->rows[1].gain, "-");
	assert_null(p->code);
	assert_string_equal(p->lines[0], "Fake CPU, \"fast\", host");
	assert_string_equal(p->lines[1], "");
}

static void without_primitives_it_shows_locks_and_without_both_nothing(void **state)
{
	(void)state;
	run("--quick --suite lock,poke");
	assert_int_equal(fake.nr_shown, 1);
	assert_int_equal(fake.picture.nr_rows, 1);
	assert_string_equal(fake.picture.rows[0].gain, "4.00");
	assert_string_equal(fake.picture.title, "what a LOCK prefix costs: TSC ticks, median");
	fake_reset();
	fake.screen.draws = fake.somebody = true;
	run("--quick --suite poke");
	assert_int_equal(fake.nr_shown, 0);
	assert_int_equal(fake.key_ns, 0);
}

static void an_emulators_picture_says_that_it_is_one(void **state)
{
	(void)state;
	fake.env = "tcg";
	fake.caps &= ~MACHINE_CAP_SILICON;
	run("--quick --suite lock");
	assert_string_equal(fake.picture.lines[1], "EMULATED (tcg): not a measurement of silicon");
}

/* The fake machine refuses text while it is shown. */
static void it_comes_last_when_all_files_are_closed(void **state)
{
	(void)state;
	run("--quick --suite lock");
	expect_last_line("a picture stays for 30 s; a key ends it\nend status=0\n");
	assert_false(fake.shows);
	for (u32 i = 0; i < fake.nr_files; i++)
		assert_false(fake.files[i].open);
}

static void it_stays_as_long_as_was_asked_for(void **state)
{
	(void)state;
	run("--quick --suite lock");
	assert_int_equal(fake.key_ns, 30 * NSEC_PER_SEC);
	begin(NULL);
	run("--quick --suite lock --look 5");
	assert_int_equal(fake.key_ns, 5 * NSEC_PER_SEC);
	begin(NULL);
	run("--quick --suite lock --look 0");
	assert_int_equal(fake.key_ns, 0);
	begin(NULL);
	run("--quick --suite lock --no-store");
	assert_int_equal(fake.key_ns, 600 * NSEC_PER_SEC);
	/* Text stays by itself. */
	begin(NULL);
	fake.screen.draws = false;
	run("--quick --suite lock");
	assert_int_equal(fake.key_ns, 0);
	assert_int_equal(fake.nr_shown, 0);
}

/* Were it waited for, this would not come back within this century. */
static void nobody_is_not_waited_for(void **state)
{
	(void)state;
	fake.somebody = false;
	run("--quick --suite lock");
	assert_int_equal(fake.nr_shown, 1);
	assert_int_equal(fake.key_ns, 0);
	begin(NULL);
	fake.somebody = false;
	fake.budget_ticks = 1000000;
	run("--quick --suite lock --no-store");
	assert_int_equal(fake.nr_shown, 1);
}

/* ---- A run that stores nothing ---- */

static const char lines[] = "smpoke1," SMPOKE_VERSION ",host,4,3000000,quick,7,12,4,0\n"
			    "c,Fake CPU, \"fast\"\n"
			    "p,tas,1.33,5.48,1.29,5.47,47.86,4\n"
			    "p,mutex,0.00,41.48,0.90,1.00,,\n"
			    "p,ref,,,,,,\n"
			    "b,batch,0,1,110.17,110.17,-\n"
			    "l,inc-1line,16.00,4.00,,\n";

static void its_code_says_what_the_table_says(void **state)
{
	(void)state;
	assert_int_equal(run("--quick --seed 7 --no-store"), SMPOKE_EXIT_FAIL);
	assert_int_equal(fake.nr_shown, 1);
	assert_int_equal(fake.nr_files, 0);
	assert_null(fake.out);
	assert_string_equal(fake.code, lines);
	assert_true(on_screen(lines));
	assert_true(on_screen("results: nowhere (--no-store)\n"));
	assert_true(on_screen("FAIL primitives/ref: as planned\n"));
	expect_last_line("end status=1\n");
	assert_int_equal(run("--quick --suite lock --no-store"), SMPOKE_EXIT_OK);
}

static void a_code_that_is_too_small_ends_between_lines(void **state)
{
	char want[sizeof(lines)];

	(void)state;
	for (size_t room = 1; room < sizeof(lines) + 2; room++) {
		size_t len = 0;

		begin(NULL);
		fake.screen.code_bytes = room;
		run("--quick --seed 7 --no-store");
		for (size_t i = 1; i <= room && i < sizeof(lines); i++)
			len = lines[i - 1] == '\n' ? i : len;
		memcpy(want, lines, len);
		want[len] = '\0';
		assert_string_equal(fake.code, want);
	}
}

static void where_no_code_can_be_the_lines_are_all_there(void **state)
{
	(void)state;
	fake.screen = (struct machine_screen){ 0 };
	assert_int_equal(run("--quick --seed 7 --no-store"), SMPOKE_EXIT_FAIL);
	assert_int_equal(fake.nr_shown, 0);
	assert_true(on_screen("nothing is stored; copy this:\n"));
	assert_true(on_screen(lines));
	assert_int_equal(fake.key_ns, 0);
}

/* Of characters it stands above the last line, and text may follow. */
static void a_code_of_characters_comes_before_the_last_line(void **state)
{
	(void)state;
	fake.screen = (struct machine_screen){ .code_bytes = 400 };
	assert_int_equal(run("--quick --seed 7 --no-store --look 3"), SMPOKE_EXIT_FAIL);
	assert_int_equal(fake.nr_shown, 1);
	assert_string_equal(fake.code, lines);
	expect_last_line("end status=1\n");
	assert_int_equal(fake.key_ns, 3 * NSEC_PER_SEC);
}

/* It would start the same run again, for ever. */
static void a_machine_that_hangs_in_it_is_not_started_again(void **state)
{
	(void)state;
	fake.keeps_state = true;
	run("--quick --suite lock --no-store");
	assert_int_equal(fake.deadman_armed_ns, 0);
	assert_int_equal(fake.nr_states, 0);
	run("--quick --suite lock");
	assert_true(fake.deadman_armed_ns > 0);
	assert_true(fake.nr_states > 0);
}

static void a_medium_that_is_refused_says_what_goes_without(void **state)
{
	(void)state;
	fake.open_error = -ERR_ROFS;
	assert_int_equal(run("--quick"), SMPOKE_EXIT_MEDIUM);
	assert_true(on_screen("; --no-store measures all the same\n"));
	assert_int_equal(fake.nr_shown, 0);
	assert_int_equal(run("--quick --suite lock --no-store"), SMPOKE_EXIT_OK);
	assert_int_equal(fake.nr_shown, 1);
}

/* ---- The menu before it ---- */

static void the_menu_decides_what_runs(void **state)
{
	(void)state;
	memcpy(fake.keys, (int[]){ ' ', 'n', 'q' }, 3 * sizeof(int));
	fake.nr_keys = 3;
	assert_int_equal(run_file("--suite lock\n"), SMPOKE_EXIT_OK);
	assert_int_equal(fake.nr_files, 0);
	assert_non_null(strstr(fake.code, ",quick,"));
	assert_true(on_screen("plan quick, seed "));
}

static void leaving_by_the_menu_runs_nothing_and_goes_back(void **state)
{
	(void)state;
	fake.keeps_state = true;
	memcpy(fake.keys, (int[]){ ' ', 's' }, 2 * sizeof(int));
	fake.nr_keys = 2;
	assert_int_equal(run_file("--suite lock --then poweroff\n"), SMPOKE_EXIT_OK);
	assert_int_equal(then, MACHINE_THEN_EXIT);
	assert_int_equal(fake.nr_files + fake.nr_states + fake.nr_shown, 0);
}

/* Not after the dead-man timer, nor when all is done: nobody can be expected to be there. */
static void who_goes_on_or_is_done_is_not_asked(void **state)
{
	char under_way[128];
	u32 i = 0;

	(void)state;
	fake.keeps_state = true;
	run_file("--suite lock --menu 3 --then reboot\n");
	assert_true(on_screen("a key within 3 s opens the menu"));
	/* The machine is started again: all is done. */
	fake.console_len = 0;
	fake.key_ns = 0;
	run_file("--suite lock --menu 3 --then reboot\n");
	assert_true(on_screen("nothing is left to do"));
	assert_int_equal(fake.key_ns, 0);
	/* As if it had stopped in its one bench. */
	while (!strstr(fake.states[i], " bench "))
		i++;
	strcpy(under_way, fake.states[i]);
	strcpy(fake.state, under_way);
	fake.console_len = 0;
	fake.key_ns = 0;
	fake.screen.draws = false;
	run_file("--suite lock --menu 3 --then reboot\n");
	assert_true(on_screen("goes on from "));
	assert_false(on_screen("opens the menu"));
	assert_int_equal(fake.key_ns, 0);
}

#define TEST(name) cmocka_unit_test_setup_teardown(name, begin, end)

int main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(the_picture_leads_with_what_the_table_leads_with),
		TEST(without_primitives_it_shows_locks_and_without_both_nothing),
		TEST(an_emulators_picture_says_that_it_is_one),
		TEST(it_comes_last_when_all_files_are_closed),
		TEST(it_stays_as_long_as_was_asked_for),
		TEST(nobody_is_not_waited_for),
		TEST(its_code_says_what_the_table_says),
		TEST(a_code_that_is_too_small_ends_between_lines),
		TEST(where_no_code_can_be_the_lines_are_all_there),
		TEST(a_code_of_characters_comes_before_the_last_line),
		TEST(a_machine_that_hangs_in_it_is_not_started_again),
		TEST(a_medium_that_is_refused_says_what_goes_without),
		TEST(the_menu_decides_what_runs),
		TEST(leaving_by_the_menu_runs_nothing_and_goes_back),
		TEST(who_goes_on_or_is_done_is_not_asked),
	};

	return cmocka_run_group_tests_name("picture", tests, NULL, NULL);
}
