/* SPDX-License-Identifier: MIT */
/*
 * The local APIC, by memory (xAPIC) or by MSR (x2APIC).
 *
 * Which one is decided per CPU from IA32_APIC_BASE and never from CPUID: firmware on servers turns
 * x2APIC on by itself, and then the memory window is dead.
 */
#ifndef EFI_APIC_H
#define EFI_APIC_H

#include "percpu.h"
#include "types.h"
#include "x86.h"

/* Register numbers: times 16 the xAPIC offset, plus 0x800 the MSR (SDM vol. 3, ch. 11). */
#define APIC_ID 0x02
#define APIC_EOI 0x0B
#define APIC_SVR 0x0F
#define APIC_ISR 0x10
#define APIC_IRR 0x20
#define APIC_ICR 0x30
#define APIC_ICR_HIGH 0x31 /* xAPIC only */

#define MSR_APIC_BASE 0x1B
#define APIC_SVR_ENABLE (1u << 8)
#define MSR_X2APIC 0x800

#define XAPIC_MAX_ID 254 /* that one interrupt can be sent to */

/* Our vectors. Away from the timer (20h-22h), the HPET (40h) and the 8259 (68h-77h) of firmware. */
#define VECTOR_SYNC 0xE1
#define VECTOR_WAKE 0xE2
#define VECTOR_ABORT 0xE3
#define VECTOR_INTERRUPT 0xE4

/* In place of a vector for apic_send(): the delivery mode that has none. */
#define APIC_NMI (4u << 8)

/* For inside noinstr code, where a call out is not allowed. */
static force_inline void apic_eoi(struct percpu *pc)
{
	if (pc->apic)
		pc->apic[APIC_EOI * 4] = 0;
	else
		wrmsr(MSR_X2APIC + APIC_EOI, 0);
}

/**
 * apic_detect() - find the calling CPU's local APIC and its id; fills @pc
 *
 * Return: false when the APIC is switched off: this CPU can neither get nor send an interrupt.
 */
bool apic_detect(struct percpu *pc);

/* apic_follow_boot_cpu() - x2APIC on the calling CPU, too; INIT has left it without */
void apic_follow_boot_cpu(void);

/* apic_has_x2apic() - could this machine's APICs be run by MSR? */
bool apic_has_x2apic(void);

/**
 * apic_use_x2apic() - the boot CPU's, where firmware has left it in xAPIC mode
 *
 * For good: the way back leads through a reset of the APIC, and firmware may know its memory window
 * only. So nothing may be given back to firmware afterwards. The other CPUs follow when they come.
 * Context: boot CPU, no other CPU is ours yet. Return: true when it is on, also when it was before.
 */
bool apic_use_x2apic(void);

/* apic_switched() - has apic_use_x2apic() changed anything? */
bool apic_switched(void);

/* apic_my_id() - the calling CPU's id, before it has a struct percpu; false as above */
bool apic_my_id(u32 *ret_id);

u32 apic_read(struct percpu *pc, u32 reg);
void apic_write(struct percpu *pc, u32 reg, u32 value);

/* apic_vector_in() - is @vector pending (APIC_IRR) or in service (APIC_ISR) on this CPU? */
bool apic_vector_in(struct percpu *pc, u32 reg, u32 vector);

/**
 * apic_send() - a fixed interrupt, or APIC_NMI, to one CPU; returns when it is on its way
 *
 * Every store made before is visible to the other CPU when it takes the interrupt.
 * Context: any CPU of ours, interrupts on or off.
 */
void apic_send(u32 apic_id, u32 vector);

#endif
