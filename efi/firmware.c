/* SPDX-License-Identifier: MIT */
#include "firmware.h"

#include "cpu_state.h"
#include "mem.h"
#include "paging.h"
#include "percpu.h"
#include "x86.h"

struct firmware firmware;

static u32 enter_depth;

void firmware_init(EFI_HANDLE image, EFI_SYSTEM_TABLE *st)
{
	static const EFI_GUID loaded_image = LOADED_IMAGE_PROTOCOL;

	firmware.image = image;
	firmware.st = st;
	firmware.bs = st->BootServices;
	firmware.rt = st->RuntimeServices;
	firmware.loaded = firmware_protocol(image, &loaded_image);
}

void firmware_enter(void)
{
	if (enter_depth++ == 0)
		paging_use_firmware();
}

void firmware_leave(void)
{
	if (--enter_depth)
		return;
	paging_use_ours();
	/* Firmware that reloads GS loses our base, and with it the number of this CPU. */
	if (paging_active())
		percpu_install(&boot_percpu);
}

void firmware_enter_bare(void)
{
	enter_depth++;
	cpu_state_restore(&boot_percpu.firmware_state);
}

void firmware_leave_bare(void)
{
	cpu_state_take(&boot_percpu);
	enter_depth--;
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
