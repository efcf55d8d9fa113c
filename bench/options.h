/* SPDX-License-Identifier: MIT */
/*
 * The options of a run: the same words on the command line, in the shell and in the options file.
 *
 *   --help --version --list           print and end
 *   --suite NAME[,NAME...]            default: all but those that run on request only
 *   --cpus N                          how many CPUs, the boot CPU included; default: all
 *   --batch N[,N...]                  batch sizes 1..256 for suites poke and strategy; default: by
 *                                     the plan, options.c has them
 *   --seed N                          for everything random; default: from the clock, and printed
 *   --toggles N                       sites that suite soak patches in all; default: 1000000
 *   --quick | --full                  plan; default: between the two
 *   --out DIR                         parent folder of the run's folder
 *   --serialize NAME                  what a sync executes, see sync_core_name(); default: auto
 *   --mp-rung NAME                    how to start CPUs, see machine_start_name(); default: auto
 *   --x2apic                          APICs by MSR, with --mp-rung sipi: machine_x2apic_select()
 *   --noreplace-smp                   the program's own LOCK prefixes stay where they are
 *   --smp-alt-two-way                 they go and come with the second CPU, as in 2006
 *   --smp-alt-boot                    the same, but decided at boot, for good
 *   --then poweroff|reboot|exit       how to end
 * "--name=value" and "--name value" are the same.
 *
 * An options file holds the same words separated by blanks and line ends; '#' starts a comment up
 * to the end of the line. Its last line must end in a line end: a file cut off in the middle of a
 * word must not become another option.
 */
#ifndef SMPOKE_BENCH_OPTIONS_H
#define SMPOKE_BENCH_OPTIONS_H

#include "machine.h"
#include "smpoke.h"
#include "types.h"

#define OPTIONS_MAX_BATCHES 32
#define OPTIONS_DEFAULT_TOGGLES 1000000
#define OPTIONS_MAX_SUITES 32
#define OPTIONS_MAX_WORDS 64
#define OPTIONS_FILE_MAX_BYTES 4096

enum plan {
	PLAN_QUICK,
	PLAN_DEFAULT,
	PLAN_FULL,
};

struct options {
	bool help, version, list;
	bool suite_wanted[OPTIONS_MAX_SUITES]; /* index into suites[] */
	bool suites_given; /* by name */
	u32 nr_cpus; /* 0 = all */
	u32 batch[OPTIONS_MAX_BATCHES];
	u32 nr_batches;
	bool batches_given;
	u64 nr_toggles;
	u64 seed;
	bool seed_given;
	enum plan plan;
	const char *out; /* NULL = the machine's default */
	enum sync_core serialize;
	enum machine_start mp_rung;
	bool x2apic;
	bool noreplace_smp, smp_alt_boot, smp_alt_two_way;
	enum machine_then then;
	char words[OPTIONS_FILE_MAX_BYTES]; /* where the words of a file live */
};

/**
 * options_parse() - read and check all options before anything runs
 * @suite_names: NULL-terminated list of what --suite accepts
 * @error: on failure one line that names the offending word and what would be right
 *
 * Pure. Return: 0; -ERR_INVAL; -ERR_CORRUPT for a damaged options file; -ERR_RANGE for a number.
 */
int options_parse(struct options *ret, const struct smpoke_args *args,
		  const char *const *suite_names, char *error, size_t error_size);

/**
 * options_describe() - the options in force, as words that would ask for the same run
 * Return: length of the text; it is cut at @size.
 */
size_t options_describe(const struct options *options, const char *const *suite_names, char *buf,
			size_t size);

/* plan_name() - "quick", "default" or "full" */
const char *plan_name(enum plan plan);

/* options_help - the text of --help, one string */
extern const char options_help[];

#endif
