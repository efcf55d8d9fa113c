/* SPDX-License-Identifier: MIT */
/*
 * Where a CPU begins after INIT and SIPI: in real mode, in a copy of this below 1 MiB, with CS at its
 * page. From there in one step to long mode, on the page tables of firmware, which hold the copy at
 * its own address; then firmware's descriptor tables, a stack, and the same function that MP services
 * would call. efi/sipi.c fills the words at the end, whose order is its struct.
 */
	.section .rodata, "a", @progbits
	.globl	trampoline, trampoline_words, trampoline_end, trampoline_64

#define HERE(label) (label - trampoline)
#define MSR_EFER 0xC0000080

	.balign	16
	.code16
trampoline:
	cli
	cld
	movw	%cs, %ax
	movw	%ax, %ds
	lgdtl	HERE(own_gdtr)
	movl	HERE(cr4), %eax
	movl	%eax, %cr4
	movl	HERE(cr3), %eax
	movl	%eax, %cr3
	movl	$MSR_EFER, %ecx
	movl	HERE(efer), %eax
	xorl	%edx, %edx
	wrmsr
	/* Protection and paging at once: with EFER.LME that is long mode. */
	movl	HERE(cr0), %eax
	movl	%eax, %cr0
	ljmpl	*HERE(far_64)

	.code64
trampoline_64:
	leaq	trampoline(%rip), %rbx
	movq	HERE(stack)(%rbx), %rsp
	lgdt	HERE(gdtr)(%rbx)
	lidt	HERE(idtr)(%rbx)
	movl	HERE(ss)(%rbx), %eax
	movl	%eax, %ds
	movl	%eax, %es
	movl	%eax, %ss
	movl	HERE(cs)(%rbx), %eax
	pushq	%rax
	leaq	1f(%rip), %rax
	pushq	%rax
	lretq
1:	movq	HERE(entry)(%rbx), %rax
	xorl	%ecx, %ecx
	subq	$32, %rsp	/* what firmware's convention wants there */
	call	*%rax
	/* There is no firmware to go back to. */
2:	cli
	hlt
	jmp	2b

	.balign	16
own_gdt:
	.quad	0
	.quad	0x00af9b000000ffff	/* 8: 64-bit code, ring 0 */
trampoline_words:
own_gdtr:
	.word	15
	.long	0	/* where own_gdt is in the copy */
	.balign	8
far_64:
	.long	0	/* where trampoline_64 is in the copy */
	.long	8
cr0:	.long	0
cr3:	.long	0
cr4:	.long	0
efer:	.long	0
cs:	.long	0
ss:	.long	0
stack:	.quad	0
entry:	.quad	0
gdtr:	.fill	10, 1, 0
	.balign	8
idtr:	.fill	10, 1, 0
	.balign	8
trampoline_end:

	.section .note.GNU-stack, "", @progbits
