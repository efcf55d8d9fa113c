/* SPDX-License-Identifier: MIT */
/*
 * LOCK prefixes and their tables (.smp_locks).
 *
 * An entry is one s32: the offset from the entry itself to the F0 byte. Zero pads a page.
 */
#ifndef SMPOKE_SMP_LOCKS_H
#define SMPOKE_SMP_LOCKS_H

#include "types.h"

#define LOCK_PREFIX_BYTE 0xF0

/* What a LOCK prefix becomes while one CPU runs. */
enum smp_up_form {
	SMP_UP_DS = 0x3E, /* DS override, ignored in 64-bit mode: one instruction stays one */
	SMP_UP_NOP = 0x90, /* the 2006 form: two instructions, only for text nobody is in the middle
			      of */
};

/* Every entry has exactly one outcome; the six counts sum to the number of entries. */
struct smp_locks_result {
	u32 nr_changed;
	u32 nr_already; /* held the wanted byte */
	u32 nr_zero; /* padding */
	u32 nr_out_of_range; /* outside [text, text_end) */
	u32 nr_unexpected; /* neither of the two bytes */
	const s32 *first_unexpected; /* the first entry of the last two kinds, NULL if none */
};

/**
 * alternatives_smp_unlock() - LOCK prefixes to UP form
 * @start, @end: the table; @text, @text_end: only prefixes in here are touched
 *
 * One store of one byte per site through the alias, opened once; this CPU serialises at the end.
 * Other CPUs may not run this text; use smp_text_poke_sync_each_cpu() before they do.
 * Context: text_mutex held, interrupts on, not from a trap.
 * Return: 0; -ERR_PERM without the lock; -ERR_RANGE when the text is not ours; -ERR_FAULT.
 */
int alternatives_smp_unlock(const s32 *start, const s32 *end, u8 *text, u8 *text_end,
			    enum smp_up_form form, struct smp_locks_result *ret);

/**
 * alternatives_smp_lock() - and back to LOCK; @form says which byte is expected
 */
int alternatives_smp_lock(const s32 *start, const s32 *end, u8 *text, u8 *text_end,
			  enum smp_up_form form, struct smp_locks_result *ret);

/**
 * smp_locks_touch() - true when a prefix that the table would change lies in [from, to)
 *
 * Pure; the table is read, the text is not.
 */
bool smp_locks_touch(const s32 *start, const s32 *end, const u8 *text, const u8 *text_end,
		     const u8 *from, const u8 *to);

#endif
