/* SPDX-License-Identifier: MIT */
/*
 * Stands before include/ when efi/apic.c is built for its test: what needs ring 0 is the test's.
 */
#ifndef SMPOKE_TESTS_APIC_X86_H
#define SMPOKE_TESTS_APIC_X86_H

#define rdmsr x86_rdmsr
#define wrmsr x86_wrmsr
#define cpuid(leaf, subleaf) x86_cpuid(leaf, subleaf)
#include_next "x86.h"
#undef rdmsr
#undef wrmsr
#undef cpuid

u64 rdmsr(u32 msr);
void wrmsr(u32 msr, u64 value);
struct cpuid_regs cpuid(u32 leaf, u32 subleaf);

#endif
