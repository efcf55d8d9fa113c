/* SPDX-License-Identifier: MIT */
/*
 * What firmware gave us, and the door to it.
 *
 * Only efi/ includes this: firmware types stop here. Every call of a boot or runtime service stands
 * between firmware_enter() and firmware_leave(), because firmware edits the page tables that CR3
 * points at, and must find its own there. Boot CPU only.
 */
#ifndef EFI_FIRMWARE_H
#define EFI_FIRMWARE_H

#include <efi.h>

#include "types.h"

struct firmware {
	EFI_HANDLE image;
	EFI_SYSTEM_TABLE *st;
	EFI_BOOT_SERVICES *bs;
	EFI_RUNTIME_SERVICES *rt;
	EFI_LOADED_IMAGE *loaded; /* NULL when the firmware does not say */
};

extern struct firmware firmware;

/* firmware_init() - remember the two arguments of the entry point; before everything else */
void firmware_init(EFI_HANDLE image, EFI_SYSTEM_TABLE *st);

/*
 * firmware_enter() / firmware_leave() - firmware's page tables around a call; may be nested
 *
 * What the call leaves of the CPU's state is held against what it found; guard.h.
 */
#define firmware_enter() firmware_enter_for(__func__)
void firmware_enter_for(const char *call);
void firmware_leave(void);

/*
 * firmware_enter_bare() / firmware_leave_bare() - all of firmware's CPU state, interrupt table
 * included: for MP services, which copy it to the other CPUs, and for the end. Not nested.
 */
#define firmware_enter_bare() firmware_enter_bare_for(__func__)
void firmware_enter_bare_for(const char *call);
void firmware_leave_bare(void);

/* firmware_is_called_anew() - we changed on purpose what guard.h watches: it is right from now on
 */
void firmware_is_called_anew(void);

/* firmware_is_in() - is a call under way? Boot CPU, from a trap as well */
bool firmware_is_in(void);

/* Return: the interface, or NULL. */
void *firmware_protocol(EFI_HANDLE handle, const EFI_GUID *guid);
void *firmware_locate(const EFI_GUID *guid);

/* firmware_table() - an entry of the configuration table; NULL when there is none */
const void *firmware_table(const EFI_GUID *guid);

/*
 * firmware_pages() - pages as they come, not zeroed
 * @at: 0 = anywhere, else exactly there
 */
void *firmware_pages(size_t nr_pages, EFI_MEMORY_TYPE type, u64 at);
void firmware_free_pages(void *mem, size_t nr_pages);

#endif
