/* SPDX-License-Identifier: MIT */
#include "all_cpus.h"

#include "cpu_hotplug.h"
#include "machine.h"

int all_cpus_up(struct bench_run *run)
{
	int err = 0;

	for (u32 cpu = 1; cpu < machine_nr_cpus(); cpu++) {
		int one = cpu_up(cpu);

		if (one && !err)
			err = bench_fail(run, one, "cpu %u could not be brought in", cpu);
	}
	return err;
}

int all_cpus_down_from(struct bench_run *run, u32 first)
{
	for (u32 cpu = first; cpu < machine_nr_cpus(); cpu++) {
		int err = cpu_down(cpu);

		if (err)
			return bench_fail(run, err, "cpu %u could not be taken out", cpu);
	}
	return 0;
}

int all_cpus_down(struct bench_run *run)
{
	return all_cpus_down_from(run, 1);
}

bool all_cpus_home(struct bench_run *run, u32 end, u64 timeout_ns)
{
	bool all_home = true;

	for (u32 cpu = 1; cpu < end; cpu++) {
		int err = machine_cpu_wait(cpu, timeout_ns, NULL);

		all_home = all_home && err != -ERR_TIMEOUT;
		/* -ERR_INVAL: it was never started. */
		if (err && err != -ERR_INVAL)
			bench_violation(run, "cpu %u did not end well", cpu);
	}
	return all_home;
}
