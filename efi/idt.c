/* SPDX-License-Identifier: MIT */
#include "idt.h"

#include "apic.h"
#include "mem.h"
#include "trap.h"
#include "vectors.h"

#define NR_VECTORS 256
#define GATE_INTERRUPT 0x8E /* present, ring 0, 64-bit interrupt gate: IF is cleared */

struct gate {
	u16 offset_0;
	u16 selector;
	u8 stack;
	u8 type;
	u16 offset_16;
	u32 offset_32;
	u32 reserved;
};

_Static_assert(sizeof(struct gate) == 16, "Intel SDM vol. 3, figure 6-8");

static struct gate boot_gates[NR_VECTORS] __attribute__((aligned(16)));
static struct gate ap_gates[NR_VECTORS] __attribute__((aligned(16)));
static struct table_register boot_register, ap_register;
static u16 selector;

static void gate_set(struct gate *gates, u32 vector, const void *entry)
{
	u64 offset = (u64)entry;

	gates[vector] = (struct gate){
		.offset_0 = (u16)offset,
		.selector = selector,
		.type = GATE_INTERRUPT,
		.offset_16 = (u16)(offset >> 16),
		.offset_32 = (u32)(offset >> 32),
	};
}

static void gate_common(struct gate *gates, u32 vector)
{
	gate_set(gates, vector, vector_stubs + vector * VECTOR_STUB_BYTES);
}

/*
 * The exceptions that code under test can raise. Those above 19 stay firmware's: in an encrypted
 * guest vector 29 is how firmware does its port accesses.
 */
static bool is_our_exception(u32 vector)
{
	return vector <= 19 && vector != 9 && vector != 15;
}

static void gates_ours(struct gate *gates)
{
	gate_set(gates, TRAP_NMI, vector_nmi);
	gate_set(gates, TRAP_BP, vector_breakpoint);
	gate_set(gates, VECTOR_SYNC, vector_sync);
	gate_set(gates, VECTOR_WAKE, vector_wake);
	gate_set(gates, VECTOR_INTERRUPT, vector_interrupt);
	gate_common(gates, VECTOR_ABORT);
}

void idt_init(void)
{
	struct table_register firmware_idtr;
	u32 vector, bytes;

	selector = read_cs();
	__asm__ volatile("sidt %0" : "=m"(firmware_idtr));
	bytes = firmware_idtr.limit + 1u;
	if (bytes > sizeof(boot_gates))
		bytes = sizeof(boot_gates);
	memcpy(boot_gates, (const void *)firmware_idtr.base, bytes);

	for (vector = 0; vector < NR_VECTORS; vector++) {
		gate_common(ap_gates, vector);
		if (is_our_exception(vector))
			gate_common(boot_gates, vector);
	}
	gates_ours(boot_gates);
	gates_ours(ap_gates);
	boot_register = (struct table_register){ sizeof(boot_gates) - 1, (u64)boot_gates };
	ap_register = (struct table_register){ sizeof(ap_gates) - 1, (u64)ap_gates };
}

const struct table_register *idt_register(bool boot)
{
	return boot ? &boot_register : &ap_register;
}

u16 idt_selector(void)
{
	return selector;
}
