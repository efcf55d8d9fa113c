/* SPDX-License-Identifier: MIT */
#include "smbios.h"

#include "firmware.h"
#include "mem.h"

/* Offsets: SMBIOS specification 3.6, sections 5.2 and 6.1. */
#define ENTRY3_BYTES 12
#define ENTRY3_TABLE 16
#define ENTRY2_BYTES 22
#define ENTRY2_TABLE 24
#define STRUCTURE_TYPE 0
#define STRUCTURE_LENGTH 1
#define STRUCTURE_END 127
#define MAX_STRING 64

struct table {
	const u8 *at, *end;
};

/* Which structure a name is in, and where its string's number is. */
static const struct {
	const char *key;
	u8 type, offset;
} names[NR_SMBIOS_NAMES] = {
	[SMBIOS_BIOS_VENDOR] = { "bios_vendor", 0, 4 },
	[SMBIOS_BIOS_VERSION] = { "bios_version", 0, 5 },
	[SMBIOS_BIOS_DATE] = { "bios_date", 0, 8 },
	[SMBIOS_SYSTEM_VENDOR] = { "system_vendor", 1, 4 },
	[SMBIOS_SYSTEM_PRODUCT] = { "system_product", 1, 5 },
	[SMBIOS_BOARD_VENDOR] = { "board_vendor", 2, 4 },
	[SMBIOS_BOARD_PRODUCT] = { "board_product", 2, 5 },
};

const char *smbios_key(enum smbios_name name)
{
	return names[name].key;
}

static u64 field(const u8 *entry, u32 offset, u32 bytes)
{
	u64 v = 0;

	memcpy(&v, entry + offset, bytes);
	return v;
}

static struct table find_table(void)
{
	static const EFI_GUID guid3 = SMBIOS3_TABLE_GUID, guid2 = SMBIOS_TABLE_GUID;
	const u8 *entry3 = firmware_table(&guid3), *entry2 = firmware_table(&guid2);
	struct table table = { NULL, NULL };

	if (entry3) {
		table.at = (const u8 *)field(entry3, ENTRY3_TABLE, 8);
		table.end = table.at + field(entry3, ENTRY3_BYTES, 4);
	} else if (entry2) {
		table.at = (const u8 *)field(entry2, ENTRY2_TABLE, 4);
		table.end = table.at + field(entry2, ENTRY2_BYTES, 2);
	}
	return table;
}

/* A structure is followed by its strings, each ended by a NUL, and one more NUL. */
static const u8 *skip(const u8 *at, const u8 *end)
{
	at += at[STRUCTURE_LENGTH];
	while (at + 1 < end && (at[0] || at[1]))
		at++;
	return at + 2;
}

static void add_string(struct string *s, const u8 *at, const u8 *end, u8 number)
{
	at += at[STRUCTURE_LENGTH];
	for (; number > 1; number--) {
		while (at < end && *at)
			at++;
		at++;
	}
	if (at < end)
		string_add_bytes(s, at,
				 (size_t)(end - at) < MAX_STRING ? (size_t)(end - at) : MAX_STRING);
}

void smbios_add(struct string *s, enum smbios_name name)
{
	struct table table = find_table();
	const u8 *at = table.at;

	while (at && at + 4 <= table.end && at[STRUCTURE_TYPE] != STRUCTURE_END) {
		if (at[STRUCTURE_LENGTH] < 4)
			return;
		if (at[STRUCTURE_TYPE] == names[name].type &&
		    at[STRUCTURE_LENGTH] > names[name].offset) {
			if (at[names[name].offset])
				add_string(s, at, table.end, at[names[name].offset]);
			return;
		}
		at = skip(at, table.end);
	}
}
