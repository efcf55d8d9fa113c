/* SPDX-License-Identifier: MIT */
/*
 * run_insn(const struct trap_regs *regs): let the CPU go on as @regs says; back when the trap hook
 * sends it to run_insn_exit. No register is left to jump with, hence the two words of memory.
 */
	.text
	.globl run_insn, run_insn_exit
run_insn:
	push %rbx
	push %rbp
	push %r12
	push %r13
	push %r14
	push %r15
	mov %rsp, exit_sp(%rip)
	mov 17*8(%rdi), %rax
	mov %rax, start_ip(%rip)
	/* Flags last of all that changes them: only MOV and JMP follow. */
	push 19*8(%rdi)
	popfq
	mov 20*8(%rdi), %rsp
	mov 0*8(%rdi), %r15
	mov 1*8(%rdi), %r14
	mov 2*8(%rdi), %r13
	mov 3*8(%rdi), %r12
	mov 4*8(%rdi), %rbp
	mov 5*8(%rdi), %rbx
	mov 6*8(%rdi), %r11
	mov 7*8(%rdi), %r10
	mov 8*8(%rdi), %r9
	mov 9*8(%rdi), %r8
	mov 10*8(%rdi), %rax
	mov 11*8(%rdi), %rcx
	mov 12*8(%rdi), %rdx
	mov 13*8(%rdi), %rsi
	mov 14*8(%rdi), %rdi
	jmp *start_ip(%rip)

run_insn_exit:
	mov exit_sp(%rip), %rsp
	cld
	pop %r15
	pop %r14
	pop %r13
	pop %r12
	pop %rbp
	pop %rbx
	ret

	.bss
	.balign 8
start_ip:
	.skip 8
exit_sp:
	.skip 8
	.section .note.GNU-stack, "", @progbits
