/* SPDX-License-Identifier: MIT */
/*
 * What a person types at firmware's console. The event is asked before the key: some firmware does
 * not come back from reading a keyboard that has none.
 */
#include "machine_io.h"

#include "firmware.h"
#include "machine.h"
#include "x86.h"

#define POLL_US 5000
#define SCAN_ESCAPE 0x17
#define MAX_HANDLES 64

/*
 * Firmware puts one console in front of all keyboards, and that is there without any of them, too.
 * It is no device itself, so it has no device path.
 */
static bool somebody_can_type(void)
{
	static const EFI_GUID input = EFI_SIMPLE_TEXT_INPUT_PROTOCOL_GUID;
	static const EFI_GUID path = DEVICE_PATH_PROTOCOL;
	static EFI_HANDLE handles[MAX_HANDLES];
	SIMPLE_INPUT_INTERFACE *in = firmware.st->ConIn;
	UINTN bytes = sizeof(handles), i;
	EFI_STATUS status;

	if (!in || !in->ReadKeyStroke || !in->WaitForKey)
		return false;
	if (firmware_protocol(firmware.st->ConsoleInHandle, &path))
		return true;
	firmware_enter();
	status = firmware.bs->LocateHandle(ByProtocol, (EFI_GUID *)&input, NULL, &bytes, handles);
	firmware_leave();
	if (status == EFI_BUFFER_TOO_SMALL)
		return true;
	for (i = 0; !EFI_ERROR(status) && i < bytes / sizeof(handles[0]); i++)
		if (handles[i] != firmware.st->ConsoleInHandle)
			return true;
	return false;
}

/* Return: 0 when there is none. */
static int take_key(void)
{
	SIMPLE_INPUT_INTERFACE *in = firmware.st->ConIn;
	EFI_INPUT_KEY key = { 0, 0 };
	EFI_STATUS status;

	firmware_enter();
	status = firmware.bs->CheckEvent(in->WaitForKey);
	if (!EFI_ERROR(status))
		status = in->ReadKeyStroke(in, &key);
	firmware_leave();
	if (EFI_ERROR(status))
		return 0;
	if (key.UnicodeChar)
		return key.UnicodeChar < MACHINE_KEY_OTHER ? key.UnicodeChar : MACHINE_KEY_OTHER;
	return key.ScanCode == SCAN_ESCAPE ? MACHINE_KEY_ESCAPE : MACHINE_KEY_OTHER;
}

int machine_key(u64 ns)
{
	u64 deadline = rdtsc() + machine_ticks(ns);
	int key;

	if (!somebody_can_type())
		return -ERR_UNSUPPORTED;
	for (;;) {
		key = take_key();
		if (key || (s64)(rdtsc() - deadline) >= 0)
			return key;
		/* Firmware's timer, which looks at the keyboards, has its turn. */
		firmware_enter();
		firmware.bs->Stall(POLL_US);
		firmware_leave();
	}
}
