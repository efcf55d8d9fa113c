/* SPDX-License-Identifier: MIT */
/*
 * Options as text: the answer to --help, and the options in force for machine.csv.
 */
#include "options.h"

#include "format.h"

const char options_help[] =
	"smpoke " SMPOKE_VERSION ": what it costs to change running x86 code, on this machine\n"
	"\n"
	"  --suite NAME[,NAME...]  what to run, see --list. Default: all but split, soak\n"
	"  --cpus N                how many CPUs, the first included. Default: all\n"
	"  --batch N[,N...]        sites in one batch, 1 to 256. Default: by the plan\n"
	"  --toggles N             how many sites soak patches in all. Default: 1000000\n"
	"  --quick | --full        shorter or longer than the default\n"
	"  --seed N                repeat a run's random choices\n"
	"  --out DIR               where to make the run's folder. Default: results\n"
	"  --serialize NAME        in a sync: auto, serialize, iret, mov-cr2, cpuid\n"
	"  --mp-rung NAME          CPUs by: auto, all, each, timer, conductor, sipi, up\n"
	"  --x2apic                interrupts by x2APIC; takes --mp-rung sipi\n"
	"  --noreplace-smp         its own LOCK prefixes stay, also on one CPU\n"
	"  --smp-alt-two-way       they follow the CPUs; --smp-alt-boot: once\n"
	"  --then WHAT             poweroff, reboot or exit when done\n"
	"  --list --help --version\n"
	"\n"
	"  smpoke --quick                     a first look, within a minute\n"
	"  smpoke --suite poke --batch 1,64   two batch sizes\n"
	"\n"
	"Without arguments the words are read from smpoke.cfg; '#' starts a comment.\n"
	"A run's folder holds results.csv (a row per figure), samples.csv (raw values),\n"
	"machine.csv (what it ran on) and log.txt. Exit code: 0 ok, 1 a row failed,\n"
	"2 options, 3 results cannot be stored, 4 the machine lacks something.\n";

const char *plan_name(enum plan plan)
{
	static const char *const names[] = {
		[PLAN_QUICK] = "quick",
		[PLAN_DEFAULT] = "default",
		[PLAN_FULL] = "full",
	};

	return names[plan];
}

static size_t describe_suites(const struct options *options, const char *const *suite_names,
			      char *buf, size_t size)
{
	size_t len = 0;
	u32 nr = 0;

	for (u32 i = 0; suite_names[i]; i++) {
		if (options->suite_wanted[i])
			len += format(buf + len, size - len, "%s%s", nr++ ? "," : "--suite ",
				      suite_names[i]);
	}
	return len;
}

static size_t describe_batches(const struct options *options, char *buf, size_t size)
{
	size_t len = 0;

	for (u32 i = 0; i < options->nr_batches; i++)
		len += format(buf + len, size - len, "%s%u", i ? "," : " --batch ",
			      options->batch[i]);
	return len;
}

size_t options_describe(const struct options *options, const char *const *suite_names, char *buf,
			size_t size)
{
	static const char *const then_names[] = {
		[MACHINE_THEN_POWEROFF] = "poweroff",
		[MACHINE_THEN_REBOOT] = "reboot",
		[MACHINE_THEN_EXIT] = "exit",
	};
	size_t len = describe_suites(options, suite_names, buf, size);

	if (options->nr_cpus)
		len += format(buf + len, size - len, " --cpus %u", options->nr_cpus);
	len += describe_batches(options, buf + len, size - len);
	if (options->nr_toggles != OPTIONS_DEFAULT_TOGGLES)
		len += format(buf + len, size - len, " --toggles %lu", options->nr_toggles);
	len += format(buf + len, size - len, " --seed %lu", options->seed);
	if (options->plan != PLAN_DEFAULT)
		len += format(buf + len, size - len, " --%s", plan_name(options->plan));
	/* With '=', because a name that begins with "--" would not pass for a value otherwise. */
	if (options->out)
		len += format(buf + len, size - len, " --out=%s", options->out);
	if (options->serialize)
		len += format(buf + len, size - len, " --serialize %s",
			      sync_core_name(options->serialize));
	if (options->mp_rung)
		len += format(buf + len, size - len, " --mp-rung %s",
			      machine_start_name(options->mp_rung));
	if (options->x2apic)
		len += format(buf + len, size - len, " --x2apic");
	if (options->noreplace_smp)
		len += format(buf + len, size - len, " --noreplace-smp");
	if (options->smp_alt_boot)
		len += format(buf + len, size - len, " --smp-alt-boot");
	if (options->smp_alt_two_way)
		len += format(buf + len, size - len, " --smp-alt-two-way");
	len += format(buf + len, size - len, " --then %s", then_names[options->then]);
	return len;
}
