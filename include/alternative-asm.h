/* SPDX-License-Identifier: MIT */
/*
 * For .S files: the macros of alternative.h under the same names, as macros of the assembler. Code
 * is given in quotes; several instructions are separated by semicolons:
 *
 *	ALTERNATIVE "lfence; rdtsc", "rdtscp", X86_FEATURE_RDTSCP
 *
 * They may not be nested.
 */
#ifndef SMPOKE_ALTERNATIVE_ASM_H
#define SMPOKE_ALTERNATIVE_ASM_H

#ifdef __ASSEMBLER__

#include "cpu_feature.h"

#define ALT_NOT(feature) ((feature) | (1 << 16))
#define ALT_DIRECT_CALL(feature) ((feature) | (2 << 16))

#define ALT_CALL_INSTR "call ."

/* From here on it is no C. */
/* clang-format off */

/* NOPs where the code behind \site is shorter than what stands between the other two. */
	.macro alt_pad site, start, end
	.skip -((\end - \start) > (. - \site)) * ((\end - \start) - (. - \site)), 0x90
	.endm

/* The record of struct alt_instr. */
	.macro alt_entry site, site_end, start, end, feature
	.pushsection .altinstructions, "a"
	.long \site - .
	.long \start - .
	.long \feature
	.byte \site_end - \site
	.byte \end - \start
	.popsection
	.endm

	.macro ALTERNATIVE old, new, feature
.Lalt_site_\@:
	\old
	alt_pad .Lalt_site_\@, .Lalt_new_\@, .Lalt_new_end_\@
.Lalt_site_end_\@:
	alt_entry .Lalt_site_\@, .Lalt_site_end_\@, .Lalt_new_\@, .Lalt_new_end_\@, "\feature"
	.pushsection .altinstr_replacement, "a"
.Lalt_new_\@:
	\new
.Lalt_new_end_\@:
	.popsection
	.endm

	.macro ALTERNATIVE_2 old, new1, feature1, new2, feature2
.Lalt_site_\@:
	\old
	alt_pad .Lalt_site_\@, .Lalt_new1_\@, .Lalt_new2_\@
	alt_pad .Lalt_site_\@, .Lalt_new2_\@, .Lalt_new_end_\@
.Lalt_site_end_\@:
	alt_entry .Lalt_site_\@, .Lalt_site_end_\@, .Lalt_new1_\@, .Lalt_new2_\@, "\feature1"
	alt_entry .Lalt_site_\@, .Lalt_site_end_\@, .Lalt_new2_\@, .Lalt_new_end_\@, "\feature2"
	.pushsection .altinstr_replacement, "a"
.Lalt_new1_\@:
	\new1
.Lalt_new2_\@:
	\new2
.Lalt_new_end_\@:
	.popsection
	.endm

	.macro ALTERNATIVE_3 old, new1, feature1, new2, feature2, new3, feature3
.Lalt_site_\@:
	\old
	alt_pad .Lalt_site_\@, .Lalt_new1_\@, .Lalt_new2_\@
	alt_pad .Lalt_site_\@, .Lalt_new2_\@, .Lalt_new3_\@
	alt_pad .Lalt_site_\@, .Lalt_new3_\@, .Lalt_new_end_\@
.Lalt_site_end_\@:
	alt_entry .Lalt_site_\@, .Lalt_site_end_\@, .Lalt_new1_\@, .Lalt_new2_\@, "\feature1"
	alt_entry .Lalt_site_\@, .Lalt_site_end_\@, .Lalt_new2_\@, .Lalt_new3_\@, "\feature2"
	alt_entry .Lalt_site_\@, .Lalt_site_end_\@, .Lalt_new3_\@, .Lalt_new_end_\@, "\feature3"
	.pushsection .altinstr_replacement, "a"
.Lalt_new1_\@:
	\new1
.Lalt_new2_\@:
	\new2
.Lalt_new3_\@:
	\new3
.Lalt_new_end_\@:
	.popsection
	.endm

	.macro ALTERNATIVE_TERNARY old, feature, yes, no
	ALTERNATIVE_2 "\old", "\no", X86_FEATURE_ALWAYS, "\yes", "\feature"
	.endm

/* clang-format on */

#endif
#endif
