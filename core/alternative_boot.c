/* SPDX-License-Identifier: MIT */
/*
 * The boot driver of the image's own alternatives.
 */
#include "boot_alternatives.h"

#include "machine.h"
#include "text_patching.h"

static bool patched;

bool alternatives_patched(void)
{
	return patched;
}

const char *alt_boot_step_name(enum alt_boot_step step)
{
	static const char *const names[NR_ALT_BOOT_STEPS] = {
		[ALT_BOOT_STOP_NMI] = "stop NMIs",
		[ALT_BOOT_INT3_SELFTEST] = "INT3 self-test",
		[ALT_BOOT_APPLY] = "apply alternatives",
		[ALT_BOOT_DECIDE_SMP] = "decide on UP or SMP",
		[ALT_BOOT_RESTART_NMI] = "restart NMIs",
		[ALT_BOOT_RELOC_SELFTEST] = "relocation self-test",
	};

	return step < NR_ALT_BOOT_STEPS ? names[step] : "?";
}

static int apply(const struct alt_table *table, struct alt_result *ret)
{
	int err;

	text_mutex_lock();
	err = apply_alternatives(table, ret);
	text_mutex_unlock();
	return err;
}

/* With NMIs held off: no site may be run while it is being written. */
static int patch(const struct alt_boot *boot, struct alt_result *ret, enum alt_boot_step *ret_step)
{
	int err;

	/* Before the first patch: what goes wrong in a patch would end in an INT3 nobody takes. */
	*ret_step = ALT_BOOT_INT3_SELFTEST;
	err = boot->int3_selftest();
	if (err)
		return err;
	*ret_step = ALT_BOOT_APPLY;
	err = apply(&boot->table, ret);
	if (err)
		return err;
	/* After it: UP is a feature that ends, and what was applied stays. */
	*ret_step = ALT_BOOT_DECIDE_SMP;
	return boot->decide_smp();
}

static int patch_without_nmi(const struct alt_boot *boot, struct alt_result *ret,
			     enum alt_boot_step *ret_step)
{
	int err, restart_err;

	*ret_step = ALT_BOOT_STOP_NMI;
	err = boot->stop_nmi();
	if (err)
		return err;
	err = patch(boot, ret, ret_step);
	restart_err = boot->restart_nmi();
	if (err || !restart_err)
		return err;
	*ret_step = ALT_BOOT_RESTART_NMI;
	return restart_err;
}

int alternative_instructions(const struct alt_boot *boot, struct alt_result *ret,
			     enum alt_boot_step *ret_step)
{
	int err;

	*ret = (struct alt_result){ 0 };
	if (patched)
		return -ERR_EXIST;
	if (machine_nr_cpus() != 1)
		return -ERR_PERM;
	err = patch_without_nmi(boot, ret, ret_step);
	if (err)
		return err;
	patched = true;
	*ret_step = ALT_BOOT_RELOC_SELFTEST;
	return boot->reloc_selftest();
}
