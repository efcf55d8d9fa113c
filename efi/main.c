/* SPDX-License-Identifier: MIT */
/*
 * The entry point under UEFI: take the machine, run smpoke, give the machine back or end it.
 */
#include "smpoke.h"

#include "apic.h"
#include "args.h"
#include "clock.h"
#include "core_clock.h"
#include "cpu_look.h"
#include "cpu_state.h"
#include "cpus.h"
#include "deadman.h"
#include "facts.h"
#include "fatal.h"
#include "firmware.h"
#include "idt.h"
#include "image.h"
#include "machine.h"
#include "machine_text.h"
#include "mp.h"
#include "mp_ladder.h"
#include "paging.h"
#include "percpu.h"
#include "results.h"
#include "strings.h"
#include "text.h"
#include "x86.h"

/* UEFI 2.10, 2.3.4 promises 128 KiB, for a program and the firmware that it calls. */
#define BOOT_STACK_BYTES (256 * 1024ul)

/* start.c calls it, in the C convention, not in firmware's. */
EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st);

/* The boot manager resets the machine five minutes after it started us, unless told not to. */
static void watchdog_off(void)
{
	firmware.bs->SetWatchdogTimer(0, 0, 0, NULL);
}

/*
 * The order matters: the tables are built while firmware's are in force; the state is taken last,
 * in one step, because our handlers need GS, our gates need our handlers, and from then on every
 * firmware call goes through firmware_enter().
 */
static const char *take_machine(void)
{
	const char *reason = cpu_state_unsupported();

	if (reason)
		return reason;
	if (!apic_detect(&boot_percpu))
		return "the local APIC is switched off, so CPUs cannot interrupt each other";
	if (paging_init(_stext))
		return "the page tables could not be copied";
	boot_percpu.top = paging_boot_top();
	if (boot_percpu.stack &&
	    paging_protect(boot_percpu.stack, BOOT_STACK_BYTES / PAGE_BYTES, PAGE_DATA))
		return "no memory for the page tables of the stack";
	identify_init();
	machine_sync_core_select(SYNC_CORE_AUTO);
	idt_init();
	reason = text_init();
	if (reason)
		return reason;
	cpu_state_save(&boot_percpu);
	paging_activate();
	cpu_state_take(&boot_percpu);
	cpu_look(&boot_percpu);
	return NULL;
}

static void give_machine_back(void)
{
	deadman_release();
	args_release();
	result_files_close();
	if (paging_active()) {
		core_clock_restore();
		cpu_state_restore(&boot_percpu.firmware_state);
		/* Or the next firmware call would end by loading our tables, about to be freed. */
		paging_deactivate();
	}
	mp_release();
	text_release();
	paging_release();
}

static int machine_error(const char *reason)
{
	machine_print("smpoke: ");
	machine_print(reason);
	machine_print("\n");
	return SMPOKE_EXIT_MACHINE;
}

/* Which entry of the table, or which byte of the text: it is a fault of the build. */
static int patch_error(const char *reason)
{
	const struct alt_refusal *refusal = &image_patched()->alternatives.refusal;
	char buf[160];
	struct string s;

	string_init(&s, buf, sizeof(buf));
	string_add(&s, "its own text could not be patched: ");
	string_add(&s, reason);
	if (refusal->rule) {
		string_add(&s, "; entry ");
		string_dec(&s, refusal->entry);
		string_add(&s, " of its alternatives");
	}
	if (refusal->addr) {
		string_add(&s, "; text+");
		string_hex(&s, (u64)(refusal->addr - (const u8 *)_stext));
	}
	return machine_error(buf);
}

/* After clock_init(), because it is timed, and mp_init(), because one CPU for good stays UP. */
static int run_patched(enum machine_then *ret_then)
{
	struct smpoke_args args;
	const char *reason;
	int code;

	args_find(&args);
	smpoke_early_options(&args);
	reason = image_patch(&efi_image);
	if (reason) {
		code = patch_error(reason);
	} else {
		*ret_then = args.default_then;
		code = smpoke_main(&args, ret_then);
	}
	image_release();
	return code;
}

static int run(enum machine_then *ret_then)
{
	const char *reason = take_machine();
	struct core_clock_leaves leaves;

	*ret_then = MACHINE_THEN_EXIT;
	if (!reason)
		reason = text_selftest();
	if (reason)
		return machine_error(reason);
	clock_init();
	core_clock_look(&leaves);
	core_clock_setup(&leaves);
	mp_init();
	return run_patched(ret_then);
}

static struct {
	enum machine_then then;
	int code;
} end;

static void run_on_own_stack(struct percpu *unused)
{
	(void)unused;
	end.code = run(&end.then);
	/* Firmware would go on without CPUs that still run our code; the machine ends instead. */
	if (!mp_all_home() && end.then == MACHINE_THEN_EXIT)
		end.then = MACHINE_THEN_POWEROFF;
	give_machine_back();
}

/* One whose end is known, so that what runs over it shows. Firmware runs on it, too. */
static void run_on_stack(void)
{
	u8 *stack = firmware_pages(BOOT_STACK_BYTES / PAGE_BYTES, EfiLoaderData, 0);

	boot_percpu.stack = stack;
	if (!stack) {
		run_on_own_stack(&boot_percpu);
		return;
	}
	cpus_guard_stack(stack);
	ap_call_on_stack(&boot_percpu, run_on_own_stack, stack + BOOT_STACK_BYTES);
	firmware_free_pages(stack, BOOT_STACK_BYTES / PAGE_BYTES);
}

EFI_STATUS efi_main(EFI_HANDLE image, EFI_SYSTEM_TABLE *st)
{
	clock_stamp_start();
	firmware_init(image, st);
	watchdog_off();
	run_on_stack();
	if (end.then == MACHINE_THEN_EXIT)
		return (EFI_STATUS)end.code;
	if (end.then == MACHINE_THEN_REBOOT)
		firmware.rt->ResetSystem(EfiResetCold, EFI_SUCCESS, 0, NULL);
	firmware.rt->ResetSystem(EfiResetShutdown, EFI_SUCCESS, 0, NULL);
	/* Both may return on firmware that does not implement them. */
	fatal_end();
}
