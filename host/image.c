/* SPDX-License-Identifier: MIT */
/*
 * The program as smpoke.lds has laid it out, for image_patch().
 */
#include "image.h"

#include <sys/mman.h>

/* smpoke.lds */
extern u8 __text_begin[], __text_end[];

/* selftest.S */
extern const u8 selftest_int3_site[];
void selftest_int3(void *arg);
void selftest_reloc(void *unused);

/*
 * What comes nearest to an NMI is a signal of ours, and the threads that send them do not exist
 * yet. One that somebody else sends runs its handler on whole instructions: each write of a site
 * is finished before this thread can come to the site, whose code only this thread runs.
 */
static int no_nmi(void)
{
	return 0;
}

/* The kernel drops every thread's translation before it returns. */
static int page_access(void *begin, size_t bytes, bool accessible)
{
	int prot = accessible ? PROT_READ | PROT_WRITE : PROT_NONE;

	return mprotect(begin, bytes, prot) ? -ERR_FAULT : 0;
}

const struct image host_image = {
	.text = __text_begin,
	.text_end = __text_end,
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
	.access = page_access,
	.stop_nmi = no_nmi,
	.restart_nmi = no_nmi,
	.int3_code = { selftest_int3_site, selftest_int3 },
	.reloc_code = selftest_reloc,
};
