/* SPDX-License-Identifier: MIT */
/*
 * What a person types at firmware's console. The event is asked before the key: some firmware does
 * not come back from reading a keyboard that has none.
 */
#include "machine_io.h"

#include "devices.h"
#include "firmware.h"
#include "machine.h"
#include "x86.h"

#define POLL_US 5000
#define SCAN_ESCAPE 0x17

static bool somebody_can_type(void)
{
	static const EFI_GUID input = EFI_SIMPLE_TEXT_INPUT_PROTOCOL_GUID;
	const SIMPLE_INPUT_INTERFACE *in = firmware.st->ConIn;

	return in && in->ReadKeyStroke && in->WaitForKey &&
	       device_exists(&input, firmware.st->ConsoleInHandle);
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
