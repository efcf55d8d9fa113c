/* SPDX-License-Identifier: MIT */
#include "image.h"

#include "machine_text.h"
#include "nmi.h"
#include "paging.h"

/* selftest.S */
extern const u8 selftest_int3_site[];
void selftest_int3(void *arg);
void selftest_reloc(void *unused);

const struct image efi_image = {
	.text = (u8 *)_stext,
	.text_end = (u8 *)_etext,
	.alternatives = { __alt_instructions, __alt_instructions_end, __alt_replacement,
			  __alt_replacement_end },
	.locks = __smp_locks,
	.locks_end = __smp_locks_end,
	.sequences = __smp_altinstr,
	.sequences_end = __smp_altinstr_end,
	.sequences_up = __smp_altinstr_replacement,
	.sequences_up_end = __smp_altinstr_replacement_end,
	.sequences_saved = __smp_altinstr_saved,
	.sequences_saved_end = __smp_altinstr_saved_end,
	.pages = (u8 *)__smp_locks,
	.pages_end = __smp_pages_end,
	.access = paging_access,
	.stop_nmi = nmi_stop,
	.restart_nmi = nmi_restart,
	.int3_code = { selftest_int3_site, selftest_int3 },
	.reloc_code = selftest_reloc,
};
