/* SPDX-License-Identifier: MIT */
/*
 * The dead-man timer: an event of firmware that goes off when a bench, or firmware itself, has not
 * come back for too long. It interrupts whatever the boot CPU is doing, and does not return to it.
 */
#include "deadman.h"

#include "atomic.h"
#include "away.h"
#include "fatal.h"
#include "fault.h"
#include "firmware.h"
#include "machine.h"
#include "machine_io.h"
#include "percpu.h"
#include "x86.h"

#define NS_PER_TICK 100 /* of SetTimer() */
#define NS_LATE (10 * NSEC_PER_MSEC)
/* Of the planted fault. */
#define NR_BEFORE_HANG 4
#define NS_OF_HANG (3 * NSEC_PER_SEC)

static EFI_EVENT event;
static void (*last_act)(void *ctx, const char *why);
static void *last_ctx;
static u64 deadline; /* TSC; written by whoever does the work */
static bool put_off; /* since it was armed, by a CPU that could not tell firmware */
static u32 nr_armed; /* counted for the planted fault alone */

/* In firmware, which may be called at this level. */
static bool was_put_off(void)
{
	s64 left = (s64)(load_relaxed(&deadline) - rdtsc());

	if (!load_relaxed(&put_off) || left <= 0)
		return false;
	firmware.bs->SetTimer(event, TimerRelative,
			      machine_ns((u64)left) / NS_PER_TICK + NS_LATE / NS_PER_TICK);
	return true;
}

void deadman_last(const char *why)
{
	void (*act)(void *ctx, const char *why) = last_act;

	last_act = NULL;
	if (act)
		act(last_ctx, why);
}

static void EFIAPI on_timer(EFI_EVENT unused, void *context)
{
	(void)unused;
	(void)context;
	if (was_put_off())
		return;
	/* It may have come in the middle of a firmware call, where GS is anything. */
	percpu_install(&boot_percpu);
	/* Deeper than any depth that it could have interrupted: firmware's tables stay in force. */
	firmware_enter();
	away_write_kept();
	deadman_last("no end: the machine is started again");
	firmware.rt->ResetSystem(EfiResetCold, EFI_TIMEOUT, 0, NULL);
	fatal_end();
}

static bool make_event(void)
{
	EFI_STATUS status;

	if (event)
		return true;
	firmware_enter();
	status = firmware.bs->CreateEvent(EVT_TIMER | EVT_NOTIFY_SIGNAL, TPL_CALLBACK, on_timer,
					  NULL, &event);
	firmware_leave();
	if (EFI_ERROR(status))
		event = NULL;
	return event != NULL;
}

void machine_deadman(u64 ns, void (*last)(void *ctx, const char *why), void *ctx)
{
	store_relaxed(&deadline, rdtsc() + machine_ticks(ns));
	if (away_is_it()) {
		store_relaxed(&put_off, true);
		return;
	}
	if (!make_event())
		return;
	store_relaxed(&put_off, false);
	if (fault(BENCH_HANGS) && ++nr_armed)
		ns = NS_OF_HANG;
	last_act = last;
	last_ctx = ctx;
	firmware_enter();
	firmware.bs->SetTimer(event, ns ? TimerRelative : TimerCancel, ns / NS_PER_TICK);
	firmware_leave();
}

void deadman_stage(void)
{
	while (fault(BENCH_HANGS) && nr_armed == NR_BEFORE_HANG)
		cpu_relax();
}

void deadman_release(void)
{
	if (!event)
		return;
	firmware_enter();
	firmware.bs->CloseEvent(event);
	firmware_leave();
	event = NULL;
}
