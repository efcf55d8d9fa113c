/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include "format.h"
#include "screen.h"

int bench_fail(struct bench_run *run, int error, const char *fmt, ...)
{
	va_list args;

	va_start(args, fmt);
	vformat(run->reason, sizeof(run->reason), fmt, args);
	va_end(args);
	return error;
}

void bench_violation(struct bench_run *run, const char *fmt, ...)
{
	va_list args;

	run->violations++;
	if (run->reason[0])
		return;
	va_start(args, fmt);
	vformat(run->reason, sizeof(run->reason), fmt, args);
	va_end(args);
}

void bench_note(const struct bench_run *run, const char *fmt, ...)
{
	char line[SCREEN_LINE_BYTES];
	va_list args;

	if (!run->log)
		return;
	va_start(args, fmt);
	vformat(line, sizeof(line), fmt, args);
	va_end(args);
	screen_note(run->log, "%s: %s", run->bench->name, line);
}
