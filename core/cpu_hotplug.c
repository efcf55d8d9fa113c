/* SPDX-License-Identifier: MIT */
/*
 * The order of things when CPUs go and come: no moment has text in UP form and a second CPU in.
 */
#include "cpu_hotplug.h"

#include "fault.h"
#include "machine.h"
#include "smp_alt.h"
#include "text_patching.h"

static bool is_alone(void)
{
	return machine_nr_cpus_online() == 1;
}

/* One way, LOCKs are back for good, and there is nothing to do. */
static int switch_if_two_way(bool smp)
{
	int err = alternatives_smp_switch(smp);

	return err == -ERR_UNSUPPORTED ? 0 : err;
}

static int go_down(u32 cpu)
{
	bool was_in = machine_cpu_is_online(cpu);
	int err = machine_cpu_offline(cpu);

	if (err || !was_in || !is_alone())
		return err;
	return switch_if_two_way(false);
}

static int come_up(u32 cpu)
{
	int err = 0;

	if (cpu >= machine_nr_cpus())
		return -ERR_INVAL;
	if (!machine_cpu_is_online(cpu) && is_alone() && !fault(UP_STAYS_UP))
		err = switch_if_two_way(true);
	return err ? err : machine_cpu_online(cpu);
}

int cpu_down(u32 cpu)
{
	int err;

	text_mutex_lock();
	err = go_down(cpu);
	text_mutex_unlock();
	return err;
}

int cpu_up(u32 cpu)
{
	int err;

	text_mutex_lock();
	err = come_up(cpu);
	text_mutex_unlock();
	return err;
}
