/* SPDX-License-Identifier: MIT */
/*
 * EFI_MP_SERVICES_PROTOCOL, as far as we use it, from the PI specification, volume 2, chapter 13.
 * gnu-efi 3.0.15 has no header for it.
 */
#ifndef EFI_MP_SERVICES_H
#define EFI_MP_SERVICES_H

#include <efi.h>

#include "types.h"

#define MP_SERVICES_GUID                                                                           \
	{                                                                                          \
		0x3fdda605, 0xa76e, 0x4f46,                                                        \
		{                                                                                  \
			0xad, 0x29, 0x12, 0xf4, 0x53, 0x1b, 0x3d, 0x08                             \
		}                                                                                  \
	}

#define MP_STATUS_BSP (1u << 0)
#define MP_STATUS_ENABLED (1u << 1)
#define MP_STATUS_HEALTHY (1u << 2)

/*
 * The structure grew by a union that newer firmware may fill; the spare words keep such firmware
 * from writing behind our buffer.
 */
struct mp_processor_info {
	UINT64 processor_id; /* the local APIC id */
	UINT32 status;
	UINT32 package, core, thread;
	UINT32 spare[32];
};

struct mp_services;

typedef void(EFIAPI *mp_procedure)(void *argument);

struct mp_services {
	EFI_STATUS(EFIAPI *get_number)
	(struct mp_services *this, UINTN *ret_present, UINTN *ret_enabled);
	EFI_STATUS(EFIAPI *get_info)
	(struct mp_services *this, UINTN number, struct mp_processor_info *ret_info);
	EFI_STATUS(EFIAPI *startup_all_aps)
	(struct mp_services *this, mp_procedure procedure, BOOLEAN one_by_one, EFI_EVENT done,
	 UINTN timeout_us, void *argument, UINTN **ret_failed);
	EFI_STATUS(EFIAPI *startup_this_ap)
	(struct mp_services *this, mp_procedure procedure, UINTN number, EFI_EVENT done,
	 UINTN timeout_us, void *argument, BOOLEAN *ret_finished);
	/* Three more that we do not call: SwitchBSP, EnableDisableAP, WhoAmI. */
	void *not_used[3];
};

#endif
