/* SPDX-License-Identifier: MIT */
#include "cpu_state.h"

#include "apic.h"
#include "idt.h"
#include "machine.h"
#include "paging.h"
#include "percpu.h"
#include "x86.h"

#define CR0_WP (1ull << 16)
#define CR4_PGE (1ull << 7)
#define CR4_PCIDE (1ull << 17)
#define CR4_CET (1ull << 23)

static u64 read_cr8(void)
{
	u64 v;

	__asm__ volatile("mov %%cr8, %0" : "=r"(v) : : "memory");
	return v;
}

static void write_cr8(u64 v)
{
	__asm__ volatile("mov %0, %%cr8" : : "r"(v) : "memory");
}

const char *cpu_state_unsupported(void)
{
	u64 cr4 = read_cr4();

	if (cr4 & CR4_CET)
		return "firmware runs with control-flow enforcement (CR4.CET) on, which does not "
		       "let us emulate a CALL";
	if (cr4 & CR4_PCIDE)
		return "firmware runs with process-context identifiers (CR4.PCIDE) on, so that "
		       "loading CR3 would not close the alias";
	return NULL;
}

void cpu_state_save(struct percpu *pc)
{
	struct cpu_state *state = &pc->firmware_state;

	state->cr0 = read_cr0();
	state->cr3 = read_cr3();
	state->cr4 = read_cr4();
	state->gs_base = rdmsr(MSR_GS_BASE);
	state->tpr = read_cr8();
	state->svr = apic_read(pc, APIC_SVR);
	__asm__ volatile("sidt %0" : "=m"(state->idtr));
}

void cpu_state_take(struct percpu *pc)
{
	u64 flags = machine_irq_save();

	/* GS before the interrupt table: our handlers find their CPU through it. */
	percpu_install(pc);
	load_idt(idt_register(pc == &boot_percpu));
	/*
	 * Without WP, ring 0 writes to read-only text. With PGE, a global translation of firmware's
	 * tables outlives the load of ours, and text is writable until it is evicted.
	 */
	write_cr0(pc->firmware_state.cr0 | CR0_WP);
	write_cr4(pc->firmware_state.cr4 & ~CR4_PGE);
	write_cr3((u64)pc->top);
	write_cr8(0);
	apic_write(pc, APIC_SVR, pc->firmware_state.svr | APIC_SVR_ENABLE);
	machine_irq_restore(flags);
}

void cpu_state_restore(const struct cpu_state *state)
{
	struct percpu *pc = this_percpu();
	u64 flags = machine_irq_save();

	apic_write(pc, APIC_SVR, state->svr);
	write_cr8(state->tpr);
	write_cr3(state->cr3);
	write_cr4(state->cr4);
	write_cr0(state->cr0);
	load_idt(&state->idtr);
	wrmsr(MSR_GS_BASE, state->gs_base);
	machine_irq_restore(flags);
}
