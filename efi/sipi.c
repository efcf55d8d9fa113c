/* SPDX-License-Identifier: MIT */
#include "sipi.h"

#include "apic.h"
#include "atomic.h"
#include "firmware.h"
#include "idt.h"
#include "machine.h"
#include "mem.h"
#include "memory_attribute.h"
#include "x86.h"

#define HIGHEST_START 0x9FFFFull /* what SIPI can point at, without the holes above */
#define MSR_EFER 0xC0000080
#define EFER_LMA (1u << 10) /* the CPU's own to set */
#define APIC_INIT (5u << 8)
#define APIC_STARTUP (6u << 8)
#define ENTRY_STACK_BYTES PAGE_BYTES
/* Intel SDM vol. 3, 9.4.4: 10 ms after INIT, 200 us after the first SIPI. */
#define INIT_DELAY_NS (10 * NSEC_PER_MSEC)
#define SIPI_DELAY_NS (200 * NSEC_PER_USEC)
#define BEGIN_TIMEOUT_NS NSEC_PER_SEC

/* trampoline.S, in its order. */
struct words {
	u16 own_gdt_limit;
	u32 own_gdt;
	u16 pad;
	u32 far_64, far_selector;
	u32 cr0, cr3, cr4, efer, cs, ss;
	u64 stack, entry;
	struct table_register gdtr;
	u8 pad_gdtr[6];
	struct table_register idtr;
	u8 pad_idtr[6];
} __attribute__((packed));

extern const u8 trampoline[], trampoline_words[], trampoline_end[], trampoline_64[];

static u8 *page; /* the copy */
static struct words *words; /* in it */

/* It runs on firmware's tables, too, and strict firmware lets nothing run that was allocated. */
static void allow_running_it(void)
{
	static const EFI_GUID guid = MEMORY_ATTRIBUTE_GUID;
	struct memory_attribute *attribute = firmware_locate(&guid);

	if (!attribute)
		return;
	firmware_enter();
	attribute->clear(attribute, (EFI_PHYSICAL_ADDRESS)page, PAGE_BYTES,
			 MEMORY_ATTRIBUTE_NO_EXECUTE);
	firmware_leave();
}

static bool find_page(void)
{
	EFI_PHYSICAL_ADDRESS at = HIGHEST_START;
	EFI_STATUS status;

	firmware_enter();
	/* Code, so that firmware leaves it executable. */
	status = firmware.bs->AllocatePages(AllocateMaxAddress, EfiLoaderCode, 1, &at);
	firmware_leave();
	if (EFI_ERROR(status))
		return false;
	page = (u8 *)at;
	allow_running_it();
	return true;
}

static u32 selector_ss(void)
{
	u32 ss;

	__asm__ volatile("movl %%ss, %0" : "=r"(ss));
	return ss & 0xFFFF;
}

static void fill_words(mp_procedure entry)
{
	const struct cpu_state *state = &boot_percpu.firmware_state;

	words->own_gdt = (u32)(u64)(page + (trampoline_words - trampoline) - 16);
	words->far_64 = (u32)(u64)(page + (trampoline_64 - trampoline));
	words->cr0 = (u32)state->cr0;
	words->cr3 = (u32)state->cr3;
	words->cr4 = (u32)state->cr4;
	words->efer = (u32)rdmsr(MSR_EFER) & ~EFER_LMA;
	words->cs = idt_selector();
	words->ss = selector_ss();
	words->entry = (u64)entry;
	__asm__ volatile("sgdt %0" : "=m"(words->gdtr));
	words->idtr = state->idtr;
}

EFI_STATUS sipi_prepare(mp_procedure entry)
{
	if (boot_percpu.firmware_state.cr3 >> 32)
		return EFI_UNSUPPORTED;
	if (!page && !find_page())
		return EFI_OUT_OF_RESOURCES;
	firmware_enter();
	memcpy(page, trampoline, (size_t)(trampoline_end - trampoline));
	words = (struct words *)(page + (trampoline_words - trampoline));
	fill_words(entry);
	firmware_leave();
	return EFI_SUCCESS;
}

/* Return: true when the CPU has said something before the time is over. */
static bool has_begun(const struct percpu *pc, u64 ns)
{
	u64 deadline = rdtsc() + machine_ticks(ns);

	/* A-arrive: pairs with R-arrive. */
	while (load_acquire(&pc->state) == AP_ABSENT) {
		if ((s64)(rdtsc() - deadline) >= 0)
			return false;
		cpu_relax();
	}
	return true;
}

EFI_STATUS sipi_start(struct percpu *pc)
{
	u8 *stack = machine_alloc(ENTRY_STACK_BYTES);
	u32 vector = (u32)((u64)page / PAGE_BYTES);

	if (!stack)
		return EFI_OUT_OF_RESOURCES;
	/* Kept for good: the CPU ends on it. One CPU at a time, because they share the words. */
	firmware_enter();
	words->stack = (u64)stack + ENTRY_STACK_BYTES;
	firmware_leave();
	apic_send(pc->apic_id, APIC_INIT);
	has_begun(pc, INIT_DELAY_NS);
	apic_send(pc->apic_id, APIC_STARTUP | vector);
	if (has_begun(pc, SIPI_DELAY_NS))
		return EFI_SUCCESS;
	apic_send(pc->apic_id, APIC_STARTUP | vector);
	return has_begun(pc, BEGIN_TIMEOUT_NS) ? EFI_SUCCESS : EFI_TIMEOUT;
}
