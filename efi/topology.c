/* SPDX-License-Identifier: MIT */
#include "topology.h"

#include "mem.h"

/* Intel SDM vol. 2, CPUID, leaves 01H, 07H, 0BH, 1AH and 1FH. */
#define FEATURES_EDX_HYBRID (1u << 15)
#define VERSION_EBX_APIC_ID_SHIFT 24
#define LEVEL_TYPE_SMT 1
#define LEVEL_TYPE_SHIFT 8
#define HYBRID_TYPE_SHIFT 24
#define HYBRID_E_CORE 0x20
#define HYBRID_P_CORE 0x40

static u32 level_type(const struct cpuid_regs *level)
{
	return level->ecx >> LEVEL_TYPE_SHIFT & 0xFF;
}

/* How far to shift the id for what is above this level. */
static u32 level_shift(const struct cpuid_regs *level)
{
	return level->eax & 31;
}

static enum core_type core_type(const struct topology_leaves *leaves)
{
	if (!(leaves->features.edx & FEATURES_EDX_HYBRID))
		return CORE_PLAIN;
	switch (leaves->hybrid.eax >> HYBRID_TYPE_SHIFT) {
	case HYBRID_P_CORE:
		return CORE_PERFORMANCE;
	case HYBRID_E_CORE:
		return CORE_EFFICIENT;
	default:
		return CORE_UNKNOWN;
	}
}

void topology_decode(struct topology *ret, const struct topology_leaves *leaves)
{
	const struct cpuid_regs *smt = &leaves->levels[0], *above = &leaves->levels[1];
	u32 smt_shift = level_shift(smt), core_shift = level_shift(above);

	*ret = (struct topology){
		.signature = leaves->version.eax,
		.apic_id = leaves->version.ebx >> VERSION_EBX_APIC_ID_SHIFT,
		.type = core_type(leaves),
	};
	/* A CPU without the leaves: one thread in one core in each package, as far as we know. */
	if (level_type(smt) != LEVEL_TYPE_SMT) {
		ret->package = ret->apic_id;
		return;
	}
	ret->apic_id = smt->edx;
	if (core_shift < smt_shift)
		core_shift = smt_shift;
	ret->thread = ret->apic_id & ((1u << smt_shift) - 1);
	ret->core = (ret->apic_id & ((1u << core_shift) - 1)) >> smt_shift;
	ret->package = ret->apic_id >> core_shift;
}

/* Beyond the highest leaf real CPUs answer with another one's registers. */
static struct cpuid_regs leaf_or_zeros(u32 highest, u32 leaf, u32 subleaf)
{
	return leaf <= highest ? cpuid(leaf, subleaf) : (struct cpuid_regs){ 0 };
}

void topology_look(struct topology *ret)
{
	struct topology_leaves leaves = { .basic = cpuid(0, 0), .version = cpuid(1, 0) };
	u32 highest = leaves.basic.eax, leaf = 0x1F, level;

	leaves.features = leaf_or_zeros(highest, 7, 0);
	leaves.hybrid = leaf_or_zeros(highest, 0x1A, 0);
	/* 1F has more levels than 0B, and where it is empty 0B counts. */
	leaves.levels[0] = leaf_or_zeros(highest, leaf, 0);
	if (level_type(&leaves.levels[0]) != LEVEL_TYPE_SMT)
		leaf = 0x0B;
	leaves.levels[0] = leaf_or_zeros(highest, leaf, 0);
	/* The last level that there is has everything of a package below it. */
	for (level = 1; level < 8; level++) {
		struct cpuid_regs next = leaf_or_zeros(highest, leaf, level);

		if (!level_type(&next))
			break;
		leaves.levels[1] = next;
	}
	topology_decode(ret, &leaves);
}

const char *core_type_name(enum core_type type)
{
	static const char *const names[] = {
		[CORE_PLAIN] = "core",
		[CORE_PERFORMANCE] = "P",
		[CORE_EFFICIENT] = "E",
		[CORE_UNKNOWN] = "unknown",
	};

	return names[type];
}
