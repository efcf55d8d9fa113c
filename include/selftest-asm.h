/* SPDX-License-Identifier: MIT */
/*
 * For a machine's .S file: the code that its struct image gives the self-tests (selftest.h), under
 * the names selftest_int3, selftest_int3_site and selftest_reloc.
 */
#ifndef SMPOKE_SELFTEST_ASM_H
#define SMPOKE_SELFTEST_ASM_H

#include "alternative-asm.h"

/* From here on it is no C. */
/* clang-format off */

	.macro SELFTEST_CODE
	.text
	.balign 16
	.globl selftest_int3, selftest_int3_site, selftest_reloc
	.hidden selftest_int3, selftest_int3_site, selftest_reloc
	/* LEAVE finds the stack again, so that a call emulated wrongly comes back to be judged. */
	.type selftest_int3, @function
selftest_int3:
	push %rbp
	mov %rsp, %rbp
selftest_int3_site:
	int3
	nop
	nop
	nop
	nop
	leave
	ret

	.type selftest_reloc, @function
selftest_reloc:
	push %rbp
	mov %rsp, %rbp
	ALTERNATIVE "", "lea alt_reloc_selftest_object(%rip), %rdi; call __alt_reloc_selftest", \
		X86_FEATURE_ALWAYS
	leave
	ret
	.endm

/* clang-format on */

#endif
