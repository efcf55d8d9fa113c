/* SPDX-License-Identifier: MIT */
/* Names of the board and its firmware, for the facts. */
#ifndef EFI_SMBIOS_H
#define EFI_SMBIOS_H

#include "strings.h"
#include "types.h"

enum smbios_name {
	SMBIOS_BIOS_VENDOR,
	SMBIOS_BIOS_VERSION,
	SMBIOS_BIOS_DATE,
	SMBIOS_SYSTEM_VENDOR,
	SMBIOS_SYSTEM_PRODUCT,
	SMBIOS_BOARD_VENDOR,
	SMBIOS_BOARD_PRODUCT,
	NR_SMBIOS_NAMES,
};

/* smbios_key() - the fact's key for a name */
const char *smbios_key(enum smbios_name name);

/* smbios_add() - append the name; nothing when the machine does not say */
void smbios_add(struct string *s, enum smbios_name name);

#endif
