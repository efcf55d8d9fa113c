/* SPDX-License-Identifier: MIT */
/*
 * void ap_call_on_stack(struct percpu *pc, void (*fn)(struct percpu *), void *stack_top)
 *
 * Firmware's stacks of the other CPUs may be a few KiB; ours are not.
 */
	.text
	.globl	ap_call_on_stack
	.type	ap_call_on_stack, @function
ap_call_on_stack:
	pushq	%rbp
	movq	%rsp, %rbp
	movq	%rdx, %rsp
	call	*%rsi
	movq	%rbp, %rsp
	popq	%rbp
	ret
	.size	ap_call_on_stack, . - ap_call_on_stack

	.section .note.GNU-stack, "", @progbits
