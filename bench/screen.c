/* SPDX-License-Identifier: MIT */
#include "screen.h"

#include "fault.h"
#include "format.h"
#include "machine.h"
#include "x86.h"

#define NSEC_PER_TENTH (NSEC_PER_SEC / 10)

static bool quiet;
static u32 nr_said; /* meanwhile */

void screen_quiet(struct results *log)
{
	quiet = true;
	if (fault(PRINT_IN_SAMPLE))
		screen_say(log, "a planted line\n");
}

u32 screen_quiet_end(void)
{
	u32 nr = nr_said;

	quiet = false;
	nr_said = 0;
	return nr;
}

void screen_say(struct results *log, const char *fmt, ...)
{
	char line[SCREEN_LINE_BYTES];
	va_list args;

	va_start(args, fmt);
	vformat(line, sizeof(line), fmt, args);
	va_end(args);
	nr_said += quiet;
	machine_print(line);
	results_log(log, line);
}

void screen_note(struct results *log, const char *fmt, ...)
{
	u64 ms = machine_ns(rdtsc() - log->start_tsc) / NSEC_PER_MSEC;
	char line[SCREEN_LINE_BYTES];
	va_list args;
	size_t len;

	len = format(line, sizeof(line), "[%5lu.%03lu] ", ms / 1000, ms % 1000);
	va_start(args, fmt);
	/* One byte is kept for the line end. */
	len += vformat(line + len, sizeof(line) - len - 1, fmt, args);
	va_end(args);
	format(line + len, sizeof(line) - len, "\n");
	nr_said += quiet;
	results_log(log, line);
}

void screen_failure(struct results *log, const char *suite, const char *bench, u32 sites,
		    const char *reason)
{
	if (sites)
		screen_say(log, "  FAIL %s/%s, %u sites: %s\n", suite, bench, sites, reason);
	else
		screen_say(log, "  FAIL %s/%s: %s\n", suite, bench, reason);
}

void screen_suite_begin(struct results *log, const struct suite *suite)
{
	screen_say(log, "%s: %s\n", suite->name, suite->question);
}

void screen_suite_end(struct results *log, const struct suite *suite,
		      const struct runner_totals *totals)
{
	u64 tenths = (totals->ns + NSEC_PER_TENTH / 2) / NSEC_PER_TENTH;

	screen_say(log, "%s: %u rows: %u ok, %u fail, %u skip, %lu.%lu s", suite->name,
		   totals->nr_rows, totals->nr_ok, totals->nr_fail, totals->nr_skip, tenths / 10,
		   tenths % 10);
	if (totals->left_ns)
		screen_say(log, "; about %lu s left",
			   (u64)((totals->left_ns + NSEC_PER_SEC - 1) / NSEC_PER_SEC));
	screen_say(log, "\n");
}

static void list_bench(const struct bench *bench)
{
	char line[SCREEN_LINE_BYTES];
	size_t len = format(line, sizeof(line), "  %-20s", bench->name);

	if (bench->per_batch)
		len += format(line + len, sizeof(line) - len, " each size of --batch:");
	if (bench->min_plan > PLAN_QUICK)
		len += format(line + len, sizeof(line) - len, " not --quick:");
	if (bench->per_cpus)
		len += format(line + len, sizeof(line) - len, " 2 CPUs and more:");
	for (u32 i = 0; i < bench->nr_series; i++)
		len += format(line + len, sizeof(line) - len, " %s", bench->series[i].variant);
	format(line + len, sizeof(line) - len, "\n");
	machine_print(line);
}

void screen_list(const struct suite *const *list)
{
	char line[SCREEN_LINE_BYTES];

	for (u32 s = 0; list[s]; s++) {
		format(line, sizeof(line), "%s: %s%s\n", list[s]->name, list[s]->question,
		       list[s]->on_request ? " (on request)" : "");
		machine_print(line);
		for (u32 b = 0; b < list[s]->nr_benches; b++)
			list_bench(&list[s]->benches[b]);
	}
}
