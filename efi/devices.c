/* SPDX-License-Identifier: MIT */
#include "devices.h"

#define MAX_HANDLES 64

bool device_exists(const EFI_GUID *protocol, EFI_HANDLE front)
{
	static const EFI_GUID path = DEVICE_PATH_PROTOCOL;
	static EFI_HANDLE handles[MAX_HANDLES];
	UINTN bytes = sizeof(handles), i;
	EFI_STATUS status;

	/* What stands in front of others is no device itself, so it has no path to one. */
	if (firmware_protocol(front, &path) && firmware_protocol(front, protocol))
		return true;
	firmware_enter();
	status = firmware.bs->LocateHandle(ByProtocol, (EFI_GUID *)protocol, NULL, &bytes, handles);
	firmware_leave();
	if (status == EFI_BUFFER_TOO_SMALL)
		return true;
	for (i = 0; !EFI_ERROR(status) && i < bytes / sizeof(handles[0]); i++)
		if (handles[i] != front)
			return true;
	return false;
}
