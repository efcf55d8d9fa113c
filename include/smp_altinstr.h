/* SPDX-License-Identifier: MIT */
/*
 * SMP alternatives as of 2006 (seed 2): whole sequences, such as the body of a spinlock, with one
 * form for one CPU and one for more, switched both ways.
 *
 * The SMP form is what the compiler has put at the site. The UP form is copied there and never run
 * where it lies; the SMP form is kept meanwhile in a save area, which is data and never executable.
 * (In 2006 it was saved behind the UP form, in pages both writable and executable.)
 */
#ifndef SMPOKE_SMP_ALTINSTR_H
#define SMPOKE_SMP_ALTINSTR_H

#include "types.h"

/*
 * One site in .smp_altinstructions, aligned to 4. Each offset counts from its own field. A record
 * of zeros is padding.
 */
struct smp_altinstr {
	s32 instr_offset; /* the site: whole instructions, which nobody jumps into the middle of */
	s32 replacement_offset; /* the UP form */
	s32 saved_offset; /* instrlen bytes of data, writable, nobody else's */
	u8 instrlen, replacementlen; /* in bytes; the UP form is padded with NOPs */
	u16 zero;
};

_Static_assert(sizeof(struct smp_altinstr) == 16, "pages hold a whole number of them");

struct smp_altinstr_table {
	const struct smp_altinstr *start, *end; /* both NULL: there is none */
	u8 *text, *text_end; /* every site lies in here, */
	const u8 *up, *up_end; /* every UP form, */
	u8 *saved, *saved_end; /* and every save area: data, writable */
};

/* What became of a table. When it was refused, @entry and @why say where and why. */
struct smp_altinstr_result {
	u32 nr_changed;
	u32 nr_already; /* held the wanted form */
	u32 nr_padding;
	const struct smp_altinstr *entry; /* NULL unless refused */
	const char *why;
};

/**
 * alternatives_smp_save() - check the table whole, and keep the SMP form of every site
 *
 * Once, before the first alternatives_up_apply(), while every site is in SMP form. Refused is an
 * entry with: a length of 0; a UP form longer than its site, or that cannot be relocated to it
 * (relocate.h); a site that is not in the text, or does not end with an instruction, or is in UP
 * form already, or overlaps another; a UP form or a save area outside of where the table says that
 * they are; a save area in text, or on another's, on a UP form, or on the table; a UP form on a
 * site.
 * Context: text_mutex held. Cost: quadratic in the number of entries.
 * Return: 0; -ERR_PERM without the lock; -ERR_RANGE when the text is not ours; -ERR_REFUSED with
 * ret->entry and ret->why; nothing is written then.
 */
int alternatives_smp_save(const struct smp_altinstr_table *table, struct smp_altinstr_result *ret);

/**
 * alternatives_up_apply() - every site gets its UP form, relocated and padded with NOPs
 * alternatives_smp_apply() - and its SMP form again, byte for byte
 *
 * Any number of times, in any order. Before the first byte changes, all sites are looked at: each
 * must hold what was saved, or what alternatives_up_apply() writes. The alias is opened once, and
 * everything is read back.
 * Context: text_mutex held, interrupts on, not from a trap. One CPU online, and nobody has been
 * interrupted inside a site: a sequence changes as a whole, there is no protocol for that. On bare
 * metal interrupts are off while the table is written; about the time that decoding it takes.
 * Return: 0; -ERR_PERM, -ERR_RANGE, -ERR_REFUSED as above; -ERR_FAULT when the alias could not be
 * opened: nothing is written then; -ERR_VERIFY with ret->entry when a site did not read back.
 */
int alternatives_up_apply(const struct smp_altinstr_table *table, struct smp_altinstr_result *ret);
int alternatives_smp_apply(const struct smp_altinstr_table *table, struct smp_altinstr_result *ret);

/* smp_altinstr_touches() - true when a site of the table has a byte in [start, end). Pure. */
bool smp_altinstr_touches(const struct smp_altinstr_table *table, const u8 *start, const u8 *end);

#endif
