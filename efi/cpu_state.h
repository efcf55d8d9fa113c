/* SPDX-License-Identifier: MIT */
/*
 * The state of one CPU that we change while it is ours, so that it can be put back.
 */
#ifndef EFI_CPU_STATE_H
#define EFI_CPU_STATE_H

#include "types.h"

struct percpu;

struct table_register {
	u16 limit;
	u64 base;
} __attribute__((packed));

struct cpu_state {
	u64 cr0, cr3, cr4;
	u64 gs_base;
	u64 tpr; /* CR8: the task priority of the local APIC, in either mode */
	u32 svr; /* spurious interrupt register: bit 8 is the software enable */
	struct table_register idtr;
};

/*
 * cpu_state_unsupported() - a mode of this CPU in which we cannot run
 *
 * Return: a sentence, or NULL when all is well.
 */
const char *cpu_state_unsupported(void);

/* cpu_state_save() - remember firmware's state of the calling CPU; its local APIC must be known */
void cpu_state_save(struct percpu *pc);

/*
 * cpu_state_take() - make the calling CPU ours: GS, interrupt table, page tables, APIC on
 *
 * Paging and the interrupt tables must be built. Leaves RFLAGS.IF as it was.
 */
void cpu_state_take(struct percpu *pc);

static inline void load_idt(const struct table_register *idtr)
{
	__asm__ volatile("lidt %0" : : "m"(*idtr) : "memory");
}

/* cpu_state_restore() - undo it; leaves RFLAGS.IF as it was */
void cpu_state_restore(const struct cpu_state *state);

#endif
