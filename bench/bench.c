/* SPDX-License-Identifier: MIT */
#include "bench.h"

#include "format.h"

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
