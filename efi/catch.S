/* SPDX-License-Identifier: MIT */
/*
 * int catch_call(struct catch_frame *frame, cpu_fn fn, void *arg)
 *
 * A trap handler that wants to end fn loads the saved registers into the interrupted context and
 * returns to catch_landing, on the stack as it was here.
 */
	.text
	.globl	catch_call, catch_landing
	.type	catch_call, @function
catch_call:
	movq	%rbx, 0(%rdi)
	movq	%rbp, 8(%rdi)
	movq	%r12, 16(%rdi)
	movq	%r13, 24(%rdi)
	movq	%r14, 32(%rdi)
	movq	%r15, 40(%rdi)
	movq	%rsp, 48(%rdi)
	pushfq
	popq	56(%rdi)
	movq	%rsi, %rax
	movq	%rdx, %rdi
	subq	$8, %rsp
	call	*%rax
	addq	$8, %rsp
	xorl	%eax, %eax
	ret
	.size	catch_call, . - catch_call

catch_landing:
	movl	$1, %eax
	ret

	.section .note.GNU-stack, "", @progbits
