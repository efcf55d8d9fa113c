/* SPDX-License-Identifier: MIT */
/*
 * Where we run, and what that lets us promise.
 */
#include "facts.h"

#include "machine.h"
#include "mem.h"
#include "x86.h"

#define CPUID_1_ECX_HYPERVISOR (1u << 31)
#define CPUID_HYPERVISOR 0x40000000
#define CPUID_POWER 0x80000007
#define CPUID_POWER_EDX_INVARIANT_TSC (1u << 8)

static u32 caps = MACHINE_CAP_RING0 | MACHINE_CAP_IRQ_OFF | MACHINE_CAP_ALIAS_PRIVATE;
static const char *env = "metal";
static char signature[13];

static void identify_hypervisor(void)
{
	struct cpuid_regs r = cpuid(CPUID_HYPERVISOR, 0);

	memcpy(signature, &r.ebx, 4);
	memcpy(signature + 4, &r.ecx, 4);
	memcpy(signature + 8, &r.edx, 4);
	if (memcmp(signature, "TCGTCGTCGTCG", 12)) {
		env = "vm";
		caps |= MACHINE_CAP_SILICON;
		return;
	}
	env = "tcg";
	caps |= MACHINE_CAP_STALE_INT3;
}

void identify_init(void)
{
	if (cpuid(1, 0).ecx & CPUID_1_ECX_HYPERVISOR)
		identify_hypervisor();
	else
		caps |= MACHINE_CAP_SILICON;
	if (cpuid(0x80000000, 0).eax >= CPUID_POWER &&
	    cpuid(CPUID_POWER, 0).edx & CPUID_POWER_EDX_INVARIANT_TSC)
		caps |= MACHINE_CAP_TSC_INVARIANT;
}

const char *hypervisor_signature(void)
{
	return signature;
}

u32 machine_caps(void)
{
	return machine_nr_cpus() > 1 ? caps | MACHINE_CAP_SMP : caps;
}

const char *machine_cap_name(u32 cap)
{
	switch (cap) {
	case MACHINE_CAP_SMP:
		return "smp";
	case MACHINE_CAP_RING0:
		return "ring0";
	case MACHINE_CAP_IRQ_OFF:
		return "irq_off";
	case MACHINE_CAP_ALIAS_PRIVATE:
		return "alias_private";
	case MACHINE_CAP_SILICON:
		return "silicon";
	case MACHINE_CAP_TSC_INVARIANT:
		return "tsc_invariant";
	case MACHINE_CAP_STALE_INT3:
		return "stale_int3";
	}
	return "unknown";
}

const char *machine_env(void)
{
	return env;
}
