/* SPDX-License-Identifier: MIT */
/*
 * machine_time(): firmware's calendar clock, moved to UTC where it says how far off it is.
 */
#include "machine.h"

#include "firmware.h"

#define MINUTES_PER_DAY (24 * 60)

static u8 days_in_month(u16 year, u8 month)
{
	static const u8 days[12] = { 31, 28, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31 };
	bool leap = (year % 4 == 0 && year % 100 != 0) || year % 400 == 0;

	return month == 2 && leap ? 29 : days[month - 1];
}

static void next_day(struct machine_time *t)
{
	if (++t->day <= days_in_month(t->year, t->month))
		return;
	t->day = 1;
	if (++t->month <= 12)
		return;
	t->month = 1;
	t->year++;
}

static void previous_day(struct machine_time *t)
{
	if (--t->day >= 1)
		return;
	if (--t->month < 1) {
		t->month = 12;
		t->year--;
	}
	t->day = days_in_month(t->year, t->month);
}

/* UEFI 2.10, 8.3: local time = UTC - time zone. At most one day either way. */
static void add_minutes(struct machine_time *t, int minutes)
{
	int now = t->hour * 60 + t->minute + minutes;

	if (now < 0) {
		now += MINUTES_PER_DAY;
		previous_day(t);
	} else if (now >= MINUTES_PER_DAY) {
		now -= MINUTES_PER_DAY;
		next_day(t);
	}
	t->hour = (u8)(now / 60);
	t->minute = (u8)(now % 60);
}

static bool is_valid(const EFI_TIME *t)
{
	return t->Year >= 1998 && t->Month >= 1 && t->Month <= 12 && t->Day >= 1 && t->Day <= 31 &&
	       t->Hour < 24 && t->Minute < 60 && t->Second < 60;
}

struct machine_time machine_time(void)
{
	struct machine_time t = { 0 };
	EFI_STATUS status;
	EFI_TIME now;

	firmware_enter();
	status = firmware.rt->GetTime(&now, NULL);
	firmware_leave();
	if (EFI_ERROR(status) || !is_valid(&now))
		return t;
	t = (struct machine_time){ now.Year, now.Month, now.Day, now.Hour, now.Minute, now.Second };
	if (now.TimeZone >= -1440 && now.TimeZone <= 1440)
		add_minutes(&t, now.TimeZone);
	return t;
}
