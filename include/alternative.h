/* SPDX-License-Identifier: MIT */
/*
 * Code that is written in several ways, of which the CPU at hand gets one: macros for inline
 * assembler and the record that each of them leaves. The same for .S files: alternative-asm.h.
 * What is done with the records: apply_alternatives.h, smp_locks.h.
 *
 * None of it is to be used on the path from the #BP vector to its return (noinstr): that path runs
 * while patching is under way.
 */
#ifndef SMPOKE_ALTERNATIVE_H
#define SMPOKE_ALTERNATIVE_H

#include "cpu_feature.h"
#include "types.h"

/*
 * LOCK_PREFIX: a LOCK prefix whose place is remembered in .smp_locks, so that
 * alternatives_smp_unlock() can turn it into a harmless DS override while one CPU runs, and
 * alternatives_smp_lock() can turn it back. An entry is one s32, relative to itself.
 */
#define LOCK_PREFIX                                                                                \
	".pushsection .smp_locks, \"a\"\n\t"                                                       \
	".balign 4\n\t"                                                                            \
	".long 661f - .\n\t"                                                                       \
	".popsection\n"                                                                            \
	"661:\n\t"                                                                                 \
	"lock; "

/*
 * One way to write one site: an entry of .altinstructions. Several ways are consecutive entries of
 * one site. Layout and meaning are Linux's.
 */
struct alt_instr {
	s32 instr_offset; /* from this field to the site */
	s32 repl_offset; /* from this field to the replacement */
	u16 cpuid; /* the feature, cpu_feature.h */
	u16 flags;
	u8 instrlen; /* of the site, padding included */
	u8 replacementlen;
} __attribute__((packed));

_Static_assert(sizeof(struct alt_instr) == 14, "the macros below write 14 bytes an entry");

#define ALT_FLAG_NOT (1u << 0) /* for CPUs that have not got the feature */
#define ALT_FLAG_DIRECT_CALL (1u << 1) /* call where the pointer points, now */
#define ALT_FLAGS (ALT_FLAG_NOT | ALT_FLAG_DIRECT_CALL)

/* What the macros take for a feature: its number, and flags in the upper half. */
#define ALT_NOT(feature) ((feature) | (1 << 16))
#define ALT_DIRECT_CALL(feature) ((feature) | (2 << 16))

/* The replacement of a DIRECT_CALL: where it leads is found out when it is applied. */
#define ALT_CALL_INSTR "call ."

#define ALT_STRING_OF(...) #__VA_ARGS__
#define ALT_STRING(...) ALT_STRING_OF(__VA_ARGS__)

/*
 * Labels: 771 site, 773 end of its padding; the replacements stand between 774 and 775, 775 and
 * 776, 776 and 777. All are numeric, so that a macro may be used twice in one
 * string, and as the first thing of another one's @old: both then mean the same site.
 */
#define ALT_SITE(old) "771:\n\t" old "\n\t"

/* To what the assembler makes of a comparison, -1 is true: NOPs where the site is shorter. */
#define ALT_PAD_TO(repl_bytes)                                                                     \
	".skip -((" repl_bytes ") > (. - 771b)) * ((" repl_bytes ") - (. - 771b)), 0x90\n\t"

#define ALT_ENTRY(feature, start, end)                                                             \
	".long 771b - .\n\t"                                                                       \
	".long " start "f - .\n\t"                                                                 \
	".long " ALT_STRING(feature) "\n\t"                                                        \
				     ".byte 773b - 771b\n\t"                                       \
				     ".byte " end "f - " start "f\n\t"

#define ALT_TABLE(entries) ".pushsection .altinstructions, \"a\"\n\t" entries ".popsection\n\t"

/*
 * Not "ax" as in Linux: a replacement is copied and never run where it is, so it stands with the
 * constants, and a jump into it traps.
 */
#define ALT_REPLACEMENTS(code) ".pushsection .altinstr_replacement, \"a\"\n" code ".popsection\n\t"

/**
 * ALTERNATIVE() - assembler text: @old, and @new where the CPU has @feature
 * ALTERNATIVE_2(), ALTERNATIVE_3() - of several the last whose feature the CPU has
 * ALTERNATIVE_TERNARY() - @yes where it has @feature, @no where not; @old until it is applied
 *
 * All are strings, of one instruction or several, or empty. @feature is a number of cpu_feature.h,
 * or ALT_NOT() or ALT_DIRECT_CALL() of one. The site is as long as the longest of them; a length
 * over 255 fails to assemble, and over 254 is refused when it is applied. A replacement may use
 * what is relative to RIP; it may not define labels that others use, nor may code outside jump
 * into the site but to its start.
 * No LOCK_PREFIX in any of them: its entry would name a byte that a replacement has overwritten, or
 * one that is only copied.
 * A DIRECT_CALL is "call *pointer(%rip)" with the replacement ALT_CALL_INSTR.
 */
#define ALTERNATIVE(old, new, feature)                                                             \
	ALT_SITE(old)                                                                              \
	ALT_PAD_TO("775f - 774f")                                                                  \
	"773:\n\t" ALT_TABLE(ALT_ENTRY(feature, "774", "775"))                                     \
		ALT_REPLACEMENTS("774:\n\t" new "\n775:\n\t")

#define ALTERNATIVE_2(old, new1, feature1, new2, feature2)                                         \
	ALT_SITE(old)                                                                              \
	ALT_PAD_TO("775f - 774f")                                                                  \
	ALT_PAD_TO("776f - 775f")                                                                  \
	"773:\n\t" ALT_TABLE(ALT_ENTRY(feature1, "774", "775") ALT_ENTRY(feature2, "775", "776"))  \
		ALT_REPLACEMENTS("774:\n\t" new1 "\n775:\n\t" new2 "\n776:\n\t")

#define ALTERNATIVE_3(old, new1, feature1, new2, feature2, new3, feature3)                         \
	ALT_SITE(old)                                                                              \
	ALT_PAD_TO("775f - 774f")                                                                  \
	ALT_PAD_TO("776f - 775f")                                                                  \
	ALT_PAD_TO("777f - 776f")                                                                  \
	"773:\n\t" ALT_TABLE(ALT_ENTRY(feature1, "774", "775") ALT_ENTRY(feature2, "775", "776")   \
				     ALT_ENTRY(feature3, "776", "777"))                            \
		ALT_REPLACEMENTS("774:\n\t" new1 "\n775:\n\t" new2 "\n776:\n\t" new3 "\n777:\n\t")

#define ALTERNATIVE_TERNARY(old, feature, yes, no)                                                 \
	ALTERNATIVE_2(old, no, X86_FEATURE_ALWAYS, yes, feature)

/**
 * ALTERNATIVE_SMP() - 2006: @smp, whole instructions, which alternatives_up_apply() replaces by @up
 * while one CPU runs, and alternatives_smp_apply() restores
 *
 * Leaves a struct smp_altinstr (smp_altinstr.h). @up is no longer than @smp. Nobody jumps into the
 * site but to its start, and no LOCK_PREFIX in either: write "lock;". Labels: 781 to 785.
 */
#define ALTERNATIVE_SMP(smp, up)                                                                   \
	"781:\n\t" smp "\n782:\n\t"                                                                \
	".pushsection .smp_altinstructions, \"a\"\n\t"                                             \
	".balign 4\n\t"                                                                            \
	".long 781b - .\n\t"                                                                       \
	".long 783f - .\n\t"                                                                       \
	".long 785f - .\n\t"                                                                       \
	".byte 782b - 781b\n\t"                                                                    \
	".byte 784f - 783f\n\t"                                                                    \
	".word 0\n\t"                                                                              \
	".popsection\n\t"                                                                          \
	".pushsection .smp_altinstr_replacement, \"a\"\n"                                          \
	"783:\n\t" up "\n784:\n\t"                                                                 \
	".popsection\n\t"                                                                          \
	".pushsection .smp_altinstr_saved, \"aw\"\n"                                               \
	"785:\n\t.skip 782b - 781b\n\t"                                                            \
	".popsection\n\t"

/**
 * alternative() - a statement of it; the compiler moves no access to memory across
 * alternative_input() - the same with input operands, which the strings call %0, %1, ...
 */
#define alternative(old, new, feature)                                                             \
	__asm__ volatile(ALTERNATIVE(old, new, feature) : : : "memory")
#define alternative_input(old, new, feature, ...)                                                  \
	__asm__ volatile(ALTERNATIVE(old, new, feature) : : __VA_ARGS__ : "memory")

#endif
