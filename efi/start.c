/* SPDX-License-Identifier: MIT */
/*
 * Where firmware begins: the addresses in our data are made those of where the image was loaded.
 *
 * The linker packs their places (DT_RELR): an even word is the address of one, an odd word has a
 * bit for each of the 63 words that follow. What stands at the place is the address in an image at
 * 0. Only .data has such places, so that firmware may have made the rest read-only before it came
 * here.
 */
#include <efi.h>

#include "types.h"

#define PLACES_PER_WORD 63

/* So that no table has to be relocated before their addresses are known. */
#define HIDDEN __attribute__((visibility("hidden")))

/* smpoke.lds */
extern u8 ImageBase[] HIDDEN;
extern const u64 _relr[] HIDDEN, _erelr[] HIDDEN;

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st);
EFI_STATUS EFIAPI efi_start(EFI_HANDLE image, EFI_SYSTEM_TABLE *st);

static void relocate(void)
{
	u64 base = (u64)ImageBase, bits;
	const u64 *word;
	u64 *place = NULL;
	u32 i;

	for (word = _relr; word < _erelr; word++) {
		if (!(*word & 1)) {
			place = (u64 *)(base + *word);
			*place++ += base;
			continue;
		}
		bits = *word >> 1;
		for (i = 0; bits >> i; i++)
			if (bits >> i & 1)
				place[i] += base;
		place += PLACES_PER_WORD;
	}
}

EFI_STATUS EFIAPI efi_start(EFI_HANDLE image, EFI_SYSTEM_TABLE *st)
{
	relocate();
	return efi_main(image, st);
}
