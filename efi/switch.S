/* SPDX-License-Identifier: MIT */
/*
 * Two stacks, one CPU: each side calls stack_switch() and returns from it when the other side has
 * called it. What a C function may destroy is not kept, nor are the flags.
 */
	.text
	.globl	stack_switch, stack_prepare
	.type	stack_switch, @function
stack_switch:
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
	movq	%rsp, (%rdi)
	movq	%rsi, %rsp
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	ret
	.size	stack_switch, . - stack_switch

/*
 * As stack_switch() leaves a stack: six registers, then where to go. Above it a word that a return
 * from fn would jump to, and fn does not return; and the stack as a CALL leaves it, 8 off 16.
 */
	.type	stack_prepare, @function
stack_prepare:
	leaq	-64(%rdi), %rax
	andq	$-16, %rax
	xorl	%ecx, %ecx
	movq	%rcx, (%rax)
	movq	%rcx, 8(%rax)
	movq	%rcx, 16(%rax)
	movq	%rcx, 24(%rax)
	movq	%rcx, 32(%rax)
	movq	%rcx, 40(%rax)
	movq	%rsi, 48(%rax)
	movq	%rcx, 56(%rax)
	ret
	.size	stack_prepare, . - stack_prepare

	.section .note.GNU-stack, "", @progbits
