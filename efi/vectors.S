/* SPDX-License-Identifier: MIT */
/*
 * Where the CPU arrives on an exception or interrupt.
 *
 * 64-bit mode aligns the stack to 16 bytes and pushes SS, RSP, RFLAGS, CS, RIP, and for some
 * exceptions an error code. Every path below keeps the stack a multiple of 16 at its CALL, as the
 * compiler expects, and clears DF, which the interrupted code may have set.
 *
 * All of it is .noinstr.text: it runs while text is being patched.
 */
	.section .noinstr.text, "ax", @progbits

	.globl vector_stubs, vector_breakpoint, vector_nmi, vector_sync, vector_wake, \
		vector_interrupt

/* The order of struct trap_regs, from its end. */
.macro push_trap_regs
	pushq	%rdi
	pushq	%rsi
	pushq	%rdx
	pushq	%rcx
	pushq	%rax
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
	pushq	%rbx
	pushq	%rbp
	pushq	%r12
	pushq	%r13
	pushq	%r14
	pushq	%r15
.endm

/* And back; the last instruction drops vector and error code. */
.macro pop_trap_regs
	popq	%r15
	popq	%r14
	popq	%r13
	popq	%r12
	popq	%rbp
	popq	%rbx
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rax
	popq	%rcx
	popq	%rdx
	popq	%rsi
	popq	%rdi
	leaq	16(%rsp), %rsp
.endm

/* What a C function may destroy. */
.macro push_scratch
	pushq	%rax
	pushq	%rcx
	pushq	%rdx
	pushq	%rsi
	pushq	%rdi
	pushq	%r8
	pushq	%r9
	pushq	%r10
	pushq	%r11
.endm

.macro pop_scratch
	popq	%r11
	popq	%r10
	popq	%r9
	popq	%r8
	popq	%rdi
	popq	%rsi
	popq	%rdx
	popq	%rcx
	popq	%rax
.endm

/* 16 bytes for each vector; idt.c computes the addresses. */
	.balign	16
vector_stubs:
	.set	vector, 0
.rept 256
	.balign	16
	/* The mask: 8, 10-14, 17, 21, 29 and 30 push an error code by themselves. */
.if !(vector < 32 && (0x60227d00 >> (vector & 31)) & 1)
	pushq	$0
.endif
	pushq	$vector
	jmp	trap_common
	.set	vector, vector + 1
.endr

trap_common:
	push_trap_regs
	cld
	movq	%rsp, %rdi
	call	trap_handle
	pop_trap_regs
	iretq

/*
 * #BP. An emulated CALL stores its return address right below the interrupted stack pointer, which
 * is where the CPU put SS. So the frame that IRETQ will use is a copy, below the CPU's own; the
 * five words of the original are the gap. The sixth keeps the alignment.
 */
	.balign	16
vector_breakpoint:
	leaq	-8(%rsp), %rsp
	pushq	40(%rsp)	/* SS */
	pushq	40(%rsp)	/* RSP */
	pushq	40(%rsp)	/* RFLAGS */
	pushq	40(%rsp)	/* CS */
	pushq	40(%rsp)	/* RIP */
	pushq	$0
	pushq	$3
	push_trap_regs
	cld
	movq	%rsp, %rdi
	call	trap_breakpoint
	pop_trap_regs
	iretq

/*
 * NMI. One that nobody of ours has sent is counted, and nothing else: it may have hit firmware's
 * code in the moment when GS is not ours.
 *
 * One of ours runs a procedure that may trap, and the IRETQ of that trap opens NMIs again while the
 * procedure is still running. So there is nothing here that a second NMI could spoil: its frame and
 * its registers go on the stack below the first one's (the gate has no stack of its own, which
 * would begin at its top each time), and whose it is was asked and answered by one XCHG before
 * anything could trap. Each one on the stack is one that was sent after the one above had begun.
 */
	.balign	16
vector_nmi:
	pushq	%rax
	xorl	%eax, %eax
	xchgl	%eax, %gs:24
	testl	%eax, %eax
	popq	%rax
	jnz	nmi_ours
	incq	%gs:16
	iretq

nmi_ours:
	push_scratch
	cld
	call	nmi_interrupt
	pop_scratch
	iretq

/* The sync. Its latency is a figure we publish, so it saves no more than it must. */
	.balign	64
vector_sync:
	push_scratch
	cld
	call	sync_interrupt
	pop_scratch
	iretq

	.balign	16
vector_wake:
	push_scratch
	cld
	call	wake_interrupt
	pop_scratch
	iretq

	.balign	16
vector_interrupt:
	push_scratch
	cld
	call	fixed_interrupt
	pop_scratch
	iretq

	.section .note.GNU-stack, "", @progbits
