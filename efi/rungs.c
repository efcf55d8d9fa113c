/* SPDX-License-Identifier: MIT */
#include "rungs.h"

#include "firmware.h"

static EFI_EVENT all_done; /* of rung_all() */

EFI_STATUS rung_event(EFI_EVENT_NOTIFY notify, EFI_EVENT *ret)
{
	u32 type = notify ? EVT_TIMER | EVT_NOTIFY_SIGNAL : 0;
	EFI_STATUS status;

	firmware_enter();
	status = firmware.bs->CreateEvent(type, TPL_CALLBACK, notify, NULL, ret);
	firmware_leave();
	return status;
}

void rung_close_event(EFI_EVENT *event)
{
	if (!*event)
		return;
	firmware_enter();
	firmware.bs->CloseEvent(*event);
	firmware_leave();
	*event = NULL;
}

/*
 * Firmware loads this CPU's CR3, GDT and IDT into the others, so it must find its own here. No
 * timeout: when it ran out, firmware would reset CPUs that are in the middle of a row.
 */
EFI_STATUS rung_all(const struct mp_cpus *cpus)
{
	EFI_STATUS status = rung_event(NULL, &all_done);

	if (EFI_ERROR(status))
		return status;
	firmware_enter_bare();
	status = cpus->services->startup_all_aps(cpus->services, cpus->entry, FALSE, all_done, 0,
						 NULL, NULL);
	firmware_leave_bare();
	if (EFI_ERROR(status))
		rung_close_event(&all_done);
	return status;
}

static EFI_STATUS start_one(const struct mp_cpus *cpus, struct percpu *pc)
{
	EFI_STATUS status = rung_event(NULL, &pc->mp_done);

	if (EFI_ERROR(status))
		return status;
	firmware_enter_bare();
	status = cpus->services->startup_this_ap(cpus->services, cpus->entry, pc->mp_number,
						 pc->mp_done, 0, NULL, NULL);
	firmware_leave_bare();
	if (EFI_ERROR(status)) {
		rung_close_event(&pc->mp_done);
		pc->state = AP_REFUSED;
	}
	return status;
}

/* Once for each: a second one for a CPU that still runs is fatal on some firmware. */
EFI_STATUS rung_each(const struct mp_cpus *cpus)
{
	EFI_STATUS status, last = EFI_NOT_STARTED;
	u32 i, nr_started = 0;

	for (i = 0; i < cpus->nr_slots; i++) {
		status = start_one(cpus, &cpus->slots[i]);
		if (EFI_ERROR(status))
			last = status;
		else
			nr_started++;
	}
	return nr_started ? EFI_SUCCESS : last;
}

EFI_STATUS rung_sipi(const struct mp_cpus *cpus)
{
	EFI_STATUS status = cpus->own_prepare ? cpus->own_prepare(cpus->entry) : EFI_UNSUPPORTED;
	u32 i, nr_started = 0;

	if (EFI_ERROR(status))
		return status;
	for (i = 0; i < cpus->nr_slots; i++) {
		status = cpus->own_start(&cpus->slots[i]);
		if (!EFI_ERROR(status))
			nr_started++;
	}
	return nr_started ? EFI_SUCCESS : status;
}

/* Looking at an event takes its signal away, so it is looked at once more only when there was none.
 */
static bool take_signal(EFI_EVENT *event)
{
	if (!*event)
		return true;
	if (firmware.bs->CheckEvent(*event) != EFI_SUCCESS)
		return false;
	firmware.bs->CloseEvent(*event);
	*event = NULL;
	return true;
}

bool rung_signalled(const struct mp_cpus *cpus)
{
	bool all = take_signal(&all_done);
	u32 i;

	for (i = 0; i < cpus->nr_slots; i++)
		all &= take_signal(&cpus->slots[i].mp_done);
	return all;
}
