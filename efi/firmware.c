/* SPDX-License-Identifier: MIT */
#include "firmware.h"

#include "apic.h"
#include "cpu_state.h"
#include "cpus.h"
#include "fault.h"
#include "guard.h"
#include "idt.h"
#include "machine.h"
#include "mem.h"
#include "paging.h"
#include "percpu.h"
#include "x86.h"

struct firmware firmware;

#define MSR_EFER 0xC0000080
#define CR4_OSXSAVE (1ull << 18)

static u32 enter_depth;

/* The call under way. */
static const char *call_name;
static struct guarded_state found;

/* The state in which firmware is called, as it was the first time; and the same of bare calls. */
static struct guarded_state relied_on[2];
static bool is_known[2];

void firmware_init(EFI_HANDLE image, EFI_SYSTEM_TABLE *st)
{
	static const EFI_GUID loaded_image = LOADED_IMAGE_PROTOCOL;

	firmware.image = image;
	firmware.st = st;
	firmware.bs = st->BootServices;
	firmware.rt = st->RuntimeServices;
	firmware.loaded = firmware_protocol(image, &loaded_image);
}

static u64 read_xcr0(void)
{
	u32 lo, hi;

	__asm__ volatile("xgetbv" : "=a"(lo), "=d"(hi) : "c"(0));
	return (u64)hi << 32 | lo;
}

static u64 read_ss(void)
{
	u64 ss;

	__asm__ volatile("mov %%ss, %k0" : "=r"(ss));
	return ss & 0xFFFF;
}

static u64 read_ds(void)
{
	u64 ds;

	__asm__ volatile("mov %%ds, %k0" : "=r"(ds));
	return ds & 0xFFFF;
}

/* @flags: before anything of ours could go wrong with DF. */
static void look(struct guarded_state *ret, u64 flags)
{
	struct table_register gdtr, idtr;
	u64 *value = ret->value;

	__asm__ volatile("sgdt %0\n\tsidt %1" : "=m"(gdtr), "=m"(idtr));
	value[GUARDED_CR0] = read_cr0();
	value[GUARDED_CR3] = read_cr3();
	value[GUARDED_CR4] = read_cr4();
	value[GUARDED_EFER] = rdmsr(MSR_EFER);
	value[GUARDED_GDT_BASE] = gdtr.base;
	value[GUARDED_GDT_LIMIT] = gdtr.limit;
	value[GUARDED_IDT_BASE] = idtr.base;
	value[GUARDED_IDT_LIMIT] = idtr.limit;
	value[GUARDED_CS] = read_cs();
	value[GUARDED_SS] = read_ss();
	value[GUARDED_DS] = read_ds();
	value[GUARDED_IF] = (flags & EFLAGS_IF) != 0;
	value[GUARDED_DF] = (flags & EFLAGS_DF) != 0;
	value[GUARDED_APIC_BASE] = rdmsr(MSR_APIC_BASE);
	value[GUARDED_XCR0] = value[GUARDED_CR4] & CR4_OSXSAVE ? read_xcr0() : 0;
	value[GUARDED_STACK] = !boot_percpu.stack || cpus_stack_is_whole(boot_percpu.stack);
}

/*
 * What our promises hang on goes back: that text cannot be written (CR0.WP, CR4.PGE), that NX is no
 * reserved bit (EFER), that traps come to us. A segment table that firmware moved has to stay where
 * it is; what was at the old place may be gone. CR3 is loaded anyway, and DF is clear already.
 */
static bool mend(enum guarded which, const struct guarded_state *before)
{
	struct table_register idtr = { (u16)before->value[GUARDED_IDT_LIMIT],
				       before->value[GUARDED_IDT_BASE] };
	u64 value = before->value[which];

	switch (which) {
	case GUARDED_CR0:
		write_cr0(value);
		return true;
	case GUARDED_CR4:
		write_cr4(value);
		return true;
	case GUARDED_EFER:
		wrmsr(MSR_EFER, value);
		return true;
	case GUARDED_IDT_BASE:
	case GUARDED_IDT_LIMIT:
		load_idt(&idtr);
		return true;
	case GUARDED_IF:
		machine_irq_restore(value ? EFLAGS_IF : 0);
		return true;
	case GUARDED_APIC_BASE:
		apic_detect(&boot_percpu);
		return false;
	case GUARDED_STACK:
		cpus_guard_stack(boot_percpu.stack);
		return true;
	default:
		return which == GUARDED_CR3 || which == GUARDED_DF;
	}
}

/* A stand-in for firmware that leaves things behind. */
static void do_harm(void)
{
	write_cr4(read_cr4() | 1ull << 7);
	load_idt(&boot_percpu.firmware_state.idtr);
	*(u64 *)boot_percpu.stack = 0;
}

/* What could not be put back is what there is from now on. */
static void look_again(struct guarded_state *now, bool bare)
{
	look(now, read_flags());
	relied_on[bare] = *now;
}

static void begin_call(const char *call, bool bare)
{
	call_name = call;
	if (fault(FIRMWARE_DOES_HARM) && is_known[bare])
		write_cr4(read_cr4() | 1ull << 7);
	look(&found, read_flags());
	/* Interrupts may be off, when we want it so. */
	relied_on[bare].value[GUARDED_IF] = found.value[GUARDED_IF];
	if (!is_known[bare] || guard_check(call, true, &relied_on[bare], &found, mend))
		look_again(&found, bare);
	is_known[bare] = true;
}

static void end_call(bool bare)
{
	struct guarded_state left;
	u64 flags = read_flags();

	__asm__ volatile("cld" : : : "cc");
	if (fault(FIRMWARE_DOES_HARM) && !bare)
		do_harm();
	look(&left, flags);
	/* MP services come back in an interrupt, or not; who calls them sees to it. */
	if (bare)
		left.value[GUARDED_IF] = found.value[GUARDED_IF];
	if (guard_check(call_name, false, &found, &left, mend))
		look_again(&left, bare);
}

void firmware_enter_for(const char *call)
{
	if (enter_depth++)
		return;
	paging_use_firmware();
	if (paging_active())
		begin_call(call, false);
}

void firmware_leave(void)
{
	if (--enter_depth)
		return;
	if (paging_active())
		end_call(false);
	paging_use_ours();
	/* Firmware that reloads GS loses our base, and with it the number of this CPU. */
	if (paging_active())
		percpu_install(&boot_percpu);
}

void firmware_enter_bare_for(const char *call)
{
	enter_depth++;
	cpu_state_restore(&boot_percpu.firmware_state);
	begin_call(call, true);
}

void firmware_leave_bare(void)
{
	end_call(true);
	cpu_state_take(&boot_percpu);
	enter_depth--;
}

void firmware_is_called_anew(void)
{
	is_known[0] = is_known[1] = false;
}

bool firmware_is_in(void)
{
	return enter_depth != 0;
}

void *firmware_protocol(EFI_HANDLE handle, const EFI_GUID *guid)
{
	EFI_STATUS status;
	void *interface = NULL;

	if (!handle)
		return NULL;
	firmware_enter();
	status = firmware.bs->HandleProtocol(handle, (EFI_GUID *)guid, &interface);
	firmware_leave();
	return EFI_ERROR(status) ? NULL : interface;
}

void *firmware_locate(const EFI_GUID *guid)
{
	EFI_STATUS status;
	void *interface = NULL;

	firmware_enter();
	status = firmware.bs->LocateProtocol((EFI_GUID *)guid, NULL, &interface);
	firmware_leave();
	return EFI_ERROR(status) ? NULL : interface;
}

const void *firmware_table(const EFI_GUID *guid)
{
	const EFI_CONFIGURATION_TABLE *table = firmware.st->ConfigurationTable;
	UINTN i;

	for (i = 0; i < firmware.st->NumberOfTableEntries; i++) {
		if (!memcmp(&table[i].VendorGuid, guid, sizeof(*guid)))
			return table[i].VendorTable;
	}
	return NULL;
}

void *firmware_pages(size_t nr_pages, EFI_MEMORY_TYPE type, u64 at)
{
	EFI_PHYSICAL_ADDRESS address = at;
	EFI_STATUS status;

	firmware_enter();
	status = firmware.bs->AllocatePages(at ? AllocateAddress : AllocateAnyPages, type, nr_pages,
					    &address);
	firmware_leave();
	return EFI_ERROR(status) ? NULL : (void *)address;
}

void firmware_free_pages(void *mem, size_t nr_pages)
{
	if (!mem)
		return;
	firmware_enter();
	firmware.bs->FreePages((EFI_PHYSICAL_ADDRESS)mem, nr_pages);
	firmware_leave();
}
