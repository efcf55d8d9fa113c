/* SPDX-License-Identifier: MIT */
/*
 * Bytes in bulk, by the string instructions that this CPU is good at: they are alternatives, so
 * neither noinstr code nor what writes text may use them (mem.h is for those).
 */
#ifndef SMPOKE_BULK_H
#define SMPOKE_BULK_H

#include "alternative.h"
#include "types.h"

/**
 * fill_pages() - @byte into [to, to + bytes), whole pages
 *
 * A CPU with ERMS writes whole lines at a time with REP STOSB, whatever its count; older ones are
 * eight times as slow with bytes as with words (Intel optimization manual, "Fast-String
 * Operation").
 */
static inline void fill_pages(void *to, u8 byte, size_t bytes)
{
	__asm__ volatile(ALTERNATIVE("shrq $3, %%rcx\n\trep stosq", "rep stosb", X86_FEATURE_ERMS)
			 : "+c"(bytes), "+D"(to)
			 : "a"(byte * 0x0101010101010101ull)
			 : "memory", "cc");
}

/**
 * copy_bytes() - a piece of text or a record; the two do not overlap
 *
 * REP MOVSB is quick to start with FSRM only.
 */
static inline void copy_bytes(void *to, const void *from, size_t bytes)
{
	size_t rest;

	__asm__ volatile(ALTERNATIVE("movq %%rcx, %q3\n\tshrq $3, %%rcx\n\trep movsq\n\t"
				     "movl %k3, %%ecx\n\tandl $7, %%ecx\n\trep movsb",
				     "rep movsb", X86_FEATURE_FSRM)
			 : "+c"(bytes), "+D"(to), "+S"(from), "=&r"(rest)
			 :
			 : "memory", "cc");
}

#endif
