/* SPDX-License-Identifier: MIT */
#include "acpi.h"

#include "firmware.h"
#include "mem.h"

/* Offsets in the tables: ACPI specification 6.4, sections 5.2.5.3, 5.2.6 and 5.2.9. */
#define RSDP_XSDT 24
#define TABLE_LENGTH 4
#define TABLE_HEADER_BYTES 36
#define FADT_PM_TIMER 76
#define FADT_PM_TIMER_BYTES 91
#define FADT_FLAGS 112
#define FADT_FLAG_TIMER_32 (1u << 8)
#define FADT_MIN_BYTES 116
/* 5.2.12: the list of interrupt controllers. */
#define MADT_ENTRIES 44
#define MADT_LOCAL_APIC 0
#define MADT_LOCAL_APIC_FLAGS 4
#define MADT_LOCAL_X2APIC 9
#define MADT_LOCAL_X2APIC_FLAGS 8
#define MADT_ENABLED 1

static u64 field(const u8 *table, u32 offset, u32 bytes)
{
	u64 v = 0;

	memcpy(&v, table + offset, bytes);
	return v;
}

static const u8 *find_table(const char *signature)
{
	static const EFI_GUID guid = ACPI_20_TABLE_GUID;
	const u8 *rsdp = firmware_table(&guid), *xsdt, *table;
	u64 offset, bytes;

	if (!rsdp || memcmp(rsdp, "RSD PTR ", 8))
		return NULL;
	xsdt = (const u8 *)field(rsdp, RSDP_XSDT, 8);
	if (!xsdt || memcmp(xsdt, "XSDT", 4))
		return NULL;
	bytes = field(xsdt, TABLE_LENGTH, 4);
	for (offset = TABLE_HEADER_BYTES; offset + 8 <= bytes; offset += 8) {
		table = (const u8 *)field(xsdt, (u32)offset, 8);
		if (table && !memcmp(table, signature, 4))
			return table;
	}
	return NULL;
}

bool acpi_find_pm_timer(struct acpi_pm_timer *ret)
{
	const u8 *fadt = find_table("FACP");

	if (!fadt || field(fadt, TABLE_LENGTH, 4) < FADT_MIN_BYTES ||
	    field(fadt, FADT_PM_TIMER_BYTES, 1) != 4)
		return false;
	ret->port = (u16)field(fadt, FADT_PM_TIMER, 4);
	ret->mask = field(fadt, FADT_FLAGS, 4) & FADT_FLAG_TIMER_32 ? 0xFFFFFFFF : 0x00FFFFFF;
	return ret->port != 0;
}

static bool is_cpu(const u8 *entry)
{
	if (entry[0] == MADT_LOCAL_APIC)
		return field(entry, MADT_LOCAL_APIC_FLAGS, 4) & MADT_ENABLED;
	return entry[0] == MADT_LOCAL_X2APIC &&
	       field(entry, MADT_LOCAL_X2APIC_FLAGS, 4) & MADT_ENABLED;
}

u32 acpi_nr_cpus(void)
{
	const u8 *madt = find_table("APIC");
	u64 bytes = madt ? field(madt, TABLE_LENGTH, 4) : 0, at = MADT_ENTRIES;
	u32 nr = 0;

	/* An entry says its length; one of less than its own head would never end. */
	while (at + 2 <= bytes && madt[at + 1] >= 2 && at + madt[at + 1] <= bytes) {
		nr += is_cpu(madt + at);
		at += madt[at + 1];
	}
	return nr;
}
