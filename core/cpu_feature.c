/* SPDX-License-Identifier: MIT */
/*
 * The features of the boot CPU, and what became of them.
 */
#include "cpu_feature.h"

#include "x86.h"

#define CPUID_EXTENDED 0x80000000u

struct cpu_features boot_cpu_features;

/* The words that are registers of CPUID. */
static const struct source {
	u8 word;
	u32 leaf;
	u8 reg; /* 0 .. 3: EAX, EBX, ECX, EDX */
} sources[] = {
	{ 0, 1, 3 }, { 1, CPUID_EXTENDED + 1, 3 }, { 4, 1, 2 }, { 9, 7, 1 }, { 18, 7, 3 },
};

/* An unknown leaf answers with another one's contents, so the highest is asked for first. */
static bool has_leaf(u32 leaf)
{
	u32 highest = cpuid(leaf & CPUID_EXTENDED, 0).eax;

	return leaf <= highest && (highest & CPUID_EXTENDED) == (leaf & CPUID_EXTENDED);
}

static u32 read_source(const struct source *source)
{
	struct cpuid_regs r = { 0 };

	if (has_leaf(source->leaf))
		r = cpuid(source->leaf, 0);
	return (u32[]){ r.eax, r.ebx, r.ecx, r.edx }[source->reg];
}

void cpu_features_init(void)
{
	boot_cpu_features = (struct cpu_features){ 0 };
	for (u32 i = 0; i < ARRAY_SIZE(sources); i++)
		boot_cpu_features.word[sources[i].word] = read_source(&sources[i]);
	cpu_feature_set(X86_FEATURE_ALWAYS);
}

bool cpu_feature_test(u32 feature)
{
	return cpu_feature_has(&boot_cpu_features, feature);
}

void cpu_feature_set(u32 feature)
{
	if (feature < NR_CPU_FEATURES)
		boot_cpu_features.word[feature / 32] |= 1u << feature % 32;
}

void cpu_feature_clear(u32 feature)
{
	if (feature < NR_CPU_FEATURES)
		boot_cpu_features.word[feature / 32] &= ~(1u << feature % 32);
}
