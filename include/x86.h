/* SPDX-License-Identifier: MIT */
/*
 * One-instruction wrappers. Instructions of the ISA never go through the machine seam: they mean
 * the same in ring 0 and ring 3, or the caller is efi/ and knows that it is in ring 0.
 *
 * A "memory" clobber stands wherever the compiler must not move accesses across the instruction.
 */
#ifndef SMPOKE_X86_H
#define SMPOKE_X86_H

#include "alternative.h"
#include "types.h"

#define INT3_INSN_OPCODE 0xCC

struct cpuid_regs {
	u32 eax, ebx, ecx, edx;
};

/* Serialising too; a hypervisor takes every one for itself, which costs microseconds. */
static force_inline struct cpuid_regs cpuid(u32 leaf, u32 subleaf)
{
	struct cpuid_regs r;

	__asm__ volatile("cpuid"
			 : "=a"(r.eax), "=b"(r.ebx), "=c"(r.ecx), "=d"(r.edx)
			 : "a"(leaf), "c"(subleaf)
			 : "memory");
	return r;
}

/* The bare counter, for deadlines. May be read early or late by tens of cycles. */
static force_inline u64 rdtsc(void)
{
	u32 lo, hi;

	__asm__ volatile("rdtsc" : "=a"(lo), "=d"(hi));
	return (u64)hi << 32 | lo;
}

/*
 * Time stamps around measured code: the LFENCE before keeps earlier instructions out of the window,
 * the one after keeps later ones from starting before the counter was read (Intel SDM vol. 2,
 * RDTSC). On AMD this needs LFENCE to be serialising (DE_CFG[1]); machine.csv says whether it is.
 *
 * An alternative, because RDTSCP waits for earlier instructions by itself, on every CPU that has
 * it: a fence less in each window, and on AMD the near end of it holds whatever DE_CFG says. Not
 * for noinstr code. The stamps of a window are one form, for sites change before anything is
 * measured.
 */
static force_inline u64 rdtsc_ordered(void)
{
	u32 lo, hi;

	__asm__ volatile(
		ALTERNATIVE("lfence\n\trdtsc\n\tlfence", "rdtscp\n\tlfence", X86_FEATURE_RDTSCP)
		: "=a"(lo), "=d"(hi)
		:
		: "ecx", "memory");
	return (u64)hi << 32 | lo;
}

/* Nothing for the CPU; the compiler keeps what stands before it before it, and a loop around it. */
static force_inline void barrier(void)
{
	__asm__ volatile("" : : : "memory");
}

static force_inline void cpu_relax(void)
{
	__asm__ volatile("pause" : : : "memory");
}

/* clflush() - the line that holds @addr leaves all caches; mfence() says when it has */
static force_inline void clflush(const void *addr)
{
	__asm__ volatile("clflush %0" : : "m"(*(const char *)addr) : "memory");
}

static force_inline void mfence(void)
{
	__asm__ volatile("mfence" : : : "memory");
}

static force_inline void lfence(void)
{
	__asm__ volatile("lfence" : : : "memory");
}

/* Bytes that one instruction writes, at any address. */
struct bytes_1 {
	u8 b[1];
};
struct bytes_2 {
	u8 b[2];
};
struct bytes_4 {
	u8 b[4];
};
struct bytes_8 {
	u8 b[8];
};
struct bytes_16 {
	u8 b[16];
};

/* store_N() - one store of N bytes, in one instruction whatever the alignment */
static force_inline void store_1(void *to, u8 v)
{
	__asm__ volatile("movb %1, %0" : "=m"(*(struct bytes_1 *)to) : "q"(v) : "memory");
}

static force_inline void store_2(void *to, u16 v)
{
	__asm__ volatile("movw %1, %0" : "=m"(*(struct bytes_2 *)to) : "r"(v) : "memory");
}

static force_inline void store_4(void *to, u32 v)
{
	__asm__ volatile("movl %1, %0" : "=m"(*(struct bytes_4 *)to) : "r"(v) : "memory");
}

static force_inline void store_8(void *to, u64 v)
{
	__asm__ volatile("movq %1, %0" : "=m"(*(struct bytes_8 *)to) : "r"(v) : "memory");
}

/*
 * For code that is built without vector registers, and so keeps nothing in XMM0; the compiler would
 * not let such code name it. Boot CPU only: firmware has enabled it there.
 */
static force_inline void store_16(void *to, const void *from)
{
	__asm__ volatile("movdqu %1, %%xmm0\n\tmovdqu %%xmm0, %0"
			 : "=m"(*(struct bytes_16 *)to)
			 : "m"(*(const struct bytes_16 *)from)
			 : "memory");
}

static force_inline u64 read_flags(void)
{
	u64 flags;

	__asm__ volatile("pushfq\n\tpopq %0" : "=rm"(flags) : : "memory");
	return flags;
}

/*
 * IRET to the next instruction: serialising on every x86-64 CPU, causes no VM exit, and works in
 * ring 3 too (Intel SDM vol. 3, "Serializing Instructions"). It also unmasks NMIs, so it must not
 * be used inside an NMI handler.
 */
#define IRET_TO_SELF                                                                               \
	"mov %%ss, %k0\n\t"                                                                        \
	"pushq %q0\n\t"                                                                            \
	"pushq %%rsp\n\t"                                                                          \
	"addq $8, (%%rsp)\n\t"                                                                     \
	"pushfq\n\t"                                                                               \
	"mov %%cs, %k0\n\t"                                                                        \
	"pushq %q0\n\t"                                                                            \
	"leaq 1f(%%rip), %q0\n\t"                                                                  \
	"pushq %q0\n\t"                                                                            \
	"iretq\n"                                                                                  \
	"1:"

static force_inline void iret_to_self(void)
{
	u64 tmp;

	__asm__ volatile(IRET_TO_SELF : "=&r"(tmp) : : "cc", "memory");
}

/* has_serialize() - CPUID.7.0:EDX[14]; an exit to the hypervisor where there is one */
static inline bool has_serialize(void)
{
	return cpuid(0, 0).eax >= 7 && cpuid(7, 0).edx & 1u << 14;
}

/* SERIALIZE, as bytes: assemblers before 2020 do not know it. Needs has_serialize(). */
#define SERIALIZE_BYTES ".byte 0x0f, 0x01, 0xe8"

static force_inline void serialize(void)
{
	__asm__ volatile(SERIALIZE_BYTES : : : "memory");
}

/*
 * This CPU serialises, by the cheapest way that it has. An alternative, because SERIALIZE is one
 * instruction without a stack, a memory access or a jump, and IRET some hundred cycles; a test of
 * CPUID's bit would be a branch to predict in each. Not for noinstr code, nor for what writes text
 * while sites change (text_poke.c). May be an IRET, so not inside an NMI handler either.
 */
static force_inline void sync_this_core(void)
{
	u64 tmp;

	__asm__ volatile(ALTERNATIVE(IRET_TO_SELF, SERIALIZE_BYTES, X86_FEATURE_SERIALIZE)
			 : "=&r"(tmp)
			 :
			 : "cc", "memory");
}

/* Ring 0 only, from here on. */

static force_inline u64 rdmsr(u32 msr)
{
	u32 lo, hi;

	__asm__ volatile("rdmsr" : "=a"(lo), "=d"(hi) : "c"(msr) : "memory");
	return (u64)hi << 32 | lo;
}

static force_inline void wrmsr(u32 msr, u64 value)
{
	__asm__ volatile("wrmsr" : : "c"(msr), "a"((u32)value), "d"((u32)(value >> 32)) : "memory");
}

static force_inline u64 read_cr0(void)
{
	u64 v;

	__asm__ volatile("mov %%cr0, %0" : "=r"(v) : : "memory");
	return v;
}

static force_inline void write_cr0(u64 v)
{
	__asm__ volatile("mov %0, %%cr0" : : "r"(v) : "memory");
}

static force_inline u64 read_cr2(void)
{
	u64 v;

	__asm__ volatile("mov %%cr2, %0" : "=r"(v) : : "memory");
	return v;
}

/*
 * Serialising like every MOV to a control register but CR8 (Intel SDM vol. 3, "Serializing
 * Instructions"; AMD APM vol. 2, 7.6.4), and without a further effect: CR2 only reports.
 */
static force_inline void write_cr2(u64 v)
{
	__asm__ volatile("mov %0, %%cr2" : : "r"(v) : "memory");
}

static force_inline u64 read_cr3(void)
{
	u64 v;

	__asm__ volatile("mov %%cr3, %0" : "=r"(v) : : "memory");
	return v;
}

/* Serialising; drops every non-global translation of this CPU. */
static force_inline void write_cr3(u64 v)
{
	__asm__ volatile("mov %0, %%cr3" : : "r"(v) : "memory");
}

static force_inline u64 read_cr4(void)
{
	u64 v;

	__asm__ volatile("mov %%cr4, %0" : "=r"(v) : : "memory");
	return v;
}

static force_inline void write_cr4(u64 v)
{
	__asm__ volatile("mov %0, %%cr4" : : "r"(v) : "memory");
}

static force_inline void cli(void)
{
	__asm__ volatile("cli" : : : "memory");
}

static force_inline void sti(void)
{
	__asm__ volatile("sti" : : : "memory");
}

/* STI holds interrupts back for one instruction, so that no wake-up falls between it and HLT. */
static force_inline void sti_hlt(void)
{
	__asm__ volatile("sti\n\thlt" : : : "memory");
}

static force_inline u32 inl(u16 port)
{
	u32 v;

	__asm__ volatile("inl %1, %0" : "=a"(v) : "Nd"(port) : "memory");
	return v;
}

#endif
