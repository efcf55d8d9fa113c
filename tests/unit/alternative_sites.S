/* SPDX-License-Identifier: MIT */
/*
 * Sites made by the macros for .S files, in functions that return what was chosen. Which feature is
 * there the test decides: ERMS and FSRM are just two of them.
 */
#include "alternative-asm.h"

	.section .altinstructions, "a"
	.globl alt_s_table, alt_s_table_end
alt_s_table:
	.section .altinstr_replacement, "a"
	.globl alt_s_repl, alt_s_repl_end
alt_s_repl:

	.text
	.globl alt_s_text, alt_s_text_end
	.balign 16
alt_s_text:

	.macro function name
	.globl \name, \name\()_site, \name\()_end
\name:
	.endm

	function alt_s_same
alt_s_same_site:
	ALTERNATIVE "mov $10, %eax", "mov $11, %eax", X86_FEATURE_ERMS
alt_s_same_end:
	ret

	function alt_s_not
alt_s_not_site:
	ALTERNATIVE "mov $10, %eax", "mov $11, %eax", ALT_NOT(X86_FEATURE_ERMS)
alt_s_not_end:
	ret

	/* Longer than the site, and shorter than it. */
	function alt_s_two
	xor %eax, %eax
alt_s_two_site:
	ALTERNATIVE_2 "mov $20, %al", "mov $21, %eax", X86_FEATURE_ERMS, "", X86_FEATURE_FSRM
alt_s_two_end:
	ret

	/* The longest one comes second, in the middle, and last. */
	function alt_s_second
	xor %eax, %eax
alt_s_second_site:
	ALTERNATIVE_2 "mov $20, %al", "mov $21, %al", X86_FEATURE_ERMS, \
		"mov $22, %eax", X86_FEATURE_FSRM
alt_s_second_end:
	ret

	function alt_s_third
alt_s_third_site:
	ALTERNATIVE_3 "push $34; pop %rax", "mov $35, %eax", X86_FEATURE_ALWAYS, \
		"push $35; pop %rax", X86_FEATURE_FSRM, "mov $36, %rax", X86_FEATURE_ERMS
alt_s_third_end:
	ret

	function alt_s_three
alt_s_three_site:
	ALTERNATIVE_3 "mov $30, %eax", "xor %eax, %eax; mov $31, %al", X86_FEATURE_ALWAYS, \
		"movabs $32, %rax; cltq; cltq; cltq", X86_FEATURE_ERMS, \
		"push $33; pop %rax", X86_FEATURE_FSRM
alt_s_three_end:
	ret

	function alt_s_ternary
alt_s_ternary_site:
	ALTERNATIVE_TERNARY "mov $40, %eax", X86_FEATURE_ERMS, "push $41; pop %rax", \
		"xor %eax, %eax; mov $42, %al"
alt_s_ternary_end:
	ret

	/* The assembler has to choose the length of the jump, and to pad it afterwards. */
	function alt_s_jump
	mov $50, %eax
alt_s_jump_site:
	ALTERNATIVE "jmp 1f", "mov $51, %eax; ret; nopl 0x12345678(%rax)", X86_FEATURE_ERMS
alt_s_jump_end:
	.skip 300, 0xCC
1:	ret

	/* Nothing at all is a site of no bytes but padding. */
	function alt_s_reloc
	sub $8, %rsp
	xor %eax, %eax
alt_s_reloc_site:
	ALTERNATIVE "", "lea alt_s_object(%rip), %rdi; call alt_s_helper", X86_FEATURE_ERMS
alt_s_reloc_end:
	add $8, %rsp
	ret

	function alt_s_direct
	sub $8, %rsp
	lea alt_s_object(%rip), %rdi
alt_s_direct_site:
	ALTERNATIVE "call *alt_s_pointer(%rip)", ALT_CALL_INSTR, ALT_DIRECT_CALL(X86_FEATURE_ERMS)
alt_s_direct_end:
	add $8, %rsp
	ret

	/* What alt_reloc_selftest() runs, and the same with the wrong object. */
	function alt_s_selftest
	sub $8, %rsp
alt_s_selftest_site:
	ALTERNATIVE "", "lea alt_reloc_selftest_object(%rip), %rdi; call __alt_reloc_selftest", \
		X86_FEATURE_ALWAYS
alt_s_selftest_end:
	add $8, %rsp
	ret

	function alt_s_wrong
	sub $8, %rsp
alt_s_wrong_site:
	ALTERNATIVE "", "lea alt_s_object(%rip), %rdi; call __alt_reloc_selftest", \
		X86_FEATURE_ALWAYS
alt_s_wrong_end:
	add $8, %rsp
	ret
alt_s_text_end:

	/* Stays where it is; the sites come to it. */
alt_s_helper:
	mov (%rdi), %eax
	ret

	.data
	.balign 8
alt_s_object:
	.long 60
	.balign 8
	.globl alt_s_pointer
alt_s_pointer:
	.quad alt_s_helper

	.section .altinstructions, "a"
alt_s_table_end:
	.section .altinstr_replacement, "a"
alt_s_repl_end:
	.section .note.GNU-stack, "", @progbits
