/* SPDX-License-Identifier: MIT */
/*
 * The alternatives of the image itself, at boot: in which order, and what a machine supplies.
 */
#ifndef SMPOKE_BOOT_ALTERNATIVES_H
#define SMPOKE_BOOT_ALTERNATIVES_H

#include "apply_alternatives.h"
#include "types.h"

/* The steps of alternative_instructions(), in their order. */
enum alt_boot_step {
	ALT_BOOT_STOP_NMI,
	ALT_BOOT_INT3_SELFTEST,
	ALT_BOOT_APPLY,
	ALT_BOOT_DECIDE_SMP,
	ALT_BOOT_RESTART_NMI,
	ALT_BOOT_RELOC_SELFTEST,
	NR_ALT_BOOT_STEPS,
};

/**
 * struct alt_boot - what the machine does for alternative_instructions()
 * @table: the image's own; its text is registered, padding of sites and all
 * @stop_nmi, @restart_nmi: hold NMIs off this CPU and let them come again, the sources that can be
 *	masked; interrupts are held off by each write. An NMI in the middle of a write could run a
 *	site half written
 * @int3_selftest: int3_selftest() on code of the machine's. Return: what that returns
 * @decide_smp: once sites are as the CPU wants them: is the image to be switched to UP form, as
 *	long as one CPU runs? Takes text_mutex itself if it needs it. Return: 0 or an error
 * @reloc_selftest: alt_reloc_selftest() on a site of the image. Return: what that returns
 *
 * None of them may be NULL.
 */
struct alt_boot {
	struct alt_table table;
	int (*stop_nmi)(void);
	int (*int3_selftest)(void);
	int (*decide_smp)(void);
	int (*restart_nmi)(void);
	int (*reloc_selftest)(void);
};

/**
 * alternative_instructions() - NMIs off, self-test, apply, UP or SMP, NMIs on, self-test
 * @ret: what apply_alternatives() says; all zero when it was not reached
 * @ret_step: on an error the step that failed
 *
 * A step that fails is the last one, but NMIs that were stopped are restarted in any case.
 * Context: boot CPU, before others are started, interrupts on; cpu_features_init() and
 * text_register() of the image have been called. Takes text_mutex to apply.
 * Return: 0; -ERR_PERM when other CPUs are running; -ERR_EXIST with nothing done when
 * alternatives_patched(); or the error of the step.
 */
int alternative_instructions(const struct alt_boot *boot, struct alt_result *ret,
			     enum alt_boot_step *ret_step);

/* alternatives_patched() - true once the image's sites are final, and for good. Any context. */
bool alternatives_patched(void);

const char *alt_boot_step_name(enum alt_boot_step step);

#endif
