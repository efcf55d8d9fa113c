/* SPDX-License-Identifier: MIT */
#include "apic.h"

#include "machine.h"

#define APIC_BASE_ENABLED (1ull << 11)
#define APIC_BASE_X2APIC (1ull << 10)
#define APIC_BASE_ADDRESS 0x000FFFFFFFFFF000ull
#define CPUID_1_ECX_X2APIC (1u << 21)

#define ICR_ASSERT (1u << 14)
#define ICR_PENDING (1u << 12)
/* An APIC that is still sending after this many looks is not going to end; send regardless. */
#define ICR_MAX_LOOKS 100000

static bool switched;

/* @ret_apic: where its registers are, NULL in x2APIC mode. Return: false, it is switched off */
static bool detect(volatile u32 **ret_apic, u32 *ret_id)
{
	u64 base = rdmsr(MSR_APIC_BASE);
	volatile u32 *apic = base & APIC_BASE_X2APIC ? NULL
						     : (volatile u32 *)(base & APIC_BASE_ADDRESS);

	if (!(base & APIC_BASE_ENABLED))
		return false;
	*ret_id = apic ? apic[APIC_ID * 4] >> 24 : (u32)rdmsr(MSR_X2APIC + APIC_ID);
	*ret_apic = apic;
	return true;
}

bool apic_detect(struct percpu *pc)
{
	return detect(&pc->apic, &pc->apic_id);
}

void apic_follow_boot_cpu(void)
{
	u64 base = rdmsr(MSR_APIC_BASE);

	if (!boot_percpu.apic && !(base & APIC_BASE_X2APIC))
		wrmsr(MSR_APIC_BASE, base | APIC_BASE_ENABLED | APIC_BASE_X2APIC);
}

bool apic_has_x2apic(void)
{
	return cpuid(1, 0).ecx & CPUID_1_ECX_X2APIC;
}

/* Interrupts are off, or one that came in between would be acknowledged where nobody listens. */
bool apic_use_x2apic(void)
{
	u64 flags;
	bool on;

	if (!boot_percpu.apic)
		return true;
	if (!apic_has_x2apic())
		return false;
	flags = machine_irq_save();
	switched = true;
	wrmsr(MSR_APIC_BASE, rdmsr(MSR_APIC_BASE) | APIC_BASE_ENABLED | APIC_BASE_X2APIC);
	on = apic_detect(&boot_percpu) && !boot_percpu.apic;
	machine_irq_restore(flags);
	return on;
}

bool apic_switched(void)
{
	return switched;
}

bool apic_my_id(u32 *ret_id)
{
	volatile u32 *apic;

	return detect(&apic, ret_id);
}

u32 apic_read(struct percpu *pc, u32 reg)
{
	return pc->apic ? pc->apic[reg * 4] : (u32)rdmsr(MSR_X2APIC + reg);
}

void apic_write(struct percpu *pc, u32 reg, u32 value)
{
	if (pc->apic)
		pc->apic[reg * 4] = value;
	else
		wrmsr(MSR_X2APIC + reg, value);
}

bool apic_vector_in(struct percpu *pc, u32 reg, u32 vector)
{
	return apic_read(pc, reg + vector / 32) >> (vector % 32) & 1;
}

static void send_x2apic(u32 apic_id, u32 vector)
{
	/*
	 * This WRMSR waits for nothing: without the fences it overtakes the stores of R-sync and
	 * R-work, and the CPU that it interrupts could look before they are there.
	 */
	mfence();
	lfence();
	wrmsr(MSR_X2APIC + APIC_ICR, (u64)apic_id << 32 | ICR_ASSERT | vector);
}

/*
 * The register is written in halves, and firmware's timer code on this CPU could write it in
 * between, so interrupts are off. The stores are uncached and stay behind earlier ones.
 */
static void send_xapic(struct percpu *pc, u32 apic_id, u32 vector)
{
	u64 flags = machine_irq_save();
	u32 looks = 0;

	while (pc->apic_sending && pc->apic[APIC_ICR * 4] & ICR_PENDING && ++looks < ICR_MAX_LOOKS)
		cpu_relax();
	pc->apic_sending = true;
	pc->apic[APIC_ICR_HIGH * 4] = apic_id << 24;
	pc->apic[APIC_ICR * 4] = ICR_ASSERT | vector;
	machine_irq_restore(flags);
}

void apic_send(u32 apic_id, u32 vector)
{
	struct percpu *pc = this_percpu();

	if (pc->apic)
		send_xapic(pc, apic_id, vector);
	else
		send_x2apic(apic_id, vector);
}
