/* SPDX-License-Identifier: MIT */
/*
 * EFI_MEMORY_ATTRIBUTE_PROTOCOL, as far as we use it (UEFI 2.10, 37.4): what firmware's own tables
 * let one do with a page. Few have it; gnu-efi 3.0.15 has no header for it.
 */
#ifndef EFI_MEMORY_ATTRIBUTE_H
#define EFI_MEMORY_ATTRIBUTE_H

#include <efi.h>

#define MEMORY_ATTRIBUTE_GUID                                                                      \
	{                                                                                          \
		0xf4560cf6, 0x40ec, 0x4b4a,                                                        \
		{                                                                                  \
			0xa1, 0x92, 0xbf, 0x1d, 0x57, 0xd0, 0xb1, 0x89                             \
		}                                                                                  \
	}

#define MEMORY_ATTRIBUTE_NO_EXECUTE 0x4000ull

struct memory_attribute {
	EFI_STATUS(EFIAPI *get)
	(struct memory_attribute *this, EFI_PHYSICAL_ADDRESS base, UINT64 bytes, UINT64 *ret);
	EFI_STATUS(EFIAPI *set)
	(struct memory_attribute *this, EFI_PHYSICAL_ADDRESS base, UINT64 bytes, UINT64 attributes);
	EFI_STATUS(EFIAPI *clear)
	(struct memory_attribute *this, EFI_PHYSICAL_ADDRESS base, UINT64 bytes, UINT64 attributes);
};

#endif
