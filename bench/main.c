/* SPDX-License-Identifier: MIT */
/*
 * One whole run. After the pre-flight every way out goes through finish(), so that whatever was
 * measured is on the medium and every file says how the run ended.
 */
#include "bench.h"
#include "facts.h"
#include "format.h"
#include "image_patching.h"
#include "machine.h"
#include "mem.h"
#include "patched.h"
#include "runner.h"
#include "screen.h"
#include "smpoke.h"
#include "stages.h"
#include "stop_machine.h"
#include "summary.h"
#include "text_patching.h"
#include "x86.h"

#define ERROR_BYTES 384

struct run {
	struct options options;
	struct results results;
	struct runner runner;
	struct runner_totals totals; /* of all suites */
	struct facts facts;
	struct stages stages;
	const char *suite_names[OPTIONS_MAX_SUITES + 1];
	u32 nr_warnings;
	const char *up_reason; /* NULL = all CPUs came that were asked for */
};

/* Here and not on the stack because it is large. */
static struct run the_run;

static int usage_error(const char *error)
{
	machine_print("smpoke: ");
	machine_print(error);
	machine_print("\n");
	return SMPOKE_EXIT_USAGE;
}

static void name_suites(struct run *run)
{
	u32 i = 0;

	for (; suites[i] && i < OPTIONS_MAX_SUITES; i++)
		run->suite_names[i] = suites[i]->name;
	run->suite_names[i] = NULL;
}

/* What takes hours, or is of no use to most, has to be named. */
static void leave_out_on_request(struct options *options)
{
	for (u32 i = 0; suites[i] && i < OPTIONS_MAX_SUITES && !options->suites_given; i++)
		if (suites[i]->on_request)
			options->suite_wanted[i] = false;
}

static bool is_answer(const struct options *options)
{
	return options->help || options->version || options->list;
}

static void answer(const struct options *options)
{
	if (options->help)
		machine_print(options_help);
	else if (options->version)
		machine_print("smpoke " SMPOKE_VERSION "\n");
	else
		screen_list(suites);
}

/* What the parser cannot know: how many CPUs there are. */
static int check_cpus(const struct options *options)
{
	char error[ERROR_BYTES];

	if (options->nr_cpus <= machine_nr_cpus_present())
		return SMPOKE_EXIT_OK;
	format(error, sizeof(error), "--cpus %u: this machine has %u", options->nr_cpus,
	       machine_nr_cpus_present());
	return usage_error(error);
}

/* Refused before anything is measured: another instruction would be another figure. */
static int select_sync(const struct options *options)
{
	char error[ERROR_BYTES];

	if (!machine_sync_core_select(options->serialize))
		return SMPOKE_EXIT_OK;
	format(error, sizeof(error), "--serialize %s: this machine has not got it",
	       sync_core_name(options->serialize));
	usage_error(error);
	return SMPOKE_EXIT_MACHINE;
}

static int select_start(const struct options *options)
{
	char error[ERROR_BYTES];

	if (!options->mp_rung || !machine_start_select(options->mp_rung))
		return SMPOKE_EXIT_OK;
	format(error, sizeof(error), "--mp-rung %s: this machine has no such choice",
	       machine_start_name(options->mp_rung));
	usage_error(error);
	return SMPOKE_EXIT_MACHINE;
}

static int select_x2apic(const struct options *options)
{
	if (!options->x2apic || !machine_x2apic_select())
		return SMPOKE_EXIT_OK;
	usage_error("--x2apic: this machine has no such choice");
	return SMPOKE_EXIT_MACHINE;
}

static void choose_seed(struct options *options)
{
	struct machine_time t = machine_time();

	if (options->seed_given)
		return;
	/* 32 bits, so that a person can type it again. */
	options->seed = (u32)((rdtsc() ^ (u64)t.second << 20) * 0x9e3779b97f4a7c15 >> 32);
}

/* LOCKs come back first: a CPU that is there already would share our data with none of them. */
static int enable_smp(struct run *run)
{
	int error = run->options.nr_cpus == 1 ? 0 : image_enable_smp();

	if (!error)
		return SMPOKE_EXIT_OK;
	screen_say(&run->results, "smpoke: LOCK prefixes cannot be put back: %s\n",
		   error_name(error));
	return SMPOKE_EXIT_MACHINE;
}

/* Return: 0, or the exit code with one line on the screen. */
static int start_cpus(struct run *run)
{
	int error = enable_smp(run);

	if (error)
		return error;
	machine_start_watch(stages_rung, &run->stages, run->stages.rungs_hung);
	error = machine_start_cpus(run->options.nr_cpus, &run->up_reason);
	stages_cpus_started(&run->stages);
	if (!error)
		return SMPOKE_EXIT_OK;
	screen_say(&run->results, "smpoke: --cpus %u: %s; this machine has %u\n",
		   run->options.nr_cpus, error_name(error), machine_nr_cpus_present());
	return error == -ERR_RANGE ? SMPOKE_EXIT_USAGE : SMPOKE_EXIT_MACHINE;
}

static void make_benches(enum plan plan)
{
	for (u32 i = 0; suites[i]; i++)
		if (suites[i]->make)
			suites[i]->make(plan, machine_nr_cpus(), machine_caps());
}

static void print_banner(struct run *run)
{
	struct results *log = &run->results;

	if (facts_emulated())
		screen_say(log, "EMULATED (%s): not a measurement of silicon\n", machine_env());
	screen_say(log, "smpoke " SMPOKE_VERSION ": %.40s, %u of %u CPUs, %s\n", run->facts.brand,
		   machine_nr_cpus(), machine_nr_cpus_present(), machine_env());
	if (run->facts.system[0])
		screen_say(log, "%s\n", run->facts.system);
	if (run->up_reason)
		screen_say(log, "why not more CPUs: %s\n", run->up_reason);
	if (run->stages.goes_on)
		screen_say(log, "goes on from %s, which did not come to its end\n",
			   run->stages.before);
	screen_say(log, "plan %s, seed %lu\nresults in %s\n\n", plan_name(run->options.plan),
		   run->options.seed, run->results.folder);
}

/* On the screen and in machine.csv, each once, as soon as nothing is measured. */
static void say_warnings(struct run *run)
{
	const char *warning = machine_next_warning();
	char key[24];

	for (; warning; warning = machine_next_warning()) {
		screen_say(&run->results, "WARNING: %s\n", warning);
		format(key, sizeof(key), "warning_%u", ++run->nr_warnings);
		results_fact(&run->results, key, warning);
	}
}

static void run_suites(struct run *run)
{
	struct runner_totals *all = &run->totals;

	for (u32 i = 0; run->suite_names[i]; i++) {
		struct runner_totals totals;

		if (!run->options.suite_wanted[i])
			continue;
		screen_suite_begin(&run->results, suites[i]);
		totals = runner_run_suite(&run->runner, suites[i]);
		screen_suite_end(&run->results, suites[i], &totals);
		say_warnings(run);
		all->nr_rows += totals.nr_rows;
		all->nr_ok += totals.nr_ok;
		all->nr_fail += totals.nr_fail;
		all->nr_skip += totals.nr_skip;
	}
}

/* While the CPUs are still ours. */
static void count_nmis(struct run *run)
{
	char nr[24];

	format(nr, sizeof(nr), "%lu", machine_nmis_unsent());
	results_fact(&run->results, "nmis_unsent", nr);
}

/* Return: the exit code, before it is known whether the files could be closed. */
static int measure(struct run *run)
{
	int exit = SMPOKE_EXIT_OK;

	make_benches(run->options.plan);
	if (runner_init(&run->runner, &run->options, &run->results, suites)) {
		screen_say(&run->results, "smpoke: no memory for samples\n");
		exit = SMPOKE_EXIT_MACHINE;
	} else {
		run->runner.stages = &run->stages;
		facts_write(&run->results, &run->options, run->suite_names, run->up_reason,
			    &run->facts);
		patched_facts(&run->results);
		results_fact(&run->results, "goes_on_from",
			     run->stages.goes_on ? run->stages.before : "none");
		print_banner(run);
		say_warnings(run);
		patched_log(&run->results);
		results_flush(&run->results);
		run_suites(run);
		count_nmis(run);
		if (run->totals.nr_fail || run->results.nr_lost_rows)
			exit = SMPOKE_EXIT_FAIL;
	}
	if (machine_stop_cpus()) {
		screen_say(&run->results, "smpoke: a CPU did not come home\n");
		results_fact(&run->results, "stop_cpus", "timeout");
		exit = exit ? exit : SMPOKE_EXIT_FAIL;
	}
	return exit;
}

static void print_end(struct run *run)
{
	struct runner_totals *all = &run->totals;
	u64 seconds = machine_ns(rdtsc() - run->results.start_tsc) / NSEC_PER_SEC;

	summary_print(&run->results, run->runner.rows, run->runner.nr_rows);
	if (facts_emulated())
		screen_say(&run->results, "\nEMULATED (%s): not a measurement of silicon",
			   machine_env());
	screen_say(&run->results,
		   "\n%u rows: %u ok, %u fail, %u skip, %lu s; repeat with --seed %lu\n",
		   all->nr_rows, all->nr_ok, all->nr_fail, all->nr_skip, seconds,
		   run->options.seed);
	screen_say(&run->results, "results: %s\n", run->results.folder);
}

/* The files say how the run ended; the screen does, too. Return: the exit code of the run. */
static int finish(struct run *run, int exit)
{
	char line[64];
	int error;

	machine_deadman(0, NULL, NULL);
	error = results_close(&run->results);
	if (error) {
		screen_say(&run->results, "smpoke: results are not complete: %s\n",
			   error_name(error));
		exit = exit ? exit : SMPOKE_EXIT_FAIL;
	}
	format(line, sizeof(line), "end status=%d\n", exit);
	if (results_close_log(&run->results, line)) {
		machine_print("smpoke: log.txt is not complete\n");
		exit = exit ? exit : SMPOKE_EXIT_FAIL;
		format(line, sizeof(line), "end status=%d\n", exit);
	}
	stages_end(&run->stages, run->options.then);
	machine_print(line);
	return exit;
}

/* A machine that starts from this stick would else run it for ever. */
static void say_over(const struct run *run)
{
	char line[ERROR_BYTES];

	format(line, sizeof(line),
	       "smpoke: %s is complete, and --then reboot came here again: nothing is left to do; "
	       "other options, or STATE.TXT taken away, run it again\n",
	       run->stages.before);
	machine_print(line);
}

static int run_all(struct run *run)
{
	char error[ERROR_BYTES];
	int exit;

	if (text_poke_init() || stop_machine_init()) {
		machine_print("smpoke: no memory for the patching engine\n");
		return SMPOKE_EXIT_MACHINE;
	}
	if (results_open(&run->results, run->options.out,
			 runner_plan(run->options.plan)->samples_bytes, error, sizeof(error))) {
		machine_print("smpoke: ");
		machine_print(error);
		machine_print("\n");
		return SMPOKE_EXIT_MEDIUM;
	}
	stages_begin(&run->stages, &run->results);
	exit = start_cpus(run);
	if (!exit) {
		exit = measure(run);
		print_end(run);
		runner_free(&run->runner);
	}
	return finish(run, exit);
}

void smpoke_early_options(const struct smpoke_args *args)
{
	struct run *run = &the_run;
	char error[ERROR_BYTES];

	name_suites(run);
	if (options_parse(&run->options, args, run->suite_names, error, sizeof(error)))
		return;
	image_choose((struct image_policy){
		.noreplace_smp = run->options.noreplace_smp,
		.two_way = run->options.smp_alt_two_way,
		.smp_alt_boot = run->options.smp_alt_boot,
	});
}

int smpoke_main(const struct smpoke_args *args, enum machine_then *ret_then)
{
	struct run *run = &the_run;
	char error[ERROR_BYTES];
	int exit;

	memset(run, 0, sizeof(*run));
	*ret_then = args->default_then;
	name_suites(run);
	if (options_parse(&run->options, args, run->suite_names, error, sizeof(error)))
		return usage_error(error);
	leave_out_on_request(&run->options);
	*ret_then = run->options.then;
	if (is_answer(&run->options)) {
		answer(&run->options);
		return SMPOKE_EXIT_OK;
	}
	exit = check_cpus(&run->options);
	if (exit)
		return exit;
	exit = select_sync(&run->options);
	if (!exit)
		exit = select_x2apic(&run->options);
	if (!exit)
		exit = select_start(&run->options);
	if (exit)
		return exit;
	choose_seed(&run->options);
	stages_read(&run->stages, &run->options, run->suite_names);
	if (run->stages.is_over) {
		say_over(run);
		*ret_then = MACHINE_THEN_POWEROFF;
		return SMPOKE_EXIT_OK;
	}
	return run_all(run);
}
