/* SPDX-License-Identifier: MIT */
/*
 * The sync of this machine: membarrier(PRIVATE_EXPEDITED_SYNC_CORE).
 *
 * The kernel interrupts exactly the CPUs that run a thread of this process at the moment. A thread
 * that is not running serialises before it returns to user mode the next time, so the promise
 * holds for it without an interrupt.
 */
#include <errno.h>
#include <linux/membarrier.h>
#include <stdio.h>
#include <sys/syscall.h>
#include <sys/utsname.h>
#include <unistd.h>

#include "atomic.h"
#include "fault.h"
#include "host.h"
#include "x86.h"

#define SYNC_TIMEOUT_NS NSEC_PER_SEC

static bool available;
static bool covers_caller;
static u64 nr_rounds;
/* By CPU: what is to be added to the rounds, or all there is to say while it is out. */
static struct {
	u64 count;
	bool out;
} answered[HOST_MAX_CPUS];
static enum sync_core in_force = SYNC_CORE_IRET;

static int membarrier(int command)
{
	return (int)syscall(SYS_membarrier, command, 0, 0);
}

/* Linux 5.10 began to serialise the caller too; before that, siblings only. */
static bool kernel_serialises_caller(void)
{
	struct utsname name;
	unsigned int major, minor;

	if (uname(&name) || sscanf(name.release, "%u.%u", &major, &minor) != 2)
		return false;
	return major > 5 || (major == 5 && minor >= 10);
}

void sync_setup(void)
{
	int known = membarrier(MEMBARRIER_CMD_QUERY);

	available = known > 0 && known & MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE &&
		    !membarrier(MEMBARRIER_CMD_REGISTER_PRIVATE_EXPEDITED_SYNC_CORE);
	covers_caller = kernel_serialises_caller();
	machine_sync_core_select(SYNC_CORE_AUTO);
}

int machine_sync_core_select(enum sync_core how)
{
	if (how == SYNC_CORE_AUTO)
		how = has_serialize() ? SYNC_CORE_SERIALIZE : SYNC_CORE_IRET;
	if (how == SYNC_CORE_MOV_CR2 || (how == SYNC_CORE_SERIALIZE && !has_serialize()))
		return -ERR_UNSUPPORTED;
	in_force = how;
	return 0;
}

enum sync_core machine_sync_core(void)
{
	return in_force;
}

static void sync_core(void)
{
	if (in_force == SYNC_CORE_SERIALIZE)
		serialize();
	else if (in_force == SYNC_CORE_CPUID)
		cpuid(0, 0);
	else
		iret_to_self();
}

u64 machine_syncs_answered(u32 cpu)
{
	if (cpu >= HOST_MAX_CPUS)
		return 0;
	return answered[cpu].count + (answered[cpu].out ? 0 : load_relaxed(&nr_rounds));
}

void sync_left(u32 cpu)
{
	answered[cpu].count += nr_rounds;
	answered[cpu].out = true;
}

void sync_returned(u32 cpu)
{
	answered[cpu].count += 1 - nr_rounds;
	answered[cpu].out = false;
}

bool sync_available(void)
{
	return available;
}

const char *sync_kind(void)
{
	return available ? "membarrier" : "none";
}

/*
 * The call waits inside the kernel for as long as an interrupt takes and cannot be given a
 * deadline. The only passing error is a lack of memory for its CPU mask, in kernels before 5.10.
 */
static int sync_others(void)
{
	u64 deadline = now_ns() + SYNC_TIMEOUT_NS;

	while (membarrier(MEMBARRIER_CMD_PRIVATE_EXPEDITED_SYNC_CORE)) {
		if ((errno != ENOMEM && errno != EINTR) || now_ns() >= deadline)
			return -ERR_TIMEOUT;
	}
	return 0;
}

int machine_sync_core_each_cpu(u32 *ret_cpu)
{
	/* With one thread the kernel returns at once and serialises nobody, us included. */
	if (cpus_nr_threads() == 1) {
		sync_core();
		return 0;
	}
	store_relaxed(&nr_rounds, nr_rounds + 1);
	/* The kernel's answer cannot be had early; no answer at all comes as early as can be. */
	if (fault(ACK_EARLY))
		return 0;
	if (sync_others()) {
		if (ret_cpu)
			*ret_cpu = 1;
		return -ERR_TIMEOUT;
	}
	if (!covers_caller)
		sync_core();
	return 0;
}
