/* SPDX-License-Identifier: MIT */
#include "cpu_picks.h"

void cpu_picks(struct cpu_picks *ret, u32 nr_cpus, u32 max)
{
	u32 nr = max < CPU_PICKS_MAX ? max : CPU_PICKS_MAX;

	if (nr > nr_cpus)
		nr = nr_cpus;
	ret->nr = nr;
	for (u32 i = 0; i < nr; i++)
		ret->cpu[i] = i < 2 ? i : (u32)(1 + (u64)(nr_cpus - 2) * (i - 1) / (nr - 2));
}
