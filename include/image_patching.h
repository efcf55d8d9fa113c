/* SPDX-License-Identifier: MIT */
/*
 * The program patches itself: its own alternatives and LOCK prefixes, as its CPU and the number of
 * its CPUs want them.
 *
 * LOCK prefixes, and the sequences of 2006 (spinlock.h), are in UP form from image_patch() until
 * image_enable_smp(), that is as long as nobody else can be in our data; with one CPU for good.
 * Their tables are freed when they can never be needed again (seed 1): after image_enable_smp(), or
 * at once where no CPU can come; not with image_two_way().
 */
#ifndef SMPOKE_IMAGE_PATCHING_H
#define SMPOKE_IMAGE_PATCHING_H

#include "apply_alternatives.h"
#include "page_alloc.h"
#include "selftest.h"
#include "smp_alt.h"
#include "types.h"

/* The tables, where each machine's smpoke.lds has put them. */
extern const struct alt_instr __alt_instructions[], __alt_instructions_end[];
extern const u8 __alt_replacement[], __alt_replacement_end[];
extern const s32 __smp_locks[], __smp_locks_end[];
extern const struct smp_altinstr __smp_altinstr[], __smp_altinstr_end[];
extern const u8 __smp_altinstr_replacement[], __smp_altinstr_replacement_end[];
extern u8 __smp_altinstr_saved[], __smp_altinstr_saved_end[];
extern u8 __smp_pages_end[]; /* of the pages that begin at __smp_locks */

/**
 * struct image - what a machine knows about the program it runs
 * @text, @text_end: all code that a site can be in; text by text_contains(), and it decodes from
 *	its first byte to its last
 * @alternatives, @locks, @locks_end: what the linker has collected
 * @sequences, @sequences_end: the same in the form of 2006; equal: there are none
 * @sequences_up, @sequences_saved: their UP forms, and room for their SMP forms
 * @pages, @pages_end: those of @locks, @sequences and what belongs to them, and nothing else, given
 *	away when they can never be needed again; NULL = they stay
 * @access: what puts pages that were given away out of reach
 * @stop_nmi, @restart_nmi: struct alt_boot
 * @int3_code: for int3_selftest()
 * @reloc_code: for alt_reloc_selftest(); its site is one of @alternatives
 */
struct image {
	u8 *text, *text_end;
	struct alt_table alternatives;
	const s32 *locks, *locks_end;
	const struct smp_altinstr *sequences, *sequences_end;
	const u8 *sequences_up, *sequences_up_end;
	u8 *sequences_saved, *sequences_saved_end;
	u8 *pages, *pages_end;
	page_access_fn access;
	int (*stop_nmi)(void);
	int (*restart_nmi)(void);
	struct int3_selftest_code int3_code;
	void (*reloc_code)(void *unused);
};

/* What became of it. */
struct image_patched {
	bool done;
	const char *why_not; /* unless done: a clause; NULL when nobody has tried */
	struct alt_result alternatives;
	u64 apply_ns; /* the whole of alternative_instructions(), self-tests and UP form included */
	bool started_up; /* LOCKs were in UP form when this program's options were read */
	bool is_up; /* and they are now */
	bool two_way; /* they follow the number of CPUs that are online, cpu_hotplug.h */
	struct smp_locks_result to_up, to_smp; /* what was changed; zero when nothing was */
	u32 nr_sequences_to_up, nr_sequences_to_smp;
	u64 to_up_ns, to_smp_ns;
	u32 nr_left_mapped; /* pages that the machine could not put out of reach when they were
			       freed */
	const u8 *freed, *freed_end; /* pages given away; who reads them faults. NULL = none yet */
};

/**
 * image_patch() - register the text, test, apply alternatives, put LOCKs into UP form
 * @image: must stay where it is
 *
 * Context: boot CPU, once, before others are started, interrupts on, the clock calibrated.
 * Return: NULL; else a clause that says what went wrong: then the program may not go on, for some
 * of it may be patched and some not. image_patched()->alternatives.refusal says where.
 */
const char *image_patch(const struct image *image);

/* What a person may ask for. All false: LOCKs are out until others are started. */
struct image_policy {
	bool noreplace_smp; /* they stay as they are (noreplace-smp) */
	bool two_way; /* 2006: they follow the number of CPUs that are online */
	bool smp_alt_boot; /* 2006, but decided at boot: out where no other CPU can come */
};

/* image_choose() - before image_patch() */
void image_choose(struct image_policy policy);

/* image_not_patched() - instead of it, where a machine cannot: @why is a clause, kept */
void image_not_patched(const char *why);

/**
 * image_enable_smp() - LOCKs back; to be called before another CPU is started
 *
 * Does nothing where they are in place. Context: boot CPU, alone. Cost: one write a LOCK.
 * Return: 0; else an error of alternatives_enable_smp(), and no CPU may be started.
 */
int image_enable_smp(void);

/* image_release() - memory goes back; text stays as it is. Boot CPU, the others home. */
void image_release(void);

/* A site, and what it held before; all zero to begin with. */
struct image_site {
	struct alt_site site;
	const u8 *before; /* site.len bytes */
};

/* image_next_site() - walk the sites of the image once it is patched. Return: false at the end. */
bool image_next_site(struct image_site *cursor);

/* Context of both: boot CPU. */
const struct image_patched *image_patched(void);

#endif
