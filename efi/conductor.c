/* SPDX-License-Identifier: MIT */
/*
 * The way "conductor": firmware waits for its CPUs and lets nobody out meanwhile. So the boot CPU
 * stays in there, idle, and the one of the others with the lowest APIC id does its work, as CPU 0;
 * no timer of firmware interrupts it.
 *
 * Only the boot CPU can write files, and only when the call is over. One call for the whole run
 * would keep every row in memory until its end, and a machine that hangs in the last bench would
 * lose them all. So there is one for each bench: all CPUs go home, the boot CPU puts the rows on
 * the medium, and calls them together again, for some tens of milliseconds. Lines for the log are
 * kept until then (away.c), and memory comes from what was set aside (alloc.c).
 *
 * A CPU that gets lost in such a call cannot be had back: firmware would wait for it for ever, and
 * the dead-man timer, which goes off in there, too, ends the machine. So they are called once just
 * to come and go, with a timeout; who does not come then makes this way unusable.
 */
#include "rungs.h"

#include "atomic.h"
#include "cpus.h"
#include "firmware.h"

#define ROLL_CALL_TIMEOUT_US 10000000ul
#define ARRIVAL_TIMEOUT_NS (5 * NSEC_PER_SEC)
#define HOME_TIMEOUT_NS (5 * NSEC_PER_SEC)
/* What the boot CPU has from firmware, and benches are written for. */
#define STACK_BYTES (256 * 1024ul)

static const struct mp_cpus *cpus;
static struct percpu *conductor;
static u8 *stack;
static u32 nr_expected; /* that came when the roll was called */
static bool stuck; /* firmware's call is over, and a CPU is still with us */

static struct {
	bool runs; /* set before CPUs are woken */
	cpu_fn fn;
	void *arg;
	int result;
} stage;

static EFI_STATUS call_together(UINTN timeout_us)
{
	EFI_STATUS status;

	firmware_enter_bare();
	status = cpus->services->startup_all_aps(cpus->services, cpus->entry, FALSE, NULL,
						 timeout_us, NULL, NULL);
	firmware_leave_bare();
	return status;
}

static void expect_all(bool stop)
{
	u32 i;

	for (i = 0; i < cpus->nr_slots; i++) {
		store_relaxed(&cpus->slots[i].state, AP_ABSENT);
		store_relaxed(&cpus->slots[i].stop, stop);
	}
}

/*
 * Firmware says that its call is over. Who never came is told to turn round, should it still come.
 * Return: false when one is with us all the same.
 */
static bool see_home(void)
{
	u64 deadline = rdtsc() + machine_ticks(HOME_TIMEOUT_NS);
	u32 i;

	for (i = 0; i < cpus->nr_slots; i++) {
		struct percpu *pc = &cpus->slots[i];

		raw_atomic_try_cmpxchg(&pc->state, AP_ABSENT, AP_ABANDONED);
		/* A-home: pairs with R-home. */
		while (load_acquire(&pc->state) == AP_ARRIVED) {
			if (rung_passed(deadline))
				return false;
			cpu_relax();
		}
	}
	return true;
}

EFI_STATUS rung_conductor(const struct mp_cpus *them)
{
	EFI_STATUS status;

	cpus = them;
	conductor = NULL;
	stage.runs = stuck = false;
	if (cpus->set_aside && !cpus->set_aside())
		return EFI_OUT_OF_RESOURCES;
	if (!stack)
		stack = machine_alloc(STACK_BYTES);
	if (!stack)
		return EFI_OUT_OF_RESOURCES;
	cpus_guard_stack(stack);
	expect_all(true);
	status = call_together(ROLL_CALL_TIMEOUT_US);
	stuck = !see_home();
	return stuck ? EFI_TIMEOUT : status;
}

u32 rung_conductor_number(u32 nr_wanted)
{
	struct percpu *pc;

	nr_expected = 0;
	for (pc = cpus->slots; pc < cpus->slots + cpus->nr_slots; pc++) {
		if (pc->state != AP_HOME)
			continue;
		nr_expected++;
		if (!conductor || pc->apic_id < conductor->apic_id)
			conductor = pc;
	}
	if (!conductor)
		return 0;
	cpus_lead(conductor);
	for (pc = cpus->slots; pc < cpus->slots + cpus->nr_slots; pc++)
		if (pc->state == AP_HOME && pc != conductor && machine_nr_cpus() < nr_wanted)
			cpus_add(pc);
	cpus_away(true);
	return nr_expected;
}

bool rung_conductor_stuck(void)
{
	return stuck;
}

void rung_conductor_end(void)
{
	machine_free(stack, STACK_BYTES);
	stack = NULL;
	conductor = NULL;
}

/* A-arrive: pairs with R-arrive. Return: false when one is missing; it will turn round. */
static bool all_there(void)
{
	u64 deadline = rdtsc() + machine_ticks(ARRIVAL_TIMEOUT_NS);
	u32 i, nr_arrived = 0;

	for (i = 0; i < cpus->nr_slots; i++) {
		struct percpu *pc = &cpus->slots[i];

		while (load_acquire(&pc->state) == AP_ABSENT && !rung_passed(deadline))
			cpu_relax();
		raw_atomic_try_cmpxchg(&pc->state, AP_ABSENT, AP_ABANDONED);
		nr_arrived += load_acquire(&pc->state) == AP_ARRIVED;
	}
	return nr_arrived == nr_expected;
}

static void run_stage(struct percpu *unused)
{
	(void)unused;
	machine_irq_restore(EFLAGS_IF);
	stage.fn(stage.arg);
	machine_irq_save();
	stage.result = cpus_stack_is_whole(stack) ? 0 : -ERR_FAULT;
}

bool mp_ladder_serve(struct percpu *pc)
{
	u32 i;

	if (!stage.runs || pc != conductor)
		return false;
	if (all_there())
		ap_call_on_stack(pc, run_stage, stack + STACK_BYTES);
	for (i = 0; i < cpus->nr_slots; i++)
		if (&cpus->slots[i] != pc && load_acquire(&cpus->slots[i].state) == AP_ARRIVED)
			cpus_send_home(&cpus->slots[i]);
	return true;
}

int mp_ladder_stage(cpu_fn fn, void *arg)
{
	EFI_STATUS status;

	if (stuck || !conductor)
		return -ERR_TIMEOUT;
	stage.fn = fn;
	stage.arg = arg;
	stage.result = -ERR_TIMEOUT;
	stage.runs = true;
	expect_all(false);
	cpus_away(false);
	/* No timeout: when it ran out, firmware would reset CPUs that are in the middle of a row.
	 */
	status = call_together(0);
	stuck = !see_home();
	stage.runs = false;
	cpus_away(true);
	return EFI_ERROR(status) && stage.result ? -ERR_BUSY : stage.result;
}
