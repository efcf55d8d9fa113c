/* SPDX-License-Identifier: MIT */
/*
 * The way "timer": firmware waits for its CPUs, and meanwhile the run goes on in an event of its
 * timer, on the run's own stack.
 */
#include "rungs.h"

#include "atomic.h"
#include "firmware.h"

/* How long a CPU waits for the boot CPU to come out of firmware. */
#define TIMER_TIMEOUT_NS (2 * NSEC_PER_SEC)
#define TIMER_PERIOD_100NS 100000
/* After that the timer event goes on with the CPUs that are there; waking hundreds takes time. */
#define DOOR_TIMEOUT_NS (1 * NSEC_PER_SEC)
#define FIRMWARE_STACK_BYTES (256 * 1024ul) /* UEFI 2.10, 2.3.4 promises 128 KiB */

static const struct mp_cpus *cpus;
static EFI_EVENT timer;
static void *run_sp, *firmware_sp, *firmware_stack;
static EFI_STATUS waited_status; /* what firmware said when it was done waiting */
static bool over; /* and it has said it */
static bool left_firmware; /* for the run, from the timer event */
static u64 door_deadline;
static u32 may_come; /* boot CPU: all may come in; the CPUs read it */
static u32 nr_at_door; /* CPUs that have waited for it */

void rung_timer_door(bool open)
{
	if (!open)
		store_relaxed(&nr_at_door, 0);
	/* R-enter: nothing is published with it. Pairs with A-enter. */
	store_release(&may_come, open);
}

bool mp_ladder_may_come(void)
{
	u64 deadline = rdtsc() + machine_ticks(TIMER_TIMEOUT_NS);

	/* R-door: nothing is published with it. Pairs with A-door. */
	raw_atomic_fetch_add(&nr_at_door, 1);
	/* A-enter: pairs with R-enter. */
	while (!load_acquire(&may_come)) {
		if (rung_passed(deadline))
			return false;
		cpu_relax();
	}
	return true;
}

/*
 * In firmware's timer interrupt, with firmware below. It may be in the middle of waking CPUs, and
 * gets no further while we are here, so the run goes on only when they have come.
 */
static void EFIAPI on_timer(EFI_EVENT event, void *unused)
{
	/* A-door: pairs with R-door. */
	u32 nr = load_acquire(&nr_at_door);

	(void)event;
	(void)unused;
	if (left_firmware || nr == 0 || (nr < cpus->nr_slots && !rung_passed(door_deadline)))
		return;
	left_firmware = true;
	stack_switch(&firmware_sp, run_sp);
	/* All CPUs are home; firmware will see that, and its call ends. */
}

static void wait_in_firmware(void)
{
	waited_status = cpus->services->startup_all_aps(cpus->services, cpus->entry, FALSE, NULL, 0,
							NULL, NULL);
	over = true;
	stack_switch(&firmware_sp, run_sp);
	__builtin_unreachable();
}

static EFI_STATUS arm_timer(void)
{
	EFI_STATUS status = rung_event(on_timer, &timer);

	if (EFI_ERROR(status))
		return status;
	firmware_enter();
	status = firmware.bs->SetTimer(timer, TimerPeriodic, TIMER_PERIOD_100NS);
	firmware_leave();
	return status;
}

EFI_STATUS rung_timer(const struct mp_cpus *them)
{
	EFI_STATUS status;
	u64 flags;

	cpus = them;
	if (!firmware_stack)
		firmware_stack = machine_alloc(FIRMWARE_STACK_BYTES);
	if (!firmware_stack)
		return EFI_OUT_OF_RESOURCES;
	status = arm_timer();
	if (EFI_ERROR(status)) {
		rung_close_event(&timer);
		return status;
	}
	over = left_firmware = false;
	door_deadline = rdtsc() + machine_ticks(DOOR_TIMEOUT_NS);
	flags = machine_irq_save();
	machine_irq_restore(flags);
	firmware_enter_bare();
	stack_switch(&run_sp,
		     stack_prepare((u8 *)firmware_stack + FIRMWARE_STACK_BYTES, wait_in_firmware));
	firmware_leave_bare();
	/* The timer event may have come with interrupts off, and the run wants them on. */
	machine_irq_restore(flags);
	if (!over)
		return EFI_SUCCESS;
	rung_close_event(&timer);
	/* Refused, or no timer event came in time for the CPUs, who went back. */
	return EFI_ERROR(waited_status) ? waited_status : EFI_TIMEOUT;
}

void rung_timer_back(void)
{
	if (!over)
		stack_switch(&run_sp, firmware_sp);
}

void rung_timer_end(void)
{
	rung_close_event(&timer);
}
