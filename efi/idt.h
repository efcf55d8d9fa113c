/* SPDX-License-Identifier: MIT */
/*
 * Our interrupt tables.
 *
 * The boot CPU's is a copy of firmware's with our gates over it, so that firmware's timer keeps
 * ticking; the other CPUs' is all ours. No gate uses an interrupt stack: firmware leaves TR at 0,
 * and a gate with one would be a triple fault.
 */
#ifndef EFI_IDT_H
#define EFI_IDT_H

#include "cpu_state.h"
#include "types.h"

/* idt_init() - build both tables; on the boot CPU, while firmware's table is loaded */
void idt_init(void);

/* idt_register() - what LIDT wants, on the boot CPU or another */
const struct table_register *idt_register(bool boot);

/* idt_selector() - the code segment that every gate switches to */
u16 idt_selector(void);

static inline u16 read_cs(void)
{
	u16 cs;

	__asm__("mov %%cs, %0" : "=r"(cs));
	return cs;
}

#endif
