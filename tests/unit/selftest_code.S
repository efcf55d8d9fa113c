/* SPDX-License-Identifier: MIT */
/*
 * Code for int3_selftest(): right, and wrong in one way each. RDI is the argument.
 *
 * LEAVE finds the stack again, so that a call emulated wrongly comes back and is judged.
 */
	.text
	.macro function name
	.globl \name, \name\()_site
\name:
	push %rbp
	mov %rsp, %rbp
	.endm

	.macro hole name
\name\()_site:
	int3
	nop
	nop
	nop
	nop
	.endm

	function selftest_right
	hole selftest_right
	leave
	ret

	/* There is no INT3. */
	function selftest_silent
selftest_silent_site:
	.fill 5, 1, 0x90
	leave
	ret

	/* It comes by twice. */
	function selftest_twice
	push %rbx
	push %rdi
	mov $2, %ebx
1:	mov -16(%rbp), %rdi
	hole selftest_twice
	dec %ebx
	jnz 1b
	mov -8(%rbp), %rbx
	leave
	ret

	/* The INT3 is not where it was said to be. */
	function selftest_elsewhere
	int3
selftest_elsewhere_site:
	.fill 5, 1, 0x90
	leave
	ret

	.section .note.GNU-stack, "", @progbits
