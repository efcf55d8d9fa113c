/* SPDX-License-Identifier: MIT */
#include "cpu_look.h"

#include "machine.h"
#include "x86.h"

#define MSR_MICROCODE 0x8B

struct msr_access {
	u32 msr;
	u64 value;
};

static void do_rdmsr(void *arg)
{
	struct msr_access *access = arg;

	access->value = rdmsr(access->msr);
}

bool msr_read(u32 msr, u64 *ret)
{
	struct msr_access access = { .msr = msr };

	if (machine_probe(do_rdmsr, &access, NULL))
		return false;
	*ret = access.value;
	return true;
}

static void do_wrmsr(void *arg)
{
	const struct msr_access *access = arg;

	wrmsr(access->msr, access->value);
}

bool msr_write(u32 msr, u64 value)
{
	struct msr_access access = { .msr = msr, .value = value };

	return !machine_probe(do_wrmsr, &access, NULL);
}

void cpu_look(struct percpu *pc)
{
	u64 value;

	topology_look(&pc->topology);
	/* Intel keeps the revision in the upper half, AMD in the lower. */
	if (msr_read(MSR_MICROCODE, &value))
		pc->microcode = value >> 32 ? value >> 32 : value;
}
