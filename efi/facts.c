/* SPDX-License-Identifier: MIT */
/*
 * machine_for_each_fact(): everything a reader of the figures may ask about the machine.
 */
#include "machine.h"
#include "machine_text.h"

#include "acpi.h"
#include "clock.h"
#include "core_clock.h"
#include "cpu_look.h"
#include "facts.h"
#include "firmware.h"
#include "guard.h"
#include "memory_attribute.h"
#include "mp.h"
#include "mp_ladder.h"
#include "paging.h"
#include "percpu.h"
#include "smbios.h"
#include "strings.h"
#include "text.h"
#include "x86.h"

#define MSR_EFER 0xC0000080
#define MSR_TSC_ADJUST 0x3B
#define MSR_SPEC_CTRL 0x48
#define MSR_AMD_DE_CFG 0xC0011029
#define VALUE_BYTES 128
#define CR4_PGE (1ull << 7)
/* One walk over the facts: who wants them, and the value being put together. */
struct facts {
	void (*emit)(void *ctx, const char *key, const char *value);
	void *ctx;
	char buf[VALUE_BYTES];
	struct string value;
};

static struct string *begin(struct facts *f)
{
	string_init(&f->value, f->buf, sizeof(f->buf));
	return &f->value;
}

static void end(struct facts *f, const char *key)
{
	f->emit(f->ctx, key, f->value.len ? f->buf : "unknown");
}

static void fact_text(struct facts *f, const char *key, const char *text)
{
	string_add(begin(f), text);
	end(f, key);
}

static void fact_dec(struct facts *f, const char *key, u64 value)
{
	string_dec(begin(f), value);
	end(f, key);
}

static void fact_hex(struct facts *f, const char *key, u64 value)
{
	string_hex(begin(f), value);
	end(f, key);
}

/* A register that this CPU does not have is a #GP, not a reason to stop. */
static void fact_msr(struct facts *f, const char *key, u32 msr)
{
	u64 value;

	if (msr_read(msr, &value))
		fact_hex(f, key, value);
	else
		fact_text(f, key, "none");
}

static void firmware_facts(struct facts *f)
{
	static const EFI_GUID global = EFI_GLOBAL_VARIABLE, attributes = MEMORY_ATTRIBUTE_GUID;
	u8 secure_boot = 0;
	UINTN bytes = sizeof(secure_boot);
	EFI_STATUS status;
	u32 i;

	if (firmware.st->FirmwareVendor)
		string_add_ucs2(begin(f), firmware.st->FirmwareVendor, VALUE_BYTES);
	end(f, "firmware_vendor");
	fact_hex(f, "firmware_revision", firmware.st->FirmwareRevision);
	string_dec(begin(f), firmware.st->Hdr.Revision >> 16);
	string_char(&f->value, '.');
	string_dec(&f->value, (firmware.st->Hdr.Revision & 0xFFFF) / 10);
	end(f, "uefi_revision");

	firmware_enter();
	status = firmware.rt->GetVariable((CHAR16 *)L"SecureBoot", (EFI_GUID *)&global, NULL,
					  &bytes, &secure_boot);
	firmware_leave();
	fact_text(f, "secure_boot", EFI_ERROR(status) ? "none" : secure_boot ? "on" : "off");
	fact_text(f, "memory_attribute_protocol",
		  firmware_locate(&attributes) ? "present" : "absent");
	for (i = 0; i < NR_SMBIOS_NAMES; i++) {
		smbios_add(begin(f), (enum smbios_name)i);
		end(f, smbios_key((enum smbios_name)i));
	}
}

static void add_cpuid_text(struct string *s, u32 a, u32 b, u32 c, u32 d)
{
	u32 words[4] = { a, b, c, d };

	string_add_bytes(s, words, sizeof(words));
}

static void brand_fact(struct facts *f)
{
	struct cpuid_regs r;
	char brand[49] = { 0 };
	u32 leaf, *words = (u32 *)brand;

	if (cpuid(0x80000000, 0).eax < 0x80000004)
		return;
	for (leaf = 0; leaf < 3; leaf++) {
		r = cpuid(0x80000002 + leaf, 0);
		*words++ = r.eax;
		*words++ = r.ebx;
		*words++ = r.ecx;
		*words++ = r.edx;
	}
	string_add_bytes(begin(f), brand, sizeof(brand));
	end(f, "cpu_brand");
}

/* Family and model as the manuals print them (SDM vol. 2, CPUID, "Input EAX = 01H"). */
static void family_facts(struct facts *f)
{
	u32 eax = cpuid(1, 0).eax;
	u32 family = eax >> 8 & 15, model = eax >> 4 & 15;

	if (family == 6 || family == 15)
		model |= eax >> 12 & 0xF0;
	if (family == 15)
		family += eax >> 20 & 0xFF;
	fact_dec(f, "cpu_family", family);
	fact_dec(f, "cpu_model", model);
	fact_dec(f, "cpu_stepping", eax & 15);
}

static void cpu_facts(struct facts *f)
{
	struct cpuid_regs r = cpuid(0, 0);

	add_cpuid_text(begin(f), r.ebx, r.edx, r.ecx, 0);
	end(f, "cpu_vendor");
	brand_fact(f);
	family_facts(f);
	fact_hex(f, "cpu_signature", boot_percpu.topology.signature);
	fact_hex(f, "cpu_microcode", boot_percpu.microcode);
	fact_msr(f, "tsc_adjust_msr", MSR_TSC_ADJUST);
	fact_msr(f, "spec_ctrl_msr", MSR_SPEC_CTRL);
	/* Bit 1 makes LFENCE serialising, which rdtsc_ordered() relies on. */
	if (r.ebx == 0x68747541)
		fact_msr(f, "amd_de_cfg_msr", MSR_AMD_DE_CFG);
	fact_msr(f, "smi_count_msr", MSR_SMI_COUNT);
	fact_text(f, "hypervisor", hypervisor_signature()[0] ? hypervisor_signature() : "none");
	fact_text(f, "env", machine_env());
	fact_text(f, "sync_instruction", sync_core_name(machine_sync_core()));
}

/* Key and number, for the facts that come in rows. */
static void fact_dec_of(struct facts *f, const char *prefix, const char *which, u64 value)
{
	char key[48];
	struct string s;

	string_init(&s, key, sizeof(key));
	string_add(&s, prefix);
	string_add(&s, which);
	fact_dec(f, key, value);
}

static void clock_facts(struct facts *f)
{
	u32 source;

	fact_dec(f, "tsc_hz", machine_tsc_hz());
	fact_text(f, "tsc_source", clock_name(clock_chosen()));
	for (source = 0; source < NR_CLOCK_SOURCES; source++)
		fact_dec_of(f, "tsc_hz_", clock_name((enum clock_source)source),
			    clock_hz((enum clock_source)source));
	fact_dec(f, "tsc_spread_ppm", clock_spread_ppm());
	fact_text(f, "tsc_invariant", machine_caps() & MACHINE_CAP_TSC_INVARIANT ? "yes" : "no");
}

/* Firmware that enforces them says so by something else than rwx. */
static void fact_rights(struct facts *f, const char *key, const void *addr)
{
	char rights[4];

	paging_firmware_rights(addr, rights);
	fact_text(f, key, rights);
}

static void mode_facts(struct facts *f)
{
	const struct cpu_state *state = &boot_percpu.firmware_state;

	fact_text(f, "apic_mode", boot_percpu.apic ? "xapic" : "x2apic");
	fact_dec(f, "paging_levels", paging_levels());
	fact_text(f, "firmware_global_pages", state->cr4 & CR4_PGE ? "yes" : "no");
	fact_hex(f, "cr0", state->cr0);
	fact_hex(f, "cr3", state->cr3);
	fact_hex(f, "cr4", state->cr4);
	fact_msr(f, "efer", MSR_EFER);
	fact_text(f, "nx", paging_has_nx() ? "yes" : "no");
	fact_rights(f, "firmware_rights_text", _stext);
	fact_rights(f, "firmware_rights_data", &boot_percpu);
	if (boot_percpu.stack)
		fact_rights(f, "firmware_rights_memory", boot_percpu.stack);
	if (firmware.loaded)
		fact_rights(f, "firmware_rights_own_data", firmware.loaded);
}

static void text_facts(struct facts *f)
{
	const struct arena *arena = text_arena();

	fact_hex(f, "image_text", (u64)_stext);
	fact_hex(f, "text_arena", (u64)arena->start);
	fact_dec(f, "text_arena_bytes", arena->nr_pages * PAGE_BYTES);
	fact_hex(f, "text_poke_mm_delta", (u64)paging_alias_delta());
}

/* "apic 3 package 0 core 1 thread 1 P microcode 0x12": one line for each CPU that is ours. */
static void fact_cpu(struct facts *f, u32 cpu)
{
	const struct percpu *pc = percpu_of(cpu);
	char key[24];
	struct string *value = begin(f), s;

	string_add(value, "apic ");
	string_dec(value, pc->apic_id);
	string_add(value, " package ");
	string_dec(value, pc->topology.package);
	string_add(value, " core ");
	string_dec(value, pc->topology.core);
	string_add(value, " thread ");
	string_dec(value, pc->topology.thread);
	string_char(value, ' ');
	string_add(value, core_type_name(pc->topology.type));
	string_add(value, " microcode ");
	string_hex(value, pc->microcode);
	string_init(&s, key, sizeof(key));
	string_add(&s, "cpu");
	string_dec(&s, cpu);
	end(f, key);
}

/* Firmware that updated some of them and not the others makes figures differ from CPU to CPU. */
static bool microcode_differs(void)
{
	u32 cpu;

	for (cpu = 1; cpu < machine_nr_cpus(); cpu++)
		if (percpu_of(cpu)->microcode != boot_percpu.microcode)
			return true;
	return false;
}

static void smp_facts(struct facts *f)
{
	char key[32];
	struct string s;
	u32 cpu, how;

	fact_dec(f, "nr_cpus_present", machine_nr_cpus_present());
	fact_dec(f, "nr_cpus_started", machine_nr_cpus());
	fact_dec(f, "nr_cpus_acpi", acpi_nr_cpus());
	fact_dec(f, "nr_cpus_disabled", mp_nr_disabled());
	fact_dec(f, "nr_cpus_unhealthy", mp_nr_unhealthy());
	f->emit(f->ctx, "cpus_refused", mp_refused());
	fact_text(f, "mp_rung", mp_rung());
	for (how = START_ALL; how < START_UP; how++) {
		if (!mp_ladder_result((enum machine_start)how))
			continue;
		string_init(&s, key, sizeof(key));
		string_add(&s, "mp_rung_");
		string_add(&s, machine_start_name((enum machine_start)how));
		fact_text(f, key, mp_ladder_result((enum machine_start)how));
	}
	fact_text(f, "mp_reason", mp_reason() ? mp_reason() : "none");
	for (cpu = 0; cpu < machine_nr_cpus(); cpu++)
		fact_cpu(f, cpu);
	fact_text(f, "microcode_differs", microcode_differs() ? "yes" : "no");
}

const char *machine_next_warning(void)
{
	return guard_next_warning();
}

void machine_for_each_fact(void (*emit)(void *ctx, const char *key, const char *value), void *ctx)
{
	struct facts f = { .emit = emit, .ctx = ctx };

	firmware_facts(&f);
	cpu_facts(&f);
	clock_facts(&f);
	mode_facts(&f);
	text_facts(&f);
	smp_facts(&f);
}
