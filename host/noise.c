/* SPDX-License-Identifier: MIT */
/*
 * The core's own cycles through perf_event_open(), and how often the system took the CPU away.
 */
#include <errno.h>
#include <linux/perf_event.h>
#include <stdio.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "host.h"
#include "machine_noise.h"

static int group = -1; /* the event that leads it: cycles of the core */
static char why[128];

/* What read() gives of the group. */
struct counts {
	u64 nr, core, reference;
};

/* In this program only, which needs no privilege; both alike, so their ratio is not touched. */
static int open_event(u64 config, int leader)
{
	struct perf_event_attr attr = {
		.type = PERF_TYPE_HARDWARE,
		.size = sizeof(attr),
		.config = config,
		.read_format = PERF_FORMAT_GROUP,
		.exclude_kernel = 1,
		.exclude_hv = 1,
	};

	return (int)syscall(SYS_perf_event_open, &attr, 0, -1, leader, PERF_FLAG_FD_CLOEXEC);
}

static bool refused(const char *what)
{
	snprintf(why, sizeof(why), "perf_event_open, %s: %s", what, strerror(errno));
	return false;
}

static bool open_group(void)
{
	group = open_event(PERF_COUNT_HW_CPU_CYCLES, -1);
	if (group < 0)
		return refused("core cycles");
	/* It stays open with the group, for as long as the process runs. */
	return open_event(PERF_COUNT_HW_REF_CPU_CYCLES, group) >= 0 || refused("reference cycles");
}

void noise_setup(void)
{
	struct core_cycles before, after;

	if (open_group() && machine_core_cycles(&before) && machine_core_cycles(&after) &&
	    after.core != before.core && after.reference != before.reference)
		return;
	if (group >= 0) {
		close(group);
		group = -1;
		if (!why[0])
			snprintf(why, sizeof(why), "perf_event_open: the counters do not count");
	}
}

enum core_clock machine_core_clock(const char **ret_why)
{
	*ret_why = group < 0 ? why : NULL;
	return group < 0 ? CORE_CLOCK_NONE : CORE_CLOCK_PERF;
}

bool machine_core_cycles(struct core_cycles *ret)
{
	struct counts counts;

	if (group < 0 || read(group, &counts, sizeof(counts)) != sizeof(counts) || counts.nr != 2)
		return false;
	*ret = (struct core_cycles){ counts.core, counts.reference };
	return true;
}

/* Nobody tells a process of them. */
bool machine_smis(u64 *ret)
{
	(void)ret;
	return false;
}

bool machine_switches(u64 *ret)
{
	struct rusage usage;

	if (getrusage(RUSAGE_THREAD, &usage))
		return false;
	*ret = (u64)usage.ru_nivcsw;
	return true;
}
