/* SPDX-License-Identifier: MIT */
/*
 * CPU features by number: word * 32 + bit, the words being Linux's, so that a number means the same
 * in a table of alternatives here and there. Plain numbers without casts, because assembler code
 * and the strings of inline assembler use them too.
 *
 * Words 0, 1, 4, 9 and 18 are registers of CPUID, bit for bit (Intel SDM vol. 2, CPUID; AMD APM
 * vol. 3, appendix E); word 3 is what software decides. No bit of another word is ever set.
 */
#ifndef SMPOKE_CPU_FEATURE_H
#define SMPOKE_CPU_FEATURE_H

#define X86_FEATURE_RDTSCP (1 * 32 + 27)
#define X86_FEATURE_UP (3 * 32 + 9) /* one CPU runs, and text is in UP form */
#define X86_FEATURE_ALWAYS (3 * 32 + 21) /* on every CPU */
#define X86_FEATURE_MWAIT (4 * 32 + 3) /* MONITOR and MWAIT; ring 0 only */
#define X86_FEATURE_ERMS (9 * 32 + 9) /* fast REP MOVSB and STOSB */
#define X86_FEATURE_FSRM (18 * 32 + 4) /* and also when it is short */
#define X86_FEATURE_SERIALIZE (18 * 32 + 14)

#define NR_CPU_FEATURE_WORDS 19
#define NR_CPU_FEATURES (NR_CPU_FEATURE_WORDS * 32)

#ifndef __ASSEMBLER__

#include "types.h"

struct cpu_features {
	u32 word[NR_CPU_FEATURE_WORDS];
};

/*
 * What the boot CPU has, as cpu_features_init() found it and as it was changed since; the bitmap in
 * Linux's boot_cpu_data. Others are taken to have the same, as Linux takes it.
 * The boot CPU writes it, and not while another one reads it.
 */
extern struct cpu_features boot_cpu_features;

/**
 * cpu_features_init() - fill boot_cpu_features from CPUID; ALWAYS is set, UP is not
 *
 * Context: boot CPU, before alternatives are applied. Cost: up to 10 CPUIDs, each an exit to the
 * hypervisor where there is one.
 */
void cpu_features_init(void);

/* cpu_feature_has() - does @features have it? False for a number out of range. Any context. */
static inline bool cpu_feature_has(const struct cpu_features *features, u32 feature)
{
	return feature < NR_CPU_FEATURES && features->word[feature / 32] >> feature % 32 & 1;
}

/**
 * cpu_feature_test() - boot_cpu_has() in Linux
 * cpu_feature_set(), cpu_feature_clear() - set_cpu_cap() and clear_cpu_cap()
 *
 * A cleared feature is one that alternatives do without, whatever the CPU has. What has been
 * applied already stays. A number out of range is never set, and changes nothing.
 * Context: cpu_feature_test() any; the others boot CPU.
 */
bool cpu_feature_test(u32 feature);
void cpu_feature_set(u32 feature);
void cpu_feature_clear(u32 feature);

#endif
#endif
