/* SPDX-License-Identifier: MIT */
/*
 * LOCK_PREFIX: a LOCK prefix whose place is remembered in .smp_locks, so that
 * alternatives_smp_unlock() can turn it into a harmless DS override while one CPU runs, and
 * alternatives_smp_lock() can turn it back. An entry is one s32, relative to itself.
 *
 * Not to be used on the path from the #BP vector to its return (noinstr): that path runs while
 * patching is under way.
 */
#ifndef SMPOKE_ALTERNATIVE_H
#define SMPOKE_ALTERNATIVE_H

#define LOCK_PREFIX                                                                                \
	".pushsection .smp_locks, \"a\"\n\t"                                                       \
	".balign 4\n\t"                                                                            \
	".long 661f - .\n\t"                                                                       \
	".popsection\n"                                                                            \
	"661:\n\t"                                                                                 \
	"lock; "

#endif
